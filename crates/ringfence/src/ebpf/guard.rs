//! The programs of the BPF LSM room (`bpf/guard.bpf.c`): loaded, attached to their hooks, and told
//! of containments.
//!
//! A link lives as long as a descriptor of it. All links wait in the queue of one socket
//! (`SCM_RIGHTS`, unix(7)), so that whoever holds that socket holds them all: launcher, janitor and init.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aya::maps::{HashMap, MapData, MapError, RingBuf};
use aya::programs::{Lsm, ProgramError};
use aya::{BtfError, Ebpf, EbpfLoader};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Absent, Kernel, absent};

/// `bpf/guard.bpf.c`.
static OBJECT: &[u8] = aya::include_bytes_aligned!("../../bpf/guard.bpf.o");

/// Which kernels have a hook as the program takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum There {
    /// All from 5.10 on.
    Always,
    /// Those that name it: where it is missing, another hook of this list is asked instead.
    WhereNamed,
    /// From this release on.
    From(u32, u32),
    /// Before this release.
    Before(u32, u32),
}

/// Program, hook, and where it is.
const PROGRAMS: [(&str, &str, There); 25] = [
    ("show", "sb_statfs", There::Always),
    ("execute", "bprm_check_security", There::Always),
    ("map_file", "mmap_file", There::Always),
    ("map_again", "file_mprotect", There::Always),
    ("change_mode", "path_chmod", There::Always),
    // A program may have an argument that is a structure (`kuid_t`) from 6.1 on; the arguments of the
    // other hook are another list from 6.0 on.
    ("change_owner", "path_chown", There::From(6, 0)),
    ("change_owner_itself", "inode_setattr", There::Before(6, 0)),
    ("set_attribute", "inode_setxattr", There::Always),
    ("remove_attribute", "inode_removexattr", There::Always),
    ("set_list", "inode_set_acl", There::WhereNamed),
    ("remove_list", "inode_remove_acl", There::WhereNamed),
    ("set_flags", "inode_file_setattr", There::WhereNamed),
    ("give_name", "path_link", There::Always),
    // The flags of renameat2(2) are an argument from 5.19 on.
    ("change_name", "path_rename", There::Before(5, 19)),
    ("change_names", "path_rename", There::From(5, 19)),
    ("control_device", "file_ioctl", There::Always),
    ("control_device_32", "file_ioctl_compat", There::WhereNamed),
    ("control_by_ring", "uring_cmd", There::WhereNamed),
    ("reach_stream", "unix_stream_connect", There::Always),
    ("reach_datagram", "unix_may_send", There::Always),
    ("bind", "socket_bind", There::Always),
    ("connect", "socket_connect", There::Always),
    ("send", "socket_sendmsg", There::Always),
    ("make_ring", "socket_create", There::Always),
    ("program", "bpf", There::Always),
];

/// `struct containment`, in words of 32 bits.
type Containment = [u32; 10];
/// `struct wanted`: namespace and number.
type Wanted = [u32; 2];
/// `struct place`: inode (two words), device, generation, namespace, nothing.
type Place = [u32; 6];
/// `struct port`.
type Port = [u8; 8];

/// What the programs are told of one containment.
#[derive(Debug, Clone, Copy)]
pub struct Orders<'o> {
    /// The rights of each place that its init shows, in order.
    pub places: &'o [u32],
    /// Transport, direction and port.
    pub ports: &'o BTreeSet<(u8, u8, u16)>,
    /// Bit `transport * 2 + direction`: every port.
    pub every: u32,
    /// What is held.
    pub holdings: u32,
}

/// Programs at their hooks. They hold nobody but those that [`Guard::hold`] names.
#[derive(Debug)]
pub struct Guard {
    maps: Mutex<Maps>,
    links: OwnedFd,
}

#[derive(Debug)]
struct Maps {
    contained: HashMap<MapData, u32, Containment>,
    wanted: HashMap<MapData, Wanted, u32>,
    places: HashMap<MapData, Place, u32>,
    ports: HashMap<MapData, Port, u8>,
    ring: Option<Ring>,
}

/// A containment that is held. Its pid namespace stays as long as this does, so that no other gets its
/// number.
#[derive(Debug)]
pub struct Held {
    space: u32,
    namespace: File,
}

/// What is denied, as it happens.
pub struct Ring(RingBuf<MapData>);

