//! Where runs tell of their events, and watchers hear them: sockets in a directory that only root, or
//! only the user, can write. unix(7), `SOCK_SEQPACKET`.
//!
//! A watcher listens; each run that has events connects to every watcher that it finds, and sends without
//! ever waiting: a watcher that stalls loses messages, and is told how many. Root's watcher hears every
//! user's runs; who a run is, is the kernel's word (`SO_PEERCRED`). A process in a pid namespace below the
//! watcher's is no ringfence, and is not heard.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketAddrUnix, SocketFlags, SocketType, accept_with, bind, connect,
    listen, recv, send, socket_with, sockopt,
};
use rustix::process::geteuid;

/// Where root's watchers are.
const OF_ROOT: &str = "/run/ringfence";
/// How often a run looks for new watchers.
const BETWEEN: Duration = Duration::from_secs(1);
/// The most watchers that a run tells, and the most runs that a watcher hears at a time.
const MOST: usize = 64;
/// The longest message: several times the longest event.
pub const MAX_MESSAGE: usize = 128 << 10;
/// What a socket holds for a watcher that is busy, in bytes.
const HELD: usize = 1 << 20;

/// The directory of the caller's own watchers.
///
/// # Errors
/// There is none that only the caller can write.
pub fn own_directory() -> io::Result<PathBuf> {
    let uid = geteuid();
    let path = if uid.is_root() {
        PathBuf::from(OF_ROOT)
    } else {
        match std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute()) {
            Some(path) if safe(&path, uid.as_raw()) => path.join("ringfence"),
            _ => PathBuf::from(format!("/tmp/ringfence-{}", uid.as_raw())),
        }
    };
    Ok(path)
}

/// A directory, not a link, that nobody but its owner can write, who is this user.
fn safe(path: &Path, uid: u32) -> bool {
    std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == uid && found.mode() & 0o022 == 0)
}

/// The directories that a run looks into, with their owners.
fn directories() -> Vec<(PathBuf, u32)> {
    let uid = geteuid().as_raw();
    let mut all = vec![(PathBuf::from(OF_ROOT), 0)];
    if uid != 0 {
        all.extend(own_directory().ok().map(|path| (path, uid)));
    }
    all.retain(|(path, owner)| safe(path, *owner));
    all
}

/// What a run tells to whoever watches.
#[derive(Debug)]
pub struct Teller {
    hello: String,
    watchers: Vec<Listener>,
    looked: Option<Instant>,
}

#[derive(Debug)]
struct Listener {
    path: PathBuf,
    socket: OwnedFd,
    lost: u64,
}

impl Teller {
    /// `hello` is what each watcher hears first.
    #[must_use]
    pub fn new(hello: String) -> Self {
        let mut teller = Self { hello, watchers: Vec::new(), looked: None };
        teller.look();
        teller
    }

    /// Tells everybody who watches now. Never waits.
    pub fn tell(&mut self, message: &str) {
        self.look();
        self.watchers.retain_mut(|watcher| watcher.tell(message));
    }

    /// Connects to watchers that were not there before.
    fn look(&mut self) {
        if self.looked.is_some_and(|at| at.elapsed() < BETWEEN) {
            return;
        }
        self.looked = Some(Instant::now());
        for (directory, _) in directories() {
            let Ok(entries) = std::fs::read_dir(directory) else { continue };
            for path in entries.flatten().map(|entry| entry.path()).take(MOST) {
                let known = self.watchers.iter().any(|watcher| watcher.path == path);
                if known || self.watchers.len() >= MOST {
                    continue;
                }
                if let Ok(socket) = reach(&path) {
                    let mut watcher = Listener { path, socket, lost: 0 };
                    if watcher.tell(&self.hello) {
                        self.watchers.push(watcher);
                    }
                }
            }
        }
    }
}

impl Listener {
    /// Whether it is still there.
    fn tell(&mut self, message: &str) -> bool {
        let lost = format!("{{\"version\":1,\"kind\":\"ringfence.lost\",\"lost\":{}}}\n", self.lost);
        if self.lost > 0 {
            match self.send(&lost) {
                Sent::Whole => self.lost = 0,
                Sent::NoRoom => {
                    self.lost += 1;
                    return true;
                }
                Sent::Gone => return false,
            }
        }
        match self.send(message) {
            Sent::Whole => true,
            Sent::NoRoom => {
                self.lost += 1;
                true
            }
            Sent::Gone => false,
        }
    }

    fn send(&self, message: &str) -> Sent {
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        match send(&self.socket, message.as_bytes(), flags) {
            Ok(_) => Sent::Whole,
            Err(Errno::AGAIN | Errno::NOBUFS | Errno::MSGSIZE | Errno::INTR) => Sent::NoRoom,
            Err(_) => Sent::Gone,
        }
    }
}

