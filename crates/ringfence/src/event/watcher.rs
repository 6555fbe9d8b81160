//! All sources of one run, beside the launcher: what they see goes into the journal and to a sink.

use std::fmt::Debug;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Instant;

use super::audit::{Audit, Labels, Rules};
use super::ebpf::{Ebpf, Scope};
use super::gate::Gate;
use super::guard::Guarded;
use super::notify::Notify;
use super::trace::Trace;
use super::twice::Twice;
use super::way::Model;
use super::{Account, Control, Event, Journal, Outcome, SourceKind, Verdict};
use crate::ebpf::guard::Ring;
use crate::host::Host;
use crate::launch;
use crate::plan::Plan;
use crate::policy::Policy;
use crate::policy::model::Events;

/// `PROC_PID_INIT_INO` of include/linux/proc_ns.h.
const FIRST_PID_NAMESPACE: u64 = 0xEFFF_FFFC;
/// include/uapi/linux/sched.h.
const CLONE_NEWPID: u64 = 0x2000_0000;

/// Something that reports denials.
pub trait Source: Debug {
    /// What is readable when there is something to take.
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;

    /// Gives whatever is there now. Does not wait for more.
    fn take(&mut self, give: &mut dyn FnMut(Event));

    /// What was seen, and what is known to be lost.
    fn account(&self) -> Account;
}

/// Where each event goes as it comes.
pub trait Sink: Debug {
    /// Writes one.
    ///
    /// # Errors
    /// The event is not written; the run counts it.
    fn write(&mut self, event: &Event) -> io::Result<()>;
}

/// A control that nothing watches, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blind {
    /// Which one.
    pub control: Control,
    /// What of it, where it is not all.
    pub part: Option<&'static str>,
    /// Why nobody sees what it denies.
    pub because: String,
}

/// What was seen in a run.
#[derive(Debug)]
pub struct Summary {
    /// Each kind of denial.
    pub journal: Journal,
    /// What each source saw, and what it knows to have missed.
    pub accounts: Vec<Account>,
    /// Events that the sink did not take.
    pub unwritten: u64,
    /// What nobody watched.
    pub blind: Vec<Blind>,
}

/// Sees what is denied while a plan is carried out.
#[derive(Debug)]
pub struct Watcher<'s> {
    notify: Option<Notify>,
    audit: Option<Audit>,
    guarded: Option<Guarded>,
    trace: Option<Trace>,
    ebpf: Option<Ebpf>,
    /// Where audit tells what a label denied, and eBPF sees the same calls fail.
    twice: Option<Twice>,
    blind: Vec<Blind>,
    init: Option<i32>,
    told: Told<'s>,
}

/// Where events go.
#[derive(Debug)]
struct Told<'s> {
    journal: Journal,
    sink: Option<&'s mut dyn Sink>,
    unwritten: u64,
}

