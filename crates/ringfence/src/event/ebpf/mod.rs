//! Calls that failed, told by programs in the kernel (`bpf/denial.bpf.c`): what the view, permission
//! bits, capabilities, Landlock, other modules, namespaces and limits refuse behind the filter.
//!
//! Arguments and names are what the call was given: they are read as it enters. That a call did not
//! come past seccomp, and which capabilities were asked for and not there, is observed; the rest of
//! why it failed is worked out from the process and the policy's model, and said to be predicted.
//!
//! Nothing is lost unsaid: the program counts what it sends and what it could not send; before its
//! ring is full it stops the process that fills it ([`pressure`]). It needs `CAP_BPF` and
//! `CAP_PERFMON`, and makes every system call of the host dearer as long as it is attached
//! (`bench/README.md`).

mod ends;
mod interest;
mod judge;
pub mod layout;
mod pressure;

use std::os::fd::{AsFd, BorrowedFd};

use aya::Ebpf as Object;
use aya::maps::{Array, HashMap, MapData, PerCpuArray, RingBuf};

use super::notify::now;
use super::text::Text;
use super::way::Model;
use super::{Account, Event, Known, Outcome, Process, Source, SourceKind, call};
use crate::ebpf::{Absent, DENIAL, Kernel, Place, left_out};
use judge::Judge;
use layout::{Settings, count};
use pressure::Pressure;

/// How many records are taken before signals and the terminal get their turn.
const AT_ONCE: usize = 4096;
/// Unread bytes from which whoever fills the ring is stopped: half of it, so that threads that are
/// still running, and other processes, have room.
const THRESHOLD: u32 = 512 << 10;
/// The program that sees a call enter.
const ENTRY: &str = "gate_entered";
/// Where each program of the object is attached.
const PROGRAMS: [(&str, &str); 5] = [
    (ENTRY, "sys_enter"),
    ("gate_left", "sys_exit"),
    ("forked", "sched_process_fork"),
    ("executed", "sched_process_exec"),
    ("signalled", "signal_generate"),
];
/// Since Linux 6.13; before it, the end of the function.
const CAPABILITIES: (&str, &str) = ("capability_asked", "cap_capable");
const CAPABILITIES_BEFORE: (&str, &str) = ("capability_ended", "cap_capable");
/// What an account covers.
const COVERS: &str = "calls that failed for what the kernel checks behind the filter; who refused is";

/// Whose calls are watched, and what else tells of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// The command gets a pid namespace of its own.
    pub space: bool,
    /// The command sees the host's files, so that a name can be looked at when all of it has ended.
    pub host_view: bool,
    /// What seccomp answers is told by its listener; here it is only counted.
    pub gate_told: bool,
    /// What Landlock denies is told by audit's records; here it is only counted.
    pub landlock_told: bool,
}

/// Programs that are attached as long as this lives.
pub struct Ebpf {
    // Holds the programs and their attachments.
    object: Object,
    /// Those without which a denial is not seen as what it is.
    programs: Vec<&'static str>,
    ring: RingBuf<MapData>,
    counts: PerCpuArray<MapData, u64>,
    settings: Array<MapData, [u32; 8]>,
    pressure: Option<Pressure>,
    judge: Judge,
    scope: Scope,
    received: u64,
    unreadable: u64,
    account: Account,
}

impl Ebpf {
    /// Loads and attaches the programs. Call it before the command's init is made: they find it.
    ///
    /// # Errors
    /// What the caller or the kernel lacks.
    pub fn attach(model: Model, scope: Scope) -> Result<Self, Absent> {
        let kernel = Kernel::open()?;
        let mut object = kernel.load(DENIAL, |_| {})?;
        let settings = Settings {
            launcher: if scope.space { std::process::id() } else { 0 },
            init: 0,
            gate: !scope.gate_told,
            most: if scope.space { THRESHOLD } else { 0 },
            follow: !scope.space,
        };
        let mut map = |name: &str| {
            object.take_map(name).ok_or_else(|| Absent::Refused {
                doing: format!("find the map {name}"),
                why: "the object has none of that name".to_owned(),
            })
        };
        let mut set: Array<_, [u32; 8]> = map("settings")?.try_into()?;
        set.set(0, settings.words(), 0)?;
        let mut calls: Array<_, u32> = map("calls")?.try_into()?;
        for (place, word) in (0..).zip(interest::calls()).filter(|(_, word)| *word != 0) {
            calls.set(place, word, 0)?;
        }
        let mut errors: Array<_, u32> = map("errors")?.try_into()?;
        for (number, word) in interest::errors() {
            errors.set(number, word, 0)?;
        }
        let counts = map("counts")?.try_into()?;
        let ring = map("ring")?.try_into()?;
        let stopped: HashMap<_, u32, [u32; 4]> = map("stopped")?.try_into()?;
        for (program, place) in PROGRAMS {
            kernel.attach(&mut object, program, Place::Tracepoint(place))?;
        }
        let (program, place) = CAPABILITIES;
        let (older, end) = CAPABILITIES_BEFORE;
        let mut programs: Vec<_> = PROGRAMS.iter().map(|(program, _)| *program).collect();
        if kernel.attach(&mut object, program, Place::Tracepoint(place)).is_ok() {
            programs.push(program);
        } else if kernel.attach(&mut object, older, Place::End(end)).is_ok() {
            programs.push(older);
        }
        let observed = programs.len() > PROGRAMS.len();
        let covers = format!("{COVERS} {}", ends::attach(&kernel, &mut object, model.has_landlock()));
        Ok(Self {
            object,
            programs,
            ring,
            counts,
            settings: set,
            pressure: scope.space.then(|| Pressure::new(stopped)),
            judge: Judge::new(model, observed, scope),
            scope,
            received: 0,
            unreadable: 0,
            account: Account::new(SourceKind::Ebpf, covers),
        })
    }

