//! From intents to one ruleset: what is handled, what is granted where, and what the ABI lacks.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use bumpalo::Bump;
use ringfence_sys::abi::LandlockRuleset;
use ringfence_sys::step::Step;

use super::model::{Access, Kind, Model, PathRule, Scope};
use super::right::{self, Right, attr_size, fs, net, scope};
use crate::control::port::Ports;
use crate::control::{Actual, Compiled, Control, Planned, Promise, Refusal, Stage, arena};
use crate::host::Host;
use crate::policy::Origin;

/// The steps of one ruleset, and what this kernel's ABI lacks of the rights that the plan needs.
///
/// Steps are of the stages `LandlockRules`, `LandlockRestrict` and `LandlockRecorded`. Everything that the ABI can
/// handle and the model restricts is handled; what no rule grants is denied. Without Landlock in
/// the kernel there are no steps, and missing promises only.
///
/// # Errors
/// landlock_restrict_self(2) would be `EPERM`; a path that is not absolute, or that the kernel
/// does not take.
pub fn compile<'a>(model: &Model, host: &Host, arena: &'a Bump) -> Result<Compiled<'a>, Refusal> {
    if !model.permitted {
        return Err(Refusal {
            message: "landlock_restrict_self(2) needs no_new_privs, or CAP_SYS_ADMIN kept".to_owned(),
            help: "set process.no_new_privs = true, or lsm.landlock = \"off\"".to_owned(),
            at: model.at,
        });
    }
    let abi = host.landlock().value.abi;
    let mut out = Compiled::default();
    promises(model, host, &mut out);
    if abi == 0 {
        return Ok(out);
    }
    let attr = handled(model, abi);
    let mut push = |stage, step, at| {
        out.steps.push(Planned { stage, control: Control::Landlock, step, at });
    };
    let create = Step::LandlockCreate { attr, size: attr_size(abi), slot: model.slot };
    push(Stage::LandlockRules, create, model.at);
    for (path, (access, at)) in by_path(model, attr.fs) {
        let path = Path::new(path);
        if !path.is_absolute() {
            return Err(Refusal {
                message: format!("`{}` is not an absolute path", path.display()),
                help: "give the path as the program will see it".to_owned(),
                at,
            });
        }
        let path = arena::path(arena, path, at)?;
        push(Stage::LandlockRules, Step::LandlockPath { ruleset: model.slot, path, access }, at);
    }
    for (port, (access, at)) in by_port(model, attr.net) {
        push(Stage::LandlockRules, Step::LandlockPort { ruleset: model.slot, port, access }, at);
    }
    let flags = if model.log && abi >= Right::Log.since().0 { right::LOG_NEW_EXEC_ON } else { 0 };
    push(Stage::LandlockRestrict, Step::LandlockRestrict { ruleset: model.slot, flags }, model.at);
    if model.recorded && flags != 0 {
        push(Stage::LandlockRecorded, Step::LandlockRecorded, model.at);
    }
    Ok(out)
}

/// What an ABI handles of what the model restricts.
fn handled(model: &Model, abi: u32) -> LandlockRuleset {
    let mut files = fs::of_abi(abi);
    if !model.handle_truncate {
        files &= !fs::TRUNCATE;
    }
    if !model.restrict_unix {
        files &= !fs::RESOLVE_UNIX;
    }
    let ports = [
        (&model.tcp_bind, net::BIND_TCP),
        (&model.tcp_connect, net::CONNECT_TCP),
        (&model.udp_bind, net::BIND_UDP),
        (&model.udp_connect, net::CONNECT_SEND_UDP),
    ];
    let network =
        ports.iter().filter(|(ports, _)| **ports != Ports::Every).fold(0, |set, (_, bit)| set | bit);
    let scopes = model.scopes.iter().fold(0, |set, scope| {
        set | match scope {
            Scope::AbstractUnixSocket => scope::ABSTRACT_UNIX_SOCKET,
            Scope::Signal => scope::SIGNAL,
        }
    });
    LandlockRuleset { fs: files, net: network & net::of_abi(abi), scoped: scopes & scope::of_abi(abi) }
}

