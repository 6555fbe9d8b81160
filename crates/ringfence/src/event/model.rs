//! What a denial is: who tried what, who said no, why, and what would allow it.

use ringfence_bpf::table::Abi;
use std::borrow::Cow;

use super::Control;
use super::text::{Text, shown_as_is};

/// How a part of an event is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[must_use]
pub enum Known<T> {
    /// The kernel said so, of this very event.
    Observed(T),
    /// The model of the policy says so. It may be wrong where the model is.
    Predicted(T),
    /// Nobody said so; why not, and what would tell.
    Unknown(String),
}

impl<T> Known<T> {
    /// The value, however it is known.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Observed(value) | Self::Predicted(value) => Some(value),
            Self::Unknown(_) => None,
        }
    }
}

/// One denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Who reported it.
    pub source: SourceKind,
    /// Milliseconds since 1970, when it was received.
    pub time_ms: u64,
    /// Who tried.
    pub process: Process,
    /// What.
    pub operation: Operation,
    /// Which control said no.
    pub control: Known<Control>,
    /// Why it did.
    pub cause: Known<Cause>,
    /// Which policy line made it so.
    pub line: Known<Line>,
    /// The same in the language of `explain` and `[[expect]]`, where that has words for it.
    pub tried: Option<String>,
    /// What came of it.
    pub outcome: Outcome,
    /// What the program got.
    pub errno: Known<u16>,
    /// What would allow it.
    pub remedy: Known<Remedy>,
}

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It was denied.
    Denied,
    /// It was carried out, or failed for a reason that is nobody's denial. Only a tracer sees these.
    Passed,
}

/// Who reported an event, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceKind {
    /// The seccomp filter's own notification, seccomp_unotify(2).
    Notify,
    /// A record of the kernel's audit facility.
    Audit,
    /// A record of the BPF LSM programs.
    Guard,
    /// A tracer that sees each call come and go, ptrace(2).
    Trace,
    /// Programs in the kernel that see each call come and go, bpf(2).
    Ebpf,
}

/// A process, as seen from where ringfence runs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Process {
    /// Process id; `None` where it could not be read any more.
    pub pid: Option<u32>,
    /// Thread id; 0 where nobody said which.
    pub thread: u32,
    /// `comm` of the thread, which the program can set to anything.
    pub command: Known<Text>,
}

impl Process {
    /// The process id, or that of the thread; `None` where nobody said which.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.pid.or(self.thread())
    }

    /// The thread id, where it is known.
    #[must_use]
    pub fn thread(&self) -> Option<u32> {
        Some(self.thread).filter(|thread| *thread != 0)
    }
}

/// What was tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    /// The call's name; `None` for a number that the tables do not have.
    pub call: Option<&'static str>,
    /// The way through the gate; `None` for an architecture that is none of the three.
    pub abi: Option<Abi>,
    /// The number, as the filter saw it; `None` where nobody said which call it was.
    pub number: Option<u32>,
    /// The arguments, in order; empty where the call takes none or their names are not known.
    pub arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Argument {
    /// Its name in the kernel's source.
    pub name: &'static str,
    /// What it was.
    pub value: Value,
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A number, or names for it: `AF_INET`, `O_RDONLY|O_CLOEXEC`, `-1`.
    Word(String),
    /// A string in the program's memory (a path or a name), read while the call waited. It was
    /// never used: the call was denied by its registers alone.
    String(Text),
    /// A socket address in the program's memory, read likewise.
    Address(String),
    /// An address of memory that is not looked at: what lies there may be secret.
    Pointer(u64),
    /// An address whose memory could not be read, and why.
    Unread(u64, String),
}

/// Why a control said no.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A rule of `syscalls.deny` matches.
    DenyRule,
    /// No rule of `syscalls.allow` names the call.
    NotAllowed,
    /// A rule of `syscalls.allow` names the call, but with other arguments.
    OtherArguments,
    /// The number is newer than the tables: `syscalls.unknown` answers.
    UnknownCall,
    /// The way through the gate is closed: `syscalls.abis`.
    ClosedAbi,
    /// `[net]` allows no such socket.
    Network,
    /// The caller's terminal is shared with the program.
    SharedTerminal,
    /// User namespaces inside a containment.
    NestedUserNamespace,
    /// Landlock: no rule grants these rights there.
    MissingRight(String),
    /// The view does not show it.
    Hidden,
    /// The view covers it: `fs.deny`, or a masked file.
    Covered,
    /// The view shows it read-only.
    ReadOnly,
    /// The view shows it without programs.
    NoExec,
    /// The view has a mount there: nothing moves across it, and it cannot be moved itself.
    Mounted,
    /// Permission bits or an ACL; which.
    Bits(String),
    /// It belongs to another user.
    NotOwner,
    /// A capability that the program has not; its name.
    Capability(&'static str),
    /// The process is outside: no number leads to it.
    OtherNamespace,
    /// The program's own network has no way there.
    NoRoute,
    /// A limit is reached; its key of `[limits]`, or the kernel's name.
    Limit(String),
    /// A program that is traced already cannot be traced again: --explain=ptrace itself.
    Traced,
    /// AppArmor: what the profile does not allow.
    Profile(String),
    /// SELinux: what the policy does not allow the context.
    Context(String),
}

