//! Every system call of a program and of whatever it starts, seen at its entry and its exit by a
//! tracer: ptrace(2). Works for every user, and shows what no filter tells: what the kernel itself
//! denies behind the filter, with the errno that the program really got.
//!
//! The kernel does not say which control gave an errno. [`attribute`] works that out from what the
//! tracer sees of the process and its place, and from the model of the policy; it is said to be
//! predicted unless nothing else can have done it. Names are read from the program's memory at the
//! exit: another thread of the program could have changed them since the kernel read them.
//!
//! Each call stops the program twice, which makes calls some ten to a hundred times dearer; and a
//! program that traces others cannot be traced itself.

pub(super) mod attribute;
pub(super) mod tried;

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;

use ringfence_bpf::filter::Action;
use ringfence_bpf::program::SeccompData;
use ringfence_bpf::table::{self, Abi};
use ringfence_sys::trace::{Call, Gate as At, News, Tracer, What};

use super::call;
use super::errno::{EACCES, EPERM};
use super::notify::{Of, now, process};
use super::scene::{self, Subject};
use super::way::Model;
use super::{Account, Cause, Control, Event, Known, Outcome, Source, SourceKind};
use attribute::Attribution;
use tried::tried;

/// How much news is taken before signals and the terminal get their turn.
const AT_ONCE: usize = 4096;
/// How often the tracer looks again before it waits for a signal: most stops follow within microseconds.
const LOOKS: usize = 64;
/// The highest errno, include/linux/err.h.
const MAX_ERRNO: i64 = 4095;
/// Results above it never reach a program: a call that is to be restarted, include/linux/errno.h.
const RESTARTS: i64 = 512;
const SIGXFSZ: i32 = 25;
const SIGXCPU: i32 = 24;
const SIGSYS: i32 = 31;

/// A tracer of one command.
#[derive(Debug)]
pub struct Trace {
    tracer: Tracer,
    model: Model,
    /// Whether the filter's own errnos are told by its listener.
    listened: bool,
    /// Whether what passes is told as well.
    all: bool,
    arguments: bool,
    threads: BTreeMap<i32, Thread>,
    account: Account,
}

#[derive(Debug, Clone, Copy, Default)]
struct Thread {
    /// Its calls are told: after the execve that starts the command.
    told: bool,
    /// The call that it is in.
    call: Option<Call>,
    /// The last one: a filter that kills or traps does so after the exit, with a result nobody sees.
    last: Option<Call>,
}

impl Trace {
    /// Nothing is seen before [`Self::seize`]. `listened`: what the filter answers with an errno is told
    /// by somebody else. `all`: what passes is told as well.
    #[must_use]
    pub fn new(model: Model, listened: bool, all: bool) -> Self {
        let covers = "every system call of the program and of what it starts, at its exit";
        Self {
            tracer: Tracer::new(),
            model,
            listened,
            all,
            arguments: false,
            threads: BTreeMap::new(),
            account: Account::new(SourceKind::Trace, covers),
        }
    }

    /// Arguments and environment of programs are told as well.
    pub fn tell_arguments(&mut self) {
        self.arguments = true;
    }

    fn memory(&self, thread: i32) -> Of {
        Of { thread: thread.unsigned_abs(), arguments: self.arguments }
    }

    /// Follows a thread that shares this process's memory, from its next execve(2) on.
    ///
    /// # Errors
    /// `EPERM` where this caller may not trace it.
    pub fn seize(&mut self, thread: i32) -> std::io::Result<()> {
        let error = |errno: ringfence_sys::Errno| std::io::Error::from_raw_os_error(errno.0.into());
        self.tracer.seize_own_child(thread).map_err(error)?;
        self.threads.insert(thread, Thread::default());
        Ok(())
    }

    fn see(&mut self, news: News, give: &mut dyn FnMut(Event)) {
        let News { thread, what } = news;
        match what {
            What::Exited(_) => {
                self.threads.remove(&thread);
            }
            What::Killed(signal) => self.killed(thread, signal, give),
            What::Made(new) => {
                // Its first stop may have come before.
                self.threads.entry(new).or_default().told = true;
                self.tracer.go_on(thread, 0);
            }
            What::Exec(former) => {
                if former != thread {
                    self.threads.remove(&former);
                }
                *self.threads.entry(thread).or_default() = Thread { told: true, ..Thread::default() };
                self.tracer.go_on(thread, 0);
            }
            What::Gate => {
                self.gate(thread, give);
                self.tracer.go_on(thread, 0);
            }
            What::Signal(signal) => {
                self.signal(thread, signal, give);
                self.tracer.go_on(thread, signal);
            }
            What::Group => self.tracer.stay(thread),
            What::Other => {
                self.threads.entry(thread).or_default().told = true;
                self.tracer.go_on(thread, 0);
            }
        }
    }

