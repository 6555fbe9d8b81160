//! Who refused a call that failed: what the programs observed first, then what the model of the
//! policy predicts of the process and its place.

use std::path::Path;
use std::time::{Duration, Instant};

use ringfence_bpf::filter::Action;

use super::Scope;
use super::layout::{Denier, Failed};
use crate::event::errno::{EACCES, EPERM};
use crate::event::trace::attribute::{self, Attribution};
use crate::event::trace::tried::{Named, Tried, tried};
use crate::event::way::{self, Model};
use crate::event::{Cause, Control, Known, Remedy};
use crate::host::mounts::{Standing, View};
use crate::policy::model::Capability;

/// How long the answer to one question is also that to the same question.
const FRESH: Duration = Duration::from_millis(100);
const DAC_OVERRIDE: u8 = 1;
const SYS_ADMIN: u8 = 21;
const SYS_RESOURCE: u8 = 24;

/// What events are judged by.
#[derive(Debug)]
pub(super) struct Judge {
    model: Model,
    /// Whether capabilities that are asked for are observed.
    asked: bool,
    scope: Scope,
    left_to_audit: u64,
    /// The last answer, and when it was found: a program that does one thing over and over again.
    last: Option<(Failed, Instant, Option<Attribution>)>,
    /// Where to look for a name when its process is gone already: the init has the same view.
    init: Option<i32>,
    /// That view, which outlives the init while somebody has it open; and who stands in it.
    view: Option<View>,
    standing: Option<Standing>,
}

impl Judge {
    pub(super) fn new(model: Model, asked: bool, scope: Scope) -> Self {
        Self { model, asked, scope, left_to_audit: 0, last: None, init: None, view: None, standing: None }
    }

    pub(super) fn init(&mut self, pid: i32) {
        self.init = Some(pid);
        self.view = View::of(pid).ok();
    }

    pub(super) fn left_to_audit(&self) -> u64 {
        self.left_to_audit
    }

    /// `None` where it was no denial, or is told by another source.
    pub(super) fn judge(&mut self, failed: &Failed) -> Option<Attribution> {
        if !failed.entered {
            return Some(self.at_the_gate(failed));
        }
        let attribution = match &self.last {
            Some((last, at, found)) if last == failed && at.elapsed() < FRESH => found.clone(),
            _ => {
                let found = self.behind_the_gate(failed);
                self.last = Some((failed.clone(), Instant::now(), found.clone()));
                found
            }
        };
        let by_landlock =
            attribution.as_ref().is_some_and(|found| found.control.value() == Some(&Control::Landlock));
        if by_landlock && self.scope.landlock_told {
            self.left_to_audit += 1;
            return None;
        }
        attribution
    }

    fn behind_the_gate(&mut self, failed: &Failed) -> Option<Attribution> {
        let tried = tried(&failed.data, &failed.kept);
        if !attribute::may_be_denial(failed.errno, || tried.clone()) {
            return None;
        }
        let predicted = self.predicted(failed, &tried);
        // Permission bits are looked at on every way; modules and mounts have the last word.
        let seen = failed.denier.filter(|_| failed.denied == failed.errno);
        match (seen, self.refused(failed, &tried)) {
            (Some(Denier::Mount | Denier::Landlock | Denier::Module), _) => {
                Some(at_the_end(seen?, predicted))
            }
            (_, Some(DAC_OVERRIDE)) | (Some(Denier::Bits), None) => Some(bits(predicted)),
            (_, Some(capability)) => Some(lacking(capability, failed)),
            (None, None) => predicted,
        }
    }

    /// The call left without having entered: seccomp answered it. Of the policy's own filter the rules
    /// say why.
    fn at_the_gate(&self, failed: &Failed) -> Attribution {
        let judged = self.model.gate().map(|gate| gate.judge(&failed.data));
        match judged.filter(|judged| judged.action == Action::Errno(failed.errno)) {
            Some(judged) => Attribution::filtered(judged, &failed.data),
            None => Attribution {
                control: Known::Observed(Control::Seccomp),
                ..Attribution::unknown("the policy's filter does not answer this: another one does")
            },
        }
    }

    /// The capability whose absence made the call fail.
    fn refused(&self, failed: &Failed, tried: &Tried) -> Option<u8> {
        if !self.asked || !matches!(failed.errno, EPERM | EACCES) {
            return None;
        }
        let mut asked = failed.capabilities;
        // Asked for in passing, whatever comes of the call: memory that is set aside for root, and
        // limits that do not hold for it.
        if matches!(tried, Tried::Amount(_)) {
            asked &= !(1 << SYS_ADMIN | 1 << SYS_RESOURCE);
        }
        // To search and to read, either of two capabilities would do, and the first one that is asked
        // for is not the last word.
        if failed.errno == EACCES && asked & 1 << DAC_OVERRIDE != 0 {
            return Some(DAC_OVERRIDE);
        }
        asked &= !(1 << DAC_OVERRIDE | 1 << 2);
        // CAP_SYS_ADMIN stands for many younger ones, which are asked for first.
        let lowest = |set: u64| (set != 0).then(|| set.trailing_zeros() as u8);
        lowest(asked & !(1 << SYS_ADMIN)).or_else(|| lowest(asked))
    }

