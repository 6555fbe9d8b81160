//! Everything about the command line: help, mistakes, and every command. Only the command in use
//! is built.

use std::ffi::OsString;

use clap::builder::OsStringValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command};
use ringfence::policy::Flag;
use ringfence::policy::builtin::BUILTINS;
use ringfence::policy::key::{self, Key};

use super::denial::{event_flags, watched};
use super::{Invocation, USAGE, mistake};
use crate::check::Format;
use crate::events::Wanted;
use crate::run::{FAILED, Job};
use crate::surface;
use crate::verify::{Format as Reported, Wishes};

/// Exit status of a mistake on the command line of `run`.
const RUN_FAILED: u8 = FAILED as u8;

/// `ringfence run`.
#[inline(never)]
pub(super) fn run(args: &[OsString]) -> Invocation {
    match matches(run_command(), args).and_then(|matches| watched(&matches, job(&matches)?)) {
        Ok(job) => Invocation::Run(job),
        Err(error) => explain(&error, "run", RUN_FAILED),
    }
}

/// `ringfence check`.
#[inline(never)]
pub(super) fn check(args: &[OsString]) -> Invocation {
    match matches(check_command(), args).and_then(|matches| Ok((job(&matches)?, format(&matches)))) {
        Ok((job, format)) => Invocation::Check(job, format),
        Err(error) => explain(&error, "check", USAGE),
    }
}

/// `ringfence verify`.
#[inline(never)]
pub(super) fn verify(args: &[OsString]) -> Invocation {
    let read = |matches: ArgMatches| {
        let mut job = job(&matches)?;
        job.policies.extend(matches.get_one::<String>("file").cloned());
        let path = |name: &str| matches.get_one::<String>(name).cloned();
        let (save, against) = (path("save"), path("against"));
        let name = matches.get_one::<String>("format").map_or("", String::as_str);
        let format = Reported::ALL.into_iter().find(|(known, _)| *known == name);
        let wishes = Wishes {
            depth: matches.get_flag("depth"),
            all: matches.get_flag("all"),
            save,
            against,
            format: format.map(|(_, format)| format).unwrap_or_default(),
        };
        Ok((job, wishes))
    };
    match matches(verify_command(), args).and_then(read) {
        Ok((job, wishes)) => Invocation::Verify(job, wishes),
        Err(error) => explain(&error, "verify", USAGE),
    }
}

/// `ringfence host`.
#[inline(never)]
pub(super) fn host(args: &[OsString]) -> Invocation {
    match matches(host_command(), args) {
        Ok(matches) => Invocation::Host(format(&matches)),
        Err(error) => explain(&error, "host", USAGE),
    }
}

/// `ringfence watch`.
pub(super) fn watch(args: &[OsString]) -> Invocation {
    match matches(super::denial::watch_command(), args) {
        Ok(matches) => Invocation::Watch(super::denial::wishes(&matches), format(&matches)),
        Err(error) => explain(&error, "watch", USAGE),
    }
}

/// `ringfence inspect`.
pub(super) fn inspect(args: &[OsString]) -> Invocation {
    let read = |matches: ArgMatches| {
        let pid = matches.get_one::<String>("pid").cloned().unwrap_or_default();
        Ok(Invocation::Inspect(pid, format(&matches)))
    };
    matches(inspect_command(), args).and_then(read).unwrap_or_else(|error| explain(&error, "inspect", USAGE))
}

/// `ringfence surface`.
#[inline(never)]
pub(super) fn surface(args: &[OsString]) -> Invocation {
    match matches(surface_command(), args) {
        Ok(matches) => Invocation::Surface(surface::Job {
            subjects: matches.get_many::<String>("subject").into_iter().flatten().cloned().collect(),
            reading: super::gate::read(&matches),
            check_man: matches.get_flag("check-man"),
            man: matches.get_one::<String>("man").cloned().unwrap_or_default(),
            format: format(&matches),
        }),
        Err(error) => explain(&error, "surface", USAGE),
    }
}

/// `ringfence host audit`.
#[inline(never)]
pub(super) fn host_audit(args: &[OsString]) -> Invocation {
    let command = Command::new("audit").bin_name("ringfence host audit").about(HOST_AUDIT).arg(format_flag());
    match matches(command, args) {
        Ok(matches) => Invocation::HostAudit(format(&matches)),
        Err(error) => explain(&error, "host audit", USAGE),
    }
}

/// `ringfence explain`.
#[inline(never)]
pub(super) fn explain_operation(args: &[OsString]) -> Invocation {
    let read = |matches: ArgMatches| {
        let mut words: Vec<String> = matches.get_many("words").into_iter().flatten().cloned().collect();
        let operation = words.pop().unwrap_or_default();
        let mut job = job(&matches)?;
        job.policies.extend(words);
        Ok(Invocation::Explain(job, operation, format(&matches)))
    };
    matches(explain_command(), args).and_then(read).unwrap_or_else(|error| explain(&error, "explain", USAGE))
}

/// No command, an unknown one, or a question about ringfence itself.
#[inline(never)]
pub(super) fn top(args: &[OsString]) -> Invocation {
    let names = [
        Command::new("run").about(RUN),
        Command::new("check").about(CHECK),
        Command::new("verify").about(VERIFY),
        Command::new("explain").about(EXPLAIN),
        Command::new("host").about(HOST),
        Command::new("inspect").about(INSPECT),
        Command::new("watch").about(super::denial::WATCH),
        Command::new("surface").about(SURFACE),
    ];
    let gate = super::gate::COMMANDS.map(|(name, about)| Command::new(name).about(about));
    let command = ringfence().subcommands(names).subcommands(gate);
    match command.no_binary_name(true).try_get_matches_from(args) {
        // The commands that exist are read elsewhere, so there is nothing left to match.
        Ok(_) => Invocation::Usage("error: no command\n".to_owned(), USAGE),
        Err(error) => explain(&error, "", USAGE),
    }
}

