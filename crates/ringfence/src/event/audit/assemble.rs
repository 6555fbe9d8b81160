//! Records become events: those of one system call have one serial number and come one after the
//! other, but not alone. Pure.

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{self, Abi};

use super::landlock::{self, Rules};
use super::mac::{self, About, Denial, Labels};
use crate::event::gate::Gate;
use crate::event::record::{self, Access, Body, Record, Seccomp, Syscall, serial::Serials};
use crate::event::text::Text;
use crate::event::twice::Refused;
use crate::event::{Account, Cause, Control, Event, Known, Operation, Outcome, Process, SourceKind};

/// `AUDIT_EOE`: the last record of an event.
const END_OF_EVENT: u16 = 1320;
/// How many events may be unfinished: those of as many processors.
const MOST_OPEN: usize = 256;

/// The right that the launcher's own denial lacks.
const FIRST: &str = "fs.change_topology";

/// What is known so far.
#[derive(Debug)]
pub(super) struct Assembly {
    gate: Option<Gate>,
    rules: Option<Rules>,
    labels: Option<Labels>,
    command: Option<u32>,
    open: BTreeMap<u64, Open>,
    /// The domain that the launcher made, with what was seen and what the kernel counted.
    domain: Option<Domain>,
    serials: Serials,
    overruns: u64,
    unreadable: u64,
    /// Denials of a label of ours by processes that could not be told from others'.
    strangers: u64,
    account: Account,
    /// Calls that a label refused, which another source sees fail. `None`: there is no other.
    refused: Option<Vec<Refused>>,
}

#[derive(Debug, Default)]
struct Open {
    time_ms: u64,
    accesses: Vec<Access>,
    denials: Vec<Denial>,
    syscall: Option<Syscall>,
}

#[derive(Debug, Clone, Copy)]
struct Domain {
    id: u64,
    /// Whether a denial was seen; the first is the launcher's.
    begun: bool,
    /// Those of the command.
    seen: u64,
    /// What the kernel counted, the launcher's among it.
    denials: Option<u64>,
}

impl Assembly {
    pub(super) fn new(gate: Option<Gate>, rules: Option<Rules>, labels: Option<Labels>) -> Self {
        let covers = match (&rules, &labels) {
            (None, None) => "calls for which the filter kills, traps or logs",
            (Some(_), None) => "what Landlock denies, and calls for which the filter kills, traps or logs",
            (None, Some(_)) => "what the label denies, and calls for which the filter kills, traps or logs",
            (Some(_), Some(_)) => "what LSMs deny, and calls for which the filter kills, traps or logs",
        };
        Self {
            gate,
            rules,
            labels,
            command: None,
            open: BTreeMap::new(),
            domain: None,
            serials: Serials::default(),
            overruns: 0,
            unreadable: 0,
            strangers: 0,
            account: Account::new(SourceKind::Audit, covers),
            refused: None,
        }
    }

    pub(super) fn beside_another(&mut self) {
        self.refused = Some(Vec::new());
    }

    /// Those since it was last asked.
    pub(super) fn refused(&mut self) -> Vec<Refused> {
        self.refused.as_mut().map(std::mem::take).unwrap_or_default()
    }

    pub(super) fn watch(&mut self, command: u32) {
        self.command = Some(command);
    }

    pub(super) fn ran_over(&mut self) {
        self.overruns += 1;
    }

    pub(super) fn unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// Whether records may come that nobody counts: where the filter kills, traps or logs, those of
    /// labels, and the first of the Landlock domain.
    pub(super) fn uncounted(&self) -> bool {
        let landlock = self.rules.is_some() && self.domain.is_none();
        landlock || self.gate.as_ref().is_some_and(Gate::ends) || self.labels.is_some()
    }

    /// Whether the Landlock domain has ended, where it is known.
    pub(super) fn settled(&self) -> bool {
        self.domain.is_none_or(|domain| domain.denials.is_some())
    }

    /// `inside`: whether a process belongs to the command; `None`: it cannot be told any more.
    pub(super) fn add(
        &mut self,
        record: Record,
        inside: &dyn Fn(u32) -> Option<bool>,
        give: &mut dyn FnMut(Event),
    ) {
        let Record { time_ms, serial, body } = record;
        self.serials.see(serial);
        match body {
            Body::LandlockDomain(seen) => self.landlock_domain(&seen),
            Body::LandlockAccess(access) => {
                let open = self.open.entry(serial).or_default();
                open.time_ms = time_ms;
                open.accesses.push(access);
            }
            Body::Syscall(syscall) => {
                if let Some(open) = self.open.get_mut(&serial) {
                    open.syscall = Some(syscall);
                }
            }
            Body::Seccomp(seen) => self.seccomp(time_ms, &seen, give),
            Body::Other(END_OF_EVENT) => self.close(serial, give),
            Body::AppArmor(seen) => self.label(serial, time_ms, Denial::AppArmor(seen), inside),
            Body::Avc(seen) => self.label(serial, time_ms, Denial::SeLinux(seen), inside),
            Body::Other(_) => {}
        }
        while self.open.len() > MOST_OPEN {
            let Some(oldest) = self.open.keys().next().copied() else { break };
            self.close(oldest, give);
        }
    }

