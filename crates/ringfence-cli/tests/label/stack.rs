//! A caller that AppArmor confines already, and which LSM answers where several would deny.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::apparmor::{self, DIRECTORY, ONLY_A_PROFILE, Profile};
use crate::events::Told;
use crate::harness::ground::{Ground, Who, find};
use crate::harness::run::{Outcome, Run};
use crate::harness::skip;

/// What [`Profile`] denies by path is Landlock's to deny as well: it is below no place of these.
const NARROW: &str = "version = 1
[fs]
exec = [\"/usr\", \"-/bin\", \"-/lib\", \"-/lib64\"]
read = []
write = []
tmp = []
proc = \"none\"
dev = \"none\"
[net]
mode = \"host\"
connect = [\"tcp:*\", \"udp:*\"]
bind = [\"tcp:*\", \"udp:*\"]
[syscalls]
mode = \"off\"
[namespaces]
unshare = []
[lsm]
landlock = \"require\"
[degrade]
allow = [\"landlock.refer\", \"landlock.truncate\", \"landlock.ioctl-dev\", \"landlock.resolve-unix\", \"landlock.log\", \"landlock.scope-abstract-unix-socket\", \"landlock.scope-signal\"]
";

fn root(test: &str) -> Option<Ground> {
    Ground::new(Who::Root, &format!("label::stack::{test}"))
}

/// A profile of the caller, gone with this.
struct Outer(String);

impl Outer {
    /// Allows all but to read one file.
    fn load(ground: &Ground, denied: &Path) -> Self {
        let name = format!("outer-{}", ground.root().file_name().unwrap().to_str().unwrap());
        let all =
            "file, signal, capability, network, unix, mount, umount, pivot_root, ptrace, change_profile,";
        let denied = denied.display();
        let text = format!(
            "profile \"{name}\" flags=(attach_disconnected) {{\n  {all}\n  deny \"{denied}\" r,\n}}\n"
        );
        apparmor::parser(&["--add"], &text);
        Self(name)
    }

    /// A command under it: the shell's label at execve(2) is this one.
    fn run(&self, ground: &Ground, words: &[&str]) -> Outcome {
        let script = format!("printf 'exec {}' >/proc/self/attr/apparmor/exec && exec \"$@\"", self.0);
        let mut command = Command::new(find("bash").unwrap());
        command.args(["-c", &script, "bash"]).arg(ground.binary()).args(words).current_dir(ground.home());
        Run::new(command).go()
    }
}

impl Drop for Outer {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(DIRECTORY).join(".remove"), &self.0);
    }
}

#[test]
fn a_confined_caller_only_becomes_more_confined() {
    let Some(ground) = root("a_confined_caller_only_becomes_more_confined") else { return };
    let Some(inner) = Profile::load(&ground, "deny") else { return };
    let (secret, other) = (ground.file("home/secret", "secret\n"), ground.file("home/other", "other\n"));
    let outer = Outer::load(&ground, &other);
    let policy = ground.file("home/policy.toml", ONLY_A_PROFILE);
    let run = |label: &str, words: &[&str]| {
        let flags = ["run", "--policy", policy.to_str().unwrap(), "--lsm-apparmor", label, "--"];
        outer.run(&ground, &[&flags, words].concat())
    };
    let (secret, other) = (secret.to_str().unwrap(), other.to_str().unwrap());
    const OWN: &str = "/proc/self/attr/apparmor/current";
    // The caller's profile alone, then both: neither of them lets go.
    run("inherit", &["cat", secret]).passes().prints("secret");
    run("inherit", &["cat", other]).exits(1).complains("Permission denied");
    run(&inner.name, &["cat", secret]).exits(1).complains("Permission denied");
    run(&inner.name, &["cat", other]).exits(1).complains("Permission denied");
    let label = run(&inner.name, &["cat", OWN]);
    let label = label.passes().out.trim_end();
    assert!(label.contains(&outer.0) && label.contains(&inner.name) && label.contains("//&"), "{label}");
}

/// Both deny the same; what the kernel records is the answer of the one that it asks first, and
/// `ringfence host` says which that is.
#[test]
fn the_first_of_the_kernels_list_answers() {
    let Some(ground) = root("the_first_of_the_kernels_list_answers") else { return };
    let lsms = fs::read_to_string("/sys/kernel/security/lsm").unwrap_or_default();
    let place = |name: &str| lsms.trim().split(',').position(|lsm| lsm == name);
    let (Some(landlock), Some(profiles)) = (place("landlock"), place("apparmor")) else {
        skip(&ground.test, "needs an active AppArmor and Landlock");
        return;
    };
    let Some(profile) = Profile::load(&ground, "audit deny") else { return };
    let secret = ground.file("home/secret", "secret\n");
    let read = ["cat", secret.to_str().unwrap()];
    let file = |name: &str, text: &str| {
        let path = ground.file(&format!("home/{name}"), text);
        format!("--policy {}", path.display())
    };
    let (wide, narrow) = (file("wide.toml", ONLY_A_PROFILE), file("narrow.toml", NARROW));
    let labelled = |flags: &str| format!("{flags} --lsm-apparmor {}", profile.name);
    // Other sources see that some security module refused; only AppArmor's record names a profile.
    let named = |told: &Told| told.labels().iter().any(|line| line.contains(&profile.name));
    // Neither, each alone, both.
    ground.ringfence(&wide, &read).go().passes().prints("secret");
    let alone = Told::of(&ground, &labelled(&wide), &read);
    alone.run.exits(1).complains("Permission denied");
    alone.has(&[&profile.name, secret.to_str().unwrap()]);
    let alone = Told::of(&ground, &narrow, &read);
    alone.run.exits(1).complains("Permission denied");
    assert!(!named(&alone), "{}", alone.run);
    let both = Told::of(&ground, &labelled(&narrow), &read);
    both.run.exits(1).complains("Permission denied");
    assert_eq!(named(&both), profiles < landlock, "{lsms}: {}", both.run);
    let shown = ground.command(&ground.binary(), &["host", "--format", "json"]).go();
    let shown: serde_json::Value = serde_json::from_str(&shown.passes().out).unwrap();
    let facts = shown["facts"].as_array().unwrap();
    let asked = facts.iter().find(|fact| fact["id"] == "lsm.asked.files").unwrap();
    let first = if landlock < profiles { "landlock" } else { "apparmor" };
    let order = asked["value"].as_array().unwrap().iter().filter_map(serde_json::Value::as_str);
    assert_eq!(order.clone().find(|name| ["landlock", "apparmor"].contains(name)), Some(first), "{asked}");
}
