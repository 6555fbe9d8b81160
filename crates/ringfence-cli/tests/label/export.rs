//! A policy as a profile or module that an administrator loads: it holds what the policy says.

use std::fs;
use std::path::Path;

use crate::apparmor::{self, DIRECTORY, ONLY_A_PROFILE};
use crate::harness::ground::{Ground, Who, is_root};
use crate::harness::{both, skip};
use crate::selinux;

/// A policy whose files are those of the system, without a place to write, and with no network.
const NARROW: &str = "version = 1
[fs]
exec = [\"/usr\", \"-/bin\", \"-/lib\", \"-/lib64\"]
read = [\"/proc\"]
write = []
proc = \"none\"
dev = \"none\"
[net]
mode = \"host\"
[syscalls]
mode = \"off\"
[namespaces]
unshare = []
";

/// Exports [`NARROW`].
fn exported(ground: &Ground, language: &str, name: &str) -> String {
    let policy = ground.file("home/narrow.toml", NARROW);
    let words = ["export", policy.to_str().unwrap(), "--to", language, "--name", name];
    let text = ground.command(&ground.binary(), &words).go();
    text.passes().out.clone()
}

both! {
    fn an_exported_profile_holds_what_the_policy_says(ground: &Ground) {
        if !is_root() || !Path::new(DIRECTORY).exists() || !ground.has(&["apparmor_parser"]) {
            skip(&ground.test, "needs root and an active AppArmor to load a profile");
            return;
        }
        let name = format!("exported_{}", ground.ids().0);
        apparmor::parser(&["--add"], &exported(ground, "apparmor", &name));
        let (secret, outside) = (ground.file("home/secret", "secret\n"), std::process::id());
        let policy = ground.file("home/policy.toml", ONLY_A_PROFILE);
        let flags = format!("--policy {}", policy.display());
        let with = format!("{flags} --lsm-apparmor {name}");
        let tries = [
            format!("cat {}", secret.display()),
            format!("echo x >{}", secret.display()),
            ": >/dev/tcp/127.0.0.1/9; [ $? = 0 ] || exec 2>&1; false".to_owned(),
        ];
        ground.ringfence(&with, &["bash", "-c", "true; cat /proc/self/stat"]).go().passes();
        for script in &tries[..2] {
            ground.ringfence(&flags, &["bash", "-c", script]).go().passes();
            let denied = ground.ringfence(&with, &["bash", "-c", script]).go();
            assert!(denied.status != 0, "{denied}");
            denied.complains("Permission denied");
        }
        let reached = ground.ringfence(&flags, &["bash", "-c", &tries[2]]).go();
        reached.complains("refused");
        let denied = ground.ringfence(&with, &["bash", "-c", &tries[2]]).go();
        denied.complains("Permission denied");
        // What is not confined by it is out of the reach of its signals.
        if ground.who == Who::Root {
            let script = format!("kill -0 {outside}");
            ground.ringfence(&flags, &["bash", "-c", &script]).go().passes();
            assert!(ground.ringfence(&with, &["bash", "-c", &script]).go().status != 0);
        }
        fs::write(Path::new(DIRECTORY).join(".remove"), &name).unwrap();
    }
}

#[test]
fn an_exported_module_holds_what_the_policy_says() {
    let name = "label::export::an_exported_module_holds_what_the_policy_says";
    let Some(ground) = Ground::new(Who::Root, name) else { return };
    if !selinux::enforced(&ground) {
        return;
    }
    let module = exported(&ground, "cil", "exported");
    assert!(module.contains("(typeattributeset exported_executable (all_t))"), "{module}");
    assert!(!module.contains("(typeattributeset exported_writable"), "{module}");
    // What an administrator adds: who may enter the domain, and its role.
    let more = "(roletype r exported_t)\n(allow all_t exported_t (process (transition)))\n\
                (allow all_t exported_t (process2 (nnp_transition nosuid_transition)))\n";
    selinux::replace("export", &format!("{module}{more}"));
    let file = ground.file("home/work/file", "text\n");
    let policy = ground.file("home/policy.toml", ONLY_A_PROFILE);
    let flags = format!("--policy {}", policy.display());
    let with = format!("{flags} --lsm-selinux u:r:exported_t");
    let write = ["bash", "-c", &format!("echo text >{}", file.display())];
    ground.ringfence(&flags, &write).go().passes();
    ground.ringfence(&with, &["cat", file.to_str().unwrap()]).go().passes().prints("text");
    let denied = ground.ringfence(&with, &write).go();
    assert!(denied.status != 0, "{denied}");
    denied.complains("Permission denied");
}

#[test]
fn what_cannot_be_exported_says_so() {
    let Some(ground) = Ground::new(Who::Root, "label::export::what_cannot_be_exported_says_so") else {
        return;
    };
    let export = |words: &[&str]| {
        let words: Vec<&str> = ["export"].iter().chain(words).copied().collect();
        ground.command(&ground.binary(), &words).go()
    };
    for words in [
        &["builtin:nothing", "--to", "apparmor"][..],
        &["builtin:build", "--to", "cil", "--name", "a b"],
        &["builtin:build", "--to", "apparmor", "--from", "oci"],
        &["/no/such/policy.toml", "--to", "cil"],
    ] {
        let seen = export(words);
        seen.exits(2);
        assert!(seen.out.is_empty() && !seen.err.is_empty(), "{seen}");
    }
    export(&["builtin:build", "--to", "apparmor", "--name", "x"]).passes().prints("profile \"x\" {");
    export(&["builtin:build", "--to", "cil", "--name", "x"]).passes().prints("(type x_t)");
}
