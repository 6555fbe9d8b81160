//! selinux(8): contexts at execve, and the kernel's refusal where the policy has no such transition.
//!
//! Only in a guest that no policy has been loaded into: loading one concerns a whole machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::harness::ground::{Ground, find, is_root};
use crate::harness::{both, skip};

const DIRECTORY: &str = "/sys/fs/selinux";
const OWN: &str = "/proc/self/attr/current";

/// Loads the tests' policy, once; `false`, with a skip, where that cannot or must not be done.
pub(crate) fn enforced(ground: &Ground) -> bool {
    static LOADED: OnceLock<bool> = OnceLock::new();
    let loaded = *LOADED.get_or_init(load);
    if !loaded {
        skip(&ground.test, "needs a guest with lsm=selinux, root and secilc");
    }
    loaded
}

fn load() -> bool {
    let guest = std::env::var_os("RINGFENCE_GUEST").is_some();
    // Without a policy there is one context, by this name.
    let bare = fs::read_to_string(OWN).is_ok_and(|own| own.trim_end_matches(['\n', '\0']) == "kernel");
    let active = Path::new(DIRECTORY).join("load").exists();
    if !(guest && bare && active && is_root() && find("secilc").is_some()) {
        return false;
    }
    replace("", "");
    fs::write(Path::new(DIRECTORY).join("enforce"), "1").unwrap();
    true
}

/// Loads the tests' policy with more text at its end: the last of each test.
pub(crate) fn replace(test: &'static str, more: &str) {
    static MORE: Mutex<BTreeMap<&str, String>> = Mutex::new(BTreeMap::new());
    let mut all = MORE.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(test, more.to_owned());
    let more: String = all.values().map(|text| format!("{text}\n")).collect();
    let place = std::env::temp_dir().join(format!("ringfence-policy-{}", std::process::id()));
    fs::create_dir(&place).unwrap();
    let (source, policy) = (place.join("policy.cil"), place.join("policy"));
    fs::write(&source, include_str!("policy.cil").to_owned() + &more).unwrap();
    let compiled = Command::new(find("secilc").unwrap())
        .args(["-M", "false", "-c", "30", "-f", "/dev/null", "-o"])
        .arg(&policy)
        .arg(&source)
        .status();
    assert!(compiled.unwrap().success());
    fs::write(Path::new(DIRECTORY).join("load"), fs::read(&policy).unwrap()).unwrap();
    fs::remove_dir_all(&place).unwrap();
}

both! {
    fn a_context_holds(ground: &Ground) {
        if !enforced(ground) {
            return;
        }
        let file = ground.file("home/work/file", "text\n");
        let flags = format!("--fs-write {}", ground.work().display());
        let with = format!("{flags} --lsm-selinux u:r:box_t");
        let write = |text: &str| format!("echo {text} >{}", file.display());
        ground.shell(&flags, &write("outside")).go().passes();
        let denied = ground.shell(&with, &write("inside")).go();
        assert!(denied.status != 0, "{denied}");
        denied.complains("Permission denied");
        let own = ground.ringfence(&with, &["cat", OWN]).go();
        assert_eq!(own.passes().out.trim_end_matches(['\n', '\0']), "u:r:box_t");
        assert_eq!(fs::read_to_string(&file).unwrap(), "outside\n");
    }

    fn a_transition_that_is_not_allowed_starts_nothing(ground: &Ground) {
        if !enforced(ground) {
            return;
        }
        // Not allowed by the policy; not a context of the policy.
        for context in ["u:r:far_t", "u:r:no_such_t"] {
            let run = ground.ringfence(&format!("--lsm-selinux {context}"), &["echo", "started"]).go();
            assert!(run.status >= 125, "{run}");
            assert_eq!(run.out, "", "{run}");
            run.complains("lsm.selinux");
        }
    }

    fn the_context_of_what_is_made_for_it_holds(ground: &Ground) {
        if !enforced(ground) {
            return;
        }
        let flags = "--lsm-selinux u:r:box_t";
        let write = ["sh", "-c", "echo inside >/tmp/file && cat /tmp/file"];
        let denied = ground.ringfence(flags, &write).go();
        assert!(denied.status != 0, "{denied}");
        denied.complains("Permission denied");
        let with = format!("{flags} --lsm-selinux-mount u:object_r:tmp_t");
        ground.ringfence(&with, &write).go().passes().prints("inside");
        let shown = ground.ringfence(&with, &["grep", " /tmp ", "/proc/self/mountinfo"]).go();
        shown.passes().prints("context=u:object_r:tmp_t");
        let wrong = format!("{flags} --lsm-selinux-mount u:object_r:no_such_t");
        let run = ground.ringfence(&wrong, &write).go();
        run.exits(125);
        assert_eq!(run.out, "", "{run}");
    }

    fn a_host_without_it_says_so(ground: &Ground) {
        if Path::new(DIRECTORY).join("enforce").exists() {
            skip(&ground.test, "needs an inactive SELinux");
            return;
        }
        let run = ground.ringfence("--lsm-selinux a:b:c", &["echo", "started"]).go();
        run.exits(125).complains("not available on this host");
        assert_eq!(run.out, "", "{run}");
    }
}

/// Keys that it makes have its own label, and so has the session keyring that it is given: the caller's
/// stays outside.
#[test]
fn the_session_keyring_has_the_context() {
    const NAME: &str = "label::selinux::the_session_keyring_has_the_context";
    let Some(ground) = Ground::new(crate::harness::ground::Who::Root, NAME) else { return };
    let Some(attacks) = std::env::var_os("RINGFENCE_ATTACKS") else {
        skip(&ground.test, "needs a guest with lsm=selinux, root and secilc");
        return;
    };
    if !enforced(&ground) {
        return;
    }
    let show = ground.root().join("keyring");
    fs::copy(Path::new(&attacks).join("label"), &show).unwrap();
    let policy = ground.file("home/policy.toml", crate::apparmor::ONLY_A_PROFILE);
    let flags = format!("--policy {}", policy.display());
    let label = |flags: &str| ground.ringfence(flags, &[show.to_str().unwrap()]).go().passes().out.clone();
    assert_eq!(label(&flags).trim(), "u:r:all_t");
    assert_eq!(label(&format!("{flags} --lsm-selinux u:r:box_t")).trim(), "u:r:box_t");
}

/// What `check` found allowed is asked again by `run`, of the policy that is loaded then.
#[test]
fn a_policy_that_is_loaded_between_check_and_run_decides() {
    const NAME: &str = "label::selinux::a_policy_that_is_loaded_between_check_and_run_decides";
    let Some(ground) = Ground::new(crate::harness::ground::Who::Root, NAME) else { return };
    if !enforced(&ground) {
        return;
    }
    let domain = "(type later_t)\n(roletype r later_t)\n(allow later_t all_t (file (entrypoint)))\n";
    let entered = "(allow all_t later_t (process (transition)))\n\
                   (allow all_t later_t (process2 (nnp_transition nosuid_transition)))\n";
    let check = || {
        let words = ["check", "--lsm-selinux", "u:r:later_t", "--", "true"];
        ground.command(&ground.binary(), &words).go()
    };
    let run = || ground.ringfence("--lsm-selinux u:r:later_t", &["echo", "started"]).go();
    check().exits(2).complains("allow the transition");
    replace(NAME, &format!("{domain}{entered}"));
    check().passes();
    run().passes().prints("started");
    replace(NAME, domain);
    let refused = run();
    refused.exits(125).complains("allow the transition");
    assert_eq!(refused.out, "", "{refused}");
    replace(NAME, "");
}
