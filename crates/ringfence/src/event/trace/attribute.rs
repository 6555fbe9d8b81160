//! Which control gave an errno: what the tracer saw of the process and its place, held against the
//! model of the policy. Only where both say the same is a control named; where several could have
//! said it, the first in the kernel's order; where none could, the cause is unknown.

use ringfence_bpf::program::SeccompData;

use super::tried::{Amount, Named, Tried};
use crate::event::errno::{
    EACCES, EADDRNOTAVAIL, EAGAIN, EBUSY, EFBIG, EMFILE, ENETUNREACH, ENOENT, ENOMEM, EPERM, EROFS, ESRCH,
    EXDEV,
};
use crate::event::gate::Judgement;
use crate::event::scene::{self, Place, Subject};
use crate::event::way::{Answer, Deed, Model, Stop};
use crate::event::{Cause, Control, Known, Line, Remedy, Setting, address, call, way};
use crate::policy::model::NetMode;

/// Who said no, and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::event) struct Attribution {
    pub(in crate::event) control: Known<Control>,
    pub(in crate::event) cause: Known<Cause>,
    pub(in crate::event) line: Known<Line>,
    pub(in crate::event) remedy: Known<Remedy>,
    /// What was tried, in the language of operations.
    pub(in crate::event) tried: Option<String>,
}

impl Attribution {
    /// The filter's answer to a call.
    pub(in crate::event) fn filtered(judgement: Judgement, data: &SeccompData) -> Self {
        let Judgement { cause, line, remedy, .. } = judgement;
        Self { control: Known::Observed(Control::Seccomp), cause, line, remedy, tried: call::rule(data) }
    }

    fn of_words(self, tried: Option<String>) -> Self {
        Self { tried, ..self }
    }

    pub(in crate::event) fn unknown(why: &str) -> Self {
        let why = || why.to_owned();
        Self {
            control: Known::Unknown(why()),
            cause: Known::Unknown(why()),
            line: Known::Unknown(why()),
            remedy: Known::Unknown(why()),
            tried: None,
        }
    }

    /// A stop of the model, `observed` where what was seen of the process leaves no other.
    fn of(stop: &Stop, observed: bool) -> Self {
        let none = || format!("{} denies it, and no line says so", stop.control.name());
        Self {
            control: known(stop.control, observed),
            cause: match &stop.cause {
                Some(cause) => known(cause.clone(), observed),
                None => Known::Unknown(stop.about.clone()),
            },
            line: stop.line.clone().map_or_else(|| Known::Unknown(none()), Known::Predicted),
            remedy: stop.remedy.clone().unwrap_or_else(|| Known::Unknown("nothing is known to".to_owned())),
            tried: None,
        }
    }

    pub(in crate::event) fn plain(
        control: Control,
        cause: Cause,
        observed: bool,
        remedy: Known<Remedy>,
    ) -> Self {
        let line = Known::Unknown("no line of the policy says it".to_owned());
        Self { control: known(control, observed), cause: known(cause, observed), line, remedy, tried: None }
    }
}

fn known<T>(value: T, observed: bool) -> Known<T> {
    if observed { Known::Observed(value) } else { Known::Predicted(value) }
}

/// Whether an errno can be a denial at all, of what was tried; the cheap part of the question.
pub(in crate::event) fn may_be_denial(errno: u16, tried: impl FnOnce() -> Tried) -> bool {
    match errno {
        EPERM | EACCES | EROFS | ENETUNREACH | EMFILE | EFBIG => true,
        ENOENT => matches!(tried(), Tried::Path(_) | Tried::Paths(..) | Tried::Address { .. }),
        ESRCH => matches!(tried(), Tried::Signal(_)),
        EXDEV | EBUSY => matches!(tried(), Tried::Paths(..) | Tried::Path(_)),
        EAGAIN | ENOMEM => matches!(tried(), Tried::Amount(_)),
        EADDRNOTAVAIL => matches!(tried(), Tried::Address { .. }),
        _ => false,
    }
}