    /// Recorded with the first denial, which is the launcher's own (`Step::LandlockRecorded`), and before the
    /// end of that event. A domain of the same process that comes later is one that the command made.
    fn landlock_domain(&mut self, seen: &record::Domain) {
        match *seen {
            record::Domain::Allocated { domain: id, pid, .. } => {
                if Some(pid) == self.command && self.domain.is_none() {
                    self.domain = Some(Domain { id, begun: false, seen: 0, denials: None });
                }
            }
            record::Domain::Deallocated { domain: id, denials } => {
                if let Some(domain) = self.domain.as_mut().filter(|domain| domain.id == id) {
                    domain.denials = Some(denials);
                }
            }
        }
    }

    /// Only denials of a label of ours, by processes of ours.
    fn label(&mut self, serial: u64, time_ms: u64, denial: Denial, inside: &dyn Fn(u32) -> Option<bool>) {
        let Some(labels) = self.labels.as_ref().filter(|_| denial.denied()) else { return };
        let ours = match (labels.about(&denial), denial.pid()) {
            (About::Ours, _) => Some(true),
            (About::Others, _) => Some(false),
            (About::MayBe, Some(pid)) if Some(pid) == self.command => Some(true),
            (About::MayBe, Some(pid)) => inside(pid),
            (About::MayBe, None) => None,
        };
        match ours {
            Some(true) => {
                let open = self.open.entry(serial).or_default();
                open.time_ms = time_ms;
                open.denials.push(denial);
            }
            Some(false) => {}
            None => self.strangers += 1,
        }
    }

    /// Events whose end never came.
    pub(super) fn flush(&mut self, give: &mut dyn FnMut(Event)) {
        let open: Vec<u64> = self.open.keys().copied().collect();
        open.into_iter().for_each(|serial| self.close(serial, give));
    }

    fn close(&mut self, serial: u64, give: &mut dyn FnMut(Event)) {
        let Some(open) = self.open.remove(&serial) else { return };
        if let Some(refused) = &mut self.refused {
            refused.extend(mac::refused(&open.denials, open.syscall.as_ref()));
        }
        for denial in &open.denials {
            let Some(labels) = &self.labels else { continue };
            self.account.seen += 1;
            give(labels.event(open.time_ms, denial, open.syscall.as_ref()));
        }
        for access in open.accesses {
            // Other programs restrict themselves as well.
            let Some(domain) = self.domain.as_mut().filter(|domain| domain.id == access.domain) else {
                continue;
            };
            if !std::mem::replace(&mut domain.begun, true) && access.blockers == [FIRST] {
                continue;
            }
            domain.seen += 1;
            self.account.seen += 1;
            give(landlock::event(open.time_ms, &access, open.syscall.as_ref(), self.rules.as_ref()));
        }
    }

    /// Only what the command's own process did is known to be ours.
    fn seccomp(&mut self, time_ms: u64, seen: &Seccomp, give: &mut dyn FnMut(Event)) {
        let told_elsewhere = matches!(seen.action, Action::UserNotif);
        if told_elsewhere || Some(seen.pid) != self.command {
            return;
        }
        self.account.seen += 1;
        let data = SeccompData {
            nr: seen.number,
            arch: seen.arch,
            instruction_pointer: seen.instruction_pointer,
            args: [0; 6],
        };
        give(self.of_filter(time_ms, seen, &data));
    }

    /// The record has no arguments: what rules say is only a prediction, and none where a rule
    /// looks at arguments.
    fn of_filter(&self, time_ms: u64, seen: &Seccomp, data: &SeccompData) -> Event {
        let unknown = || "the record has no arguments, and a rule for this call looks at them".to_owned();
        let plain = self.gate.as_ref().map(|gate| gate.judge(data));
        let other = self.gate.as_ref().map(|gate| gate.judge(&SeccompData { args: [u64::MAX; 6], ..*data }));
        let judged = plain.filter(|plain| Some(plain) == other.as_ref());
        let judged = judged.filter(|judged| same_action(judged.action, seen.action));
        let errno = match seen.action {
            Action::Errno(_) => Known::Unknown("the record does not say which errno".to_owned()),
            _ => Known::Unknown("the call did not return".to_owned()),
        };
        let predicted_cause = |cause: Known<Cause>| match cause {
            Known::Observed(cause) => Known::Predicted(cause),
            other => other,
        };
        let (cause, line, remedy) = match judged {
            Some(judged) => (predicted_cause(judged.cause), judged.line, judged.remedy),
            None => (Known::Unknown(unknown()), Known::Unknown(unknown()), Known::Unknown(unknown())),
        };
        let operation = operation(seen.arch, seen.number);
        let control = Known::Observed(Control::Seccomp);
        let process = process(seen.pid, seen.command.clone());
        Event {
            source: SourceKind::Audit,
            time_ms,
            process,
            operation,
            tried: None,
            outcome: Outcome::Denied,
            control,
            cause,
            line,
            errno,
            remedy,
        }
    }

