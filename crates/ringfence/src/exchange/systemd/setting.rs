//! The lines of a unit, and what they add up to; systemd.syntax(7).

use std::collections::{BTreeMap, BTreeSet};

use ringfence_bpf::table::{self, Abi, CallId};

use super::super::{Error, Note, libseccomp};

/// One `Directive=value`.
pub(super) struct Line<'a> {
    pub(super) key: &'a str,
    pub(super) value: String,
    pub(super) line: usize,
    name: &'a str,
}

/// What asked for a filter.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Source {
    pub(super) directive: &'static str,
    pub(super) line: usize,
}

/// What a call of a list gets beside the list's own action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Special {
    None,
    Errno(u16),
    Kill,
}

/// A list of names that allows or denies, as its first line says.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) allows: bool,
    pub(super) calls: BTreeMap<String, Special>,
    pub(super) source: Source,
    given: bool,
}

/// Every directive that matters, after all lines.
#[derive(Default)]
pub(super) struct Settings {
    pub(super) filter: Option<Names>,
    pub(super) log: Option<Names>,
    pub(super) errno: Option<Special>,
    pub(super) architectures: Option<(BTreeSet<Abi>, Source)>,
    /// Whether the list allows, and its families.
    pub(super) families: Option<(bool, BTreeSet<u32>, Source)>,
    /// The namespaces that may be made, as `CLONE_NEW*`.
    pub(super) namespaces: Option<(u64, Source)>,
    pub(super) switches: BTreeMap<&'static str, Source>,
    /// `Personality=`: PER_LINUX or PER_LINUX32.
    pub(super) personality: u64,
    pub(super) elsewhere: BTreeSet<String>,
    pub(super) notes: Vec<Note>,
}

/// Directives that are on or off.
pub(super) const SWITCHES: [&str; 11] = [
    "MemoryDenyWriteExecute",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectClock",
    "PrivateDevices",
    "LockPersonality",
    "ProtectHostname",
    "DynamicUser",
];

/// The names of namespaces in `RestrictNamespaces=`, `include/uapi/linux/sched.h`.
pub(super) const NAMESPACES: [(&str, u64); 8] = [
    ("cgroup", 0x0200_0000),
    ("ipc", 0x0800_0000),
    ("net", 0x4000_0000),
    ("mnt", 0x0002_0000),
    ("pid", 0x2000_0000),
    ("user", 0x1000_0000),
    ("uts", 0x0400_0000),
    ("time", 0x0000_0080),
];
/// What `RestrictNamespaces=no` leaves: all but time, as in systemd 252.
pub(super) const ALL_NAMESPACES: u64 = 0x7e02_0000;

/// The directives of the sections that start a process.
pub(super) fn lines<'a>(text: &'a str, name: &'a str) -> Result<Vec<Line<'a>>, Error> {
    let mut lines: Vec<Line<'a>> = Vec::new();
    let (mut continued, mut counts) = (false, true);
    for (at, text) in text.lines().enumerate() {
        let trimmed = text.trim();
        if trimmed.starts_with(['#', ';']) || (trimmed.is_empty() && !continued) {
            continue;
        }
        let (part, more) = match trimmed.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (trimmed, false),
        };
        if continued {
            if let Some(last) = lines.last_mut() {
                last.value.push(' ');
                last.value.push_str(part.trim());
            }
        } else if let Some(section) = trimmed.strip_prefix('[') {
            let Some(section) = section.strip_suffix(']') else {
                return Err(Error::new("a section ends with `]`").at(format!("{name}:{}", at + 1)));
            };
            counts = !matches!(section, "Unit" | "Install");
            continue;
        } else {
            let Some((key, value)) = part.split_once('=') else {
                return Err(Error::new("expected `Directive=value`").at(format!("{name}:{}", at + 1)));
            };
            // What does not count is kept until its continuation has been read.
            let key = if counts { key.trim() } else { "" };
            lines.push(Line { key, value: value.trim().to_owned(), line: at + 1, name });
        }
        continued = more;
    }
    lines.retain(|line| !line.key.is_empty());
    Ok(lines)
}

impl Settings {
    pub(super) fn take(&mut self, line: &Line<'_>) -> Result<(), Error> {
        let source = |directive| Source { directive, line: line.line };
        match line.key {
            "SystemCallFilter" => {
                let names = self.filter.get_or_insert_default();
                names.source = source("SystemCallFilter");
                names.take(line, true, &mut self.elsewhere)?;
                if !names.given {
                    self.filter = None;
                }
            }
            "SystemCallLog" => {
                let names = self.log.get_or_insert_default();
                names.source = source("SystemCallLog");
                names.take(line, false, &mut self.elsewhere)?;
                if !names.given {
                    self.log = None;
                }
            }
            "SystemCallErrorNumber" => {
                self.errno = if line.value.is_empty() { None } else { Some(line.special(&line.value)?) };
            }
            "SystemCallArchitectures" => self.architectures(line, source("SystemCallArchitectures"))?,
            "RestrictAddressFamilies" => self.families(line, source("RestrictAddressFamilies"))?,
            "RestrictNamespaces" => self.namespaces(line, source("RestrictNamespaces"))?,
            "Personality" => self.personality = if line.value == "x86" { 8 } else { 0 },
            _ => {
                if let Some(switch) = SWITCHES.into_iter().find(|switch| *switch == line.key) {
                    match line.boolean()? {
                        true => self.switches.insert(switch, source(switch)),
                        false => self.switches.remove(switch),
                    };
                }
            }
        }
        Ok(())
    }

