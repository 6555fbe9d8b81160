//! What only the host's namespaces have: its processes, and the namespaces themselves; descriptors
//! that were open outside.

use ringfence_bpf::table::Abi;

use super::{Claim, ESCAPE, PROTECTION, Scene, against_outside, unmasked};
use crate::control::Control;
use crate::control::namespace::attempt;
use crate::control::trial::{Trial, Word};
use crate::host::path::{Absent, Resolver};
use crate::policy::At;
use crate::policy::model::{Namespace, PathSpec};
use crate::verify::{Intent, Part, Subject};

const F_GETFD: u64 = 1;

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Vec<Claim> {
    let policy = subject.policy;
    let mut all = Vec::new();
    for &namespace in &policy.namespaces.unshare {
        // Time namespaces hold for children; the file of the attempting process is `time`.
        let Some(trial) = attempt::membership(namespace.name()) else { continue };
        let id = format!("own/{}", namespace.name());
        let operation = format!("share the {} namespace of the host", namespace.name());
        let masking = [Control::Seccomp, Control::Landlock, Control::Mount];
        let masking = if namespace == Namespace::Mnt { &masking[..2] } else { &masking[..] };
        all.push(
            Claim::new(Part::Namespace, Intent::Deny, id, operation, unmasked(trial, masking))
                .route("stat(2) of /proc/self/ns")
                .at(policy.namespaces.unshare_at)
                .because("namespaces.unshare names it")
                .see(&["namespaces(7)", PROTECTION]),
        );
    }
    if policy.namespaces.unshare.contains(&Namespace::Pid) {
        for (words, trial) in attempt::on_process(scene.process) {
            all.push(
                Claim::new(
                    Part::Namespace,
                    Intent::Deny,
                    format!("process/{words}"),
                    words,
                    against_outside(trial),
                )
                .route("x86_64 by syscall")
                .at(policy.namespaces.unshare_at)
                .because("processes outside have no number in an own pid namespace")
                .see(&["pid_namespaces(7)", ESCAPE]),
            );
        }
    }
    all.extend(process(subject));
    all.extend(seen(subject));
    let fcntl = vec![Word::Value(scene.descriptor as u64), Word::Value(F_GETFD)];
    if let Some(trial) = Trial::call(Abi::X86_64, "fcntl", fcntl) {
        let operation = "use a descriptor that was open outside";
        all.push(
            Claim::new(
                Part::Namespace,
                Intent::Deny,
                "descriptor",
                operation,
                unmasked(trial, &[Control::Seccomp]),
            )
            .route("fcntl(F_GETFD), without the filter")
            .at(policy.process.fds_at)
            .because("process.fds lists every descriptor that stays open")
            .see(&["CVE-2024-21626", "close_range(2)", ESCAPE]),
        );
    }
    all
}

/// What is seen of the host where a namespace is shared: its name, its network interfaces, its clocks.
fn seen(subject: &Subject<'_>) -> Vec<Claim> {
    let policy = subject.policy;
    let own = |namespace: Namespace| policy.namespaces.unshare.contains(&namespace);
    let at = policy.namespaces.unshare_at;
    let claim = |id: String, operation: String, route: &str, test| {
        Claim::new(Part::Namespace, Intent::Deny, id, operation, test).route(route).at(at)
    };
    let mut all = Vec::new();
    let name = attempt::machine_name();
    if let (Some(given), Some(host)) = (&policy.namespaces.hostname, &name)
        && own(Namespace::Uts)
        && given.value.bytes().take(8).ne(host.bytes().take(8))
        && let Some(trial) = attempt::machine(host)
    {
        let test = unmasked(trial, &[Control::Seccomp]);
        let claim = claim("hostname".into(), "see the name of the host".into(), "uname", test);
        let claim = claim.at(given.at).because("namespaces.hostname gives another name");
        all.push(claim.see(&["uts_namespaces(7)", PROTECTION]));
    }
    if own(Namespace::Net) {
        for name in attempt::interfaces() {
            let Some(trial) = attempt::interface(&name) else { continue };
            let operation = format!("see the network interface {name} of the host");
            let test = unmasked(trial, &[Control::Seccomp, Control::Landlock]);
            let claim = claim(
                format!("interface/{name}"),
                operation,
                "ioctl(SIOCGIFINDEX), without the filter",
                test,
            );
            let reason = "interfaces of the host have no name in an own net namespace";
            all.push(claim.because(reason).see(&["network_namespaces(7)", PROTECTION]));
        }
    }
    let time = policy.process.capabilities.iter().any(|kept| kept.value.name() == "CAP_SYS_TIME");
    if !time && let Some(trial) = attempt::offsets() {
        let claim = claim(
            "clocks".into(),
            "move the clocks".into(),
            "/proc/self/timens_offsets",
            super::whole(trial),
        );
        let at = policy.process.no_new_privs.at;
        let claim = claim.at(at).because("it needs CAP_SYS_TIME, which process.capabilities does not keep");
        all.push(claim.see(&["time_namespaces(7)", PROTECTION]));
    }
    all
}

