//! What the seccomp room's programs answer, by the reference interpreter.

use bumpalo::Bump;
use ringfence_bpf::eval;
use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::prove;
use ringfence_bpf::rule::{self, Rule};
use ringfence_bpf::table::{self, Abi};
use ringfence_sys::step::Step;

use super::{Families, Model, Reason, Sockets, compile, specify};
use crate::host::Host;
use crate::policy::Origin;
use crate::policy::model::{At, SyscallMode};

const HERE: Origin = Origin { source: 0, offset: 7, len: 3 };
const TOKEN: u64 = 0x0123_4567_89ab_cdef;
/// Instructions that let the launch's own execve(2) pass.
const TOKEN_INSNS: usize = 9;

const EPERM: Action = Action::Errno(1);
const EACCES: Action = Action::Errno(13);
const ENOSYS: Action = Action::Errno(38);
const EPROTONOSUPPORT: Action = Action::Errno(93);
const EOPNOTSUPP: Action = Action::Errno(95);
const EAFNOSUPPORT: Action = Action::Errno(97);
const ALLOW: Action = Action::Allow;

const UNIX: u64 = 1;
const INET: u64 = 2;
const INET6: u64 = 10;
const NETLINK: u64 = 16;
const PACKET: u64 = 17;
const STREAM: u64 = 1;
const DGRAM: u64 = 2;
const RAW: u64 = 3;
const SEQPACKET: u64 = 5;
const CLOEXEC: u64 = 0o2_000_000;
const TCP: u64 = 6;
const UDP: u64 = 17;
const MPTCP: u64 = 262;
const FASTOPEN: u64 = 0x2000_0000;
/// What a filter sees and the kernel does not read.
const HIGH: u64 = 0xdead_beef_0000_0000;

fn rules(texts: &[&str]) -> Vec<At<Rule>> {
    texts.iter().map(|text| At { value: rule::parse(text).unwrap(), at: HERE }).collect()
}

fn families() -> Families {
    Families { stream: Sockets::None, datagram: Sockets::None, unix: false, netlink_route: false, at: None }
}

pub(super) fn model() -> Model {
    Model {
        mode: SyscallMode::Filter,
        mode_at: None,
        abis: AbiSet::ALL,
        allow: rules(&["@system-service", "@network-io", "@io-event", "socketcall", "setns", "unshare"]),
        deny: vec![],
        on_deny: EPERM,
        unknown: ENOSYS,
        bad_abi: ENOSYS,
        families: Some(families()),
        terminal: false,
        nested_user_namespaces: true,
        io_uring_at: None,
        log: false,
        notify: false,
        spec_allow: false,
        permitted: true,
        token: None,
    }
}

struct Filter(Vec<Insn>);

impl Filter {
    fn of(model: &Model) -> Self {
        let arena = Bump::new();
        let compiled = compile(model, &Host::for_tests(), &arena).unwrap();
        let Step::SeccompFilter { program, .. } = compiled.steps[0].step else { panic!("{compiled:?}") };
        let insns: Vec<Insn> =
            program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect();
        // Over every input; what comes before it for the launch has tests of its own.
        let specified = specify(model).unwrap().unwrap();
        let rules = if specified.needs_token { &insns[TOKEN_INSNS..] } else { &insns };
        assert_eq!(prove::compiled(&Program::new(rules.to_vec()), &specified.spec), Ok(None));
        Self(insns)
    }

    fn data(abi: Abi, call: &str, args: &[u64]) -> Option<SeccompData> {
        let number = table::call(call).unwrap().number(abi)?;
        let mut data =
            SeccompData { nr: number | abi.bit(), arch: abi.audit_arch(), ..SeccompData::default() };
        data.args[..args.len()].copy_from_slice(args);
        Some(data)
    }

    fn raw(&self, data: &SeccompData) -> Action {
        eval::action(&self.0, data).unwrap()
    }

