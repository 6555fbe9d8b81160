//! TOMOYO: a containment neither needs it nor harms it. What its policy denies to a domain stays
//! denied inside, and the domain is shown.
//!
//! Only in a guest that was booted with `TOMOYO_trigger=/usr/bin/nproc`: its policy is of a whole
//! machine, and is given before it takes hold. Documentation/admin-guide/LSM/tomoyo.rst.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::harness::ground::{Ground, Who, is_root};
use crate::harness::{both, skip};

const DIRECTORY: &str = "/sys/kernel/security/tomoyo";
/// What starts it: `security_bprm_check` compares the name that is executed.
const TRIGGER: &str = "/usr/bin/nproc";

/// Gives `id` a domain of its own, which may do nothing, and starts TOMOYO; once.
fn enforced(ground: &Ground) -> bool {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED.get_or_init(load);
    if !loaded {
        skip(&ground.test, "needs a guest with lsm=tomoyo and its trigger");
    }
    loaded
}

fn load() -> bool {
    let line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    let there = line.contains(&format!("TOMOYO_trigger={TRIGGER}")) && Path::new(DIRECTORY).is_dir();
    if std::env::var_os("RINGFENCE_GUEST").is_none() || !there || !is_root() {
        return false;
    }
    let put = |file: &str, text: &str| fs::write(Path::new(DIRECTORY).join(file), text).unwrap();
    put("profile", "PROFILE_VERSION=20150505\n0-CONFIG={ mode=disabled }\n3-CONFIG={ mode=enforcing }\n");
    put("exception_policy", "initialize_domain /usr/bin/id from any\n");
    put("domain_policy", "<kernel> /usr/bin/id\nuse_profile 3\n");
    assert!(Command::new(TRIGGER).output().unwrap().status.success());
    true
}

both! {
    fn what_tomoyo_denies_stays_denied(ground: &Ground) {
        if !enforced(ground) {
            return;
        }
        // The same program under another name is in another domain, and works.
        let other = ground.root().join("whoami");
        fs::copy("/usr/bin/id", &other).unwrap();
        let flags = format!("--fs-exec {}", ground.root().display());
        ground.ringfence(&flags, &[other.to_str().unwrap(), "-u"]).go().passes();
        ground.ringfence("", &["true"]).go().passes();
        let plain = ground.plain(&["/bin/sh", "-c", "/usr/bin/id -u; exit $?"]).go();
        for denied in [plain, ground.ringfence("", &["id", "-u"]).go()] {
            assert!(denied.status != 0 && denied.out.is_empty(), "{denied}");
        }
    }
}

#[test]
fn the_domain_is_shown() {
    let Some(ground) = Ground::new(Who::Root, "label::tomoyo::the_domain_is_shown") else { return };
    if !enforced(&ground) {
        return;
    }
    let mut running = ground.ringfence("", &["sleep", "60"]).start();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let pid = loop {
        let is = |pid: &String| {
            fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
        };
        let names = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.file_name());
        let found = names.filter_map(|name| name.into_string().ok()).find(is);
        if let Some(pid) = found {
            break pid;
        }
        assert!(std::time::Instant::now() < deadline);
    };
    let seen = ground.command(&ground.binary(), &["inspect", &pid]).go();
    seen.passes().prints("tomoyo                   <kernel>");
    running.child.kill().unwrap();
    running.child.wait().unwrap();
}
