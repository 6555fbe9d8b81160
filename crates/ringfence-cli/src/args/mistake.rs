//! Mistakes on the command line, said as all other errors are: what is wrong, and what to do.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use ringfence::policy::{key, nearest};

/// The commands that there are.
pub(super) const COMMANDS: [&str; 9] =
    ["run", "check", "explain", "host", "surface", "syscalls", "diff", "import", "export"];

/// Those whose arguments are the keys of a policy; of the others, clap says it well.
const OWN: [&str; 4] = ["run", "check", "host", ""];

/// What clap found wrong with the arguments of `command` (empty: of ringfence itself).
pub(super) fn text(error: &Error, command: &str) -> String {
    let word = |kind| match error.get(kind) {
        Some(ContextValue::String(word)) => word.as_str(),
        Some(ContextValue::Strings(words)) => words.first().map_or("", String::as_str),
        _ => "",
    };
    let argument = word(ContextKind::InvalidArg);
    if !OWN.contains(&command) {
        return format!("ringfence: {}", error.render());
    }
    let (message, help) = match error.kind() {
        ErrorKind::UnknownArgument if argument.starts_with('-') => no_flag(argument, command),
        ErrorKind::UnknownArgument => {
            (format!("`{argument}` is a word too many"), format!("`ringfence {command}` takes flags only"))
        }
        ErrorKind::InvalidSubcommand => no_command(word(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingRequiredArgument => {
            let help = "write it last: ringfence run [FLAGS] -- COMMAND [ARGUMENTS]".to_owned();
            ("no command to run".to_owned(), help)
        }
        ErrorKind::InvalidValue | ErrorKind::TooFewValues if !argument.is_empty() => {
            bad_value(argument, word(ContextKind::InvalidValue), error)
        }
        ErrorKind::InvalidUtf8 => {
            let help = "only the command and its arguments may be any bytes".to_owned();
            ("an argument is not UTF-8".to_owned(), help)
        }
        _ => return format!("ringfence: {}", error.render()),
    };
    format!("ringfence: error: {message}\n  help: {help}\n")
}

fn no_flag(flag: &str, command: &str) -> (String, String) {
    let flag = flag.split_once('=').map_or(flag, |(name, _)| name);
    let keys: Vec<String> = key::keys().filter_map(key::Key::flag).collect();
    let of_keys = keys.iter().map(String::as_str).filter(|_| matches!(command, "run" | "check"));
    let others: &[&str] = match command {
        "run" => &["--policy", "--help"],
        "check" => &["--policy", "--format", "--help"],
        "host" => &["--format", "--help"],
        _ => &["--version", "--help"],
    };
    let near = nearest(flag, of_keys.chain(others.iter().copied()));
    let meant = near.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let space = if command.is_empty() { "" } else { " " };
    let help = format!("{meant}`ringfence{space}{command} --help` lists the flags");
    (format!("there is no flag `{flag}`"), help)
}

fn no_command(name: &str) -> (String, String) {
    let meant = nearest(name, COMMANDS).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let help = format!("{meant}there are {}; a program is started by `ringfence run`", COMMANDS.join(", "));
    (format!("there is no command `{name}`"), help)
}

fn bad_value(argument: &str, value: &str, error: &Error) -> (String, String) {
    let name = argument.split(' ').next().unwrap_or(argument);
    let words = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(words)) => words.join(", "),
        _ => String::new(),
    };
    if value.is_empty() {
        let takes =
            if words.is_empty() { format!("a value; `{name}=` gives it an empty one") } else { words };
        return (format!("`{name}` has no value"), format!("it takes {takes}"));
    }
    (format!("`{value}` is no value of `{name}`"), format!("it takes {words}"))
}
