//! Programs for the kernel's own virtual machine: the objects that `cargo xtask ebpf` makes of
//! `crates/ringfence/bpf`, and how they are loaded. bpf(2), by aya.
//!
//! A program, its maps and its attachment each live as long as a descriptor of this process does:
//! whatever ends it, nothing stays behind. Nothing here runs between clone and exec, and nothing
//! is loaded unless somebody asks: a plain run never comes here.

pub mod guard;

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};

use aya::maps::MapError;
use aya::programs::{BtfTracePoint, FExit, Lsm, Program, ProgramError};
use aya::{Btf, BtfError, Ebpf, EbpfLoader};

/// What is refused at the gate: `bpf/denial.bpf.c`.
pub static DENIAL: &[u8] = aya::include_bytes_aligned!("../../bpf/denial.bpf.o");

const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Why a program is not loaded, and what would change that.
#[derive(Debug, thiserror::Error)]
pub enum Absent {
    /// The kernel does not describe its types, so that no field can be found.
    #[error("/sys/kernel/btf/vmlinux: {0}: the kernel has no type information (CONFIG_DEBUG_INFO_BTF)")]
    NoTypes(String),
    /// This caller may not.
    #[error("{doing}: not permitted: it takes CAP_BPF and CAP_PERFMON (or root in the first user namespace)")]
    NotPermitted {
        /// What was tried.
        doing: String,
    },
    /// The kernel has no such tracepoint, function or hook: it is another release, or built without it.
    #[error("{doing}: this kernel has none of that name")]
    NoPlace {
        /// What was tried.
        doing: String,
    },
    /// The kernel refuses, whoever asks.
    #[error("{doing}: {why}")]
    Refused {
        /// What was tried.
        doing: String,
        /// What it said.
        why: String,
    },
}

/// The running kernel, as far as programs are loaded into it.
#[derive(Debug)]
pub struct Kernel {
    types: Btf,
}

/// Where a program is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'p> {
    /// A tracepoint, with the kernel's types: `sys_enter`.
    Tracepoint(&'p str),
    /// The end of a kernel function.
    End(&'p str),
    /// A hook of the security modules: `file_open`.
    Hook(&'p str),
}

impl Kernel {
    /// Reads the kernel's types: a tenth of a second, once.
    ///
    /// # Errors
    /// Where it has none, they cannot be read, or this caller may not load programs.
    pub fn open() -> Result<Self, Absent> {
        if !holds(CAP_BPF, CAP_PERFMON) {
            return Err(Absent::NotPermitted { doing: "load eBPF programs".to_owned() });
        }
        Btf::from_sys_fs().map(|types| Self { types }).map_err(|error| {
            Absent::NoTypes(match error {
                BtfError::FileError { error, .. } => error.to_string(),
                other => in_words(&other),
            })
        })
    }

    /// Creates an object's maps and fits its programs to this kernel. `prepare` sizes maps and sets
    /// constants. No program is loaded yet: [`Self::attach`].
    ///
    /// # Errors
    /// What the kernel refuses.
    pub fn load<'b>(
        &'b self,
        object: &[u8],
        prepare: impl FnOnce(&mut EbpfLoader<'b>),
    ) -> Result<Ebpf, Absent> {
        let mut loader = EbpfLoader::new();
        // Storage of tasks is read by programs alone: aya only creates it.
        loader.btf(Some(&self.types)).allow_unsupported_maps();
        prepare(&mut loader);
        loader.load(object).map_err(|error| absent("create the maps of eBPF programs", &error))
    }

    /// Loads one program of an object and attaches it, until `ebpf` is dropped.
    ///
    /// # Errors
    /// What the kernel refuses; a kernel without the place is [`Absent::Refused`].
    pub fn attach(&self, ebpf: &mut Ebpf, name: &str, place: Place<'_>) -> Result<(), Absent> {
        let doing = format!("attach eBPF to {place}");
        let wrong = |why: &str| Absent::Refused { doing: doing.clone(), why: why.to_owned() };
        let program = ebpf.program_mut(name).ok_or_else(|| wrong("the object has no such program"))?;
        self.attach_program(program, place).map_err(|error| match error {
            ProgramError::Btf(BtfError::UnknownBtfTypeName { .. }) => Absent::NoPlace { doing },
            error => absent(&doing, &error),
        })
    }

    fn attach_program(&self, program: &mut Program, place: Place<'_>) -> Result<(), ProgramError> {
        match place {
            Place::Tracepoint(name) => {
                let program: &mut BtfTracePoint = program.try_into()?;
                program.load(name, &self.types)?;
                program.attach()?;
            }
            Place::End(name) => {
                let program: &mut FExit = program.try_into()?;
                program.load(name, &self.types)?;
                program.attach()?;
            }
            Place::Hook(name) => {
                let program: &mut Lsm = program.try_into()?;
                program.load(name, &self.types)?;
                program.attach()?;
            }
        }
        Ok(())
    }
}

/// How often the kernel left a program out because it had put another task aside in the middle of it, on the
/// same processor: Linux 7.0 and later do. proc_pid_fdinfo(5). `None`: it does not say.
#[must_use]
pub fn left_out(ebpf: &Ebpf, program: &str) -> Option<u64> {
    let fd = ebpf.program(program)?.fd().ok()?.as_fd().as_raw_fd();
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("recursion_misses:"))?.trim().parse().ok()
}

impl std::fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tracepoint(name) => write!(f, "the tracepoint {name}"),
            Self::End(name) => write!(f, "the end of {name}"),
            Self::Hook(name) => write!(f, "the hook {name}"),
        }
    }
}

