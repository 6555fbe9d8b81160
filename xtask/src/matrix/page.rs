//! The committed result: docs/kernels.md, every claim in docs/kernels.claims, and the summary in the
//! README.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result};

use super::claims::{self, Claims, LADDER, Sum, Word};
use super::denials::{self, ASKED};
use super::rights::Rights;
use super::rows::Row;
use super::suite::{Purpose, RowSeen, USERS};
use super::table;

const PAGE: &str = "kernels.md";
const CLAIMS: &str = "kernels.claims";
const README: &str = "../README.md";
/// What stands around the summary in the README.
const MARKS: [&str; 2] = ["<!-- kernels: made by cargo xtask matrix -->\n", "<!-- end of kernels -->"];

type Results = [(Row, RowSeen)];

/// Writes all three.
pub(super) fn write(directory: &Path, results: &Results, missing: &[String]) -> Result<()> {
    let put = |name: &str, text: String| {
        let path = directory.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())
    };
    put(PAGE, page(results, missing))?;
    put(CLAIMS, data(results))?;
    let readme = directory.join(README);
    let text = std::fs::read_to_string(&readme).unwrap_or_default();
    match within(&text, &summary(results)) {
        Some(text) => put(README, text),
        None => {
            eprintln!("{}: no place for the summary", readme.display());
            Ok(())
        }
    }
}

/// The text with something else between the marks; `None` where they are not there.
fn within(text: &str, new: &str) -> Option<String> {
    let begin = text.find(MARKS[0])? + MARKS[0].len();
    let end = begin + text[begin..].find(MARKS[1])?;
    Some(format!("{}{new}{}", &text[..begin], &text[end..]))
}

const INTRO: &str = "\
# What each kernel holds

Made by `cargo xtask matrix --table docs`, never by hand: each row is one boot of a kernel under QEMU,
with what was tried in it. `--all` adds the rows of particular command lines and every test, `--no-tests`
leaves tests out; `cargo xtask matrix --kernel K --lsm LIST --append WORDS` makes one row again. What is not shown as held is not held: a job that did not end, or whose words do not agree,
is shown as such.

";

fn page(results: &Results, missing: &[String]) -> String {
    let mut text = INTRO.to_owned();
    boots(&mut text, results, missing);
    held(&mut text, results);
    not_held(&mut text, results);
    denied(&mut text, results);
    rights(&mut text, results);
    let mut origins: Vec<&str> = results.iter().map(|(row, _)| row.kernel.origin.as_str()).collect();
    origins.sort_unstable();
    origins.dedup();
    let _ = writeln!(text, "\n## Kernels\n\nDebian's packages: {}.", origins.join(", "));
    text
}

fn boots(text: &mut String, results: &Results, missing: &[String]) {
    text.push_str(
        "## Boots

- *boot*: from the kernel's start to the first job, under emulation; or how the boot ended.
- *LSMs*, *Landlock ABI*, *gate*: what `ringfence host` read and tried inside: the LSMs in the order in
  which they are asked, so that of several that deny, the first one's answer is what a program sees;
  the entries of the gate that answered.
- *policies*: builtins whose plan `check` printed and under which `run` ran a command. In brackets:
  refused by both, with what this kernel cannot give; nothing was started.
- *tests*: passed, failed and left out, of the test binaries named below the table. Root's run has each
  test twice: as root, and as the ordinary user that root becomes.

",
    );
    let head = table::HEAD.map(str::to_owned).to_vec();
    let rows = results.iter().map(|(row, seen)| table::cells(row, seen));
    let rows: Vec<Vec<String>> = rows.chain(missing.iter().map(|series| table::absent(series))).collect();
    markdown(text, &numbered("row", &head), &rows.iter().enumerate().map(number).collect::<Vec<_>>());
    text.push_str("\n<details><summary>How to make each row again</summary>\n\n");
    for (at, (row, _)) in results.iter().enumerate() {
        let _ = writeln!(text, "- row {}: `{}`", at + 1, row.command());
    }
    text.push_str("\n</details>\n");
    let tests = results.iter().flat_map(|(_, seen)| &seen.tasks).filter_map(|task| match &task.purpose {
        Purpose::Test(name) => Some(name.as_str()),
        _ => None,
    });
    let tests: BTreeSet<&str> = tests.collect();
    let tests: Vec<&str> = tests.into_iter().collect();
    let _ = writeln!(text, "\nTests: {}.", if tests.is_empty() { "none".into() } else { tests.join(", ") });
}

