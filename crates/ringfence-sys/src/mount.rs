//! The mount API of descriptors: open_tree(2), move_mount(2), mount_setattr(2), fsopen(2); and
//! mount(2), pivot_root(2) where one call does.

use core::ffi::CStr;

use linux_raw_sys::general as nr;

use crate::abi::MountAttr;
use crate::raw::{Errno, close, syscall};

const AT_FDCWD: isize = -100;
const AT_EMPTY_PATH: usize = 0x1000;
const AT_RECURSIVE: usize = 0x8000;
const AT_SYMLINK_NOFOLLOW: usize = 0x100;
const OPEN_TREE_CLONE: usize = 1;
const OPEN_TREE_CLOEXEC: usize = 0o2000000;
const O_PATH_CLOEXEC: u64 = 0o10000000 | 0o2000000;
const MOVE_MOUNT_F_EMPTY_PATH: usize = 4;
const MOVE_MOUNT_T_EMPTY_PATH: usize = 0x40;
const FSCONFIG_SET_FLAG: usize = 0;
const FSCONFIG_SET_STRING: usize = 1;
const FSCONFIG_CMD_CREATE: usize = 6;
const MNT_DETACH: usize = 2;
const EMPTY: &CStr = c"";

/// Resolution without any symbolic or magic link, openat2(2).
const RESOLVE_NO_LINKS: u64 = 0x04 | 0x02;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

/// openat2(2) with `O_PATH`, refusing every symbolic link on the way (`ELOOP`).
pub(crate) fn open_path(dirfd: i32, path: &CStr) -> Result<i32, Errno> {
    let how = OpenHow { flags: O_PATH_CLOEXEC, mode: 0, resolve: RESOLVE_NO_LINKS };
    // SAFETY: `how` and `path` live across the call; openat2 reads 24 bytes of `how`.
    unsafe {
        syscall!(nr::__NR_openat2, dirfd as isize, path.as_ptr(), &raw const how, 24).map(|fd| fd as i32)
    }
}

/// fstatfs(2) of what is at `path`, whatever it says.
pub(crate) fn show(path: &CStr) -> Result<(), Errno> {
    let place = open_path(AT_FDCWD as i32, path)?;
    let mut room = [0_u64; 32];
    // SAFETY: `struct statfs` of x86-64 has 120 bytes, and `room` 256.
    let shown = unsafe { syscall!(nr::__NR_fstatfs, place, room.as_mut_ptr()) };
    close(place);
    shown.map(|_| ())
}

/// A detached, recursive copy of what is at `path`, by a descriptor that no link could redirect.
pub(crate) fn clone_tree(path: &CStr) -> Result<i32, Errno> {
    let place = open_path(AT_FDCWD as i32, path)?;
    // SAFETY: `place` is open, the empty path is static.
    let tree = unsafe {
        syscall!(
            nr::__NR_open_tree,
            place,
            EMPTY.as_ptr(),
            AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
        )
    };
    close(place);
    tree.map(|fd| fd as i32)
}

/// mount_setattr(2).
pub(crate) fn setattr(dirfd: i32, path: &CStr, recursive: bool, attr: &MountAttr) -> Result<(), Errno> {
    let flags = AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | if recursive { AT_RECURSIVE } else { 0 };
    // SAFETY: `attr` is the kernel's 32-byte structure and lives across the call.
    unsafe {
        syscall!(
            nr::__NR_mount_setattr,
            dirfd as isize,
            path.as_ptr(),
            flags,
            core::ptr::from_ref(attr),
            size_of::<MountAttr>()
        )?;
    }
    Ok(())
}

/// move_mount(2) of the detached `tree` to `path` below `dirfd` (an empty path: onto `dirfd`).
pub(crate) fn attach(tree: i32, dirfd: i32, path: &CStr) -> Result<(), Errno> {
    let to = if path.is_empty() { MOVE_MOUNT_T_EMPTY_PATH } else { 0 };
    // SAFETY: both paths live across the call.
    unsafe {
        syscall!(
            nr::__NR_move_mount,
            tree,
            EMPTY.as_ptr(),
            dirfd as isize,
            path.as_ptr(),
            MOVE_MOUNT_F_EMPTY_PATH | to
        )?;
    }
    Ok(())
}

