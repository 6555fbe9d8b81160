//! The page that a child writes and its maker reads: a memfd_create(2) mapped by both, below 4 GiB so
//! that 32-bit calls can use addresses in it, and so that a program after execve(2) can map it again.

use core::ptr::{read_volatile, write_volatile};

use linux_raw_sys::general as nr;
use rustix::fd::{AsRawFd, FromRawFd, OwnedFd};

use crate::raw::{Errno, syscall};
use crate::run::Failure;

/// How many answers there is room for.
pub(super) const ANSWERS: usize = 4096;
/// Bytes for results.
pub(super) const SCRATCH: usize = 8192;
/// Bytes for copies of arguments.
pub(super) const COPIES: usize = 40 * 1024;
/// In place of the answer of a deed that did not come back: no call gives it.
const NONE: u64 = 1 << 63;

const TIMEDOUT: Errno = Errno(110);
const HEADER: usize = 256;
const ANSWERS_AT: usize = HEADER;
pub(super) const SCRATCH_AT: usize = ANSWERS_AT + ANSWERS * 8;
const COPIES_AT: usize = SCRATCH_AT + SCRATCH;
/// Rows of a program's deeds.
pub(super) const ROWS_AT: usize = COPIES_AT + COPIES;
pub(super) const ROW: usize = size_of::<Row>();
pub(super) const LEN: usize = (ROWS_AT + super::MAX_DEEDS * ROW).next_multiple_of(4096);

/// What the child knows about its own progress. Every field is one word, written alone.
#[repr(C)]
struct Header {
    begun: u64,
    done: u64,
    signal: u64,
    code: u64,
    address: u64,
    call: u64,
    arch: u64,
    data: u64,
    failed: u64,
    step: u64,
    errno: u64,
    held: u64,
    released: u64,
    executed: u64,
    refused: u64,
    first: u64,
    end: u64,
}

/// Offsets that the program of an [`super::Image`] knows.
pub(super) mod at {
    use super::Header;
    pub(crate) const BEGUN: usize = core::mem::offset_of!(Header, begun);
    pub(crate) const DONE: usize = core::mem::offset_of!(Header, done);
    pub(crate) const EXECUTED: usize = core::mem::offset_of!(Header, executed);
    pub(crate) const FIRST: usize = core::mem::offset_of!(Header, first);
    pub(crate) const END: usize = core::mem::offset_of!(Header, end);
    pub(crate) const ANSWERS: usize = super::ANSWERS_AT;
    pub(crate) const ROWS: usize = super::ROWS_AT;
}

/// A deed as the program of an [`super::Image`] reads it.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct Row {
    pub(super) number: u64,
    pub(super) times: u64,
    pub(super) splits: u64,
    /// Which earlier answer each argument is, plus 1; 0: none.
    pub(super) answers: [u8; 8],
    pub(super) args: [u64; 6],
}

/// The memory that a child and its maker share.
#[derive(Debug)]
pub struct Page {
    base: *mut u8,
    descriptor: OwnedFd,
}

// SAFETY: the mapping belongs to the value; nothing else in this process has its address.
unsafe impl Send for Page {}

/// A signal that the child's handler saw, sigaction(2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signal {
    /// Its number.
    pub number: i32,
    /// `si_code`: `SYS_SECCOMP` (1) with SIGSYS, `SI_KERNEL` (0x80) with a general protection fault.
    pub code: i32,
    /// `si_addr`, or `si_call_addr` with SIGSYS.
    pub address: u64,
    /// `si_syscall`; 0 without SIGSYS.
    pub call: i32,
    /// `si_arch`; 0 without SIGSYS.
    pub arch: u32,
    /// `si_errno`: the data of `SECCOMP_RET_TRAP`.
    pub data: i32,
}

/// What a child wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// How many deeds or probes were begun.
    pub begun: usize,
    /// How many of them came back.
    pub done: usize,
    /// What ended the attempt, where a handler could see it.
    pub signal: Option<Signal>,
    /// The step of the plan that failed before the attempt.
    pub failed: Option<Failure>,
    /// A program has begun: what came after was done by it.
    pub executed: bool,
    /// Why execve(2) failed.
    pub refused: Option<Errno>,
}