    fn architectures(&mut self, line: &Line<'_>, source: Source) -> Result<(), Error> {
        if line.value.is_empty() {
            self.architectures = None;
            return Ok(());
        }
        let (abis, at) = self.architectures.get_or_insert_default();
        *at = source;
        for word in line.value.split_whitespace() {
            match word {
                "native" | "x86-64" => abis.insert(Abi::X86_64),
                "x86" => abis.insert(Abi::I386),
                "x32" => abis.insert(Abi::X32),
                "arm" | "arm64" | "mips" | "mips-le" | "mips64" | "mips64-le" | "mips64-n32"
                | "mips64-le-n32" | "ppc" | "ppc64" | "ppc64-le" | "riscv64" | "s390" | "s390x"
                | "parisc" | "parisc64" | "loongarch64" => false,
                _ => {
                    return Err(line.unknown(
                        "architecture",
                        word,
                        ["native", "x86-64", "x86", "x32"].into_iter(),
                    ));
                }
            };
        }
        Ok(())
    }

    fn families(&mut self, line: &Line<'_>, source: Source) -> Result<(), Error> {
        if line.value.is_empty() {
            self.families = None;
            return Ok(());
        }
        if line.value == "none" {
            self.families = Some((true, BTreeSet::new(), source));
            return Ok(());
        }
        let (invert, words) = inverted(&line.value);
        let (allows, families, at) = self.families.get_or_insert((!invert, BTreeSet::new(), source));
        *at = source;
        for word in words.split_whitespace() {
            let value = table::constant(word).filter(|_| word.starts_with("AF_"));
            let Some(value) = value.and_then(|value| u32::try_from(value).ok()) else {
                let known = table::constants().iter().map(|constant| constant.name);
                return Err(line.unknown(
                    "address family",
                    word,
                    known.filter(|name| name.starts_with("AF_")),
                ));
            };
            if *allows == invert {
                families.remove(&value)
            } else {
                families.insert(value)
            };
        }
        Ok(())
    }

    fn namespaces(&mut self, line: &Line<'_>, source: Source) -> Result<(), Error> {
        if line.value.is_empty() {
            self.namespaces = None;
            return Ok(());
        }
        if let Some(all) = boolean(&line.value) {
            self.namespaces = Some((if all { 0 } else { ALL_NAMESPACES }, source));
            return Ok(());
        }
        let (invert, words) = inverted(&line.value);
        let mut flags = 0;
        for word in words.split_whitespace() {
            let Some((_, flag)) = NAMESPACES.iter().find(|(name, _)| *name == word) else {
                return Err(line.unknown("namespace", word, NAMESPACES.iter().map(|(name, _)| *name)));
            };
            flags |= flag;
        }
        let kept = match (&self.namespaces, invert) {
            (None, false) => flags,
            (None, true) => !flags & ALL_NAMESPACES,
            (Some((kept, _)), false) => kept | flags,
            (Some((kept, _)), true) => kept & !flags,
        };
        self.namespaces = Some((kept, source));
        Ok(())
    }
}

impl Names {
    fn take(
        &mut self,
        line: &Line<'_>,
        filters: bool,
        elsewhere: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        if line.value.is_empty() {
            self.given = false;
            return Ok(());
        }
        let (invert, words) = inverted(&line.value);
        if !self.given {
            self.given = true;
            self.allows = !invert;
            if self.allows && filters {
                self.add("@default", Special::None, false, line, elsewhere)?;
            }
        }
        for word in words.split_whitespace() {
            let (name, special) = match word.split_once(':') {
                Some((name, special)) => (name, line.special(special)?),
                None => (word, Special::None),
            };
            if special != Special::None && (!invert || !filters) {
                return Err(line
                    .error(format!("`{word}`: a call that is allowed has no error number"))
                    .help("systemd ignores this word; write `~` before the list, or drop the number"));
            }
            self.add(name, special, invert, line, elsewhere)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        name: &str,
        special: Special,
        invert: bool,
        line: &Line<'_>,
        elsewhere: &mut BTreeSet<String>,
    ) -> Result<(), Error> {
        let names: Vec<String> = if name.starts_with('@') {
            let Some(group) = table::group(name) else {
                return Err(line.unknown("group", name, table::groups().iter().map(|group| group.name)));
            };
            group.members().map(|call| call.name().to_owned()).collect()
        } else if table::call(name).is_some() || libseccomp::is_multiplexed(name) {
            vec![name.to_owned()]
        } else if libseccomp::elsewhere(name) {
            elsewhere.insert(name.to_owned());
            return Ok(());
        } else {
            return Err(line.unknown("system call", name, table::names().map(CallId::name)));
        };
        for name in names {
            let denied = invert && self.allows && special != Special::None;
            if invert != self.allows || denied {
                self.calls.insert(name, special);
            } else {
                self.calls.remove(&name);
            }
        }
        Ok(())
    }
}

impl Line<'_> {
    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(message).at(format!("{}:{}", self.name, self.line))
    }

    fn unknown<'a>(&self, kind: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
        Error::unknown(kind, name, known).at(format!("{}:{}", self.name, self.line))
    }

    fn boolean(&self) -> Result<bool, Error> {
        boolean(&self.value)
            .ok_or_else(|| self.error(format!("`{}` is neither yes nor no", self.value.escape_debug())))
    }

    /// `kill`, an errno name, or a number.
    fn special(&self, word: &str) -> Result<Special, Error> {
        if word == "kill" {
            return Ok(Special::Kill);
        }
        let number = table::errno(word).or_else(|| word.parse().ok().filter(|number| *number <= 4095));
        let known = table::errnos().iter().map(|errno| errno.name);
        number.map(Special::Errno).ok_or_else(|| self.unknown("error number", word, known))
    }
}

fn inverted(value: &str) -> (bool, &str) {
    match value.strip_prefix('~') {
        Some(rest) => (true, rest),
        None => (false, value),
    }
}

fn boolean(value: &str) -> Option<bool> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}