fn numbered(word: &str, cells: &[String]) -> Vec<String> {
    [word.to_owned()].into_iter().chain(cells.iter().cloned()).collect()
}

fn number((at, cells): (usize, &Vec<String>)) -> Vec<String> {
    numbered(&(at + 1).to_string(), cells)
}

fn markdown(text: &mut String, head: &[String], rows: &[Vec<String>]) {
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | ").replace('\n', " "));
    text.push_str(&line(head));
    text.push_str(&line(&vec!["---".to_owned(); head.len()]));
    rows.iter().for_each(|row| text.push_str(&line(row)));
}

/// Sorts as a number does.
fn place(at: usize, root: bool) -> String {
    format!("{:3}{}", at + 1, if root { "r" } else { "u" })
}

fn joined(places: &BTreeSet<String>) -> String {
    places.iter().map(|place| place.trim_start()).collect::<Vec<_>>().join(" ")
}

const fn who(root: bool) -> &'static str {
    if root { "root" } else { "user" }
}

/// `held` alone, or `held/broken/unverifiable`.
fn counted(sum: Sum) -> String {
    match sum {
        Sum { held, broken: 0, unverifiable: 0 } => held.to_string(),
        Sum { held, broken, unverifiable } => format!("{held}/{broken}/{unverifiable}"),
    }
}

fn held(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Claims\n\nWhat `ringfence verify` found inside, each claim attempted there: a number of held claims, or \
         held/broken/unverifiable; a part's number has in it what is told for \
         information, the last column has not. Where the kernel refuses the default policy, as it must when it cannot \
         hold it, the next policy that asks for less is verified instead:\n\n",
    );
    for asked in LADDER {
        let _ = writeln!(text, "- *{}*: {}", asked.name, asked.says);
    }
    text.push_str("\n`kernels.claims` has every claim of every row.\n\n");
    let head = ["row", "as", "policy"].into_iter().chain(claims::parts()).chain(["all"]);
    let head: Vec<String> = head.map(str::to_owned).collect();
    let mut rows = Vec::new();
    let mut refusals: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, root, claims) in each(results) {
        let label = [(at + 1).to_string(), who(root).to_owned()];
        match claims {
            Ok(claims) => {
                let parts = claims::parts().into_iter().map(|part| counted(claims.part(part)));
                let parts: Vec<String> = parts.chain([counted(claims.all())]).collect();
                rows.push([&label[..], &[claims.policy.to_owned()], &parts].concat());
                for why in claims.refused {
                    refusals.entry(why).or_default().insert(place(at, root));
                }
            }
            Err(why) => {
                let mut cells = label.to_vec();
                cells.push(format!("not believed: {why}"));
                cells.resize(head.len(), String::new());
                rows.push(cells);
            }
        }
    }
    markdown(text, &head, &rows);
    if !refusals.is_empty() {
        text.push_str(
            "\nWhy the default policy was refused, with nothing started (r: as root, u: as the user):\n\n",
        );
    }
    for (why, rows) in refusals {
        let _ = writeln!(text, "- {why} ({})", joined(&rows));
    }
}

fn each(results: &Results) -> impl Iterator<Item = (usize, bool, Result<Claims, String>)> {
    let rows = results.iter().enumerate();
    rows.flat_map(|(at, (_, seen))| {
        USERS.into_iter().filter_map(move |root| Some((at, root, seen.claims(root)?)))
    })
}

fn not_held(text: &mut String, results: &Results) {
    let mut list: BTreeMap<(Word, String, String), BTreeSet<String>> = BTreeMap::new();
    for (at, root, claims) in each(results) {
        for (word, operation, why) in claims.map_or_else(|_| Vec::new(), |claims| claims.not_held) {
            list.entry((word, operation, why)).or_default().insert(place(at, root));
        }
    }
    for (word, title) in [(Word::Broken, "broken"), (Word::Unverifiable, "unverifiable")] {
        let found: Vec<_> = list.iter().filter(|((kind, ..), _)| *kind == word).collect();
        let _ = writeln!(
            text,
            "\n<details><summary>{} operations that are {title} on some row (r: as root, u: as user)</summary>\n",
            found.len()
        );
        for ((_, operation, why), rows) in found {
            let _ = writeln!(text, "- `{}`: {why} ({})", operation.replace('`', "'"), joined(rows));
        }
        text.push_str("\n</details>\n");
    }
}

