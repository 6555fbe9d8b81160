//! A bare kernel becomes a machine: its file systems, a root that pivot_root(2) can leave, and `lo`.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::mount::{MountFlags, mount, mount_bind, mount_move};
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with};

/// What could not be done.
#[derive(Debug)]
pub(crate) struct Failed {
    doing: String,
    error: io::Error,
}

impl Failed {
    pub(crate) fn new(doing: &str, error: io::Error) -> Self {
        Self { doing: doing.to_owned(), error }
    }
}

impl std::fmt::Display for Failed {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}: {}", self.doing, self.error)
    }
}

/// File system, target, options. None on /tmp: what a run brings along may lie there. Those of the second list may be absent from a kernel.
const NEEDED: [(&str, &str, &str); 6] = [
    ("proc", "/proc", ""),
    ("sysfs", "/sys", ""),
    ("devtmpfs", "/dev", "mode=755"),
    ("devpts", "/dev/pts", "gid=5,mode=620,ptmxmode=666"),
    ("tmpfs", "/dev/shm", "mode=1777"),
    ("tmpfs", "/run", "mode=755"),
];
const WHERE_BUILT_IN: [(&str, &str, &str); 5] = [
    ("securityfs", "/sys/kernel/security", ""),
    ("cgroup2", "/sys/fs/cgroup", ""),
    ("tracefs", "/sys/kernel/tracing", ""),
    ("bpf", "/sys/fs/bpf", "mode=700"),
    ("selinuxfs", "/sys/fs/selinux", ""),
];

/// Makes the machine ready for jobs.
///
/// # Errors
/// The first thing that could not be done.
pub(crate) fn make_ready() -> Result<(), Failed> {
    leave_the_first_root()?;
    for (kind, target, options) in NEEDED {
        fs::create_dir_all(target).map_err(|error| Failed::new(target, error))?;
        attach(kind, target, options)?;
    }
    for (kind, target, options) in WHERE_BUILT_IN {
        if Path::new(target).is_dir() {
            // Absent where the kernel was built or booted without it: what needs it says so itself.
            let _ = attach(kind, target, options);
        }
    }
    delegate_controllers();
    for (link, target) in [
        ("/dev/fd", "/proc/self/fd"),
        ("/dev/stdin", "/proc/self/fd/0"),
        ("/dev/stdout", "/proc/self/fd/1"),
        ("/dev/stderr", "/proc/self/fd/2"),
    ] {
        let _ = std::os::unix::fs::symlink(target, link);
    }
    fs::set_permissions("/dev/ptmx", Permissions::from_mode(0o666))
        .map_err(|error| Failed::new("/dev/ptmx", error))?;
    loopback().map_err(|error| Failed::new("bring lo up", error))
}

/// pivot_root(2) gives EINVAL in the root that an initramfs is unpacked to, before Linux 7.0: its
/// mount has no parent. A bind mount of it, moved over it, has one.
fn leave_the_first_root() -> Result<(), Failed> {
    let failed = |doing: &'static str| move |errno: rustix::io::Errno| Failed::new(doing, errno.into());
    fs::create_dir_all("/guest/root").map_err(|error| Failed::new("mkdir /guest/root", error))?;
    mount_bind("/", "/guest/root").map_err(failed("bind /"))?;
    rustix::process::chdir("/guest/root").map_err(failed("chdir"))?;
    mount_move(".", "/").map_err(failed("move the root"))?;
    rustix::process::chroot(".").map_err(failed("chroot"))?;
    rustix::process::chdir("/").map_err(failed("chdir /"))
}

fn attach(kind: &str, target: &str, options: &str) -> Result<(), Failed> {
    let options = std::ffi::CString::new(options).unwrap_or_default();
    mount(kind, target, kind, MountFlags::empty(), options.as_c_str())
        .map_err(|errno| Failed::new(&format!("mount {target}"), errno.into()))
}

/// Every controller of cgroup v2 to the children of its root.
fn delegate_controllers() {
    let root = Path::new("/sys/fs/cgroup");
    let Ok(controllers) = fs::read_to_string(root.join("cgroup.controllers")) else { return };
    for controller in controllers.split_whitespace() {
        // One that cannot be given must not keep the others.
        let _ = fs::write(root.join("cgroup.subtree_control"), format!("+{controller}"));
    }
}

/// RTM_NEWLINK (rtnetlink(7)) with IFF_UP for interface 1, which is `lo`.
fn loopback() -> io::Result<()> {
    const NEWLINK: u16 = 16;
    const REQUEST_ACK: u16 = 1 | 4;
    const ERROR: u16 = 2;
    // Protocol 0 of this family is NETLINK_ROUTE.
    let socket = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)?;
    let mut message = Vec::with_capacity(32);
    message.extend(32_u32.to_ne_bytes());
    message.extend(NEWLINK.to_ne_bytes());
    message.extend(REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0; 4]);
    message.extend(1_i32.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    message.extend(1_u32.to_ne_bytes());
    sendto(&socket, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0_u8; 512];
    let (count, _) = recv(&socket, &mut answer[..], RecvFlags::empty())?;
    let word =
        |at: usize| answer.get(at..at + 4).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    let kind = u16::from_ne_bytes([answer[4], answer[5]]);
    match word(16) {
        Some(0) if count >= 20 && kind == ERROR => Ok(()),
        Some(errno) if kind == ERROR => Err(io::Error::from_raw_os_error(-errno)),
        _ => Err(io::Error::from(io::ErrorKind::InvalidData)),
    }
}
