//! Decision diagrams: what a filter answers, as one function of all 512 input bits.
//!
//! A [`Space`] holds any number of functions over shared nodes, each function once: two filters are
//! equal exactly where their [`Diagram`]s are. A diagram is made from a program
//! ([`Space::program`], by symbolic execution of every instruction that the kernel accepts), from
//! rules ([`Space::spec`], without any program), or from other diagrams. A [`Set`] is a set of
//! inputs: where a filter allows, where two filters differ.
//!
//! Every operation is exact or an error: beyond the bounds of [`Limits`] it is
//! [`Error::TooComplex`], never an approximation.
//!
//! A function says what a program answers where the kernel asks it. It never asks about uretprobe and
//! uprobe of x86_64 (`kernel/seccomp.c`, `seccomp_uprobe_exception`, Linux 6.14), nor about number -1.
//!
//! ```
//! use ringfence_bpf::diagram::{Limits, Space};
//! use ringfence_bpf::filter::Action;
//! use ringfence_bpf::program::{Insn, Program, code};
//!
//! // Allows everything but the number 101, whatever the ABI.
//! let program = Program::new(vec![
//!     Insn::stmt(code::LD_ABS, 0),
//!     Insn::jump(code::JEQ, 101, 0, 1),
//!     Insn::stmt(code::RET, Action::Errno(1).value()),
//!     Insn::stmt(code::RET, Action::Allow.value()),
//! ]);
//! let mut space = Space::new(Limits::default());
//! let filter = space.program(&program)?;
//! let denied = space.set(filter, |action| action != Action::Allow)?;
//! let witness = space.witness(denied).unwrap();
//! assert_eq!(witness.nr, 101);
//! assert_eq!(space.eval(filter, &witness), Action::Errno(1));
//! # Ok::<(), ringfence_bpf::diagram::Error>(())
//! ```

mod answer;
mod apply;
mod count;
mod cube;
mod execute;
mod forget;
mod order;
mod part;
mod read;
mod specify;
mod store;
mod term;
mod vector;
mod word;

use crate::decode::Refusal;
use crate::filter::{Action, FilterSpec};
use crate::program::{Program, SeccompData};

pub use count::Count;
pub use cube::{Condition, Cube, Field, Values};
pub use part::{Function, Part};
pub(crate) use word::{First, Masked};

use store::{Ref, Store};

/// How far a [`Space`] goes. A bound that is hit is an error that names it, never a wrong answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The most nodes of one space, over all its functions; about 60 bytes each at the most, with the
    /// memory of operations.
    pub nodes: usize,
    /// The most steps of one operation: some 50 ns to 1 µs each, by how much memory they touch.
    pub steps: u64,
    /// The most steps of a space, over all its operations, so that a question that takes thousands of
    /// them (a list of rules, of differences, of findings) ends as well.
    pub work: u64,
}

/// Which bound was hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Bound {
    /// [`Limits::nodes`].
    #[error("more than {0} nodes")]
    Nodes(usize),
    /// [`Limits::steps`].
    #[error("more than {0} steps")]
    Steps(u64),
    /// [`Limits::work`].
    #[error("more than {0} steps in all")]
    Work(u64),
    /// Different contents of the registers, over all instructions of a program.
    #[error("more than {0} states of its registers")]
    States(usize),
    /// Parts of a result that is listed.
    #[error("more than {0} parts")]
    Parts(usize),
}

/// Why there is no answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel would not load the program.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An exact answer needs more than the bounds allow.
    #[error("too complex for an exact answer: {0}")]
    TooComplex(Bound),
}

/// What a filter answers, for every input. Of one [`Space`]; equal there exactly where the functions
/// are equal, the answers' data included.
///
/// Words that name no action are told apart by their upper 16 bits, as stacked filters are; alone
/// they all kill the process, see [`Space::alone`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Diagram(Ref);

/// A set of inputs. Of one [`Space`]; equal there exactly where the sets are equal.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Set(Ref);

/// Functions over shared nodes, with the memory of what was computed.
///
/// Never frees a node: use one space for what is to be compared, and a new one for the next task. A
/// diagram or set of another space gives a meaningless answer or a panic.
#[derive(Debug)]
pub struct Space {
    store: Store,
}

/// The steps of a space: forty times what everything about Docker's default profile takes.
const WORK: u64 = 16 << 20;

impl Default for Limits {
    /// Within 2 seconds and 100 MB; Docker's default profile takes a fortieth of the nodes.
    fn default() -> Self {
        Self { nodes: 3 << 18, steps: 3 << 20, work: WORK }
    }
}

impl Default for Space {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Set {
    /// No input.
    pub const EMPTY: Self = Self(Ref::FALSE);
    /// Every input.
    pub const FULL: Self = Self(Ref::TRUE);

    /// Whether there is no input in it.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }
}

impl Space {
    /// An empty space.
    pub fn new(limits: Limits) -> Self {
        Self { store: Store::new(limits) }
    }

    /// Steps of all operations so far, see [`Limits::work`].
    pub fn work(&self) -> u64 {
        self.store.work()
    }

    /// Number of nodes so far.
    pub fn nodes(&self) -> usize {
        self.store.len()
    }

