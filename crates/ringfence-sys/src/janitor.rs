//! The janitor: a child that outlives ringfence, removes what a containment leaves in file systems
//! (cgroups, placeholder directories and AppArmor profiles), and gives the terminal its modes back.
//!
//! It waits on a socket that only the living hold open, so that a SIGKILL of ringfence is a word to
//! it like any other. It has its own session, no descriptor but those that it was sent, and no
//! signal reaches it but SIGKILL and SIGSTOP. cgroups(7), rmdir(2), flock(2), unix(7).

use core::ffi::CStr;
use core::mem::MaybeUninit;

use linux_raw_sys::general::{
    __NR_chdir, __NR_clone, __NR_close, __NR_close_range, __NR_dup2, __NR_exit_group, __NR_fcntl, __NR_flock,
    __NR_getdents64, __NR_nanosleep, __NR_newfstatat, __NR_openat, __NR_pidfd_open, __NR_pidfd_send_signal,
    __NR_poll, __NR_prctl, __NR_pread64, __NR_rt_sigprocmask, __NR_sendto, __NR_setsid, __NR_unlinkat,
    __NR_wait4, __NR_write, AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, DT_DIR,
    F_DUPFD_CLOEXEC, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY, O_WRONLY, POLLIN, SIG_SETMASK, SIGKILL,
    pollfd, stat,
};
use linux_raw_sys::prctl::{PR_SET_DUMPABLE, PR_SET_NAME};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use crate::raw::{self, Errno};
use crate::spawn::channel;
use crate::terminal::{self, Modes};

/// `__WALL` of linux/wait.h.
const WALL: usize = 0x4000_0000;

/// How often a busy directory is tried again, and how long after each try: two seconds in all. A
/// killed process leaves its cgroup only when it has been reaped.
const TRIES: u32 = 1000;
const PAUSE_NS: u64 = 2_000_000;

/// Of linux/fcntl.h.
const LOCK_EX: usize = 2;
const LOCK_NB: usize = 4;

/// How deep cgroups below a cgroup are followed; the path of a deeper one would not fit one step
/// of `PATH_MAX` anyway, and what is left is reported.
const DEPTH: u32 = 16;

/// The permission bits that tell a placeholder from a directory that somebody else made.
pub const PLACEHOLDER_MODE: u32 = 0o1700;

