//! Policy and host become a plan: models first, then each room, then the one order.

use bumpalo::Bump;
use ringfence_sys::step::Step;

use crate::control::{
    Actual, Compiled, Control, Planned, Promise, Refusal, Stage, bpf_lsm, credential, landlock, limit, lsm,
    mount, namespace, net as network, seccomp,
};
use crate::host::path::Resolver;
use crate::host::{Host, command};
use crate::policy::degrade;
use crate::policy::model::{DevView, Events, Label, Namespace};

use super::{
    Failure, Mode, Plan, Refused, Request, credential as who, fs, guard, lsm as labels, net, order, process,
    syscalls,
};

/// Compiles a policy for this host and command.
///
/// # Errors
/// Every intent that cannot be held as written, and every one that this host cannot give and
/// `[degrade]` does not name; or a command that does not exist or may not be executed.
pub fn compile<'a>(request: &Request<'_>, host: &Host, arena: &'a Bump) -> Result<Plan<'a>, Failure> {
    let mut build = Build { request, host, arena, parts: Vec::new(), refused: Vec::new() };
    let plan = build.plan();
    match plan {
        Ok(plan) if build.refused.is_empty() => Ok(plan),
        Ok(_) => Err(Failure::Refused(build.refused)),
        Err(Stop::Refused(refusal)) => {
            build.refused.push(refusal.into());
            Err(Failure::Refused(build.refused))
        }
        Err(Stop::Command(failure)) if build.refused.is_empty() => Err(failure),
        Err(Stop::Command(_)) => Err(Failure::Refused(build.refused)),
    }
}

/// What of a policy an LSM's rules can hold, whatever the host: for profiles of other hosts.
///
/// # Errors
/// A path does not exist here, or two lines contradict each other.
pub fn intent(
    policy: &crate::policy::Policy,
    host: &Host,
    surroundings: &crate::host::path::Surroundings,
) -> Result<lsm::Intent, Failure> {
    let mut refused = Vec::new();
    let files = fs::files(policy, host, &mut Resolver::new(surroundings), &mut refused);
    if !refused.is_empty() {
        return Err(Failure::Refused(refused));
    }
    let intent = labels::intent(policy, &files.rules, files.view.as_ref());
    intent.map_err(|refusal| Failure::Refused(vec![refusal.into()]))
}

struct Build<'r, 'a> {
    request: &'r Request<'r>,
    host: &'r Host,
    arena: &'a Bump,
    parts: Vec<Compiled<'a>>,
    refused: Vec<Refused>,
}

enum Stop {
    Refused(Refusal),
    Command(Failure),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl<'a> Build<'_, 'a> {
    fn plan(&mut self) -> Result<Plan<'a>, Stop> {
        let (policy, host, arena) = (self.request.policy, self.host, self.arena);
        let mut resolver = Resolver::new(self.request.surroundings);
        let files = fs::files(policy, host, &mut resolver, &mut self.refused);
        if files.view.is_some() {
            self.refused.extend(fs::without_view(policy, host));
        }
        let who = who::who(policy, host, &mut self.refused);
        let limits = limit::compile(&limit::Model::of(policy), host, arena)?;
        let wanted = process::wanted_directory(policy, &mut resolver, &mut self.refused);
        let mode = self.mode(&limits, who::parent_maps(policy, &who));
        let in_place = mode == Mode::InPlace;

        let spaces =
            who::namespaces(policy, host, &who, (in_place, limits.cgroup.is_some()), &mut self.refused);
        let spaces = namespace::compile(&spaces, host, arena)?;
        let credentials = who::credentials(policy, &who, spaces.user, spaces.setgroups);
        self.refuse_all_events();
        let token = fresh_token().map_err(token_refusal)?;
        let unique = profile_token(&policy.lsm.apparmor.value)?;
        let labels = labels::model(policy, &files.rules, files.view.as_ref(), unique)?;
        let (labels, held) = (lsm::compile(&labels, host, arena)?, self.held(&mut resolver, &files)?);
        let leaves = !files.placeholders.is_empty() || limits.cgroup.is_some() || held.guard.is_some();
        let waits = (leaves || labels.profile.is_some()) && spaces.by_parent.is_none();
        self.wait_for_janitor(&files.placeholders, waits);
        self.parts.push(spaces.room);
        self.parts.push(network::compile(&net::model(policy))?);
        self.parts.push(credential::compile(&credentials, host, arena)?);
        self.parts.push(limits.compiled);
        self.parts.push(labels.compiled);
        self.parts.push(held.compiled);
        if let Some(view) = &files.view {
            self.parts.push(mount::compile(view, arena)?);
        }
        let mut rules = syscalls::landlock(policy, files.rules, files.view.is_some(), held.guard.is_some());
        if let Some(model) = &mut rules {
            model.recorded = self.request.watched && !self.request.traced && host.audit().value.is_on();
            self.parts.push(landlock::compile(model, host, arena)?);
        }
        let shared_terminal = self.request.terminal != 0 && in_place;
        let mut gate = syscalls::seccomp(policy, shared_terminal, token);
        gate.notify = self.request.watched;
        self.parts.push(seccomp::compile(&gate, host, arena)?);
        let terminal = self.terminal(in_place);
        self.launch(mode, terminal);
        let program = self.command(&mut resolver, files.view.as_ref(), wanted, token)?;