/// Whether the running kernel takes such programs from this caller: loads the smallest one, attaches
/// nothing, and lets go of it.
///
/// # Errors
/// Why not.
pub fn probe() -> Result<(), Absent> {
    let kernel = Kernel::open()?;
    let _room = Room::make();
    let mut ebpf = kernel.load(OBJECT, |_| {})?;
    let doing = "load a BPF LSM program";
    load(&kernel, &mut ebpf, "program", "bpf").map(|_| ()).map_err(|error| absent(doing, &error))
}

impl Guard {
    /// Loads and attaches all programs. `watched`: somebody reads the [`Ring`].
    ///
    /// # Errors
    /// What the kernel refuses; nothing stays.
    pub fn attach(watched: bool) -> Result<Self, Absent> {
        let kernel = Kernel::open()?;
        let _room = Room::make();
        let told: &u8 = if watched { &1 } else { &0 };
        let mut ebpf = kernel.load(OBJECT, |loader: &mut EbpfLoader<'_>| {
            loader.override_global("watched", told, true);
        })?;
        let release = release();
        let mut links = Vec::with_capacity(PROGRAMS.len());
        for (name, hook, there) in PROGRAMS {
            let is_there = match there {
                There::Always => true,
                There::WhereNamed => true,
                There::From(major, minor) => release >= (major, minor),
                There::Before(major, minor) => release < (major, minor),
            };
            if is_there {
                let doing = format!("load a BPF LSM program for {hook}");
                let program = match load(&kernel, &mut ebpf, name, hook) {
                    Err(error) if there == There::WhereNamed && is_unknown(&error) => continue,
                    loaded => loaded.map_err(|error| absent(&doing, &error))?,
                };
                links.push(ringfence_sys::bpf::attach(program).map_err(|errno| crowded(hook, errno))?);
            }
        }
        let links = bundle(&links).map_err(|error| absent("keep the links of BPF LSM programs", &error))?;
        let maps =
            Maps::take(&mut ebpf).map_err(|error| absent("take the maps of BPF LSM programs", &error))?;
        Ok(Self { maps: Mutex::new(maps), links })
    }

    /// As long as a copy of this is open, the programs stay attached.
    pub fn links(&self) -> BorrowedFd<'_> {
        self.links.as_fd()
    }

    /// The ring; once.
    pub fn ring(&self) -> Option<Ring> {
        self.maps().ring.take()
    }

    /// Holds the pid namespace of this process and all below it from now on. What process 1 of it shows
    /// next are the places.
    ///
    /// # Errors
    /// `ESRCH` where the process is gone; the maps are full.
    pub fn hold(&self, init: i32, orders: Orders<'_>) -> io::Result<Held> {
        let namespace = File::open(format!("/proc/{init}/ns/pid"))?;
        // Without a namespace of its own it is the caller's, and everybody would be held.
        if File::open("/proc/self/ns/pid")?.metadata()?.ino() == namespace.metadata()?.ino() {
            return Err(io::Error::other("it has no pid namespace of its own"));
        }
        let space = u32::try_from(namespace.metadata()?.ino()).map_err(io::Error::other)?;
        let held = Held { space, namespace };
        let told = self.maps().tell(space, orders);
        if let Err(error) = told {
            self.let_go(held);
            return Err(io::Error::other(format!("tell the BPF LSM programs: {error}")));
        }
        Ok(held)
    }

    /// Forgets a containment. Nothing of it may live any more.
    pub fn let_go(&self, held: Held) {
        let mut maps = self.maps();
        let space = held.space;
        let _ = maps.contained.remove(&space);
        let wanted: Vec<Wanted> = maps.wanted.keys().flatten().filter(|key| key[0] == space).collect();
        let places: Vec<Place> = maps.places.keys().flatten().filter(|key| key[4] == space).collect();
        let ports: Vec<Port> =
            maps.ports.keys().flatten().filter(|key| key[..4] == space.to_ne_bytes()).collect();
        for key in wanted {
            let _ = maps.wanted.remove(&key);
        }
        for key in places {
            let _ = maps.places.remove(&key);
        }
        for key in ports {
            let _ = maps.ports.remove(&key);
        }
    }

    /// How many operations of a containment were denied so far.
    ///
    /// # Errors
    /// Those of bpf(2).
    pub fn denied(&self, held: &Held) -> io::Result<u64> {
        let told = self.maps().contained.get(&held.space, 0).map_err(io::Error::other)?;
        Ok(u64::from(told[4]) | u64::from(told[5]) << 32)
    }

    fn maps(&self) -> MutexGuard<'_, Maps> {
        self.maps.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maps {
    fn take(ebpf: &mut Ebpf) -> Result<Self, MapError> {
        let mut take =
            |name: &str| ebpf.take_map(name).ok_or_else(|| MapError::InvalidName { name: name.to_owned() });
        Ok(Self {
            contained: HashMap::try_from(take("contained")?)?,
            wanted: HashMap::try_from(take("wanted")?)?,
            places: HashMap::try_from(take("places")?)?,
            ports: HashMap::try_from(take("ports")?)?,
            ring: Some(Ring(RingBuf::try_from(take("denials")?)?)),
        })
    }

    /// The containment itself comes last: it takes hold with everything in place.
    fn tell(&mut self, space: u32, orders: Orders<'_>) -> Result<(), MapError> {
        for (number, rights) in (0_u32..).zip(orders.places) {
            self.wanted.insert([space, number], rights, 0)?;
        }
        for (transport, direction, port) in orders.ports {
            let mut key: Port = [0; 8];
            key[..4].copy_from_slice(&space.to_ne_bytes());
            key[4..6].copy_from_slice(&port.to_ne_bytes());
            key[6] = *transport;
            key[7] = *direction;
            self.ports.insert(key, 1, 0)?;
        }
        let count = orders.places.len() as u32;
        self.contained.insert(space, [count, 0, orders.holdings, orders.every, 0, 0, 0, 0, 0, 0], 0)
    }
}

