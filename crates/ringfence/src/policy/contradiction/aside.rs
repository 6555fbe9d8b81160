//! What a higher layer sets aside of the layers below it. Each case is kept in the policy, so that
//! `check` can show it: nothing is dropped silently.

use crate::policy::model::{Aside, Namespace, NetMode, PathSpec, Policy, SyscallMode};
use crate::policy::source::{At, Origin};
use crate::policy::value::path::same;

/// Lets higher layers win where that cannot surprise: a mode over the lists that it makes
/// meaningless, `net.mode` over the net namespace, a later word about the same path.
pub(super) fn settle(policy: &mut Policy) {
    let mut aside = Vec::new();
    network(policy, &mut aside);
    syscalls(policy, &mut aside);
    paths(policy, &mut aside);
    policy.aside = aside;
}

fn network(policy: &mut Policy, aside: &mut Vec<Aside>) {
    let mode = &policy.net.mode;
    if mode.value == NetMode::None {
        drop_below(&mut policy.net.connect, mode.at, aside);
        drop_below(&mut policy.net.bind, mode.at, aside);
    }
    let namespaces = &mut policy.namespaces;
    if mode.at.source > namespaces.unshare_at.source {
        let changed = match mode.value {
            NetMode::Host => namespaces.unshare.remove(&Namespace::Net),
            NetMode::None | NetMode::Loopback => namespaces.unshare.insert(Namespace::Net),
        };
        // The defaults are nobody's words.
        if changed && namespaces.unshare_at.source > 0 {
            aside.push(Aside { at: namespaces.unshare_at, by: mode.at });
        }
    }
}

fn syscalls(policy: &mut Policy, aside: &mut Vec<Aside>) {
    let syscalls = &mut policy.syscalls;
    if syscalls.mode.value != SyscallMode::Filter {
        drop_below(&mut syscalls.allow, syscalls.mode.at, aside);
        drop_below(&mut syscalls.deny, syscalls.mode.at, aside);
    }
}

fn paths(policy: &mut Policy, aside: &mut Vec<Aside>) {
    let fs = &mut policy.fs;
    for list in [&mut fs.read, &mut fs.exec, &mut fs.write, &mut fs.tmp, &mut policy.net.unix] {
        drop_same_below(list, &fs.deny, aside);
    }
    for list in [&mut fs.read, &mut fs.write] {
        drop_same_below(list, &fs.tmp, aside);
        drop_same_below(&mut fs.tmp, list, aside);
    }
}

/// Drops what layers below `by` wrote.
fn drop_below<T>(list: &mut Vec<At<T>>, by: Origin, aside: &mut Vec<Aside>) {
    list.retain(|item| {
        let keep = item.at.source >= by.source;
        if !keep {
            aside.push(Aside { at: item.at, by });
        }
        keep
    });
}

/// Drops the paths of `list` of which a higher layer says something else in `over`.
fn drop_same_below(list: &mut Vec<At<PathSpec>>, over: &[At<PathSpec>], aside: &mut Vec<Aside>) {
    list.retain(|item| {
        let later =
            |other: &&At<PathSpec>| other.at.source > item.at.source && same(&other.value, &item.value);
        match over.iter().find(later) {
            Some(by) => {
                aside.push(Aside { at: item.at, by: by.at });
                false
            }
            None => true,
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::testing::{policy, wrong};

    fn texts(policy: &Policy) -> Vec<String> {
        policy.aside.iter().map(|aside| policy.place(aside.at).text.trim().to_owned()).collect()
    }

    #[test]
    fn a_mode_above_decides_about_the_net_namespace() {
        let host = policy("builtin:offline", "[net]\nmode = \"host\"\nconnect = [\"tcp:443\"]\n").unwrap();
        assert!(!host.namespaces.unshare.contains(&Namespace::Net));
        assert_eq!(host.aside.len(), 1);
        let none = policy("builtin:service", "[net]\nmode = \"none\"\n").unwrap();
        assert!(none.net.connect.is_empty() && none.net.bind.is_empty());
        assert!(!none.aside.is_empty());
    }

    #[test]
    fn unshare_above_decides_nothing_about_the_mode() {
        let shown = wrong("builtin:offline", "[namespaces]\nunshare = [\"user\", \"mnt\", \"pid\"]\n");
        assert!(shown.contains("needs the net namespace"), "{shown}");
    }

    #[test]
    fn seccomp_off_above_sets_the_rules_aside() {
        let off = policy("builtin:offline", "[syscalls]\nmode = \"off\"\n").unwrap();
        assert!(off.syscalls.allow.is_empty() && off.syscalls.deny.is_empty() && !off.aside.is_empty());
    }

    #[test]
    fn the_later_word_about_a_path_wins_but_nothing_overrides_a_deny() {
        let base = policy("builtin:offline", "[fs]\nwrite = [\"/tmp/\"]\n").unwrap();
        assert!(base.fs.tmp.iter().all(|path| path.value.text != "/tmp"), "{:?}", base.fs.tmp);
        let deny = policy("builtin:build", "[fs]\ndeny = [\".\"]\n").unwrap();
        assert!(deny.fs.write.iter().all(|path| path.value.text != "."));
        assert!(texts(&deny).iter().any(|line| line.contains("write")), "{:?}", texts(&deny));
        assert!(wrong("builtin:build", "[fs]\nwrite = [\".git/hooks\"]\n").contains("is denied"));
    }
}
