//! The mounts of the caller's mount namespace, and what they mean for a fresh `/proc`.
//! proc_pid_mountinfo(5), mount_namespaces(7).

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::AsFd as _;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};

use ringfence_sys::view::Passing;
use rustix::fs::{Mode, OFlags};

use super::{Fact, Host, Reading, kernel};

/// A line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// Mount id.
    pub id: u32,
    /// Id of the mount that this one is on.
    pub parent: u32,
    /// Major and minor device number.
    pub device: (u32, u32),
    /// The directory of the file system that is mounted here.
    pub root: PathBuf,
    /// The mount point, relative to the caller's root.
    pub at: PathBuf,
    /// Options of this mount, as `ro`, `nosuid`.
    pub options: Vec<String>,
    /// Propagation, as `shared:1`; empty: private.
    pub propagation: Vec<String>,
    /// The file system's type.
    pub fstype: String,
    /// The file system's source.
    pub source: String,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

/// The present `/proc`, and whether a user namespace may have a fresh one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcMount {
    /// Whether `/proc` is a proc file system at all.
    pub mounted: bool,
    /// Mounts that cover parts of it.
    pub covered: Vec<PathBuf>,
    /// Whether it is read-only: a fresh one must then be so too.
    pub read_only: bool,
    /// `hidepid=`, where it is set.
    pub hidepid: Option<String>,
    /// `subset=`, where it is set.
    pub subset: Option<String>,
}

impl ProcMount {
    /// Whether the kernel is predicted to let a new user namespace mount a fresh proc: one must
    /// be visible whole already (`mount_too_revealing` of fs/namespace.c).
    #[must_use]
    pub fn lets_fresh(&self) -> bool {
        self.mounted && self.covered.is_empty() && self.subset.is_none()
    }
}

const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Directories of proc that are always empty, where a mount covers nothing
/// (`proc_create_mount_point` in fs/proc and its users).
const ALWAYS_EMPTY: [&str; 4] =
    ["/proc/sys/fs/binfmt_misc", "/proc/fs/nfsd", "/proc/openprom", "/proc/fs/xenfs"];

pub(super) fn read(_: &Host) -> Fact<Reading<Vec<Mount>>> {
    let reading = match kernel::read_bytes(MOUNTINFO) {
        Ok(text) => Reading::Known(text.split(|byte| *byte == b'\n').filter_map(parse).collect()),
        Err(error) => Reading::Unknown(format!("{MOUNTINFO}: {error}; mount proc on /proc")),
    };
    Fact::new(reading, MOUNTINFO)
}

/// A process's mount namespace, which can be looked at also when the process has ended.
#[derive(Debug)]
pub struct View {
    namespace: File,
    own: bool,
}

impl View {
    /// That of a process that lives.
    ///
    /// # Errors
    /// Those of open(2) and stat(2).
    pub fn of(pid: i32) -> io::Result<Self> {
        let namespace = File::open(format!("/proc/{pid}/ns/mnt"))?;
        let own = std::fs::metadata("/proc/self/ns/mnt")?.ino() == namespace.metadata()?.ino();
        Ok(Self { namespace, own })
    }

    /// The namespace's number: `/proc/PID/ns/mnt` leads to an inode of that number.
    #[must_use]
    pub fn number(&self) -> Option<u64> {
        self.namespace.metadata().ok().map(|found| found.ino())
    }

    /// Its mounts as they are now, by a thread that enters it: `/proc/PID/mountinfo` is empty once the
    /// process has ended.
    ///
    /// # Errors
    /// `EPERM` where the caller may not enter it: that takes `CAP_SYS_ADMIN` and `CAP_SYS_CHROOT`.
    pub fn mounts(&self) -> io::Result<Vec<Mount>> {
        let text = if self.own {
            kernel::read_bytes(MOUNTINFO)?
        } else {
            let look = || self.look();
            std::thread::scope(|scope| scope.spawn(look).join())
                .map_err(|_| io::Error::other("the thread that looks at mounts ended"))??
        };
        Ok(text.split(|byte| *byte == b'\n').filter_map(parse).collect())
    }

