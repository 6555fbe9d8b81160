//! Who refused a call that failed: what the programs observed first, then what the model of the
//! policy predicts of the process and its place.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::time::{Duration, Instant};

use ringfence_bpf::filter::Action;

use super::Scope;
use super::layout::{By, Denier, Failed};
use crate::event::errno::{EACCES, EPERM, EROFS};
use crate::event::scene::{self, Subject};
use crate::event::trace::attribute::{self, Attribution};
use crate::event::trace::tried::{Named, Tried, tried};
use crate::event::way::{self, Deed, Model, Who};
use crate::event::{Cause, Control, Known, Remedy, address};
use crate::host::mounts::View;
use crate::policy::model::Capability;

/// How long the answer to one question is also that to the same question.
const FRESH: Duration = Duration::from_millis(100);
const DAC_OVERRIDE: u8 = 1;
const SYS_ADMIN: u8 = 21;
/// The capabilities for want of which a call fails with EACCES; for want of every other it is EPERM, or
/// something is smaller than it might be (CAP_SYS_RESOURCE of mq_open(2)). CAP_DAC_OVERRIDE,
/// CAP_DAC_READ_SEARCH; CAP_NET_BIND_SERVICE of bind(2); CAP_IPC_OWNER of System V IPC; CAP_SYS_PTRACE of
/// files in proc(5); CAP_SYS_ADMIN and CAP_PERFMON of perf_event_open(2); CAP_SYS_NICE of setpriority(2);
/// CAP_LEASE of fcntl(2).
const MAKE_EACCES: u64 =
    1 << DAC_OVERRIDE | 1 << 2 | 1 << 10 | 1 << 15 | 1 << 19 | 1 << 21 | 1 << 23 | 1 << 28 | 1 << 38;
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
    /// Where to look for a name: the process may be gone already, and the init has the same view.
    init: Option<i32>,
    /// That view, which outlives the init while somebody has it open; and its root, once it was needed.
    view: Option<View>,
    root: Option<OwnedFd>,
    users: Option<Users>,
    /// Names that were not found and could not be looked at.
    undecided: u64,
    /// A call that was not seen to enter may have entered: the kernel leaves programs out.
    pub(super) may_have_entered: bool,
}

impl Judge {
    pub(super) fn new(model: Model, asked: bool, scope: Scope) -> Self {
        Self {
            model,
            asked,
            scope,
            left_to_audit: 0,
            last: None,
            init: None,
            view: None,
            root: None,
            users: None,
            undecided: 0,
            may_have_entered: false,
        }
    }

    pub(super) fn init(&mut self, pid: i32) {
        self.init = Some(pid);
        self.view = View::of(pid).ok();
        self.users = Users::of(pid).ok();
    }

    /// Failed calls of which it is not known whether they were denials.
    pub(super) fn undecided(&self) -> u64 {
        self.undecided
    }

    pub(super) fn left_to_audit(&self) -> u64 {
        self.left_to_audit
    }

    /// `None` where it was no denial, or is told by another source.
    pub(super) fn judge(&mut self, failed: &Failed) -> Option<Attribution> {
        if !failed.entered {
            return self.at_the_gate(failed);
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
            (_, Some(DAC_OVERRIDE)) | (Some(Denier::Bits), None) => Some(self.bits(predicted)),
            (_, Some(capability)) => Some(lacking(capability, failed, predicted)),
            (None, None) => predicted,
        }
    }

