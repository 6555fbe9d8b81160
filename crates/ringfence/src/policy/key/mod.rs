//! The keys of the policy language. From the one table come the parser's known names, the flags of
//! the command line, the reference `docs/policy.md` and the tests that nothing is missing.

mod process;
mod reference;
mod resource;
mod slot;
mod surface;

pub use reference::reference;
pub(crate) use slot::{Accept, Slot, Store};

/// One key.
pub struct Key {
    /// The dotted path, `fs.read`.
    pub path: &'static str,
    /// What it does, in one line.
    pub help: &'static str,
    /// More about it, for the reference; empty where the one line says all.
    pub more: &'static str,
    /// What stands for the value in a usage line, `PATH`.
    pub value: &'static str,
    /// A value as a file writes it.
    pub example: &'static str,
    /// What holds where no layer says anything, as a file writes it; empty for nothing at all.
    pub default: &'static str,
    /// The words that the value may be, with their meaning; empty where it is not one of few.
    pub words: fn() -> Vec<(&'static str, &'static str)>,
    pub(crate) accept: Accept,
    pub(crate) slot: Slot,
}

impl Key {
    /// Whether the value is a list, or names with values: its flag may be repeated.
    pub fn repeats(&self) -> bool {
        !matches!(self.slot, Slot::Scalar(_) | Slot::Version)
    }

    /// Whether the value is a list that a higher layer replaces, not adds to.
    pub fn replaces(&self) -> bool {
        matches!(self.slot, Slot::Whole { .. })
    }

    /// Whether the value is names with values.
    pub fn maps(&self) -> bool {
        matches!(self.slot, Slot::Map(_))
    }

    /// The flag, `--fs-read`; `None` for `version`, which the command line has no use for, and for
    /// `extends`, whose flag is `--policy`.
    pub fn flag(&self) -> Option<String> {
        match self.slot {
            Slot::Version | Slot::Extends => None,
            _ => Some(format!("--{}", self.path.replace(['.', '_'], "-"))),
        }
    }

    /// Whether `flag`, with its dashes, is this key's. Allocates nothing: it runs at every start.
    fn is_flag(&self, flag: &str) -> bool {
        let Some(name) = flag.strip_prefix("--") else { return false };
        let same = |(a, b): (u8, u8)| a == if matches!(b, b'.' | b'_') { b'-' } else { b };
        name.len() == self.path.len()
            && name.bytes().zip(self.path.bytes()).all(same)
            && !matches!(self.slot, Slot::Version | Slot::Extends)
    }

    /// The table that the key is in, `fs`; empty at the top.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name within its table, `read`.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// Every key, in the order of the reference.
pub fn keys() -> impl Iterator<Item = &'static Key> + Clone {
    [process::KEYS, surface::KEYS, resource::KEYS].into_iter().flatten()
}

/// The key of a flag, which is given with its dashes.
pub fn by_flag(flag: &str) -> Option<&'static Key> {
    keys().find(|key| key.is_flag(flag))
}

/// The key with this dotted path.
pub(crate) fn find(path: &str) -> Option<&'static Key> {
    keys().find(|key| key.path == path)
}

/// Whether keys lie below this dotted path.
pub(crate) fn is_section(path: &str) -> bool {
    keys().any(|key| key.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('.')))
}

/// The names directly below a dotted path (empty: at the top), each once.
pub(crate) fn names_in(section: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in keys() {
        let below = match section {
            "" => Some(key.path),
            _ => key.path.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')),
        };
        let name = below.and_then(|rest| rest.split('.').next());
        names.extend(name.filter(|name| !names.contains(name)));
    }
    names
}

/// What holds where no layer says anything, as a policy of dotted keys: `builtin/default.toml`.
#[cfg(test)]
pub(crate) fn defaults() -> String {
    let mut text = String::from("# Made from the table of keys by a test; do not edit.\nversion = 1\n");
    for key in keys().filter(|key| !key.default.is_empty()) {
        text.extend([key.path, " = ", key.default, "\n"]);
    }
    text
}

