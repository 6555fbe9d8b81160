//! capabilities(7): capset(2), securebits, the bounding and ambient sets.

use linux_raw_sys::general as nr;
use linux_raw_sys::prctl;

use crate::raw::{Errno, syscall};

const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Data {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// capset(2) for the calling thread.
pub(crate) fn set(effective: u64, permitted: u64, inheritable: u64) -> Result<(), Errno> {
    let header = Header { version: VERSION_3, pid: 0 };
    let half = |shift: u32| Data {
        effective: (effective >> shift) as u32,
        permitted: (permitted >> shift) as u32,
        inheritable: (inheritable >> shift) as u32,
    };
    let data = [half(0), half(32)];
    // SAFETY: header and both data structures live across the call and have the kernel's layout.
    unsafe { syscall!(nr::__NR_capset, &raw const header, &raw const data) }?;
    Ok(())
}

/// Whether the calling thread is permitted any capability, capget(2).
pub(crate) fn any() -> bool {
    let header = Header { version: VERSION_3, pid: 0 };
    let mut data = [Data { effective: 0, permitted: 0, inheritable: 0 }; 2];
    // SAFETY: the kernel reads the header and writes both data structures.
    let read = unsafe { syscall!(nr::__NR_capget, &raw const header, data.as_mut_ptr()) };
    read.is_err() || data.iter().any(|half| half.permitted != 0)
}

/// prctl(2) with up to three arguments, none of them a pointer.
pub(crate) fn control(option: u32, a: usize, b: usize) -> Result<usize, Errno> {
    // SAFETY: the options used here take numbers only.
    unsafe { syscall!(nr::__NR_prctl, option, a, b, 0, 0) }
}

/// `PR_CAPBSET_DROP` for every capability up to `last` outside `keep`.
pub(crate) fn drop_bounding(keep: u64, last: u32) -> Result<(), Errno> {
    for capability in (0..=last.min(63)).filter(|&c| keep & (1 << c) == 0) {
        control(prctl::PR_CAPBSET_DROP, capability as usize, 0)?;
    }
    Ok(())
}

/// `PR_CAP_AMBIENT`: clear all, then raise each of `raise`.
pub(crate) fn ambient(raise: u64) -> Result<(), Errno> {
    control(prctl::PR_CAP_AMBIENT, prctl::PR_CAP_AMBIENT_CLEAR_ALL as usize, 0)?;
    for capability in (0..64u32).filter(|&c| raise & (1 << c) != 0) {
        control(prctl::PR_CAP_AMBIENT, prctl::PR_CAP_AMBIENT_RAISE as usize, capability as usize)?;
    }
    Ok(())
}
