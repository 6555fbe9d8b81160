//! Landlock's denials, from the kernel's own records: as root, with auditing on while a test runs.

use crate::harness::audit::Auditing;
use crate::harness::ground::{Who, stand};
use crate::harness::skip;

/// A plan without a view, so that Landlock alone guards files.
const BARE: &str = "--namespaces-unshare=pid --namespaces-unshare=user --fs-proc=none --fs-dev=none --fs-tmp= \
                    --net-mode=host --net-connect=tcp:1 --fs-read=/etc";

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
        // mkdir(1) may look at files of its own, which stay denied.
        assert!(run.out.starts_with('x') && !run.err.contains(&secret.display().to_string()), "{run}");
    });
}