impl Held {
    /// The pid namespace: its number is nobody else's as long as a copy of this is open.
    pub fn namespace(&self) -> BorrowedFd<'_> {
        self.namespace.as_fd()
    }
}

impl std::fmt::Debug for Ring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ring({:?})", self.0.as_fd())
    }
}

impl Ring {
    /// Becomes readable when something was denied.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// Gives the next record to `take`; `false` where there is none now.
    pub fn next(&mut self, take: impl FnOnce(&[u8])) -> bool {
        self.0.next().map(|record| take(&record)).is_some()
    }
}

/// Before Linux 5.11, maps count as locked memory. The limit is as it was when this is dropped.
struct Room(Option<Rlimit>);

impl Room {
    fn make() -> Self {
        let before = getrlimit(Resource::Memlock);
        let raised = setrlimit(Resource::Memlock, Rlimit { current: None, maximum: None });
        Self(raised.ok().map(|()| before))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if let Some(before) = self.0.take() {
            let _ = setrlimit(Resource::Memlock, before);
        }
    }
}

/// Loads one program; gives its descriptor.
fn load<'e>(
    kernel: &Kernel,
    ebpf: &'e mut Ebpf,
    name: &str,
    hook: &str,
) -> Result<BorrowedFd<'e>, ProgramError> {
    let missing = || ProgramError::UnexpectedProgramType;
    let program: &mut Lsm = ebpf.program_mut(name).ok_or_else(missing)?.try_into()?;
    program.load(hook, &kernel.types)?;
    Ok(program.fd()?.as_fd())
}

/// Whether the kernel has no such hook.
fn is_unknown(error: &ProgramError) -> bool {
    matches!(error, ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }))
}

fn crowded(hook: &str, errno: ringfence_sys::Errno) -> Absent {
    const E2BIG: u16 = 7;
    let doing = format!("attach a BPF LSM program to {hook}");
    if errno.0 == E2BIG {
        // BPF_MAX_TRAMP_LINKS of linux/bpf.h; and bpf_trampoline_update of kernel/bpf/trampoline.c wants
        // the calls of all of them in one page. 7.3 was seen to take 36.
        let why = "the hook has as many programs as it takes, at most 38 (on some kernels before 5.12: 40, on some \
             later ones a few less); each containment with lsm.bpf has one there: end one of them";
        return Absent::Refused { doing, why: why.to_owned() };
    }
    absent(&doing, &io::Error::from_raw_os_error(errno.0.into()))
}

/// One descriptor that holds them all.
fn bundle(links: &[OwnedFd]) -> io::Result<OwnedFd> {
    const MOST: usize = 32;
    let (kept, sender) =
        rustix::net::socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let fds: Vec<BorrowedFd<'_>> = links.iter().map(AsFd::as_fd).collect();
    let mut room = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut message = SendAncillaryBuffer::new(&mut room);
    if !message.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::Error::other("too many links for one message"));
    }
    rustix::net::sendmsg(&sender, &[IoSlice::new(b"l")], &mut message, SendFlags::NOSIGNAL)?;
    Ok(kept)
}

/// Major and minor number of the running kernel.
fn release() -> (u32, u32) {
    let name = rustix::system::uname();
    let text = name.release().to_string_lossy().into_owned();
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(|digits| digits.parse().unwrap_or(0));
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0))
}
