//! `fs.deny` inside what may be written: it holds for what exists, for what does not exist yet,
//! and by whatever name.

use std::fs;

use super::attempt::Attacker;
use crate::harness::both;
use crate::harness::ground::Ground;
use crate::harness::run::Outcome;

const DENY: &str = "--policy builtin:build --fs-deny=kept/secret --fs-deny=kept/file --fs-deny=kept/later";
/// What a denied name may answer: there is nothing, or nothing that one may.
const NO: &[&str] =
    &["ENOENT", "EACCES", "EPERM", "EBUSY", "EROFS", "EXDEV", "ENOTDIR", "EEXIST", "ENOTEMPTY", "EINVAL"];

fn kept(ground: &Ground) -> Option<Attacker<'_>> {
    let attacker = Attacker::new(ground)?;
    ground.directory("home/work/kept");
    ground.directory("home/work/kept/secret");
    ground.file("home/work/kept/secret/key", "secret\n");
    ground.file("home/work/kept/file", "secret\n");
    ground.file("home/work/mine", "mine\n");
    ground.directory("home/work/other");
    Some(attacker)
}

/// A script inside; it counts for nothing if ringfence did not start it.
#[track_caller]
fn script(ground: &Ground, flags: &str, script: &str) -> Outcome {
    let run = ground.shell(flags, &format!("echo begun\n{script}")).go();
    assert!(run.out.starts_with("begun\n"), "{run}");
    run
}

/// After anything, the denied files are as they were, and nothing new has a denied name.
#[track_caller]
fn unharmed(ground: &Ground) {
    for name in ["kept/secret/key", "kept/file"] {
        assert_eq!(fs::read_to_string(ground.work().join(name)).unwrap(), "secret\n", "{name}");
    }
    assert!(!ground.work().join("kept/later").exists());
    assert_eq!(fs::read_to_string(ground.work().join("mine")).unwrap(), "mine\n");
}