    /// The init of the command, where there is no pid namespace by which the programs find it.
    pub fn init(&mut self, pid: i32) {
        self.judge.init(pid);
        if !self.scope.space {
            let settings = Settings { init: pid.unsigned_abs(), follow: true, ..self.asked() };
            let _ = self.settings.set(0, settings.words(), 0);
        }
    }

    fn asked(&self) -> Settings {
        Settings { gate: !self.scope.gate_told, ..Settings::default() }
    }

    fn sum(&self, which: u32) -> u64 {
        self.counts.get(&which, 0).map_or(0, |values| values.iter().sum())
    }

    fn class_sum(&self, from: u32) -> u64 {
        (from..from + 4).map(|which| self.sum(which)).sum()
    }

    /// Denials by seccomp that the programs counted: a second witness for its listener.
    #[must_use]
    pub fn at_the_gate(&self) -> u64 {
        self.sum(count::GATE)
    }

    /// How often the kernel left one of these programs out, for whatever task. `None`: it does not say.
    fn left_out(&self, programs: &[&str]) -> Option<u64> {
        programs.iter().map(|program| left_out(&self.object, program)).sum()
    }

    /// Why something may have been missed, where the kernel left programs out. Of a call whose entry alone was
    /// missed it is seen that it fails; but where the listener tells of seccomp, that is only counted.
    fn doubt(&self) -> Option<String> {
        let endless = self.sum(count::ENDLESS);
        if endless > 0 {
            return Some(format!("{endless} calls were not seen to end: the kernel left the program out"));
        }
        let all = self.left_out(&self.programs);
        let failures_are_seen = !self.scope.gate_told || self.at_the_gate() == 0;
        if all == Some(0) || (all.is_some() && all == self.left_out(&[ENTRY]) && failures_are_seen) {
            return None;
        }
        Some(match all {
            Some(times) => format!(
                "the kernel left the programs out {times} times, for tasks of this run or of others, as it had put \
                 another one aside in them"
            ),
            None => {
                "whether the kernel left the programs out is not to be seen in /proc/self/fdinfo".to_owned()
            }
        })
    }

    /// Denials that audit's records should tell of.
    #[must_use]
    pub fn left_to_audit(&self) -> u64 {
        self.judge.left_to_audit()
    }

    /// How often a process was stopped because it was faster than this reader.
    #[must_use]
    pub fn stops(&self) -> u64 {
        self.sum(count::STOPS)
    }

    /// Takes all that is left, once the command has ended.
    pub fn finish(&mut self, give: &mut dyn FnMut(Event)) {
        while self.drain(give) == AT_ONCE {}
    }

    fn drain(&mut self, give: &mut dyn FnMut(Event)) -> usize {
        for taken in 0..AT_ONCE {
            let Some(item) = self.ring.next() else { return taken };
            let failed = layout::parse(&item);
            drop(item);
            self.received += 1;
            match failed {
                Some(failed) => {
                    if !failed.entered && !self.judge.may_have_entered {
                        self.judge.may_have_entered = self.left_out(&[ENTRY]) != Some(0);
                    }
                    if let Some(event) = event(&mut self.judge, &failed) {
                        give(event);
                    }
                }
                None => self.unreadable += 1,
            }
        }
        AT_ONCE
    }
}

impl std::fmt::Debug for Ebpf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ebpf").field("scope", &self.scope).field("account", &self.account()).finish()
    }
}

fn event(judge: &mut Judge, failed: &layout::Failed) -> Option<Event> {
    let attribution = judge.judge(failed)?;
    Some(Event {
        source: SourceKind::Ebpf,
        time_ms: now(),
        process: Process {
            pid: Some(failed.process),
            thread: failed.thread,
            command: Known::Observed(Text::new(failed.command.clone())),
        },
        operation: call::decode(&failed.data, &failed.kept),
        outcome: Outcome::Denied,
        control: attribution.control,
        cause: attribution.cause,
        line: attribution.line,
        errno: Known::Observed(failed.errno),
        remedy: attribution.remedy,
        tried: attribution.tried,
    })
}

impl Source for Ebpf {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.ring.as_fd())
    }

    fn take(&mut self, give: &mut dyn FnMut(Event)) {
        self.drain(give);
        if let Some(pressure) = &mut self.pressure {
            pressure.wake();
        }
    }

    fn account(&self) -> Account {
        let (sent, dropped) = (self.class_sum(count::SENT), self.class_sum(count::DROPPED));
        let unkept = self.sum(count::UNKEPT);
        let lost = dropped + sent.saturating_sub(self.received) + self.unreadable;
        let unsure = if let Some(doubt) = self.doubt() {
            Some(doubt)
        } else if unkept > 0 {
            Some(format!("{unkept} calls of threads for which the kernel had no memory were not looked at"))
        } else if self.sum(count::URING) > 0 {
            Some("the program uses io_uring, whose operations are no system calls".to_owned())
        } else if self.judge.undecided() > 0 {
            let names = self.judge.undecided();
            Some(format!(
                "{names} names were not found, and whether they exist outside could not be looked at"
            ))
        } else {
            None
        };
        Account { seen: self.received, lost, counted: Some(sent + dropped), unsure, ..self.account.clone() }
    }
}