/// One thing to remove, by its absolute path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leftover<'a> {
    /// A cgroup: whatever lives in it is killed, cgroups below it go first.
    Cgroup(&'a CStr),
    /// A directory of mode [`PLACEHOLDER_MODE`] that stands for a denied path, only where it is
    /// empty and no other containment holds a lock (flock(2), shared) on it: removing it would lift
    /// the mount on it there (fs/namespace.c, `__detach_mounts`).
    Placeholder(&'a CStr),
    /// An AppArmor profile: its name, written to the file that removes profiles. What it confines
    /// would be unconfined afterwards, so nothing of the containment may live then.
    Profile {
        /// `apparmor/.remove` of securityfs.
        file: &'a CStr,
        /// The profile's name.
        name: &'a [u8],
    },
}

/// What a janitor is told, the first byte of a message; all but the last bring a descriptor.
const HOLD: u8 = b'h';
const INIT: u8 = b'i';
const TERMINAL: u8 = b't';
const DONE: u8 = b'.';
const MSG_NOSIGNAL: usize = 0x4000;
/// The longest message: a terminal's, with its modes.
const MESSAGE: usize = 1 + Modes::SIZE;

/// The caller's end of the socket: a janitor begins its work when no process holds it any more.
/// Close-on-exec.
#[derive(Debug)]
pub struct Word(OwnedFd);

impl Word {
    /// Lets the janitor hold a descriptor (with the lock on its open file, flock(2)) until it has
    /// begun and the init is gone. It is held from now on, whether or not the janitor has run yet:
    /// a descriptor on its way is as good as an open one.
    ///
    /// # Errors
    /// `EPIPE`: the janitor is gone. `ETOOMANYREFS`: RLIMIT_NOFILE, for descriptors on their way.
    pub fn hold(&self, descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        self.send(&[HOLD], descriptor)
    }

    /// Names the init, by a pidfd: the janitor removes nothing, and lets go of nothing that it holds,
    /// before the init has ended, unless [`Self::done`] says otherwise.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn init(&self, pidfd: BorrowedFd<'_>) -> Result<(), Errno> {
        self.send(&[INIT], pidfd)
    }

    /// Gives a terminal its modes back, should this process be killed while [`Modes::raw`] are in
    /// force; other modes are somebody else's, and stay.
    ///
    /// # Errors
    /// As [`Self::hold`].
    pub fn terminal(&self, terminal: BorrowedFd<'_>, before: &Modes) -> Result<(), Errno> {
        let mut message = [0; MESSAGE];
        message[0] = TERMINAL;
        message[1..].copy_from_slice(before.as_bytes());
        self.send(&message, terminal)
    }

    /// Another copy: fcntl(2) `F_DUPFD_CLOEXEC`.
    ///
    /// # Errors
    /// `EMFILE`.
    pub fn try_clone(&self) -> Result<Self, Errno> {
        let fd = self.0.as_raw_fd() as usize;
        // SAFETY: numbers only; it gives a new descriptor.
        unsafe {
            ask(__NR_fcntl, [fd, F_DUPFD_CLOEXEC as usize, 0, 0, 0])
                .map(|fd| Self(OwnedFd::from_raw_fd(fd as i32)))
        }
    }

    /// All went well: nothing of the containment lives any more, and the terminal is as it was.
    pub fn done(self) {
        // Where the janitor is gone, nobody reads, and waiting for it says so.
        let message = [DONE];
        // SAFETY: one byte from a live byte.
        let _ = unsafe {
            raw::call(
                __NR_sendto,
                [self.0.as_raw_fd() as usize, message.as_ptr() as usize, 1, MSG_NOSIGNAL, 0, 0],
            )
        };
    }

    /// Hangs up (`POLLHUP`) when the janitor is gone.
    #[must_use]
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    fn send(&self, message: &[u8], descriptor: BorrowedFd<'_>) -> Result<(), Errno> {
        terminal::send_descriptor(self.0.as_raw_fd(), message, descriptor.as_raw_fd(), 0)
    }
}

