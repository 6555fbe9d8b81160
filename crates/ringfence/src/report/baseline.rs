//! Baselines as JSON: one line a claim, so that a change shows in a review; with a checksum, so that
//! one edited by hand is not taken for a result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::fingerprint::fnv1a;
use crate::host::Host;
use crate::verify::Part;
use crate::verify::baseline::{Baseline, State, Word};

/// Raised when a field or an id changes its meaning or goes away.
const VERSION: u32 = 1;
const KIND: &str = "ringfence.baseline";
/// Facts that change what a kernel does to a contained process.
const FACTS: [&str; 11] = [
    "kernel.",
    "cpu.",
    "gate.",
    "seccomp.",
    "namespaces.",
    "lsm.",
    "landlock.",
    "user.",
    "dev.",
    "vm.",
    "fs.",
];
/// A report of every claim of a large policy has some 300 KB.
pub const MAX_BYTES: usize = 16 << 20;

/// Why a text is no baseline.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No JSON, or not with these fields.
    #[error("not a baseline: {0}; make one with `ringfence verify --save FILE`")]
    Form(String),
    /// Another version of the format.
    #[error("a baseline of version {0}, and this ringfence reads version {VERSION}: save it anew")]
    Version(u32),
    /// A claim's id that is none.
    #[error("`{0}` is no id of a claim (`PART/NAME`, one of the parts that a report has): save it anew")]
    Id(String),
    /// The same claim or fact twice.
    #[error("`{0}` is there twice: which one holds? Save it anew")]
    Twice(String),
    /// No verdict.
    #[error("`{1}` is no verdict for {0}: held, broken, unverifiable or reachable, and ` by ` its controls")]
    Verdict(String, String),
    /// The checksum does not match.
    #[error("the baseline was changed after it was saved: save it anew rather than edit it")]
    Edited,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: u32,
    kind: String,
    checksum: String,
    host: Pairs,
    claims: Pairs,
}

/// A JSON object whose every entry is kept, so that one that is there twice is seen.
#[derive(Default)]
struct Pairs(Vec<(String, String)>);

impl Serialize for Pairs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, text)| (id, text)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Pairs {
    /// By id, each once.
    fn once(self) -> Result<BTreeMap<String, String>, Error> {
        let mut map = BTreeMap::new();
        for (id, text) in self.0 {
            if map.contains_key(&id) {
                return Err(Error::Twice(id));
            }
            map.insert(id, text);
        }
        Ok(map)
    }
}

/// The facts of a host that a baseline keeps.
#[must_use]
pub fn facts(host: &Host) -> BTreeMap<String, String> {
    let kept = super::host::facts(host).into_iter();
    kept.filter(|(id, _)| FACTS.iter().any(|prefix| id.starts_with(prefix))).collect()
}