/// No words: the value is not one of a few.
fn no_words() -> Vec<(&'static str, &'static str)> {
    Vec::new()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_key_is_complete_and_found_by_its_flag() {
        let mut paths = BTreeSet::new();
        for key in keys() {
            assert!(paths.insert(key.path), "{} twice", key.path);
            assert!(!key.help.is_empty() && !key.help.ends_with('.'), "{}", key.path);
            assert!(!key.value.is_empty() && !key.example.is_empty(), "{}", key.path);
            assert_eq!(find(key.path).map(|found| found.path), Some(key.path));
            if let Some(flag) = key.flag() {
                assert_eq!(by_flag(&flag).map(|found| found.path), Some(key.path), "{flag}");
            }
        }
        assert!(
            by_flag("--policy").is_none() && by_flag("--version").is_none() && by_flag("fs-read").is_none()
        );
        assert!(by_flag("--fs.read").is_none(), "one spelling only");
    }

    #[test]
    fn names_below_a_path() {
        assert!(names_in("").starts_with(&["version", "extends", "process"]));
        assert_eq!(names_in("process.env"), ["pass", "set"]);
        assert!(is_section("process.env") && is_section("fs") && !is_section("f") && !is_section("fs.read"));
    }

    /// The text of a layer without places.
    fn values(layer: &crate::policy::layer::Layer) -> String {
        let debug = format!("{layer:?}");
        let mut parts = debug.split("Origin { ");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |text, part| text + part.split_once('}').map_or("", |(_, rest)| rest))
    }

    /// The values of an example, as flags take them.
    fn flags(key: &Key) -> Vec<crate::policy::Flag> {
        let value = toml::de::DeValue::parse(key.example).unwrap().into_inner();
        let text = |value: &toml::de::DeValue<'_>| match value {
            toml::de::DeValue::Integer(number) => number.to_string(),
            toml::de::DeValue::Float(number) => number.to_string(),
            toml::de::DeValue::Boolean(value) => value.to_string(),
            other => other.as_str().unwrap().to_owned(),
        };
        let values: Vec<String> = match &value {
            toml::de::DeValue::Array(list) => list.iter().map(|item| text(item.get_ref())).collect(),
            toml::de::DeValue::Table(table) => {
                let pair = |(name, value): (&toml::Spanned<_>, &toml::Spanned<_>)| {
                    format!("{}={}", name.get_ref(), text(value.get_ref()))
                };
                table.iter().map(pair).collect()
            }
            scalar => vec![text(scalar)],
        };
        let name = key.flag().unwrap();
        values.into_iter().map(|value| crate::policy::Flag { name: name.clone(), value }).collect()
    }

    /// The fields of a layer that say something.
    fn fields(layer: &crate::policy::layer::Layer) -> Vec<String> {
        let lines = |layer: &crate::policy::layer::Layer| -> Vec<String> {
            let debug = format!("{layer:#?}");
            let mut fields: Vec<String> = Vec::new();
            for line in debug.lines() {
                match (line.strip_prefix("    "), fields.last_mut()) {
                    (Some(deeper), Some(field)) if deeper.starts_with([' ', '}', ']', ')']) => {
                        field.push_str(deeper)
                    }
                    (Some(field), _) => fields.push(field.to_owned()),
                    _ => {}
                }
            }
            fields
        };
        let silent = lines(&Default::default());
        let name = |field: &String| field.split(':').next().unwrap().to_owned();
        lines(layer).iter().filter(|field| !silent.contains(field)).map(name).collect()
    }

    #[test]
    fn a_file_and_flags_say_the_same() {
        let mut taken = BTreeSet::new();
        for key in keys().filter(|key| key.flag().is_some()) {
            let mut wrong = Vec::new();
            let (text, flags) = match key.path.strip_prefix("expect.") {
                None => (format!("version = 1\n{} = {}\n", key.path, key.example), flags(key)),
                Some(name) => {
                    let claim = find("expect.deny").unwrap();
                    let says = matches!(name, "allow" | "deny");
                    let before = if says { "" } else { "deny = \"ptrace(PTRACE_TRACEME)\"\n" };
                    let text = format!("version = 1\n[[expect]]\n{before}{name} = {}\n", key.example);
                    let before = if says { Vec::new() } else { self::flags(claim) };
                    (text, [before, flags(key)].concat())
                }
            };
            let document = crate::policy::syntax::Document::parse(&text).unwrap_or_else(|_| panic!("{text}"));
            let file = document.layer(1, &mut wrong);
            let line = crate::policy::flag::Written::new(&[], &flags).layer(1, &flags, &mut wrong);
            assert_eq!(wrong, [], "{}", key.path);
            assert_eq!(values(&file), values(&line), "{}", key.path);
            let fields = fields(&file);
            assert_eq!(fields.len(), 1, "{} goes to {fields:?}", key.path);
            assert!(
                taken.insert(fields[0].clone()) || key.section() == "expect",
                "{} shares {fields:?}",
                key.path
            );
        }
    }
}
