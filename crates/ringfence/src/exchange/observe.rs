//! The filters of a live process. Read-only, but that the process stands still meanwhile.
//!
//! Source: proc_pid_status(5), ptrace(2) `PTRACE_SECCOMP_GET_FILTER`.

use std::collections::BTreeMap;
use std::io;

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::Insn;
use ringfence_bpf::table::{self, Abi};
use ringfence_sys::Errno;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::ptrace::{Failure, MAX_INSNS, Stopped};

use super::listing::{Arch, Clause, Listing};
use super::{Error, Filter, Gate, Imported, Language, Meaning, Note, raw};
use crate::control::seccomp::observe::{self, Mode};

/// The most filters of one process: more would exceed the kernel's 32,768 instructions in all, of
/// which each costs four more (`MAX_INSNS_PER_PATH`).
const FILTERS: usize = 8192;

/// The filters of a process or thread, the one attached first first. It is stopped for some
/// microseconds, gets no signal, and runs on as it was.
///
/// # Errors
/// It is gone, has ended, belongs to someone else or is traced; the caller may not read filters.
pub fn live(pid: u32) -> Result<Imported, Error> {
    let place = format!("pid:{pid}");
    let seen = observe::read(pid).map_err(|error| status(pid, &error))?;
    if ended(pid) {
        return Err(Error::new("the process has ended, and waits for its parent").at(place));
    }
    let (stack, notes) = match seen.mode {
        Mode::Disabled => (Vec::new(), vec![Note::new("the process has no filter: everything is allowed")]),
        Mode::Strict => (vec![Filter::listing("strict mode", strict())], Vec::new()),
        Mode::Filter => (filters(pid).map_err(|error| error.at(place))?, Vec::new()),
    };
    let gate = Gate { name: String::new(), stack };
    Ok(Imported { language: Language::Bpf, gates: vec![gate], notes })
}

fn status(pid: u32, error: &io::Error) -> Error {
    let message = match error.kind() {
        io::ErrorKind::NotFound => "no such process".to_owned(),
        _ => error.to_string(),
    };
    Error::new(message).at(format!("pid:{pid}"))
}

/// State `Z` or `X` of proc_pid_stat(5).
fn ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['Z', 'X']))
}

fn filters(pid: u32) -> Result<Vec<Filter>, Error> {
    let thread = i32::try_from(pid).map_err(|_| Error::new("no such process"))?;
    let stopped = Stopped::attach(thread).map_err(refused)?;
    let mut insns = Box::new([SockFilter { code: 0, jt: 0, jf: 0, k: 0 }; MAX_INSNS]);
    let mut filters = Vec::new();
    while filters.len() < FILTERS {
        let Some(len) = stopped.filter(filters.len(), &mut insns).map_err(unreadable)? else { break };
        let insn = |i: &SockFilter| Insn { code: i.code, jt: i.jt, jf: i.jf, k: i.k };
        let program = raw::checked(insns[..len].iter().map(insn).collect())?;
        let label = format!("filter {}", filters.len());
        filters.push(Filter { label, meaning: Meaning::Program(program) });
    }
    Ok(filters)
}

fn refused(failure: Failure) -> Error {
    let Failure { call, errno } = failure;
    match errno {
        Errno::SRCH => Error::new("the process has ended"),
        Errno::PERM => Error::new(format!("{call}: EPERM"))
            .help("it belongs to another user, or something else traces it; only root may read filters"),
        Errno::AGAIN => Error::new("the process does not stop within two seconds")
            .help("it sleeps in the kernel (state D); try again"),
        _ => Error::new(format!("{call}: {}", io::Error::from_raw_os_error(i32::from(errno.0)))),
    }
}

fn unreadable(errno: Errno) -> Error {
    let failed =
        || format!("PTRACE_SECCOMP_GET_FILTER: {}", io::Error::from_raw_os_error(i32::from(errno.0)));
    match errno {
        Errno::ACCES => Error::new("PTRACE_SECCOMP_GET_FILTER: EACCES").help(
            "it takes CAP_SYS_ADMIN in the first user namespace, and a caller without seccomp of its own: run it as \
             root, outside of any container",
        ),
        Errno::IO => Error::new(failed()).help("the kernel was built without CONFIG_CHECKPOINT_RESTORE"),
        _ => Error::new(failed()),
    }
}

/// `kernel/seccomp.c`, `mode1_syscalls`, and `mode1_syscalls_32` of i386.
fn strict() -> Listing {
    let calls = |abi, names: [&str; 4]| -> BTreeMap<u32, Vec<Clause>> {
        let numbers = names.into_iter().filter_map(|name| table::by_name(abi, name));
        let allow = || vec![Clause { tests: Vec::new(), action: Action::Allow, origin: 0 }];
        numbers.map(|prototype| (prototype.number, allow())).collect()
    };
    let arch = |abi: Abi, names| Arch {
        audit: abi.audit_arch(),
        regions: vec![(0, Action::KillThread)],
        numbers: calls(abi, names),
    };
    Listing {
        arches: vec![
            arch(Abi::X86_64, ["read", "write", "exit", "rt_sigreturn"]),
            arch(Abi::I386, ["read", "write", "exit", "sigreturn"]),
        ],
        other: Action::KillThread,
        origins: vec!["strict mode".to_owned()],
    }
}
