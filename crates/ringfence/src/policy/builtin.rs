//! The policies that come with ringfence, and the defaults below every policy.
//!
//! Their TOML is read when ringfence is built, not when it runs: `builtin/statements.rs` says where
//! each value stands in the text. The values themselves go the same way as those of a file.

#[cfg(test)]
mod flatten;
mod statements;

use std::ops::Range;

use super::diagnostic::Diagnostic;
use super::key::{self, Slot};
use super::layer::Layer;
use super::source::Origin;
use super::value::Fault;

/// Name, text, and what it is for in one line.
pub const BUILTINS: &[(&str, &str, &str)] = &[
    ("compute", include_str!("builtin/compute.toml"), "a pure function from standard input to output"),
    ("offline", include_str!("builtin/offline.toml"), "any program that only looks; the default of `run`"),
    (
        "build",
        include_str!("builtin/build.toml"),
        "compilers and package tools that write the working directory",
    ),
    ("service", include_str!("builtin/service.toml"), "a daemon that serves on loopback"),
    ("container", include_str!("builtin/container.toml"), "a small system with its own root user"),
];

/// What holds where nobody says anything, as a policy of dotted keys.
pub(super) const DEFAULTS: Builtin =
    Builtin { text: include_str!("builtin/default.toml"), statements: statements::DEFAULT };

/// What names a built-in policy begins with.
pub(super) const PREFIX: &str = "builtin:";

/// A key, and where its value and the parts of its value stand in the text.
struct Statement {
    path: &'static str,
    /// The whole value.
    value: Span,
    /// The items of a list; the value itself where it is a scalar; names and values in turn where
    /// it is a table.
    items: &'static [Span],
}

/// First byte and length.
type Span = (u32, u32);

/// A policy that was read beforehand.
#[derive(Clone, Copy)]
pub(super) struct Builtin {
    /// Its TOML.
    pub(super) text: &'static str,
    statements: &'static [Statement],
}

/// A built-in policy, by its name without the prefix.
pub(super) fn find(name: &str) -> Option<Builtin> {
    let text = BUILTINS.iter().find(|(known, ..)| *known == name).map(|(_, text, _)| *text)?;
    let (_, statements) = statements::ALL.iter().find(|(known, _)| *known == name)?;
    Some(Builtin { text, statements })
}

impl Builtin {
    /// What it extends, with its place.
    pub(super) fn bases(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> + use<> {
        let Builtin { text, statements } = *self;
        let extends = statements.iter().filter(|statement| statement.path == "extends");
        extends.flat_map(|statement| statement.items).map(move |span| (inner(text, *span), range(*span)))
    }

    /// What it says. `source` is the index of its text.
    pub(super) fn layer(&self, source: u16, wrong: &mut Vec<Diagnostic>) -> Layer {
        let mut layer = Layer::default();
        for statement in self.statements {
            if let Err((span, fault)) = self.say(statement, source, &mut layer) {
                let message = format!("{}: {}", statement.path, fault.message);
                let mut diagnostic = Diagnostic::new(fault.code, message).at(origin(source, span));
                diagnostic.help = fault.help;
                wrong.push(diagnostic);
            }
        }
        layer
    }

    fn say(&self, statement: &Statement, source: u16, layer: &mut Layer) -> Result<(), (Span, Fault)> {
        let Some(key) = key::find(statement.path) else {
            let fault = Fault::value("", "an unknown key", "the statements of this policy are not current");
            return Err((statement.value, fault));
        };
        let (push, items) = match key.slot {
            Slot::Version | Slot::Extends => return Ok(()),
            Slot::Scalar(push) | Slot::Expect(push) => (push, statement.items),
            Slot::Adds { clear, push } => {
                if statement.items.is_empty() {
                    clear(layer);
                }
                (push, statement.items)
            }
            Slot::Whole { open, push } => {
                open(layer, origin(source, statement.value));
                (push, statement.items)
            }
            Slot::Map(put) => {
                for pair in statement.items.chunks_exact(2) {
                    let (name, value) = (inner(self.text, pair[0]), inner(self.text, pair[1]));
                    put(layer, name, value, origin(source, pair[1])).map_err(|fault| (pair[1], fault))?;
                }
                return Ok(());
            }
        };
        let each = |span: &Span| {
            push(layer, inner(self.text, *span), origin(source, *span)).map_err(|fault| (*span, fault))
        };
        items.iter().try_for_each(each)
    }
}

/// The text of a value: what is between its quotes. Built-in policies use no escapes; a test reads
/// them with the TOML parser as well.
fn inner(text: &'static str, span: Span) -> &'static str {
    let value = &text[range(span)];
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value)
}

fn range((offset, len): Span) -> Range<usize> {
    offset as usize..(offset + len) as usize
}

fn origin(source: u16, (offset, len): Span) -> Origin {
    Origin { source, offset, len }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::model::{NetMode, ProcView};
    use crate::policy::testing::load_with;

    #[test]
    fn every_builtin_loads_and_claims_something() {
        for (name, text, _) in BUILTINS {
            let policy =
                load_with(&[&format!("{PREFIX}{name}")], &[], &[]).unwrap_or_else(|wrong| panic!("{wrong}"));
            assert!(text.contains("[[expect]]") && !policy.expect.is_empty(), "{name}");
            assert!(policy.aside.is_empty() || *name != "offline", "{name}: {:?}", policy.aside);
            assert_ne!(policy.net.mode.value, NetMode::Host, "{name}");
            assert_eq!(policy.fs.proc.value, ProcView::Masked, "{name}: root owns /proc/sys");
            let limits = &policy.limits;
            let by_cgroup = [&limits.memory, &limits.pids, &limits.cpu_milli];
            assert!(by_cgroup.iter().all(|limit| limit.is_none()), "{name}: not every host gives cgroups");
            assert!(policy.process.no_new_privs.value, "{name}");
        }
    }

    #[test]
    fn only_what_writes_by_purpose_writes() {
        for (name, writes) in [("compute", false), ("offline", false), ("build", true), ("service", true)] {
            let policy = load_with(&[&format!("{PREFIX}{name}")], &[], &[]).unwrap();
            assert_eq!(!policy.fs.write.is_empty(), writes, "{name}");
        }
    }

    /// What a dangerous call needs is one flag; a deny in the base would need its list restated.
    #[test]
    fn one_flag_adds_what_was_left_out() {
        for call in ["ptrace", "userfaultfd", "keyctl", "perf_event_open", "unshare", "mount"] {
            load_with(&["builtin:compute"], &[], &[&format!("--syscalls-allow={call}")]).unwrap();
        }
    }

    #[test]
    fn opening_the_network_takes_the_mode_and_the_port_only() {
        let flags = ["--net-mode=host", "--net-connect=tcp:443"];
        for (name, ..) in BUILTINS {
            load_with(&[&format!("{PREFIX}{name}")], &[], &flags)
                .unwrap_or_else(|wrong| panic!("{name}: {wrong}"));
        }
    }
}
