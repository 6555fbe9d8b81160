//! Intents that need a namespace which the policy does not unshare.

use super::contradiction;
use crate::policy::diagnostic::{Diagnostic, quote};
use crate::policy::model::{DevView, IdMap, Namespace, NetMode, Policy, ProcView, User};
use crate::policy::source::Origin;

/// Adds what needs a namespace that is not there.
pub(super) fn check(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    use Namespace::{Mnt, Net, Pid, Uts};
    let mut need = Need { policy, wrong };
    if let Some(hostname) = &policy.namespaces.hostname {
        need.all(hostname.at, "a host name", &[Uts], "leave the host name out");
    }
    if policy.process.user.value == User::RootInNamespace {
        need.all(policy.process.user.at, "`root-in-namespace`", &[Namespace::User], "choose another user");
    }
    if policy.namespaces.id_map.value == IdMap::Range {
        need.all(policy.namespaces.id_map.at, "an id map", &[Namespace::User], "leave id_map out");
    }
    if let Some(wall) = &policy.limits.wall_ms {
        need.all(wall.at, "a wall limit", &[Pid], "write wall = \"unlimited\"");
    }
    if policy.fs.proc.value != ProcView::None {
        need.all(policy.fs.proc.at, "an own /proc", &[Mnt, Pid], "write fs.proc = \"none\"");
    }
    if policy.fs.dev.value != DevView::None {
        need.all(policy.fs.dev.at, "a minimal /dev", &[Mnt], "write fs.dev = \"none\"");
    }
    if let Some(tmp) = policy.fs.tmp.first() {
        need.all(tmp.at, "a private directory", &[Mnt], "write fs.tmp = []");
    }
    match policy.net.mode.value {
        NetMode::None => need.all(policy.net.mode.at, "`none`", &[Net], "write net.mode = \"host\""),
        NetMode::Loopback => need.all(policy.net.mode.at, "`loopback`", &[Net], "write net.mode = \"host\""),
        NetMode::Host if policy.namespaces.unshare.contains(&Net) => {
            let diagnostic = contradiction("the host's network, and a net namespace that hides it");
            let diagnostic =
                diagnostic.at(policy.net.mode.at).note(policy.namespaces.unshare_at, "unshares net");
            wrong.push(
                diagnostic.help("take \"net\" out of namespaces.unshare, or write net.mode = \"loopback\""),
            );
        }
        NetMode::Host => {}
    }
}

struct Need<'a> {
    policy: &'a Policy,
    wrong: &'a mut Vec<Diagnostic>,
}

impl Need<'_> {
    fn all(&mut self, at: Origin, what: &str, namespaces: &[Namespace], instead: &str) {
        let names = |join: &str, list: &[Namespace]| {
            let names: Vec<&str> = list.iter().map(|namespace| namespace.name()).collect();
            names.join(join)
        };
        let is_missing = |namespace: &&Namespace| !self.policy.namespaces.unshare.contains(*namespace);
        let missing: Vec<Namespace> = namespaces.iter().filter(is_missing).copied().collect();
        if missing.is_empty() {
            return;
        }
        let plural = if namespaces.len() > 1 { "s" } else { "" };
        let message = format!("{what} needs the {} namespace{plural}", names(" and ", namespaces));
        let label = format!("has no {}", quote(&names("` and `", &missing)));
        let help = format!("add \"{}\" to namespaces.unshare, or {instead}", names("\", \"", &missing));
        self.wrong
            .push(contradiction(message).at(at).note(self.policy.namespaces.unshare_at, label).help(help));
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{policy, wrong};

    #[test]
    fn own_views_need_their_namespaces() {
        let text = "[namespaces]\nunshare = [\"user\", \"net\"]\nhostname = \"box\"\n\
                    [fs]\nproc = \"masked\"\n[limits]\nwall = \"1s\"\n[syscalls]\nallow = [\"@default\"]\n";
        expect![[r#"
            error[contradiction]: a host name needs the uts namespace
             --> box.toml:4:12
              |
            4 | hostname = "box"
              |            ^^^^^
             ::: box.toml:3:11
              |
            3 | unshare = ["user", "net"]
              |           ^^^^^^^^^^^^^^^ has no `uts`
              = help: add "uts" to namespaces.unshare, or leave the host name out

            error[contradiction]: a wall limit needs the pid namespace
             --> box.toml:8:8
              |
            8 | wall = "1s"
              |        ^^^^
             ::: box.toml:3:11
              |
            3 | unshare = ["user", "net"]
              |           ^^^^^^^^^^^^^^^ has no `pid`
              = help: add "pid" to namespaces.unshare, or write wall = "unlimited"

            error[contradiction]: an own /proc needs the mnt and pid namespaces
             --> box.toml:6:8
              |
            6 | proc = "masked"
              |        ^^^^^^^^
             ::: box.toml:3:11
              |
            3 | unshare = ["user", "net"]
              |           ^^^^^^^^^^^^^^^ has no `mnt` and `pid`
              = help: add "mnt", "pid" to namespaces.unshare, or write fs.proc = "none"

            error[contradiction]: a minimal /dev needs the mnt namespace
              --> default
               |
               | fs.dev = "minimal"
               |          ^^^^^^^^^
              ::: box.toml:3:11
               |
             3 | unshare = ["user", "net"]
               |           ^^^^^^^^^^^^^^^ has no `mnt`
               = help: add "mnt" to namespaces.unshare, or write fs.dev = "none""#]]
        .assert_eq(&wrong("", text));
    }

    #[test]
    fn users_and_maps_need_the_user_namespace() {
        let text = "[namespaces]\nunshare = [\"mnt\", \"pid\", \"net\"]\nid_map = \"range\"\n\
                    [process]\nuser = \"root-in-namespace\"\n[syscalls]\nallow = [\"@default\"]\n";
        let shown = wrong("", text);
        assert_eq!(shown.matches("needs the user namespace").count(), 2, "{shown}");
    }

    #[test]
    fn the_hosts_network_and_an_own_one_exclude_each_other_in_one_layer() {
        let text = "[net]\nmode = \"host\"\n[namespaces]\nunshare = [\"user\", \"mnt\", \"pid\", \"net\"]\n";
        assert!(wrong("builtin:offline", text).contains("a net namespace that hides it"));
    }

    #[test]
    fn a_policy_without_namespaces_is_a_policy() {
        let text = "[namespaces]\nunshare = []\n[fs]\nproc = \"none\"\ndev = \"none\"\nexec = [\"/usr\"]\n\
                    [net]\nmode = \"host\"\n[syscalls]\nallow = [\"@system-service\"]\n";
        policy("", text).unwrap();
    }
}
