//! The results of a run: a line while it goes on, and a table at its end.

use super::denials;
use super::rows::Row;
use super::suite::{BUILTINS, Purpose, RowSeen, USERS, well};
use super::verdict::{Count, Verdict};
use ringfence_matrix::frame::End;

/// One line as a boot ends.
pub(super) fn progress(row: &Row, seen: &RowSeen) -> String {
    let mut text = format!("{} lsm={} {}: ", row.kernel.series, row.lsm, row.append);
    match &seen.boot {
        Ok(boot) => text += &format!("{} in {:.1} s", words(&boot.verdict), boot.seconds),
        Err(error) => text += &format!("not booted: {error:#}"),
    }
    for failure in seen.failures() {
        text += &format!("\n  failed as {failure}");
    }
    for (who, root) in [("root", true), ("user", false)] {
        let counted = seen.count(root).and_then(Result::err);
        let claimed = seen.claims(root).and_then(Result::err);
        let given = seen.rights(root).and_then(Result::err);
        for why in [counted, claimed, given].into_iter().flatten() {
            text += &format!("\n  not believed as {who}: {why}");
        }
        if let Some(Ok(claims)) = seen.claims(root) {
            text += &format!("\n  as {who}, policy {}: {:?}", claims.policy, claims.all());
        }
    }
    for asked in denials::ASKED {
        if let Some(denials::Seen::Wrong(why)) = seen.denial(asked.name) {
            text += &format!("\n  {}: {why}", asked.name);
        }
    }
    text
}

/// The table for people.
pub(super) fn human(results: &[(Row, RowSeen)], missing: &[String]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned).to_vec()];
    rows.extend(results.iter().map(|(row, seen)| cells(row, seen)));
    rows.extend(missing.iter().map(|series| absent(series)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..HEAD.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How long it took: all of it, and what a kernel took besides its jobs.
pub(super) fn speed(results: &[(Row, RowSeen)], whole: std::time::Duration) -> String {
    let boots = results.iter().filter_map(|(_, seen)| seen.boot.as_ref().ok());
    let mut own: Vec<f64> = boots.map(|boot| boot.own).filter(|own| *own > 0.0).collect();
    own.sort_by(f64::total_cmp);
    let all = format!("{} boots in {:.1} s", results.len(), whole.as_secs_f64());
    match (own.get(own.len() / 2), own.last()) {
        (Some(median), Some(most)) => {
            format!("{all}; without its jobs a boot takes {median:.1} s, and {most:.1} s at most")
        }
        _ => all,
    }
}

pub(super) const HEAD: [&str; 10] = [
    "kernel",
    "command line",
    "boot",
    "LSMs, in order",
    "Landlock ABI",
    "gate",
    "policies, root",
    "policies, user",
    "tests, root",
    "tests, user",
];

pub(super) fn cells(row: &Row, seen: &RowSeen) -> Vec<String> {
    let verdict = match &seen.boot {
        Ok(boot) if boot.verdict == Verdict::Complete => {
            boot.ready.map_or_else(|| "?".to_owned(), |ready| format!("{:.1} s", ready as f64 / 1000.0))
        }
        Ok(boot) => words(&boot.verdict),
        Err(error) => format!("{error:#}"),
    };
    let release = seen.boot.as_ref().ok().and_then(|boot| boot.release.clone());
    vec![
        release.unwrap_or_else(|| row.kernel.series.to_string()),
        format!("lsm={} {}", row.lsm, row.append).trim_end().to_owned(),
        verdict,
        active(seen),
        landlock(seen),
        gate(seen),
        policies(seen, true),
        policies(seen, false),
        tests(seen.count(true)),
        tests(seen.count(false)),
    ]
}

pub(super) fn absent(series: &str) -> Vec<String> {
    let mut cells = vec![String::new(); HEAD.len()];
    series.clone_into(&mut cells[0]);
    "not offered".clone_into(&mut cells[2]);
    cells
}

/// What `ringfence host` said in the guest of one fact.
fn fact(seen: &RowSeen, id: &str) -> Option<serde_json::Value> {
    let (lines, end) = [true, false].into_iter().find_map(|root| seen.lines(root, &Purpose::Host))?;
    let host: serde_json::Value = serde_json::from_str(&lines.join("\n")).ok()?;
    let fact = host["facts"].as_array()?.iter().find(|fact| fact["id"] == id)?;
    (end == End::Exited(0)).then(|| fact["value"].clone())
}

pub(super) fn landlock(seen: &RowSeen) -> String {
    match fact(seen, "landlock.abi").and_then(|abi| abi.as_u64()) {
        Some(0) => "none".to_owned(),
        Some(abi) => abi.to_string(),
        None => "?".to_owned(),
    }
}

/// The active LSMs, in the order in which they are asked.
pub(super) fn active(seen: &RowSeen) -> String {
    let names = fact(seen, "lsm.active").and_then(|names| {
        let names: Option<Vec<String>> =
            names.as_array()?.iter().map(|name| Some(name.as_str()?.into())).collect();
        names
    });
    names.map_or_else(|| "?".to_owned(), |names| names.join(" "))
}

/// The ways through the gate that a process found open.
fn gate(seen: &RowSeen) -> String {
    let open = |abi: &str| fact(seen, &format!("gate.{abi}")).is_some_and(|value| value == true);
    ["x86_64", "i386", "x32"].into_iter().filter(|abi| open(abi)).collect::<Vec<_>>().join(" ")
}

/// Which builtins ran a command, and, in brackets, which this kernel was said not to hold; anything
/// else by its end.
fn policies(seen: &RowSeen, root: bool) -> String {
    let mut words = Vec::new();
    for builtin in BUILTINS {
        let check = seen.lines(root, &Purpose::Check(builtin));
        let run = seen.lines(root, &Purpose::Run(builtin));
        let (Some((said, check)), Some((_, run))) = (check, run) else { continue };
        let refused = said.iter().any(|line| line.contains("this host cannot give"));
        match (check, run) {
            (End::Exited(0), End::Exited(0)) => words.push(builtin.to_owned()),
            (End::Exited(2), End::Exited(125)) if refused => words.push(format!("({builtin})")),
            (check, run) => words.push(format!("{builtin}: check {check:?}, run {run:?}")),
        }
    }
    words.join(" ")
}

fn tests(count: Option<Result<Count, String>>) -> String {
    match count {
        None => String::new(),
        Some(Ok(Count { passed, failed, skipped })) => format!("{passed}/{failed}/{skipped}"),
        Some(Err(_)) => "not believed".to_owned(),
    }
}

fn words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Complete => "complete".to_owned(),
        Verdict::Panicked(line) => format!("panicked: {line}"),
        Verdict::Hung(last) => format!("hung: {last}"),
        Verdict::Killed(how) => format!("killed: {how}"),
        Verdict::NotReady(why) => format!("not ready: {why}"),
        Verdict::Short(last) => format!("ended early: {last}"),
        Verdict::Forged(lines) => format!("forged: {lines} lines that init did not write"),
    }
}

/// `N passed, N failed, N skipped` over all boots; one that ended badly is a failure.
pub(super) fn total(results: &[(Row, RowSeen)]) -> String {
    let mut sum = Count::default();
    for (_, seen) in results {
        for count in USERS.into_iter().filter_map(|root| seen.count(root)).flatten() {
            sum += count;
        }
        sum += if well(seen) {
            Count { passed: 1, ..Count::default() }
        } else {
            Count { failed: 1, ..Count::default() }
        };
    }
    format!("boots and tests: {} passed, {} failed, {} skipped", sum.passed, sum.failed, sum.skipped)
}
