//! `[process]` as the launcher needs it: environment, descriptors, session, terminal, execve.

use std::ffi::{CStr, OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bumpalo::Bump;
use ringfence_bpf::table::Abi;
use ringfence_sys::abi::Vector;
use ringfence_sys::step::Step;

use crate::control::{Control, Planned, Refusal, Stage, arena, mount};
use crate::host::command::{Command, Format, Machine};
use crate::host::path::{Absent, Resolver};
use crate::host::process::is_directory;
use crate::policy::model::SyscallMode;
use crate::policy::{Origin, Policy};

use super::{Refused, Request};

/// Whether a variable of the caller's passes to the program, unless the policy sets it.
#[must_use]
pub fn passes(policy: &Policy, name: &OsStr) -> bool {
    policy.process.env_pass.iter().any(|pattern| match pattern.value.strip_suffix('*') {
        Some(prefix) => name.as_bytes().starts_with(prefix.as_bytes()),
        None => name == OsStr::new(&pattern.value),
    })
}

/// The environment that the program gets, in the order of names.
pub(super) fn environment(request: &Request<'_>) -> Vec<(OsString, OsString)> {
    let process = &request.policy.process;
    let kept = request.environment.iter().filter(|(name, _)| passes(request.policy, name));
    let mut variables: Vec<_> = kept
        .filter(|(name, _)| !process.env_set.keys().any(|set| OsStr::new(set) == name))
        .cloned()
        .collect();
    let set = process.env_set.iter();
    variables.extend(set.map(|(name, value)| (name.into(), OsString::from(value.value.as_str()))));
    variables.sort();
    variables
}

/// The last step: execve of `program`.
pub(super) fn exec<'a>(
    program: &Path,
    request: &Request<'_>,
    environment: &[(OsString, OsString)],
    token: u64,
    arena: &'a Bump,
) -> Result<Planned<'a>, Refusal> {
    let path = arena::path(arena, program, None)?;
    let arguments: Result<Vec<_>, _> =
        request.command.iter().map(|word| arena::cstr(arena, word.as_bytes())).collect();
    let variables: Result<Vec<_>, _> = environment
        .iter()
        .map(|(name, value)| arena::cstr(arena, &[name.as_bytes(), b"=", value.as_bytes()].concat()))
        .collect();
    let step =
        Step::Exec { path, argv: vector(&arguments?, arena)?, envp: vector(&variables?, arena)?, token };
    Ok(Planned { stage: Stage::Exec, control: Control::Launch, step, at: None })
}

fn vector<'a>(strings: &[&'a CStr], arena: &'a Bump) -> Result<Vector<'a>, Refusal> {
    let strings = arena.alloc_slice_copy(strings);
    let room = arena.alloc_slice_fill_copy(strings.len() + 1, std::ptr::null());
    Vector::fill(strings, room).ok_or_else(|| Refusal {
        message: "the argument vector could not be made".into(),
        help: "this is a defect of ringfence: report it".into(),
        at: None,
    })
}

/// `process.cwd`, resolved.
pub(super) struct Directory {
    path: PathBuf,
    at: Origin,
}

/// Resolves `process.cwd`.
pub(super) fn wanted_directory(
    policy: &Policy,
    resolver: &mut Resolver<'_>,
    refused: &mut Vec<Refused>,
) -> Option<Directory> {
    let spec = policy.process.cwd.as_ref()?;
    match resolver.resolve(spec, None, Absent::Refused) {
        Ok(found) => found.map(|found| Directory { path: found.real, at: spec.at }),
        Err(refusal) => {
            refused.push(refusal.into());
            None
        }
    }
}

/// The directory that the program starts in: the wanted one, else the caller's where the view
/// shows it, else `/`.
pub(super) fn working_directory<'a>(
    wanted: Option<Directory>,
    request: &Request<'_>,
    view: Option<&mount::Model>,
    arena: &'a Bump,
) -> Result<Planned<'a>, Refusal> {
    let shown = |path: &Path| view.is_none_or(|view| view.shows(path));
    let (path, at) = match wanted {
        Some(Directory { path, at }) if !shown(&path) => {
            return Err(Refusal {
                message: format!(
                    "the program is to start in `{}`, which is not part of its view",
                    path.display()
                ),
                help: "add it to `fs.read` or `fs.write`, or change `process.cwd`".into(),
                at: Some(at),
            });
        }
        Some(Directory { path, at }) => (path, Some(at)),
        None => match &request.surroundings.directory {
            Some(directory) if shown(directory) => (directory.clone(), None),
            _ => ("/".into(), None),
        },
    };
    let step = Step::Chdir(arena::path(arena, &path, at)?);
    Ok(Planned { stage: Stage::Cwd, control: Control::Launch, step, at })
}

