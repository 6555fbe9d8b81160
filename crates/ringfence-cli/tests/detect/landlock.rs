//! Landlock's denials, from the kernel's own records: as root, with auditing on while a test runs.

use std::time::Duration;

use crate::harness::audit::Auditing;
use crate::harness::ground::{Who, stand};
use crate::harness::run::Outcome;
use crate::harness::skip;

/// A plan without a view, so that Landlock alone guards files.
const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --fs-proc=none --fs-dev=none --fs-tmp= \
                    --net-mode=host --net-connect=tcp:1 --fs-read=/etc";

/// The kernel drops records of the whole host where others flood it; that is said, and then it is tried again.
pub(crate) fn whole(run: impl Fn() -> Outcome) -> Outcome {
    for _ in 0..10 {
        let seen = run();
        if seen.err.contains("audit: complete") {
            return seen;
        }
        assert!(seen.err.contains("audit: incomplete") || seen.err.contains("audit: unsure"), "{seen}");
        std::thread::sleep(Duration::from_millis(500));
    }
    run()
}

#[test]
fn landlock_denials_name_right_path_and_remedy() {
    stand(Who::Root, concat!(module_path!(), "::landlock_denials_name_right_path_and_remedy"), |ground| {
        let _auditing = match Auditing::on() {
            Ok(auditing) => auditing,
            Err(error) => return skip(&ground.test, &format!("needs auditing to be on: {error}")),
        };
        let secret = ground.file("home/secret", "x");
        let script = format!("cat {}; mkdir {}/made; true", secret.display(), ground.home().display());
        let flags = format!("{BARE} --explain");
        let run = whole(|| ground.shell(&flags, &script).go());
        let wanted = [
            format!("openat(path: \"{}\") = EACCES", secret.display()),
            format!("would be allowed by (predicted): --fs-read={}", secret.display()),
            format!("mkdir(directory: \"{}\") = EACCES", ground.home().display()),
            "no rule grants fs.make_dir there".to_owned(),
            "audit: complete".to_owned(),
        ];
        for words in wanted {
            assert!(run.err.contains(&words), "{words}: {run}");
        }
        let run = ground.shell(&format!("{flags} --fs-read={}", secret.display()), &script).go();
        // mkdir(1) may look at files of its own, which stay denied.
        assert!(run.out.starts_with('x') && !run.err.contains(&secret.display().to_string()), "{run}");
    });
}

/// The kernel records nothing of Landlock then, so audit's account must not claim it.
#[test]
fn where_auditing_is_off_its_account_does_not_cover_landlock() {
    let name = concat!(module_path!(), "::where_auditing_is_off_its_account_does_not_cover_landlock");
    stand(Who::Root, name, |ground| {
        let secret = ground.file("home/secret", "x");
        let account = || {
            let flags = format!("{BARE} --explain");
            let run = whole(|| ground.shell(&flags, &format!("cat {}", secret.display())).go());
            run.exits(1).err.lines().find(|line| line.contains("  audit: ")).unwrap_or_default().to_owned()
        };
        match Auditing::off() {
            Ok(_auditing) => {
                let told = account();
                assert!(told.contains("complete, 0 seen") && !told.contains("Landlock"), "{told}");
            }
            Err(error) => return skip(&ground.test, &format!("needs auditing to be off: {error}")),
        }
        if let Ok(_auditing) = Auditing::on() {
            let told = account();
            assert!(told.contains("1 seen (what Landlock denies"), "{told}");
        }
    });
}

/// The kernel's own count of the domain's denials is there even where nothing was denied.
#[test]
fn where_nothing_is_denied_that_is_counted_too() {
    stand(Who::Root, concat!(module_path!(), "::where_nothing_is_denied_that_is_counted_too"), |ground| {
        let _auditing = match Auditing::on() {
            Ok(auditing) => auditing,
            Err(error) => return skip(&ground.test, &format!("needs auditing to be on: {error}")),
        };
        let run = whole(|| ground.ringfence(&format!("{BARE} --explain"), &["true"]).go());
        assert!(run.passes().err.contains("audit: complete, 0 seen (what Landlock denies"), "{run}");
    });
}

/// A command that restricts itself does so by the same process as the launcher did.
#[test]
fn what_a_program_denies_itself_is_no_line_of_the_policy() {
    let name = concat!(module_path!(), "::what_a_program_denies_itself_is_no_line_of_the_policy");
    stand(Who::Root, name, |ground| {
        if !ground.has(&["perl"]) {
            return;
        }
        let _auditing = match Auditing::on() {
            Ok(auditing) => auditing,
            Err(error) => return skip(&ground.test, &format!("needs auditing to be on: {error}")),
        };
        let secret = ground.file("home/secret", "x");
        // READ_FILE is handled and granted nowhere.
        let script = format!(
            "my $handled = pack('Q', 4); my $rules = syscall(444, $handled, 8, 0); $rules >= 0 or die \"none: $!\"; \
             syscall(446, $rules, 2) == 0 or die \"not: $!\"; \
             open(my $file, '<', '/etc/hostname') and die 'opened'; open($file, '+<', '{0}') and die 'opened'; \
             mkdir('{1}/made') and die 'made'; print \"done\\n\"",
            secret.display(),
            ground.home().display()
        );
        let flags =
            format!("{BARE} --fs-read=/dev/null --fs-read=/dev/urandom --syscalls-allow=@sandbox --explain");
        let run = whole(|| ground.ringfence(&flags, &["perl", "-e", &script]).go());
        assert_eq!(run.passes().out, "done\n", "{run}");
        let told = |words: &str| run.err.lines().any(|line| line.contains(words) && line.contains("EACCES"));
        assert!(told(&format!("mkdir(directory: \"{}\")", ground.home().display())), "{run}");
        assert!(!run.err.contains("no rule grants fs.read_file there"), "{run}");
        assert!(run.err.contains("audit: complete"), "{run}");
    });
}

/// In a guest: what is locked stays so until the machine is booted again.
#[test]
fn where_auditing_is_locked_denials_are_told_and_it_stays_locked() {
    let name = concat!(module_path!(), "::where_auditing_is_locked_denials_are_told_and_it_stays_locked");
    stand(Who::Root, name, |ground| {
        let locked = match Auditing::lock() {
            Ok(locked) => locked,
            Err(error) => return skip(&ground.test, &format!("needs a guest: {error}")),
        };
        assert!(locked.refuses_to_be_off(), "it is not locked");
        let secret = ground.file("home/secret", "x");
        let run = ground.shell(&format!("{BARE} --explain"), &format!("cat {}", secret.display())).go();
        assert!(run.err.contains(&format!("openat(path: \"{}\") = EACCES", secret.display())), "{run}");
        assert!(run.err.contains("audit: complete"), "{run}");
        let said = ground.command(&ground.binary(), &["host", "audit", "--test"]).go();
        // Not every branch can be tried where AppArmor is active.
        let branch = said.out.lines().find(|line| line.contains("after execve, LOG_NEW_EXEC_ON"));
        assert!(branch.is_some_and(|line| line.contains("recorded     seen so")), "{said}");
        assert!(locked.refuses_to_be_off(), "it is not locked any more");
    });
}
