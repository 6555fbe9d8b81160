//! What the policy expects of itself: `[[expect]]`.

use core::net::IpAddr;

use ringfence_bpf::rule::Rule;
use ringfence_bpf::table::Abi;

use super::calls::cases;
use super::{Claim, Scene, against_outside, unmasked, whole};
use crate::control::trial::{Passes, Trial};
use crate::control::{Control, credential, mount, namespace, net};
use crate::host::path::{Absent, Resolver};
use crate::operation::{self, Access, Operation};
use crate::policy::model::{Expect, PathSpec, Transport};
use crate::policy::{At, Diagnostic, Diagnostics, Origin};
use crate::verify::{Intent, Part, Subject, Test};

pub(super) fn claims(subject: &Subject<'_>, scene: &Scene) -> Result<Vec<Claim>, Diagnostics> {
    let mut wrong = Diagnostics::new(subject.policy.sources.clone());
    let mut all = Vec::new();
    // The word of a higher layer about the same operation takes the place of a lower one's; of two in one
    // text neither does.
    let superseded = |number: usize| {
        let own = &subject.policy.expect[number].operation;
        let above =
            |later: &Expect| later.operation.at.source != own.at.source && later.operation.value == own.value;
        subject.policy.expect[number + 1..].iter().any(above)
    };
    let all_of = subject.policy.expect.iter().enumerate();
    for (_, expect) in all_of.filter(|(number, _)| !superseded(*number)) {
        match operation::parse(&expect.operation.value) {
            Ok(operation) => all.push(claim(subject, scene, expect, &operation)),
            Err(error) => wrong.push(diagnostic(subject, expect, error)),
        }
    }
    wrong.or(all)
}

/// The error at its place in the policy, where the text stands there as it is.
fn diagnostic(subject: &Subject<'_>, expect: &Expect, error: operation::Error) -> Diagnostic {
    let (at, text) = (expect.operation.at, &expect.operation.value);
    let source = subject.policy.sources.get(usize::from(at.source));
    let written = source.and_then(|source| {
        source.text.get(at.offset as usize..(at.offset + at.len) as usize)?.find(text.as_str())
    });
    let at = written.map_or(at, |inner| Origin {
        offset: at.offset + (inner + error.range.start) as u32,
        len: error.range.len().max(1) as u32,
        ..at
    });
    let diagnostic = Diagnostic::new("bad-operation", error.message).at(at);
    let diagnostic = match error.label {
        Some(label) => diagnostic.label(label),
        None => diagnostic,
    };
    match error.help {
        Some(help) => diagnostic.help(help),
        None => diagnostic,
    }
}

fn claim(subject: &Subject<'_>, scene: &Scene, expect: &Expect, operation: &Operation) -> Claim {
    let intent = if expect.allow { Intent::Allow } else { Intent::Deny };
    let word = if expect.allow { "allow" } else { "deny" };
    let text = &expect.operation.value;
    let (test, route) = test(subject, scene, intent, operation);
    let mut claim = Claim::new(Part::Expect, intent, format!("{word}/{text}"), text.clone(), test)
        .route(route)
        .at(expect.operation.at)
        .because(expect.because.clone().unwrap_or_else(|| "the policy expects it".into()));
    claim.depth = expect.depth.as_ref().map(|depth| depth.value);
    if let Some(because) = expect.because.as_deref().filter(|because| because.starts_with("CVE-")) {
        claim = claim.see(&[because]);
    }
    claim
}

