//! The arguments of the gate's commands: `syscalls`, `diff`, `import`, `export`.

use std::ffi::OsString;

use clap::{Arg, ArgAction, ArgMatches, Command as Clap};
use ringfence::exchange::export::Target;
use ringfence::exchange::{Capabilities, Conditions, Kernel, Language};
use ringfence_bpf::finding::Severity;

use super::full::{explain, format, format_flag, matches};
use super::{Invocation, USAGE};
use crate::gate::{Command, FailOn, Job, Reading, profile};

/// What each does, for the list of commands.
pub(super) const COMMANDS: [(&str, &str); 4] = [
    ("syscalls", "Says exactly what a seccomp filter permits; checks, proves and shortens filters"),
    ("diff", "Shows the calls and arguments that two filters or policies answer differently"),
    ("import", "Turns a filter of another tool into a policy, proven equal"),
    ("export", "Turns a filter into another language, proven equal; a policy into an LSM's"),
];

const INPUTS: &str = "FILE: an OCI, Docker or Podman profile, a systemd unit, a minijail policy, Firecracker's or \
                      seccompiler's JSON (FILE#THREAD), raw BPF, or a policy of ringfence, known by its content;\n\
                      builtin:NAME; pid:N, the filters of a live process (root only); - for standard input.\n\n\
                      Exit status: 0 it holds, 1 it does not, 2 bad input, 3 it cannot be verified.";

/// `ringfence syscalls …`, `diff`, `import` and `export`; `args` without the first word.
pub(super) fn parse(name: &str, args: &[OsString]) -> Invocation {
    let command = match name {
        "syscalls" => syscalls(),
        "diff" => diff(),
        "import" => import(),
        _ => export(),
    };
    match matches(command, args).and_then(|matches| job(name, &matches)) {
        Ok(job) => Invocation::Gate(Box::new(job)),
        Err(error) => explain(&error, name, USAGE),
    }
}

fn about(name: &str) -> &'static str {
    COMMANDS.iter().find(|(known, _)| *known == name).map_or("", |(_, about)| about)
}

fn top(name: &'static str) -> Clap {
    Clap::new(name).bin_name(format!("ringfence {name}")).about(about(name)).after_help(INPUTS)
}

/// All of them, for the manual.
#[cfg(test)]
pub(super) fn whole() -> [Clap; 4] {
    [syscalls(), diff(), import(), export()]
}

fn syscalls() -> Clap {
    let sub = |name: &'static str, about: &'static str| {
        reading(Clap::new(name).about(about).after_help(INPUTS)).arg(format_flag())
    };
    let asm = Arg::new("asm").long("asm").action(ArgAction::SetTrue).help("The instructions as well");
    let fail_on = words("fail-on", "SEVERITY", &["note", "low", "medium", "high", "never"], "high");
    let fail_on = fail_on.help("Findings this bad or worse make it fail");
    let subset = Arg::new("subset").long("subset").action(ArgAction::SetTrue);
    let call = positional("call", "CALL", "A call, as in 'i386:ioctl(0, TIOCSTI, _)'");
    top("syscalls")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(sub("show", "What it permits through each ABI, as rules").arg(input()).arg(asm))
        .subcommand(sub("check", "What is wrong with it, each with a witness").arg(input()).arg(fail_on))
        .subcommand(
            sub("optimise", "A shorter program, proven equal, as raw BPF")
                .arg(input())
                .arg(output().required(true)),
        )
        .subcommand(
            sub("prove", "Whether two filters are equal for every input")
                .arg(positional("a", "A", "A filter"))
                .arg(positional("b", "B", "Another filter"))
                .arg(subset.help("Only whether A permits nothing that B does not")),
        )
        .subcommand(sub("eval", "What it answers to one call, and by which rule").arg(input()).arg(call))
}

fn diff() -> Clap {
    let fail_on = words("fail-on", "WHICH", &["any", "widen"], "any");
    reading(top("diff"))
        .arg(positional("a", "OLD", "A filter or policy"))
        .arg(positional("b", "NEW", "Another filter or policy"))
        .arg(fail_on.help("Which differences make it fail"))
        .arg(format_flag())
}

fn import() -> Clap {
    reading(top("import")).arg(input()).arg(as_read()).arg(output())
}

fn export() -> Clap {
    let labels = profile::Language::ALL.iter().map(|(_, name)| *name);
    let names: Vec<&'static str> = Target::ALL.iter().map(|(_, name)| *name).chain(labels).collect();
    let name = Arg::new("name").long("name").value_name("NAME");
    let name = name.help("The profile's name, for apparmor and cil (otherwise made from FILE's)");
    let to = Arg::new("to").long("to").value_name("LANGUAGE").value_parser(names).required(true);
    reading(top("export"))
        .arg(input())
        .arg(to.help("The language to write"))
        .arg(as_read())
        .arg(output())
        .arg(name)
}

fn positional(id: &'static str, name: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(name).help(help).required(true)
}

fn input() -> Arg {
    positional("input", "FILE", "What to read")
}

