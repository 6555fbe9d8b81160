//! A policy's intents as the text of an AppArmor profile. apparmor.d(5).
//!
//! A profile in enforce mode denies what no rule of it allows, so only what is allowed is written,
//! and a `deny` where something below an allowed path is not: with `audit`, because AppArmor records no
//! explicit denial otherwise.

use std::fmt::Write as _;
use std::path::Path;

use super::model::{Gate, Intent, PathRule, Sockets};
use crate::control::Refusal;

/// capabilities(7) as apparmor.d(5) writes them, by number.
pub(super) const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Which rules apparmor_parser(8) has words for, by its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Words {
    /// `userns`, `io_uring` and `mqueue`: from 4.0 on.
    pub newest: bool,
}

impl Words {
    /// Of a version, major and minor number.
    #[must_use]
    pub fn of(version: (u32, u32)) -> Self {
        Self { newest: version >= (4, 0) }
    }
}

/// The profile as a file for a host where an administrator loads it. It names the features that it is
/// written for: without them the parser takes those of a kernel of long ago, and leaves sockets out.
///
/// # Errors
/// A path that a profile cannot name.
pub fn file(name: &str, intent: &Intent, words: Words) -> Result<String, Refusal> {
    let abi = if words.newest { "4.0" } else { "3.0" };
    Ok(format!("abi <abi/{abi}>,\n\n{}", text(name, intent, words)?))
}

/// The profile as text, with a final newline. The same intent gives the same bytes.
///
/// What no rule allows is denied, of every kind that the parser's words and the kernel's features
/// (`apparmor/features`) both have: the parser leaves out of a profile what the kernel has not.
///
/// # Errors
/// A path that a profile cannot name.
pub fn text(name: &str, intent: &Intent, words: Words) -> Result<String, Refusal> {
    let mut text = String::new();
    let _ = writeln!(text, "profile {} {{", quoted(name));
    for rule in &intent.paths {
        allow(&mut text, rule)?;
    }
    for (path, at) in &intent.deny {
        let path = glob(path).map_err(|refusal| Refusal { at: Some(*at), ..refusal })?;
        let _ = writeln!(text, "  audit deny {} rwklmx,", quoted(&path));
        let _ =
            writeln!(text, "  audit deny {} rwklmx,", quoted(&format!("{}/**", path.trim_end_matches('/'))));
    }
    sockets(&mut text, intent.sockets);
    for (capability, at) in &intent.capabilities {
        let name = CAPABILITIES.get(usize::from(*capability)).ok_or_else(|| Refusal {
            message: format!("AppArmor has no name for capability {capability}"),
            help: "leave it out, or set lsm.apparmor = \"inherit\"".into(),
            at: Some(*at),
        })?;
        let _ = writeln!(text, "  capability {name},");
    }
    // Its own processes, and the supervisor's word to end.
    let _ = writeln!(text, "  signal peer={},", quoted(name));
    let _ = writeln!(text, "  signal (receive) peer=unconfined,");
    // Others may look at it, as they may look at what is not confined.
    let _ = writeln!(text, "  ptrace (readby, tracedby),");
    passing(&mut text, name, intent.gate, words);
    let _ = writeln!(text, "}}");
    Ok(text)
}

fn allow(text: &mut String, rule: &PathRule) -> Result<(), Refusal> {
    let path = glob(&rule.path).map_err(|refusal| Refusal { at: rule.at, ..refusal })?;
    let mut rights = String::new();
    for (granted, letters) in [(rule.read, "r"), (rule.write, "wkl"), (rule.exec, "mix")] {
        if granted {
            rights += letters;
        }
    }
    if rights.is_empty() {
        return Ok(());
    }
    if !rule.directory {
        let _ = writeln!(text, "  {} {rights},", quoted(&path));
        return Ok(());
    }
    // A directory itself is listed, or has entries made in it, which is a matter of the entries.
    let below = path.trim_end_matches('/');
    let _ = writeln!(text, "  {} r,", quoted(&format!("{below}/")));
    let _ = writeln!(text, "  {} {rights},", quoted(&format!("{below}/**")));
    Ok(())
}

/// What the filter lets through is the profile's to let through as well.
fn passing(text: &mut String, name: &str, gate: Gate, words: Words) {
    // Reading /proc of its own processes is asked as ptrace(2) is.
    let rights = if gate.ptrace { "" } else { "(read, readby) " };
    let _ = writeln!(text, "  ptrace {rights}peer={},", quoted(name));
    if gate.mount {
        let _ = writeln!(text, "  mount,\n  umount,\n  pivot_root,");
    }
    if !words.newest {
        let _ = writeln!(
            text,
            "  # Not held: userns, io_uring, mqueue. apparmor_parser has words for them from 4.0 on."
        );
        return;
    }
    // As without a profile: a message queue is held by its own namespace.
    let _ = writeln!(text, "  mqueue,");
    for (passes, rule) in [(gate.userns, "userns"), (gate.io_uring, "io_uring")] {
        if passes {
            let _ = writeln!(text, "  {rule},");
        }
    }
}

fn sockets(text: &mut String, sockets: Sockets) {
    for (made, kind) in [(sockets.stream, "stream"), (sockets.datagram, "dgram")] {
        if made {
            let _ = writeln!(text, "  network inet {kind},\n  network inet6 {kind},");
        }
    }
    if sockets.unix {
        let _ = writeln!(text, "  network unix,\n  unix,");
    }
    if sockets.netlink {
        let _ = writeln!(text, "  network netlink raw,");
    }
}

