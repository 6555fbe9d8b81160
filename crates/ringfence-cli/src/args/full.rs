//! Everything about the command line: help, mistakes, and every command. Only the command in use
//! is built.

use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use ringfence::policy::Flag;
use ringfence::policy::builtin::BUILTINS;
use ringfence::policy::key::{self, Key};

use super::{Invocation, USAGE};
use crate::check::Format;
use crate::run::{FAILED, Job};
use crate::verify::Wishes;

/// Exit status of a mistake on the command line of `run`.
const RUN_FAILED: u8 = FAILED as u8;

/// `ringfence run`.
pub(super) fn run(args: &[OsString]) -> Invocation {
    match matches(run_command(), args).and_then(|matches| job(&matches)) {
        Ok(job) => Invocation::Run(job),
        Err(error) => explain(error, RUN_FAILED),
    }
}

/// `ringfence check`.
pub(super) fn check(args: &[OsString]) -> Invocation {
    match matches(check_command(), args).and_then(|matches| Ok((job(&matches)?, format(&matches)))) {
        Ok((job, format)) => Invocation::Check(job, format),
        Err(error) => explain(error, USAGE),
    }
}

/// `ringfence verify`.
pub(super) fn verify(args: &[OsString]) -> Invocation {
    let read = |matches: ArgMatches| {
        let mut job = job(&matches)?;
        job.policies.extend(matches.get_one::<String>("file").cloned());
        let path = |name: &str| matches.get_one::<String>(name).cloned();
        let (save, against) = (path("save"), path("against"));
        let wishes = Wishes { depth: matches.get_flag("depth"), all: matches.get_flag("all"), save, against };
        Ok((job, wishes, format(&matches)))
    };
    match matches(verify_command(), args).and_then(read) {
        Ok((job, wishes, format)) => Invocation::Verify(job, wishes, format),
        Err(error) => explain(error, USAGE),
    }
}

/// `ringfence host`.
pub(super) fn host(args: &[OsString]) -> Invocation {
    match matches(host_command(), args) {
        Ok(matches) => Invocation::Host(format(&matches)),
        Err(error) => explain(error, USAGE),
    }
}

/// No command, an unknown one, or a question about ringfence itself.
pub(super) fn top(args: &[OsString]) -> Invocation {
    let command = Command::new("ringfence")
        .bin_name("ringfence")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Contains a program behind every control that Linux offers, from one policy")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .after_help(
            "`ringfence COMMAND --help` says more about each. docs/policy.md is the language of policies.",
        )
        .subcommands([Command::new("run").about(RUN), Command::new("check").about(CHECK)])
        .subcommand(Command::new("verify").about(VERIFY))
        .subcommand(Command::new("host").about(HOST));
    match command.no_binary_name(true).try_get_matches_from(args) {
        // The commands that exist are read elsewhere, so there is nothing left to match.
        Ok(_) => Invocation::Usage("error: no command\n".to_owned(), USAGE),
        Err(error) => explain(error, USAGE),
    }
}

const RUN: &str = "Runs a command contained";
const CHECK: &str = "Shows the plan that `run` would carry out, and changes nothing";
const VERIFY: &str = "Attempts every claim of a policy on this kernel, and says what holds";
const HOST: &str = "Shows what this kernel offers, and where that was read";

fn run_command() -> Command {
    let command = policy_flags(Command::new("run").bin_name("ringfence run").about(RUN));
    command.arg(trailing().required(true)).after_help(
        "Exit status: the command's own; 128+N where signal N ended it; 125 where ringfence itself failed,\n\
         126 where the command cannot be executed, 127 where it does not exist.",
    )
}

fn check_command() -> Command {
    let command = policy_flags(Command::new("check").bin_name("ringfence check").about(CHECK));
    command
        .arg(format_flag())
        .arg(trailing())
        .after_help("Exit status: 0 where the plan could be carried out here, 2 where it could not.")
}

fn verify_command() -> Command {
    let command = policy_flags(Command::new("verify").bin_name("ringfence verify").about(VERIFY));
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).help(help).action(ArgAction::SetTrue)
    };
    let path =
        |name: &'static str, help: &'static str| Arg::new(name).long(name).help(help).value_name("FILE");
    let file = Arg::new("file").value_name("POLICY").help("The policy, as --policy names it");
    command
        .arg(format_flag())
        .arg(switch("depth", "Try each denied operation with each control alone: how many hold it"))
        .arg(path("save", "Write what was found to a file, to be compared with later"))
        .arg(path("against", "Compare with a file that --save wrote; the exit status is about what changed"))
        .arg(switch("all", "Also show what holds, one by one"))
        .arg(file)
        .after_help("Exit status: 0 all held, 1 something broken, 2 bad input, 3 something unverifiable.")
}

