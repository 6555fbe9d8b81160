//! What `ringfence verify` found in a guest: each claim with its verdict, believed only where all of
//! its words agree.

use std::collections::BTreeMap;

use ringfence::verify::Part;
use ringfence_matrix::frame::End;

use super::verdict::JobSeen;

/// A policy to verify, and how a table calls it. The first that the kernel does not refuse is
/// verified: those after it ask for less.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) name: &'static str,
    /// What it leaves out of the default policy.
    pub(super) says: &'static str,
    pub(super) flags: &'static str,
}

/// From the default policy down.
pub(super) const LADDER: [Asked; 6] = [
    Asked { name: "default", says: "the default policy, `builtin:offline`", flags: "" },
    Asked {
        name: "no Landlock",
        says: "the default policy with Landlock let pass by `[degrade]`",
        flags: "--policy /guest/policy/no-landlock.toml",
    },
    Asked {
        name: "no user namespace",
        says: "the default policy without a user namespace",
        flags: "--namespaces-unshare= --namespaces-unshare=mnt --namespaces-unshare=pid \
                --namespaces-unshare=net --namespaces-unshare=ipc --namespaces-unshare=uts",
    },
    Asked {
        name: "no namespaces",
        says: "the default policy without namespaces and what they carry: a view, private /tmp, the network",
        flags: "--namespaces-unshare= --fs-proc=none --fs-dev=none --fs-tmp= --net-mode=host",
    },
    Asked {
        name: "no view, no Landlock",
        says: "filter, credentials, limits and the other namespaces: files are held by permission bits alone",
        flags: "--lsm-landlock=off --namespaces-unshare= --namespaces-unshare=user --namespaces-unshare=pid \
                --namespaces-unshare=net --namespaces-unshare=ipc --namespaces-unshare=uts --fs-proc=none \
                --fs-dev=none --fs-tmp= --fs-deny= --fs-read= --fs-exec= --fs-exec=/ --fs-write=/",
    },
    Asked {
        name: "filter alone",
        says: "filter, credentials and limits",
        flags: "--lsm-landlock=off --namespaces-unshare= --fs-proc=none --fs-dev=none --fs-tmp= --fs-deny= \
                --fs-read= --fs-exec= --fs-exec=/ --fs-write=/ --net-mode=host --net-connect=tcp:* \
                --net-connect=udp:* --net-bind=tcp:* --net-bind=udp:*",
    },
];

/// The script of the job: sh(1).
pub(super) fn script(ringfence: &str) -> String {
    let mut text = String::from("cd /tmp; f=/tmp/claims-$$\n");
    for asked in LADDER {
        let Asked { name, flags, .. } = asked;
        text += &format!(
            "set -f; echo 'policy {name}'; {ringfence} verify {flags} --save $f >$f.out 2>&1; s=$?; echo \"status $s\"
if [ $s != 2 ]; then echo said; cat $f.out; echo claims; cat $f; rm -f $f $f.out; exit 0; fi
sed -n 's/^ringfence: error[^:]*: /refused /p;s/^error[^:]*: /refused /p' $f.out\n"
        );
    }
    text + "rm -f $f $f.out; exit 1\n"
}

/// A verdict as `ringfence verify --save` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Word {
    Held,
    Broken,
    Unverifiable,
    /// For information, and no claim.
    Reachable,
}

/// What one user found on one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claims {
    /// The policy that was verified, of [`LADDER`].
    pub(super) policy: &'static str,
    /// Why the default policy was refused.
    pub(super) refused: Vec<String>,
    pub(super) found: BTreeMap<String, Word>,
    /// What `verify` says of each claim that is not held: the operation, and why.
    pub(super) not_held: Vec<(Word, String, String)>,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum {
    pub(super) held: usize,
    pub(super) broken: usize,
    pub(super) unverifiable: usize,
}

/// The parts of a report that make claims, as ids begin.
pub(super) fn parts() -> Vec<&'static str> {
    let all = Part::ALL.into_iter().filter(|part| *part != Part::KnownBug);
    all.map(Part::name).collect()
}

impl Claims {
    /// What a job said.
    ///
    /// # Errors
    /// Why its words cannot be believed.
    pub(super) fn read(job: &JobSeen) -> Result<Self, String> {
        match job.end {
            Some(End::Exited(0)) => {}
            Some(End::Exited(1)) => return Err(format!("every policy was refused: {}", last(job))),
            end => return Err(format!("verify did not end well: {end:?}")),
        }
        let (mut policy, mut status, mut refused) = (None, None, Vec::new());
        let mut lines = job.lines.iter();
        for line in lines.by_ref() {
            if let Some(name) = line.strip_prefix("policy ") {
                policy = LADDER.iter().find(|asked| asked.name == name).map(|asked| asked.name);
            } else if let Some(number) = line.strip_prefix("status ") {
                status = number.parse::<u8>().ok();
            } else if let Some(why) = line.strip_prefix("refused ") {
                if policy == Some(LADDER[0].name) {
                    refused.push(why.to_owned());
                }
            } else if line == "said" {
                break;
            }
        }
        let said: Vec<&str> =
            lines.by_ref().map(String::as_str).take_while(|line| *line != "claims").collect();
        let saved: Vec<&str> = lines.map(String::as_str).collect();
        let found = baseline(&saved.join("\n"))?;
        let policy = policy.ok_or("no policy is named")?;
        let claims = Self { policy, refused, found, not_held: not_held(&said) };
        claims.agree(&said, status)?;
        Ok(claims)
    }