impl Page {
    /// Maps a new one.
    ///
    /// # Errors
    /// `ENOMEM`.
    pub fn new() -> Result<Self, Errno> {
        let (read_write, shared_32bit) = (3, 0x1 | 0x40);
        let close_on_exec = 1;
        // SAFETY: the name is a string of its own; the new descriptor is ours.
        let descriptor = unsafe {
            syscall!(nr::__NR_memfd_create, c"ringfence-page".as_ptr(), close_on_exec)
                .map(|fd| OwnedFd::from_raw_fd(fd as i32))
        }?;
        let number = descriptor.as_raw_fd();
        // SAFETY: only the size of our own file changes; a new mapping touches nothing that exists.
        let base = unsafe {
            syscall!(nr::__NR_ftruncate, number, LEN)?;
            syscall!(nr::__NR_mmap, 0, LEN, read_write, shared_32bit, number, 0)
        }?;
        Ok(Self { base: core::ptr::with_exposed_provenance_mut(base), descriptor })
    }

    /// As new, with deeds for the program of an image that somebody else executes; `false` where they
    /// are none for a program.
    pub fn load(&mut self, deeds: &[super::Deed<'_>]) -> bool {
        self.clear();
        super::carry::load(self.view(), deeds, 0)
    }

    /// The number of the descriptor of its memory.
    pub(super) fn descriptor(&self) -> i32 {
        self.descriptor.as_raw_fd()
    }

    /// As new.
    pub fn clear(&mut self) {
        for at in (0..LEN).step_by(8) {
            self.write(at, 0);
        }
        for number in 0..super::MAX_DEEDS {
            self.write(ANSWERS_AT + number * 8, NONE);
        }
    }

    /// Whether the child waits at [`super::Deed::Hold`].
    pub(super) fn held(&self) -> bool {
        self.read(core::mem::offset_of!(Header, held)) != 0
    }

    /// What the child wrote. Meaningful when it has ended.
    #[must_use]
    pub fn record(&self) -> Record {
        let field = |at| self.read(at);
        let signal = field(core::mem::offset_of!(Header, signal));
        let failed = field(core::mem::offset_of!(Header, failed));
        let refused = field(core::mem::offset_of!(Header, refused));
        Record {
            executed: field(core::mem::offset_of!(Header, executed)) != 0,
            refused: (refused != 0).then_some(Errno(refused as u16)),
            begun: field(core::mem::offset_of!(Header, begun)) as usize,
            done: field(core::mem::offset_of!(Header, done)) as usize,
            signal: (signal != 0).then(|| Signal {
                number: signal as i32,
                code: field(core::mem::offset_of!(Header, code)) as i32,
                address: field(core::mem::offset_of!(Header, address)),
                call: field(core::mem::offset_of!(Header, call)) as i32,
                arch: field(core::mem::offset_of!(Header, arch)) as u32,
                data: field(core::mem::offset_of!(Header, data)) as i32,
            }),
            failed: (failed != 0).then(|| Failure {
                step: field(core::mem::offset_of!(Header, step)) as usize,
                errno: Errno(field(core::mem::offset_of!(Header, errno)) as u16),
            }),
        }
    }

    /// The raw answer of a deed or probe: `-4095..0` is a negative errno. `None` where a deed has
    /// not come back.
    #[must_use]
    pub fn answer(&self, index: usize) -> Option<i64> {
        let answer = (index < ANSWERS).then(|| self.read(ANSWERS_AT + index * 8))?;
        (answer != NONE).then_some(answer as i64)
    }

    /// Copies the beginning of the scratch area.
    pub fn scratch(&self, into: &mut [u8]) {
        for (at, byte) in into.iter_mut().take(SCRATCH).enumerate() {
            // SAFETY: inside the mapping; the child may still write, and any byte is a valid one.
            *byte = unsafe { read_volatile(self.base.add(SCRATCH_AT + at)) };
        }
    }

    pub(super) fn view(&self) -> View {
        View { base: self.base, descriptor: self.descriptor.as_raw_fd() }
    }

    fn read(&self, at: usize) -> u64 {
        self.view().read(at)
    }

    fn write(&self, at: usize, value: u64) {
        self.view().write(at, value);
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no view of it is in use by this process.
        let _ = unsafe { syscall!(nr::__NR_munmap, self.base, LEN) };
    }
}

/// The child's side.
#[derive(Clone, Copy)]
pub(super) struct View {
    base: *mut u8,
    /// Of the page's memory.
    pub(super) descriptor: i32,
}

impl View {
    pub(super) fn begin(self, number: usize) {
        self.write(core::mem::offset_of!(Header, begun), number as u64 + 1);
    }

    pub(super) fn end(self, number: usize, answer: i64) {
        if number < ANSWERS {
            self.write(ANSWERS_AT + number * 8, answer as u64);
        }
        self.write(core::mem::offset_of!(Header, done), number as u64 + 1);
    }