    fn predicted(&mut self, failed: &Failed, tried: &Tried) -> Option<Attribution> {
        // Not for want of a capability, if those are seen: then users are not what kept them apart.
        let scoped = self.asked && self.model.has_landlock() && failed.errno == EPERM;
        match tried {
            Tried::Signal(_) if scoped => {
                return Some(landlock("scope.signal", "no signal reaches a process outside"));
            }
            Tried::Trace if scoped => return Some(landlock("ptrace", "no process outside can be traced")),
            Tried::Trace => {
                let why = "users, Yama, or what the other process is";
                return (failed.errno == EPERM).then(|| Attribution::unknown(why));
            }
            _ => {}
        }
        let Some(subject) = self.subject(failed.thread.cast_signed(), tried) else {
            return gone(failed.errno);
        };
        attribute::attribute(&self.model, subject, tried, failed.errno)
    }

    /// Where to look for names: by the thread, by the init where it has ended, in its view where that has
    /// ended too, and by ringfence itself where all have the same view. `None`: there is nobody to ask.
    fn subject(&mut self, thread: i32, tried: &Tried) -> Option<i32> {
        let lives = |pid: i32| Path::new(&format!("/proc/{pid}/root")).exists();
        if lives(thread) {
            return Some(thread);
        }
        if !absolute(tried) {
            return None;
        }
        if let Some(init) = self.init.filter(|init| lives(*init)) {
            return Some(init);
        }
        if self.scope.host_view {
            return Some(std::process::id().cast_signed());
        }
        if self.standing.is_none() {
            self.standing = self.view.as_ref().and_then(|view| view.stand().ok());
        }
        self.standing.as_ref().map(Standing::thread)
    }
}

/// The place of a relative name ends with its process.
fn gone(errno: u16) -> Option<Attribution> {
    matches!(errno, EPERM | EACCES | 30)
        .then(|| Attribution::unknown("the process had ended before its directory was seen"))
}

fn absolute(tried: &Tried) -> bool {
    let is = |named: &Named| named.path.first() == Some(&b'/');
    match tried {
        Tried::Path(named) => is(named),
        Tried::Paths(old, new) => is(old) && is(new),
        _ => true,
    }
}

/// Whose function was seen to refuse. Where the model says the same, its cause, line and remedy are told.
fn at_the_end(seen: Denier, predicted: Option<Attribution>) -> Attribution {
    let (control, cause, why) = match seen {
        Denier::Landlock => {
            (Control::Landlock, None, "Landlock's hook refused, and which right is missing is not known")
        }
        Denier::Mount => (
            Control::Mount,
            Some(Cause::ReadOnly),
            "what is mounted there is read-only, and no line is known to say so",
        ),
        _ => (Control::Lsm, None, "a security module refused, and which one is not known"),
    };
    match predicted {
        Some(found) if found.control.value() == Some(&control) => {
            Attribution { control: Known::Observed(control), ..found }
        }
        found => Attribution {
            control: Known::Observed(control),
            cause: cause.map_or_else(|| Known::Unknown(why.to_owned()), Known::Observed),
            tried: found.and_then(|found| found.tried),
            ..Attribution::unknown(why)
        },
    }
}

/// Permission bits, since the kernel asked for the capability that overrides them. What covers a
/// denied path is shut by its bits as well: that is the view's doing.
fn bits(predicted: Option<Attribution>) -> Attribution {
    match predicted {
        Some(found) if found.cause.value() == Some(&Cause::Covered) => found,
        Some(found) if found.control.value() == Some(&Control::Credential) => {
            let cause = match found.cause {
                Known::Predicted(cause) => Known::Observed(cause),
                other => other,
            };
            Attribution { control: Known::Observed(Control::Credential), cause, ..found }
        }
        _ => Attribution::plain(
            Control::Credential,
            Cause::Bits("CAP_DAC_OVERRIDE would be needed and is not there".to_owned()),
            true,
            Known::Unknown("which file or directory on the way shuts it is not known".to_owned()),
        ),
    }
}

fn landlock(right: &str, why: &'static str) -> Attribution {
    let cause = Cause::MissingRight(right.to_owned());
    Attribution::plain(Control::Landlock, cause, false, Known::Predicted(Remedy::None(why)))
}

fn lacking(capability: u8, failed: &Failed) -> Attribution {
    let name = Capability(capability).name();
    let remedy = if failed.outermost >> capability & 1 == 1 {
        Known::Predicted(Remedy::None("it counts in the first user namespace alone"))
    } else {
        way::keep(name)
    };
    Attribution::plain(Control::Credential, Cause::Capability(name), true, remedy)
}