    fn ask(&self, abi: Abi, call: &str, args: &[u64]) -> Option<Action> {
        Self::data(abi, call, args).map(|data| self.raw(&data))
    }

    /// The same answer through every ABI that has the call, whatever the upper halves.
    fn check(&self, call: &str, args: &[u64], expected: Action) {
        for abi in Abi::ALL {
            for high in [0, HIGH] {
                let args: Vec<u64> = args.iter().map(|arg| arg | high).collect();
                if let Some(action) = self.ask(abi, call, &args) {
                    assert_eq!(action, expected, "{call}({args:x?}) of {}", abi.name());
                }
            }
        }
    }
}

#[test]
fn without_a_network_only_pairs_of_streams_are_made() {
    let filter = Filter::of(&model());
    for family in [UNIX, INET, INET6, NETLINK, PACKET, 0, 46, 0xffff_ffff] {
        filter.check("socket", &[family, STREAM, 0], EAFNOSUPPORT);
    }
    filter.check("socketpair", &[UNIX, STREAM | CLOEXEC, 0], ALLOW);
    filter.check("socketpair", &[UNIX, SEQPACKET, 0], ALLOW);
    filter.check("socketpair", &[UNIX, DGRAM | CLOEXEC, 0], EACCES);
    filter.check("socketpair", &[UNIX, RAW, 0], EACCES);
    filter.check("socketpair", &[INET, STREAM, 0], EAFNOSUPPORT);
    filter.check("socketcall", &[1], ENOSYS);
}

#[test]
fn with_unix_sockets_pairs_of_datagrams_are_made_too() {
    let filter = Filter::of(&Model { families: Some(Families { unix: true, ..families() }), ..model() });
    filter.check("socket", &[UNIX, DGRAM, 0], ALLOW);
    filter.check("socketpair", &[UNIX, DGRAM, 0], ALLOW);
    filter.check("socket", &[INET, STREAM, 0], EAFNOSUPPORT);
}

#[test]
fn where_landlock_guards_ports_only_tcp_and_udp_are_made() {
    let ports = Families { stream: Sockets::Ports, datagram: Sockets::Ports, ..families() };
    let filter = Filter::of(&Model { families: Some(ports), ..model() });
    for family in [INET, INET6] {
        filter.check("socket", &[family, STREAM | CLOEXEC, 0], ALLOW);
        filter.check("socket", &[family, STREAM, TCP], ALLOW);
        filter.check("socket", &[family, STREAM, MPTCP], EPROTONOSUPPORT);
        filter.check("socket", &[family, STREAM, 132], EPROTONOSUPPORT);
        filter.check("socket", &[family, STREAM, 256], EPROTONOSUPPORT);
        filter.check("socket", &[family, DGRAM, UDP], ALLOW);
        filter.check("socket", &[family, DGRAM, 1], EPROTONOSUPPORT);
        filter.check("socket", &[family, DGRAM, 136], EPROTONOSUPPORT);
        filter.check("socket", &[family, RAW, 1], EACCES);
        filter.check("socket", &[family, SEQPACKET, 132], EACCES);
    }
    filter.check("sendto", &[3, 0, 0, FASTOPEN | 0x4000], EOPNOTSUPP);
    filter.check("sendmsg", &[3, 0, FASTOPEN], EOPNOTSUPP);
    filter.check("sendmmsg", &[3, 0, 1, FASTOPEN], EOPNOTSUPP);
    filter.check("sendto", &[3, 0, 0, 0x4000], ALLOW);
}

#[test]
fn each_type_is_decided_by_itself() {
    let streams = Families { stream: Sockets::Every, ..families() };
    let filter = Filter::of(&Model { families: Some(streams), ..model() });
    filter.check("socket", &[INET, STREAM, MPTCP], ALLOW);
    filter.check("socket", &[INET, DGRAM, 0], EACCES);
    filter.check("sendto", &[3, 0, 0, FASTOPEN], ALLOW);
    let datagrams = Families { datagram: Sockets::Ports, ..families() };
    let filter = Filter::of(&Model { families: Some(datagrams), ..model() });
    filter.check("socket", &[INET6, DGRAM, 0], ALLOW);
    filter.check("socket", &[INET6, STREAM, 0], EACCES);
}

