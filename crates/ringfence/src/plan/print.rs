//! A plan for people: the steps in order, and what was asked and given.

use std::fmt::Write as _;

use ringfence_sys::step::{Dir, Step};

use crate::control::seccomp::Proof;
use crate::control::{Actual, Planned, Promise};
use crate::policy::{Origin, Policy};

use super::{Mode, Plan};

/// The plan as text, one step a line. `proof`: of its filter.
#[must_use]
pub fn human(plan: &Plan<'_>, policy: &Policy, proof: Option<&Proof>) -> String {
    let mut text = String::new();
    let mode = match plan.mode {
        Mode::InPlace => "in place: ringfence becomes the command, and no supervisor stays".to_owned(),
        Mode::Supervised { why } => format!("supervised: {why}"),
    };
    let _ = writeln!(text, "mode     {mode}");
    let namespaces = namespace_names(plan.clone_flags);
    if !namespaces.is_empty() {
        let _ = writeln!(text, "clone3   {}", namespaces.join(" "));
    }
    match proof {
        Some(Proof::Equal { instructions }) => {
            let _ = writeln!(text, "filter   {instructions} instructions, proven equal to its rules");
        }
        Some(Proof::TooComplex { instructions, why }) => {
            let _ =
                writeln!(text, "filter   {instructions} instructions, not proven equal to its rules: {why}");
        }
        None => {}
    }
    for path in &plan.placeholders {
        let _ = writeln!(text, "mkdir    {} (until the end, to hold a denied path)", path.display());
    }
    if let Some(profile) = &plan.profile {
        let _ = writeln!(text, "load     AppArmor profile, until the end:");
        text.extend(profile.text.lines().map(|line| format!("         {line}\n")));
    }
    let _ = writeln!(text, "\nsteps");
    for (number, planned) in plan.steps.iter().enumerate() {
        let _ = writeln!(text, "{}", step_line(number, planned, policy));
    }
    let _ = writeln!(text, "\nrequested versus actual");
    for promise in &plan.promises {
        let _ = writeln!(text, "{}", promise_line(promise, plan, policy));
    }
    if !policy.aside.is_empty() {
        let _ = writeln!(text, "\nset aside by a higher layer");
    }
    for aside in &policy.aside {
        let _ = writeln!(text, "      {}  by {}", quoted(aside.at, policy), quoted(aside.by, policy));
    }
    text
}

/// What was written, and where.
#[must_use]
pub fn quoted(at: Origin, policy: &Policy) -> String {
    let place = policy.place(at);
    let word: String = place.text.chars().skip(place.column.saturating_sub(1)).take(place.len).collect();
    format!("{word} [{place}]")
}

/// `namespaces(7)` by their flags.
#[must_use]
pub fn namespace_names(flags: u64) -> Vec<&'static str> {
    const NAMES: [(u64, &str); 8] = [
        (0x1000_0000, "user"),
        (0x0002_0000, "mnt"),
        (0x2000_0000, "pid"),
        (0x4000_0000, "net"),
        (0x0800_0000, "ipc"),
        (0x0400_0000, "uts"),
        (0x0200_0000, "cgroup"),
        (0x80, "time"),
    ];
    NAMES.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name).collect()
}

fn step_line(number: usize, planned: &Planned<'_>, policy: &Policy) -> String {
    let call = format!("{}{}", planned.step.name(), detail(&planned.step));
    let place = planned.at.map(|at| format!("  [{}]", place(at, policy))).unwrap_or_default();
    format!("{number:>4}  {:<11} {call}{place}", control_name(planned.control))
}

fn promise_line(promise: &Promise, plan: &Plan<'_>, policy: &Policy) -> String {
    let actual = match &promise.actual {
        Actual::Full => "given".to_owned(),
        Actual::Missing { why } if plan.degraded.contains(&promise.name) => {
            format!("MISSING, let pass by [degrade]: {why}")
        }
        Actual::Missing { why } => format!("MISSING: {why}"),
    };
    let place = promise.at.map(|at| format!("  [{}]", place(at, policy))).unwrap_or_default();
    format!("      {:<22} {}: {actual}{place}", promise.name, promise.requested)
}

/// `file:line` of a policy line.
#[must_use]
pub fn place(at: Origin, policy: &Policy) -> String {
    let place = policy.place(at);
    format!("{}:{}", place.file, place.line)
}

/// A control as plans and errors name it.
#[must_use]
pub fn control_name(control: crate::control::Control) -> String {
    control.name().to_owned()
}

