//! Seccomp profiles of container engines: the runtime specification's `linux.seccomp`, and the form
//! of Docker and Podman, which adds conditions on capabilities, architectures and kernels.
//!
//! Source: the OCI runtime specification, `config-linux.md`, "Seccomp"; what Docker, Podman, runc
//! and crun do with it; libseccomp. A profile means what libseccomp compiles from it:
//! - The native ABI is always part, and those that `architectures` or `archMap` name.
//! - A rule with the default's action says nothing. A name that x86 does not have says nothing.
//! - Two conditions on one argument make two rules, either of which matches.
//! - `errnoRet` is 1 (EPERM) where it is not given.
//! - runc adds a part that answers ENOSYS to numbers newer than the profile. That is runc's, not
//!   the profile's, and not imported.

use std::collections::BTreeSet;

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::table::{self, Abi, CallId};
use serde::Deserialize;

use super::libseccomp::{self, Compare, Condition, Filter as Rules, Rule};
use super::recognise::malformed;
use super::{Error, Filter, Gate, Imported, Language, Note};

/// What decides the conditions of a profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// The capabilities of the container.
    pub capabilities: Capabilities,
    /// The kernel that it runs on.
    pub kernel: Kernel,
}

/// A set of capabilities, each with its `CAP_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capabilities {
    /// Every one: `--privileged`.
    All,
    /// These.
    Only(BTreeSet<String>),
}

/// A version of Linux; the greatest is newer than any condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kernel(pub u32, pub u32);

/// What Docker gives to a container, moby `oci/caps/defaults.go`.
const DOCKER: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

impl Default for Conditions {
    fn default() -> Self {
        let capabilities = Capabilities::Only(DOCKER.iter().map(|name| (*name).to_owned()).collect());
        Self { capabilities, kernel: Kernel(u32::MAX, 0) }
    }
}

