//! The flags of `run` that are about denials, and `watch`.

use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use ringfence::policy::Flag;
use ringfence::report::watch::Filter;

use crate::events::{Shape, Wanted};
use crate::lines::{self, Bounds};
use crate::run::Job;
use crate::watch::Wishes;

pub(super) const WATCH: &str = "Shows what is denied in every contained process of this host, as it happens";

/// What `run` tells of denials.
pub(super) fn event_flags() -> Vec<Arg> {
    let word = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    let switch = |name: &'static str| Arg::new(name).long(name).action(ArgAction::SetTrue);
    let flags = [
        word("explain", "SOURCE").value_parser(["ptrace"]).num_args(0..=1).require_equals(true).help(
            "Says what was denied, by which policy line, and what would allow it; =ptrace follows every call, \
             which sees what no other source tells an ordinary user, and is slow",
        ),
        word("audit", "EVENTS")
            .value_parser(["denials", "all"])
            .help("As --audit-events, and tells what was seen; all needs a source that sees what is allowed"),
        switch("suggest").help(
            "Says the smallest change of the policy that allows what was denied, and tries it; implies --explain",
        ),
        word("events", "FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Writes each denial to FILE as a line of JSON, as it happens"),
        word("events-format", "FORMAT")
            .value_parser(["json", "ocsf", "ecs"])
            .requires("events")
            .help("The form of these lines: ringfence's own, OCSF 1.8.0, or ECS 9.4.0"),
        word("events-limit", "SIZE")
            .requires("events")
            .help("Begins a new FILE at this size, such as 10M; older ones become FILE.1, FILE.2"),
        word("events-keep", "NUMBER")
            .value_parser(value_parser!(u32).range(0..1000))
            .requires("events-limit")
            .help("How many older files are kept (3)"),
        switch("events-arguments")
            .help("Records arguments and environment of programs, which may hold secrets; not otherwise"),
        switch("complete").help("Fails (125) where denials may have been missed"),
    ];
    flags.map(|arg| arg.help_heading("Denials")).into()
}

/// The job with what `run` alone takes.
pub(super) fn watched(matches: &ArgMatches, mut job: Job) -> Result<Job, clap::Error> {
    const KEY: &str = "--audit-events";
    let (file, complete) = (matches.get_one::<PathBuf>("events").cloned(), matches.get_flag("complete"));
    let audit = matches.get_one::<String>("audit");
    let explain = matches.contains_id("explain");
    let (suggest, arguments) = (matches.get_flag("suggest"), matches.get_flag("events-arguments"));
    let limit = matches.get_one::<String>("events-limit").map(|text| lines::size(text)).transpose();
    let limit =
        limit.map_err(|why| clap::Error::raw(ErrorKind::InvalidValue, format!("--events-limit: {why}\n")))?;
    let keep = matches.get_one::<u32>("events-keep").copied();
    job.events = Wanted {
        asked: explain || complete || suggest || audit.is_some() || file.is_some(),
        traced: matches.get_one::<String>("explain").is_some(),
        file,
        shape: match matches.get_one::<String>("events-format").map(String::as_str) {
            Some("ocsf") => Shape::Ocsf,
            Some("ecs") => Shape::Ecs,
            _ => Shape::Json,
        },
        bounds: Bounds { limit, keep: keep.unwrap_or(Bounds::default().keep) },
        arguments,
        complete,
        suggest,
    };
    // Landlock's own records are a source as well.
    let said = job.flags.iter().any(|flag| flag.name == KEY);
    let value = audit.cloned().or_else(|| (job.events.asked && !said).then(|| "denials".to_owned()));
    job.flags.extend(value.map(|value| Flag { name: KEY.to_owned(), value }));
    Ok(job)
}

/// `ringfence watch`.
pub(super) fn watch_command() -> Command {
    let word = |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    Command::new("watch")
        .bin_name("ringfence watch")
        .about(WATCH)
        .arg(word("policy", "POLICY").help("Only runs whose policies' names contain this"))
        .arg(word("control", "CONTROL").help("Only what this control denied: seccomp, mount, landlock"))
        .arg(
            word("pid", "NUMBER")
                .value_parser(value_parser!(u32))
                .help("Only this process, or the run of this launcher"),
        )
        .arg(word("call", "NAME").help("Only this system call"))
        .arg(
            word("count", "NUMBER")
                .value_parser(value_parser!(u64).range(1..))
                .help("Ends after so many events"),
        )
        .arg(super::full::format_flag())
        .after_help(
            "Runs with --explain, --audit, --events, --suggest or --complete are heard: those of the same user, and \
             for root\nthose of everybody. A watcher never slows a run down: what it is too slow for is counted.\n\n\
             Exit status: 0, or 2 where nothing can be watched.",
        )
}

/// What was asked of `watch`.
pub(super) fn wishes(matches: &ArgMatches) -> Wishes {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let filter = Filter {
        policy: text("policy"),
        control: text("control"),
        pid: matches.get_one::<u32>("pid").copied(),
        call: text("call"),
    };
    Wishes { filter, count: matches.get_one::<u64>("count").copied() }
}
