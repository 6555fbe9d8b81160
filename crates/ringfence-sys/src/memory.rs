//! What another process has in its memory: process_vm_readv(2). Reading changes nothing there.

use linux_raw_sys::general as nr;

use crate::raw::{Errno, syscall};

#[repr(C)]
struct Span {
    base: usize,
    len: usize,
}

/// Reads what there is at `address` of a thread's memory. Where `room` crosses into pages that cannot
/// be read, what lies before the first page boundary is read; `room` should not be larger than a page.
///
/// # Errors
/// `EFAULT` where nothing can be read there, `EPERM` without the rights of ptrace(2) over it,
/// `ESRCH` where there is no such thread.
pub fn read(thread: u32, address: u64, room: &mut [u8]) -> Result<usize, Errno> {
    const PAGE: u64 = 4096;
    // The kernel stops at the first span that fails: one span to the page's end, one for the rest.
    let first = (PAGE - address % PAGE).min(room.len() as u64) as usize;
    let ours = Span { base: room.as_mut_ptr() as usize, len: room.len() };
    let rest = (address as usize).wrapping_add(first);
    let theirs = [Span { base: address as usize, len: first }, Span { base: rest, len: room.len() - first }];
    // SAFETY: the kernel writes at most `room.len()` bytes to `room`; the other addresses are of
    // another process, and only read.
    unsafe {
        syscall!(nr::__NR_process_vm_readv, thread, &raw const ours, 1, theirs.as_ptr(), theirs.len(), 0)
    }
}