/// The arguments of a step, as far as they help a reader.
#[must_use]
pub fn detail(step: &Step<'_>) -> String {
    let dir = |dir: &Dir| match dir {
        Dir::Cwd => String::new(),
        Dir::Slot(slot) => format!("fd{}:", slot.0),
    };
    let text = |path: &std::ffi::CStr| path.to_string_lossy().into_owned();
    let inside = match step {
        Step::OpenTerminal { ptmx, fds } => format!("{}, descriptors {fds:#05b}", text(ptmx)),
        Step::Umask(mask) => format!("{mask:04o}"),
        Step::Rlimit { resource, soft, hard } => format!("{}, {soft}, {hard}", rlimit_name(*resource)),
        Step::WriteFile { path, data } => {
            format!("{}, {:?}", text(path), String::from_utf8_lossy(data).trim_end())
        }
        Step::Dup { from, to } => format!("{from}, {to}"),
        Step::CloseRange { first, last, .. } => format!("{first}, {last}"),
        Step::Unshare(flags) => namespace_names(*flags).join(" "),
        Step::Hostname(name) => String::from_utf8_lossy(name).into_owned(),
        Step::MountSetattr { dir: start, path, attr, recursive } => {
            let recursive = if *recursive { ", recursive" } else { "" };
            format!("{}{}, {}{recursive}", dir(start), text(path), attributes(attr.set, attr.propagation))
        }
        Step::CloneTree { path, slot } => format!("{} -> fd{}", text(path), slot.0),
        Step::MoveMount { tree, dir: start, path, .. } => {
            format!("fd{} -> {}{}", tree.0, dir(start), text(path))
        }
        Step::NewFilesystem { fstype, attr, slot, .. } => {
            format!("{}, {} -> fd{}", text(fstype), attributes(*attr, 0), slot.0)
        }
        Step::Mount { fstype, target, flags, .. } => {
            format!("{} on {}, {}", text(fstype), text(target), attributes(*flags, 0))
        }
        Step::Mkdir { dir: start, path, .. } | Step::Mkfile { dir: start, path, .. } => {
            format!("{}{}", dir(start), text(path))
        }
        Step::Symlink { target, dir: start, path } => {
            format!("{}{} -> {}", dir(start), text(path), text(target))
        }
        Step::Chmod { dir: start, path, mode } => format!("{}{}, {mode:04o}", dir(start), text(path)),
        Step::PivotRoot { root } => format!("fd{}", root.0),
        Step::Chdir(path) => text(path),
        Step::Setgroups(groups) => format!("{groups:?}"),
        Step::Setgid(id) | Step::Setuid(id) => id.to_string(),
        Step::Securebits(bits) => format!("{bits:#x}"),
        Step::DropBounding { keep, .. } => format!("all but {keep:#x}"),
        Step::Capset { effective, permitted, inheritable } => {
            format!("effective {effective:#x}, permitted {permitted:#x}, inheritable {inheritable:#x}")
        }
        Step::Ambient(raise) => format!("{raise:#x}"),
        Step::LandlockCreate { attr, .. } => {
            format!("fs {:#x}, net {:#x}, scoped {:#x}", attr.fs, attr.net, attr.scoped)
        }
        Step::ShowPlace { path } => text(path),
        Step::LandlockPath { path, access, .. } => format!("{}, {access:#x}", text(path)),
        Step::LandlockPort { port, access, .. } => format!("port {port}, {access:#x}"),
        Step::LandlockRestrict { flags, .. } => format!("flags {flags:#x}"),
        Step::LandlockRecorded => "denied by Landlock: audit records the domain".to_owned(),
        Step::SeccompListen { program, flags, .. } => {
            format!("{} instructions, flags {flags:#x}, denials are told", program.len())
        }
        Step::OpenDirectory { path, slot } => format!("{} -> fd{}", text(path), slot.0),
        Step::ExecLabel { proc, file, text: label } => {
            format!("fd{}:{}, {:?}", proc.0, text(file), String::from_utf8_lossy(label))
        }
        Step::SeccompFilter { program, flags } => format!("{} instructions, flags {flags:#x}", program.len()),
        Step::Exec { path, .. } => text(path),
        _ => String::new(),
    };
    if inside.is_empty() { inside } else { format!(" ({inside})") }
}

fn attributes(set: u64, propagation: u64) -> String {
    const NAMES: [(u64, &str); 4] = [(1, "ro"), (2, "nosuid"), (4, "nodev"), (8, "noexec")];
    let mut words: Vec<_> = NAMES.iter().filter(|(bit, _)| set & bit != 0).map(|(_, name)| *name).collect();
    if propagation != 0 {
        words.push("private");
    }
    words.join(" ")
}

fn rlimit_name(resource: u32) -> String {
    const NAMES: [&str; 16] = [
        "CPU",
        "FSIZE",
        "DATA",
        "STACK",
        "CORE",
        "RSS",
        "NPROC",
        "NOFILE",
        "MEMLOCK",
        "AS",
        "LOCKS",
        "SIGPENDING",
        "MSGQUEUE",
        "NICE",
        "RTPRIO",
        "RTTIME",
    ];
    NAMES.get(resource as usize).map_or_else(|| resource.to_string(), |name| format!("RLIMIT_{name}"))
}
