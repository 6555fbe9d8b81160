//! landlock(7): landlock_create_ruleset(2), landlock_add_rule(2), landlock_restrict_self(2).

use core::ffi::CStr;

use linux_raw_sys::general as nr;

use crate::abi::LandlockRuleset;
use crate::mount;
use crate::raw::{Errno, close, syscall};

const AT_FDCWD: i32 = -100;
const RULE_PATH_BENEATH: usize = 1;
const RULE_NET_PORT: usize = 2;

/// `struct landlock_path_beneath_attr`: the kernel packs it.
#[repr(C, packed)]
struct PathBeneath {
    access: u64,
    parent: i32,
}

#[repr(C)]
struct NetPort {
    access: u64,
    port: u64,
}

/// A ruleset that handles `attr`, of which the kernel knows `size` bytes.
pub(crate) fn create(attr: &LandlockRuleset, size: usize) -> Result<i32, Errno> {
    let size = size.min(size_of::<LandlockRuleset>());
    // SAFETY: `attr` lives across the call and is at least `size` bytes long.
    unsafe { syscall!(nr::__NR_landlock_create_ruleset, core::ptr::from_ref(attr), size, 0) }
        .map(|fd| fd as i32)
}

/// A rule for what lies at and below `path`, which is reached without any symbolic link.
pub(crate) fn add_path(ruleset: i32, path: &CStr, access: u64) -> Result<(), Errno> {
    let place = mount::open_path(AT_FDCWD, path)?;
    let rule = PathBeneath { access, parent: place };
    // SAFETY: `rule` lives across the call and has the kernel's layout.
    let answer =
        unsafe { syscall!(nr::__NR_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &raw const rule, 0) };
    close(place);
    answer.map(|_| ())
}

/// A rule for one port.
pub(crate) fn add_port(ruleset: i32, port: u64, access: u64) -> Result<(), Errno> {
    let rule = NetPort { access, port };
    // SAFETY: `rule` lives across the call and has the kernel's layout.
    unsafe { syscall!(nr::__NR_landlock_add_rule, ruleset, RULE_NET_PORT, &raw const rule, 0) }?;
    Ok(())
}

/// Tries to move a mount from nowhere, which a domain that handles any file right denies first
/// (`hook_sb_mount` of security/landlock/fs.c, asked before `may_mount` and before the move's own checks).
pub(crate) fn be_denied() -> Result<(), Errno> {
    const MS_MOVE: usize = 0x2000;
    // SAFETY: a static string; no source, type or data is given.
    let answer = unsafe { syscall!(nr::__NR_mount, 0, c"/".as_ptr(), 0, MS_MOVE, 0) };
    match answer {
        // Another LSM may deny it earlier.
        Err(Errno::PERM | Errno::ACCES) => Ok(()),
        Err(errno) => Err(errno),
        Ok(_) => Err(Errno::INVAL),
    }
}

/// The calling thread is restricted from now on.
pub(crate) fn restrict(ruleset: i32, flags: u32) -> Result<(), Errno> {
    // SAFETY: no memory arguments.
    unsafe { syscall!(nr::__NR_landlock_restrict_self, ruleset, flags) }?;
    Ok(())
}