    fn gate(&mut self, thread: i32, give: &mut dyn FnMut(Event)) {
        match self.tracer.gate(thread) {
            Ok(At::In(call)) => {
                let known = self.threads.entry(thread).or_default();
                (known.call, known.last) = (Some(call), Some(call));
            }
            Ok(At::Out(result)) => {
                let known = self.threads.entry(thread).or_default();
                if let (Some(call), true) = (known.call.take(), known.told) {
                    self.left(thread, &call, result, give);
                }
            }
            Ok(At::Elsewhere) => {}
            Err(ringfence_sys::Errno::IO) => self.unsure("PTRACE_GET_SYSCALL_INFO needs Linux 5.3"),
            // It has been killed meanwhile, which is told as well.
            Err(_) => {}
        }
    }

    /// A call has come to its end.
    fn left(&mut self, thread: i32, call: &Call, result: i64, give: &mut dyn FnMut(Event)) {
        let data = data(call);
        if result >= 0 && name(&data) == Some("io_uring_setup") {
            self.unsure("the program uses io_uring, whose operations are no system calls");
        }
        if !(-MAX_ERRNO..0).contains(&result) || result <= -RESTARTS {
            return self.passed(thread, &data, None, give);
        }
        let errno = (-result) as u16;
        match self.model.gate().map(|gate| gate.judge(&data)) {
            Some(judgement) if matches!(judgement.action, Action::Errno(_)) => {
                if !self.listened {
                    let attribution = Attribution::filtered(judgement, &data);
                    self.tell(thread, &data, Known::Observed(errno), attribution, give);
                }
                return;
            }
            // The signal is to come, and this result is never seen.
            Some(judgement) if ends(judgement.action) => return,
            _ => {}
        }
        let memory = self.memory(thread);
        let what = || tried(&data, &memory);
        if !attribute::may_be_denial(errno, what) {
            return self.passed(thread, &data, Some(errno), give);
        }
        let attribution = match self.foreign(thread, errno) {
            Some(unknown) => Some(unknown),
            None => attribute::attribute(&self.model, &Subject::Thread(thread), &what(), errno),
        };
        match attribution {
            Some(attribution) => self.tell(thread, &data, Known::Observed(errno), attribution, give),
            None => self.passed(thread, &data, Some(errno), give),
        }
    }

    /// A filter of the program's own could have answered, and nobody knows what it says.
    fn foreign(&self, thread: i32, errno: u16) -> Option<Attribution> {
        let own = u32::from(self.model.gate().is_some());
        let (EPERM | EACCES) = errno else { return None };
        let more = scene::filters(thread).is_some_and(|filters| filters > own + inherited());
        more.then(|| {
            Attribution::unknown("the program has loaded filters of its own, which may have said it")
        })
    }

    /// SIGSYS of a filter that traps, or a limit that a signal tells.
    fn signal(&mut self, thread: i32, signal: i32, give: &mut dyn FnMut(Event)) {
        let known = self.threads.get(&thread).copied().unwrap_or_default();
        if signal == SIGSYS
            && let Some((number, arch)) = self.tracer.trapped(thread)
            && known.told
        {
            let call = known.last.unwrap_or(Call { number, arch, ..Call::default() });
            let call = Call { number, arch, ..call };
            self.filtered(thread, &call, "SIGSYS", give);
        }
        if matches!(signal, SIGXCPU | SIGXFSZ) && known.told {
            self.limit_told(thread, signal, known.last, give);
        }
    }

    fn killed(&mut self, thread: i32, signal: i32, give: &mut dyn FnMut(Event)) {
        let Some(known) = self.threads.remove(&thread) else { return };
        if let (SIGSYS, true, Some(call)) = (signal, known.told, known.last) {
            self.filtered(thread, &call, "the process was killed", give);
        }
    }