/// EPERM is ours to mend only where another caller would not get it.
fn absent(doing: &str, error: &(dyn std::error::Error + 'static)) -> Absent {
    let doing = doing.to_owned();
    let denied = errno(error) == Some(1);
    match denied && !holds(CAP_BPF, CAP_PERFMON) {
        true => Absent::NotPermitted { doing },
        false if denied => {
            let why = "the kernel refuses it to everyone (EPERM): it was built or locked down without it";
            Absent::Refused { doing, why: why.to_owned() }
        }
        false => Absent::Refused { doing, why: in_words(error) },
    }
}

/// Whether this thread has both capabilities in its effective set, proc_pid_status(5), or has
/// CAP_SYS_ADMIN, which stands for either.
fn holds(one: u32, other: u32) -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let set = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let set = set.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).unwrap_or(0);
    let has = |capability: u32| set & 1 << capability != 0;
    has(CAP_SYS_ADMIN) || (has(one) && has(other))
}

/// The errno at the bottom of an error.
fn errno(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(io) = error.downcast_ref::<io::Error>() {
            return io.raw_os_error();
        }
        at = error.source();
    }
    None
}

/// All of an error; of the verifier's listing, what it says last: the first lines are of no matter.
fn in_words(error: &(dyn std::error::Error + 'static)) -> String {
    let (mut words, mut at) = (String::new(), Some(error));
    while let Some(error) = at {
        let text = error.to_string();
        let line = match text.split_once("Verifier output: ") {
            Some((call, listing)) => format!("{call}The verifier says: {}", verdict(listing)),
            None => text.lines().next().unwrap_or_default().to_owned(),
        };
        let line = line.trim_end_matches([':', ' ']);
        if !words.ends_with(line) {
            words.push_str(if words.is_empty() { "" } else { ": " });
            words.push_str(line);
        }
        at = error.source();
    }
    words
}

/// The verifier's reason: its last line before the sums that end each listing.
fn verdict(listing: &str) -> &str {
    let sums = |line: &&str| {
        let sum = ["processed ", "verification time ", "stack depth "];
        !line.is_empty() && !sum.iter().any(|start| line.starts_with(start))
    };
    listing.lines().map(str::trim).rfind(sums).unwrap_or("nothing")
}

impl From<MapError> for Absent {
    fn from(error: MapError) -> Self {
        absent("use the maps of eBPF programs", &error)
    }
}