impl<'s> Watcher<'s> {
    /// For a plan of this policy. Uses whatever sources this caller may use on this host.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn new(plan: &Plan<'_>, policy: &Policy, host: &Host, sink: Option<&'s mut dyn Sink>) -> Self {
        if plan.traced {
            return Self::tracing(plan, policy, host, sink);
        }
        let gate = Gate::new(&plan.gate, policy);
        let rules = plan.landlock.clone().map(|model| Rules { model, policy: policy.clone() });
        let mut blind = Vec::new();
        let (landlock, labels) = (rules.is_some(), Labels::of(plan, policy));
        if let Some(why) = labels.as_ref().and_then(|labels| labels.silent(noquiet())) {
            blind.push(unwatched(Control::Lsm, why));
        }
        let labelled = labels.is_some();
        // What the kernel keeps quiet about is nothing that audit covers.
        let quiet = silent(plan, host);
        let told = rules.filter(|rules| rules.model.recorded);
        let mut audit = match join(host, gate.clone(), told, labels) {
            Ok(audit) => {
                if let (true, Some(why)) = (landlock, &quiet) {
                    blind.push(unwatched(Control::Landlock, why));
                }
                Some(audit)
            }
            Err(why) => {
                if landlock {
                    blind.push(unwatched(Control::Landlock, &why));
                }
                if labelled {
                    blind.push(unwatched(Control::Lsm, &why));
                }
                None
            }
        };
        let scope = Scope {
            space: plan.clone_flags & CLONE_NEWPID != 0,
            host_view: plan.view.is_none(),
            gate_told: plan.listens(),
            landlock_told: landlock && audit.is_some() && quiet.is_none(),
        };
        let ebpf = match attach(plan, policy, host, scope) {
            Ok(ebpf) => {
                blind.retain(|blind| blind.control != Control::Landlock);
                let limits = &policy.limits;
                if limits.memory.is_some() || limits.cpu_time.is_some() || limits.wall_ms.is_some() {
                    let why =
                        "memory and time that run out end a process by a signal, which is not told here";
                    blind.push(unwatched(Control::Limit, why));
                }
                Some(ebpf)
            }
            Err(why) => {
                blind.extend(behind_the_filter(&why));
                None
            }
        };
        blind.sort_by_key(|blind| blind.control);
        let notify = gate.filter(|_| plan.listens()).map(Notify::new);
        let guarded = guarded(plan, policy, ebpf.is_some());
        let told = Told { journal: Journal::default(), sink, unwritten: 0 };
        let twice = audit.as_mut().filter(|_| labelled && ebpf.is_some()).map(|audit| {
            audit.beside_another();
            Twice::new()
        });
        Self { notify, audit, trace: None, ebpf, twice, guarded, blind, init: None, told }
    }

    /// A tracer sees what every control denies; the filter's listener says what only the filter knows.
    fn tracing(plan: &Plan<'_>, policy: &Policy, host: &Host, sink: Option<&'s mut dyn Sink>) -> Self {
        let all = policy.audit.events.value == Events::All;
        let trace = Trace::new(Model::new(plan, policy, host), plan.listens(), all);
        let notify = Gate::new(&plan.gate, policy).filter(|_| plan.listens()).map(|gate| {
            // The tracer sees what is killed or trapped.
            Notify::new(gate).beside_a_tracer()
        });
        let told = Told { journal: Journal::default(), sink, unwritten: 0 };
        let guarded = guarded(plan, policy, true);
        let (trace, blind) = (Some(trace), Vec::new());
        Self { notify, audit: None, trace, ebpf: None, twice: None, guarded, blind, init: None, told }
    }

    /// Arguments and environment of programs, which may hold secrets, are told as well.
    pub fn tell_arguments(&mut self) {
        if let Some(notify) = &mut self.notify {
            notify.tell_arguments();
        }
        if let Some(trace) = &mut self.trace {
            trace.tell_arguments();
        }
    }

    /// What was seen and what may be missing, once the command has ended. Waits for the last
    /// records, two seconds at most.
    #[must_use]
    #[cold]
    #[inline(never)]
    pub fn finish(mut self) -> Summary {
        let mut failed = Vec::new();
        if let Some(ebpf) = &mut self.ebpf {
            ebpf.finish(&mut |event| failed.push(event));
        }
        if let Some(audit) = &mut self.audit {
            audit.finish(&mut |event| self.told.take(event));
        }
        if let Some(guarded) = &mut self.guarded {
            guarded.take(&mut |event| self.told.take(event));
            failed.retain(|event| !guarded.told(event));
        }
        if let (Some(twice), Some(audit)) = (&mut self.twice, &mut self.audit) {
            failed = twice.finish(audit.refused(), failed, Instant::now());
        }
        failed.into_iter().for_each(|event| self.told.take(event));
        let accounts = self.accounts();
        let Told { journal, unwritten, .. } = self.told;
        Summary { journal, accounts, unwritten, blind: self.blind }
    }

    /// Where two sources see the same, each is the other's witness.
    fn accounts(&self) -> Vec<Account> {
        let mut accounts: Vec<_> = self.sources().map(Source::account).collect();
        let Some(ebpf) = &self.ebpf else { return accounts };
        for account in &mut accounts {
            let (counted, where_else) = match account.source {
                SourceKind::Notify => (ebpf.at_the_gate(), "by a filter of the program's own, or missed"),
                SourceKind::Audit => (ebpf.left_to_audit(), "by another control than was thought, or missed"),
                SourceKind::Guard | SourceKind::Ebpf | SourceKind::Trace => continue,
            };
            if counted > account.seen {
                let more = counted - account.seen;
                let words = || format!("eBPF counted {more} more: denied {where_else}");
                account.unsure.get_or_insert_with(words);
            }
        }
        accounts
    }

    fn sources(&self) -> impl Iterator<Item = &dyn Source> {
        let notify = self.notify.iter().map(|source| source as &dyn Source);
        notify
            .chain(self.audit.iter().map(|source| source as &dyn Source))
            .chain(self.ebpf.iter().map(|source| source as &dyn Source))
            .chain(self.guarded.iter().map(|source| source as &dyn Source))
            .chain(self.trace.iter().map(|source| source as &dyn Source))
    }
}