    /// A thread at its root, which does nothing: `/proc/PID/root` of it is the view as it is now.
    ///
    /// # Errors
    /// As [`Self::mounts`].
    pub fn stand(&self) -> io::Result<Standing> {
        let namespace = self.namespace.try_clone()?;
        let (enough, until) = channel::<()>();
        let (told, hear) = channel();
        let stand = move || {
            let proof = Passing::promised();
            let entered = ringfence_sys::view::enter(&proof, namespace.as_fd())
                .map_err(|errno| io::Error::from_raw_os_error(errno.0.into()));
            let there = entered.is_ok();
            let _ = told.send(entered.map(|()| rustix::thread::gettid().as_raw_nonzero().get()));
            if there {
                // Ends with an error when the other end is dropped.
                let _ = until.recv();
            }
        };
        std::thread::Builder::new().spawn(stand)?;
        let thread =
            hear.recv().map_err(|_| io::Error::other("the thread that stands in a view ended"))??;
        Ok(Standing { thread, _enough: enough })
    }

    fn look(&self) -> io::Result<Vec<u8>> {
        let proof = Passing::promised();
        // In the view there may be no /proc.
        let thread = rustix::fs::open("/proc/thread-self", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        ringfence_sys::view::enter(&proof, self.namespace.as_fd())
            .map_err(|errno| io::Error::from_raw_os_error(errno.0.into()))?;
        let file = rustix::fs::openat(&thread, "mountinfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
        let mut text = Vec::new();
        File::from(file).take(kernel::MOST).read_to_end(&mut text)?;
        Ok(text)
    }
}

/// A thread of this process at the root of another view, until it is dropped.
#[derive(Debug)]
pub struct Standing {
    thread: i32,
    _enough: Sender<()>,
}

impl Standing {
    /// Its number.
    #[must_use]
    pub const fn thread(&self) -> i32 {
        self.thread
    }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn parse(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let mut text = || fields.next().map(|field| String::from_utf8_lossy(field).into_owned());
    let (id, parent) = (text()?.parse().ok()?, text()?.parse().ok()?);
    let device = text()?;
    let (major, minor) = device.split_once(':')?;
    let device = (major.parse().ok()?, minor.parse().ok()?);
    let (root, at) = (unescape(fields.next()?), unescape(fields.next()?));
    let list = |field: &[u8]| -> Vec<String> {
        String::from_utf8_lossy(field).split(',').map(str::to_owned).collect()
    };
    let options = list(fields.next()?);
    let propagation = fields
        .by_ref()
        .take_while(|field| *field != b"-")
        .map(|field| String::from_utf8_lossy(field).into_owned())
        .collect();
    let fstype = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = unescape(fields.next()?).to_string_lossy().into_owned();
    let super_options = list(fields.next()?);
    Some(Mount { id, parent, device, root, at, options, propagation, fstype, source, super_options })
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, tail)) = rest.split_first() {
        let octal = tail.get(..3).filter(|digits| digits.iter().all(|digit| (b'0'..b'8').contains(digit)));
        match octal {
            Some(digits) if *first == b'\\' => {
                let value = digits.iter().fold(0_u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
                bytes.push(value as u8);
                rest = &tail[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

pub(super) fn synthetic() -> Reading<Vec<Mount>> {
    let lines: [&[u8]; 2] =
        [b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw", b"23 22 0:21 / /proc rw,relatime - proc proc rw"];
    Reading::Known(lines.into_iter().filter_map(parse).collect())
}

pub(super) fn setattr(_: &Host) -> Fact<bool> {
    Fact::new(ringfence_sys::probe::mount_setattr(), "mount_setattr(2)")
}

pub(super) fn synthetic_setattr() -> bool {
    true
}

pub(super) fn proc_mount(host: &Host) -> Fact<ProcMount> {
    let mounts = host.mounts().value.known().map_or(&[][..], Vec::as_slice);
    Fact::new(judge_proc(mounts), MOUNTINFO)
}

pub(super) fn synthetic_proc_mount() -> ProcMount {
    ProcMount { mounted: true, covered: Vec::new(), read_only: false, hidepid: None, subset: None }
}

fn judge_proc(mounts: &[Mount]) -> ProcMount {
    // The last mount on a point is the one that is seen.
    let own = mounts.iter().rfind(|mount| mount.at == Path::new("/proc"));
    let own = own.filter(|mount| mount.fstype == "proc" && mount.root == Path::new("/"));
    let option = |name: &str| {
        let mut options = own?.super_options.iter().chain(&own?.options);
        options.find_map(|option| Some(option.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    };
    let covers = |mount: &&Mount| {
        mount.at.starts_with("/proc")
            && mount.at != Path::new("/proc")
            && !ALWAYS_EMPTY.iter().any(|empty| mount.at == Path::new(empty))
    };
    ProcMount {
        mounted: own.is_some(),
        covered: mounts.iter().filter(covers).map(|mount| mount.at.clone()).collect(),
        read_only: own.is_some_and(|mount| {
            mount.options.iter().chain(&mount.super_options).any(|option| option == "ro")
        }),
        hidepid: option("hidepid").filter(|value| value != "0" && value != "off"),
        subset: option("subset"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(lines: &[&str]) -> Vec<Mount> {
        lines.iter().filter_map(|line| parse(line.as_bytes())).collect()
    }

    #[test]
    fn a_line_is_taken_apart() {
        let line = br"36 35 98:0 /a\040b /mnt\0112\134 rw,noatime shared:3 master:1 - ext3 /dev/root rw,errors=continue";
        let mount = parse(line).unwrap();
        assert_eq!((mount.id, mount.parent, mount.device), (36, 35, (98, 0)));
        assert_eq!(mount.root, Path::new("/a b"));
        assert_eq!(mount.at, Path::new("/mnt\t2\\"));
        assert_eq!(mount.options, ["rw", "noatime"]);
        assert_eq!(mount.propagation, ["shared:3", "master:1"]);
        assert_eq!((mount.fstype.as_str(), mount.source.as_str()), ("ext3", "/dev/root"));
        assert_eq!(mount.super_options, ["rw", "errors=continue"]);
        assert_eq!(parse(b"36 35 98:0 /"), None);
        assert_eq!(parse(b""), None);
    }

    #[test]
    fn every_live_line_is_understood() {
        let text = std::fs::read_to_string(MOUNTINFO).unwrap();
        let host = Host::live();
        let Reading::Known(mounts) = &host.mounts().value else { panic!("no mountinfo") };
        assert_eq!(mounts.len(), text.lines().count());
    }

    #[test]
    fn a_whole_proc_lets_a_fresh_one() {
        let whole = judge_proc(&mounts(&[
            "22 27 0:21 / /proc rw,relatime - proc proc rw",
            "30 22 0:40 / /proc/sys/fs/binfmt_misc rw - autofs systemd-1 rw",
        ]));
        assert!(whole.lets_fresh());
        assert_eq!(whole.covered, Vec::<PathBuf>::new());
    }

    #[test]
    fn a_covered_one_does_not() {
        let lines = [
            "22 27 0:21 / /proc ro,relatime - proc proc rw,hidepid=invisible",
            "30 22 0:40 / /proc/kcore rw - tmpfs tmpfs rw",
        ];
        let covered = judge_proc(&mounts(&lines));
        assert!(!covered.lets_fresh());
        assert_eq!(covered.covered, [PathBuf::from("/proc/kcore")]);
        assert!(covered.read_only);
        assert_eq!(covered.hidepid.as_deref(), Some("invisible"));
    }

    #[test]
    fn something_else_on_proc_is_not_a_proc() {
        let lines = ["22 27 0:21 / /proc rw - proc proc rw", "23 22 0:21 /1 /proc rw - proc proc rw"];
        assert!(!judge_proc(&mounts(&lines)).mounted);
        assert!(!judge_proc(&mounts(&["22 27 0:9 / /proc rw - tmpfs tmpfs rw"])).lets_fresh());
        assert!(!judge_proc(&[]).lets_fresh());
    }
}