/// fsopen(2), fsconfig(2), fsmount(2).
pub(crate) fn new_filesystem(fstype: &CStr, options: &[(&CStr, &CStr)], attr: u64) -> Result<i32, Errno> {
    // SAFETY: the name lives across the call.
    let context = unsafe { syscall!(nr::__NR_fsopen, fstype.as_ptr(), 1) }? as i32;
    let mount = configure(context, options).and_then(|()| {
        // SAFETY: no memory arguments.
        unsafe { syscall!(nr::__NR_fsmount, context, 1, attr) }
    });
    close(context);
    mount.map(|fd| fd as i32)
}

fn configure(context: i32, options: &[(&CStr, &CStr)]) -> Result<(), Errno> {
    for (key, value) in options {
        let null = core::ptr::null();
        let (command, value) =
            if value.is_empty() { (FSCONFIG_SET_FLAG, null) } else { (FSCONFIG_SET_STRING, value.as_ptr()) };
        // SAFETY: key and value live across the call.
        unsafe { syscall!(nr::__NR_fsconfig, context, command, key.as_ptr(), value, 0) }?;
    }
    // SAFETY: no memory arguments.
    unsafe { syscall!(nr::__NR_fsconfig, context, FSCONFIG_CMD_CREATE, 0, 0, 0) }?;
    Ok(())
}

/// mount(2) of a new file system.
pub(crate) fn mount(fstype: &CStr, target: &CStr, flags: u64, data: &CStr) -> Result<(), Errno> {
    // SAFETY: all strings live across the call.
    unsafe {
        syscall!(nr::__NR_mount, fstype.as_ptr(), target.as_ptr(), fstype.as_ptr(), flags, data.as_ptr())?;
    }
    Ok(())
}

/// pivot_root(2) of `.` onto `.` after entering `root`, then the old root is detached.
pub(crate) fn pivot(root: i32) -> Result<(), Errno> {
    let here = c".";
    // SAFETY: static strings and a descriptor that the interpreter opened.
    unsafe {
        syscall!(nr::__NR_fchdir, root)?;
        syscall!(nr::__NR_pivot_root, here.as_ptr(), here.as_ptr())?;
        syscall!(nr::__NR_umount2, here.as_ptr(), MNT_DETACH)?;
        syscall!(nr::__NR_chdir, c"/".as_ptr())?;
    }
    Ok(())
}

/// mkdirat(2); an existing entry is fine.
pub(crate) fn mkdir(dirfd: i32, path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the path lives across the call.
    existing_is_fine(unsafe { syscall!(nr::__NR_mkdirat, dirfd as isize, path.as_ptr(), mode) })
}

/// mknodat(2) of an empty regular file; an existing entry is fine.
pub(crate) fn mkfile(dirfd: i32, path: &CStr, mode: u32) -> Result<(), Errno> {
    let regular = 0o100_000 | mode;
    // SAFETY: the path lives across the call.
    existing_is_fine(unsafe { syscall!(nr::__NR_mknodat, dirfd as isize, path.as_ptr(), regular, 0) })
}

fn existing_is_fine(answer: Result<usize, Errno>) -> Result<(), Errno> {
    match answer {
        Ok(_) | Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(error),
    }
}

/// symlinkat(2).
pub(crate) fn symlink(target: &CStr, dirfd: i32, path: &CStr) -> Result<(), Errno> {
    // SAFETY: both strings live across the call.
    existing_is_fine(unsafe { syscall!(nr::__NR_symlinkat, target.as_ptr(), dirfd as isize, path.as_ptr()) })
}

/// fchmodat(2).
pub(crate) fn chmod(dirfd: i32, path: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the path lives across the call.
    unsafe { syscall!(nr::__NR_fchmodat, dirfd as isize, path.as_ptr(), mode) }?;
    Ok(())
}
