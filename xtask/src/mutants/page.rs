//! The table of mutants as a page of the documentation.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One mutant and how it ended.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) word: &'static str,
    pub(super) detail: String,
}

const HEAD: &str = "# The verifier, verified

Made by `cargo xtask mutants-of-policy --write`; do not edit. One thing at a time is weakened in the plan of a
policy that has something in every list; the claims stay those of the policy. Each mutant must be *caught*:
a claim that is expected to notice is found broken. Otherwise:

- *shallower*: every claim still holds, because another control holds it as well; `verify --depth` tells
  which control is lost.
- *refused*: the weakened plan cannot be made or carried out, so nothing would run with it.
- *equal*: no attempt inside could see a difference; the reason is given.
- *SURVIVED*: nobody noticed, which is a defect of the verifier.
";

/// `ground`: the directory of the run's own, which has another name in the next.
pub(super) fn page(rows: &[Row], tally: &BTreeMap<&str, usize>, ground: &str) -> String {
    let ground = ground.trim_end_matches('/');
    let mut text = HEAD.to_owned();
    let counts: Vec<String> = tally.iter().map(|(word, count)| format!("{count} {word}")).collect();
    let _ = writeln!(
        text,
        "\n{} mutants: {}.\n\n| mutant | | noticed by |\n|---|---|---|",
        rows.len(),
        counts.join(", ")
    );
    let short = ground.trim_start_matches('/').to_owned();
    for row in rows {
        let clean = |words: &str| {
            let words = words.replace(ground, "/GROUND").replace(&short, "GROUND");
            // What is installed here is nobody else's business.
            let words =
                words.split_once("/opt/").map_or(words.clone(), |(before, _)| format!("{before}/opt/…"));
            words.replace('|', "\\|").replace('<', "&lt;")
        };
        let _ = writeln!(text, "| {} | {} | {} |", clean(&row.name), row.word, clean(&row.detail));
    }
    text
}
