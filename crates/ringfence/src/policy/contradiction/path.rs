//! One path in lists that exclude each other, and file intents that nothing would hold.

use super::contradiction;
use crate::policy::diagnostic::{Diagnostic, quote};
use crate::policy::model::{Landlock, Namespace, PathSpec, Policy};
use crate::policy::source::At;
use crate::policy::value::path::same;

/// Adds what contradicts about paths. What links make the same is for the plan to find.
pub(super) fn check(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    let fs = &policy.fs;
    let lists: [(&str, &[At<PathSpec>]); 5] = [
        ("fs.read", &fs.read),
        ("fs.exec", &fs.exec),
        ("fs.write", &fs.write),
        ("fs.tmp", &fs.tmp),
        ("net.unix", &policy.net.unix),
    ];
    for (list, paths) in lists {
        both(list, paths, "is denied", "fs.deny", &fs.deny, wrong);
        if matches!(list, "fs.read" | "fs.write") {
            both(list, paths, "is to be private and empty", "fs.tmp", &fs.tmp, wrong);
        }
    }
    held(policy, wrong);
}

/// Every path that is in `paths` and in `others`.
fn both(
    list: &str,
    paths: &[At<PathSpec>],
    verb: &str,
    other: &str,
    others: &[At<PathSpec>],
    wrong: &mut Vec<Diagnostic>,
) {
    for path in paths {
        if let Some(excluded) = others.iter().find(|excluded| same(&excluded.value, &path.value)) {
            let diagnostic = contradiction(format!("{list}: {} {verb}", quote(&path.value.text)));
            let help =
                format!("take it out of {list} or {other}; an empty list above drops what a base gave");
            wrong.push(diagnostic.at(path.at).note(excluded.at, format!("in {other}")).help(help));
        }
    }
}

/// Without an own view and without Landlock, file intents are words only.
fn held(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    let fs = &policy.fs;
    let view = policy.namespaces.unshare.contains(&Namespace::Mnt);
    if view || policy.lsm.landlock.value != Landlock::Off {
        return;
    }
    let everything = |paths: &[At<PathSpec>]| paths.iter().any(|path| path.value.text == "/");
    if everything(&fs.write) && everything(&fs.exec) && fs.deny.is_empty() {
        return;
    }
    let diagnostic = contradiction("nothing holds what [fs] says: no mnt namespace and no Landlock");
    let help = "add \"mnt\" to namespaces.unshare, or write lsm.landlock = \"require\", or allow everything: \
                exec = [\"/\"], write = [\"/\"]";
    let diagnostic = diagnostic.at(policy.lsm.landlock.at).note(policy.namespaces.unshare_at, "has no `mnt`");
    wrong.push(diagnostic.help(help));
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{policy, wrong};

    #[test]
    fn a_path_is_not_both_written_and_denied() {
        expect![[r#"
            error[contradiction]: fs.write: `./.git//hooks` is denied
             --> box.toml:3:10
              |
            3 | write = ["./.git//hooks"]
              |          ^^^^^^^^^^^^^^^
             ::: box.toml:4:9
              |
            4 | deny = [".git/hooks"]
              |         ^^^^^^^^^^^^ in fs.deny
              = help: take it out of fs.write or fs.deny; an empty list above drops what a base gave"#]]
        .assert_eq(&wrong("builtin:offline", "[fs]\nwrite = [\"./.git//hooks\"]\ndeny = [\".git/hooks\"]\n"));
    }

    #[test]
    fn a_private_directory_can_be_executable_but_not_the_hosts() {
        policy("builtin:compute", "[fs]\ntmp = [\"/tmp\"]\nexec = [\"/tmp\"]\n").unwrap();
        let shown = wrong("builtin:compute", "[fs]\ntmp = [\"/tmp\"]\nread = [\"/tmp\"]\n");
        assert!(shown.contains("private and empty"), "{shown}");
    }

    #[test]
    fn file_intents_need_something_that_holds_them() {
        let text = "[namespaces]\nunshare = []\n[lsm]\nlandlock = \"off\"\n[net]\nmode = \"host\"\n\
                    [syscalls]\nallow = [\"@default\"]\n[fs]\nproc = \"none\"\ndev = \"none\"\nexec = [\"/usr\"]\n";
        assert!(wrong("", text).contains("nothing holds what [fs] says"));
        policy("", &text.replace("exec = [\"/usr\"]", "exec = [\"/\"]\nwrite = [\"/\"]")).unwrap();
    }
}