impl Capabilities {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

impl Kernel {
    /// `4.8`, or with more behind it: `6.1.0-13-amd64`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Kernel> {
        let mut parts = text.split(['.', '-']);
        Some(Kernel(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
    }
}

/// `config.json` of a container, as far as it matters here.
#[derive(Deserialize)]
struct Config {
    linux: Linux,
}

#[derive(Deserialize)]
struct Linux {
    seccomp: Option<Profile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Profile {
    default_action: String,
    default_errno_ret: Option<u32>,
    default_errno: Option<String>,
    architectures: Option<Vec<String>>,
    arch_map: Option<Vec<Architecture>>,
    flags: Option<Vec<String>>,
    listener_path: Option<String>,
    #[serde(rename = "listenerMetadata")]
    _listener_metadata: Option<String>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
    syscalls: Option<Vec<Entry>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Architecture {
    architecture: String,
    sub_architectures: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Entry {
    /// The form of before 2016.
    name: Option<String>,
    names: Option<Vec<String>>,
    action: String,
    errno_ret: Option<u32>,
    errno: Option<String>,
    args: Option<Vec<Argument>>,
    #[serde(rename = "comment")]
    _comment: Option<String>,
    includes: Option<Filtered>,
    excludes: Option<Filtered>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Filtered {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Argument {
    index: u32,
    value: u64,
    #[serde(default)]
    value_two: u64,
    op: String,
}

pub(super) fn import(text: &str, name: &str, conditions: &Conditions) -> Result<Imported, Error> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|error| malformed(&error, name))?;
    let profile = if value.get("defaultAction").is_some() {
        // Once more from the text, so that a mistake has its place.
        serde_json::from_str(text).map_err(|error| malformed(&error, name))?
    } else {
        let config: Config = serde_json::from_str(text).map_err(|error| malformed(&error, name))?;
        let Some(profile) = config.linux.seccomp else {
            let note = Note::new("linux.seccomp is not there: nothing is filtered");
            let gate = Gate { name: String::new(), stack: Vec::new() };
            return Ok(Imported { language: Language::Oci, gates: vec![gate], notes: vec![note] });
        };
        profile
    };
    let mut reader =
        Reader { name, conditions, notes: Vec::new(), elsewhere: BTreeSet::new(), decided: false };
    let rules = reader.profile(&profile)?;
    for (call, certain) in rules.doubtful() {
        let text = format!(
            "{call}: libseccomp 2.5.4 compiles some rules of this kind to something else than they say; \
             compare with the filter of a live container (pid:N)"
        );
        reader.notes.push(if certain { Note::incomplete(text) } else { Note::new(text) });
    }
    let places = rules.origins.clone();
    let listing = rules.listing().map_err(|conflict| {
        let message = format!(
            "libseccomp refuses this rule on {}: it contradicts another one about the same arguments",
            conflict.abi.name()
        );
        let place = places.get(conflict.origin).map_or("", String::as_str);
        Error::new(message)
            .at(format!("{name}: {place}"))
            .help("a container engine starts no container with this profile; make the conditions exclude each other")
    })?;
    let notes = reader.notes();
    let gate = Gate { name: String::new(), stack: vec![Filter::listing("", listing)] };
    Ok(Imported { language: Language::Oci, gates: vec![gate], notes })
}

struct Reader<'a> {
    name: &'a str,
    conditions: &'a Conditions,
    notes: Vec<Note>,
    /// Names that only other architectures have.
    elsewhere: BTreeSet<String>,
    /// Whether a condition was looked at.
    decided: bool,
}

impl Reader<'_> {
    fn notes(mut self) -> Vec<Note> {
        if self.decided {
            let capabilities = match &self.conditions.capabilities {
                Capabilities::All => "every capability".to_owned(),
                Capabilities::Only(names) if names.is_empty() => "no capability".to_owned(),
                Capabilities::Only(names) => names.iter().cloned().collect::<Vec<_>>().join(", "),
            };
            let kernel = match self.conditions.kernel {
                Kernel(u32::MAX, _) => "the newest kernel".to_owned(),
                Kernel(major, minor) => format!("Linux {major}.{minor}"),
            };
            self.notes.push(Note::new(format!("conditions decided for x86_64, {kernel} and {capabilities}")));
        }
        if !self.elsewhere.is_empty() {
            let names: Vec<String> = self.elsewhere.iter().cloned().collect();
            let text = format!("names that x86 does not have, and which say nothing: {}", names.join(", "));
            self.notes.push(Note::new(text));
        }
        self.notes
    }

    fn error(&self, message: impl Into<String>, path: &str) -> Error {
        Error::new(message).at(format!("{}: {path}", self.name))
    }

    fn profile(&mut self, profile: &Profile) -> Result<Rules, Error> {
        let errno = profile.default_errno.as_deref();
        let default =
            self.action(&profile.default_action, profile.default_errno_ret, errno, "defaultAction")?;
        for flag in profile.flags.iter().flatten() {
            self.notes.push(Note::new(format!("flag {flag}: does not change what is permitted")));
        }
        if let Some(path) = &profile.listener_path {
            self.notes.push(Note::new(format!("a supervisor answers SCMP_ACT_NOTIFY at {path}")));
        }
        let mut rules = Rules {
            abis: self.abis(profile)?,
            default,
            // libseccomp's own default, which no engine changes.
            bad_arch: Action::KillThread,
            rules: Vec::new(),
            origins: Vec::new(),
        };
        for (index, entry) in profile.syscalls.iter().flatten().enumerate() {
            let path = format!("syscalls[{index}]");
            let action = self.action(&entry.action, entry.errno_ret, entry.errno.as_deref(), &path)?;
            let names = self.names(entry, &path)?;
            let lists = self.arguments(entry, &path)?;
            if !self.applies(entry, &path)? || action == default {
                continue;
            }
            rules.origins.push(path);
            let origin = rules.origins.len() - 1;
            for call in names {
                let each = lists.iter().map(|conditions| Rule {
                    call: call.clone(),
                    conditions: conditions.clone(),
                    action,
                    origin,
                });
                rules.rules.extend(each);
            }
        }
        Ok(rules)
    }

    fn abis(&mut self, profile: &Profile) -> Result<AbiSet, Error> {
        let mut names: Vec<&str> = Vec::new();
        for entry in profile.arch_map.iter().flatten() {
            if entry.architecture == "SCMP_ARCH_X86_64" {
                names.extend(entry.sub_architectures.iter().flatten().map(String::as_str));
            }
        }
        names.extend(profile.architectures.iter().flatten().map(String::as_str));
        let mut abis = AbiSet::X86_64;
        for name in names {
            match name {
                "SCMP_ARCH_X86_64" | "SCMP_ARCH_NATIVE" => {}
                "SCMP_ARCH_X86" => abis = abis.with(Abi::I386),
                "SCMP_ARCH_X32" => abis = abis.with(Abi::X32),
                _ if name.starts_with("SCMP_ARCH_") => {
                    self.notes.push(Note::new(format!("{name} is no architecture of x86")));
                }
                _ => {
                    let known = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
                    let place = format!("{}: architectures", self.name);
                    return Err(Error::unknown("architecture", name, known.into_iter()).at(place));
                }
            }
        }
        Ok(abis)
    }

    fn action(
        &self,
        word: &str,
        data: Option<u32>,
        errno: Option<&str>,
        path: &str,
    ) -> Result<Action, Error> {
        const KNOWN: [&str; 9] = [
            "SCMP_ACT_ALLOW",
            "SCMP_ACT_ERRNO",
            "SCMP_ACT_KILL",
            "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD",
            "SCMP_ACT_LOG",
            "SCMP_ACT_NOTIFY",
            "SCMP_ACT_TRACE",
            "SCMP_ACT_TRAP",
        ];
        let data = || match errno {
            Some(name) if !name.is_empty() => table::errno(name).ok_or_else(|| {
                let known = table::errnos().iter().map(|errno| errno.name);
                Error::unknown("errno", name, known).at(format!("{}: {path}", self.name))
            }),
            // What every engine takes where the profile says nothing: EPERM.
            _ => u16::try_from(data.unwrap_or(1))
                .map_err(|_| self.error("errnoRet has more than 16 bits", path)),
        };
        Ok(match word {
            "SCMP_ACT_ALLOW" => Action::Allow,
            "SCMP_ACT_ERRNO" => Action::Errno(data()?),
            "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
            "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
            "SCMP_ACT_LOG" => Action::Log,
            "SCMP_ACT_NOTIFY" => Action::UserNotif,
            "SCMP_ACT_TRACE" => Action::Trace(data()?),
            "SCMP_ACT_TRAP" => Action::Trap(0),
            _ => {
                let place = format!("{}: {path}", self.name);
                return Err(Error::unknown("action", word, KNOWN.into_iter()).at(place));
            }
        })
    }

    /// The names that x86 has.
    fn names(&mut self, entry: &Entry, path: &str) -> Result<Vec<String>, Error> {
        let all: Vec<&String> = entry.name.iter().chain(entry.names.iter().flatten()).collect();
        if all.is_empty() {
            return Err(self.error("a rule without names", path).help("give `names` a list of system calls"));
        }
        let mut names = Vec::new();
        for (index, name) in all.into_iter().enumerate() {
            if table::call(name).is_some() || libseccomp::is_multiplexed(name) {
                names.push(name.clone());
            } else if libseccomp::elsewhere(name) {
                self.elsewhere.insert(name.clone());
            } else {
                let place = format!("{}: {path}.names[{index}]", self.name);
                return Err(Error::unknown("system call", name, table::names().map(CallId::name)).at(place));
            }
        }
        Ok(names)
    }

    /// The conditions of each rule that an entry makes.
    fn arguments(&self, entry: &Entry, path: &str) -> Result<Vec<Vec<Condition>>, Error> {
        let mut conditions: Vec<Condition> = Vec::new();
        for (index, argument) in entry.args.iter().flatten().enumerate() {
            let path = format!("{path}.args[{index}]");
            let Some(position) = u8::try_from(argument.index).ok().filter(|index| *index < 6) else {
                return Err(self.error(format!("no argument {}: they are 0 to 5", argument.index), &path));
            };
            let (op, value) = match argument.op.as_str() {
                "SCMP_CMP_NE" => (Compare::Ne, argument.value),
                "SCMP_CMP_LT" => (Compare::Lt, argument.value),
                "SCMP_CMP_LE" => (Compare::Le, argument.value),
                "SCMP_CMP_EQ" => (Compare::Eq, argument.value),
                "SCMP_CMP_GE" => (Compare::Ge, argument.value),
                "SCMP_CMP_GT" => (Compare::Gt, argument.value),
                "SCMP_CMP_MASKED_EQ" => (Compare::MaskedEq(argument.value), argument.value_two),
                other => {
                    let known =
                        ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"].map(|op| format!("SCMP_CMP_{op}"));
                    let place = format!("{}: {path}", self.name);
                    return Err(
                        Error::unknown("comparison", other, known.iter().map(String::as_str)).at(place)
                    );
                }
            };
            conditions.push(Condition { argument: position, op, value });
        }
        let arguments: BTreeSet<u8> = conditions.iter().map(|condition| condition.argument).collect();
        if arguments.len() < conditions.len() {
            return Ok(conditions.into_iter().map(|condition| vec![condition]).collect());
        }
        Ok(vec![conditions])
    }

    /// Whether the conditions of an entry are met.
    fn applies(&mut self, entry: &Entry, path: &str) -> Result<bool, Error> {
        const NATIVE: &str = "amd64";
        let (none, conditions) = (Filtered::default(), self.conditions);
        let (includes, excludes) =
            (entry.includes.as_ref().unwrap_or(&none), entry.excludes.as_ref().unwrap_or(&none));
        let mut looked = false;
        for filtered in [includes, excludes] {
            let lists = [&filtered.caps, &filtered.arches];
            looked |= lists.iter().any(|list| list.as_ref().is_some_and(|list| !list.is_empty()));
            looked |= filtered.min_kernel.is_some();
        }
        self.decided |= looked;
        let has = |capability: &String| conditions.capabilities.has(capability);
        let new_enough = |least: &Option<String>| match least {
            None => Ok(None),
            Some(text) => Kernel::parse(text)
                .map(|least| Some(conditions.kernel >= least))
                .ok_or_else(|| self.error(format!("`{text}` is no version of Linux"), path)),
        };
        let caps = |filtered: &Filtered| filtered.caps.clone().unwrap_or_default();
        let arches = |filtered: &Filtered| filtered.arches.clone().unwrap_or_default();
        let here = |filtered: &Filtered| arches(filtered).iter().any(|arch| arch == NATIVE);
        let excluded = here(excludes) || caps(excludes).iter().any(has);
        let included = (arches(includes).is_empty() || here(includes)) && caps(includes).iter().all(has);
        Ok(included
            && !excluded
            && new_enough(&includes.min_kernel)?.unwrap_or(true)
            && !new_enough(&excludes.min_kernel)?.unwrap_or(false))
    }
}
