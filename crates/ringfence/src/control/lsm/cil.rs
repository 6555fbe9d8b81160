//! A policy's intents as a module of SELinux's intermediate language, for an administrator to load:
//! `semodule -i FILE.cil`. secilc(8), https://github.com/SELinuxProject/selinux/tree/main/secilc/docs
//!
//! SELinux knows types and no paths. So the module allows by three attributes (readable, executable,
//! writable), and a path's type is a member of one where this host says which type that is; a path
//! whose type is not known stays a comment. What no rule allows is denied. Each class of the base
//! policy stands in a block of its own, which is left out where that policy lacks it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::model::{Intent, PathRule};
use super::profile::CAPABILITIES;

/// What of a type may be done, and the classes with their permissions.
const READ: [(&str, &str); 4] = [
    ("file", "read open getattr map ioctl lock"),
    ("dir", "read open getattr search ioctl lock"),
    ("lnk_file", "read getattr"),
    ("chr_file", "read open getattr ioctl"),
];
const EXECUTE: [(&str, &str); 1] = [("file", "execute execute_no_trans")];
const WRITE: [(&str, &str); 8] = [
    ("file", "write append create unlink rename link setattr"),
    ("dir", "write add_name remove_name create rmdir reparent rename setattr"),
    ("lnk_file", "create unlink rename"),
    ("sock_file", "write create unlink rename setattr"),
    ("fifo_file", "read write open create unlink rename getattr setattr"),
    ("chr_file", "write append"),
    ("unix_stream_socket", "connectto"),
    ("unix_dgram_socket", "sendto"),
];
const SOCKET: &str =
    "create read write getattr setattr getopt setopt bind connect listen accept shutdown ioctl";
/// Capabilities from this number on are of another class.
const CAPABILITY2: u8 = 32;

/// The module as text, with a final newline. `types`: the SELinux type of each path that is known.
#[must_use]
pub fn text(name: &str, intent: &Intent, types: &BTreeMap<PathBuf, String>) -> String {
    let domain = format!("{name}_t");
    let mut text = format!(
        "; SELinux: what {name} may do. Load it by semodule -i, and start the program with
; lsm.selinux = \"USER:ROLE:{domain}:LEVEL\". The caller's domain must be allowed to enter it: add
;   (allow CALLER {domain} (process (transition)))
;   (allow CALLER {domain} (process2 (nnp_transition nosuid_transition)))
(type {domain})\n"
    );
    optional(&mut text, &format!("{name}_role"), "(roletype unconfined_r ", &domain);
    optional(&mut text, &format!("{name}_domain"), "(typeattributeset domain ", &format!("({domain})"));
    for attribute in ["readable", "executable", "writable"] {
        let _ = writeln!(text, "(typeattribute {name}_{attribute})");
    }
    members(&mut text, name, intent, types);
    let mut rules = Rules { text: &mut text, name, domain: &domain, number: 0 };
    for (attribute, list) in [("readable", &READ[..]), ("executable", &EXECUTE), ("writable", &WRITE)] {
        let target = format!("{name}_{attribute}");
        list.iter().for_each(|(class, permissions)| rules.allow(&target, class, permissions));
    }
    rules.allow(&format!("{name}_executable"), "file", "entrypoint");
    rules.own(intent);
    text
}

struct Rules<'t> {
    text: &'t mut String,
    name: &'t str,
    domain: &'t str,
    number: usize,
}

impl Rules<'_> {
    /// Each permission by itself: a base policy may lack one.
    fn allow(&mut self, target: &str, class: &str, permissions: &str) {
        for permission in permissions.split(' ') {
            self.number += 1;
            let (name, number) = (self.name, self.number);
            let rule = format!("(allow {} {target} ({class} ({permission})))", self.domain);
            let _ = writeln!(self.text, "(optional {name}_{number} {rule})");
        }
    }

    /// What it may do with itself.
    fn own(&mut self, intent: &Intent) {
        let gate = intent.gate;
        let process = "fork sigchld sigkill sigstop signull signal getsched setsched getsession getpgid setpgid \
                       getcap setcap getattr setrlimit";
        self.allow("self", "process", &process.split_whitespace().collect::<Vec<_>>().join(" "));
        self.allow("self", "fifo_file", "read write open getattr ioctl append lock");
        self.allow("self", "fd", "use");
        if gate.ptrace {
            self.allow("self", "process", "ptrace");
        }
        if gate.userns {
            self.allow("self", "user_namespace", "create");
        }
        if gate.io_uring {
            self.allow("self", "io_uring", "sqpoll override_creds");
        }
        let sockets = intent.sockets;
        let families = [
            (sockets.stream, "tcp_socket"),
            (sockets.datagram, "udp_socket"),
            (sockets.unix, "unix_stream_socket"),
            (sockets.unix, "unix_dgram_socket"),
            (sockets.netlink, "netlink_route_socket"),
        ];
        for (_, class) in families.iter().filter(|(made, _)| *made) {
            self.allow("self", class, SOCKET);
        }
        for (number, _) in &intent.capabilities {
            let Some(capability) = CAPABILITIES.get(usize::from(*number)) else { continue };
            let class = if *number < CAPABILITY2 { "cap_userns" } else { "cap2_userns" };
            self.allow("self", class, capability);
        }
    }
}