/// How the program stands to its init and its session.
fn process(subject: &Subject<'_>) -> Vec<Claim> {
    let policy = subject.policy;
    let at = policy.namespaces.unshare_at;
    let supervised = matches!(subject.plan.mode, crate::plan::Mode::Supervised { .. });
    let own = policy.namespaces.unshare.contains(&Namespace::Pid) && supervised;
    let mut all = Vec::new();
    if !own {
        return all;
    }
    for (id, operation, trial) in attempt::on_init() {
        // Until execve(2) the attempting process has the memory of the init.
        let test = crate::verify::Test::Trial {
            trial: trial.executed().into(),
            without: vec![Control::Landlock],
            controls: vec![crate::verify::Reference::DumpableInit],
        };
        all.push(
            Claim::new(Part::Namespace, Intent::Deny, format!("init/{id}"), operation, test)
                .route("/proc/1, without Landlock")
                .at(at)
                .because("the init shares memory with the launcher")
                .see(&["CVE-2019-5736", "prctl(2)", ESCAPE]),
        );
    }
    let session = unmasked(attempt::callers_session(), &[Control::Seccomp]);
    all.push(
        Claim::new(Part::Namespace, Intent::Deny, "session", "be in the session of the caller", session)
            .route("setsid, without the filter")
            .at(at)
            .because("a session of its own keeps the caller's terminal away")
            .see(&["setsid(2)", PROTECTION]),
    );
    // Where the view does not have the caller's directory, the program begins elsewhere.
    let cwd = policy.process.cwd.is_none() && gives_directory(subject);
    for (id, operation, trial, asked) in [
        ("child-of-init", "have an init of its own", attempt::child_of_init(), true),
        ("signals", "begin with no signal blocked", attempt::no_signal_blocked(), true),
        ("cwd", "begin in the caller's directory", attempt::working_directory(), cwd),
    ] {
        let controls = if id == "cwd" { vec![crate::verify::Reference::Outside] } else { Vec::new() };
        let test =
            crate::verify::Test::Trial { trial: trial.into(), without: vec![Control::Seccomp], controls };
        let claim = Claim::new(Part::Namespace, Intent::Allow, id, operation, test);
        if asked {
            all.push(claim.route("without the filter").at(at).because("as an ordinary program expects it"));
        }
    }
    all
}

/// Whether the caller's working directory is in the view.
fn gives_directory(subject: &Subject<'_>) -> bool {
    let Some(here) = &subject.surroundings.directory else { return false };
    let fs = &subject.policy.fs;
    let mut resolver = Resolver::new(subject.surroundings);
    let mut within = |spec: &At<PathSpec>| {
        let found = resolver.resolve(spec, None, Absent::Kept).ok().flatten();
        found.is_some_and(|found| here.starts_with(found.real))
    };
    let gives = fs.read.iter().chain(&fs.exec).chain(&fs.write).any(&mut within);
    gives && !fs.tmp.iter().chain(&fs.deny).any(within)
}