/// How an operation is tried, and by which route.
pub(super) fn test(
    subject: &Subject<'_>,
    scene: &Scene,
    intent: Intent,
    operation: &Operation,
) -> (Test, &'static str) {
    let tried = |trial: Option<Trial>, words| {
        let not = || Test::Not("the tables have no such call".into());
        (trial.map_or_else(not, against_outside), words)
    };
    match operation {
        Operation::Call(rule) => (rule_test(subject, scene, intent, rule), "every ABI and entry"),
        Operation::File(access, path) => (file_test(subject, intent, *access, path), "x86_64 by syscall"),
        Operation::Connect { transport, address, port } => {
            let address = address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
            if !address.is_loopback() {
                let why = format!("{address} is not this machine, and nothing is sent further");
                return (Test::Not(why), "none");
            }
            tried(net::attempt::connect(address, *port, *transport == Transport::Tcp), "loopback")
        }
        Operation::ConnectUnix(path) => {
            let found = resolve(subject, path);
            tried(
                found.and_then(|path| {
                    use std::os::unix::ffi::OsStrExt;
                    net::attempt::connect_unix(path.as_os_str().as_bytes())
                }),
                "unix stream",
            )
        }
        Operation::Bind { transport, port } => {
            tried(net::attempt::bind(*port, *transport == Transport::Tcp), "loopback")
        }
        Operation::Capability(capability) => {
            let trial = credential::attempt::permitted(capability.0);
            let not = || Test::Not("the tables have no capset".into());
            let test = trial.map_or_else(not, |trial| unmasked(trial, &[Control::Seccomp]));
            (test, "capset(2) to it alone, without the filter")
        }
        Operation::SignalHost => {
            let first = namespace::attempt::on_process(scene.process).into_iter().next();
            tried(first.map(|(_, trial)| trial), "x86_64 by syscall")
        }
    }
}

/// A denial is one of every ABI, whether the policy opens it or not; a permission of those that it
/// opens.
fn rule_test(subject: &Subject<'_>, scene: &Scene, intent: Intent, rule: &Rule) -> Test {
    let opened = |abi: &Abi| subject.policy.syscalls.abis.iter().any(|open| open.value == *abi);
    let abis = Abi::ALL.into_iter().filter(|abi| intent == Intent::Deny || opened(abi));
    let cases: Vec<_> = abis.flat_map(|abi| cases(rule, abi, &scene.entries)).collect();
    if cases.is_empty() {
        return Test::Not("no ABI of this machine has the call".into());
    }
    Test::Calls(cases)
}

fn file_test(subject: &Subject<'_>, intent: Intent, access: Access, path: &PathSpec) -> Test {
    use mount::attempt::{self as file, Target};
    let Some(path) = resolve(subject, path) else {
        return Test::Not("the path cannot be resolved on this machine".into());
    };
    let target = file::target(&path);
    let within = |list: &[At<PathSpec>]| {
        list.iter().any(|entry| resolve(subject, &entry.value).is_some_and(|entry| path.starts_with(entry)))
    };
    let x86_64 = Abi::X86_64;
    let trial = match access {
        Access::Read if target == Target::Absent => None,
        Access::Read => file::read(x86_64, &path, target),
        Access::Write => file::write(x86_64, &path, target),
        Access::Exec => file::executable(&path).and_then(|program| file::exec(&program)),
        Access::Create if target == Target::Directory => file::write(x86_64, &path, target),
        Access::Create => file::create(x86_64, &path, Target::File { mode: 0, size: 0 }),
        // Covered by a mount, which is checked after everything that can be tried harmlessly.
        Access::Unlink if target != Target::Directory && within(&subject.policy.fs.deny) => None,
        Access::Unlink => file::unlink(&path, target),
        Access::Rename if target == Target::Absent => None,
        Access::Rename => file::rename(&path),
        Access::Link => file::link(&path),
        Access::Chmod => file::chmod(&path, target),
        Access::Truncate => file::truncate(&path, target),
        Access::Chroot => {
            return file::chroot(&path).map_or(Test::Not("no chroot".into()), whole);
        }
    };
    match trial {
        // What is private inside is not the host's, and need not be.
        Some(trial) if intent == Intent::Allow && within(&subject.policy.fs.tmp) => {
            against_outside(trial.anywhere())
        }
        Some(trial) if access == Access::Exec => against_outside(trial.passing(Passes::Success)),
        Some(trial) if intent == Intent::Allow => super::as_plain_user(trial),
        Some(trial) => against_outside(trial),
        None if target == Target::Absent => Test::Not(format!("{} does not exist here", path.display())),
        None => Test::Not(format!("{} is nothing that one can {} harmlessly", path.display(), access.word())),
    }
}

fn resolve(subject: &Subject<'_>, path: &PathSpec) -> Option<std::path::PathBuf> {
    let at = Origin { source: 0, offset: 0, len: 0 };
    let mut resolver = Resolver::new(subject.surroundings);
    resolver.resolve(&At::new(path.clone(), at), None, Absent::Kept).ok().flatten().map(|found| found.real)
}
