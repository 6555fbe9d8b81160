//! Figures for people (markdown) and for programs (JSON).

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::launch::{Row, Section};
use super::level::Level;
use super::measure::Timing;

/// A goal: ringfence's median at most `most` times that of `other`.
struct Goal {
    other: &'static str,
    most: f64,
}

fn goals(level: Level) -> Vec<Goal> {
    let goal = |other, most| Goal { other, most };
    match level {
        Level::A => vec![goal("bare exec", 3.0)],
        Level::B | Level::D => vec![goal("kernel floor", 1.15), goal("bubblewrap", 1.0 / 4.0)],
        Level::C => vec![goal("kernel floor", 1.15), goal("bubblewrap", 1.0 / 3.0)],
        Level::Default => Vec::new(),
    }
}

impl Section {
    fn timing(&self, name: &str) -> Option<&Timing> {
        self.rows.iter().find_map(|row| match row {
            Row::Timed(contender, timing) if contender.name == name => Some(timing),
            _ => None,
        })
    }

    /// Each goal with the ratio that came of it, where both were timed.
    fn verdicts(&self) -> Vec<(Goal, Option<f64>)> {
        let ratio = |goal: &Goal| {
            let (own, other) = (self.timing("ringfence")?.median(), self.timing(goal.other)?.median());
            Some(own as f64 / other as f64)
        };
        goals(self.level)
            .into_iter()
            .map(|goal| (ratio(&goal), goal))
            .map(|(ratio, goal)| (goal, ratio))
            .collect()
    }
}

/// The whole result. `place` is written as `…` in command lines.
pub(crate) fn markdown(facts: &[(&'static str, String)], sections: &[Section], place: &Path) -> String {
    let mut text = String::new();
    for (name, value) in facts {
        let _ = writeln!(text, "- {name}: {value}");
    }
    for section in sections {
        let who = if section.user.root { "root" } else { "an ordinary user" };
        let _ = writeln!(text, "\n### {} ({who}): {}\n", section.level.name(), section.level.describe());
        text +=
            "| | min ms | median ms | p90 ms | to exec | to ringfence | |\n|---|--:|--:|--:|--:|--:|---|\n";
        for row in &section.rows {
            let _ = writeln!(text, "{}", line(row, section));
        }
        text.push('\n');
        for (goal, ratio) in section.verdicts() {
            let _ = writeln!(text, "{}", verdict(&goal, ratio));
        }
        text += "\n<details><summary>command lines</summary>\n\n```\n";
        for row in &section.rows {
            if let Row::Timed(contender, _) = row {
                let _ = writeln!(text, "{}", words(&contender.words, place));
            }
        }
        text += "```\n</details>\n";
    }
    text
}

fn line(row: &Row, section: &Section) -> String {
    let (contender, timing) = match row {
        Row::Absent(name, why) => {
            return format!("| {name} | | absent | | | | {} |", why.replace('|', "\\|"));
        }
        Row::Timed(contender, timing) => (contender, timing),
    };
    let milliseconds = |nanoseconds: u64| format!("{:.3}", nanoseconds as f64 / 1e6);
    let ratio = |name: &str| {
        let other = section.timing(name).map_or(0, Timing::median);
        if other == 0 { String::new() } else { format!("{:.2}", timing.median() as f64 / other as f64) }
    };
    let mut notes: Vec<String> =
        contender.less.map(|less| format!("does less: {less}")).into_iter().collect();
    if timing.failed > 0 {
        notes.push(format!("**{} runs failed**", timing.failed));
    }
    format!(
        "| {} | {} | {} | {} | {} | {} | {} |",
        contender.name,
        milliseconds(timing.tenth(0)),
        milliseconds(timing.median()),
        milliseconds(timing.tenth(9)),
        ratio("bare exec"),
        ratio("ringfence"),
        notes.join("; ")
    )
}

fn verdict(goal: &Goal, ratio: Option<f64>) -> String {
    let Goal { other, most } = goal;
    match ratio {
        None => format!("- goal: at most {most:.2} of {other}: not measured"),
        Some(ratio) if ratio <= *most => format!("- goal: at most {most:.2} of {other}: **met**, {ratio:.2}"),
        Some(ratio) => format!("- goal: at most {most:.2} of {other}: **missed**, {ratio:.2}"),
    }
}

/// A command line as a shell would take it; long words are cut.
fn words(words: &[String], place: &Path) -> String {
    let place = place.display().to_string();
    let word = |word: &String| {
        let word = word.replace(&place, "…");
        let cut: String = word.chars().take(60).collect();
        let word = if cut.len() < word.len() { cut + "[…]" } else { word };
        if word.contains(' ') { format!("'{word}'") } else { word }
    };
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// The same for programs; nanoseconds.
pub(crate) fn json(facts: &[(&'static str, String)], sections: &[Section]) -> Value {
    let facts: serde_json::Map<_, _> =
        facts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let sections: Vec<Value> = sections
        .iter()
        .map(|section| {
            let goals: Vec<_> = section.verdicts();
            json!({
                "level": section.level.name(),
                "root": section.user.root,
                "rows": section.rows.iter().map(row).collect::<Vec<_>>(),
                "goals": goals.iter().map(|(goal, ratio)| {
                    json!({"to": goal.other, "most": goal.most, "ratio": ratio,
                        "met": ratio.map(|ratio| ratio <= goal.most)})
                }).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({"version": 1, "machine": facts, "sections": sections})
}

fn row(row: &Row) -> Value {
    match row {
        Row::Absent(name, why) => json!({"name": name, "absent": why}),
        Row::Timed(contender, timing) => json!({
            "name": contender.name, "words": contender.words, "less": contender.less, "failed": timing.failed,
            "min": timing.tenth(0), "median": timing.median(), "p90": timing.tenth(9),
        }),
    }
}
