//! git under `build`: clone, commit and log of a local repository.

use crate::harness::both;
use crate::harness::ground::Ground;

const BUILD: &str = "--policy builtin:build";

const CLONE: &str = "git clone -q origin.git copy && test -f copy/README";
const COMMIT: &str = "cd copy && echo more >>README && git commit -q -a -m 'Say more'";
const LOG: &str = "cd copy && git log --format=%s | tr '\\n' ,";

/// A repository with one commit, made outside, and somebody to commit as.
fn repository(ground: &Ground) -> bool {
    if !ground.has(&["git"]) {
        return false;
    }
    ground.file("home/.gitconfig", "[user]\n\tname = Tester\n\temail = tester@example.org\n");
    let script = "git init -q -b main first && cd first && echo words >README && git add README &&
        git commit -q -m First && cd .. && git clone -q --bare first origin.git";
    ground.plain(&["/bin/sh", "-c", script]).go().passes();
    true
}

both! {
    fn clone_commit_and_log(ground: &Ground) {
        if repository(ground) {
            let done = ground.stages(BUILD, &[("clone", CLONE), ("commit", COMMIT), ("log", LOG)]);
            done.pass().prints("Say more,First,");
        }
    }

    fn without_its_configuration_git_does_not_know_who_commits(ground: &Ground) {
        if repository(ground) {
            let flags = "--policy builtin:offline --fs-write=.";
            let done = ground.stages(flags, &[("clone", CLONE), ("commit", COMMIT), ("log", LOG)]);
            done.fail_at("commit", "Please tell me who you are");
        }
    }

    fn without_writing_git_clones_nothing(ground: &Ground) {
        if repository(ground) {
            let done = ground.stages(
                "--policy builtin:offline",
                &[("look", "git --git-dir origin.git log --format=%s"), ("clone", CLONE)],
            );
            done.fail_at("clone", "could not create work tree dir 'copy': Read-only file system");
        }
    }

    /// What a build leaves in a hook would run outside, at the next commit.
    fn a_build_leaves_no_hook(ground: &Ground) {
        if !repository(ground) {
            return;
        }
        let inside = ground.work().join("first");
        let hook = "echo 'touch /tmp/x' >.git/hooks/pre-commit";
        let run = ground.shell(BUILD, hook).within(&inside).go();
        assert_ne!(run.status, 0, "{run}");
        assert!(!inside.join(".git/hooks/pre-commit").exists());
        let commit = "echo more >>README && git commit -q -a -m More && git log --format=%s";
        ground.shell(BUILD, commit).within(&inside).go().passes().prints("More\nFirst");
    }
}
