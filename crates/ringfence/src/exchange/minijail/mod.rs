//! minijail policies, as minijail's own `compile_seccomp_policy` reads them; minijail0(5).
//!
//! The filter is for x86_64: any other architecture gets `kill`, which is the end of the thread;
//! x32 is not told apart and gets the default. Comparisons look at all 64 bits, unsigned. The
//! filters of a call are tried in the order of the text, over all included files. `@frequency`
//! only orders code and says nothing. Constants are those of `constants.json` beside the policy, as
//! minijail makes it for an architecture, where there is one, else those of the tables. `EXPRESSION; return …` is refused: minijail0 answers the
//! errno where the expression does *not* hold, `compile_seccomp_policy` where it does.

mod expression;
mod token;

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi, CallId};
use serde::Deserialize;

use super::listing::{Arch, Clause, Listing, Test};
use super::recognise::malformed;
use super::{Error, Filter, Gate, Imported, Language, Loader, MAX_BYTES, Note};
use expression::Reader;
use token::Kind;

/// How deep files may include each other, as in minijail.
const DEPTH: usize = 10;
/// How many files one policy may include.
const FILES: usize = 256;
/// `kill`, where minijail is not told otherwise.
const KILL: Action = Action::KillThread;

pub(super) fn import(text: &str, name: &str, loader: &Loader<'_>) -> Result<Imported, Error> {
    let constants = constants(name, loader)?;
    let mut policy = Policy {
        loader,
        constants: &constants,
        calls: BTreeMap::new(),
        origins: Vec::new(),
        default: KILL,
        denies: false,
        notes: Vec::new(),
        within: vec![name.to_owned()],
        files: 0,
    };
    policy.denies = token::statements(text, name)?.iter().flatten().any(|token| token.kind == DENYLIST);
    if policy.denies {
        policy.default = Action::Allow;
    }
    policy.file(text, name)?;
    let (listing, notes) = policy.finish()?;
    let gate = Gate { name: String::new(), stack: vec![Filter::listing("", listing)] };
    Ok(Imported { language: Language::Minijail, gates: vec![gate], notes })
}

const DENYLIST: Kind<'_> = Kind::Directive("@denylist");

/// One filter of one call.
struct Single {
    /// Alternatives; `None`: always.
    ways: Option<Vec<Vec<Test>>>,
    action: Action,
    origin: usize,
}

struct Policy<'a> {
    loader: &'a Loader<'a>,
    constants: &'a Constants,
    calls: BTreeMap<CallId, Vec<Single>>,
    origins: Vec<String>,
    default: Action,
    denies: bool,
    notes: Vec<Note>,
    /// The files that are being read, the outermost first.
    within: Vec<String>,
    files: usize,
}

/// Names and values.
type Constants = BTreeMap<String, i64>;

/// `constants.json` of the policy's directory; empty where there is none.
fn constants(name: &str, loader: &Loader<'_>) -> Result<Constants, Error> {
    #[derive(Deserialize)]
    struct File {
        arch_name: Option<String>,
        #[serde(default)]
        constants: Constants,
    }
    let path = match name.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/constants.json"),
        None => "constants.json".to_owned(),
    };
    let Ok(bytes) = loader(&path) else { return Ok(Constants::new()) };
    let file: File = serde_json::from_slice(&bytes).map_err(|error| malformed(&error, &path))?;
    match file.arch_name.as_deref() {
        None | Some("x86_64") => Ok(file.constants),
        Some(other) => {
            let shown: String = other.chars().take(32).collect();
            Err(Error::new(format!("these constants are for {shown}, not for x86_64")).at(path))
        }
    }
}