fn optional(text: &mut String, block: &str, before: &str, what: &str) {
    let _ = writeln!(text, "(optional {block} {before}{what}))");
}

/// Which types have which attribute.
fn members(text: &mut String, name: &str, intent: &Intent, types: &BTreeMap<PathBuf, String>) {
    let mut sets: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut unknown = Vec::new();
    for rule in &intent.paths {
        match types.get(&rule.path) {
            Some(kind) => attributes(rule).for_each(|attribute| {
                sets.entry(attribute).or_default().insert(kind);
            }),
            None => unknown.push(rule),
        }
    }
    for rule in unknown {
        let attributes: Vec<&str> = attributes(rule).collect();
        let _ =
            writeln!(text, "; {}: its type is not known here; {}", shown(&rule.path), attributes.join(", "));
    }
    for (path, _) in &intent.deny {
        let _ =
            writeln!(text, "; {}: is denied; give it a type that has none of the attributes", shown(path));
    }
    for (attribute, kinds) in sets {
        for kind in kinds {
            let block = format!("{name}_{attribute}_{kind}");
            optional(text, &block, &format!("(typeattributeset {name}_{attribute} "), &format!("({kind})"));
        }
    }
}

fn attributes(rule: &PathRule) -> impl Iterator<Item = &'static str> {
    let has = [(rule.read || rule.exec, "readable"), (rule.exec, "executable"), (rule.write, "writable")];
    has.into_iter().filter_map(|(has, name)| has.then_some(name))
}

/// In a comment: no line may end within it.
fn shown(path: &Path) -> String {
    path.to_string_lossy().escape_debug().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::lsm::model::{Gate, Sockets};

    fn rule(path: &str, exec: bool, write: bool) -> PathRule {
        PathRule { path: path.into(), directory: true, read: true, exec, write, at: None }
    }

    fn types() -> BTreeMap<PathBuf, String> {
        [("/usr", "usr_t"), ("/srv", "srv_t")].map(|(path, kind)| (path.into(), kind.to_owned())).into()
    }

    #[test]
    fn only_what_the_policy_allows_is_allowed() {
        let intent = Intent {
            paths: vec![rule("/usr", true, false), rule("/srv", false, true), rule("/a\nb", false, false)],
            sockets: Sockets { stream: true, ..Sockets::default() },
            ..Intent::default()
        };
        let text = text("box", &intent, &types());
        for needed in [
            "(typeattributeset box_executable (usr_t))",
            "(typeattributeset box_writable (srv_t))",
            "(allow box_t self (tcp_socket (connect)))",
            "; /a\\nb: its type is not known here; readable",
        ] {
            assert!(text.contains(needed), "{needed} in {text}");
        }
        for absent in ["box_writable (usr_t)", "udp_socket", "ptrace", "cap_userns", "user_namespace", "\nb:"]
        {
            assert!(!text.contains(absent), "{absent} in {text}");
        }
        let open = text.matches('(').count();
        let without_comments: String = text.lines().filter(|line| !line.starts_with(';')).collect();
        assert!(open > 0 && without_comments.matches('(').count() == without_comments.matches(')').count());
    }

    #[test]
    fn what_passes_the_gate_passes_here_too() {
        let gate = Gate { ptrace: true, mount: false, userns: true, io_uring: false };
        let at = crate::policy::Origin { source: 0, offset: 0, len: 0 };
        let intent = Intent { gate, capabilities: vec![(13, at), (38, at)], ..Intent::default() };
        let text = text("box", &intent, &BTreeMap::new());
        assert!(text.contains("(process (ptrace))") && text.contains("(user_namespace (create))"));
        assert!(text.contains("(cap_userns (net_raw))") && text.contains("(cap2_userns (perfmon))"));
        assert!(!text.contains("io_uring"));
    }
}
