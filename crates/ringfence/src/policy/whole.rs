//! The merged layers as a whole policy.

use super::layer::{Layer, Limit, Scalar, Whole, once};
use super::model::{Audit, Fs, Limits, Lsm, Namespaces, Net, Policy, Process, Syscalls};
use super::source::{At, Source};

/// Turns merged layers, the defaults among them, into a policy.
///
/// # Panics
/// Where the table of keys gives no default for a key that must have one: a test reads it.
pub(super) fn policy(layer: Layer, sources: Vec<Source>) -> Policy {
    let unshare = whole(layer.unshare, "namespaces.unshare");
    let fds = whole(layer.fds, "process.fds");
    Policy {
        sources,
        process: Process {
            user: scalar(layer.user, "process.user"),
            groups: layer.groups.map(|groups| once(groups.items)),
            capabilities: once(whole(layer.capabilities, "process.capabilities").items),
            no_new_privs: scalar(layer.no_new_privs, "process.no_new_privs"),
            umask: layer.umask,
            cwd: layer.cwd,
            env_pass: layer.env_pass.into_items(),
            env_set: layer.env_set,
            fds_at: fds.at,
            fds: fds.items.into_iter().map(|fd| fd.value).collect(),
        },
        fs: Fs {
            read: layer.read.into_items(),
            exec: layer.exec.into_items(),
            write: layer.write.into_items(),
            deny: layer.deny.into_items(),
            tmp: layer.tmp.into_items(),
            proc: scalar(layer.proc, "fs.proc"),
            dev: scalar(layer.dev, "fs.dev"),
        },
        net: Net {
            mode: scalar(layer.net_mode, "net.mode"),
            connect: layer.connect.into_items(),
            bind: layer.bind.into_items(),
            unix: layer.unix.into_items(),
        },
        syscalls: Syscalls {
            mode: scalar(layer.syscall_mode, "syscalls.mode"),
            abis: once(whole(layer.abis, "syscalls.abis").items),
            // Rules that repeat cost nothing: the filter is made from the set of calls.
            allow: layer.allow_calls.items,
            deny: layer.deny_calls.items,
            on_deny: scalar(layer.on_deny, "syscalls.on_deny"),
            unknown: scalar(layer.unknown, "syscalls.unknown"),
        },
        namespaces: Namespaces {
            unshare_at: unshare.at,
            unshare: unshare.items.into_iter().map(|namespace| namespace.value).collect(),
            hostname: layer.hostname,
            id_map: scalar(layer.id_map, "namespaces.id_map"),
        },
        lsm: Lsm {
            landlock: scalar(layer.landlock, "lsm.landlock"),
            apparmor: scalar(layer.apparmor, "lsm.apparmor"),
            selinux: scalar(layer.selinux, "lsm.selinux"),
            selinux_mount: scalar(layer.selinux_mount, "lsm.selinux_mount"),
            bpf: scalar(layer.bpf, "lsm.bpf"),
        },
        limits: Limits {
            memory: limit(layer.memory),
            pids: limit(layer.pids),
            cpu_milli: limit(layer.cpu),
            wall_ms: limit(layer.wall),
            open_files: limit(layer.open_files),
            core: limit(layer.core),
            file_size: limit(layer.file_size),
            stack: limit(layer.stack),
            cpu_time: limit(layer.cpu_time),
        },
        audit: Audit { events: scalar(layer.events, "audit.events") },
        degrade: layer.degrade.into_items(),
        expect: layer.expect.into_items().into_iter().map(|claim| claim.value).collect(),
        aside: Vec::new(),
    }
}

fn scalar<T>(written: Scalar<T>, key: &str) -> At<T> {
    written.unwrap_or_else(|| panic!("the table of keys has no default for {key}"))
}

fn whole<T>(written: Option<Whole<T>>, key: &str) -> Whole<T> {
    written.unwrap_or_else(|| panic!("the table of keys has no default for {key}"))
}

fn limit(written: Limit) -> Option<At<u64>> {
    let At { value, at } = written?;
    value.map(|value| At::new(value, at))
}