/// Who gave `errno` for what a subject tried; `None` where it is no denial.
pub(in crate::event) fn attribute(
    model: &Model,
    subject: &Subject,
    tried: &Tried,
    errno: u16,
) -> Option<Attribution> {
    match tried {
        Tried::Path(named) => path(model, subject, named, errno),
        Tried::Paths(old, new) => paths(model, subject, old, new, errno),
        Tried::Address { bind, udp, address } => peer(model, subject, (*bind, *udp), address, errno),
        Tried::Signal(pid) => signal(model, *pid, errno),
        Tried::Capability(name, first) if matches!(errno, EPERM | EACCES) => {
            let words = (errno == EPERM).then(|| format!("capability {name}"));
            Some(capability(subject, name, *first).of_words(words))
        }
        Tried::Amount(amount) => limit(model, subject, *amount, errno),
        Tried::Trace if errno == EPERM => Some(Attribution::plain(
            Control::Launch,
            Cause::Traced,
            false,
            Known::Predicted(Remedy::None("a program that traces is run without --explain=ptrace")),
        )),
        Tried::Other | Tried::Trace | Tried::Capability(..) if matches!(errno, EPERM | EACCES | EROFS) => {
            Some(Attribution::unknown("what this call checks by itself is not modelled"))
        }
        Tried::Capability(..) if errno == EMFILE => limit(model, subject, Amount::Files, errno),
        Tried::Other | Tried::Trace | Tried::Capability(..) => None,
    }
}

/// A deed with a path in the language of operations; `None` where that has no words for it, or where the
/// path is none that a policy can name.
fn words(place: &Place, deed: Deed) -> Option<String> {
    let plain = |path: &&str| !path.contains(|c: char| c.is_control() || c == '$' || c == '~');
    let path = place.found.path.to_str().filter(plain)?;
    let word = match deed {
        Deed::Look | Deed::Chdir | Deed::Read => "read",
        Deed::Write => "write",
        Deed::Create | Deed::Mkdir | Deed::Mknod | Deed::Symlink => "create",
        Deed::Exec => "exec",
        Deed::Unlink | Deed::Rmdir => "unlink",
        Deed::Rename => "rename",
        Deed::Link => "link",
        Deed::Chmod => "chmod",
        Deed::Truncate => "truncate",
        Deed::Chroot => "chroot",
        Deed::Device | Deed::Chown | Deed::Times | Deed::Attribute => return None,
    };
    Some(format!("{word} {path}"))
}

/// rename(2) and link(2): the name that is known to be denied, the old one first.
fn paths(model: &Model, subject: &Subject, old: &Named, new: &Named, errno: u16) -> Option<Attribution> {
    if let (EXDEV, Some(old), Some(new)) = (errno, place(subject, old), place(subject, new)) {
        return Some(across(model, &old, &new));
    }
    let (first, second) = (path(model, subject, old, errno), path(model, subject, new, errno));
    let known =
        |found: &Option<Attribution>| found.as_ref().is_some_and(|found| found.line.value().is_some());
    let attributed =
        |found: &Option<Attribution>| found.as_ref().is_some_and(|found| found.control.value().is_some());
    match () {
        () if known(&first) => first,
        () if known(&second) || (attributed(&second) && !attributed(&first)) => second,
        () => first.or(second),
    }
}

fn place(subject: &Subject, named: &Named) -> Option<Place> {
    scene::place(subject, named.from, &named.path, named.follow)
}

fn path(model: &Model, subject: &Subject, named: &Named, errno: u16) -> Option<Attribution> {
    if errno == EMFILE {
        return limit(model, subject, Amount::Files, errno);
    }
    let Some(place) = place(subject, named) else {
        return (errno != ENOENT).then(|| Attribution::unknown("where the path leads could not be seen"));
    };
    // With O_CREAT, what exists is written.
    let deed = match (named.deed, place.inside) {
        (Deed::Create, Some(true)) => Deed::Write,
        (deed, _) => deed,
    };
    let tried = words(&place, deed);
    let done = denied_path(model, &place, deed, errno)?;
    Some(done.of_words(tried))
}

fn denied_path(model: &Model, place: &Place, deed: Deed, errno: u16) -> Option<Attribution> {
    let stops = way::file_stops(model, deed, &place.found);
    let from = |control| stops.iter().find(move |stop: &&Stop| stop.control == control);
    let denies = |control| from(control).filter(|stop| stop.answer == Answer::Denies(errno));
    match errno {
        ENOENT => hidden(model, place, deed),
        EROFS => {
            let read_only = place.mount.is_some_and(|mount| mount.read_only);
            Some(match denies(Control::Mount) {
                Some(stop) => Attribution::of(stop, read_only),
                None if read_only => Attribution::plain(Control::Mount, Cause::ReadOnly, true, nothing()),
                None => Attribution::unknown("neither the mount nor the policy's view is read-only"),
            })
        }
        EBUSY if place.mount.is_some_and(|mount| mount.top) => {
            Some(Attribution::plain(Control::Mount, Cause::Mounted, true, nothing()))
        }
        EPERM | EACCES => Some(refused(&stops, place, deed, errno)),
        _ => None,
    }
}