/// A path with everything escaped that apparmor.d(5) reads as a pattern or a variable.
fn glob(path: &Path) -> Result<String, Refusal> {
    let refuse = |why: &str| Refusal {
        message: format!("an AppArmor profile cannot name {}: {why}", path.display()),
        help: "rename it, or set lsm.apparmor = \"inherit\"".into(),
        at: None,
    };
    let text = path.to_str().ok_or_else(|| refuse("it is not UTF-8"))?;
    if text.contains(|letter: char| letter.is_control()) {
        return Err(refuse("it has control characters in it"));
    }
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if "*?[]{}^,@\\\"".contains(letter) {
            escaped.push('\\');
        }
        escaped.push(letter);
    }
    Ok(escaped)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Origin;
    use expect_test::expect;

    const AT: Origin = Origin { source: 0, offset: 3, len: 4 };

    fn rule(path: &str, directory: bool, read: bool, exec: bool, write: bool) -> PathRule {
        PathRule { path: path.into(), directory, read, exec, write, at: Some(AT) }
    }

    #[test]
    fn each_intent_has_its_rule() {
        let intent = Intent {
            paths: vec![
                rule("/usr", true, true, true, false),
                rule("/home/a b", true, true, false, true),
                rule("/etc/hosts", false, true, false, false),
                rule("/", true, true, false, false),
            ],
            deny: vec![("/home/a b/.ssh".into(), AT)],
            sockets: Sockets { stream: true, datagram: false, unix: true, netlink: true },
            capabilities: vec![(10, AT)],
            ..Intent::default()
        };
        expect![[r#"
            profile "ringfence-1" {
              "/usr/" r,
              "/usr/**" rmix,
              "/home/a b/" r,
              "/home/a b/**" rwkl,
              "/etc/hosts" r,
              "/" r,
              "/**" r,
              audit deny "/home/a b/.ssh" rwklmx,
              audit deny "/home/a b/.ssh/**" rwklmx,
              network inet stream,
              network inet6 stream,
              network unix,
              unix,
              network netlink raw,
              capability net_bind_service,
              signal peer="ringfence-1",
              signal (receive) peer=unconfined,
              ptrace (readby, tracedby),
              ptrace (read, readby) peer="ringfence-1",
              mqueue,
            }
        "#]]
        .assert_eq(&text("ringfence-1", &intent, Words::of((4, 0))).unwrap());
    }

    #[test]
    fn what_passes_the_gate_has_its_rule_and_what_has_no_word_is_said() {
        let gate = Gate { ptrace: true, mount: true, userns: true, io_uring: true };
        let with =
            |gate, version| text("p", &Intent { gate, ..Intent::default() }, Words::of(version)).unwrap();
        let all = with(gate, (4, 1));
        for rule in
            ["  ptrace peer=\"p\",", "  mount,", "  umount,", "  pivot_root,", "  userns,", "  io_uring,"]
        {
            assert!(all.lines().any(|line| line == rule), "{rule} in {all}");
        }
        let none = with(Gate::default(), (4, 1));
        for rule in ["mount,", "pivot_root,", "userns,", "io_uring,"] {
            assert!(!none.contains(rule), "{rule} in {none}");
        }
        let old = with(gate, (3, 0));
        assert!(old.contains("# Not held: userns") && !old.contains("  userns,"), "{old}");
    }

    /// apparmor_parser(8) itself reads what is written.
    #[test]
    fn the_parser_takes_it() {
        use std::io::Write as _;
        use std::process::{Command, Stdio};
        const PARSER: &str = "/usr/sbin/apparmor_parser";
        if !std::path::Path::new(PARSER).exists() {
            println!("skipped: needs apparmor_parser");
            return;
        }
        let gate = Gate { ptrace: true, mount: true, userns: true, io_uring: true };
        let sockets = Sockets { stream: true, datagram: true, unix: true, netlink: true };
        let paths = vec![rule("/usr", true, true, true, true), rule("/a b", false, true, false, false)];
        let intent = Intent { gate, sockets, paths, capabilities: vec![(10, AT)], ..Intent::default() };
        let text = text("p", &intent, Words::of((3, 0))).unwrap();
        let mut child = Command::new(PARSER)
            .args(["--names", "--skip-kernel-load", "--skip-cache", "--quiet"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}\n{text}", String::from_utf8_lossy(&output.stderr));
    }

    #[test]
    fn a_name_is_never_a_pattern() {
        let paths = vec![rule("/a*[b]{c,d}\"@x", false, true, false, false)];
        let text = text("p", &Intent { paths, ..Intent::default() }, Words::of((4, 0))).unwrap();
        assert!(text.contains(r#"  "/a\*\[b\]\{c\,d\}\"\@x" r,"#), "{text}");
    }

    #[test]
    fn what_cannot_be_named_is_refused_with_its_line() {
        let paths = vec![rule("/a\nb", false, true, false, false)];
        let refusal = text("p", &Intent { paths, ..Intent::default() }, Words::of((4, 0))).unwrap_err();
        assert_eq!(refusal.at, Some(AT));
        let capabilities = vec![(63, AT)];
        assert!(text("p", &Intent { capabilities, ..Intent::default() }, Words::of((4, 0))).is_err());
    }
}
