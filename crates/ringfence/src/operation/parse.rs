//! Text becomes an operation, or an error that says which part is wrong and what was meant.

use core::net::IpAddr;
use std::ops::Range;

use ringfence_bpf::rule;
use ringfence_bpf::table::{self, CallId};

use super::{Access, Operation};
use crate::policy::diagnostic::quote;
use crate::policy::model::{PathSpec, Transport};
use crate::policy::nearest::nearest;
use crate::policy::value::{Fault, credential, path, port};

const HELP: &str = "write an access and a path (\"read /etc/shadow\"), connect or bind and a port (\"connect tcp:443\"), \
                    \"capability CAP_NAME\", \"signal host\", or a system call (\"ptrace(PTRACE_TRACEME)\")";

/// What is wrong with an operation, and where in its text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What stands beside the caret.
    pub label: Option<String>,
    /// What to write instead.
    pub help: Option<String>,
}

/// Parses an operation.
///
/// # Errors
/// An unknown word, with the nearest known one; what is wrong with a path, port, name or rule.
pub fn parse(text: &str) -> Result<Operation, Error> {
    let start = text.len() - text.trim_start().len();
    let body = text.trim();
    let (word, rest) = match body.find(char::is_whitespace) {
        Some(at) => (&body[..at], body[at..].trim_start()),
        None => (body, ""),
    };
    let rest_at = start + body.len() - rest.len();
    let moved = |fault: Fault| Error::from(fault.moved(rest_at));
    // `link`, `rename` and others are system calls too: with a path they are accesses.
    let phrase = !rest.is_empty() && !rest.starts_with(['(', '-']);
    if let Some((_, access)) = Access::ALL.iter().find(|(name, _)| *name == word).filter(|_| phrase) {
        return path_of(rest).map(|path| Operation::File(*access, path)).map_err(moved);
    }
    if let Some((path, access)) = opened(word, rest) {
        return path_of(path).map(|path| Operation::File(access, path)).map_err(moved);
    }
    match word {
        "connect" if phrase => connect(rest).map_err(moved),
        "bind" if phrase => bind(rest).map_err(moved),
        "capability" => credential::capability(rest).map(Operation::Capability).map_err(moved),
        "signal" if phrase => match rest {
            "host" => Ok(Operation::SignalHost),
            _ => Err(moved(Fault::name(rest, "peer", ["host"], "write \"signal host\""))),
        },
        _ if phrase && table::call(word).is_none() && !word.contains('(') => {
            let words = Access::ALL.iter().map(|(word, _)| *word);
            let words = words.chain(["connect", "bind", "capability", "signal"]);
            Err(Error::from(Fault::name(word, "operation", words, HELP).moved(start)))
        }
        _ => call(body, start),
    }
}

/// `open PATH for reading`, as people say it.
fn opened<'t>(word: &str, rest: &'t str) -> Option<(&'t str, Access)> {
    const PURPOSES: [(&str, Access); 3] =
        [(" for reading", Access::Read), (" for writing", Access::Write), (" for execution", Access::Exec)];
    let cut = |(end, access): (&str, Access)| Some((rest.strip_suffix(end)?.trim_end(), access));
    (word == "open").then(|| PURPOSES.into_iter().find_map(cut)).flatten()
}

fn path_of(text: &str) -> Result<PathSpec, Fault> {
    path::parse(text)
}

/// Port 0 cannot be connected to; an address stands between transport and port.
fn connect(text: &str) -> Result<Operation, Fault> {
    if let Some(path) = text.strip_prefix("unix:") {
        return path_of(path).map(Operation::ConnectUnix).map_err(|fault| fault.moved(5));
    }
    let endpoint = text.split_once(':').and_then(|(transport, rest)| {
        let (address, port) = rest.rsplit_once(':')?;
        Some((transport, address.trim_start_matches('[').trim_end_matches(']'), port))
    });
    let (address, plain) = match endpoint {
        Some((transport, address, port)) => match address.parse::<IpAddr>() {
            Ok(address) => (Some(address), format!("{transport}:{port}")),
            Err(_) => {
                let help = "write an address in numbers, such as \"tcp:127.0.0.1:443\" or \"tcp:[::1]:443\"";
                let message = format!("{} is not an address", quote(address));
                let from = text.find(address).unwrap_or(0);
                return Err(Fault::value(text, message, help).within(from..from + address.len()));
            }
        },
        None => (None, text.to_owned()),
    };
    let port = port::connect(&plain).map_err(|fault| Fault { range: 0..text.len(), ..fault })?;
    let Some(number) = port.port else { return Err(one_port(text)) };
    Ok(Operation::Connect { transport: port.transport, address, port: number })
}