#[test]
fn netlink_is_the_route_family_alone() {
    let filter =
        Filter::of(&Model { families: Some(Families { netlink_route: true, ..families() }), ..model() });
    filter.check("socket", &[NETLINK, RAW | CLOEXEC, 0], ALLOW);
    filter.check("socket", &[NETLINK, RAW, 9], EPROTONOSUPPORT);
    filter.check("socket", &[PACKET, RAW, 0], EAFNOSUPPORT);
}

#[test]
fn io_uring_is_absent_where_sockets_are_restricted() {
    for call in ["io_uring_setup", "io_uring_enter", "io_uring_register"] {
        Filter::of(&model()).check(call, &[1], ENOSYS);
        let free = Model { families: None, allow: rules(&["@system-service", call]), ..model() };
        Filter::of(&free).check(call, &[1], ALLOW);
    }
    let refusal = specify(&Model { io_uring_at: Some(HERE), ..model() }).unwrap_err();
    assert!(refusal.message.contains("io_uring"), "{refusal}");
    assert_eq!(refusal.at, Some(HERE));
    let free = Model { io_uring_at: Some(HERE), families: None, ..model() };
    assert!(specify(&free).is_ok());
}

#[test]
fn nothing_is_typed_into_a_shared_terminal() {
    let filter = Filter::of(&Model { terminal: true, ..model() });
    filter.check("ioctl", &[0, 0x5412, 0], EPERM);
    filter.check("ioctl", &[0, 0x541c, 0], EPERM);
    filter.check("ioctl", &[0, 0x5413, 0], ALLOW);
    Filter::of(&model()).check("ioctl", &[0, 0x5412, 0], ALLOW);
}

#[test]
fn no_way_leads_into_a_nested_user_namespace() {
    let filter = Filter::of(&Model { nested_user_namespaces: false, ..model() });
    filter.check("clone", &[0x1000_0011], EPERM);
    filter.check("clone", &[0x11], ALLOW);
    filter.check("unshare", &[0x1002_0000], EPERM);
    filter.check("unshare", &[0x400], ALLOW);
    filter.check("setns", &[3, 0], EPERM);
    filter.check("clone3", &[0, 88], ENOSYS);
    let nested = Filter::of(&model());
    nested.check("clone3", &[0, 88], ALLOW);
    nested.check("clone", &[0x1000_0011], ALLOW);
}

#[test]
fn a_rule_that_logs_does_not_open_what_an_intent_closes() {
    let deny = rules(&["socketpair", "socket -> log"]);
    let model = Model { deny, ..model() };
    Filter::of(&model).check("socket", &[PACKET, RAW, 0], EAFNOSUPPORT);
    Filter::of(&model).check("socketpair", &[UNIX, STREAM, 0], EPERM);
    let specified = specify(&model).unwrap().unwrap();
    assert_eq!(specified.deny.first(), Some(&Reason::Policy(HERE)));
    assert_eq!(specified.deny.last(), Some(&Reason::Policy(HERE)));
    assert_eq!(specified.deny.len(), specified.spec.deny.len());
    assert_eq!(specified.deny[1], Reason::Families(None));
}

#[test]
fn on_deny_log_does_not_open_what_an_intent_closes() {
    let model = Model { on_deny: Action::Log, deny: rules(&["socket"]), ..model() };
    Filter::of(&model).check("socket", &[PACKET, RAW, 0], EAFNOSUPPORT);
    Filter::of(&model).check("mount", &[], Action::Log);
}

