//! Baselines as JSON: one line a claim, so that a change shows in a review; with a checksum, so that
//! one edited by hand is not taken for a result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::host::Host;
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
    host: BTreeMap<String, String>,
    claims: BTreeMap<String, String>,
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
    let host = baseline.host.clone();
    let checksum = checksum(&host, &claims);
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
    if checksum(&document.host, &document.claims) != document.checksum {
        return Err(Error::Edited);
    }
    let claims = document.claims.into_iter().map(|(id, text)| {
        let state = parse(&text).ok_or_else(|| Error::Form(format!("`{text}` is no verdict")))?;
        Ok((id, state))
    });
    Ok(Baseline { host: document.host, claims: claims.collect::<Result<_, Error>>()? })
}

/// `held`, or with its controls `held by mount, landlock`; `held by none`.
fn show(state: &State) -> String {
    let word = match state.verdict {
        Word::Held => "held",
        Word::Broken => "broken",
        Word::Unverifiable => "unverifiable",
        Word::Reachable => "reachable",
    };
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
    let verdict = match word {
        "held" => Word::Held,
        "broken" => Word::Broken,
        "unverifiable" => Word::Unverifiable,
        "reachable" => Word::Reachable,
        _ => return None,
    };
    Some(State { verdict, controls })
}

/// FNV-1a, 64 bits: against slips, not against malice; who commits a baseline can also save one.
fn checksum(host: &BTreeMap<String, String>, claims: &BTreeMap<String, String>) -> String {
    let pairs = host.iter().chain(claims);
    let bytes = pairs.flat_map(|(id, text)| id.bytes().chain([b'=']).chain(text.bytes()).chain([b'\n']));
    let hash = bytes
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        let state = |verdict, controls: Option<&[&str]>| State {
            verdict,
            controls: controls.map(|list| list.iter().map(|name| (*name).to_owned()).collect()),
        };
        Baseline {
            host: BTreeMap::from([("kernel.release".into(), "6.18".into())]),
            claims: BTreeMap::from([
                ("a".into(), state(Word::Held, Some(&["mount", "landlock"]))),
                ("b".into(), state(Word::Held, Some(&[]))),
                ("c".into(), state(Word::Broken, None)),
                ("d".into(), state(Word::Unverifiable, None)),
                ("e".into(), state(Word::Reachable, None)),
            ]),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let text = write(&baseline());
        assert_eq!(read(&text), Ok(baseline()));
        assert!(text.contains("\"a\": \"held by mount, landlock\""), "{text}");
    }

    #[test]
    fn another_text_is_an_error_that_says_what_to_do() {
        let text = write(&baseline());
        let edited = text.replace("\"c\": \"broken\"", "\"c\": \"held\"");
        assert_eq!(read(&edited), Err(Error::Edited));
        assert_eq!(read(&text.replace("\"version\": 1", "\"version\": 9")), Err(Error::Version(9)));
        for bad in ["", "{}", "[1]", "not json", &text[..text.len() / 2]] {
            assert!(matches!(read(bad), Err(Error::Form(_))), "{bad}");
        }
        assert!(matches!(read(&text.replace(KIND, "ringfence.plan")), Err(Error::Form(_))));
    }
}
