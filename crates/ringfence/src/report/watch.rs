//! What watchers hear of runs: read from JSON that anybody of the same user could have sent, kept short,
//! and never shown raw.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json, json};

use super::document::plain_line;
use crate::event::rendezvous::Peer;
use crate::event::text::Text;

/// The longest text that a line shows.
const LONGEST: usize = 400;

/// What a run says first: its policies and its command, without arguments.
#[must_use]
pub fn hello(policies: &[String], command: &[u8]) -> String {
    let hello = json!({
        "version": 1,
        "kind": "ringfence.run",
        "policies": policies,
        "command": Text::new(command).to_string(),
    });
    plain_line(&hello.to_string())
}

/// A line of JSON about connections that were not heard.
#[must_use]
pub fn refused(connections: u64) -> String {
    json!({ "version": 1, "kind": "ringfence.refused", "connections": connections }).to_string() + "\n"
}

/// A message, as far as it is understood.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Who sent it.
    pub peer: Peer,
    /// What kind.
    pub kind: Kind,
    fields: Map<String, Json>,
}

/// The kinds of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Kind {
    Run,
    Event,
    Lost,
    Summary,
    Gone,
}

/// Which messages are wanted; what is empty matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// A part of the policy's name.
    pub policy: Option<String>,
    /// The control's name.
    pub control: Option<String>,
    /// The process, or the launcher.
    pub pid: Option<u32>,
    /// The call's name.
    pub call: Option<String>,
}

impl Message {
    /// Reads one; `None` for what is none of ringfence's.
    #[must_use]
    pub fn read(peer: Peer, bytes: &[u8]) -> Option<Self> {
        let Ok(Json::Object(fields)) = serde_json::from_slice::<Json>(bytes) else { return None };
        let kind = match fields.get("kind")?.as_str()? {
            "ringfence.run" => Kind::Run,
            "ringfence.event" => Kind::Event,
            "ringfence.lost" => Kind::Lost,
            "ringfence.summary" => Kind::Summary,
            _ => return None,
        };
        Some(Self { peer, kind, fields })
    }

    /// Of a run whose end was not heard; nobody sends it.
    #[must_use]
    pub fn gone(peer: Peer) -> Self {
        let fields = [("version", json!(1)), ("kind", json!("ringfence.gone"))];
        let fields = fields.map(|(key, value)| (key.to_owned(), value)).into_iter().collect();
        Self { peer, kind: Kind::Gone, fields }
    }

    /// Whether it is wanted, of a run with these policies. Only events have a control and a call.
    #[must_use]
    pub fn passes(&self, filter: &Filter, policies: &str) -> bool {
        let is = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        let pid = |wanted: u32| {
            let of_event = self.at(&["process", "pid"]).and_then(Json::as_u64);
            wanted == self.peer.pid || of_event == Some(wanted.into())
        };
        let of_event = self.kind != Kind::Event
            || (is(&filter.control, self.text(&["control", "value"]))
                && is(&filter.call, self.text(&["operation", "call"])));
        filter.policy.as_deref().is_none_or(|wanted| policies.contains(wanted))
            && filter.pid.is_none_or(|wanted| self.kind == Kind::Run || pid(wanted))
            && of_event
    }

    /// The policies that a run names.
    #[must_use]
    pub fn policies(&self) -> String {
        let list = self.fields.get("policies").and_then(Json::as_array);
        let names = list.into_iter().flatten().filter_map(Json::as_str).map(safe);
        names.collect::<Vec<_>>().join(" ")
    }

    /// The control that denied.
    #[must_use]
    pub fn control(&self) -> String {
        safe(self.text(&["control", "value"]).unwrap_or("unknown"))
    }