/// ringfence itself, without its commands.
fn ringfence() -> Command {
    Command::new("ringfence")
        .bin_name("ringfence")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Contains a program behind every control that Linux offers, from one policy")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .after_help(
            "`ringfence COMMAND --help` says more about each. docs/policy.md is the language of policies.",
        )
}

/// All of it at once, for the manual.
#[cfg(test)]
#[inline(never)]
pub(super) fn whole() -> Command {
    ringfence()
        .subcommands([
            run_command(),
            check_command(),
            verify_command(),
            explain_command(),
            host_command(),
            inspect_command(),
            super::denial::watch_command(),
            surface_command(),
        ])
        .subcommands(super::gate::whole())
}

const RUN: &str = "Runs a command contained";
const CHECK: &str = "Shows the plan that `run` would carry out, and changes nothing";
const VERIFY: &str = "Attempts every claim of a policy on this kernel, and says what holds";
const EXPLAIN: &str = "Shows the way of an operation through the controls, without trying it";
const HOST_AUDIT: &str = "Shows which denials leave a record on this host, and why";
const HOST: &str = "Shows what this kernel offers, and where that was read";
const INSPECT: &str = "Shows the controls that a live process really has, whoever gave them to it";
const SURFACE: &str =
    "Shows which system calls a filter leaves reachable, and how accurate the tables are here";

fn run_command() -> Command {
    let command = policy_flags(Command::new("run").bin_name("ringfence run").about(RUN));
    let command = command.args(event_flags());
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
    let words = Reported::ALL.map(|(name, _)| name);
    let format = format_flag().value_parser(words).default_value(words[0]);
    command
        .arg(format)
        .arg(switch("depth", "Try each denied operation with each control alone: how many hold it"))
        .arg(path("save", "Write what was found to a file, to be compared with later"))
        .arg(path("against", "Compare with a file that --save wrote; the exit status is about what changed"))
        .arg(switch("all", "Also show what holds, one by one"))
        .arg(file)
        .after_help("Exit status: 0 all held, 1 something broken, 2 bad input, 3 something unverifiable.")
}

fn explain_command() -> Command {
    let words = Arg::new("words").value_names(["POLICY", "OPERATION"]).num_args(1..=2).required(true);
    let words =
        words.help("The policy, where --policy does not give it, and the operation: `read /etc/shadow`");
    policy_flags(Command::new("explain").bin_name("ringfence explain").about(EXPLAIN))
        .arg(format_flag())
        .arg(words)
        .after_help("Exit status: 0, or 2 where the policy or the operation cannot be read.")
}

fn host_command() -> Command {
    let command = Command::new("host").bin_name("ringfence host").about(HOST).arg(format_flag());
    command.after_help("`ringfence host audit` shows which denials leave a record here.")
}

fn inspect_command() -> Command {
    let pid = Arg::new("pid").value_name("PID").help("The process, as this pid namespace names it");
    let command = Command::new("inspect").bin_name("ringfence inspect").about(INSPECT);
    command.arg(pid.required(true)).arg(format_flag()).after_help(
        "Namespaces, mounts, credentials, seccomp filters with what they permit (root only), labels of LSMs in the\n\
         order in which they are asked, rlimits and cgroups. What cannot be read is shown as unknown, with the\n\
         reason. The process is not changed; it stands still for some microseconds while its filters are read.\n\n\
         Exit status: 0, or 2 where there is no such process.",
    )
}

fn surface_command() -> Command {
    let subject = Arg::new("subject").value_name("FILE").num_args(1..).required_unless_present("check-man");
    let check = Arg::new("check-man").long("check-man").action(ArgAction::SetTrue);
    let man = Arg::new("man").long("man").value_name("DIR").default_value("/usr/share/man");
    let command = Command::new("surface").bin_name("ringfence surface").about(SURFACE);
    super::gate::reading(command.arg(subject.help("What to read")))
        .arg(check.help("Compare the tables with this kernel's symbols and with syscalls(2)"))
        .arg(man.help("Where the man pages are"))
        .arg(format_flag())
        .after_help(
            "FILE: as for `ringfence syscalls`.\n\n\
             Exit status: 0; 1 where a table and this kernel disagree; 2 where something cannot be read;\n\
             3 where a filter is too complex, or this kernel shows no symbols to compare with.",
        )
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

#[inline(never)]
pub(super) fn format_flag() -> Arg {
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

#[inline(never)]
pub(super) fn matches(command: Command, args: &[OsString]) -> Result<ArgMatches, clap::Error> {
    command.no_binary_name(true).try_get_matches_from(args)
}

#[inline(never)]
pub(super) fn format(matches: &ArgMatches) -> Format {
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
        let message =
            format!("{name} has no value, or is {value} its value?\n  help: no value begins with `--`\n");
        return Err(clap::Error::raw(ErrorKind::InvalidValue, message));
    }
    // `explain` and `verify` have no command.
    let command = matches.try_get_many::<OsString>("command").ok().flatten();
    let command = command.into_iter().flatten().cloned().collect();
    Ok(Job { policies, flags, command, events: Wanted::default() })
}

#[inline(never)]
pub(super) fn explain(error: &clap::Error, command: &str, status: u8) -> Invocation {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Invocation::Show(error.render().to_string()),
        _ => Invocation::Usage(mistake::text(error, command), status),
    }
}