/// Permission bits, a mount without programs, a cover, or Landlock.
fn refused(stops: &[Stop], place: &Place, deed: Deed, errno: u16) -> Attribution {
    for stop in stops.iter().filter(|stop| stop.answer == Answer::Denies(errno)) {
        match stop.control {
            // What covers a path is another file, which its bits shut.
            Control::Mount if stop.cause == Some(Cause::Covered) && place.same != Some(true) => {
                return Attribution::of(stop, place.same == Some(false));
            }
            Control::Mount if deed == Deed::Exec && place.mount.is_some_and(|mount| mount.no_exec) => {
                return Attribution::of(stop, true);
            }
            Control::Credential if covered(stops) && place.same == Some(false) => {}
            Control::Credential | Control::Landlock => return Attribution::of(stop, false),
            _ => {}
        }
    }
    if deed == Deed::Exec && errno == EACCES && place.mount.is_some_and(|mount| mount.no_exec) {
        return Attribution::plain(Control::Mount, Cause::NoExec, true, nothing());
    }
    if stops.iter().any(|stop| stop.control == Control::Credential && stop.answer == Answer::Unknown) {
        return Attribution::unknown("the permission bits on the way are not known");
    }
    Attribution::unknown("neither the view, nor permission bits, nor Landlock's rules explain it")
}

fn covered(stops: &[Stop]) -> bool {
    stops.iter().any(|stop| stop.control == Control::Mount && stop.cause == Some(Cause::Covered))
}

/// What exists outside and has no name inside is hidden by the view.
fn hidden(model: &Model, place: &Place, deed: Deed) -> Option<Attribution> {
    if place.inside != Some(false) {
        return None;
    }
    // What is made needs the directory that it is made in.
    let parent = place.found.path.parent()?;
    let looked = if deed.of_what_exists() || deed == Deed::Look { &place.found.path } else { parent };
    // What cannot be seen outside either may not be there at all: then nothing was denied.
    std::fs::symlink_metadata(looked).ok()?;
    let stops = way::file_stops(model, deed, &place.found);
    let stop = stops.iter().find(|stop| stop.control == Control::Mount)?;
    match stop.answer {
        Answer::Denies(ENOENT) => Some(Attribution::of(stop, true)),
        // Private directories and /proc: something else is there than outside.
        _ => {
            let remedy = way::to_see(deed, &place.found);
            Some(Attribution::plain(Control::Mount, Cause::Hidden, true, remedy))
        }
    }
}

/// EXDEV: two mounts, or Landlock's right to move between directories.
fn across(model: &Model, old: &Place, new: &Place) -> Attribution {
    let ids = (old.mount.map(|mount| mount.id), new.mount.map(|mount| mount.id));
    match ids {
        (Some(old), Some(new)) if old != new => {
            Attribution::plain(Control::Mount, Cause::Mounted, true, nothing())
        }
        (Some(_), Some(_)) if model.has_landlock() => {
            let cause = Cause::MissingRight("fs.refer".to_owned());
            let paths: Vec<_> = [old, new]
                .into_iter()
                .filter_map(|place| place.found.path.parent()?.to_str())
                .map(|path| Setting { key: "fs.write", value: path.to_owned(), list: true })
                .collect();
            Attribution::plain(Control::Landlock, cause, false, Known::Predicted(Remedy::Settings(paths)))
        }
        _ => Attribution::unknown("which mounts the two paths are in could not be seen"),
    }
}

fn nothing() -> Known<Remedy> {
    Known::Unknown("no line of the policy is known to allow it".to_owned())
}

fn peer(
    model: &Model,
    subject: &Subject,
    (bind, udp): (bool, bool),
    bytes: &[u8],
    errno: u16,
) -> Option<Attribution> {
    let net = &model.policy().net;
    if let Some(path) = address::unix_path(bytes) {
        let named = Named { deed: Deed::Write, from: -100, path: path.to_vec(), follow: true };
        let named = if bind { Named { deed: Deed::Mknod, ..named } } else { named };
        return self::path(model, subject, &named, errno);
    }
    let transport = if udp { "udp" } else { "tcp" };
    let words = |port: u16| match bind {
        true => Some(format!("bind {transport}:{port}")),
        false => Some(format!("connect {transport}:{}", address::show(bytes))),
    };
    match (errno, address::inet(bytes)) {
        (ENETUNREACH | EADDRNOTAVAIL, Some(port)) if net.mode.value != NetMode::Host => {
            let setting = Setting { key: "net.mode", value: "host".to_owned(), list: false };
            let remedy = Known::Predicted(Remedy::Settings(vec![setting]));
            let mut attribution = Attribution::plain(Control::Net, Cause::NoRoute, false, remedy);
            if let Some(line) = model.line(Some(net.mode.at)) {
                attribution.line = Known::Predicted(line);
            }
            // To take an address that is not there has no words.
            Some(attribution.of_words(words(port).filter(|_| errno == ENETUNREACH)))
        }
        (EACCES | EPERM, Some(port)) => {
            let stops = way::port_stops(model, bind, udp, port);
            let stop = stops.iter().find(|stop| stop.answer == Answer::Denies(errno));
            let attribution = stop.map_or_else(
                || Attribution::unknown("no rule of ports and no capability explains it"),
                |stop| Attribution::of(stop, false),
            );
            Some(attribution.of_words(words(port)))
        }
        (EACCES | EPERM, None) => Some(Attribution::unknown("addresses of this kind are not modelled")),
        _ => None,
    }
}