/// What became of a message.
enum Sent {
    Whole,
    NoRoom,
    /// Nobody is there any more.
    Gone,
}

fn reach(path: &Path) -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    let _ = sockopt::set_socket_send_buffer_size(&socket, HELD);
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// A watcher's end.
#[derive(Debug)]
pub struct Desk {
    path: PathBuf,
    listener: OwnedFd,
    runs: Vec<Run>,
    refused: u64,
}

/// A run that is connected.
#[derive(Debug)]
pub struct Run {
    socket: OwnedFd,
    /// Who it is, by the kernel's word.
    pub peer: Peer,
}

/// Who tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The launcher's process.
    pub pid: u32,
    /// Its user.
    pub uid: u32,
}

/// What a watcher hears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// A message.
    Message(Peer, Vec<u8>),
    /// A run is over.
    Gone(Peer),
}

impl Desk {
    /// Listens in the caller's own directory, which is made where it does not exist.
    ///
    /// # Errors
    /// The directory is not the caller's alone; those of bind(2).
    pub fn open() -> io::Result<Self> {
        let directory = own_directory()?;
        let uid = geteuid();
        // Every user's runs look into root's.
        let mode = if uid.is_root() { 0o755 } else { 0o700 };
        match std::fs::DirBuilder::new().mode(mode).create(&directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        if !safe(&directory, uid.as_raw()) {
            let why = format!("{} belongs to somebody else, or others can write it", directory.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
        }
        sweep(&directory);
        let path = directory.join(format!("watch-{}", std::process::id()));
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        bind(&listener, &SocketAddrUnix::new(&path)?)?;
        // Whoever may reach the directory may tell: who it was is asked of the kernel.
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
        listen(&listener, 64)?;
        Ok(Self { path, listener, runs: Vec::new(), refused: 0 })
    }

    /// What is readable when there is something to hear.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.listener.as_fd()).chain(self.runs.iter().map(|run| run.socket.as_fd()))
    }

    /// Connections that were not heard: from inside a containment, or too many.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Runs that are connected.
    #[must_use]
    pub fn runs(&self) -> usize {
        self.runs.len()
    }

    /// Hears what is there now, at most `most` messages.
    pub fn hear(&mut self, most: usize, hear: &mut dyn FnMut(Heard)) {
        while let Ok(socket) = accept_with(&self.listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK) {
            match peer(&socket) {
                Some(peer) if self.runs.len() < MOST => self.runs.push(Run { socket, peer }),
                _ => self.refused += 1,
            }
        }
        let mut room = vec![0u8; MAX_MESSAGE];
        let mut left = most;
        self.runs.retain(|run| {
            while left > 0 {
                match recv(&run.socket, &mut room[..], RecvFlags::DONTWAIT) {
                    Ok((0, _)) => {
                        hear(Heard::Gone(run.peer));
                        return false;
                    }
                    Ok((len, _)) => {
                        left -= 1;
                        hear(Heard::Message(run.peer, room[..len].to_vec()));
                    }
                    Err(Errno::AGAIN | Errno::INTR) => return true,
                    Err(_) => {
                        hear(Heard::Gone(run.peer));
                        return false;
                    }
                }
            }
            true
        });
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Who is at the other end; `None` for a process in a pid namespace below this one.
fn peer(socket: &OwnedFd) -> Option<Peer> {
    let credentials = sockopt::socket_peercred(socket).ok()?;
    let pid = credentials.pid.as_raw_nonzero().get().unsigned_abs();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let numbers =
        status.lines().find_map(|line| line.strip_prefix("NSpid:"))?.split_ascii_whitespace().count();
    (numbers == 1).then_some(Peer { pid, uid: credentials.uid.as_raw() })
}

/// Removes what watchers that were killed have left.
fn sweep(directory: &Path) {
    let Ok(entries) = std::fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|name| name.strip_prefix("watch-")?.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

/// Waits until one of these is readable, or the time is over.
pub fn wait(descriptors: &[BorrowedFd<'_>], patience: Option<Duration>) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut fds: Vec<_> = descriptors.iter().map(|fd| PollFd::from_borrowed_fd(*fd, PollFlags::IN)).collect();
    let time = patience.map(|left| Timespec {
        tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(left.subsec_nanos()),
    });
    let _ = poll(&mut fds, time.as_ref());
}

/// Rows and columns of the terminal at standard output; 24 and 80 where it does not say.
#[must_use]
pub fn screen() -> (usize, usize) {
    match rustix::termios::tcgetwinsize(rustix::stdio::stdout()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => (size.ws_row.into(), size.ws_col.into()),
        _ => (24, 80),
    }
}