impl Policy<'_> {
    fn file(&mut self, text: &str, name: &str) -> Result<(), Error> {
        for statement in token::statements(text, name)? {
            let mut reader = Reader::new(&statement, name, self.denies, self.constants);
            match statement[0].kind {
                Kind::Directive("@include") => {
                    let path = reader.path()?;
                    reader.end()?;
                    self.include(&path, name).map_err(|error| {
                        if error.place.is_empty() { error.at(reader.place(&statement[0])) } else { error }
                    })?;
                }
                Kind::Directive("@frequency") => {
                    reader.path()?;
                    reader.end()?;
                }
                Kind::Directive("@default") => {
                    self.default = reader.default_action()?;
                    reader.end()?;
                }
                DENYLIST => {
                    reader.skip();
                    reader.end()?;
                }
                _ => self.statement(&mut reader, name, statement[0].line)?,
            }
        }
        Ok(())
    }

    fn statement(&mut self, reader: &mut Reader<'_>, name: &str, line: usize) -> Result<(), Error> {
        let calls = reader.calls()?;
        self.origins.push(format!("{name}:{line}"));
        let origin = self.origins.len() - 1;
        let filters = reader.filters()?;
        reader.end()?;
        for call in calls {
            let list = self.calls.entry(call).or_default();
            for (ways, action) in &filters {
                if let Some(before) = list.iter().find(|single| single.ways.is_none()) {
                    let place = self.origins.get(before.origin).cloned().unwrap_or_default();
                    let message = format!("{} already has an unconditional action at {place}", call.name());
                    return Err(Error::new(message)
                        .at(format!("{name}:{line}"))
                        .help("nothing after it would be reached: remove one of the two"));
                }
                list.push(Single { ways: ways.clone(), action: *action, origin });
            }
        }
        Ok(())
    }

    fn include(&mut self, path: &str, from: &str) -> Result<(), Error> {
        let path = match from.rsplit_once('/') {
            Some((directory, _)) if !path.starts_with('/') => {
                format!("{directory}/{}", path.trim_start_matches("./"))
            }
            _ => path.to_owned(),
        };
        if self.within.contains(&path) {
            let message = format!("`{path}` includes itself, by {}", self.within.join(" -> "));
            return Err(Error::new(message).help("remove one of the @include lines"));
        }
        self.files += 1;
        if self.within.len() > DEPTH || self.files > FILES {
            return Err(Error::new(format!("more than {DEPTH} files deep, or more than {FILES} files")));
        }
        let bytes = (self.loader)(&path).map_err(|error| {
            Error::new(format!("cannot include `{path}`: {error}"))
                .help("name the directory of the included files with --include DIR")
        })?;
        if bytes.len() > MAX_BYTES {
            return Err(Error::new(format!("`{path}` is larger than {} MiB", MAX_BYTES >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| Error::new(format!("`{path}` is not UTF-8 text")))?;
        self.within.push(path.clone());
        self.file(&text, &path)?;
        self.within.pop();
        Ok(())
    }

    fn finish(mut self) -> Result<(Listing, Vec<Note>), Error> {
        let mut numbers = BTreeMap::new();
        for (call, singles) in self.calls {
            let Some(number) = call.number(Abi::X86_64) else { continue };
            let last = singles.last();
            // compile_seccomp_policy drops what stands before an unconditional `allow`.
            let allowed = last.is_some_and(|last| last.ways.is_none() && last.action == Action::Allow);
            if allowed && !self.denies {
                if singles.iter().any(|single| single.action != Action::Allow) {
                    let text = format!(
                        "{}: the conditions before the unconditional `allow` say nothing: compile_seccomp_policy \
                         drops them",
                        call.name()
                    );
                    self.notes.push(Note::new(text));
                }
                let origin = last.map_or(0, |last| last.origin);
                numbers.insert(number, vec![Clause { tests: Vec::new(), action: Action::Allow, origin }]);
                continue;
            }
            let clauses = singles.into_iter().flat_map(|single| {
                let Single { ways, action, origin } = single;
                let ways = ways.unwrap_or_else(|| vec![Vec::new()]);
                ways.into_iter().map(move |tests| Clause { tests, action, origin })
            });
            numbers.insert(number, clauses.collect());
        }
        let arch = Arch { audit: table::AUDIT_ARCH_X86_64, regions: vec![(0, self.default)], numbers };
        Ok((Listing { arches: vec![arch], other: KILL, origins: self.origins }, self.notes))
    }
}
