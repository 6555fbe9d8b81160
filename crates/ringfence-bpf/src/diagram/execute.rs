//! Symbolic execution: a program as one function of its input.
//!
//! Forward, each instruction gets the states in which it can be reached: what the registers hold
//! that are still read, as expressions. Backward, each state gets its function, from those of the
//! states that follow. Programs do not loop, so both are one pass.

use std::collections::HashMap;

use super::store::{Ref, Store};
use super::term::{Condition, TermId, Terms};
use super::{Bound, Error, answer};
use crate::decode::{Alu, Compare, Operation, Source, decode};
use crate::program::{Insn, MEMWORDS};

/// The most states of one program, over all instructions: beyond it, ways multiply.
const STATES: usize = 1 << 17;

const A: usize = 0;
const X: usize = 1;
const MEMORY: usize = 2;

/// What each register holds; `None` where nothing will read it.
type State = [Option<TermId>; MEMORY + MEMWORDS];

/// How a state goes on.
enum Next {
    Return(u32),
    ReturnA(TermId),
    Go(usize),
    /// Where the divisor is zero the program ends with zero; else on.
    Divide(TermId, usize),
    Branch(Condition, usize, usize),
}

struct Executor<'a> {
    store: &'a mut Store,
    insns: &'a [Operation],
    terms: Terms,
    /// The registers that are read from an instruction on, a bit each.
    live: Vec<u32>,
    states: Vec<State>,
    next: Vec<Next>,
    /// The states of each instruction.
    at: Vec<HashMap<State, usize>>,
}

/// The function of a program that the kernel accepts.
pub(super) fn execute(store: &mut Store, insns: &[Insn]) -> Result<Ref, Error> {
    crate::decode::check(insns)?;
    let insns: Vec<Operation> = insns.iter().filter_map(|insn| decode(*insn)).collect();
    let at = vec![HashMap::new(); insns.len()];
    let live = live(&insns);
    let terms = Terms::default();
    let mut executor =
        Executor { store, insns: &insns, terms, live, states: Vec::new(), next: Vec::new(), at };
    executor.forward()?;
    executor.backward()
}

fn reads_writes(operation: Operation) -> (u32, u32) {
    let memory = |word: u32| 1 << (MEMORY as u32 + word);
    let operand = |source| if source == Source::X { 1 << X } else { 0 };
    match operation {
        Operation::Load(_) | Operation::LoadImm(_) => (0, 1 << A),
        Operation::LoadMem(word) => (memory(word), 1 << A),
        Operation::LoadXImm(_) => (0, 1 << X),
        Operation::LoadXMem(word) => (memory(word), 1 << X),
        Operation::Store(word) => (1 << A, memory(word)),
        Operation::StoreX(word) => (1 << X, memory(word)),
        Operation::Alu(_, source) => (1 << A | operand(source), 1 << A),
        Operation::Neg => (1 << A, 1 << A),
        Operation::Jump(_) | Operation::Return(_) => (0, 0),
        Operation::Branch { source, .. } => (1 << A | operand(source), 0),
        Operation::ReturnA => (1 << A, 0),
        Operation::Tax => (1 << A, 1 << X),
        Operation::Txa => (1 << X, 1 << A),
    }
}

fn live(insns: &[Operation]) -> Vec<u32> {
    let mut live = vec![0; insns.len() + 1];
    for (at, operation) in insns.iter().enumerate().rev() {
        let after = match *operation {
            Operation::Return(_) | Operation::ReturnA => 0,
            Operation::Jump(k) => live[at + 1 + k as usize],
            Operation::Branch { jt, jf, .. } => {
                live[at + 1 + usize::from(jt)] | live[at + 1 + usize::from(jf)]
            }
            _ => live[at + 1],
        };
        let (reads, writes) = reads_writes(*operation);
        live[at] = after & !writes | reads;
    }
    live
}