fn denied(text: &mut String, results: &Results) {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut told = String::new();
    let mut seen_on = [const { Vec::new() }; ASKED.len()];
    for (at, (_, seen)) in results.iter().enumerate() {
        for (column, asked) in ASKED.iter().enumerate() {
            match seen.denial(asked.name) {
                Some(denials::Seen::Told(lines)) => {
                    if seen_on[column].is_empty() {
                        let _ = writeln!(told, "- {}, row {}:", asked.name, at + 1);
                        lines.iter().for_each(|line| {
                            let _ = writeln!(told, "  - `{}`", line.replace('`', "'"));
                        });
                    }
                    seen_on[column].push((at + 1).to_string());
                }
                Some(denials::Seen::Skipped(why)) => {
                    rows.push(vec![(at + 1).to_string(), asked.name.to_owned(), format!("not tried: {why}")]);
                }
                Some(denials::Seen::Wrong(why)) => {
                    rows.push(vec![(at + 1).to_string(), asked.name.to_owned(), format!("not seen: {why}")]);
                }
                None => {}
            }
        }
    }
    text.push_str(
        "\n## Denials of each LSM\n\nOn every row, as root, a test has a real operation denied by AppArmor, by SELinux and by \
         ringfence's BPF LSM program, each beside the same operation without it, and the event must name the policy \
         line. Seen:\n\n",
    );
    for (asked, rows) in ASKED.iter().zip(&seen_on) {
        let on = if rows.is_empty() { "on no row".to_owned() } else { format!("rows {}", rows.join(" ")) };
        let _ = writeln!(text, "- {}: {on} (`{}` of `{}`)", asked.name, asked.test, asked.binary);
    }
    if !told.is_empty() {
        let _ = write!(text, "\nAs the first of these rows told them:\n\n{told}");
    }
    let _ = writeln!(text, "\n<details><summary>{} not seen or not tried</summary>\n", rows.len());
    markdown(text, &["row", "LSM", "why"].map(str::to_owned), &rows);
    text.push_str("\n</details>\n");
}

fn rights(text: &mut String, results: &Results) {
    text.push_str(
        "\n## Requested and actual\n\nA policy that asks for every right that a kernel may lack, and what each row's plan \
         gets, by `ringfence check`: `yes`; `no`; or only as root, or only as the user. Without `[degrade]`, \
         what is `no` is an error.\n\n",
    );
    let mut columns: Vec<(usize, [Option<Rights>; 2])> = Vec::new();
    let mut words = String::new();
    for (at, (_, seen)) in results.iter().enumerate() {
        let both = USERS.map(|root| match seen.rights(root)? {
            Ok(rights) => {
                for (plan, why) in &rights.refused {
                    let _ = writeln!(words, "- row {} as {}, {plan}: {why}", at + 1, who(root));
                }
                Some(rights)
            }
            Err(why) => {
                let _ = writeln!(words, "- row {} as {}: not believed: {why}", at + 1, who(root));
                None
            }
        });
        if both.iter().any(Option::is_some) {
            columns.push((at, both));
        }
    }
    let all = || columns.iter().flat_map(|(_, both)| both.iter().flatten());
    let names: BTreeSet<&String> = all().flat_map(|rights| rights.rights.keys()).collect();
    let head = ["right".to_owned(), "asked".to_owned()];
    let head: Vec<String> =
        head.into_iter().chain(columns.iter().map(|(at, _)| (at + 1).to_string())).collect();
    let mut rows = Vec::new();
    let mut whys: BTreeSet<String> = BTreeSet::new();
    for name in names {
        let asked = all().find_map(|rights| rights.rights.get(name)).map(|right| right.requested.clone());
        let mut cells = vec![format!("`{name}`"), asked.unwrap_or_default()];
        for (_, both) in &columns {
            let given = both.each_ref().map(|rights| {
                let right = rights.as_ref()?.rights.get(name)?;
                whys.extend(right.missing.iter().map(|why| format!("`{name}`: {why}")));
                Some(right.missing.is_none())
            });
            cells.push(cell(given).to_owned());
        }
        rows.push(cells);
    }
    markdown(text, &head, &rows);
    if !words.is_empty() {
        let _ = write!(text, "\nRefused as a whole:\n\n{words}");
    }
    let _ = writeln!(text, "\n<details><summary>{} reasons</summary>\n", whys.len());
    whys.iter().for_each(|why| text.push_str(&format!("- {why}\n")));
    text.push_str("\n</details>\n");
}

