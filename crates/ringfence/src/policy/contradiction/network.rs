//! Ports that the network mode or the absence of Landlock makes meaningless.

use super::contradiction;
use crate::policy::diagnostic::Diagnostic;
use crate::policy::model::{Landlock, NetMode, Policy, Port};
use crate::policy::source::At;

/// Adds what contradicts the network.
pub(super) fn check(policy: &Policy, wrong: &mut Vec<Diagnostic>) {
    let lists: [(&str, &[At<Port>]); 2] = [("connect", &policy.net.connect), ("bind", &policy.net.bind)];
    for (list, ports) in lists {
        if let (NetMode::None, Some(port)) = (policy.net.mode.value, ports.first()) {
            let diagnostic = contradiction("a port in a network that does not exist");
            let help = format!("write net.{list} = [], or net.mode = \"loopback\" or \"host\"");
            wrong.push(diagnostic.at(port.at).note(policy.net.mode.at, "no network").help(help));
        }
        let single = ports.iter().find(|port| port.value.port.is_some());
        if let (Landlock::Off, Some(port)) = (policy.lsm.landlock.value, single) {
            let diagnostic = contradiction("only Landlock can tell ports apart, and it is off");
            let help = "write lsm.landlock = \"require>=4\", or allow every port with `*`";
            wrong.push(diagnostic.at(port.at).note(policy.lsm.landlock.at, "no Landlock").help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{policy, wrong};

    #[test]
    fn no_network_has_no_ports() {
        expect![[r#"
            error[contradiction]: a port in a network that does not exist
             --> box.toml:3:12
              |
            3 | connect = ["tcp:443"]
              |            ^^^^^^^^^
             ::: box.toml:4:8
              |
            4 | mode = "none"
              |        ^^^^^^ no network
              = help: write net.connect = [], or net.mode = "loopback" or "host""#]]
        .assert_eq(&wrong("builtin:offline", "[net]\nconnect = [\"tcp:443\"]\nmode = \"none\"\n"));
        let above = wrong("builtin:offline", "[net]\nbind = [\"tcp:443\"]\n");
        assert!(above.contains("does not exist"), "a list above does not override a mode below: {above}");
    }

    #[test]
    fn single_ports_need_landlock() {
        let text = "[net]\nmode = \"host\"\nconnect = [\"tcp:443\"]\n[lsm]\nlandlock = \"off\"\n";
        assert!(wrong("builtin:offline", text).contains("only Landlock can tell ports apart"));
        policy("builtin:offline", &text.replace("443", "*")).unwrap();
    }
}