/// Closes every descriptor but those of the policy, which survive execve.
pub(super) fn descriptors<'a>(policy: &Policy, refused: &mut Vec<Refused>) -> Vec<Planned<'a>> {
    let at = Some(policy.process.fds_at);
    let mut steps = Vec::new();
    let mut push =
        |step| steps.push(Planned { stage: Stage::Descriptors, control: Control::Launch, step, at });
    let mut first = 0;
    for &fd in &policy.process.fds {
        if fd > first {
            push(Step::CloseRange { first, last: fd - 1, on_exec: false });
        }
        first = fd + 1;
        let Ok(number) = i32::try_from(fd) else { continue };
        if is_directory(fd) {
            refused.push(Refused {
                message: format!(
                    "descriptor {fd} is a directory: what lies below it would be reached past the view"
                ),
                help: "redirect it from a file, or remove it from `process.fds`; a directory that is meant gets a \
                       number above 2"
                    .into(),
                at,
            });
        }
        if fd > 2 {
            if !Path::new(&format!("/proc/self/fd/{fd}")).exists() {
                refused.push(Refused {
                    message: format!("descriptor {fd} is to be kept, but is not open"),
                    help: format!(
                        "open it for ringfence ({fd}<file in a shell), or remove it from `process.fds`"
                    ),
                    at,
                });
            }
            push(Step::Dup { from: number, to: number });
        }
    }
    push(Step::CloseRange { first, last: u32::MAX, on_exec: false });
    steps
}

/// An own session always, so that `/dev/tty` is never the caller's; an own terminal where one is passed.
pub(super) fn session<'a>(terminal: u8, own_dev: bool) -> Vec<Planned<'a>> {
    let planned = |step| Planned { stage: Stage::Session, control: Control::Launch, step, at: None };
    let mut steps = vec![planned(Step::Setsid)];
    if terminal != 0 {
        let ptmx = if own_dev { c"/dev/pts/ptmx" } else { c"/dev/ptmx" };
        steps.push(planned(Step::OpenTerminal { ptmx, fds: terminal }));
    }
    steps
}

/// Whether the view lets the command be executed, and whatever the kernel starts in its stead.
pub(super) fn reachable(found: &Command, view: Option<&mount::Model>) -> Result<(), super::Failure> {
    let Some(view) = view else { return Ok(()) };
    for program in programs(found) {
        if !view.executes(program) {
            let shown = if view.shows(program) { "may not be executed" } else { "is not part of its view" };
            return Err(super::Failure::Command {
                message: format!("`{}` {shown}", program.display()),
                help: format!("add it, or a directory above it, to fs.exec: --fs-exec {}", program.display()),
                status: 126,
            });
        }
    }
    Ok(())
}

/// Whether the filter lets a program of another ABI through the gate. Else it would be started, and
/// its first system call denied.
pub(super) fn speaks(found: &Command, policy: &Policy) -> Result<(), super::Failure> {
    let abi = match &found.format {
        Format::Script { interpreter, .. } => return speaks(interpreter, policy),
        Format::Elf { machine: Machine::I386, .. } => Abi::I386,
        Format::Elf { machine: Machine::X32, .. } => Abi::X32,
        _ => return Ok(()),
    };
    let filtered = policy.syscalls.mode.value != SyscallMode::Off;
    if !filtered || policy.syscalls.abis.iter().any(|allowed| allowed.value == abi) {
        return Ok(());
    }
    let (program, name) = (found.resolved.real.display(), abi.name());
    Err(super::Failure::Command {
        message: format!("`{program}` is a program of the {name} ABI, which the policy does not allow"),
        help: format!("name both in syscalls.abis: --syscalls-abis=x86_64 --syscalls-abis={name}"),
        status: 126,
    })
}

/// A script is executed by the name under which its interpreter shall find it, anything else by
/// where it really is, so that no link on the way needs to be part of the view.
pub(super) fn path_to_execute(found: &Command) -> &Path {
    match found.format {
        Format::Script { .. } => &found.path,
        _ => &found.resolved.real,
    }
}

/// The command, and every interpreter that the kernel starts for it.
fn programs(found: &Command) -> Vec<&Path> {
    let mut programs = vec![found.resolved.real.as_path()];
    match &found.format {
        Format::Script { interpreter, .. } | Format::Elf { interpreter: Some(interpreter), .. } => {
            programs.extend(self::programs(interpreter));
        }
        _ => {}
    }
    programs
}