/// As root, and as the user; `None`: not asked, or not known.
const fn cell(given: [Option<bool>; 2]) -> &'static str {
    match given {
        [Some(true), Some(true)] => "yes",
        [Some(false), Some(false)] => "no",
        [Some(true), _] => "root",
        [_, Some(true)] => "user",
        [Some(false), None] | [None, Some(false)] => "no",
        [None, None] => "–",
    }
}

/// Every claim, by what all rows say of it.
fn data(results: &Results) -> String {
    let mut text = String::from(
        "# Every claim that `ringfence verify` attempted in the guests, made by `cargo xtask matrix --table docs`.
# Each group begins with what the columns found: h held, b broken, u unverifiable, r reachable (told for
# information, and no claim), . not claimed there. The columns:\n",
    );
    let columns: Vec<_> = each(results).collect();
    for (number, (at, root, claims)) in columns.iter().enumerate() {
        let row = &results[*at].0;
        let policy = claims.as_ref().map_or("not believed", |claims| claims.policy);
        let command = format!("{} lsm={} {}", row.kernel.series, row.lsm, row.append);
        let _ = writeln!(
            text,
            "# {}: row {} as {}: {}: {policy}",
            number + 1,
            at + 1,
            who(*root),
            command.trim()
        );
    }
    let ids: BTreeSet<&String> = columns
        .iter()
        .filter_map(|(_, _, claims)| claims.as_ref().ok())
        .flat_map(|c| c.found.keys())
        .collect();
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for id in ids {
        let letter =
            |claims: &Result<Claims, String>| match claims.as_ref().ok().and_then(|c| c.found.get(id)) {
                Some(Word::Held) => 'h',
                Some(Word::Broken) => 'b',
                Some(Word::Unverifiable) => 'u',
                Some(Word::Reachable) => 'r',
                None => '.',
            };
        groups.entry(columns.iter().map(|(_, _, claims)| letter(claims)).collect()).or_default().push(id);
    }
    for (letters, ids) in groups {
        let _ = writeln!(text, "\n{letters} {}", ids.len());
        ids.iter().for_each(|id| text.push_str(&format!("  {id}\n")));
    }
    text
}

/// One line a kernel, of the boots without anything particular.
fn summary(results: &Results) -> String {
    let mut text = String::new();
    let head =
        ["Linux", "LSMs, in the order in which they are asked", "Landlock ABI", "as root", "as a user"];
    let plain = results.iter().filter(|(row, _)| row.append.is_empty() && row.lsm == super::args::LSM);
    let rows: Vec<Vec<String>> = plain
        .map(|(row, seen)| {
            let cell = |root| match seen.claims(root) {
                Some(Ok(claims)) => {
                    let all = claims.all();
                    let sum = format!("{} / {} / {}", all.held, all.broken, all.unverifiable);
                    if claims.policy == LADDER[0].name { sum } else { format!("{sum} ({})", claims.policy) }
                }
                Some(Err(why)) => format!("not believed: {why}"),
                None => "not asked".to_owned(),
            };
            let series = row.kernel.series.to_string();
            vec![series, table::active(seen), table::landlock(seen), cell(true), cell(false)]
        })
        .collect();
    markdown(&mut text, &head.map(str::to_owned), &rows);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_have_is_yes() {
        assert_eq!(cell([Some(true), Some(true)]), "yes");
        for other in [[Some(true), Some(false)], [Some(true), None], [None, None], [Some(false), Some(true)]]
        {
            assert_ne!(cell(other), "yes");
        }
    }

    #[test]
    fn what_is_not_held_is_always_shown() {
        assert_eq!(counted(Sum { held: 3, broken: 0, unverifiable: 0 }), "3");
        assert_eq!(counted(Sum { held: 3, broken: 0, unverifiable: 1 }), "3/0/1");
        assert_eq!(counted(Sum { held: 3, broken: 2, unverifiable: 0 }), "3/2/0");
    }

    #[test]
    fn the_readme_keeps_what_stands_around_the_summary() {
        let text = format!("a\n{}old\n{}\nb\n", MARKS[0], MARKS[1]);
        assert_eq!(within(&text, "new\n").unwrap(), format!("a\n{}new\n{}\nb\n", MARKS[0], MARKS[1]));
        assert_eq!(within("nothing", "new"), None);
    }
}