/// The rights that an intent means, on a directory.
fn rights(access: Access) -> u64 {
    // MAKE_CHAR and MAKE_BLOCK are never granted: a device node is a way around every path.
    const WRITE: u64 = fs::WRITE_FILE
        | fs::TRUNCATE
        | fs::REMOVE_DIR
        | fs::REMOVE_FILE
        | fs::MAKE_DIR
        | fs::MAKE_REG
        | fs::MAKE_SOCK
        | fs::MAKE_FIFO
        | fs::MAKE_SYM
        | fs::REFER;
    let pairs = [
        (access.read, fs::READ_FILE | fs::READ_DIR),
        (access.list, fs::READ_DIR),
        (access.exec, fs::EXECUTE),
        (access.write, WRITE),
        (access.device, fs::READ_FILE | fs::WRITE_FILE | fs::TRUNCATE | fs::IOCTL_DEV),
        (access.unix, fs::RESOLVE_UNIX),
    ];
    pairs.iter().filter(|(granted, _)| *granted).fold(0, |set, (_, bits)| set | bits)
}

/// One rule a path, in the order of their bytes. Rights that are not handled would be `EINVAL`, and
/// a rule without any `ENOMSG` (landlock_add_rule(2)): those are left out.
fn by_path(model: &Model, handled: u64) -> BTreeMap<&OsStr, (u64, Option<Origin>)> {
    let mut rules: BTreeMap<&OsStr, (u64, Option<Origin>)> = BTreeMap::new();
    for PathRule { path, kind, access, at } in &model.paths {
        let mask = match kind {
            Kind::Directory => handled,
            Kind::File => handled & fs::ON_FILE,
        };
        let granted = rights(*access) & mask;
        if granted != 0 {
            let rule = rules.entry(path.as_os_str()).or_insert((0, *at));
            rule.0 |= granted;
        }
    }
    rules
}

/// One rule a port, in the order of the ports.
fn by_port(model: &Model, handled: u64) -> BTreeMap<u64, (u64, Option<Origin>)> {
    let mut rules: BTreeMap<u64, (u64, Option<Origin>)> = BTreeMap::new();
    let mut grant = |port: u16, bit: u64, at| {
        if handled & bit != 0 {
            rules.entry(port.into()).or_insert((0, at)).0 |= bit;
        }
    };
    let lists = [
        (&model.tcp_bind, net::BIND_TCP),
        (&model.tcp_connect, net::CONNECT_TCP),
        (&model.udp_bind, net::BIND_UDP),
        (&model.udp_connect, net::CONNECT_SEND_UDP),
    ];
    for (ports, bit) in lists {
        let Ports::Only(ports) = ports else { continue };
        for rule in ports {
            grant(rule.port, bit, rule.at);
        }
        // A first datagram binds the socket to a port that the kernel picks (linux/landlock.h).
        if bit == net::CONNECT_SEND_UDP
            && let Some(first) = ports.first()
        {
            grant(0, net::BIND_UDP, first.at);
        }
    }
    rules
}

fn promises(model: &Model, host: &Host, out: &mut Compiled<'_>) {
    let fact = host.landlock();
    let (abi, from) = (fact.value.abi, fact.from);
    let release = &host.release().value.text;
    let mut promise = |name, requested: String, why: Option<String>| {
        let actual = why.map_or(Actual::Full, |why| Actual::Missing { why });
        let at = if name == Right::ResolveUnix.name() { model.unix_at.or(model.at) } else { model.at };
        out.promises.push(Promise { name, control: Control::Landlock, requested, actual, at });
    };
    let missing = (abi == 0).then(|| {
        format!(
            "this kernel ({release}) has no Landlock, or it is not on the list of LSMs ({from}): boot with \
             `landlock` in lsm=, or use lsm.landlock = \"off\""
        )
    });
    promise("landlock.available", "Landlock".to_owned(), missing);
    if model.least_abi > 1 {
        let missing =
            (abi < model.least_abi).then(|| format!("this kernel ({release}) has ABI {abi} ({from})"));
        promise("landlock.abi", format!("Landlock ABI {} at least", model.least_abi), missing);
    }
    for &right in &model.needed {
        let (since, kernel) = right.since();
        let missing = (abi < since).then(|| {
            format!(
                "needs Landlock ABI {since} (Linux {kernel}); this kernel ({release}) has ABI {abi} ({from})"
            )
        });
        promise(right.name(), right.words().to_owned(), missing);
    }
}