    pub(super) fn account(&self) -> Account {
        let denials =
            |domain: Domain| domain.denials.map_or(0, |denials| denials.saturating_sub(1 + domain.seen));
        let lost = self.domain.map_or(0, denials);
        // With the domain known, its own count is exact.
        let unsure = if !self.settled() {
            Some("the Landlock domain has not ended yet, so its denials are not counted".to_owned())
        } else if self.rules.is_some() && self.command.is_some() && self.domain.is_none() {
            Some(
                "the record that names the Landlock domain was not received, so its denials are not known"
                    .to_owned(),
            )
        } else if self.strangers > 0 {
            Some(format!(
                "{} denials of a label are of processes that ended too soon to be told from others'",
                self.strangers
            ))
        } else if self.overruns + self.unreadable + self.serials.missing() > 0
            && (self.domain.is_none() || self.labels.is_some())
        {
            Some(format!(
                "{} records of the whole host were not received, {} were unreadable",
                self.serials.missing().max(self.overruns),
                self.unreadable
            ))
        } else {
            None
        };
        Account { lost, unsure, ..self.account.clone() }
    }
}

fn same_action(a: Action, b: Action) -> bool {
    std::mem::discriminant(&a) == std::mem::discriminant(&b)
}

/// A call by its number, without arguments.
pub(super) fn operation(arch: u32, number: u32) -> Operation {
    let data = SeccompData { nr: number, arch, ..SeccompData::default() };
    let abi = Abi::of(&data);
    let call = abi.and_then(|(abi, number)| table::by_number(abi, number)).map(|prototype| prototype.name);
    Operation { call, abi: abi.map(|(abi, _)| abi), number: Some(number), arguments: Vec::new() }
}