/// A baseline as text, with a final newline.
#[must_use]
pub fn write(baseline: &Baseline) -> String {
    let claims: BTreeMap<_, _> =
        baseline.claims.iter().map(|(id, state)| (id.clone(), show(state))).collect();
    let checksum = checksum(&baseline.host, &claims);
    let host = Pairs(baseline.host.clone().into_iter().collect());
    let claims = Pairs(claims.into_iter().collect());
    let document = Document { version: VERSION, kind: KIND.into(), checksum, host, claims };
    // Nothing in the document can fail to serialise: strings, numbers and maps of them.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// Reads a baseline.
///
/// # Errors
/// What is wrong with it, and what to do.
pub fn read(text: &str) -> Result<Baseline, Error> {
    #[derive(Deserialize)]
    struct Head {
        version: u32,
        kind: String,
    }
    let form = |error: serde_json::Error| Error::Form(error.to_string());
    let head: Head = serde_json::from_str(text).map_err(form)?;
    if head.kind != KIND {
        return Err(Error::Form(format!("its kind is `{}`", head.kind)));
    }
    if head.version != VERSION {
        return Err(Error::Version(head.version));
    }
    let document: Document = serde_json::from_str(text).map_err(form)?;
    let (host, texts) = (document.host.once()?, document.claims.once()?);
    let mut claims = BTreeMap::new();
    for (id, text) in &texts {
        if !is_id(id) {
            return Err(Error::Id(id.clone()));
        }
        let state = parse(text).ok_or_else(|| Error::Verdict(id.clone(), text.clone()))?;
        claims.insert(id.clone(), state);
    }
    if checksum(&host, &texts) != document.checksum {
        return Err(Error::Edited);
    }
    Ok(Baseline { host, claims })
}

/// `PART/NAME`.
fn is_id(id: &str) -> bool {
    id.split_once('/').is_some_and(|(part, name)| {
        Part::ALL.iter().any(|known| known.name() == part)
            && !name.is_empty()
            && !id.contains(char::is_control)
    })
}

/// `held`, or with its controls `held by mount, landlock`; `held by none`.
fn show(state: &State) -> String {
    let word = state.verdict.name();
    match &state.controls {
        None => word.into(),
        Some(controls) if controls.is_empty() => format!("{word} by none"),
        Some(controls) => format!("{word} by {}", controls.join(", ")),
    }
}

fn parse(text: &str) -> Option<State> {
    let (word, controls) = match text.split_once(" by ") {
        None => (text, None),
        Some((word, "none")) => (word, Some(Vec::new())),
        Some((word, list)) => (word, Some(list.split(", ").map(str::to_owned).collect())),
    };
    let is_name = |name: &String| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    if !controls.iter().flatten().all(is_name) {
        return None;
    }
    Some(State { verdict: Word::parse(word)?, controls })
}

/// Against slips, not against malice; who commits a baseline can also save one.
fn checksum(host: &BTreeMap<String, String>, claims: &BTreeMap<String, String>) -> String {
    let pairs = host.iter().chain(claims);
    fnv1a(pairs.flat_map(|(id, text)| id.bytes().chain([b'=']).chain(text.bytes()).chain([b'\n'])))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_control() -> Vec<String> {
        use crate::control::Control::*;
        [Seccomp, Namespace, Mount, Net, Credential, Landlock, Lsm, BpfLsm, Limit, Launch]
            .map(|control| control.name().to_owned())
            .to_vec()
    }

    fn baseline() -> Baseline {
        let state = |verdict, controls: Option<&[&str]>| State {
            verdict,
            controls: controls.map(|list| list.iter().map(|name| (*name).to_owned()).collect()),
        };
        Baseline {
            host: BTreeMap::from([("kernel.release".into(), "6.18".into())]),
            claims: BTreeMap::from([
                ("file/a".into(), state(Word::Held, Some(&["mount", "landlock"]))),
                ("file/b".into(), state(Word::Held, Some(&[]))),
                ("file/c".into(), state(Word::Broken, None)),
                ("file/d".into(), state(Word::Unverifiable, None)),
                // Every control, however its name is written.
                ("file/f".into(), State { verdict: Word::Held, controls: Some(every_control()) }),
                ("file/e".into(), state(Word::Reachable, None)),
            ]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = write(&baseline());
        assert_eq!(read(&text), Ok(baseline()));
        assert!(text.contains("\"file/a\": \"held by mount, landlock\""), "{text}");
    }

    #[test]
    fn another_text_is_an_error_that_says_what_to_do() {
        let text = write(&baseline());
        let edited = |from: &str, to: &str| {
            assert!(text.contains(from), "{from} in {text}");
            read(&text.replacen(from, to, 1))
        };
        assert_eq!(edited("c\": \"broken", "c\": \"held"), Err(Error::Edited));
        assert_eq!(edited("6.18", "6.19"), Err(Error::Edited));
        assert_eq!(edited("\"file/a\"", "\"file/b\""), Err(Error::Twice("file/b".into())));
        assert_eq!(edited("\"file/a\"", "\"flie/a\""), Err(Error::Id("flie/a".into())));
        assert_eq!(edited("\"file/a\"", "\"file/\""), Err(Error::Id("file/".into())));
        for wrong in ["hold", "Held", "held by ", "held by mount,landlock", "held by Mount", "held by -", ""]
        {
            let found = edited("\"held by none\"", &format!("\"{wrong}\""));
            assert_eq!(found, Err(Error::Verdict("file/b".into(), wrong.into())));
        }
        assert_eq!(read(&text.replace("\"version\": 1", "\"version\": 9")), Err(Error::Version(9)));
        for bad in ["", "{}", "[1]", "not json", &text[..text.len() / 2]] {
            assert!(matches!(read(bad), Err(Error::Form(_))), "{bad}");
        }
        assert!(matches!(read(&text.replace(KIND, "ringfence.plan")), Err(Error::Form(_))));
    }
}