#[test]
fn strict_mode_is_its_four_calls_and_the_launch() {
    let model = Model { mode: SyscallMode::Strict, token: Some(TOKEN), ..model() };
    let filter = Filter::of(&model);
    for (call, abis) in [("read", 3), ("write", 3), ("exit", 3), ("rt_sigreturn", 3), ("sigreturn", 1)] {
        filter.check(call, &[], ALLOW);
        assert_eq!(
            Abi::ALL.iter().filter(|abi| filter.ask(**abi, call, &[]).is_some()).count(),
            abis,
            "{call}"
        );
    }
    for prototype in Abi::ALL.iter().flat_map(|abi| table::prototypes(*abi)) {
        if !["read", "write", "exit", "rt_sigreturn", "sigreturn"].contains(&prototype.name) {
            filter.check(prototype.name, &[], Action::KillProcess);
        }
    }
    assert_eq!(filter.ask(Abi::X86_64, "execve", &[1, 2, 3, TOKEN]), Some(ALLOW));
    let unknown = SeccompData { nr: 4000, arch: table::AUDIT_ARCH_X86_64, ..SeccompData::default() };
    assert_eq!(filter.raw(&unknown), Action::KillProcess);
}

#[test]
fn the_launch_passes_by_its_token_alone() {
    let model = Model { deny: rules(&["execve", "execveat"]), token: Some(TOKEN), ..model() };
    let filter = Filter::of(&model);
    assert_eq!(filter.ask(Abi::X86_64, "execve", &[1, 2, 3, TOKEN]), Some(ALLOW));
    for bit in 0..64 {
        assert_eq!(filter.ask(Abi::X86_64, "execve", &[1, 2, 3, TOKEN ^ 1 << bit]), Some(EPERM), "bit {bit}");
    }
    assert_eq!(filter.ask(Abi::X86_64, "execveat", &[1, 2, 3, TOKEN]), Some(EPERM));
    assert_eq!(filter.ask(Abi::I386, "execve", &[1, 2, 3, TOKEN]), Some(EPERM));
    assert_eq!(filter.ask(Abi::X32, "execve", &[1, 2, 3, TOKEN]), Some(EPERM));
    assert!(compile(&Model { token: None, ..model }, &Host::for_tests(), &Bump::new()).is_err());
}

#[test]
fn a_policy_that_allows_execve_needs_no_token() {
    assert!(!specify(&model()).unwrap().unwrap().needs_token);
    let i386 = Model { abis: AbiSet::NONE.with(Abi::I386), ..model() };
    assert!(specify(&i386).unwrap().unwrap().needs_token);
    let without = Model { allow: rules(&["read"]), ..model() };
    assert!(specify(&without).unwrap().unwrap().needs_token);
}

#[test]
fn the_flags_are_what_was_asked() {
    let flags = |model: &Model| {
        let arena = Bump::new();
        let compiled = compile(model, &Host::for_tests(), &arena).unwrap();
        let Step::SeccompFilter { flags, .. } = compiled.steps[0].step else { panic!("{compiled:?}") };
        flags
    };
    assert_eq!(flags(&model()), 0);
    assert_eq!(flags(&Model { log: true, ..model() }), 2);
    assert_eq!(flags(&Model { spec_allow: true, ..model() }), 4);
}

#[test]
fn off_makes_no_step_and_what_is_not_permitted_is_refused() {
    let off = Model { mode: SyscallMode::Off, permitted: false, ..model() };
    assert!(compile(&off, &Host::for_tests(), &Bump::new()).unwrap().steps.is_empty());
    let refused = Model { permitted: false, ..model() };
    assert!(
        compile(&refused, &Host::for_tests(), &Bump::new()).unwrap_err().message.contains("no_new_privs")
    );
}