    /// Permission bits, since the kernel asked for the capability that overrides them. What covers a
    /// denied path is shut by its bits as well: that is the view's doing, and where it is not known
    /// what was looked at, it is not known which of both it was.
    fn bits(&self, predicted: Option<Attribution>) -> Attribution {
        match predicted {
            Some(found) if found.cause.value() == Some(&Cause::Covered) => found,
            Some(found) if found.control.value() == Some(&Control::Credential) => {
                let cause = match found.cause {
                    Known::Predicted(cause) => Known::Observed(cause),
                    other => other,
                };
                Attribution { control: Known::Observed(Control::Credential), cause, ..found }
            }
            found if self.model.covers() => Attribution {
                tried: found.and_then(|found| found.tried),
                ..Attribution::unknown("permission bits, of the file itself or of what covers it")
            },
            found => Attribution {
                tried: found.and_then(|found| found.tried),
                ..Attribution::plain(
                    Control::Credential,
                    Cause::Bits("CAP_DAC_OVERRIDE would be needed and is not there".to_owned()),
                    true,
                    Known::Unknown("which file or directory on the way shuts it is not known".to_owned()),
                )
            },
        }
    }

    /// The call left without having entered: seccomp answered it. Of the policy's own filter the rules
    /// say why.
    fn at_the_gate(&mut self, failed: &Failed) -> Option<Attribution> {
        let judged = self.model.gate().map(|gate| gate.judge(&failed.data));
        match judged.filter(|judged| judged.action == Action::Errno(failed.errno)) {
            Some(judged) => Some(Attribution::filtered(judged, &failed.data)),
            None if self.may_have_entered => {
                // What is only not there is most often no denial.
                let refused = matches!(failed.errno, EACCES | EPERM | EROFS);
                self.undecided += u64::from(!refused);
                let why =
                    "the program that sees calls enter was left out by the kernel, or another filter answers";
                refused.then(|| Attribution::unknown(why))
            }
            None => Some(Attribution {
                control: Known::Observed(Control::Seccomp),
                ..Attribution::unknown("the policy's filter does not answer this: another one does")
            }),
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
        if failed.errno == EACCES {
            asked &= MAKE_EACCES;
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
        let Some((subject, tried)) = self.subject(failed, tried) else {
            return self.unplaced(failed.errno);
        };
        attribute::attribute(&self.model, &subject, &tried, failed.errno)
    }

    /// Who tried it, and what was tried by absolute names. `None`: where a name leads cannot be looked at.
    fn subject(&mut self, failed: &Failed, tried: &Tried) -> Option<(Subject, Tried)> {
        let tried = rooted(tried, failed)?;
        let named = match &tried {
            Tried::Path(_) | Tried::Paths(..) => true,
            Tried::Address { address, .. } => address::unix_path(address).is_some(),
            _ => false,
        };
        let root = if named { Some(self.root(failed)?) } else { None };
        let kept = scene::Kept { root, who: self.who(failed), limits: failed.by.limits };
        Some((Subject::Kept(kept), tried))
    }

    /// The root of the view in which it was tried. What has another root than its view, or another view
    /// than the init, can only be asked itself.
    fn root(&mut self, failed: &Failed) -> Option<OwnedFd> {
        let own = self.view.as_ref().is_some_and(|view| view.number() == Some(u64::from(failed.by.view)));
        if !own || !failed.by.rooted {
            return scene::root_of(failed.thread.cast_signed());
        }
        if self.root.is_none() {
            self.root = self.find_root();
        }
        self.root.as_ref()?.try_clone().ok()
    }

    /// That of the init, while it lives; of ringfence itself where it is the same view; of a thread that
    /// enters what the init has left.
    fn find_root(&self) -> Option<OwnedFd> {
        if self.scope.host_view {
            return scene::root_of(std::process::id().cast_signed());
        }
        self.init.and_then(scene::root_of).or_else(|| {
            let standing = self.view.as_ref()?.stand().ok()?;
            scene::root_of(standing.thread())
        })
    }

    /// Who it was, by what the program kept; `None` where its user namespace is not the init's, and it
    /// has ended.
    fn who(&mut self, failed: &Failed) -> Option<Who> {
        let By { user, group, effective, users, .. } = failed.by;
        let own = self.users.as_mut().filter(|own| own.number == u64::from(users));
        let Some(own) = own else { return scene::who(failed.thread.cast_signed()) };
        let (uids, gids) = own.maps()?;
        let groups = failed.by.groups.clone()?;
        Some(Who { uid: user, gid: group, groups, capabilities: effective, uids, gids })
    }

    /// Where a name leads is not known. Of what was not found, it is not even known whether it is
    /// there outside: that is counted.
    fn unplaced(&mut self, errno: u16) -> Option<Attribution> {
        if matches!(errno, EPERM | EACCES | EROFS) {
            return Some(Attribution::unknown("the process had ended before its directory was seen"));
        }
        self.undecided += 1;
        None
    }
}

/// The user namespace of the init, and its maps: a descriptor of a map stays when the process has ended.
#[derive(Debug)]
struct Users {
    number: u64,
    maps: [File; 2],
    read: Option<(Ids, Ids)>,
}

/// Ids outside: first and count.
type Ids = Vec<(u32, u32)>;

impl Users {
    fn of(pid: i32) -> std::io::Result<Self> {
        let number = std::fs::metadata(format!("/proc/{pid}/ns/user"))?.ino();
        let map = |name: &str| File::open(format!("/proc/{pid}/{name}"));
        Ok(Self { number, maps: [map("uid_map")?, map("gid_map")?], read: None })
    }

    /// Read when the command runs: then they are written.
    fn maps(&mut self) -> Option<(Ids, Ids)> {
        if self.read.is_none() {
            let read = |file: &mut File| {
                let mut text = String::new();
                file.read_to_string(&mut text).ok()?;
                Some(scene::outside(&text)).filter(|ids| !ids.is_empty())
            };
            let [uids, gids] = &mut self.maps;
            self.read = Some((read(uids)?, read(gids)?));
        }
        self.read.clone()
    }
}

/// The same by absolute names, from where the program saw that they are looked up; `None` where it
/// did not.
fn rooted(tried: &Tried, failed: &Failed) -> Option<Tried> {
    let [first, second] = &failed.directories;
    let absolute = |path: &[u8], directory: &Option<Vec<u8>>| {
        if path.first() == Some(&b'/') {
            return Some(path.to_vec());
        }
        directory.as_ref().map(|directory| [directory, &b"/"[..], path].concat())
    };
    let named =
        |named: &Named, directory| Some(Named { path: absolute(&named.path, directory)?, ..named.clone() });
    Some(match tried {
        // The target of a link is no name that is looked up.
        Tried::Path(path) if path.deed == Deed::Symlink => Tried::Path(named(path, second)?),
        Tried::Path(path) => Tried::Path(named(path, first)?),
        Tried::Paths(old, new) => Tried::Paths(named(old, first)?, named(new, second)?),
        Tried::Address { bind, udp, address } => match address::unix_path(address) {
            Some(path) => {
                let address = [&address[..2], &absolute(path, second)?].concat();
                Tried::Address { bind: *bind, udp: *udp, address }
            }
            None => tried.clone(),
        },
        other => other.clone(),
    })
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

fn landlock(right: &str, why: &'static str) -> Attribution {
    let cause = Cause::MissingRight(right.to_owned());
    Attribution::plain(Control::Landlock, cause, false, Known::Predicted(Remedy::None(why)))
}

fn lacking(capability: u8, failed: &Failed, predicted: Option<Attribution>) -> Attribution {
    let name = Capability(capability).name();
    let remedy = if failed.outermost >> capability & 1 == 1 {
        Known::Predicted(Remedy::None("it counts in the first user namespace alone"))
    } else {
        way::keep(name)
    };
    let tried = predicted
        .filter(|found| found.control.value() == Some(&Control::Credential))
        .and_then(|found| found.tried)
        .or_else(|| (failed.errno == EPERM).then(|| format!("capability {name}")));
    Attribution { tried, ..Attribution::plain(Control::Credential, Cause::Capability(name), true, remedy) }
}
