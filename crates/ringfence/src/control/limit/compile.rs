//! Model and host become rlimit steps, cgroups for the launcher, and a deadline.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bumpalo::Bump;
use ringfence_sys::step::Step;

use super::{Model, cgroup};
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage, arena};
use crate::host::cgroup::Controller;
use crate::host::{CorePattern, Host, Reading, Sysctl};
use crate::policy::{At, Origin};

/// What this room gives.
#[derive(Debug, Default)]
#[must_use]
pub struct Outcome<'a> {
    /// Steps and promises.
    pub compiled: Compiled<'a>,
    /// The cgroups that the launcher makes before it clones, and removes afterwards.
    pub cgroup: Option<cgroup::Request>,
    /// How long the command may take.
    pub wall: Option<Duration>,
}

/// `RLIMIT_*` of asm-generic/resource.h.
const RLIMIT_CPU: u32 = 0;
const RLIMIT_FSIZE: u32 = 1;
const RLIMIT_STACK: u32 = 3;
const RLIMIT_CORE: u32 = 4;
const RLIMIT_NOFILE: u32 = 7;

/// CAP_SYS_RESOURCE, capabilities(7): whoever has it in the first user namespace may raise limits.
const CAP_SYS_RESOURCE: u32 = 24;

/// Distinguishes the cgroups of one process.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Compiles the model. Reads only the facts that the limits in it need.
///
/// # Errors
/// A cgroup's path that is too long for the kernel.
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Outcome<'a>, Refusal> {
    let mut room = Room { model, host, out: Outcome::default() };
    room.rlimits();
    room.cgroups(arena)?;
    room.out.wall = model.limits.wall_ms.as_ref().map(|wall| Duration::from_millis(wall.value));
    if let Some(wall) = &model.limits.wall_ms {
        room.promise("limit.wall", format!("end after {} ms", wall.value), None, wall.at);
    }
    Ok(room.out)
}

struct Room<'r, 'a> {
    model: &'r Model,
    host: &'r Host,
    out: Outcome<'a>,
}

/// One rlimit that is asked for.
struct Wanted<'r> {
    name: &'static str,
    constant: &'static str,
    resource: u32,
    unit: &'static str,
    limit: &'r Option<At<u64>>,
}