    /// What a program answers.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] where the kernel would not load it; [`Error::TooComplex`].
    pub fn program(&mut self, program: &Program) -> Result<Diagram, Error> {
        self.store.begin();
        execute::execute(&mut self.store, program.insns()).map(Diagram)
    }

    /// What a specification answers, from its rules: it shares no code with the compiler. Rules of
    /// `allow` count as allowing, whatever their `action`.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn spec(&mut self, spec: &FilterSpec) -> Result<Diagram, Error> {
        self.store.begin();
        specify::specify(&mut self.store, spec).map(Diagram)
    }

    /// The same answer for every input.
    pub fn constant(&mut self, action: Action) -> Diagram {
        Diagram(answer::terminal(&mut self.store, action.value()))
    }

    /// What several filters on one thread answer together: the strictest of their actions, and of
    /// equal actions the data of the filter that was attached last (`seccomp_run_filters` begins
    /// there and replaces only by what is stricter). `filters` are in the order in which they were
    /// attached; of none, everything is allowed.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn stack(&mut self, filters: &[Diagram]) -> Result<Diagram, Error> {
        self.store.begin();
        let mut answer = answer::terminal(&mut self.store, Action::Allow.value());
        for filter in filters.iter().rev() {
            answer = self.store.meet(answer, filter.0)?;
        }
        Ok(Diagram(answer))
    }

    /// `yes` where the input is in a set, else `no`.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn choose(&mut self, set: Set, yes: Diagram, no: Diagram) -> Result<Diagram, Error> {
        self.store.begin();
        self.store.ite(set.0, yes.0, no.0).map(Diagram)
    }

    /// The same function with each action changed.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn map(&mut self, diagram: Diagram, change: impl Fn(Action) -> Action) -> Result<Diagram, Error> {
        self.store.begin();
        let mut change = |store: &mut Store, at| {
            let action = Action::from_value(store.value(at));
            answer::terminal(store, change(action).value())
        };
        self.store.map(diagram.0, &mut change).map(Diagram)
    }

    /// What a filter does where it is the only one: words that name no action kill the process.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn alone(&mut self, diagram: Diagram) -> Result<Diagram, Error> {
        self.map(diagram, |action| action)
    }

    /// The inputs whose action is one of these.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn set(&mut self, diagram: Diagram, holds: impl Fn(Action) -> bool) -> Result<Set, Error> {
        self.store.begin();
        let mut change = |store: &mut Store, at| match holds(Action::from_value(store.value(at))) {
            true => Ref::TRUE,
            false => Ref::FALSE,
        };
        self.store.map(diagram.0, &mut change).map(Set)
    }

    /// The inputs that two filters answer differently.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn unequal(&mut self, a: Diagram, b: Diagram) -> Result<Set, Error> {
        self.store.begin();
        self.store.unequal(a.0, b.0).map(Set)
    }

    /// The inputs in both.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn and(&mut self, a: Set, b: Set) -> Result<Set, Error> {
        self.store.begin();
        self.store.and(a.0, b.0).map(Set)
    }

    /// The inputs in either.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn or(&mut self, a: Set, b: Set) -> Result<Set, Error> {
        self.store.begin();
        self.store.or(a.0, b.0).map(Set)
    }

    /// All other inputs.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn not(&mut self, a: Set) -> Result<Set, Error> {
        self.store.begin();
        self.store.not(a.0).map(Set)
    }

    /// The inputs in `a` that are not in `b`.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn minus(&mut self, a: Set, b: Set) -> Result<Set, Error> {
        self.store.begin();
        self.store.ite(b.0, Ref::FALSE, a.0).map(Set)
    }

    /// Whether an input is in a set.
    pub fn contains(&self, set: Set, data: &SeccompData) -> bool {
        self.store.follow(set.0, |level| order::bit(data, level)) == Ref::TRUE
    }

    /// What a filter answers to an input, as a filter alone.
    pub fn eval(&self, diagram: Diagram, data: &SeccompData) -> Action {
        let terminal = self.store.follow(diagram.0, |level| order::bit(data, level));
        Action::from_value(self.store.value(terminal))
    }

    /// Every action that some input gets, sorted.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn actions(&self, diagram: Diagram) -> Result<Vec<Action>, Error> {
        let reachable = self.store.reachable(&[diagram.0])?;
        let terminals = reachable.into_iter().filter(|at| at.is_terminal());
        let mut actions: Vec<Action> = terminals.map(|at| Action::from_value(self.store.value(at))).collect();
        actions.sort_unstable();
        actions.dedup();
        Ok(actions)
    }

    /// The one action of a filter that has only one, as a filter alone.
    pub(crate) fn only_action(&self, diagram: Diagram) -> Option<Action> {
        diagram.0.is_terminal().then(|| Action::from_value(self.store.value(diagram.0)))
    }

    /// Number of nodes of one function, its terminals included.
    ///
    /// # Errors
    ///
    /// [`Error::TooComplex`].
    pub fn size(&self, diagram: Diagram) -> Result<usize, Error> {
        Ok(self.store.reachable(&[diagram.0])?.len())
    }
}