        let (mut steps, promises) = self.merge();
        labels::mounts(&policy.lsm.selinux_mount.value, &mut steps, arena);
        order::sort(&mut steps);
        let degraded = self.settle(&promises);
        Ok(Plan {
            steps,
            promises,
            degraded,
            mode,
            traced: self.request.traced,
            clone_flags: spaces.flags,
            id_map: spaces.by_parent,
            cgroup: limits.cgroup.map(|request| (request, host.process().value)),
            wall: limits.wall,
            terminal,
            placeholders: files.placeholders,
            profile: labels.profile,
            guard: held.guard,
            program,
            view: files.view,
            landlock: rules,
            gate,
        })
    }

    /// What a BPF LSM program holds, where the policy wants one.
    fn held(&self, resolver: &mut Resolver<'_>, files: &fs::Files) -> Result<bpf_lsm::Outcome<'a>, Refusal> {
        let model = guard::model(self.request.policy, self.host, resolver, &files.rules, files.view.as_ref());
        model.map_or(Ok(bpf_lsm::Outcome::default()), |model| bpf_lsm::compile(model, self.host, self.arena))
    }

    /// Only a tracer sees what is allowed.
    fn refuse_all_events(&mut self) {
        let events = &self.request.policy.audit.events;
        if events.value == Events::All && !self.request.traced {
            self.refused.push(Refused {
                message:
                    "audit.events = \"all\": only a tracer sees calls that are allowed, and none is there"
                        .into(),
                help: "run with --explain=ptrace, or set audit.events = \"denials\"".into(),
                at: Some(events.at),
            });
        }
    }

    /// A supervisor only where something needs one.
    fn mode(&self, limits: &limit::Outcome<'_>, parent_maps: bool) -> Mode {
        let policy = self.request.policy;
        let because = |why| Mode::Supervised { why };
        if policy.namespaces.unshare.contains(&Namespace::Pid) {
            return because("a pid namespace needs an init");
        }
        if limits.cgroup.is_some() {
            return because("a cgroup must be removed afterwards");
        }
        if limits.wall.is_some() {
            return because("the wall time is watched");
        }
        if parent_maps {
            return because("the id maps are written from outside");
        }
        if self.request.watched || self.request.traced {
            return because("denials are attended to");
        }
        if self.request.terminal != 0 && !syscalls::filter_guards_terminal(policy) {
            return because("the terminal must not be shared without a filter");
        }
        Mode::InPlace
    }

    /// Which descriptors become a terminal of the command's own.
    fn terminal(&mut self, in_place: bool) -> Option<u8> {
        let policy = self.request.policy;
        let passed = (0..3).filter(|fd| policy.process.fds.contains(fd)).fold(0u8, |mask, fd| mask | 1 << fd);
        let terminal = self.request.terminal & passed;
        if terminal == 0 || in_place {
            return None;
        }
        let own_mounts = policy.namespaces.unshare.contains(&Namespace::Mnt);
        if own_mounts && policy.fs.dev.value == DevView::None {
            self.refused.push(Refused {
                message: "a terminal is passed, and the program can only have one of its own from `/dev/pts`"
                    .into(),
                help: "set fs.dev = \"minimal\", or redirect the standard descriptors".into(),
                at: Some(policy.fs.dev.at),
            });
        }
        Some(terminal)
    }

    /// The steps that belong to no control.
    fn launch(&mut self, mode: Mode, terminal: Option<u8>) {
        let policy = self.request.policy;
        let mut compiled = Compiled::default();
        let planned = |stage, step| Planned { stage, control: Control::Launch, step, at: None };
        if let Mode::Supervised { .. } = mode {
            compiled.steps.push(planned(Stage::Birth, Step::DieWithParent));
            compiled.steps.push(planned(Stage::Rebirth, Step::Dumpable(false)));
            compiled.steps.push(planned(Stage::Rebirth, Step::DieWithParent));
            compiled.steps.push(planned(Stage::Supervise, Step::Supervise));
            let own_mounts = policy.namespaces.unshare.contains(&Namespace::Mnt);
            compiled.steps.extend(process::session(terminal.unwrap_or(0), own_mounts));
            if !policy.namespaces.unshare.contains(&Namespace::Pid) {
                compiled.steps.push(planned(Stage::Session, Step::DieWithParent));
            }
        }
        compiled.steps.extend(process::descriptors(policy, &mut self.refused));
        compiled.steps.push(planned(Stage::Signals, Step::ResetSignals));
        if self.request.watched || self.request.traced {
            compiled.steps.push(planned(Stage::Signals, Step::Attended));
        }
        self.parts.push(compiled);
    }

    /// The janitor must know the init before the command exists; and a placeholder holds only as
    /// long as every process of the program ends with the init.
    fn wait_for_janitor(&mut self, placeholders: &[std::path::PathBuf], wait: bool) {
        if wait {
            let sync = Planned { stage: Stage::IdMap, control: Control::Launch, step: Step::Sync, at: None };
            self.parts.push(Compiled { steps: vec![sync], promises: Vec::new() });
        }
        let policy = self.request.policy;
        if let (Some(path), false) =
            (placeholders.first(), policy.namespaces.unshare.contains(&Namespace::Pid))
        {
            self.refused.push(Refused {
                message: format!(
                    "`{}` is denied and does not exist: only a pid namespace can hold that",
                    path.display()
                ),
                help: "add \"pid\" to `namespaces.unshare`, or create it".into(),
                at: Some(policy.namespaces.unshare_at),
            });
        }
    }

    /// Finds the command as the program's environment would, and plans its execve.
    fn command(
        &mut self,
        resolver: &mut Resolver<'_>,
        view: Option<&mount::Model>,
        wanted: Option<process::Directory>,
        token: u64,
    ) -> Result<Option<std::path::PathBuf>, Stop> {
        let mut compiled = Compiled::default();
        if view.is_some() || wanted.is_some() {
            compiled.steps.push(process::working_directory(wanted, self.request, view, self.arena)?);
        }
        let mut program = None;
        if let Some(name) = self.request.command.first() {
            let environment = process::environment(self.request);
            let search =
                environment.iter().find(|(name, _)| name == "PATH").map(|(_, path)| path.as_os_str());
            let found = command::find(name, search, resolver).map_err(missing_command)?;
            process::reachable(&found, view).map_err(Stop::Command)?;
            process::speaks(&found, self.request.policy).map_err(Stop::Command)?;
            let path = process::path_to_execute(&found);
            compiled.steps.push(process::exec(path, self.request, &environment, token, self.arena)?);
            program = Some(path.to_owned());
        }
        self.parts.push(compiled);
        Ok(program)
    }

    fn merge(&mut self) -> (Vec<Planned<'a>>, Vec<Promise>) {
        let (mut steps, mut promises) = (Vec::with_capacity(96), Vec::new());
        for part in self.parts.drain(..) {
            steps.extend(part.steps);
            promises.extend(part.promises);
        }
        promises.sort_by_key(|promise| promise.control);
        (steps, promises)
    }

    /// What is asked and not given is an error, unless the policy lets it pass by name.
    fn settle(&mut self, promises: &[Promise]) -> Vec<&'static str> {
        let mut degraded = Vec::new();
        for promise in promises {
            let Actual::Missing { why } = &promise.actual else { continue };
            if self.request.policy.degrade.iter().any(|name| name.value == promise.name) {
                if !degraded.contains(&promise.name) {
                    degraded.push(promise.name);
                }
                continue;
            }
            self.refused.push(Refused {
                message: format!("this host cannot give {}: {why}", promise.requested),
                help: if degrade::is_name(promise.name) {
                    format!(
                        "change the policy, or let it pass by name: [degrade] allow = [\"{}\"]",
                        promise.name
                    )
                } else {
                    "change the policy: this cannot be let pass".to_owned()
                },
                at: promise.at,
            });
        }
        degraded
    }
}

fn missing_command(error: command::NotRunnable) -> Stop {
    let status = i32::from(error.status);
    Stop::Command(Failure::Command { message: error.message, help: error.help, status })
}

fn fresh_token() -> Result<u64, rustix::io::Errno> {
    let mut bytes = [0u8; 8];
    rustix::rand::getrandom(&mut bytes[..], rustix::rand::GetRandomFlags::empty())?;
    Ok(u64::from_ne_bytes(bytes))
}

/// Not the token of the gate: the program can read the name of its profile.
fn profile_token(label: &Label) -> Result<u64, Refusal> {
    match label {
        Label::Generate => fresh_token().map_err(token_refusal),
        Label::Inherit | Label::Named(_) => Ok(0),
    }
}

fn token_refusal(errno: rustix::io::Errno) -> Refusal {
    Refusal {
        message: format!("getrandom: {errno}"),
        help: "the launcher needs 8 random bytes from the kernel".into(),
        at: None,
    }
}
