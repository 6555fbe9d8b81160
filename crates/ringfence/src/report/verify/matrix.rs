//! The communication matrix as text: a line a channel, a column a peer.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::verify::{Finding, Intent, Part, Report, Verdict};

/// Peers, as the last word of a finding's id and as a column's head.
const PEERS: [(&str, &str); 3] =
    [("host", "with the host"), ("apart", "another containment"), ("together", "the same one")];

/// What is open between two processes, and what the policy says of it; empty where nothing was tried.
pub(super) fn matrix(report: &Report) -> String {
    let mut rows: BTreeMap<&str, BTreeMap<&str, &'static str>> = BTreeMap::new();
    for finding in report.findings.iter().filter(|finding| finding.part == Part::Channel) {
        let mut words = finding.id.split('/').skip(1);
        let (Some(channel), Some(peer)) = (words.next(), words.next()) else { continue };
        rows.entry(channel).or_default().insert(peer, cell(finding));
    }
    let mut text = String::new();
    if rows.is_empty() {
        return text;
    }
    let _ = write!(text, "\n{:<26}", "channels");
    for (_, head) in PEERS {
        let _ = write!(text, "{head:<21}");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    for (channel, cells) in rows {
        let mut line = format!("  {channel:<24}");
        for (peer, _) in PEERS {
            let _ = write!(line, "{:<21}", cells.get(peer).unwrap_or(&""));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text + "  closed: as the policy says; (closed): though it does not say so; open: nor does it say that \
            it be closed\n"
}

fn cell(finding: &Finding) -> &'static str {
    match (&finding.verdict, finding.intent) {
        (Verdict::Held, Intent::Deny) => "closed",
        (Verdict::Held, Intent::Allow) | (Verdict::Reachable(_), _) => "open",
        (Verdict::Held, Intent::Tell) => "(closed)",
        (Verdict::Broken(_), Intent::Deny | Intent::Tell) => "OPEN, not allowed",
        (Verdict::Broken(_), Intent::Allow) => "CLOSED, allowed",
        (Verdict::Unverifiable(_), _) => "unknown",
    }
}
