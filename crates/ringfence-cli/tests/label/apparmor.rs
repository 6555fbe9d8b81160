//! apparmor(7).

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::harness::ground::{Ground, find, is_root};
use crate::harness::{both, skip};

pub(crate) const DIRECTORY: &str = "/sys/kernel/security/apparmor";
const OWN: &str = "/proc/self/attr/apparmor/current";

/// A profile that is loaded as long as this lives.
pub(crate) struct Profile {
    pub(crate) name: String,
}

impl Profile {
    /// Reads everything but what lies below `home`; executes everything. `None`, with a skip, where
    /// it cannot be loaded.
    /// `deny`: with which words.
    pub(crate) fn load(ground: &Ground, deny: &str) -> Option<Self> {
        if !is_root() || !Path::new(DIRECTORY).exists() {
            skip(&ground.test, "needs root and an active AppArmor to load a profile");
            return None;
        }
        if !ground.has(&["apparmor_parser"]) {
            return None;
        }
        let tag = ground.root().file_name().unwrap().to_str().unwrap();
        let name = format!("label-{tag}");
        let secret = ground.home();
        let text = format!(
            "profile \"{name}\" flags=(attach_disconnected) {{\n  file,\n  signal,\n  capability,\n  network,\n  unix,\n  {deny} \"{}/secret\" r,\n}}\n",
            secret.display()
        );
        parser(&["--add"], &text);
        Some(Self { name })
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let _ = fs::write(Path::new(DIRECTORY).join(".remove"), &self.name);
    }
}