    /// A call for which the filter traps or kills.
    fn filtered(&mut self, thread: i32, call: &Call, got: &str, give: &mut dyn FnMut(Event)) {
        let data = data(call);
        let Some(judgement) = self.model.gate().map(|gate| gate.judge(&data)) else { return };
        // A SIGSYS from elsewhere, or of a filter of the program's own, is no denial of the policy's.
        if !ends(judgement.action) {
            return;
        }
        let attribution = Attribution::filtered(judgement, &data);
        let errno = Known::Unknown(format!("there is none: {got}"));
        self.tell(thread, &data, errno, attribution, give);
    }

    fn limit_told(&mut self, thread: i32, signal: i32, call: Option<Call>, give: &mut dyn FnMut(Event)) {
        let limits = &self.model.policy().limits;
        let (key, at, name) = match signal {
            SIGXFSZ => ("limits.file_size", &limits.file_size, "SIGXFSZ"),
            _ => ("limits.cpu_time", &limits.cpu_time, "SIGXCPU"),
        };
        let Some(limit) = at else { return };
        let attribution = Attribution {
            control: Known::Observed(Control::Limit),
            cause: Known::Observed(Cause::Limit(key.to_owned())),
            line: self
                .model
                .line(Some(limit.at))
                .map_or_else(|| Known::Unknown("no line says it".to_owned()), Known::Observed),
            remedy: Known::Unknown("a higher limit".to_owned()),
            tried: None,
        };
        let errno = Known::Unknown(format!("there is none: {name}"));
        self.tell(thread, &data(&call.unwrap_or_default()), errno, attribution, give);
    }

    fn tell(
        &mut self,
        thread: i32,
        data: &SeccompData,
        errno: Known<u16>,
        attribution: Attribution,
        give: &mut dyn FnMut(Event),
    ) {
        self.account.seen += 1;
        let Attribution { control, cause, line, remedy, tried } = attribution;
        let event = self.event(thread, data);
        give(Event { tried, outcome: Outcome::Denied, control, cause, line, errno, remedy, ..event });
    }

    fn passed(&mut self, thread: i32, data: &SeccompData, errno: Option<u16>, give: &mut dyn FnMut(Event)) {
        if self.all {
            let errno = errno.map_or_else(|| Known::Unknown("it succeeded".to_owned()), Known::Observed);
            let event = self.event(thread, data);
            give(Event { errno, ..event });
        }
    }

    fn event(&self, thread: i32, data: &SeccompData) -> Event {
        let number = thread.unsigned_abs();
        let none = || "nothing denied it".to_owned();
        Event {
            source: SourceKind::Trace,
            time_ms: now(),
            process: process(number),
            operation: call::decode(data, &self.memory(thread)),
            tried: None,
            outcome: Outcome::Passed,
            control: Known::Unknown(none()),
            cause: Known::Unknown(none()),
            line: Known::Unknown(none()),
            errno: Known::Unknown(none()),
            remedy: Known::Unknown(none()),
        }
    }

    fn unsure(&mut self, why: &str) {
        self.account.unsure.get_or_insert_with(|| why.to_owned());
    }
}

impl Source for Trace {
    /// SIGCHLD tells, for which the launcher calls.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    fn take(&mut self, give: &mut dyn FnMut(Event)) {
        let mut looks = 0;
        for _ in 0..AT_ONCE {
            match self.tracer.news() {
                Some(news) => {
                    looks = 0;
                    self.see(news, give);
                }
                None if looks < LOOKS && !self.threads.is_empty() => {
                    looks += 1;
                    std::thread::yield_now();
                }
                None => return,
            }
        }
        // There may be more, and its signal has been taken: another one brings the launcher back here.
        ringfence_sys::signal::tell_self_of_child();
    }

    fn account(&self) -> Account {
        self.account.clone()
    }
}

/// Filters that ringfence itself runs under, which the program has as well.
fn inherited() -> u32 {
    use std::sync::OnceLock;
    static OWN: OnceLock<u32> = OnceLock::new();
    *OWN.get_or_init(|| scene::filters(std::process::id().cast_signed()).unwrap_or(0))
}

fn name(data: &SeccompData) -> Option<&'static str> {
    let (abi, number) = Abi::of(data)?;
    table::by_number(abi, number).map(|prototype| prototype.name)
}

/// Whether an action ends what makes the call.
fn ends(action: Action) -> bool {
    matches!(action, Action::KillProcess | Action::KillThread | Action::Trap(_))
}

fn data(call: &Call) -> SeccompData {
    SeccompData {
        nr: call.number,
        arch: call.arch,
        instruction_pointer: call.instruction_pointer,
        args: call.args,
    }
}
