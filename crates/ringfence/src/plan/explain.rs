//! What went wrong when a plan was carried out: step, call, errno, the policy line, what to do.

use ringfence_sys::step::Step;

use crate::control::{Control, Planned};
use crate::launch::Error;
use crate::policy::Policy;

use super::{Plan, print};

const NOTHING: &str = "nothing was started, and nothing is left behind";

const EAGAIN: i32 = 11;
const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const ENOMEM: i32 = 12;
const ENOSPC: i32 = 28;
const ENOSYS: i32 = 38;
const EPERM: i32 = 1;
const EACCES: i32 = 13;

/// An error for a person, and the exit status that goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// What happened.
    pub message: String,
    /// What to do.
    pub help: String,
    /// 125, or 126 and 127 where execve(2) itself failed.
    pub status: i32,
}

/// Explains a failure of the launcher.
#[must_use]
pub fn explain(plan: &Plan<'_>, policy: &Policy, error: &Error) -> Explained {
    let Error::Step(failure) = error else {
        return Explained { message: error.to_string(), help: help_around(error).into(), status: 125 };
    };
    let errno = i32::from(failure.errno.0);
    let words = std::io::Error::from_raw_os_error(errno);
    let Some(planned) = plan.steps.get(failure.step) else {
        let help = "this is a defect of ringfence: report it".into();
        return Explained { message: format!("step {}: {words}", failure.step), help, status: 125 };
    };
    let line =
        planned.at.map(|at| format!(", asked for by {}", print::place(at, policy))).unwrap_or_default();
    let call = format!("{}{}", planned.step.name(), print::detail(&planned.step));
    Explained {
        message: format!("step {}: {call}: {words}{line}", failure.step),
        help: help(plan, planned, errno),
        status: status(planned, errno),
    }
}

/// What clone(2) means by its errnos, where namespaces are asked for.
fn help_around(error: &Error) -> &'static str {
    let Error::Around { doing, source } = error else { return NOTHING };
    match source.raw_os_error() {
        _ if doing != "clone3" => NOTHING,
        Some(EAGAIN) => "a limit of processes is reached: ulimit -u, or pids.max of the cgroup",
        Some(ENOSPC) => {
            "a limit of namespaces is reached: /proc/sys/user/max_mnt_namespaces and its neighbours, or their depth"
        }
        Some(ENOSYS | EPERM) => {
            "user namespaces or clone3 are not permitted here, as inside another containment: \
             `ringfence host` shows what restricts them"
        }
        _ => NOTHING,
    }
}

fn status(planned: &Planned<'_>, errno: i32) -> i32 {
    match (planned.step, errno) {
        (Step::Exec { .. }, ENOENT) => 127,
        (Step::Exec { .. }, _) => 126,
        _ => 125,
    }
}

fn help(plan: &Plan<'_>, planned: &Planned<'_>, errno: i32) -> String {
    let labelled = plan.steps.iter().any(|planned| matches!(planned.step, Step::ExecLabel { .. }));
    match (planned.step, planned.control, errno) {
        (Step::Exec { .. }, _, EPERM | EACCES) if labelled => {
            "the label that lsm.apparmor or lsm.selinux asks for may not be entered from here, or not by this \
             program; the kernel's audit records say which: name another, or allow the transition in its policy"
        }
        (Step::ExecLabel { .. }, ..) => {
            "lsm.apparmor or lsm.selinux names a label that is not loaded, or that this caller may not ask for"
        }
        (Step::Exec { .. }, _, ENOENT) => {
            "the program, or the interpreter that it names, is not part of the view: add it to fs.exec"
        }
        (Step::Exec { .. }, _, ENOEXEC) => "the file is no program of this machine, and has no #! line",
        (Step::Exec { .. }, ..) => "fs.exec must contain the program and everything that it is linked with",
        (_, _, ENOSPC | ENOMEM) => "the kernel ran out of memory, or of a limit such as user.max_mnt_namespaces",
        (_, Control::Namespace, EPERM) => {
            "user namespaces are not permitted here: `ringfence host` shows what restricts them"
        }
        (_, Control::Mount, EPERM) => {
            "mounting is not permitted here: inside another container /proc must not be masked, and mounts not locked"
        }
        _ => "`ringfence check` prints the whole plan, `ringfence host` what this kernel offers",
    }
    .into()
}
