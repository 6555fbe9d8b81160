//! What the policy says of a call, straight from its text and without any program; and whether
//! what the gate said agrees. Knows nothing of how a filter is made.

use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::rule::{self, Rule, Target};
use ringfence_bpf::table::{self, Abi};

use crate::control::trial::{Entry, Probe, errno_name};
use crate::policy::model::{SyscallMode, Syscalls};

/// What a policy says of one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Let through.
    Through,
    /// Denied, like this.
    Denied(Action),
    /// Denied; another section may say how.
    DeniedSomehow,
    /// Allowed here, but another section may deny it: no claim.
    Elsewhere,
}

/// `x32` where the kernel has none, and any ABI outside `syscalls.abis`.
const BAD_ABI: Action = Action::Errno(38);

// include/uapi/linux/sched.h, socket.h, asm-generic/ioctls.h
const CLONE_NEWUSER: u64 = 0x1000_0000;
const MSG_FASTOPEN: u64 = 0x2000_0000;
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;

/// What a policy says, as a function that can be asked many times.
#[derive(Debug)]
pub struct Law {
    spec: FilterSpec,
}

impl Law {
    /// The law of a policy; `None` where it has no filter.
    #[must_use]
    pub fn of(syscalls: &Syscalls) -> Option<Self> {
        let abis: AbiSet = syscalls.abis.iter().map(|abi| abi.value).collect();
        let rules = |list: &[crate::policy::At<Rule>]| list.iter().map(|rule| rule.value.clone()).collect();
        let spec = match syscalls.mode.value {
            SyscallMode::Off => return None,
            SyscallMode::Filter => FilterSpec {
                abis,
                deny: rules(&syscalls.deny),
                allow: rules(&syscalls.allow),
                on_deny: syscalls.on_deny.value,
                unknown: syscalls.unknown.value,
                bad_abi: BAD_ABI,
            },
            SyscallMode::Strict => FilterSpec {
                abis,
                deny: Vec::new(),
                allow: strict(abis),
                on_deny: Action::KillProcess,
                unknown: Action::KillProcess,
                bad_abi: Action::KillProcess,
            },
        };
        Some(Self { spec })
    }

    /// What it says of a call.
    #[must_use]
    pub fn says(&self, probe: &Probe) -> Expected {
        let data = seen(probe);
        let name = Abi::of(&data)
            .and_then(|(abi, number)| table::by_number(abi, number))
            .map_or("", |prototype| prototype.name);
        let elsewhere = other_sections(name, &data.args);
        match rule::meaning(&self.spec, &data) {
            Action::Allow | Action::Log if elsewhere => Expected::Elsewhere,
            Action::Allow | Action::Log => Expected::Through,
            Action::Trace(_) | Action::UserNotif => Expected::Elsewhere,
            _ if elsewhere => Expected::DeniedSomehow,
            action => Expected::Denied(action),
        }
    }

    /// Whether the call is in the policy's ABIs at all.
    #[must_use]
    pub const fn has(&self, abi: Abi) -> bool {
        self.spec.abis.contains(abi)
    }
}

/// What the kernel shows a filter: 32-bit entries have the low halves only
/// (`arch/x86/entry/common.c`, `SYSCALL32_ENTRY_REGS`).
fn seen(probe: &Probe) -> SeccompData {
    let (arch, mask) = match probe.entry {
        Entry::Syscall => (table::AUDIT_ARCH_X86_64, u64::MAX),
        Entry::Int80 | Entry::Syscall32 | Entry::Sysenter => (table::AUDIT_ARCH_I386, u64::from(u32::MAX)),
    };
    SeccompData { nr: probe.number, arch, instruction_pointer: 0, args: probe.args.map(|arg| arg & mask) }
}

/// The calls of strict mode, seccomp(2).
fn strict(abis: AbiSet) -> Vec<Rule> {
    let mut names = vec!["read", "write", "exit", "rt_sigreturn"];
    if abis.contains(Abi::I386) {
        names.push("sigreturn");
    }
    let calls = names.into_iter().filter_map(table::call);
    calls.map(|call| Rule { target: Target::Call(call), conditions: Vec::new(), action: None }).collect()
}

/// Calls about which `[net]`, `[namespaces]` and the launcher have a word too.
fn other_sections(name: &str, args: &[u64; 6]) -> bool {
    match name {
        "socket" | "socketpair" | "socketcall" | "setns" | "clone3" | "io_uring_setup" | "io_uring_enter"
        | "io_uring_register" => true,
        "ioctl" => matches!(args[1] as u32, TIOCSTI | TIOCLINUX),
        "clone" | "unshare" => args[0] & CLONE_NEWUSER != 0,
        "sendto" | "sendmmsg" => args[3] & MSG_FASTOPEN != 0,
        "sendmsg" => args[2] & MSG_FASTOPEN != 0,
        _ => false,
    }
}

/// How an answer of the gate stands to what the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// It was let through to the kernel.
    Through,
    /// The filter answered this errno.
    Errno(u16),
    /// SIGSYS with these data.
    Trap(u16),
    /// The process was killed.
    Killed,
}

/// Whether an answer is what the policy says; else what is wrong.
///
/// # Errors
/// In words, what was said instead.
pub fn agrees(expected: Expected, gate: Gate) -> Result<(), String> {
    let wrong = |wanted: String| Err(format!("{wanted} by the policy, and {}", gate.words()));
    match (expected, gate) {
        (Expected::Elsewhere, _) | (Expected::Through, Gate::Through) => Ok(()),
        (Expected::Through, _) => wrong("allowed".into()),
        (Expected::Denied(_) | Expected::DeniedSomehow, Gate::Through) => wrong("denied".into()),
        (Expected::DeniedSomehow, _) => Ok(()),
        (Expected::Denied(Action::Errno(errno)), Gate::Errno(said)) if errno == said => Ok(()),
        (Expected::Denied(Action::Trap(data)), Gate::Trap(said)) if data == said => Ok(()),
        (Expected::Denied(Action::KillProcess | Action::KillThread), Gate::Killed) => Ok(()),
        (Expected::Denied(action), _) => wrong(format!("denied with {}", words(action))),
    }
}

impl Gate {
    /// In words.
    #[must_use]
    pub fn words(self) -> String {
        match self {
            Self::Through => "let through by the filter".into(),
            Self::Errno(errno) => format!("answered {} by the filter", errno_name(errno)),
            Self::Trap(data) => format!("trapped by the filter with data {data}"),
            Self::Killed => "killed by the filter".into(),
        }
    }
}

fn words(action: Action) -> String {
    match action {
        Action::Errno(errno) => errno_name(errno),
        other => format!("{other:?}"),
    }
}
