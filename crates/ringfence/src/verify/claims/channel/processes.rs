//! Channels that name a process by its number: signals, ptrace(2) and its kind.

use super::{Border, Channel, channel, n, v};
use crate::control::trial::{Deed, Passes, Word};
use crate::policy::model::Namespace;

const SIGUSR1: u64 = 10;
const SIGIO: u64 = 29;
const PID: Border = Border::Own(Namespace::Pid);

pub(super) fn all() -> Vec<Channel> {
    let mut all = vec![
        signalled("signal", "kill(2)", SIGUSR1, vec![of("kill", vec![Word::PeerProcess, v(SIGUSR1)])]),
        signalled(
            "signal-thread",
            "tgkill(2)",
            SIGUSR1,
            vec![of("tgkill", vec![Word::PeerProcess, Word::PeerProcess, v(SIGUSR1)])],
        ),
        signalled(
            "signal-pidfd",
            "pidfd_send_signal(2)",
            SIGUSR1,
            vec![pidfd(), of("pidfd_send_signal", vec![Word::Answer(0), v(SIGUSR1), v(0), v(0)])],
        ),
        signalled(
            "signal-queue",
            "rt_sigqueueinfo(2)",
            SIGUSR1,
            vec![of("rt_sigqueueinfo", vec![Word::PeerProcess, v(SIGUSR1), info()])],
        ),
        signalled("signal-owner", "fcntl(2) F_SETOWN", SIGIO, owner()),
    ];
    all.extend(inspected());
    all
}

fn of(name: &str, args: Vec<Word>) -> Deed {
    Deed::of(name, args)
}

fn pidfd() -> Deed {
    of("pidfd_open", vec![Word::PeerProcess, v(0)])
}

/// The peer keeps the signal blocked and asks for it afterwards.
fn signalled(name: &'static str, page: &'static str, signal: u64, deeds: Vec<Deed>) -> Channel {
    let set = || Word::Words(vec![v(1 << (signal - 1))]);
    let block = 0;
    let peer = vec![of("rt_sigprocmask", vec![v(block), set(), v(0), v(8)])];
    let no_time = Word::Words(vec![v(0), v(0)]);
    let after = vec![of("rt_sigtimedwait", vec![set(), v(0), no_time, v(8)])];
    let seen = Some(Passes::Answer(signal));
    Channel { peer, deeds, after, seen, ..channel(name, "send a signal to", page, PID) }
}

/// `siginfo_t` with `SI_QUEUE`, which is all that may be sent to another process.
fn info() -> Word {
    let si_queue = -1i32;
    let mut bytes = vec![0u8; 128];
    bytes[..4].copy_from_slice(&(SIGUSR1 as u32).to_le_bytes());
    bytes[8..12].copy_from_slice(&si_queue.to_le_bytes());
    Word::Bytes(bytes)
}

/// A pipe whose reader is the peer by name: what is written makes a SIGIO.
fn owner() -> Vec<Deed> {
    let (f_setfl, f_setown, o_async) = (4, 8, 0x2000);
    vec![
        of("pipe2", vec![Word::Scratch(256), v(0)]),
        of("fcntl", vec![Word::Loaded(256), v(f_setown), Word::PeerProcess]),
        of("fcntl", vec![Word::Loaded(256), v(f_setfl), v(o_async)]),
        of("write", vec![Word::Loaded(260), Word::Bytes(b"x".to_vec()), v(1)]),
    ]
}

/// Looking into a process: each ends with the attempting process, and changes nothing in the peer.
fn inspected() -> Vec<Channel> {
    let ptrace_seize = 0x4206;
    // Code that is there in every child of this process.
    let code = ringfence_sys::attempt::addresses().syscall & !7;
    let into = Word::Words(vec![Word::Scratch(512), v(8)]);
    let from = Word::Words(vec![v(code), v(8)]);
    let read = vec![Word::PeerProcess, into, v(1), from, v(1), v(0)];
    let (kcmp_vm, rlimit_nofile) = (1, 7);
    vec![
        Channel {
            deeds: vec![of("ptrace", vec![v(ptrace_seize), Word::PeerProcess, v(0), v(0)])],
            ..channel("ptrace", "ptrace", "ptrace(2)", PID)
        },
        Channel {
            deeds: vec![of("process_vm_readv", read)],
            ..channel("process-memory", "read the memory of", "process_vm_readv(2)", PID)
        },
        Channel {
            peer: vec![of("epoll_create1", vec![v(0)])],
            deeds: vec![pidfd(), of("pidfd_getfd", vec![Word::Answer(0), Word::Peer(0), v(0)])],
            ..channel("descriptor", "take a descriptor of", "pidfd_getfd(2)", PID)
        },
        Channel {
            deeds: vec![of("kcmp", vec![Word::PeerProcess, Word::PeerProcess, v(kcmp_vm), v(0), v(0)])],
            ..channel("kcmp", "compare resources of", "kcmp(2)", PID)
        },
        Channel {
            deeds: vec![of("perf_event_open", vec![event(), Word::PeerProcess, n(-1), n(-1), v(0)])],
            ..channel("perf", "count events of", "perf_event_open(2)", PID)
        },
        Channel {
            deeds: vec![of("prlimit64", vec![Word::PeerProcess, v(rlimit_nofile), v(0), Word::Scratch(512)])],
            ..channel("limits", "read the limits of", "prlimit(2)", PID)
        },
        Channel {
            deeds: vec![of("sched_setparam", vec![Word::PeerProcess, Word::Bytes(vec![0; 4])])],
            ..channel("scheduling", "schedule", "sched(7)", PID)
        },
    ]
}

/// `struct perf_event_attr`: `PERF_TYPE_SOFTWARE`, `PERF_COUNT_SW_CPU_CLOCK`, disabled, without the
/// kernel and the hypervisor.
fn event() -> Word {
    let mut attr = vec![0u8; 64];
    attr[0] = 1;
    attr[4] = 64;
    attr[40] = 1 | 1 << 5 | 1 << 6;
    Word::Bytes(attr)
}
