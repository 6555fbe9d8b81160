//! The interpreter of steps: all code between `clone3` and `execve`. It cannot allocate, and it
//! does not panic: every index is checked, every error is an errno on the channel.

use core::ffi::{CStr, c_void};

use linux_raw_sys::general as nr;
use linux_raw_sys::prctl;
use rustix::fd::{FromRawFd, OwnedFd};

use crate::attempt::End;
use crate::raw::{Errno, close, exit, syscall};
use crate::spawn::{Ended, Report, vfork_calling};
use crate::step::{Dir, Slot, Step};
use crate::thread::SingleThreaded;
use crate::word::Word;
use crate::{capability, init, label, landlock, mount, namespace, seccomp, terminal};

const AT_FDCWD: i32 = -100;
const SIGKILL: usize = 9;
const CLOSE_RANGE_CLOEXEC: usize = 4;
const MAGIC: u32 = 0x7266_6e63;
const WAITING: u32 = 2;
const TERMINAL: u32 = 3;
const LISTENER: u32 = 4;
const COMMAND: u32 = 5;

/// Which step failed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// Index into the steps.
    pub step: usize,
    /// Why.
    pub errno: Errno,
}

/// Runs `steps` in the calling process, whose last one is an execve: it returns only to say what failed.
///
/// What earlier steps changed stays changed: the caller reports and exits.
pub fn in_place(_proof: SingleThreaded, steps: &[Step<'_>]) -> Failure {
    let mut machine =
        Machine::new(Line { channel: -1, maker: -1, word: None, kept: -1 }, core::ptr::null_mut());
    // SAFETY: the process is single-threaded, so its state is the caller's alone.
    unsafe { machine.run(steps, 0) }
}

/// What leads to the maker; all of it missing where the steps run in place.
pub(crate) struct Line<'a> {
    /// A socket for what the child asks for; -1: nothing.
    pub(crate) channel: i32,
    /// A pidfd of the maker; -1: the channel tells whether it is there, or nobody is waited for.
    pub(crate) maker: i32,
    /// Where a failure is said.
    pub(crate) word: Option<&'a Word>,
    /// A descriptor that the init keeps open; -1: none.
    pub(crate) kept: i32,
}

/// The state of the interpreter: descriptors by slot, and the line to the maker.
pub(crate) struct Machine<'a> {
    slots: [i32; Slot::COUNT],
    line: Line<'a>,
    command_stack: *mut u8,
    /// What comes after the last step, where that is no execve(2).
    pub(crate) end: Option<End>,
    /// Descriptors that an attempt needs after execve(2): no step closes them; -1: none.
    pub(crate) kept: [i32; 2],
}

struct Rest<'a> {
    machine: *mut Machine<'a>,
    steps: &'a [Step<'a>],
    from: usize,
}

#[repr(C)]
struct Message {
    magic: u32,
    kind: u32,
}

impl<'a> Machine<'a> {
    pub(crate) fn new(line: Line<'a>, command_stack: *mut u8) -> Self {
        Self { slots: [-1; Slot::COUNT], line, command_stack, end: None, kept: [-1; 2] }
    }