/// proc_pid_task_children(5).
fn child_of(init: i32) -> Option<i32> {
    let children = std::fs::read_to_string(format!("/proc/{init}/task/{init}/children")).ok()?;
    children.split_ascii_whitespace().next()?.parse().ok()
}

impl Told<'_> {
    fn take(&mut self, event: Event) {
        if let Some(sink) = &mut self.sink
            && sink.write(&event).is_err()
        {
            self.unwritten += 1;
        }
        match event.outcome {
            Outcome::Denied => self.journal.add(event),
            Outcome::Passed => self.journal.pass(),
        }
    }
}

impl Summary {
    /// How many denials were seen.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.journal.listed().iter().map(|kind| kind.count).sum::<u64>() + self.journal.unlisted()
    }

    /// Whether every denial of every control was seen and written.
    #[must_use]
    pub fn complete(&self) -> bool {
        let whole = self.accounts.iter().all(|account| account.verdict() == Verdict::Complete);
        self.blind.is_empty() && self.unwritten == 0 && whole
    }
}

impl launch::Observer for Watcher<'_> {
    fn init(&mut self, pid: i32) {
        self.init = Some(pid);
        if let Some(ebpf) = &mut self.ebpf {
            ebpf.init(pid);
        }
    }

    fn command(&mut self) -> io::Result<()> {
        let init = self.init.ok_or(io::ErrorKind::NotFound)?;
        let command = child_of(init).ok_or(io::ErrorKind::NotFound)?;
        if let Some(audit) = &mut self.audit {
            audit.watch(command.unsigned_abs());
            audit.descends_from(init.unsigned_abs());
        }
        self.trace.as_mut().map_or(Ok(()), |trace| trace.seize(command))
    }

    fn listener(&mut self, listener: OwnedFd) {
        if let Some(notify) = &mut self.notify {
            notify.listen(listener);
        }
    }

    fn ring(&mut self, ring: Ring) {
        if let Some(guarded) = &mut self.guarded {
            guarded.listen(ring, self.init);
        }
    }

    fn denied(&mut self, count: u64) {
        if let Some(guarded) = &mut self.guarded {
            guarded.counted(count);
        }
    }

    fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let timer = self.twice.iter().filter_map(Twice::descriptor);
        self.sources().filter_map(Source::descriptor).chain(timer).collect()
    }

    fn look(&mut self) {
        let Self { notify, audit, trace, ebpf, twice, guarded, told, .. } = self;
        // These two see calls fail, whoever denied them; what the BPF LSM programs deny, those tell, and
        // what a label denies, audit.
        let mut failed = Vec::new();
        let mut keep = |event: Event| failed.push(event);
        if let Some(trace) = trace {
            trace.take(&mut keep);
        }
        if let Some(ebpf) = ebpf {
            ebpf.take(&mut keep);
        }
        let mut give = |event: Event| told.take(event);
        if let Some(notify) = notify {
            notify.take(&mut give);
        }
        if let Some(audit) = audit.as_mut() {
            audit.take(&mut give);
        }
        if let Some(guarded) = guarded {
            guarded.take(&mut give);
            failed.retain(|event| !guarded.told(event));
        }
        if let (Some(twice), Some(audit)) = (twice, audit) {
            failed = twice.sift(audit.refused(), failed, Instant::now());
        }
        failed.into_iter().for_each(give);
    }
}

