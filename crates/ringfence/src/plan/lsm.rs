//! `[lsm]` becomes the LSM room's model; a generated profile holds what files, network and
//! capabilities come to.

use std::ffi::CStr;

use bumpalo::Bump;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::rule::{Decision, decide};
use ringfence_bpf::table::{self, Abi};
use ringfence_sys::step::Step;

use crate::control::{Planned, Refusal, landlock, lsm, mount, seccomp};
use crate::policy::Policy;
use crate::policy::model::{Label, Namespace};

use super::net;

/// The model. `rules` and `view`: what `[fs]` came to; `unique`: a number nobody else has.
pub(super) fn model(
    policy: &Policy,
    rules: &[landlock::PathRule],
    view: Option<&mount::Model>,
    unique: u64,
) -> Result<lsm::Model, Refusal> {
    let pid = policy.namespaces.unshare.contains(&Namespace::Pid);
    // Nobody else reads it, and working it out takes time.
    let intent = match policy.lsm.apparmor.value {
        Label::Generate => intent(policy, rules, view)?,
        Label::Inherit | Label::Named(_) => lsm::Intent::default(),
    };
    Ok(lsm::Model::of(policy, intent, unique, pid))
}

/// Gives the file systems that are made their context: selinux(8), option `context` of mount(8). Those
/// of the kernel's own objects (`proc`) take none.
pub(super) fn mounts<'a>(label: &Label, steps: &mut [Planned<'a>], arena: &'a Bump) {
    let Label::Named(context) = label else { return };
    let text = |text: String| -> &'a CStr {
        let bytes = arena.alloc_slice_copy(text.as_bytes());
        // A context has no NUL: the policy's reader refuses control characters.
        CStr::from_bytes_with_nul(bytes).unwrap_or_default()
    };
    for planned in steps {
        match &mut planned.step {
            Step::NewFilesystem { fstype, options, .. } if takes_a_context(fstype) => {
                let more = (c"context", text(format!("{context}\0")));
                let mut all = bumpalo::collections::Vec::from_iter_in(options.iter().copied(), arena);
                all.push(more);
                *options = all.into_bump_slice();
            }
            Step::Mount { fstype, data, .. } if takes_a_context(fstype) => {
                let before = data.to_str().unwrap_or_default();
                let comma = if before.is_empty() { "" } else { "," };
                // In quotes: categories of a context have commas between them.
                *data = text(format!("{before}{comma}context=\"{context}\"\0"));
            }
            _ => {}
        }
    }
}

fn takes_a_context(fstype: &CStr) -> bool {
    matches!(fstype.to_bytes(), b"tmpfs" | b"devpts" | b"mqueue")
}

/// What of a policy an LSM's rules can hold.
pub(super) fn intent(
    policy: &Policy,
    rules: &[landlock::PathRule],
    view: Option<&mount::Model>,
) -> Result<lsm::Intent, Refusal> {
    let families = net::families(&policy.net);
    let deny = view.into_iter().flat_map(|view| &view.deny);
    Ok(lsm::Intent {
        gate: gate(super::gate(policy)?.as_ref()),
        paths: rules.iter().map(path).collect(),
        deny: deny.filter_map(|deny| Some((deny.path.clone(), deny.at?))).collect(),
        sockets: lsm::Sockets {
            stream: families.stream != crate::control::seccomp::Sockets::None,
            datagram: families.datagram != crate::control::seccomp::Sockets::None,
            unix: families.unix,
            netlink: families.netlink_route,
        },
        sockets_at: Some(policy.net.mode.at),
        capabilities_at: policy.process.capabilities.first().map(|one| one.at),
        capabilities: policy.process.capabilities.iter().map(|one| (one.value.0, one.at)).collect(),
    })
}

/// Which calls the filter lets through under any of these first arguments. CLONE_NEWUSER and
/// PTRACE_ATTACH are of linux/sched.h and linux/ptrace.h.
fn gate(filter: Option<&seccomp::Specified>) -> lsm::Gate {
    const NEWUSER: u64 = 0x1000_0000;
    const ATTACH: u64 = 16;
    let passes = |name: &str, first: u64| {
        let (Some(filter), Some(call)) = (filter, table::by_name(Abi::X86_64, name)) else { return true };
        let args = [first, 0, 0, 0, 0, 0];
        let data =
            SeccompData { nr: call.number, arch: Abi::X86_64.audit_arch(), instruction_pointer: 0, args };
        matches!(decide(&filter.spec, &data), Decision::Allowed(_))
    };
    lsm::Gate {
        ptrace: passes("ptrace", 0) || passes("ptrace", ATTACH),
        mount: ["mount", "move_mount", "umount2", "pivot_root"].iter().any(|name| passes(name, 0)),
        userns: passes("unshare", NEWUSER) || passes("clone", NEWUSER),
        io_uring: passes("io_uring_setup", 0),
    }
}

fn path(rule: &landlock::PathRule) -> lsm::PathRule {
    let access = rule.access;
    lsm::PathRule {
        path: rule.path.clone(),
        directory: rule.kind == landlock::Kind::Directory,
        read: access.read || access.device || access.unix,
        exec: access.exec,
        // A socket is reached by writing to it.
        write: access.write || access.device || access.unix,
        at: rule.at,
    }
}