#[test]
fn the_program_answers_what_the_specification_means() {
    let ports = Families {
        stream: Sockets::Ports,
        datagram: Sockets::Ports,
        unix: true,
        netlink_route: true,
        at: None,
    };
    let model = Model {
        families: Some(ports),
        terminal: true,
        nested_user_namespaces: false,
        deny: rules(&["@obsolete", "sendmsg -> log"]),
        ..model()
    };
    let (filter, spec) = (Filter::of(&model), specify(&model).unwrap().unwrap().spec);
    let interesting =
        [0, 1, 2, 3, 5, 6, 10, 16, 17, 132, 262, 0x5412, 0x541c, 0x1000_0011, 0x2000_0000, u64::MAX];
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    for abi in Abi::ALL {
        for number in (0..=table::highest(abi)).chain([4000]) {
            for _ in 0..24 {
                let args = std::array::from_fn(|_| {
                    let word = interesting[random() as usize % interesting.len()];
                    if random() % 3 == 0 { word | HIGH } else { word }
                });
                let nr = number | abi.bit();
                let data = SeccompData { nr, arch: abi.audit_arch(), instruction_pointer: 0, args };
                assert_eq!(filter.raw(&data), rule::meaning(&spec, &data), "{data:x?}");
            }
        }
    }
}

/// The program of a model whose denials are told.
fn listening(model: &Model) -> (Vec<Insn>, u64) {
    let arena = Bump::new();
    let compiled = compile(model, &Host::for_tests(), &arena).unwrap();
    let Step::SeccompListen { program, flags, .. } = compiled.steps[0].step else { panic!("{compiled:?}") };
    (program.iter().map(|i| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k }).collect(), flags)
}

#[test]
fn told_denials_are_denials_and_nothing_else_changes() {
    const TOKEN: u64 = 0x0123_4567_89ab_cdef;
    let plain = Model { deny: rules(&["mkdir -> kill", "rmdir -> trap", "chdir -> log"]), ..model() };
    let told = Model { notify: true, token: Some(TOKEN), ..plain.clone() };
    let (before, (after, flags)) = (Filter::of(&plain).0, listening(&told));
    assert_eq!(flags, 1 << 5, "calls that were taken up are not interrupted");
    for abi in ringfence_bpf::table::Abi::ALL {
        for number in (0..ringfence_bpf::table::highest(abi) + 3).map(|number| number | abi.bit()) {
            for first in [0, 1, 2, 16, u64::MAX] {
                let args = [first, 1, 0, 0, 0, 0];
                let data = SeccompData { nr: number, arch: abi.audit_arch(), instruction_pointer: 0, args };
                let was = ringfence_bpf::eval::action(&before, &data).unwrap();
                let expected = if matches!(was, Action::Errno(_)) { Action::UserNotif } else { was };
                assert_eq!(ringfence_bpf::eval::action(&after, &data), Ok(expected), "{data:?}");
            }
        }
    }
}

#[test]
fn only_the_launch_gives_its_listener_away() {
    const TOKEN: u64 = 0x0123_4567_89ab_cdef;
    let deny = rules(&["sendmsg"]);
    let (program, _) = listening(&Model { deny, notify: true, token: Some(TOKEN), ..model() });
    let answer = |nr: u32, fourth: u64| {
        let arch = ringfence_bpf::table::Abi::X86_64.audit_arch();
        let data = SeccompData { nr, arch, instruction_pointer: 0, args: [3, 1, 0, fourth, 0, 0] };
        ringfence_bpf::eval::action(&program, &data).unwrap()
    };
    assert_eq!(answer(46, TOKEN), Action::Allow);
    for other in [0, TOKEN ^ 1, TOKEN ^ 1 << 63, TOKEN as u32 as u64] {
        assert_eq!(answer(46, other), Action::UserNotif, "{other:#x}");
    }
    assert_eq!(answer(101, TOKEN), Action::UserNotif, "the token opens no other call");
}

#[test]
fn a_filter_that_never_answers_an_errno_has_no_listener() {
    let kill = Action::KillProcess;
    let model = Model {
        notify: true,
        token: Some(1),
        on_deny: kill,
        unknown: kill,
        bad_abi: kill,
        families: None,
        ..model()
    };
    let arena = Bump::new();
    let compiled = compile(&model, &Host::for_tests(), &arena).unwrap();
    assert!(matches!(compiled.steps[0].step, Step::SeccompFilter { .. }), "{compiled:?}");
}
