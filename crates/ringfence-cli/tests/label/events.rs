//! What a label denies is told with the policy line that asked for the label, or that the profile was
//! made from. Only root reads the kernel's records.

use std::fs;

use crate::harness::ground::{Ground, Who};
use crate::harness::run::Outcome;
use crate::{apparmor, selinux};

/// Events as JSON lines, and the whole output.
pub(crate) struct Told {
    lines: Vec<String>,
    pub(crate) run: Outcome,
}

impl Told {
    pub(crate) fn of(ground: &Ground, flags: &str, command: &[&str]) -> Self {
        let file = ground.root().join("events");
        let run = ground.ringfence(&format!("{flags} --events {}", file.display()), command).go();
        let text = fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| line.contains("\"ringfence.event\"")).map(str::to_owned);
        Self { lines: lines.collect(), run }
    }

    /// The events of labels.
    pub(crate) fn labels(&self) -> Vec<&String> {
        let of_label =
            |line: &&String| line.contains("\"control\":{\"known\":\"observed\",\"value\":\"lsm\"}");
        self.lines.iter().filter(of_label).collect()
    }

    /// One of them has all of these words.
    #[track_caller]
    pub(crate) fn has(&self, words: &[&str]) {
        let labels = self.labels();
        let found = labels.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(found, "{words:?} in {labels:#?}\n{}", self.run);
        // Nor is the same call told a second time by a source that does not know who refused it.
        let nobody = |line: &&String| {
            line.contains("\"source\":\"ebpf\"")
                && (line.contains("\"control\":{\"known\":\"unknown\"")
                    || line.contains("\"control\":{\"known\":\"observed\",\"value\":\"lsm\"}"))
        };
        assert_eq!(self.lines.iter().find(nobody), None, "{}", self.run);
    }
}

fn root(test: &str) -> Option<Ground> {
    Ground::new(Who::Root, &format!("label::events::{test}"))
}

#[test]
fn a_denial_of_a_named_profile_has_the_line_that_names_it() {
    let Some(ground) = root("a_denial_of_a_named_profile_has_the_line_that_names_it") else { return };
    let Some(profile) = apparmor::Profile::load(&ground, "audit deny") else { return };
    let secret = ground.file("home/secret", "secret\n");
    let text = format!("{}apparmor = \"{}\"\n", apparmor::ONLY_A_PROFILE, profile.name);
    let policy = ground.file("home/policy.toml", &text);
    let line = format!("\"line\":{}", text.lines().count());
    let flags = format!("--policy {}", policy.display());
    let told = Told::of(&ground, &flags, &["cat", secret.to_str().unwrap()]);
    told.run.exits(1).complains("Permission denied");
    told.has(&[&line, "policy.toml", &profile.name, secret.to_str().unwrap(), "EACCES"]);
    told.run.complains("the AppArmor profile");
    told.run.tells();
    // What is not denied is not told, and nor is what another process does under the profile.
    assert!(Told::of(&ground, &flags, &["true"]).labels().is_empty());
}

#[test]
fn a_silent_deny_of_a_named_profile_is_said_to_be_unwatched() {
    let Some(ground) = root("a_silent_deny_of_a_named_profile_is_said_to_be_unwatched") else { return };
    let Some(profile) = apparmor::Profile::load(&ground, "deny") else { return };
    let secret = ground.file("home/secret", "secret\n");
    let policy = ground.file("home/policy.toml", apparmor::ONLY_A_PROFILE);
    let flags = format!("--policy {} --lsm-apparmor {}", policy.display(), profile.name);
    let read = ["cat", secret.to_str().unwrap()];
    let told = Told::of(&ground, &flags, &read);
    told.run.exits(1).complains("noquiet");
    // Where the kernel shows how its hooks end, some security module is seen to refuse: no more.
    let named = |line: &&String| line.contains(&profile.name);
    assert!(!told.labels().iter().any(named), "{}", told.run);
    const MODE: &str = "/sys/module/apparmor/parameters/audit";
    let before = fs::read_to_string(MODE).unwrap();
    // The kernel compares the whole word: no line end (`param_set_audit`).
    fs::write(MODE, "noquiet").unwrap();
    let told = Told::of(&ground, &flags, &read);
    fs::write(MODE, before.trim()).unwrap();
    told.has(&[&profile.name, secret.to_str().unwrap()]);
    assert!(!told.run.err.contains("noquiet"), "{}", told.run);
}

#[test]
fn a_denial_of_a_generated_profile_has_the_line_it_was_made_from() {
    let Some(ground) = apparmor::root("a_denial_of_a_generated_profile_has_the_line_it_was_made_from") else {
        return;
    };
    let flags = "--lsm-landlock off --syscalls-mode off --lsm-apparmor generate";
    let socket = ["bash", "-c", ": >/dev/tcp/127.0.0.1/9"];
    let told = Told::of(&ground, flags, &socket);
    told.run.exits(1);
    told.run.complains("does not allow create inet stream");
    told.has(&["inet stream", "mode = \\\"none\\\"", "builtin:compute", "--net-connect='tcp:*'"]);
    told.run.tells();
    let inherited = flags.replace("generate", "inherit");
    assert!(Told::of(&ground, &inherited, &socket).labels().is_empty());
}

#[test]
fn a_denial_of_a_context_has_the_line_that_names_it() {
    let Some(ground) = root("a_denial_of_a_context_has_the_line_that_names_it") else { return };
    if !selinux::enforced(&ground) {
        return;
    }
    let file = ground.file("home/work/file", "text\n");
    let text = "version = 1\nextends = [\"builtin:build\"]\n[lsm]\nselinux = \"u:r:box_t\"\n";
    let policy = ground.file("home/policy.toml", text);
    let flags = format!("--policy {}", policy.display());
    let write = format!("echo x >{}", file.display());
    let told = Told::of(&ground, &flags, &["sh", "-c", &write]);
    assert!(told.run.status != 0, "{}", told.run);
    told.run.complains("does not allow u:r:box_t { write }");
    told.has(&["\"line\":4", "policy.toml", "u:r:box_t", "EACCES"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "text\n");
    told.run.tells();
}