    pub(super) fn answer(self, number: usize) -> u64 {
        let answer = if number < ANSWERS { self.read(ANSWERS_AT + number * 8) } else { NONE };
        if answer == NONE { 0 } else { answer }
    }

    pub(super) fn signal(self, signal: &Signal) {
        self.write(core::mem::offset_of!(Header, code), signal.code as u64);
        self.write(core::mem::offset_of!(Header, address), signal.address);
        self.write(core::mem::offset_of!(Header, call), signal.call as u64);
        self.write(core::mem::offset_of!(Header, arch), u64::from(signal.arch));
        self.write(core::mem::offset_of!(Header, data), signal.data as u64);
        self.write(core::mem::offset_of!(Header, signal), signal.number as u64);
    }

    pub(super) fn failed(self, failure: Failure) {
        self.write(core::mem::offset_of!(Header, step), failure.step as u64);
        self.write(core::mem::offset_of!(Header, errno), u64::from(failure.errno.0));
        self.write(core::mem::offset_of!(Header, failed), 1);
    }

    /// Says that it waits, and waits until it is released. `over`: asked every 50 ms whether that is
    /// in vain.
    pub(super) fn hold(self, mut over: impl FnMut() -> bool) {
        let released = core::mem::offset_of!(Header, released);
        self.write(core::mem::offset_of!(Header, held), 1);
        let fifty_milliseconds = [0i64, 50_000_000];
        while self.read(released) == 0 && !over() {
            // SAFETY: futex (FUTEX_WAIT) reads a word of the page and one `struct timespec`.
            let waited = unsafe {
                let word = self.base.add(released);
                syscall!(nr::__NR_futex, word, 0, 0, fifty_milliseconds.as_ptr(), 0, 0)
            };
            if !matches!(waited, Ok(_) | Err(Errno::AGAIN | Errno::INTR | TIMEDOUT)) {
                // A filter denies it: nothing else can wait then.
                core::hint::spin_loop();
            }
        }
    }

    /// Lets whoever holds go on.
    pub(super) fn release(self) {
        let released = core::mem::offset_of!(Header, released);
        self.write(released, 1);
        // SAFETY: futex (FUTEX_WAKE) uses the address alone.
        let _ = unsafe { syscall!(nr::__NR_futex, self.base.add(released), 1, 1, 0, 0, 0) };
    }

    pub(super) fn refused(self, errno: Errno) {
        self.write(core::mem::offset_of!(Header, refused), u64::from(errno.0));
    }

    /// What a program is to do: the deeds from `first` to `end`.
    pub(super) fn program(self, first: usize, end: usize) {
        self.write(at::FIRST, first as u64);
        self.write(at::END, end as u64);
    }

    pub(super) fn row(self, number: usize, row: &Row) {
        if number < super::MAX_DEEDS {
            // SAFETY: inside the mapping, aligned to 8.
            unsafe { self.base.add(ROWS_AT + number * ROW).cast::<Row>().write_volatile(*row) };
        }
    }

    pub(super) fn address(self) -> u64 {
        self.base as u64
    }

    /// Address of a byte of the scratch area.
    pub(super) fn scratch(self, at: usize) -> u64 {
        (self.base as usize + SCRATCH_AT + at.min(SCRATCH - 1)) as u64
    }

    /// The 32-bit number at a byte of the scratch area.
    pub(super) fn loaded(self, at: usize) -> u64 {
        let at = SCRATCH_AT + at.min(SCRATCH - 4);
        // SAFETY: inside the mapping; any bytes are a number.
        u64::from(unsafe { self.base.add(at).cast::<u32>().read_unaligned() })
    }

    /// Copies bytes to `*used` in the area for copies; `None` where it is full.
    pub(super) fn copy(self, used: &mut usize, bytes: &[u8]) -> Option<u64> {
        let start = used.next_multiple_of(8);
        if start + bytes.len() > COPIES {
            return None;
        }
        for (at, byte) in bytes.iter().enumerate() {
            // SAFETY: inside the area, as the check above shows.
            unsafe { write_volatile(self.base.add(COPIES_AT + start + at), *byte) };
        }
        *used = start + bytes.len();
        Some((self.base as usize + COPIES_AT + start) as u64)
    }

    fn read(self, at: usize) -> u64 {
        // SAFETY: every offset used is a multiple of 8 inside the mapping.
        unsafe { read_volatile(self.base.add(at).cast::<u64>()) }
    }

    fn write(self, at: usize, value: u64) {
        // SAFETY: every offset used is a multiple of 8 inside the mapping.
        unsafe { write_volatile(self.base.add(at).cast::<u64>(), value) };
    }
}