pub(super) fn process(pid: u32, command: Option<Text>) -> Process {
    let command = match command {
        Some(command) => Known::Observed(command),
        None => Known::Unknown("the record has no name".to_owned()),
    };
    Process { pid: Some(pid), thread: pid, command }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::record;

    const ACCESS: &str = "domain=1ebe737a7 blockers=fs.make_dir path=\"/root\" dev=\"vda\" ino=1234";
    const CALL: &str = "arch=c000003e syscall=83 success=no exit=-13 a0=7f6004111c40 a1=1ff a2=0 a3=0 items=0 ppid=2669 pid=2670 comm=\"mkdir\" exe=\"/usr/bin/mkdir\" key=(null)";
    const OWN: &str = "domain=1ebe737a7 blockers=fs.change_topology path=\"/\" dev=\"vda\" ino=2";
    const BORN: &str =
        "domain=1ebe737a7 status=allocated mode=enforcing pid=2670 uid=0 exe=\"/x\" comm=\"x\"";

    struct Stream {
        assembly: Assembly,
        events: Vec<Event>,
    }

    impl Stream {
        fn new() -> Self {
            let mut assembly = Assembly::new(None, None, None);
            assembly.watch(2670);
            Self { assembly, events: Vec::new() }
        }

        fn record(&mut self, kind: u16, serial: u64, rest: &str) -> &mut Self {
            let record = record::parse(kind, format!("audit(1.000:{serial}): {rest}").as_bytes()).unwrap();
            self.assembly.add(record, &|_| None, &mut |event| self.events.push(event));
            self
        }

        fn denial(&mut self, serial: u64) -> &mut Self {
            self.record(record::LANDLOCK_ACCESS, serial, ACCESS).record(record::SYSCALL, serial, CALL);
            self.record(END_OF_EVENT, serial, "")
        }

        fn born(&mut self, serial: u64) -> &mut Self {
            self.record(record::LANDLOCK_ACCESS, serial, OWN).record(record::LANDLOCK_DOMAIN, serial, BORN);
            self.record(END_OF_EVENT, serial, "")
        }

        fn ended(&mut self, serial: u64, denials: u64) -> &mut Self {
            let rest = format!("domain=1ebe737a7 status=deallocated denials={denials}");
            self.record(record::LANDLOCK_DOMAIN, serial, &rest)
        }
    }

    #[test]
    fn records_of_one_call_become_one_event() {
        let mut stream = Stream::new();
        stream.born(1).denial(2).ended(3, 2);
        let [event] = &stream.events[..] else { panic!("{:?}", stream.events) };
        assert_eq!(event.operation.call, Some("mkdir"));
        assert_eq!(event.errno, Known::Observed(13));
        assert_eq!(event.control, Known::Observed(Control::Landlock));
        assert_eq!(event.process.pid, Some(2670));
        assert_eq!(stream.assembly.account().verdict(), crate::event::Verdict::Complete);
    }

    #[test]
    fn interleaved_events_are_kept_apart() {
        let mut stream = Stream::new();
        stream.born(1);
        assert_eq!(stream.events, []);
        for kind in [record::LANDLOCK_ACCESS, record::SYSCALL, END_OF_EVENT] {
            let rest = [ACCESS, CALL, ""]
                [usize::from(kind == record::SYSCALL) + 2 * usize::from(kind == END_OF_EVENT)];
            for serial in [4, 2, 3] {
                stream.record(kind, serial, rest);
            }
        }
        assert_eq!(stream.events.len(), 3);
        assert_eq!(stream.assembly.serials.missing(), 0);
    }

    #[test]
    fn denials_that_were_not_received_are_counted_by_the_kernel() {
        let mut stream = Stream::new();
        stream.born(1).denial(2).denial(3);
        assert!(!stream.assembly.settled());
        stream.ended(4, 8);
        assert!(stream.assembly.settled());
        assert_eq!(stream.assembly.account().verdict(), crate::event::Verdict::Missing(5));
    }

    /// A burst can lose every record but the kernel's count at the end.
    #[test]
    fn all_that_were_lost_are_counted() {
        let mut stream = Stream::new();
        stream.born(1).ended(900, 1001);
        assert_eq!(stream.assembly.account().verdict(), crate::event::Verdict::Missing(1000));
    }

    /// A program that restricts itself makes a domain by the same process: what that denies is no line's.
    #[test]
    fn a_domain_of_the_commands_own_is_not_ours() {
        let mut stream = Stream::new();
        stream.born(1);
        let own = |text: &str| text.replace("1ebe737a7", "1ebe737b1");
        stream.record(record::LANDLOCK_ACCESS, 2, &own(ACCESS)).record(
            record::LANDLOCK_DOMAIN,
            2,
            &own(BORN),
        );
        stream.record(END_OF_EVENT, 2, "").denial(3);
        stream
            .record(record::LANDLOCK_DOMAIN, 4, "domain=1ebe737b1 status=deallocated denials=9")
            .ended(5, 2);
        assert_eq!(stream.events.len(), 1);
        assert_eq!(stream.assembly.account().verdict(), crate::event::Verdict::Complete);
    }

    /// Only the launcher's own denial is kept to itself.
    #[test]
    fn a_mount_that_the_command_tries_is_told() {
        let mut stream = Stream::new();
        stream.born(1).record(record::LANDLOCK_ACCESS, 2, OWN).record(END_OF_EVENT, 2, "");
        assert_eq!(stream.events.len(), 1);
    }

    #[test]
    fn other_programs_are_not_ours() {
        let mut stream = Stream::new();
        stream.assembly.watch(9);
        stream.born(1).denial(2).ended(3, 2);
        assert_eq!(stream.events, []);
        assert_eq!(stream.assembly.account().seen, 0);
    }

    #[test]
    fn an_event_without_its_end_is_not_lost() {
        let mut stream = Stream::new();
        stream.born(1).record(record::LANDLOCK_ACCESS, 2, ACCESS);
        let Stream { assembly, events } = &mut stream;
        assembly.flush(&mut |event| events.push(event));
        assert_eq!(events.len(), 1);
        assert!(matches!(events[0].errno, Known::Predicted(13)));
        assert_eq!(events[0].operation.to_string(), "an unknown call(directory: \"/root\")");
        assert_eq!(events[0].process.id(), None);
    }

    #[test]
    fn what_ran_over_is_never_called_complete() {
        let mut stream = Stream::new();
        stream.assembly.ran_over();
        assert!(matches!(stream.assembly.account().verdict(), crate::event::Verdict::Unsure(_)));
        let mut stream = Stream::new();
        stream.record(END_OF_EVENT, 1, "").record(END_OF_EVENT, 5, "");
        assert!(matches!(stream.assembly.account().verdict(), crate::event::Verdict::Unsure(_)));
    }

    #[test]
    fn unfinished_events_are_bounded() {
        let mut stream = Stream::new();
        stream.born(1);
        for serial in 2..2 + 2 * MOST_OPEN as u64 {
            stream.record(record::LANDLOCK_ACCESS, serial, ACCESS);
        }
        assert_eq!(stream.assembly.open.len(), MOST_OPEN);
        assert_eq!(stream.events.len(), MOST_OPEN);
    }
}
