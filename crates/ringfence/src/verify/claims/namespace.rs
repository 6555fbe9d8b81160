//! What only the host's namespaces have: its processes, and the namespaces themselves; descriptors
//! that were open outside.

use ringfence_bpf::table::Abi;

use super::{Claim, ESCAPE, PROTECTION, Scene, against_outside, unmasked};
use crate::control::Control;
use crate::control::namespace::attempt;
use crate::control::trial::{Trial, Word};
use crate::policy::model::Namespace;
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