impl<'a> Room<'_, 'a> {
    fn rlimits(&mut self) {
        let limits = &self.model.limits;
        let wanted = |name, constant, resource, unit, limit| Wanted { name, constant, resource, unit, limit };
        for limit in [
            wanted("limit.open-files", "RLIMIT_NOFILE", RLIMIT_NOFILE, "descriptors", &limits.open_files),
            wanted("limit.file-size", "RLIMIT_FSIZE", RLIMIT_FSIZE, "bytes", &limits.file_size),
            wanted("limit.stack", "RLIMIT_STACK", RLIMIT_STACK, "bytes", &limits.stack),
            wanted("limit.cpu-time", "RLIMIT_CPU", RLIMIT_CPU, "seconds", &limits.cpu_time),
        ] {
            let Some(At { value, at }) = *limit.limit else { continue };
            let requested = format!("{} {value} {}", limit.constant, limit.unit);
            let why = self.cannot_raise(&limit, value);
            self.rlimit(limit.resource, value, why.is_none(), at);
            self.promise(limit.name, requested, why, at);
        }
        self.core();
    }

    /// Soft and hard together, so that the program cannot raise it again.
    fn rlimit(&mut self, resource: u32, value: u64, possible: bool, at: Origin) {
        if possible {
            let step = Step::Rlimit { resource, soft: value, hard: value };
            let (_, hard) = self.host.rlimits().value.0[resource as usize];
            // The launcher has descriptors of its own, and the steps until then open more. Who raises a
            // limit needs a capability that is gone by then.
            let late = resource == RLIMIT_NOFILE && value <= hard;
            let stage = if late { Stage::Descriptors } else { Stage::Limits };
            let planned = Planned { stage, control: Control::Limit, step, at: Some(at) };
            self.out.compiled.steps.push(planned);
        }
    }

    /// Why a limit cannot be set because it is above the hard limit of now: prlimit(2), `EPERM`.
    fn cannot_raise(&self, limit: &Wanted<'_>, value: u64) -> Option<String> {
        let name = limit.constant;
        let fact = self.host.rlimits();
        let (_, hard) = fact.value.0[limit.resource as usize];
        if value <= hard {
            return None;
        }
        let lower = format!("the hard limit of {name} is {hard} ({}); lower the policy's to that", fact.from);
        if self.model.user_namespace {
            return Some(format!("{lower}, because nothing raises it in a user namespace"));
        }
        if !(self.host.caller().value.has(CAP_SYS_RESOURCE) && self.host.initial_user_namespace().value) {
            return Some(format!(
                "{lower}, or raise the hard one as root (CAP_SYS_RESOURCE): prlimit --pid $$"
            ));
        }
        let most = self.host.sysctl(Sysctl::NrOpen).value.known().copied().unwrap_or(i64::MAX);
        let exceeds =
            limit.resource == RLIMIT_NOFILE && i64::try_from(value).map_or(true, |value| value > most);
        exceeds.then(|| {
            format!("fs.nr_open is {most}, and {name} cannot be above it; sysctl fs.nr_open={value}")
        })
    }

    /// A core dump that goes to a pipe or a socket is not bounded by any limit: see the room's page.
    fn core(&mut self) {
        let Some(At { value, at }) = self.model.limits.core else { return };
        let pattern = self.host.core_pattern();
        let from = pattern.from;
        let (set, why) = match (&pattern.value, value) {
            (Reading::Known(CorePattern::Pipe(_)), 0) => (1, None),
            (Reading::Known(CorePattern::Pipe(handler)), _) => (
                value,
                Some(format!(
                    "core dumps are piped to a program as root outside ({from}: |{handler}), which no limit \
                     bounds; set limits.core = 0, or as root: sysctl kernel.core_pattern=core"
                )),
            ),
            (Reading::Known(CorePattern::Socket(socket)), _) => (
                value,
                Some(format!(
                    "core dumps go to a socket outside ({from}: @{socket}), which no limit bounds; as root: \
                     sysctl kernel.core_pattern=core"
                )),
            ),
            // 1 dumps nothing to a file either, and keeps a handler off where there is one.
            (Reading::Unknown(_), 0) => (1, None),
            (Reading::Known(CorePattern::File(_)) | Reading::Absent(_) | Reading::Unknown(_), _) => {
                (value, None)
            }
        };
        let limit = Wanted {
            name: "limit.core",
            constant: "RLIMIT_CORE",
            resource: RLIMIT_CORE,
            unit: "bytes",
            limit: &self.model.limits.core,
        };
        let above = self.cannot_raise(&limit, set);
        // A hard limit of 0 is below the 1 that keeps a pipe's handler off.
        let above = above
            .map(|why| if set == value { why } else { format!("{why} (1 keeps core dumps from {from})") });
        self.rlimit(RLIMIT_CORE, set, above.is_none(), at);
        self.promise("limit.core", format!("RLIMIT_CORE {set} bytes"), above.or(why), at);
    }

    fn cgroups(&mut self, arena: &'a Bump) -> Result<(), Refusal> {
        let limits = &self.model.limits;
        let asked = [
            (Controller::Memory, "limit.memory", &limits.memory, "bytes of memory"),
            (Controller::Pids, "limit.pids", &limits.pids, "tasks"),
            (Controller::Cpu, "limit.cpu", &limits.cpu_milli, "thousandths of a processor"),
        ];
        let mut wanted = Vec::new();
        for (controller, name, limit, unit) in asked {
            let Some(&At { value, at }) = limit.as_ref() else { continue };
            let found = self.host.cgroup().value.places.get(&controller).cloned();
            let place = found.unwrap_or_else(|| Err("cgroups were not looked at".to_owned()));
            let place = place.and_then(|place| self.clone_into(place.v2).map(|()| place));
            let requested = format!("cgroup {}: {value} {unit}", controller.name());
            match place {
                Ok(place) => {
                    self.promise(name, requested, None, at);
                    wanted.push((controller, value, at, place));
                }
                Err(why) => self.promise(name, requested, Some(why), at),
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        let name = cgroup::name(self.host.process().value, NUMBER.fetch_add(1, Ordering::Relaxed));
        let request = cgroup::Request { groups: cgroup::groups(&wanted, &name) };
        for (tasks, at) in request.tasks() {
            let step = Step::WriteFile { path: arena::path(arena, &tasks, at)?, data: b"0" };
            let planned = Planned { stage: Stage::Birth, control: Control::Limit, step, at };
            self.out.compiled.steps.push(planned);
        }
        self.out.cgroup = Some(request);
        Ok(())
    }

    /// `CLONE_INTO_CGROUP` came with Linux 5.7, clone(2).
    fn clone_into(&self, v2: bool) -> Result<(), String> {
        let release = &self.host.release().value;
        if !v2 || release.at_least(5, 7) {
            return Ok(());
        }
        Err(format!("clone3(2) enters cgroups of version 2 since Linux 5.7; this is {}", release.text))
    }

    fn promise(&mut self, name: &'static str, requested: String, why: Option<String>, at: Origin) {
        let actual = why.map_or(Actual::Full, |why| Actual::Missing { why });
        let promise = Promise { name, control: Control::Limit, requested, actual, at: Some(at) };
        self.out.compiled.promises.push(promise);
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
