//! Finds the command: along PATH as execvp(3) does, and what execve(2) will make of it.

mod format;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};
use rustix::io::Errno;

use super::path::{Fault, Kind, Resolved, Resolver};
use crate::policy::nearest;

use format::Said;
pub use format::{Format, Machine};

/// What PATH is where there is none: `_PATH_DEFPATH` of paths.h, without the working directory.
pub const DEFAULT_PATH: &str = "/usr/bin:/bin";

/// Interpreters of interpreters, `BINPRM` of fs/exec.c: the sixth is ELOOP.
const MOST_INTERPRETERS: usize = 5;

/// A program to execute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// As it was asked for.
    pub name: OsString,
    /// The absolute path where it was found; execve(2) takes it, and links in it are followed.
    pub path: PathBuf,
    /// Where that leads.
    pub resolved: Resolved,
    /// What it is.
    pub format: Format,
}

/// A command that cannot be run, with the exit status that a shell would give.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotRunnable {
    /// 127: not found; 126: found, but not executable.
    pub status: u8,
    /// What is the matter.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

/// Finds a command. `search` is the PATH that the program will have; relative names are below the
/// working directory of the resolver's surroundings.
///
/// # Errors
/// 127 where there is none, 126 where it cannot be executed.
pub fn find(
    name: &OsStr,
    search: Option<&OsStr>,
    resolver: &mut Resolver<'_>,
) -> Result<Command, NotRunnable> {
    let path = if name.as_bytes().contains(&b'/') {
        direct(name, resolver)?
    } else {
        along_path(name, search.unwrap_or(OsStr::new(DEFAULT_PATH)), resolver)?
    };
    command(name, path, resolver, 0)
}

/// What a file that is executed is, and what its interpreters are.
fn command(
    name: &OsStr,
    path: PathBuf,
    resolver: &mut Resolver<'_>,
    depth: usize,
) -> Result<Command, NotRunnable> {
    let resolved = locate(&path, resolver)?;
    let format = match format::read(&resolved.real) {
        Said::Other => Format::Other,
        Said::Unreadable => Format::Unreadable,
        Said::Script { interpreter, argument } => {
            if depth == MOST_INTERPRETERS {
                return Err(NotRunnable {
                    status: 126,
                    message: format!("{}: more than 5 interpreters, one for the other", path.display()),
                    help: "let a `#!` line name a program that is no script".to_owned(),
                });
            }
            let found = interpreter_path(&path, &interpreter, resolver)?;
            let interpreter = Box::new(command(interpreter.as_os_str(), found, resolver, depth + 1)?);
            Format::Script { interpreter, argument }
        }
        Said::Elf { machine, interpreter: None } => Format::Elf { machine, interpreter: None },
        Said::Elf { machine, interpreter: Some(interpreter) } => {
            let found = interpreter_path(&path, &interpreter, resolver)?;
            let loader = Command {
                resolved: locate(&found, resolver)?,
                name: interpreter.into_os_string(),
                path: found,
                format: Format::Elf { machine, interpreter: None },
            };
            Format::Elf { machine, interpreter: Some(Box::new(loader)) }
        }
    };
    Ok(Command { name: name.to_owned(), path, resolved, format })
}

fn locate(path: &Path, resolver: &mut Resolver<'_>) -> Result<Resolved, NotRunnable> {
    resolver.locate(path).map_err(|fault| NotRunnable {
        status: 126,
        message: format!("{}: {fault}", path.display()),
        help: fault.help(&path.to_string_lossy()),
    })
}

/// Where the interpreter of `program` is, if it can be executed.
fn interpreter_path(
    program: &Path,
    interpreter: &Path,
    resolver: &Resolver<'_>,
) -> Result<PathBuf, NotRunnable> {
    let path = absolute(interpreter, resolver)?;
    match check(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(bad_interpreter(program, interpreter, error)),
    }
}

fn bad_interpreter(path: &Path, interpreter: &Path, error: Errno) -> NotRunnable {
    NotRunnable {
        status: if error == Errno::NOENT { 127 } else { 126 },
        message: format!("{}: its interpreter {}: {error}", path.display(), interpreter.display()),
        help: "install the interpreter that the file names, or name another in it".to_owned(),
    }
}

/// A name with a slash in it.
fn direct(name: &OsStr, resolver: &Resolver<'_>) -> Result<PathBuf, NotRunnable> {
    let path = absolute(Path::new(name), resolver)?;
    match check(&path) {
        Ok(()) => Ok(path),
        Err(error) => Err(refused(&path, error)),
    }
}