/// A line of a policy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line {
    /// The policy's name: a path, `builtin:NAME`, `command line` or `default`.
    pub file: String,
    /// From 1; `None` where lines have no numbers that a person knows.
    pub number: Option<usize>,
    /// The line itself, without blanks around it.
    pub text: String,
}

/// What would allow an operation, as far as the control is concerned that denied it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Remedy {
    /// All of these settings together.
    Settings(Vec<Setting>),
    /// The line that denied it must go: nothing that is added outweighs it.
    Remove,
    /// No setting does; why.
    None(&'static str),
}

/// A key of the policy and what to add to it or set it to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Setting {
    /// `syscalls.allow`.
    pub key: &'static str,
    /// `mkdir`.
    pub value: String,
    /// Whether the key is a list.
    pub list: bool,
}

impl Setting {
    /// As a policy says it: `syscalls.allow = ["mkdir"]`. What [`Text`] does not show as it is, is escaped as
    /// TOML does.
    #[must_use]
    pub fn line(&self) -> String {
        let escaped = self.value.chars().map(|c| match c {
            '"' | '\\' => format!("\\{c}"),
            c if shown_as_is(c) => c.to_string(),
            c => format!("\\U{:08x}", u32::from(c)),
        });
        let value = format!("\"{}\"", escaped.collect::<String>());
        if self.list { format!("{} = [{value}]", self.key) } else { format!("{} = {value}", self.key) }
    }

    /// The flag's name: `--syscalls-allow`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("--{}", self.key.replace(['.', '_'], "-"))
    }

    /// As the command line says it, quoted for a shell: `--syscalls-allow=mkdir`. What [`Text`] does not show
    /// as it is, is written in dollar-quotes, as POSIX.1-2024 has them.
    #[must_use]
    pub fn flag(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./_-".contains(c);
        let name = self.name();
        if !self.value.is_empty() && self.value.chars().all(plain) {
            format!("{name}={}", self.value)
        } else if !self.value.chars().all(shown_as_is) {
            let escaped = self.value.chars().map(|c| match c {
                '\'' | '\\' => format!("\\{c}"),
                c if shown_as_is(c) => c.to_string(),
                c => c.to_string().bytes().map(|byte| format!("\\{byte:03o}")).collect(),
            });
            format!("{name}=$'{}'", escaped.collect::<String>())
        } else {
            format!("{name}='{}'", self.value.replace('\'', r"'\''"))
        }
    }
}

/// What a source saw, and what it knows to have missed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Which one.
    pub source: SourceKind,
    /// What it can see at all, in words.
    pub covers: Cow<'static, str>,
    /// Events received.
    pub seen: u64,
    /// Events known not to have been received, by whatever counts them.
    pub lost: u64,
    /// How many there were by the kernel's own count, where it keeps one.
    pub counted: Option<u64>,
    /// Why the counts may be too low; `None` where every loss would have been counted.
    pub unsure: Option<String>,
}

/// Whether everything was received.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// Received equals counted.
    Complete,
    /// This many are missing.
    Missing(u64),
    /// Some may be missing, and nobody can count them.
    Unsure(String),
}

impl Account {
    /// An account of nothing yet.
    #[must_use]
    pub fn new(source: SourceKind, covers: impl Into<Cow<'static, str>>) -> Self {
        Self { source, covers: covers.into(), seen: 0, lost: 0, counted: None, unsure: None }
    }

    /// Whether everything that the source covers was received.
    pub fn verdict(&self) -> Verdict {
        match (self.lost, &self.unsure) {
            (0, None) => Verdict::Complete,
            (0, Some(why)) => Verdict::Unsure(why.clone()),
            (missing, _) => Verdict::Missing(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_can_be_copied() {
        let setting = Setting { key: "syscalls.allow", value: "mkdir".into(), list: true };
        assert_eq!(setting.line(), r#"syscalls.allow = ["mkdir"]"#);
        assert_eq!(setting.flag(), "--syscalls-allow=mkdir");
        let setting = Setting { key: "net.connect", value: "tcp:*".into(), list: true };
        assert_eq!(setting.flag(), "--net-connect='tcp:*'");
        let setting = Setting { key: "fs.read", value: "it's".into(), list: true };
        assert_eq!(setting.flag(), r"--fs-read='it'\''s'");
        let setting = Setting { key: "fs.read", value: "/\u{202e}it's".into(), list: true };
        assert_eq!(setting.flag(), r"--fs-read=$'/\342\200\256it\'s'");
        assert_eq!(setting.line(), r#"fs.read = ["/\U0000202eit's"]"#);
    }

    #[test]
    fn a_loss_outweighs_a_doubt() {
        let account = Account::new(SourceKind::Notify, "x");
        assert_eq!(account.verdict(), Verdict::Complete);
        let doubtful = Account { unsure: Some("y".into()), ..account.clone() };
        assert_eq!(doubtful.verdict(), Verdict::Unsure("y".into()));
        assert_eq!(Account { lost: 3, ..doubtful }.verdict(), Verdict::Missing(3));
    }
}