    /// One line for people, without its newline.
    #[must_use]
    pub fn line(&self) -> String {
        let mut line = format!("[run {} of user {}] ", self.peer.pid, self.peer.uid);
        let _ = match self.kind {
            Kind::Run => {
                let command = safe(self.text(&["command"]).unwrap_or("?"));
                write!(line, "runs {command} under {}", self.policies())
            }
            Kind::Lost => {
                let lost = self.fields.get("lost").and_then(Json::as_u64).unwrap_or(0);
                write!(line, "{lost} events were not heard: this watcher was too slow")
            }
            Kind::Summary => {
                let denials = self.fields.get("denials").and_then(Json::as_u64).unwrap_or(0);
                let complete = self.fields.get("complete").and_then(Json::as_bool).unwrap_or(false);
                let word = if complete { "complete" } else { "incomplete" };
                let plural = if denials == 1 { "" } else { "s" };
                write!(line, "ends with {denials} denial{plural}, {word}")
            }
            Kind::Gone => {
                write!(
                    line,
                    "is gone without a word of its end: killed, or this watcher was too slow to hear it"
                )
            }
            Kind::Event => {
                let text = safe(self.text(&["operation", "text"]).unwrap_or("?"));
                let errno =
                    self.text(&["errno", "value"]).map_or_else(String::new, |e| format!(" = {}", safe(e)));
                let name = safe(self.text(&["process", "command", "value"]).unwrap_or("?"));
                let pid = self.at(&["process", "pid"]).and_then(Json::as_u64);
                let pid = pid.map_or_else(|| "unknown process".to_owned(), |pid| pid.to_string());
                let cause = safe(self.text(&["cause", "value"]).unwrap_or("unknown"));
                write!(line, "{name} {pid}: {text}{errno} by {}: {cause}", self.control())
            }
        };
        line
    }

    /// One line of JSON with its newline: what was said, and who said it by the kernel's word.
    #[must_use]
    pub fn json(&self) -> String {
        let mut fields = self.fields.clone();
        fields.insert("run".to_owned(), json!({ "pid": self.peer.pid, "uid": self.peer.uid }));
        plain_line(&Json::Object(fields).to_string())
    }

    fn at(&self, path: &[&str]) -> Option<&Json> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.fields.get(*first)?, |json, name| json.get(name))
    }

    fn text(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }
}

/// Text of a message, whatever it holds: cut, and with what is not plain escaped. Quotes and escapes that
/// are there already stay as they are.
fn safe(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars().take(LONGEST) {
        if c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric()) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("...");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer { pid: 7, uid: 8 };

    #[test]
    fn messages_are_understood_or_dropped() {
        let run = Message::read(PEER, hello(&["builtin:build".to_owned()], b"make\x1b").as_bytes()).unwrap();
        assert_eq!(run.line(), "[run 7 of user 8] runs \"make\\x1b\" under builtin:build");
        for bad in [&b"{"[..], b"[]", b"{}", b"{\"kind\":\"other\"}", b"\xff"] {
            assert_eq!(Message::read(PEER, bad), None);
        }
    }

    /// A run that says that it is gone is not believed.
    #[test]
    fn only_the_watcher_says_that_a_run_is_gone() {
        let gone = Message::gone(PEER);
        assert!(gone.line().starts_with("[run 7 of user 8] is gone"), "{}", gone.line());
        let json = gone.json();
        assert_eq!(
            serde_json::from_str::<Json>(&json).unwrap(),
            json!({ "version": 1, "kind": "ringfence.gone", "run": { "pid": 7, "uid": 8 } })
        );
        assert_eq!(Message::read(PEER, json.as_bytes()), None);
        let filter = Filter { policy: Some("build".into()), ..Filter::default() };
        assert!(gone.passes(&filter, "builtin:build") && !gone.passes(&filter, "x"));
        let filter = Filter { pid: Some(8), ..Filter::default() };
        assert!(!gone.passes(&filter, ""));
    }

    #[test]
    fn nothing_is_shown_raw() {
        let forged = "{\"kind\":\"ringfence.event\",\"operation\":{\"text\":\"\\u001b[2J\\n\\u202e\"},\"errno\":{\"value\":\"\\u0007\"}}";
        let message = Message::read(PEER, forged.as_bytes()).unwrap();
        for line in [message.line(), message.json().trim_end().to_owned()] {
            assert!(line.chars().all(|c| c == ' ' || c.is_ascii_graphic()), "{line}");
        }
    }

    #[test]
    fn filters_look_at_what_they_name() {
        let event = |control: &str| {
            let text = format!(
                "{{\"kind\":\"ringfence.event\",\"process\":{{\"pid\":3}},\"operation\":{{\"call\":\"openat\"}},\"control\":{{\"value\":\"{control}\"}}}}"
            );
            Message::read(PEER, text.as_bytes()).unwrap()
        };
        let filter = Filter { control: Some("mount".into()), ..Filter::default() };
        assert!(event("mount").passes(&filter, "") && !event("net").passes(&filter, ""));
        let pid = |pid| Filter { pid: Some(pid), ..Filter::default() };
        assert!(event("mount").passes(&pid(3), "") && event("mount").passes(&pid(7), ""));
        assert!(!event("mount").passes(&pid(4), ""));
        let policy = Filter { policy: Some("build".into()), ..Filter::default() };
        assert!(event("mount").passes(&policy, "builtin:build") && !event("mount").passes(&policy, "x"));
    }
}
