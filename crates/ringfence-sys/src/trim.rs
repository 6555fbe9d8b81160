//! Memory that an idle supervisor does not need: its own code, which the page cache still has.

use linux_raw_sys::general as nr;

use crate::raw::syscall;

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

/// Lets go of the resident pages of the program's read-only segments, madvise(2) `MADV_DONTNEED`.
/// They come back from the file when they are next executed or read; nothing else changes.
pub fn code() {
    // SAFETY: the linker defines the symbol in every ELF program, and the header is mapped with it.
    let (base, segments) = unsafe {
        let header = &raw const __ehdr_start;
        let table = header.byte_add((*header).phoff as usize).cast::<Segment>();
        (header as usize, core::slice::from_raw_parts(table, usize::from((*header).phnum)))
    };
    // A position-independent program is loaded at `base`; others say their addresses themselves.
    let first = segments.iter().filter(|s| s.kind == PT_LOAD).map(|s| s.vaddr as usize).min();
    let bias = base.wrapping_sub(first.unwrap_or(base) & !(PAGE - 1));
    for segment in segments.iter().filter(|s| s.kind == PT_LOAD && s.flags & PF_W == 0) {
        let start = bias.wrapping_add(segment.vaddr as usize) & !(PAGE - 1);
        let len = (segment.memsz as usize + (segment.vaddr as usize & (PAGE - 1))).next_multiple_of(PAGE);
        // SAFETY: the segment is a read-only, private mapping of a file: dropping its pages loses nothing.
        let _ = unsafe { syscall!(nr::__NR_madvise, start, len, MADV_DONTNEED) };
    }
}