    /// The saved claims, the table for people and the exit status are three accounts of the same.
    fn agree(&self, said: &[&str], status: Option<u8>) -> Result<(), String> {
        let all = self.sum(|_| true);
        for (part, sum) in parts().into_iter().map(|part| (part, self.part(part))).chain([("all", all)]) {
            let shown = said.iter().find_map(|line| shown(line, part)).unwrap_or_default();
            // What is told for information is in the part's line, too, but held by nothing.
            let same =
                (shown.held, shown.broken, shown.unverifiable) == (sum.held, sum.broken, sum.unverifiable);
            if !same {
                return Err(format!("verify shows {shown:?} for {part}, and saved {sum:?}"));
            }
        }
        let expected = match all {
            Sum { held: 0, .. } => return Err("nothing was held".to_owned()),
            Sum { broken, .. } if broken > 0 => 1,
            Sum { unverifiable, .. } if unverifiable > 0 => 3,
            Sum { .. } => 0,
        };
        if status != Some(expected) {
            return Err(format!("verify ended with {status:?}, and its claims come to {expected}"));
        }
        Ok(())
    }

    /// How many claims of a part.
    pub(super) fn part(&self, part: &str) -> Sum {
        self.sum(|id| id.split('/').next() == Some(part))
    }

    /// How many claims in all.
    pub(super) fn all(&self) -> Sum {
        self.sum(|_| true)
    }

    fn sum(&self, is: impl Fn(&str) -> bool) -> Sum {
        let mut sum = Sum::default();
        let claims = self.found.iter().filter(|(id, _)| is_claim(id) && is(id));
        for (_, word) in claims {
            match word {
                Word::Held => sum.held += 1,
                Word::Broken => sum.broken += 1,
                Word::Unverifiable => sum.unverifiable += 1,
                Word::Reachable => {}
            }
        }
        sum
    }
}

/// Known bugs are told, not claimed.
pub(super) fn is_claim(id: &str) -> bool {
    parts().into_iter().any(|part| id.split('/').next() == Some(part))
}

fn last(job: &JobSeen) -> String {
    job.lines.iter().rev().find_map(|line| line.strip_prefix("refused ")).unwrap_or("?").to_owned()
}

/// The claims of a saved baseline.
fn baseline(text: &str) -> Result<BTreeMap<String, Word>, String> {
    let saved: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("the saved claims are not whole: {error}"))?;
    if saved["kind"] != "ringfence.baseline" {
        return Err("what verify saved is no baseline".to_owned());
    }
    let claims = saved["claims"].as_object().ok_or("what verify saved has no claims")?;
    let word = |(id, state): (&String, &serde_json::Value)| {
        let word = match state.as_str()?.split([' ', ':', ',']).next()? {
            "held" => Word::Held,
            "broken" => Word::Broken,
            "unverifiable" => Word::Unverifiable,
            "reachable" => Word::Reachable,
            _ => return None,
        };
        Some((id.clone(), word))
    };
    let found: Option<BTreeMap<_, _>> = claims.iter().map(word).collect();
    found.filter(|found| !found.is_empty()).ok_or_else(|| "a saved claim has no known verdict".to_owned())
}

/// `gate   2062   0   0   8992`: the numbers of one part.
fn shown(line: &str, part: &str) -> Option<Sum> {
    let mut words = line.split_whitespace();
    if words.next()? != part {
        return None;
    }
    let mut number = || words.next()?.parse().ok();
    Some(Sum { held: number()?, broken: number()?, unverifiable: number()? })
}

/// The sections `broken` and `unverifiable`: an operation, indented by two, and why, by four.
fn not_held(said: &[&str]) -> Vec<(Word, String, String)> {
    let mut list: Vec<(Word, String, String)> = Vec::new();
    let mut section = None;
    for line in said {
        match *line {
            "broken" => section = Some(Word::Broken),
            "unverifiable" => section = Some(Word::Unverifiable),
            "" => section = None,
            line => {
                let Some(word) = section else { continue };
                match (line.strip_prefix("    "), line.strip_prefix("  ")) {
                    (Some(why), _) => {
                        if let Some(last) = list.last_mut().filter(|last| last.2.is_empty()) {
                            why.clone_into(&mut last.2);
                        }
                    }
                    (None, Some(operation)) => list.push((word, operation.to_owned(), String::new())),
                    (None, None) => {}
                }
            }
        }
    }
    list
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
