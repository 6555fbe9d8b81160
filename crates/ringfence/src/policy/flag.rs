//! The command line as one more text: a flag a line, so that it is layered, quoted and underlined
//! like any other.

use std::ops::Range;

use super::Flag;
use super::diagnostic::{Diagnostic, quote};
use super::key::{self, Key, Slot};
use super::layer::Layer;
use super::nearest::nearest;
use super::source::Origin;
use super::value::Fault;

/// The command line, written down.
pub(super) struct Written {
    /// Its text, a flag a line.
    pub(super) text: String,
    /// Where each named policy stands in it.
    pub(super) policies: Vec<Range<usize>>,
    /// Where each flag's value stands in it.
    values: Vec<Range<usize>>,
}

impl Written {
    /// Writes policies and flags down.
    pub(super) fn new(policies: &[String], flags: &[Flag]) -> Written {
        let mut text = String::new();
        let mut line = |name: &str, value: &str| {
            text.push_str(name);
            text.push('=');
            let start = text.len();
            text.push_str(value);
            text.push('\n');
            start..text.len() - 1
        };
        let policies = policies.iter().map(|policy| line("--policy", policy)).collect();
        let values = flags.iter().map(|flag| line(&flag.name, &flag.value)).collect();
        Written { text, policies, values }
    }

    /// What the flags say. `source` is the index of this text.
    pub(super) fn layer(&self, source: u16, flags: &[Flag], wrong: &mut Vec<Diagnostic>) -> Layer {
        let mut layer = Layer::default();
        for (flag, range) in flags.iter().zip(&self.values) {
            let origin = |range: Range<usize>| Origin {
                source,
                offset: range.start.min(u32::MAX as usize) as u32,
                len: range.len().min(u32::MAX as usize) as u32,
            };
            let Some(key) = key::by_flag(&flag.name) else {
                wrong
                    .push(unknown(&flag.name).at(origin(range.start - 1 - flag.name.len()..range.start - 1)));
                continue;
            };
            if let Err(fault) = store(key, &mut layer, &flag.value, origin(range.clone())) {
                let place = if fault.range.is_empty() {
                    range.clone()
                } else {
                    range.start + fault.range.start..range.start + fault.range.end
                };
                let message = format!("{}: {}", key.path, fault.message);
                let mut diagnostic = Diagnostic::new(fault.code, message).at(origin(place));
                diagnostic.label = fault.label;
                diagnostic.help = fault.help;
                wrong.push(diagnostic);
            }
        }
        layer
    }
}

/// Stores one flag's value; an empty one is the empty list where the key is a list.
fn store(key: &Key, layer: &mut Layer, value: &str, at: Origin) -> Result<(), Fault> {
    match key.slot {
        Slot::Scalar(store) | Slot::Expect(store) => store(layer, value, at),
        Slot::Adds { clear, .. } if value.is_empty() => {
            clear(layer);
            Ok(())
        }
        Slot::Adds { push, .. } => push(layer, value, at),
        Slot::Whole { open, .. } if value.is_empty() => {
            open(layer, at);
            Ok(())
        }
        Slot::Whole { open, push } => {
            open(layer, at);
            push(layer, value, at)
        }
        Slot::Map(put) => match value.split_once('=') {
            Some((name, value)) => put(layer, name, value, at),
            None => Err(Fault::value(value, format!("{} sets nothing", quote(value)), "write NAME=VALUE")),
        },
        Slot::Version | Slot::Extends => Ok(()),
    }
}

/// A flag that is no key's.
pub(super) fn unknown(name: &str) -> Diagnostic {
    let flags: Vec<String> = key::keys().filter_map(Key::flag).collect();
    let diagnostic = Diagnostic::new("unknown-flag", format!("unknown flag {}", quote(name)));
    match nearest(name, flags.iter().map(String::as_str)) {
        Some(near) => diagnostic.label(format!("did you mean `{near}`?")),
        None => diagnostic,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::model::Namespace;
    use crate::policy::testing::{load_with, shown};

    #[test]
    fn flags_are_one_more_layer() {
        let flags = [
            "--fs-write=/out",
            "--process-env-set=A=b=c",
            "--limits-memory=1G",
            "--process-no-new-privs=true",
            "--namespaces-unshare=user",
            "--namespaces-unshare=mnt",
            "--namespaces-unshare=pid",
            "--net-mode=host",
            "--expect-deny=x",
            "--expect-because=y",
        ];
        let policy = load_with(&["builtin:offline"], &[], &flags).unwrap();
        assert_eq!(policy.fs.write[0].value.text, "/out");
        assert_eq!(policy.process.env_set["A"].value, "b=c");
        assert_eq!(policy.limits.memory.as_ref().map(|limit| limit.value), Some(1 << 30));
        assert_eq!(policy.namespaces.unshare, [Namespace::User, Namespace::Mnt, Namespace::Pid].into());
        assert_eq!(policy.expect.last().and_then(|claim| claim.because.as_deref()), Some("y"));
        let place = policy.place(policy.fs.write[0].at);
        assert_eq!(
            (place.file, place.text, place.to_string().as_str()),
            ("command line", "--fs-write=/out", "command line")
        );
    }

    #[test]
    fn an_empty_value_is_the_empty_list() {
        let policy = load_with(&[], &[], &["--fs-read=", "--fs-read=/usr", "--process-fds="]).unwrap();
        assert_eq!(policy.fs.read.len(), 1);
        assert!(policy.process.fds.is_empty());
    }

    #[test]
    fn faults_stand_under_the_flag() {
        let flags = ["--net-connect=tpc:443", "--fs-raed=/x", "--process-env-set=A", "--expect-depth=1"];
        let shown = shown(load_with(&["builtin:service"], &[], &flags));
        expect![[r#"
            error[unknown-name]: net.connect: unknown transport `tpc`
             --> command line
              |
              | --net-connect=tpc:443
              |               ^^^ did you mean `tcp`?
              = help: write tcp or udp, a colon, and a port from 0 to 65535 or `*`, such as "tcp:443"

            error[unknown-flag]: unknown flag `--fs-raed`
             --> command line
              |
              | --fs-raed=/x
              | ^^^^^^^^^ did you mean `--fs-read`?

            error[bad-value]: process.env.set: `A` sets nothing
             --> command line
              |
              | --process-env-set=A
              |                   ^
              = help: write NAME=VALUE

            error[bad-value]: expect.depth: no expectation comes before it
             --> command line
              |
              | --expect-depth=1
              |                ^
              = help: put it after --expect-deny or --expect-allow"#]]
        .assert_eq(&shown);
    }
}