pub(crate) fn parser(words: &[&str], text: &str) {
    let program = find("apparmor_parser").unwrap();
    let mut child =
        Command::new(program).args(words).args(["-K", "-q"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
}

/// Names of the profiles that ringfence made.
fn generated() -> Vec<String> {
    let list = fs::read_to_string(Path::new(DIRECTORY).join("profiles")).unwrap();
    list.lines().filter(|line| line.starts_with("ringfence-")).map(str::to_owned).collect()
}

/// Whether the default policy holds on this kernel: an own view needs Linux 5.12, Landlock 5.13.
fn has_views(ground: &Ground) -> bool {
    let checked = ground.command(&ground.binary(), &["check", "--", "true"]).go();
    if checked.status != 0 {
        checked.complains("this host cannot give");
        skip(&ground.test, "needs a kernel that holds the default policy");
    }
    checked.status == 0
}

/// Whether this process can load profiles, and says so where not.
fn loads(ground: &Ground) -> bool {
    let can = is_root() && Path::new(DIRECTORY).join(".load").exists() && find("apparmor_parser").is_some();
    if !can {
        skip(&ground.test, "needs root, apparmor_parser and an active AppArmor");
    }
    can
}

both! {
    fn a_named_profile_holds(ground: &Ground) {
        if !has_views(ground) {
            return;
        }
        let Some(profile) = Profile::load(ground, "deny") else { return };
        let secret = ground.file("home/secret", "secret\n");
        let flags = format!("--fs-read {}", ground.home().display());
        let with = format!("{flags} --lsm-apparmor {}", profile.name);
        let read = ["cat", secret.to_str().unwrap()];
        ground.ringfence(&flags, &read).go().passes().prints("secret");
        ground.ringfence(&with, &read).go().exits(1).complains("Permission denied");
        let label = ground.ringfence(&with, &["cat", OWN]).go();
        assert_eq!(label.passes().out, format!("{} (enforce)\n", profile.name));
        // What it starts is confined, too; and what the view has no /proc for is labelled as well.
        ground.shell(&with, "sh -c 'cat $HOME/secret'").go().exits(1).complains("Permission denied");
        let none = format!("{with} --fs-proc none");
        ground.ringfence(&none, &read).go().exits(1).complains("Permission denied");
    }

    fn a_named_profile_holds_without_any_other_control(ground: &Ground) {
        let Some(profile) = Profile::load(ground, "deny") else { return };
        let secret = ground.file("home/secret", "secret\n");
        let policy = ground.file("home/policy.toml", ONLY_A_PROFILE);
        let flags = format!("--policy {}", policy.display());
        let with = format!("{flags} --lsm-apparmor {}", profile.name);
        let read = ["cat", secret.to_str().unwrap()];
        ground.ringfence(&flags, &read).go().passes().prints("secret");
        ground.ringfence(&with, &read).go().exits(1).complains("Permission denied");
        let label = ground.ringfence(&with, &["cat", OWN]).go();
        assert_eq!(label.passes().out, format!("{} (enforce)\n", profile.name));
    }

    fn a_profile_that_is_not_loaded_is_an_error(ground: &Ground) {
        if !Path::new(DIRECTORY).exists() {
            skip(&ground.test, "needs an active AppArmor");
            return;
        }
        let run = ground.ringfence("--lsm-apparmor no-such-profile", &["echo", "started"]).go();
        run.exits(125);
        assert_eq!(run.out, "", "{run}");
    }

    fn a_host_without_it_says_so(ground: &Ground) {
        if Path::new(DIRECTORY).exists() {
            skip(&ground.test, "needs an inactive AppArmor");
            return;
        }
        for profile in ["any", "generate"] {
            let run = ground.ringfence(&format!("--lsm-apparmor {profile}"), &["echo", "started"]).go();
            run.exits(125).complains("not available on this host");
            assert_eq!(run.out, "", "{run}");
        }
    }
}

/// What `check` found loaded is asked again by `run`.
#[test]
fn a_profile_that_is_removed_between_check_and_run_starts_nothing() {
    const NAME: &str = "label::apparmor::a_profile_that_is_removed_between_check_and_run_starts_nothing";
    let Some(ground) = Ground::new(crate::harness::ground::Who::Root, NAME) else { return };
    let Some(profile) = Profile::load(&ground, "deny") else { return };
    let name = profile.name.clone();
    let policy = ground.file("home/policy.toml", ONLY_A_PROFILE);
    let words = ["--policy", policy.to_str().unwrap(), "--lsm-apparmor", &name];
    let check = [&["check"], &words[..], &["--", "true"]].concat();
    ground.command(&ground.binary(), &check).go().passes();
    drop(profile);
    let run = ground.ringfence(&words.join(" "), &["echo", "started"]).go();
    run.exits(125).complains("no profile of this name");
    assert_eq!(run.out, "", "{run}");
    ground.command(&ground.binary(), &check).go().exits(2);
}

#[test]
fn a_generated_profile_holds_alone_and_is_gone_afterwards() {
    let Some(ground) = root("a_generated_profile_holds_alone_and_is_gone_afterwards") else { return };
    // No Landlock and no filter: nothing but the profile keeps a program from making a socket, which
    // leads nowhere in a network of its own.
    let alone = "--lsm-landlock off --syscalls-mode off";
    let flags = |label: &str| format!("{alone} --lsm-apparmor {label}");
    let socket = ["bash", "-c", ": >/dev/tcp/127.0.0.1/9"];
    ground.ringfence(&flags("inherit"), &socket).go().exits(1).complains("unreachable");
    ground.ringfence(&flags("generate"), &socket).go().exits(1).complains("Permission denied");
    let label = ground.ringfence(&flags("generate"), &["cat", OWN]).go();
    assert!(label.passes().out.starts_with("ringfence-") && label.out.ends_with(" (enforce)\n"), "{label}");
    assert_eq!(generated(), [""; 0]);
}

#[test]
fn a_generated_profile_lets_every_builtin_run() {
    let Some(ground) = root("a_generated_profile_lets_every_builtin_run") else { return };
    for builtin in ["compute", "offline", "build", "service", "container"] {
        let flags = format!("--policy builtin:{builtin} --lsm-apparmor generate");
        ground.ringfence(&flags, &["true"]).go().passes();
    }
    let flags = "--policy builtin:build --lsm-apparmor generate";
    ground.shell(flags, "echo text >made && mkdir d && mv made d/ && rm -r d").go().passes();
    assert_eq!(generated(), [""; 0]);
}

#[test]
fn a_generated_profile_is_gone_after_a_kill() {
    let Some(ground) = root("a_generated_profile_is_gone_after_a_kill") else { return };
    let mut running = ground.ringfence("--lsm-apparmor generate", &["sleep", "60"]).start();
    wait(|| generated().len() == 1 && !ground.processes().is_empty());
    running.child.kill().unwrap();
    running.child.wait().unwrap();
    wait(|| generated().is_empty());
    assert_eq!(ground.processes(), [""; 0]);
}

/// Whichever of its other processes is killed: nothing that the profile confines lives on, and no
/// profile stays.
#[test]
fn a_generated_profile_is_gone_after_any_death() {
    let Some(ground) = root("a_generated_profile_is_gone_after_any_death") else { return };
    for victim in ["ringfence-tidy", "ringfence"] {
        let mut running = ground.ringfence("--lsm-apparmor generate", &["sleep", "600"]).start();
        let children = |name: &str| crate::harness::children(running.child.id(), name);
        let sleeps = |init: &i32| !crate::harness::children(init.unsigned_abs(), "sleep").is_empty();
        wait(|| generated().len() == 1 && children("ringfence").iter().any(sleeps));
        let found = children(victim);
        assert!(!found.is_empty(), "{victim}");
        for pid in found {
            let pid = rustix::process::Pid::from_raw(pid).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        }
        wait(|| running.child.try_wait().unwrap().is_some());
        wait(|| ground.processes().is_empty());
        wait(|| generated().is_empty());
    }
}

#[test]
fn the_profile_is_shown_before_it_is_loaded() {
    let Some(ground) = root("the_profile_is_shown_before_it_is_loaded") else { return };
    let words = ["check", "--lsm-apparmor", "generate", "--", "true"];
    let shown = ground.command(&ground.binary(), &words).go();
    shown.passes().prints("profile \"ringfence-");
    assert_eq!(generated(), [""; 0]);
}

/// A policy that asks nothing of the kernel but a profile: any kernel carries it out.
pub(crate) const ONLY_A_PROFILE: &str = "version = 1
[process]
no_new_privs = true
[fs]
exec = [\"/\"]
write = [\"/\"]
read = []
deny = []
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
landlock = \"off\"
";

/// A ground of root's where profiles can be loaded, while no other test has one generated: the list
/// of profiles is one for all.
pub(crate) struct Alone {
    ground: Ground,
    _turn: MutexGuard<'static, ()>,
}

impl std::ops::Deref for Alone {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

/// `None`, with a skip, where profiles cannot be loaded.
pub(crate) fn root(test: &str) -> Option<Alone> {
    static TURN: Mutex<()> = Mutex::new(());
    let ground = Ground::new(crate::harness::ground::Who::Root, &format!("label::apparmor::{test}"))?;
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    (has_views(&ground) && loads(&ground)).then_some(Alone { ground, _turn })
}

#[track_caller]
fn wait(mut until: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !until() {
        assert!(Instant::now() < deadline, "generated: {:?}", generated());
        std::thread::sleep(Duration::from_millis(20));
    }
}