/// `twice`: another source sees the same calls fail.
fn guarded(plan: &Plan<'_>, policy: &Policy, twice: bool) -> Option<Guarded> {
    let model = plan.guard.as_ref()?.model.clone();
    let mut guarded = Guarded::new(model, policy.clone());
    if twice {
        guarded.beside_another();
    }
    Some(guarded)
}

/// What nobody sees without programs in the kernel.
fn behind_the_filter(why: &str) -> [Blind; 5] {
    let because = format!("{why}; `--explain=ptrace` sees it, and needs no privilege");
    [
        (Control::Mount, "files that are hidden or read-only in the view"),
        (Control::Credential, "permission bits and capabilities"),
        (Control::Namespace, "processes that are not visible"),
        (Control::Net, "addresses to which an own network has no way"),
        (Control::Limit, "limits that are reached"),
    ]
    .map(|(control, part)| Blind { part: Some(part), ..unwatched(control, &because) })
}

/// Programs in the kernel, where this caller may load them and their process ids mean something here.
fn attach(plan: &Plan<'_>, policy: &Policy, host: &Host, scope: Scope) -> Result<Ebpf, String> {
    if host.process().value.pid_namespace != FIRST_PID_NAMESPACE {
        return Err("eBPF tells of processes of the first pid namespace, and this is another".to_owned());
    }
    Ebpf::attach(Model::new(plan, policy, host), scope).map_err(|absent| absent.to_string())
}

fn unwatched(control: Control, because: &str) -> Blind {
    Blind { control, part: None, because: because.to_owned() }
}

/// The kernel's records, where this caller gets them and their process ids mean something here.
fn join(
    host: &Host,
    gate: Option<Gate>,
    rules: Option<Rules>,
    labels: Option<Labels>,
) -> Result<Audit, String> {
    if host.process().value.pid_namespace != FIRST_PID_NAMESPACE {
        return Err(
            "audit's records name processes of the first pid namespace, and this is another".to_owned()
        );
    }
    Audit::join(gate, rules, labels).map_err(|error| match error.raw_os_error() {
        Some(1) => "its records are in audit's, which takes CAP_AUDIT_READ to see".to_owned(),
        Some(93 | 97) => "the kernel has no audit facility".to_owned(),
        _ => format!("audit's records cannot be read: {error}"),
    })
}

/// Whether AppArmor records what a rule denies explicitly.
fn noquiet() -> bool {
    let mode = std::fs::read_to_string("/sys/module/apparmor/parameters/audit");
    mode.is_ok_and(|mode| matches!(mode.trim(), "noquiet" | "all"))
}

/// Why the kernel writes no record of what Landlock denies.
fn silent(plan: &Plan<'_>, host: &Host) -> Option<String> {
    const SINCE: u32 = 7;
    let (abi, status) = (host.landlock().value.abi, &host.audit().value.status);
    match status.known() {
        _ if abi < SINCE => {
            Some(format!("the kernel records its denials from ABI {SINCE} on; this is {abi}"))
        }
        Some(status) if status.enabled == 0 => {
            Some("auditing is off, so the kernel records none: `auditctl -e 1` turns it on".to_owned())
        }
        Some(_) if plan.landlock.as_ref().is_some_and(|model| !model.log) => {
            Some("audit.events = \"none\" leaves none of its denials recorded".to_owned())
        }
        Some(_) => None,
        None => Some("whether auditing is on is not known to this caller".to_owned()),
    }
}