both! {
    fn what_exists_is_denied_by_its_name(ground: &Ground) {
        let Some(attacker) = kept(ground) else { return };
        attacker.refused(DENY, &[
            ("read_file kept/secret/key", NO), ("read_file kept/file", NO), ("open_write kept/file", NO),
            ("create kept/secret/new", NO), ("drop kept/secret/key", NO), ("drop kept/file", NO),
            ("cut kept/file", NO), ("undo kept/secret", NO), ("move kept/secret elsewhere", NO),
            ("move kept/file elsewhere", NO), ("swap kept/file mine", NO), ("swap mine kept/file", NO),
            ("move mine kept/file", NO), ("hardlink kept/file copy", NO),
            ("hardlink kept/secret/key copy", NO), ("mode kept/secret", NO),
            ("read_file /proc/self/cwd/kept/secret/key", NO),
        ]);
        unharmed(ground);
    }

    fn a_link_to_it_leads_nowhere(ground: &Ground) {
        let Some(_attacker) = kept(ground) else { return };
        let attempts = "ln -s kept/secret/key a; ln -s kept/file b; ln -s kept c
            for name in a b c/secret/key c/file c/../kept/file; do cat $name && echo open; done; rm a b c";
        let run = script(ground, DENY, attempts);
        assert!(!run.out.contains("open") && !run.out.contains("secret"), "{run}");
        unharmed(ground);
    }

    fn renaming_the_parent_shows_nothing(ground: &Ground) {
        let Some(_attacker) = kept(ground) else { return };
        let attempts = "mv kept moved; cat moved/secret/key moved/file && echo open
            mkdir kept; echo x >moved/later && echo made; ls moved/secret; mv moved kept 2>&1";
        let run = script(ground, DENY, attempts);
        let told = run.out.contains("open") || run.out.contains("secret\n") || run.out.contains("key");
        assert!(!told && !run.out.contains("made"), "{run}");
        unharmed(ground);
    }

    fn what_does_not_exist_yet_cannot_be_made(ground: &Ground) {
        let Some(attacker) = kept(ground) else { return };
        let before = ground.picture();
        attacker.refused(DENY, &[
            ("create kept/later", NO), ("make kept/later", NO), ("soften mine kept/later", NO),
            ("hardlink mine kept/later", NO), ("move mine kept/later", NO), ("move other kept/later", NO),
            ("swap mine kept/later", NO), ("pipe_node kept/later", NO), ("create kept/later/x", NO),
            ("undo kept/later", NO), ("move kept/later elsewhere", NO),
        ]);
        unharmed(ground);
        ground.nothing_left(&before);
    }

    /// Another directory takes the parent's place: the classic way around a denied name.
    fn another_parent_in_its_place_does_not_help(ground: &Ground) {
        let Some(_attacker) = kept(ground) else { return };
        let attempts = "mv kept aside && mkdir -p kept/later && echo x >kept/later/x && echo made";
        let run = script(ground, DENY, attempts);
        assert!(!ground.work().join("kept/later/x").exists(), "{run}");
        assert!(!run.out.contains("made"), "{run}");
        unharmed(ground);
    }

    fn deep_below_what_does_not_exist_either(ground: &Ground) {
        let Some(attacker) = kept(ground) else { return };
        let before = ground.picture();
        let flags = "--policy builtin:build --fs-deny=not/yet/there";
        let run = script(ground, flags, "mkdir -p not/yet; echo x >not/yet/there && echo made");
        assert!(!run.out.contains("made"), "{run}");
        attacker.refused(flags, &[("create not/yet/there", NO), ("make not/yet/there", NO)]);
        assert!(!ground.work().join("not/yet/there").exists());
        if ground.picture() != before {
            // What the program itself made beside the denied name stays; placeholders do not.
            let stays = fs::read_dir(ground.work().join("not")).unwrap().count();
            assert!(stays <= 1, "{:#?}", ground.picture());
        }
    }

    /// Even with the calls that make nested user namespaces and mounts.
    fn mounts_in_a_nested_namespace_uncover_nothing(ground: &Ground) {
        let Some(_attacker) = kept(ground) else { return };
        let flags = format!("{DENY} --syscalls-allow=unshare --syscalls-allow=@mount --syscalls-allow=clone --syscalls-allow=setns");
        let attempts = "unshare --user --map-root-user --mount sh -c '
            umount kept/secret; umount -l kept/file; mount --bind kept other; cat other/secret/key other/file
            umount -R kept; cat kept/secret/key kept/file && echo open; mount -t tmpfs none kept; echo x >kept/later'";
        let run = script(ground, &flags, attempts);
        assert!(!run.out.contains("open") && !run.out.contains("secret"), "{run}");
        unharmed(ground);
    }

    /// In whatever order, and whether or not they exist.
    fn a_deny_inside_a_deny_is_one(ground: &Ground) {
        ground.directory("home/work/outer");
        ground.directory("home/work/outer/inner");
        ground.file("home/work/outer/inner/key", "secret\n");
        let before = ground.picture();
        for [first, second] in [
            ["outer", "outer/inner"],
            ["outer/inner", "outer"],
            ["outer/inner/key", "outer"],
            ["outer/later", "outer"],
            ["absent", "absent/x"],
        ] {
            let flags = format!("--policy builtin:build --fs-deny={first} --fs-deny={second}");
            let run = script(ground, &flags, "cat outer/inner/key; ls outer/inner; mkdir absent && echo made; echo end");
            assert!(run.out.contains("end"), "{run}");
            let outer = first.starts_with("outer");
            assert_eq!(run.out.contains("secret"), !outer, "{first} {second}: {run}");
            assert_eq!(run.out.contains("made"), outer, "{first} {second}: {run}");
            let _ = fs::remove_dir(ground.work().join("absent"));
            ground.nothing_left(&before);
        }
    }

    fn a_deny_wins_over_every_list(ground: &Ground) {
        let Some(attacker) = kept(ground) else { return };
        for list in ["--fs-read", "--fs-write", "--fs-exec"] {
            let flags = format!("{DENY} {list}=kept");
            assert!(NO.contains(&attacker.inside(&flags, "read_file kept/file").as_str()), "{list}");
        }
        unharmed(ground);
    }

    /// The hooks of a repository, also where it has none yet; no repository is made of what is none.
    fn a_build_leaves_no_hook(ground: &Ground) {
        let plant = "mkdir -p .git/hooks; echo 'touch /tmp/x' >.git/hooks/pre-commit && echo planted; \
                     mv .git elsewhere && echo moved; true";
        let before = ground.picture();
        let nothing = script(ground, "--policy builtin:build", "ls -A");
        assert_eq!(nothing.out, "begun\n", "{nothing}");
        ground.nothing_left(&before);
        ground.directory("home/work/.git");
        for existing in [false, true] {
            if existing {
                ground.directory("home/work/.git/hooks");
            }
            let before = ground.picture();
            let run = script(ground, "--policy builtin:build", plant);
            assert_eq!(run.passes().out, "begun\n", "{run}");
            ground.nothing_left(&before);
        }
        // A work tree's .git is a file that names a directory elsewhere.
        fs::remove_dir_all(ground.work().join(".git")).unwrap();
        ground.file("home/work/.git", "gitdir: elsewhere\n");
        script(ground, "--policy builtin:build", "cat .git").passes().prints("gitdir: elsewhere");
    }

    /// `\` before a character of a name: the policy and the resolver read it alike.
    fn a_name_with_a_star_or_a_dollar_is_denied(ground: &Ground) {
        ground.file("home/work/star*", "secret\n");
        ground.file("home/work/$HOME", "secret\n");
        let flags = r"--policy builtin:build --fs-deny=star\* --fs-deny=\$HOME";
        let run = script(ground, flags, r"cat 'star*' '$HOME'; echo x >'star*'; echo end");
        assert!(!run.out.contains("secret"), "{run}");
        run.prints("end");
        assert_eq!(fs::read_to_string(ground.work().join("star*")).unwrap(), "secret\n");
        // And what is allowed by such a name is reached.
        ground.directory("home/seen*");
        ground.file("home/seen*/file", "shown\n");
        let run = ground.shell(r"--fs-read=~/seen\*", "cat ~/seen*/file").go();
        run.passes().prints("shown");
    }

    /// A link cannot be held in its place: nothing can be mounted on it.
    fn a_denied_link_that_could_be_replaced_is_refused(ground: &Ground) {
        ground.directory("home/work/.git");
        ground.directory("home/work/evil");
        for target in ["../evil", "../nowhere", "/nowhere", "/tmp"] {
            let link = ground.work().join(".git/hooks");
            std::os::unix::fs::symlink(target, &link).unwrap();
            let attempt = "rm .git/hooks && mkdir .git/hooks && echo x >.git/hooks/pre-commit && echo planted";
            let run = ground.shell("--policy builtin:build", attempt).go();
            run.exits(125).complains("is a symbolic link in a place that may be written");
            fs::remove_file(&link).unwrap();
        }
        // Where it cannot be replaced, what it leads to is denied.
        std::os::unix::fs::symlink("evil", ground.work().join("link")).unwrap();
        let run = ground.shell("--fs-deny=link", "ls link evil; echo end").go();
        assert_eq!(run.passes().out, "end\n", "{run}");
    }
}
