//! Memory that an idle supervisor does not need: its own code, which the page cache still has.

use linux_raw_sys::general as nr;

use crate::raw::{Errno, syscall};

const PT_LOAD: u32 = 1;
const PF_W: u32 = 2;
const PAGE: usize = 4096;
const MADV_DONTNEED: usize = 4;

/// `Elf64_Ehdr` of elf(5).
#[repr(C)]
struct Header {
    ident: [u8; 16],
    kind: u16,
    machine: u16,
    version: u32,
    entry: u64,
    phoff: u64,
    shoff: u64,
    flags: u32,
    ehsize: u16,
    phentsize: u16,
    phnum: u16,
    rest: [u16; 3],
}

/// `Elf64_Phdr` of elf(5).
#[repr(C)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: u64,
    vaddr: u64,
    paddr: u64,
    filesz: u64,
    memsz: u64,
    align: u64,
}

unsafe extern "C" {
    /// The program's own ELF header, where the linker mapped it.
    static __ehdr_start: Header;
}

/// Read-only segments that are let go of; the programs that the linker makes have two at most.
const MOST: usize = 4;
/// At least as much as [`let_go_and_take`] is long, in bytes. Were the function longer, its end would
/// come back from the file like all other code.
const LENGTH: usize = 512;

/// Whole pages: the first address, and the length in bytes.
#[derive(Clone, Copy, Default)]
struct Span {
    start: usize,
    len: usize,
}

/// Lets go of the resident pages of the program's read-only segments, madvise(2) `MADV_DONTNEED`.
/// They come back from the file when they are next executed or read; nothing else changes.
pub fn code() {
    for span in segments() {
        let_go(span);
    }
}

/// As [`code`], but for the page of the wait itself; then waits for a signal as rt_sigtimedwait(2)
/// does. Otherwise the last instruction before the wait would bring its surroundings back, of
/// which the kernel maps 64 KiB at once (`fault_around_bytes`).
pub(crate) fn take(set: &u64, time: *const u64) -> Result<usize, Errno> {
    let first = let_go_and_take as *const () as usize & !(PAGE - 1);
    let end = (let_go_and_take as *const () as usize + LENGTH).next_multiple_of(PAGE);
    let mut spans = [Span::default(); 2 * MOST];
    for (pair, span) in spans.chunks_exact_mut(2).zip(segments()) {
        let until = span.start + span.len;
        pair[0] = Span { start: span.start, len: until.min(first).saturating_sub(span.start) };
        let start = span.start.max(end);
        pair[1] = Span { start, len: until.saturating_sub(start) };
    }
    let_go_and_take(&spans, set, time)
}

/// Touches nothing but its own code and the stack, so that what is let go of stays away.
#[inline(never)]
fn let_go_and_take(spans: &[Span; 2 * MOST], set: &u64, time: *const u64) -> Result<usize, Errno> {
    for span in spans {
        if span.len > 0 {
            let_go(*span);
        }
    }
    // SAFETY: rt_sigtimedwait reads one 64-bit set and one `struct timespec`; no info.
    unsafe { syscall!(nr::__NR_rt_sigtimedwait, core::ptr::from_ref(set), 0, time, 8) }
}

#[inline(always)]
fn let_go(span: Span) {
    // SAFETY: pages of a read-only, private mapping of a file (`segments`): dropping them loses nothing.
    let _ = unsafe { syscall!(nr::__NR_madvise, span.start, span.len, MADV_DONTNEED) };
}

/// The program's read-only segments.
fn segments() -> impl Iterator<Item = Span> {
    // SAFETY: the linker defines the symbol in every ELF program, and the header is mapped with it.
    let (base, segments) = unsafe {
        let header = &raw const __ehdr_start;
        let table = header.byte_add((*header).phoff as usize).cast::<Segment>();
        (header as usize, core::slice::from_raw_parts(table, usize::from((*header).phnum)))
    };
    // A position-independent program is loaded at `base`; others say their addresses themselves.
    let first = segments.iter().filter(|s| s.kind == PT_LOAD).map(|s| s.vaddr as usize).min();
    let bias = base.wrapping_sub(first.unwrap_or(base) & !(PAGE - 1));
    segments.iter().filter(|s| s.kind == PT_LOAD && s.flags & PF_W == 0).map(move |segment| {
        let start = bias.wrapping_add(segment.vaddr as usize) & !(PAGE - 1);
        let len = (segment.memsz as usize + (segment.vaddr as usize & (PAGE - 1))).next_multiple_of(PAGE);
        Span { start, len }
    })
}