fn host_command() -> Command {
    Command::new("host").bin_name("ringfence host").about(HOST).arg(format_flag())
}

/// `--policy` and one flag for each key.
fn policy_flags(command: Command) -> Command {
    let names: Vec<&str> = BUILTINS.iter().map(|(name, ..)| *name).collect();
    let help = format!(
        "A policy below the flags: a file, or builtin:NAME ({}); repeatable; none: {}",
        names.join(", "),
        ringfence::policy::DEFAULT
    );
    let policy = Arg::new("policy").long("policy").value_name("POLICY").help(help).action(ArgAction::Append);
    let flags = key::keys().filter_map(|key| {
        let flag = key.flag()?;
        let arg = Arg::new(key.path).long(flag.trim_start_matches('-').to_owned()).value_name(key.value);
        let arg = arg.help(describe(key)).help_heading(format!("[{}]", key.section()));
        // A path may begin with the mark `-`; a scalar given twice is layered like any other.
        Some(arg.action(ArgAction::Append).allow_hyphen_values(true))
    });
    command.arg(policy.allow_hyphen_values(true)).args(flags).next_help_heading("Options")
}

/// What a key does, and the words that it takes where they are few.
fn describe(key: &Key) -> String {
    let words: Vec<&str> = (key.words)().into_iter().map(|(word, _)| word).collect();
    let words =
        if (1..=8).contains(&words.len()) { format!(" ({})", words.join(", ")) } else { String::new() };
    let repeats = if key.repeats() { "; repeatable" } else { "" };
    format!("{}{words}{repeats}", key.help)
}

fn format_flag() -> Arg {
    let words = ["human", "json"];
    Arg::new("format")
        .long("format")
        .value_name("FORMAT")
        .help("How to print")
        .value_parser(words)
        .default_value(words[0])
}

/// The command: everything after the first word that is no flag.
fn trailing() -> Arg {
    let help = "The command and its arguments; flags after it are its own";
    let arg = Arg::new("command").value_name("COMMAND").help(help).num_args(1..);
    arg.trailing_var_arg(true).value_parser(OsStringValueParser::new())
}

fn matches(command: Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command.no_binary_name(true).try_get_matches_from(args)
}

fn format(matches: &ArgMatches) -> Format {
    match matches.get_one::<String>("format").map(String::as_str) {
        Some("json") => Format::Json,
        _ => Format::Human,
    }
}

fn job(matches: &ArgMatches) -> Result<Job, clap::Error> {
    let mut flags: Vec<(usize, Flag)> = Vec::new();
    for key in key::keys() {
        let Some(name) = key.flag() else { continue };
        let values = matches.get_many::<String>(key.path).into_iter().flatten();
        let indices = matches.indices_of(key.path).into_iter().flatten();
        let flag = |value: &String| Flag { name: name.clone(), value: value.clone() };
        flags.extend(indices.zip(values.map(flag)));
    }
    // As typed: `--expect-because` belongs to the expectation before it.
    flags.sort_by_key(|(index, _)| *index);
    let flags: Vec<Flag> = flags.into_iter().map(|(_, flag)| flag).collect();
    let policies: Vec<String> = matches.get_many("policy").into_iter().flatten().cloned().collect();
    let named = policies.iter().map(|value| ("--policy", value));
    let mut all = named.chain(flags.iter().map(|flag| (flag.name.as_str(), &flag.value)));
    if let Some((name, value)) = all.find(|(_, value)| value.starts_with("--")) {
        let message = format!("{name} has no value, or is {value} its value? No value begins with `--`\n");
        return Err(clap::Error::raw(ErrorKind::InvalidValue, message));
    }
    // `verify` has no command.
    let command = matches.try_get_many::<OsString>("command").ok().flatten();
    let command = command.into_iter().flatten().cloned().collect();
    Ok(Job { policies, flags, command })
}

fn explain(error: clap::Error, status: u8) -> Invocation {
    let text = error.render().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Invocation::Show(text),
        _ => Invocation::Usage(text, status),
    }
}
