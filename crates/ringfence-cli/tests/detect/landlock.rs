//! Landlock's denials, from the kernel's own records: as root, and where auditing is on already.
//! The tests do not turn it on: that is a setting of the whole host.

use crate::harness::ground::{Ground, Who, stand};
use crate::harness::skip;

/// A plan without a view, so that Landlock alone guards files.
const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --fs-proc=none --fs-dev=none --fs-tmp= \
                    --net-mode=host --net-connect=tcp:1 --fs-read=/etc";

fn audited(ground: &Ground) -> bool {
    let facts = ground.command(&ground.binary(), &["host", "--format", "json"]).go().out;
    let on = facts.replace([' ', '\n'], "").contains("\"enabled\":1");
    if !on {
        skip(&ground.test, "needs auditing to be on");
    }
    on
}

#[test]
fn landlock_denials_name_right_path_and_remedy() {
    stand(Who::Root, concat!(module_path!(), "::landlock_denials_name_right_path_and_remedy"), |ground| {
        if !audited(ground) {
            return;
        }
        let secret = ground.file("home/secret", "x");
        let script = format!("cat {}; mkdir {}/made; true", secret.display(), ground.home().display());
        let flags = format!("{BARE} --explain");
        let run = ground.shell(&flags, &script).go();
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
        assert!(run.out.starts_with('x') && !run.err.contains("fs.read_file"), "{run}");
    });
}