/// A name without: the first file in PATH that may be executed. What may not is remembered, as
/// execvp(3) does, and is the error where nothing else is found.
fn along_path(name: &OsStr, search: &OsStr, resolver: &Resolver<'_>) -> Result<PathBuf, NotRunnable> {
    if name.is_empty() {
        return Err(NotRunnable {
            status: 127,
            message: "the command is an empty word".to_owned(),
            help: "name a program; in a shell, a variable without a value may stand in its place".to_owned(),
        });
    }
    let (mut denied, mut closed) = (None, None);
    for directory in search.as_bytes().split(|byte| *byte == b':') {
        let directory =
            if directory.is_empty() { Path::new(".") } else { Path::new(OsStr::from_bytes(directory)) };
        let Ok(path) = absolute(&directory.join(name), resolver) else { continue };
        match check(&path) {
            Ok(()) => return Ok(path),
            // Whether it is there at all, nobody can tell: for a shell it is not.
            Err(Errno::ACCESS) if rustix::fs::stat(&path).is_err_and(|error| error == Errno::ACCESS) => {
                closed = closed.or(Some(directory.to_owned()));
            }
            Err(Errno::ACCESS | Errno::PERM | Errno::ISDIR) if denied.is_none() => denied = Some(path),
            Err(_) => {}
        }
    }
    Err(match denied {
        Some(path) => refused(&path, Errno::ACCESS),
        None => not_found(name, search, closed.as_deref()),
    })
}

fn absolute(path: &Path, resolver: &Resolver<'_>) -> Result<PathBuf, NotRunnable> {
    if path.is_absolute() {
        return Ok(path.to_owned());
    }
    let directory = resolver.surroundings().directory.as_ref().ok_or_else(|| NotRunnable {
        status: 127,
        message: format!("{}: {}", path.display(), Fault::NoDirectory),
        help: Fault::NoDirectory.help(""),
    })?;
    Ok(directory.join(path.strip_prefix("./").unwrap_or(path)))
}

/// Whether execve(2) would take a file, as far as its directory entry tells.
fn check(path: &Path) -> Result<(), Errno> {
    let stat = rustix::fs::stat(path)?;
    match Kind::of(stat.st_mode) {
        Kind::Dir => Err(Errno::ISDIR),
        // Also says EACCES on a mount with `noexec`.
        Kind::File => accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS),
        _ => Err(Errno::ACCESS),
    }
}

fn refused(path: &Path, error: Errno) -> NotRunnable {
    let shown = path.display();
    let (status, what, help) = match (error, rustix::fs::stat(path)) {
        (Errno::NOENT, _) => (127, "no such file".to_owned(), format!("look at {shown}")),
        (Errno::NOTDIR, _) => {
            (126, "a part of the path is not a directory".to_owned(), format!("look at {shown}"))
        }
        (Errno::ACCESS | Errno::PERM | Errno::ISDIR, Ok(stat)) if Kind::of(stat.st_mode) == Kind::Dir => {
            (126, "is a directory".to_owned(), "name a program in it".to_owned())
        }
        (Errno::ACCESS | Errno::PERM, Ok(stat)) if stat.st_mode & 0o111 != 0 => (
            126,
            "permission denied".to_owned(),
            "it is executable, but not for you, or its file system is mounted noexec".to_owned(),
        ),
        (Errno::ACCESS | Errno::PERM, Ok(_)) => {
            (126, "permission denied".to_owned(), format!("it is not executable: chmod +x {shown}"))
        }
        (error, _) => (126, error.to_string(), format!("look at {shown}")),
    };
    NotRunnable { status, message: format!("{shown}: {what}"), help }
}

/// `closed`: a directory of PATH that the caller may not search.
fn not_found(name: &OsStr, search: &OsStr, closed: Option<&Path>) -> NotRunnable {
    let shown = name.to_string_lossy();
    let mut names = Vec::new();
    for directory in std::env::split_paths(search).filter(|directory| directory.is_absolute()) {
        let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
        // A directory of programs has some thousand; a huge one is not worth a message.
        names.extend(entries.take(20_000).filter_map(|entry| entry.file_name().into_string().ok()));
    }
    let closed = closed.map_or_else(String::new, |path| format!("; you may not search {}", path.display()));
    let help = match nearest(&shown, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean {near}? PATH is {}{closed}", search.to_string_lossy()),
        None => format!("PATH is {}{closed}", search.to_string_lossy()),
    };
    NotRunnable { status: 127, message: format!("{shown}: command not found"), help }
}

#[cfg(test)]
mod tests;