impl Executor<'_> {
    /// The state of an instruction with these registers.
    fn reach(&mut self, at: usize, mut state: State) -> Result<usize, Error> {
        for (register, held) in state.iter_mut().enumerate() {
            if self.live[at] >> register & 1 == 0 {
                *held = None;
            }
        }
        if let Some(known) = self.at[at].get(&state) {
            return Ok(*known);
        }
        if self.states.len() == STATES {
            return Err(Error::TooComplex(Bound::States(STATES)));
        }
        self.states.push(state);
        self.at[at].insert(state, self.states.len() - 1);
        // Filled in when the instruction's turn comes.
        self.next.push(Next::Return(0));
        Ok(self.states.len() - 1)
    }

    fn forward(&mut self) -> Result<(), Error> {
        let zero = self.terms.constant(0);
        self.reach(0, [Some(zero); MEMORY + MEMWORDS])?;
        for at in 0..self.insns.len() {
            let mut here: Vec<usize> = self.at[at].values().copied().collect();
            here.sort_unstable();
            for id in here {
                self.store.step()?;
                self.next[id] = self.go(at, self.states[id])?;
            }
        }
        Ok(())
    }

    fn go(&mut self, at: usize, mut state: State) -> Result<Next, Error> {
        // A register that is read has a value: `check` has seen every store.
        let zero = self.terms.constant(0);
        let held = |state: &State, register: usize| state[register].unwrap_or(zero);
        let memory = |word: u32| MEMORY + word as usize;
        let (a, x) = (held(&state, A), held(&state, X));
        match self.insns[at] {
            Operation::Load(offset) => state[A] = Some(self.terms.word(offset)),
            Operation::LoadImm(k) => state[A] = Some(self.terms.constant(k)),
            Operation::LoadMem(word) => state[A] = state[memory(word)],
            Operation::LoadXImm(k) => state[X] = Some(self.terms.constant(k)),
            Operation::LoadXMem(word) => state[X] = state[memory(word)],
            Operation::Store(word) => state[memory(word)] = Some(a),
            Operation::StoreX(word) => state[memory(word)] = Some(x),
            Operation::Neg => state[A] = Some(self.terms.alu(self.store, Alu::Sub, zero, a)?),
            Operation::Tax => state[X] = Some(a),
            Operation::Txa => state[A] = Some(x),
            Operation::Alu(operator, source) => {
                let b = self.operand(source, x);
                state[A] = Some(self.terms.alu(self.store, operator, a, b)?);
                if operator == Alu::Div && source == Source::X {
                    let next = self.reach(at + 1, state)?;
                    return Ok(Next::Divide(b, next));
                }
            }
            Operation::Jump(k) => return self.reach(at + 1 + k as usize, state).map(Next::Go),
            Operation::Return(k) => return Ok(Next::Return(k)),
            Operation::ReturnA => return Ok(Next::ReturnA(a)),
            Operation::Branch { compare, source, jt, jf } => {
                let (yes, no) = (at + 1 + usize::from(jt), at + 1 + usize::from(jf));
                if yes == no {
                    return self.reach(yes, state).map(Next::Go);
                }
                let b = self.operand(source, x);
                return Ok(match self.terms.compare(self.store, compare, a, b)? {
                    Condition::Known(holds) => Next::Go(self.reach(if holds { yes } else { no }, state)?),
                    condition => Next::Branch(condition, self.reach(yes, state)?, self.reach(no, state)?),
                });
            }
        }
        self.reach(at + 1, state).map(Next::Go)
    }

    fn operand(&mut self, source: Source, x: TermId) -> TermId {
        match source {
            Source::K(k) => self.terms.constant(k),
            Source::X => x,
        }
    }

    /// States were numbered when first reached, perhaps before others that they lead to: by
    /// instruction, the last first.
    fn backward(&mut self) -> Result<Ref, Error> {
        let mut functions = vec![Ref::FALSE; self.states.len()];
        for at in (0..self.insns.len()).rev() {
            let mut here: Vec<usize> = self.at[at].values().copied().collect();
            here.sort_unstable();
            for id in here {
                functions[id] = match self.next[id] {
                    Next::Return(value) => answer::terminal(self.store, value),
                    Next::ReturnA(term) => {
                        let bits = self.terms.bits(self.store, term)?;
                        answer::computed(self.store, &bits)?
                    }
                    Next::Go(next) => functions[next],
                    Next::Divide(divisor, next) => {
                        let killed = answer::terminal(self.store, 0);
                        self.divide(divisor, killed, functions[next])?
                    }
                    Next::Branch(condition, yes, no) => {
                        self.branch(condition, functions[yes], functions[no])?
                    }
                };
            }
        }
        Ok(functions[0])
    }

    fn branch(&mut self, condition: Condition, yes: Ref, no: Ref) -> Result<Ref, Error> {
        match condition {
            Condition::Known(holds) => Ok(if holds { yes } else { no }),
            Condition::Word(base, test, false) => self.store.test(base, test, yes, no),
            Condition::Word(base, test, true) => self.store.test(base, test, no, yes),
            Condition::Set(set) => self.store.ite(set, yes, no),
        }
    }

    fn divide(&mut self, divisor: TermId, killed: Ref, next: Ref) -> Result<Ref, Error> {
        let zero = self.terms.constant(0);
        let is_zero = self.terms.compare(self.store, Compare::Eq, divisor, zero)?;
        self.branch(is_zero, killed, next)
    }
}