fn bind(text: &str) -> Result<Operation, Fault> {
    let port = port::bind(text)?;
    let Some(number) = port.port else { return Err(one_port(text)) };
    Ok(Operation::Bind { transport: port.transport, port: number })
}

fn one_port(text: &str) -> Fault {
    Fault::value(text, "an operation has one port", "name one, such as \"tcp:8080\"")
}

fn call(text: &str, start: usize) -> Result<Operation, Error> {
    match rule::parse(text) {
        Ok(rule) if rule.action.is_none() => Ok(Operation::Call(rule)),
        Ok(_) => {
            let at = text.find("->").unwrap_or(0);
            Err(Error {
                range: start + at..start + text.len(),
                message: "an operation has no action".into(),
                label: None,
                help: Some("leave the action out".into()),
            })
        }
        Err(error) => {
            let whole = error.offset == 0 && error.message.starts_with("unknown system call");
            let word = &text[..error.len.min(text.len())];
            let accesses = Access::ALL.iter().map(|(word, _)| *word);
            let label = if whole {
                nearest(word, accesses.chain(table::names().map(CallId::name)))
                    .map(|name| format!("did you mean `{name}`?"))
            } else {
                None
            };
            Err(Error {
                range: start + error.offset..start + error.offset + error.len,
                message: error.message,
                label,
                help: if whole { Some(HELP.into()) } else { error.help },
            })
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self { range: fault.range, message: fault.message, label: fault.label, help: fault.help }
    }
}

/// A transport's word.
impl std::fmt::Display for Transport {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn every_form_is_understood() {
        for text in [
            "read /etc/shadow",
            "open /etc/shadow for reading",
            "open ./a b for writing",
            "write .",
            "exec ~/bin/x",
            "unlink /a",
            "chroot .",
            "connect tcp:443",
            "connect tcp:192.0.2.1:443",
            "connect udp:[::1]:53",
            "connect unix:/run/x.sock",
            "bind udp:53",
            "capability CAP_SYS_ADMIN",
            "signal host",
            "ptrace(PTRACE_TRACEME)",
            "  io_uring_setup ",
            "rename",
            "ioctl(cmd: TIOCSTI)",
            "@mount",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
        assert_eq!(parse("open /etc/shadow for reading"), parse("read /etc/shadow"));
        assert!(matches!(parse("open(flags: 0)"), Ok(Operation::Call(_))));
        assert!(matches!(parse("link /x"), Ok(Operation::File(Access::Link, _))));
        assert!(matches!(parse("link"), Ok(Operation::Call(_))));
    }

    #[test]
    fn errors_point_at_the_part_and_name_what_was_meant() {
        let mut shown = String::new();
        for bad in [
            "",
            "raed /etc/shadow",
            "read /etc/$HOEM",
            "connect tcp:http",
            "connect tcp:*",
            "connect tcp:localhost:80",
            "bind tpc:1",
            "capability CAP_NET_ADMN",
            "signal hst",
            "ptrcae(PTRACE_TRACEME)",
            "ptrace(PTRACE_TRACME)",
            "ptrace -> kill",
        ] {
            let error = parse(bad).unwrap_err();
            shown += &format!(
                "{bad}: {:?} {} [{}]\n",
                error.range,
                error.message,
                error.label.unwrap_or_default()
            );
        }
        expect![[r#"
            : 0..0 expected the name of a system call or @group []
            raed /etc/shadow: 0..4 unknown operation `raed` [did you mean `read`?]
            read /etc/$HOEM: 10..15 unknown variable `$HOEM` [did you mean `HOME`?]
            connect tcp:http: 8..16 `http` is not a port []
            connect tcp:*: 8..13 an operation has one port []
            connect tcp:localhost:80: 12..21 `localhost` is not an address []
            bind tpc:1: 5..8 unknown transport `tpc` [did you mean `tcp`?]
            capability CAP_NET_ADMN: 11..23 unknown capability `CAP_NET_ADMN` [did you mean `CAP_NET_ADMIN`?]
            signal hst: 7..10 unknown peer `hst` [did you mean `host`?]
            ptrcae(PTRACE_TRACEME): 0..6 unknown system call `ptrcae` [did you mean `ptrace`?]
            ptrace(PTRACE_TRACME): 7..20 unknown constant `PTRACE_TRACME` []
            ptrace -> kill: 7..14 an operation has no action []
        "#]]
        .assert_eq(&shown);
    }
}