fn output() -> Arg {
    Arg::new("output").short('o').long("output").value_name("OUT").help("Where to write")
}

fn as_read() -> Arg {
    let help = "Compare the bits that the kernel reads only, where the filter compares more";
    Arg::new("as-read").long("as-read").action(ArgAction::SetTrue).help(help)
}

fn words(name: &'static str, value: &'static str, words: &[&'static str], default: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).value_parser(words.to_vec()).default_value(default)
}

/// How inputs are read.
pub(super) fn reading(command: Clap) -> Clap {
    let names: Vec<&'static str> = Language::ALL.iter().map(|(_, name)| *name).collect();
    let from = Arg::new("from").long("from").value_name("LANGUAGE").value_parser(names);
    let caps = Arg::new("caps").long("caps").value_name("CAPS").value_parser(capabilities);
    let kernel = Arg::new("kernel").long("kernel").value_name("VERSION").value_parser(kernel);
    let include = Arg::new("include").long("include").value_name("DIR").action(ArgAction::Append);
    command
        .arg(from.help("The language, where the content does not tell"))
        .arg(
            caps.help(
                "The container's capabilities, for OCI profiles: all, none, or a list; otherwise Docker's",
            ),
        )
        .arg(kernel.help("The kernel, for OCI profiles; otherwise the newest"))
        .arg(include.help("Where else to look for files that a minijail policy includes; repeatable"))
}

fn capabilities(text: &str) -> Result<Capabilities, String> {
    match text {
        "all" => return Ok(Capabilities::All),
        "none" => return Ok(Capabilities::Only(std::collections::BTreeSet::new())),
        _ => {}
    }
    let name = |word: &str| {
        let name = word.trim().to_ascii_uppercase();
        let name = if name.starts_with("CAP_") { name } else { format!("CAP_{name}") };
        let plain = name.len() > 4 && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        if plain { Ok(name) } else { Err(format!("`{word}` is no capability, as in SYS_ADMIN")) }
    };
    text.split(',').map(name).collect::<Result<_, _>>().map(Capabilities::Only)
}

fn kernel(text: &str) -> Result<Kernel, String> {
    Kernel::parse(text).ok_or_else(|| "a version begins with two numbers, as in 6.1".to_owned())
}

fn job(name: &str, matches: &ArgMatches) -> Result<Job, clap::Error> {
    let (name, matches) = match (name, matches.subcommand()) {
        ("syscalls", Some((sub, matches))) => (sub, matches),
        (name, _) => (name, matches),
    };
    let text = |id: &str| matches.get_one::<String>(id).cloned().unwrap_or_default();
    let flag = |id: &str| matches.get_flag(id);
    let input = || text("input");
    let command = match name {
        "show" => Command::Show { input: input(), assembly: flag("asm") },
        "check" => {
            let least = text("fail-on");
            let fail_on = Severity::ALL.into_iter().find(|severity| severity.name() == least);
            Command::Check { input: input(), fail_on }
        }
        "optimise" => Command::Optimise { input: input(), output: text("output") },
        "prove" => Command::Prove { a: text("a"), b: text("b"), within: flag("subset") },
        "eval" => Command::Eval { input: input(), call: text("call") },
        "diff" => {
            let fail_on = if text("fail-on") == "widen" { FailOn::Widen } else { FailOn::Any };
            Command::Diff { old: text("a"), new: text("b"), fail_on }
        }
        _ => {
            let target = match matches.try_get_one::<String>("to") {
                Ok(Some(word)) => {
                    Target::ALL.iter().find(|(_, name)| name == word).map(|(target, _)| *target)
                }
                _ => None,
            };
            let output = matches.get_one::<String>("output").cloned();
            let label = match matches.try_get_one::<String>("to") {
                Ok(Some(word)) => profile::Language::ALL.iter().find(|(_, name)| name == word),
                _ => None,
            };
            let as_read = flag("as-read");
            match label {
                Some((language, _)) => {
                    let name = matches.get_one::<String>("name").cloned();
                    Command::Label { input: input(), language: *language, name, output }
                }
                None => {
                    let target = target.unwrap_or(Target::Ringfence);
                    Command::Export { input: input(), target, as_read, output }
                }
            }
        }
    };
    // `import` prints a policy, and nothing else.
    let format =
        if matches.try_contains_id("format").is_ok() { format(matches) } else { crate::check::Format::Human };
    Ok(Job { command, reading: read(matches), format })
}

/// The values of [`reading`].
pub(super) fn read(matches: &ArgMatches) -> Reading {
    let language = matches
        .get_one::<String>("from")
        .and_then(|word| Language::ALL.iter().find(|(_, name)| name == word).map(|(language, _)| *language));
    let mut conditions = Conditions::default();
    if let Some(capabilities) = matches.get_one::<Capabilities>("caps") {
        conditions.capabilities = capabilities.clone();
    }
    if let Some(kernel) = matches.get_one::<Kernel>("kernel") {
        conditions.kernel = *kernel;
    }
    let directories = matches.get_many("include").into_iter().flatten().cloned().collect();
    Reading { language, conditions, directories }
}