    /// Runs the steps from index `from` on; returns only where one failed.
    ///
    /// # Safety
    /// The state of the whole process changes: it must be a child made for this, or single-threaded.
    pub(crate) unsafe fn run(&mut self, steps: &[Step<'_>], from: usize) -> Failure {
        let mut at = from;
        while let Some(step) = steps.get(at) {
            let done = if matches!(step, Step::Supervise) {
                // SAFETY: as this function.
                unsafe { self.supervise(steps, at + 1) }
            } else {
                // SAFETY: as this function.
                unsafe { self.one(step) }
            };
            if let Err(errno) = done {
                return Failure { step: at, errno };
            }
            at += 1;
        }
        if let Some(end) = self.end {
            self.close_channel();
            (end.act)()
        }
        Failure { step: at, errno: Errno::INVAL }
    }

    fn close_channel(&mut self) {
        if self.end.is_some() && self.line.channel >= 0 {
            close(self.line.channel);
            self.line.channel = -1;
        }
    }

    pub(crate) fn tell_failure(&self, failure: Failure) {
        match (self.end, self.line.word) {
            (Some(end), _) => (end.note)(failure),
            (None, Some(word)) => word.failed(failure),
            (None, None) => {}
        }
    }

    /// The command is cloned and runs the rest; this process becomes its init and never returns
    /// where that worked.
    unsafe fn supervise(&mut self, steps: &[Step<'_>], from: usize) -> Result<(), Errno> {
        if self.command_stack.is_null() {
            return Err(Errno::INVAL);
        }
        let rest = Rest { machine: core::ptr::from_mut(self).cast(), steps, from };
        // SAFETY: the stack was made for the command; `rest` lives until execve, as vfork waits.
        let pid = unsafe { vfork_calling(self.command_stack, command_main, (&raw const rest).cast()) }?;
        // The command has done its execve or has said why not: the steps are not needed any more.
        if let Some(word) = self.line.word {
            word.started();
        }
        init::attend(pid, self.line.kept)
    }

    fn send(&self, message: &Message) -> Result<(), Errno> {
        let no_signal = 0x4000;
        // SAFETY: the message lives across the call.
        unsafe {
            syscall!(
                nr::__NR_sendto,
                self.line.channel,
                core::ptr::from_ref(message),
                size_of::<Message>(),
                no_signal,
                0,
                0
            )?;
        }
        Ok(())
    }

    fn slot(&self, slot: Slot) -> Result<i32, Errno> {
        match self.slots.get(usize::from(slot.0)) {
            Some(&fd) if fd >= 0 => Ok(fd),
            _ => Err(Errno::BADF),
        }
    }

    fn put(&mut self, slot: Slot, fd: i32) -> Result<(), Errno> {
        match self.slots.get_mut(usize::from(slot.0)) {
            Some(place) if *place < 0 => {
                *place = fd;
                Ok(())
            }
            _ => {
                close(fd);
                Err(Errno::BADF)
            }
        }
    }

    fn take(&mut self, slot: Slot) {
        if let Some(fd) = self.slots.get_mut(usize::from(slot.0)) {
            if *fd >= 0 {
                close(*fd);
            }
            *fd = -1;
        }
    }

    fn dir(&self, dir: Dir) -> Result<i32, Errno> {
        match dir {
            Dir::Cwd => Ok(AT_FDCWD),
            Dir::Slot(slot) => self.slot(slot),
        }
    }

    unsafe fn one(&mut self, step: &Step<'_>) -> Result<(), Errno> {
        match *step {
            Step::MountSetattr { .. }
            | Step::CloneTree { .. }
            | Step::MoveMount { .. }
            | Step::NewFilesystem { .. }
            | Step::Mount { .. }
            | Step::Mkdir { .. }
            | Step::Mkfile { .. }
            | Step::Symlink { .. }
            | Step::Chmod { .. }
            | Step::PivotRoot { .. }
            | Step::Close(_) => self.view(step),
            Step::LandlockCreate { .. }
            | Step::LandlockPath { .. }
            | Step::LandlockPort { .. }
            | Step::LandlockRestrict { .. }
            | Step::LandlockRecorded
            | Step::ShowPlace { .. }
            | Step::OpenDirectory { .. }
            | Step::ExecLabel { .. }
            | Step::JoinSessionKeyring
            | Step::SeccompFilter { .. }
            | Step::SeccompListen { .. } => self.filter(step),
            // SAFETY: as this function.
            _ => unsafe { self.process(step) },
        }
    }

    fn view(&mut self, step: &Step<'_>) -> Result<(), Errno> {
        match *step {
            Step::MountSetattr { dir, path, recursive, ref attr } => {
                mount::setattr(self.dir(dir)?, path, recursive, attr)
            }
            Step::CloneTree { path, slot } => self.put(slot, mount::clone_tree(path)?),
            Step::MoveMount { tree, dir, path, close } => {
                mount::attach(self.slot(tree)?, self.dir(dir)?, path)?;
                if close {
                    self.take(tree);
                }
                Ok(())
            }
            Step::NewFilesystem { fstype, options, attr, slot } => {
                self.put(slot, mount::new_filesystem(fstype, options, attr)?)
            }
            Step::Mount { fstype, target, flags, data } => mount::mount(fstype, target, flags, data),
            Step::Mkdir { dir, path, mode } => mount::mkdir(self.dir(dir)?, path, mode),
            Step::Mkfile { dir, path, mode } => mount::mkfile(self.dir(dir)?, path, mode),
            Step::Symlink { target, dir, path } => mount::symlink(target, self.dir(dir)?, path),
            Step::Chmod { dir, path, mode } => mount::chmod(self.dir(dir)?, path, mode),
            Step::PivotRoot { root } => mount::pivot(self.slot(root)?),
            Step::Close(slot) => {
                self.take(slot);
                Ok(())
            }
            _ => Err(Errno::INVAL),
        }
    }

    fn filter(&mut self, step: &Step<'_>) -> Result<(), Errno> {
        match *step {
            Step::LandlockCreate { ref attr, size, slot } => self.put(slot, landlock::create(attr, size)?),
            Step::LandlockPath { ruleset, path, access } => {
                landlock::add_path(self.slot(ruleset)?, path, access)
            }
            Step::LandlockPort { ruleset, port, access } => {
                landlock::add_port(self.slot(ruleset)?, port, access)
            }
            Step::LandlockRestrict { ruleset, flags } => {
                landlock::restrict(self.slot(ruleset)?, flags)?;
                self.take(ruleset);
                Ok(())
            }
            Step::LandlockRecorded => landlock::be_denied(),
            Step::ShowPlace { path } => mount::show(path),
            Step::OpenDirectory { path, slot } => self.put(slot, label::open_directory(path)?),
            Step::ExecLabel { proc, file, text } => {
                label::set(self.slot(proc)?, file, text)?;
                self.take(proc);
                Ok(())
            }
            Step::JoinSessionKeyring => label::join_session_keyring(),
            Step::SeccompFilter { flags, program } => {
                self.close_channel();
                seccomp::filter(flags, program)
            }
            Step::SeccompListen { flags, program, token } => {
                self.send_with(LISTENER, seccomp::listen(flags, program)?, token)
            }
            _ => Err(Errno::INVAL),
        }
    }

    unsafe fn process(&mut self, step: &Step<'_>) -> Result<(), Errno> {
        match *step {
            Step::DieWithParent => self.die_with_parent(),
            Step::Dumpable(on) => number(prctl::PR_SET_DUMPABLE, usize::from(on)),
            Step::Sync => self.sync(WAITING),
            Step::Attended => self.sync(COMMAND),
            Step::Setsid => plain(nr::__NR_setsid, [0; 3]),
            Step::ControllingTerminal { fd } => terminal::make_controlling(fd),
            Step::OpenTerminal { ptmx, fds } => self.open_terminal(ptmx, fds),
            Step::ResetSignals => init::reset_signals(),
            Step::Umask(mask) => plain(nr::__NR_umask, [mask as usize, 0, 0]),
            Step::Rlimit { resource, soft, hard } => rlimit(resource, soft, hard),
            Step::WriteFile { path, data } => label::set(AT_FDCWD, path, data),
            Step::Dup { from, to } => dup(from, to),
            Step::CloseRange { first, last, on_exec } => self.close_range(first, last, on_exec),
            Step::Unshare(flags) => namespace::unshare(flags),
            Step::Hostname(name) => namespace::hostname(name),
            Step::LoopbackUp => namespace::loopback_up(),
            Step::Chdir(path) => plain(nr::__NR_chdir, [path.as_ptr() as usize, 0, 0]),
            Step::Setgroups(groups) => plain(nr::__NR_setgroups, [groups.len(), groups.as_ptr() as usize, 0]),
            Step::Setgid(gid) => plain(nr::__NR_setresgid, [gid as usize; 3]),
            Step::Setuid(uid) => plain(nr::__NR_setresuid, [uid as usize; 3]),
            Step::Securebits(bits) => number(prctl::PR_SET_SECUREBITS, bits as usize),
            Step::DropBounding { keep, last } => capability::drop_bounding(keep, last),
            Step::Capset { effective, permitted, inheritable } => {
                capability::set(effective, permitted, inheritable)
            }
            Step::Ambient(raise) => capability::ambient(raise),
            Step::NoNewPrivs => number(prctl::PR_SET_NO_NEW_PRIVS, 1),
            Step::Exec { path, argv, envp, token } => {
                // SAFETY: both vectors are null-terminated and live as long as the step.
                unsafe { syscall!(nr::__NR_execve, path.as_ptr(), argv.as_ptr(), envp.as_ptr(), token) }
                    .map(|_| ())
            }
            _ => Err(Errno::INVAL),
        }
    }

    /// The maker may have died before `PR_SET_PDEATHSIG` was in force: then its pidfd is readable,
    /// or its end of the channel closed.
    fn die_with_parent(&self) -> Result<(), Errno> {
        number(prctl::PR_SET_PDEATHSIG, SIGKILL)?;
        let (fd, events) = match (self.line.channel, self.line.maker) {
            (..0, ..0) => return Ok(()),
            (..0, maker) => (maker, nr::POLLIN as i16),
            (channel, _) => (channel, 0),
        };
        let mut poll = nr::pollfd { fd, events, revents: 0 };
        // SAFETY: poll reads and writes one `struct pollfd`.
        let ready = unsafe { syscall!(nr::__NR_poll, &raw mut poll, 1, 0) }?;
        if ready > 0 && poll.revents != 0 { Err(Errno::SRCH) } else { Ok(()) }
    }

    fn send_with(&self, kind: u32, fd: i32, token: u64) -> Result<(), Errno> {
        let message = Message { magic: MAGIC, kind };
        // SAFETY: the message is plain data of that size.
        let bytes =
            unsafe { core::slice::from_raw_parts((&raw const message).cast::<u8>(), size_of::<Message>()) };
        terminal::send_descriptor(self.line.channel, bytes, fd, token)
    }

    fn sync(&self, kind: u32) -> Result<(), Errno> {
        self.send(&Message { magic: MAGIC, kind })?;
        self.hear()
    }

    /// Waits for the launcher's word.
    fn hear(&self) -> Result<(), Errno> {
        let mut word = [0u8; 1];
        // SAFETY: read writes at most one byte.
        match unsafe { syscall!(nr::__NR_read, self.line.channel, word.as_mut_ptr(), 1) }? {
            1 => Ok(()),
            _ => Err(Errno::SRCH),
        }
    }

    fn open_terminal(&self, ptmx: &CStr, fds: u8) -> Result<(), Errno> {
        let (master, slave) = terminal::open_pair(ptmx)?;
        self.send_with(TERMINAL, master, 0)?;
        close(master);
        self.hear()?;
        terminal::make_controlling(slave)?;
        for fd in (0..3).filter(|fd| fds & (1 << fd) != 0) {
            dup(slave, fd)?;
        }
        if slave > 2 {
            close(slave);
        }
        Ok(())
    }

    /// Closes what is in the range but for the channel, which closes itself at execve, and what an
    /// attempt keeps.
    fn close_range(&self, first: u32, last: u32, on_exec: bool) -> Result<(), Errno> {
        let flags = if on_exec { CLOSE_RANGE_CLOEXEC } else { 0 };
        let part = |first: u32, last: u32| {
            if first > last {
                Ok(())
            } else {
                plain(nr::__NR_close_range, [first as usize, last as usize, flags])
            }
        };
        let channel = if on_exec { -1 } else { self.line.channel };
        let kept = [channel, self.kept[0], self.kept[1]];
        let mut from = first;
        loop {
            let next = kept.iter().filter_map(|fd| u32::try_from(*fd).ok());
            let next = next.filter(|fd| (from..=last).contains(fd)).min();
            let Some(next) = next else { return part(from, last) };
            if next > from {
                part(from, next - 1)?;
            }
            from = next.saturating_add(1);
        }
    }
}

extern "C" fn command_main(rest: *const c_void) -> ! {
    // SAFETY: `supervise` passes a `Rest` that outlives the vfork, and waits meanwhile.
    let (machine, rest) = unsafe {
        let rest = &*rest.cast::<Rest<'_>>();
        (&mut *rest.machine, rest)
    };
    // SAFETY: this is the fresh child made for the command.
    let failure = unsafe { machine.run(rest.steps, rest.from) };
    machine.tell_failure(failure);
    exit(125)
}

fn number(option: u32, value: usize) -> Result<(), Errno> {
    capability::control(option, value, 0).map(|_| ())
}

fn plain(call: u32, a: [usize; 3]) -> Result<(), Errno> {
    // SAFETY: used above for calls whose memory arguments are borrowed by the step itself.
    unsafe { syscall!(call, a[0], a[1], a[2]) }?;
    Ok(())
}

fn rlimit(resource: u32, soft: u64, hard: u64) -> Result<(), Errno> {
    let limit = [soft, hard];
    // SAFETY: prlimit64 reads two words, and writes none for a null old limit.
    unsafe { syscall!(nr::__NR_prlimit64, 0, resource, limit.as_ptr(), 0) }?;
    Ok(())
}

fn dup(from: i32, to: i32) -> Result<(), Errno> {
    // SAFETY: both are numbers; the table is the child's own.
    unsafe {
        if from == to { syscall!(nr::__NR_fcntl, from, 2, 0) } else { syscall!(nr::__NR_dup3, from, to, 0) }
    }?;
    Ok(())
}

/// One message from the channel, with a descriptor where one came along; `None` where there is none
/// now (`wait` false), or both child and command have closed their end (`wait` true).
pub(crate) fn receive(channel: i32, wait: bool) -> Option<Report> {
    let mut message = Message { magic: 0, kind: 0 };
    let got = terminal::receive(channel, (&raw mut message).cast(), size_of::<Message>(), wait);
    let (len, fd) = got.ok().filter(|(len, _)| *len > 0)?;
    // SAFETY: a descriptor that came with the message is new and ours.
    let fd = fd.map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    if len != size_of::<Message>() || message.magic != MAGIC {
        return None;
    }
    match (message.kind, fd) {
        (WAITING, _) => Some(Report::Waiting),
        (COMMAND, _) => Some(Report::Command),
        (TERMINAL, Some(fd)) => Some(Report::Terminal(fd)),
        (LISTENER, Some(fd)) => Some(Report::Listener(fd)),
        _ => None,
    }
}

/// One byte: go on.
pub(crate) fn send_word(channel: i32) -> Result<(), Errno> {
    let no_signal = 0x4000;
    // SAFETY: one static byte.
    unsafe { syscall!(nr::__NR_sendto, channel, b"g".as_ptr(), 1, no_signal, 0, 0) }?;
    Ok(())
}

/// wait4(2) for one child.
pub(crate) fn wait_for(pid: i32, wait: bool) -> Option<Ended> {
    let (no_hang, all) = (1usize, 0x4000_0000usize);
    let options = if wait { all } else { all | no_hang };
    let mut status = 0i32;
    loop {
        // SAFETY: wait4 writes one int.
        match unsafe { syscall!(nr::__NR_wait4, pid, &raw mut status, options, 0) } {
            Ok(0) => return None,
            Ok(_) => return Some(init::ended(status)),
            Err(Errno::INTR) => {}
            // Somebody else has reaped it: that it is gone is all that is known.
            Err(_) => return Some(Ended::Signaled(9)),
        }
    }
}