/// Starts a janitor, which begins when the last copy of [`Word`] is closed, or at [`Word::done`].
///
/// Returns its process id, for [`wait`]. It raises no SIGCHLD.
///
/// # Errors
/// Those of socketpair(2) and clone(2).
pub fn start(leftovers: &[Leftover<'_>]) -> Result<(i32, Word), Errno> {
    let (ours, its) = channel()?;
    let (all, mut before) = (u64::MAX, 0_u64);
    // SAFETY: both masks are live words of the size named. Blocked before the child exists, so
    // that no signal for the caller's terminal finds it between its birth and its own session.
    unsafe { mask(&raw const all, &raw mut before) }?;
    // SAFETY: without CLONE_VM and with a null stack this is fork(2), and the child never returns.
    let child = match unsafe { ask(__NR_clone, [0; 5]) } {
        Ok(0) => live(its.as_raw_fd(), leftovers),
        other => other,
    };
    // SAFETY: as above; the mask is the one that was found.
    unsafe { mask(&raw const before, core::ptr::null_mut()) }?;
    child.map(|pid| (pid as i32, Word(ours)))
}

/// Waits for a janitor that [`start`] gave, and says how many things it could not remove.
///
/// # Errors
/// `ECHILD` where somebody else waited for it.
pub fn wait(pid: i32) -> Result<u8, Errno> {
    let mut status: i32 = 0;
    loop {
        // SAFETY: `status` is live and four bytes.
        match unsafe { ask(__NR_wait4, [pid as usize, &raw mut status as usize, WALL, 0, 0]) } {
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
            Ok(_) if status & 0x7f == 0 => return Ok((status >> 8) as u8),
            Ok(_) => return Ok(u8::MAX),
        }
    }
}

/// Removes one thing now, with the janitor's own means; `false` where something stays. `patient`:
/// whoever locks a placeholder may be of this containment and about to end.
#[must_use]
pub fn remove(leftover: Leftover<'_>, patient: bool) -> bool {
    match leftover {
        Leftover::Cgroup(path) => remove_cgroup(AT_FDCWD, path, DEPTH, TRIES),
        Leftover::Profile { file, name } => remove_profile(file, name),
        Leftover::Placeholder(path) => remove_placeholder(path, if patient { TRIES } else { 1 }),
    }
}

/// Removes the cgroup of a ringfence that is gone, with all that lives in it, where that can be done
/// without waiting; `false` where not.
#[must_use]
pub fn sweep(cgroup: &CStr) -> bool {
    remove_cgroup(AT_FDCWD, cgroup, DEPTH, 1)
}

/// The whole life of the child.
fn live(socket: i32, leftovers: &[Leftover<'_>]) -> ! {
    // SAFETY: all of these act on this child alone, which has its own descriptor table: a session
    // of its own, out of reach for ptrace(2), a name, only the socket open, no directory held.
    unsafe {
        let _ = ask(__NR_setsid, [0; 5]);
        let _ = ask(__NR_prctl, [PR_SET_DUMPABLE as usize, 0, 0, 0, 0]);
        let _ = ask(__NR_prctl, [PR_SET_NAME as usize, c"ringfence-tidy".as_ptr() as usize, 0, 0, 0]);
        let _ = ask(__NR_dup2, [socket as usize, 0, 0, 0, 0]);
        let _ = ask(__NR_close_range, [1, u32::MAX as usize, 0, 0, 0]);
        let _ = ask(__NR_chdir, [c"/".as_ptr() as usize, 0, 0, 0, 0]);
    }
    let patient = !listen();
    let mut left = 0_u8;
    for leftover in leftovers {
        if !remove(*leftover, patient) {
            left = left.saturating_add(1);
        }
    }
    loop {
        // SAFETY: ends this child.
        let _ = unsafe { ask(__NR_exit_group, [usize::from(left), 0, 0, 0, 0]) };
    }
}

/// Waits for the end of ringfence: `true` where it said that nothing of the containment lives any
/// more. Otherwise the init that it named is waited for, and with it, in a pid namespace, every
/// process: ringfence closes the socket some time before its init is killed, and until then nothing
/// may be removed that holds the program, nor a lock let go that keeps others from removing it.
/// That takes as long as the kernel takes to kill.
fn listen() -> bool {
    let (mut init, mut seat) = (-1, None);
    let done = loop {
        let mut message = [0_u8; MESSAGE];
        match terminal::receive(0, message.as_mut_ptr(), MESSAGE, true) {
            Ok((1.., _)) if message[0] == DONE => break true,
            Ok((1.., Some(fd))) => match message[0] {
                INIT => init = fd,
                TERMINAL => seat = Some((fd, Modes::from_bytes(&message[1..]))),
                // Held by being open.
                _ => {}
            },
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => break false,
        }
    };
    if let (false, Some((fd, Some(before)))) = (done, seat) {
        before.restore(fd);
    }
    while !done && init >= 0 && !has_ended(init) {}
    // SAFETY: this process's own descriptors, which nothing uses any more.
    let _ = unsafe { ask(__NR_close_range, [0, u32::MAX as usize, 0, 0, 0]) };
    done
}

/// Waits until a pidfd's process has ended; `false` where something came between.
fn has_ended(pidfd: i32) -> bool {
    let mut poll = pollfd { fd: pidfd, events: POLLIN as i16, revents: 0 };
    // SAFETY: one live `struct pollfd`; no signal but SIGKILL reaches this process.
    unsafe { ask(__NR_poll, [&raw mut poll as usize, 1, usize::MAX, 0, 0]) }.is_ok()
}

/// rmdir(2) until it is gone, for as long as it is busy; `meanwhile` runs before each new try.
fn remove_directory(dir: i32, path: &CStr, tries: u32, mut meanwhile: impl FnMut()) -> bool {
    for left in (0..tries).rev() {
        // SAFETY: the path ends in NUL; AT_REMOVEDIR removes empty directories only.
        let gone = unsafe {
            ask(__NR_unlinkat, [dir as usize, path.as_ptr() as usize, AT_REMOVEDIR as usize, 0, 0])
        };
        match gone {
            Ok(_) | Err(Errno::NOENT) => return true,
            Err(Errno::BUSY) => {}
            Err(_) => return false,
        }
        if left > 0 {
            pause();
            meanwhile();
        }
    }
    false
}

/// Whoever uses the directory holds a shared lock on it; an exclusive one says that nobody does.
/// Where others do, the last of them removes it: that is not a failure.
fn remove_placeholder(path: &CStr, tries: u32) -> bool {
    let Some(own) = Descriptor::open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW) else {
        return remove_directory(AT_FDCWD, path, TRIES, || {});
    };
    if mode(own.0) != Some(PLACEHOLDER_MODE) {
        return true;
    }
    for _ in 0..tries {
        // SAFETY: numbers only.
        if unsafe { ask(__NR_flock, [own.0 as usize, LOCK_EX | LOCK_NB, 0, 0, 0]) }.is_ok() {
            // Somebody may have removed it since it was opened, and another containment made anew.
            return identity(own.0, c"") != identity(AT_FDCWD, path)
                || remove_directory(AT_FDCWD, path, TRIES, || {});
        }
        if tries > 1 {
            pause();
        }
    }
    true
}

/// One that is gone already (`ENOENT`) is removed.
fn remove_profile(file: &CStr, name: &[u8]) -> bool {
    let Some(own) = Descriptor::open(AT_FDCWD, file, O_WRONLY) else { return false };
    // SAFETY: the name lives across the call.
    let removed = unsafe { ask(__NR_write, [own.0 as usize, name.as_ptr() as usize, name.len(), 0, 0]) };
    matches!(removed, Ok(_) | Err(Errno::NOENT))
}

/// Permission bits, with set-user-ID, set-group-ID and sticky.
fn mode(fd: i32) -> Option<u32> {
    status(fd, c"").map(|stat| stat.st_mode & 0o7777)
}

/// Which file it is.
fn identity(dir: i32, path: &CStr) -> Option<(u64, u64)> {
    status(dir, path).map(|stat| (stat.st_dev, stat.st_ino))
}

/// fstatat(2) without following a link; of the descriptor itself where the path is empty.
fn status(dir: i32, path: &CStr) -> Option<stat> {
    let mut stat = MaybeUninit::<stat>::uninit();
    let flags = (AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) as usize;
    // SAFETY: the path ends in NUL; the kernel writes one `struct stat` to where there is room for
    // it, and where it says that it did, it did.
    unsafe {
        let arguments = [dir as usize, path.as_ptr() as usize, stat.as_mut_ptr() as usize, flags, 0];
        ask(__NR_newfstatat, arguments).ok()?;
        Some(stat.assume_init())
    }
}

fn pause() {
    let time = [0_u64, PAUSE_NS];
    // SAFETY: two words are `struct timespec`.
    let _ = unsafe { ask(__NR_nanosleep, [&raw const time as usize, 0, 0, 0, 0]) };
}

fn remove_cgroup(dir: i32, path: &CStr, depth: u32, tries: u32) -> bool {
    let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    let Some(own) = Descriptor::open(dir, path, flags) else {
        return remove_directory(dir, path, tries, || {});
    };
    kill_members(own.0);
    if depth > 0 {
        remove_below(own.0, depth - 1, tries);
    }
    remove_directory(dir, path, tries, || kill_members(own.0))
}

/// SIGKILL to every member: `cgroup.kill` (cgroup v2, 5.14), else each that is listed.
fn kill_members(dir: i32) {
    if let Some(kill) = Descriptor::open(dir, c"cgroup.kill", O_WRONLY) {
        // SAFETY: one byte from a live byte.
        let _ = unsafe { ask(__NR_write, [kill.0 as usize, b"1".as_ptr() as usize, 1, 0, 0]) };
        return;
    }
    let Some(list) = Descriptor::open(dir, c"cgroup.procs", O_RDONLY) else {
        return;
    };
    each_member(list.0, |pid| {
        // SAFETY: numbers only. The descriptor is opened before the list is read again, so a pid
        // that is still listed then is of this process or of none that lives.
        let Ok(pidfd) = (unsafe { ask(__NR_pidfd_open, [pid as usize, 0, 0, 0, 0]) }) else {
            return;
        };
        let pidfd = Descriptor(pidfd as i32);
        let mut listed = false;
        each_member(list.0, |other| listed |= other == pid);
        if listed {
            // SAFETY: numbers only.
            let _ = unsafe { ask(__NR_pidfd_send_signal, [pidfd.0 as usize, SIGKILL as usize, 0, 0, 0]) };
        }
    });
}

/// Calls `found` for each process id of a `cgroup.procs`, one a line; at most the first 4096 bytes
/// a call, which is enough: it is called again while the cgroup is busy.
fn each_member(list: i32, mut found: impl FnMut(u32)) {
    let mut text = [0_u8; 4096];
    // SAFETY: the kernel writes at most `text.len()` bytes to `text`.
    let Ok(len) =
        (unsafe { ask(__NR_pread64, [list as usize, text.as_mut_ptr() as usize, text.len(), 0, 0]) })
    else {
        return;
    };
    let mut pid = 0_u32;
    for byte in text.iter().take(len) {
        match byte {
            b'0'..=b'9' => pid = pid.wrapping_mul(10).wrapping_add(u32::from(byte - b'0')),
            _ => {
                // 0 is a process that this pid namespace has no number for.
                if pid != 0 {
                    found(pid);
                }
                pid = 0;
            }
        }
    }
}

/// Removes the cgroups directly below one: the sub-directories of its directory.
fn remove_below(dir: i32, depth: u32, tries: u32) {
    let mut room = [0_u64; 256];
    loop {
        // SAFETY: the kernel writes at most the size of `room`, which is aligned for its entries.
        let Ok(len @ 1..) = (unsafe {
            ask(__NR_getdents64, [dir as usize, room.as_mut_ptr() as usize, size_of_val(&room), 0, 0])
        }) else {
            return;
        };
        // SAFETY: `len` bytes of `room` were written, and every byte pattern is a byte.
        let entries = unsafe { core::slice::from_raw_parts(room.as_ptr().cast::<u8>(), len) };
        let mut at = 0;
        // struct linux_dirent64: d_ino 8, d_off 8, d_reclen 2, d_type 1, d_name, getdents(2).
        while let Some(entry) = entries.get(at..).filter(|rest| rest.len() > 19) {
            let length = usize::from(u16::from_ne_bytes([entry[16], entry[17]])).max(19);
            let name = entry.get(19..length).and_then(|name| CStr::from_bytes_until_nul(name).ok());
            if let Some(name) = name.filter(|name| u32::from(entry[18]) == DT_DIR && !is_dots(name)) {
                let _ = remove_cgroup(dir, name, depth, tries);
            }
            at += length;
        }
    }
}

fn is_dots(name: &CStr) -> bool {
    matches!(name.to_bytes(), b"." | b"..")
}

/// An open file of the janitor's, closed when dropped.
struct Descriptor(i32);

impl Descriptor {
    fn open(dir: i32, path: &CStr, flags: u32) -> Option<Self> {
        let flags = (flags | O_CLOEXEC) as usize;
        // SAFETY: the path ends in NUL.
        unsafe { ask(__NR_openat, [dir as usize, path.as_ptr() as usize, flags, 0, 0]) }
            .ok()
            .map(|fd| Self(fd as i32))
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: the descriptor is this value's own.
        let _ = unsafe { ask(__NR_close, [self.0 as usize, 0, 0, 0, 0]) };
    }
}

/// rt_sigprocmask(2) `SIG_SETMASK`.
///
/// # Safety
/// `new` must be live; `old` live or null; 8 bytes each.
unsafe fn mask(new: *const u64, old: *mut u64) -> Result<usize, Errno> {
    // SAFETY: the caller's word.
    unsafe { ask(__NR_rt_sigprocmask, [SIG_SETMASK as usize, new as usize, old as usize, 8, 0]) }
}

/// The gate, with the last argument 0, which no call of this file has.
///
/// # Safety
/// As [`raw::call`].
unsafe fn ask(nr: u32, [a, b, c, d, e]: [usize; 5]) -> Result<usize, Errno> {
    // SAFETY: the caller's word.
    unsafe { raw::call(nr, [a, b, c, d, e, 0]) }
}