fn signal(model: &Model, pid: i32, errno: u16) -> Option<Attribution> {
    match errno {
        ESRCH if pid > 0 && scene::exists_outside(pid) => {
            let way = way::to_host(model);
            let stop = way.stops.iter().find(|stop| stop.control == Control::Namespace)?;
            stop.answer.stops().then(|| Attribution::of(stop, false).of_words(Some("signal host".to_owned())))
        }
        EPERM => {
            let way = way::to_host(model);
            let scoped = way.stops.iter().find(|stop| stop.control == Control::Landlock);
            Some(match scoped.filter(|stop| stop.answer.stops()) {
                // Either could have said it: whose process it is cannot be seen from a number.
                Some(_) => Attribution::unknown("the user, or Landlock's scope of signals"),
                None => Attribution::plain(Control::Credential, Cause::NotOwner, false, nothing()),
            })
        }
        _ => None,
    }
}

fn capability(subject: &Subject, name: &'static str, first: bool) -> Attribution {
    let number = crate::policy::value::credential::capability(name).ok();
    let has = subject.who().zip(number).map(|(who, number)| who.capabilities >> number.0 & 1 == 1);
    match has {
        Some(true) if first => Attribution::plain(
            Control::Credential,
            Cause::Capability(name),
            false,
            Known::Predicted(Remedy::None("it counts in the first user namespace alone")),
        ),
        Some(true) => Attribution::unknown("the capability that it needs is there"),
        Some(false) => {
            let remedy = if first {
                Known::Predicted(Remedy::None("it counts in the first user namespace alone"))
            } else {
                way::keep(name)
            };
            Attribution::plain(Control::Credential, Cause::Capability(name), false, remedy)
        }
        None => Attribution::unknown("the capabilities of the thread could not be read"),
    }
}

fn limit(model: &Model, subject: &Subject, amount: Amount, errno: u16) -> Option<Attribution> {
    let limits = &model.policy().limits;
    let at = |limit: &Option<crate::policy::At<u64>>| limit.as_ref().map(|limit| limit.at);
    let (name, key, at) = match (amount, errno) {
        (Amount::Files, EMFILE) => ("Max open files", "limits.open_files", at(&limits.open_files)),
        (Amount::Processes, EAGAIN) => ("Max processes", "limits.pids", at(&limits.pids)),
        (Amount::Memory, ENOMEM) => ("Max address space", "limits.memory", at(&limits.memory)),
        (Amount::FileSize, EFBIG) => ("Max file size", "limits.file_size", at(&limits.file_size)),
        (Amount::Locked, EPERM | ENOMEM | EAGAIN) => ("Max locked memory", "", None),
        (_, EPERM | EACCES) => return Some(Attribution::unknown("what this call checks is not modelled")),
        _ => return None,
    };
    let now = subject.limit(name);
    // A limit that is not there cannot have been reached; memory also runs out without one.
    if now.is_none() && at.is_none() {
        return (amount != Amount::Memory)
            .then(|| Attribution::unknown("no limit is known that was reached"));
    }
    let cause = Cause::Limit(if at.is_some() { key.to_owned() } else { name.to_owned() });
    let remedy = match now.filter(|_| !key.is_empty()) {
        Some(now) => {
            let setting = Setting { key, value: now.saturating_mul(2).to_string(), list: false };
            Known::Predicted(Remedy::Settings(vec![setting]))
        }
        None => nothing(),
    };
    let mut attribution = Attribution::plain(Control::Limit, cause, false, remedy);
    if let Some(line) = model.line(at) {
        attribution.line = Known::Predicted(line);
    }
    Some(attribution)
}
