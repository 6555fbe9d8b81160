//! What an imported gate means, exactly, and what its programs cost.

use ringfence_bpf::compile::{self, compile, optimise};
use ringfence_bpf::decode::{Operation, decode};
use ringfence_bpf::diagram::{self, Diagram, Space};
use ringfence_bpf::program::{Insn, Program, SeccompData};
use ringfence_bpf::table::{self, Abi};
use ringfence_bpf::{eval, relate};

use super::{Error, Filter, Gate, Meaning};

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The input is at fault.
    #[error("{0}")]
    Bad(Error),
    /// An exact answer takes more than the bounds allow.
    #[error("cannot be verified: {0}")]
    Unverifiable(String),
}

/// What running a program costs, in instructions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cost {
    /// Instructions in all.
    pub length: usize,
    /// The longest way through it.
    pub worst: usize,
    /// The mean over every call of x86_64 with all arguments zero.
    pub typical: f64,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Bad(error)
    }
}

impl From<diagram::Error> for Failure {
    fn from(error: diagram::Error) -> Self {
        match error {
            diagram::Error::Refused(refusal) => Self::Bad(Error::new(refusal.to_string())),
            other => Self::Unverifiable(other.to_string()),
        }
    }
}

impl Gate {
    /// What the filters answer together.
    ///
    /// # Errors
    /// A filter is longer than the kernel takes, or an exact answer is too complex.
    pub fn diagram(&self, space: &mut Space) -> Result<Diagram, Failure> {
        let each: Result<Vec<Diagram>, Failure> =
            self.stack.iter().map(|filter| filter.diagram(space)).collect();
        let stacked = space.stack(&each?)?;
        Ok(space.alone(stacked)?)
    }

    /// The same gate, but that bits which the kernel does not read count as zero: one program, proven
    /// to mean that.
    ///
    /// # Errors
    /// As [`Self::optimised`].
    pub fn as_read(&self) -> Result<Gate, Failure> {
        let mut space = Space::new(diagram::Limits::default());
        let meaning = self.diagram(&mut space)?;
        let read = space.as_read(meaning)?;
        let program = Self::program_of(&mut space, read)?;
        let label = "the bits that the kernel reads".to_owned();
        let filter = Filter { label, meaning: Meaning::Program(program) };
        Ok(Gate { name: self.name.clone(), stack: vec![filter] })
    }

    /// The programs of the filters: those that were imported, else plain ones of the same meaning.
    ///
    /// # Errors
    /// One would be longer than the kernel takes.
    pub fn programs(&self) -> Result<Vec<Program>, Failure> {
        self.stack.iter().map(Filter::program).collect()
    }

    /// One short program with the meaning of the whole stack, never longer than a single one that it is
    /// made of. Proven: its diagram, which is made from the instructions alone, is the very one of the
    /// stack.
    ///
    /// # Errors
    /// As [`Self::diagram`]; the kernel's 4,096 instructions are not enough.
    pub fn optimised(&self, space: &mut Space) -> Result<Program, Failure> {
        let meaning = self.diagram(space)?;
        let made = Self::program_of(space, meaning);
        // What is short already is not made longer.
        if let Ok([plain]) = self.programs().as_deref()
            && made.as_ref().map_or_else(is_bad, |made| plain.len() <= made.len())
        {
            let same = space.program(plain)?;
            if relate::equal(space, meaning, same)? {
                return Ok(plain.clone());
            }
        }
        made
    }

    fn program_of(space: &mut Space, meaning: Diagram) -> Result<Program, Failure> {
        let program = optimise(space, meaning).map_err(|error| match error {
            compile::Error::Diagram(error) => Failure::from(error),
            other => Failure::Bad(Error::new(other.to_string())),
        })?;
        let again = space.program(&program)?;
        if !relate::equal(space, meaning, again)? {
            return Err(Failure::Unverifiable(
                "the shorter program does not mean the same: this is a defect".to_owned(),
            ));
        }
        Ok(program)
    }
}

fn is_bad(failure: &Failure) -> bool {
    matches!(failure, Failure::Bad(_))
}

impl Filter {
    /// What the filter answers by itself, as one of a stack.
    ///
    /// # Errors
    /// As [`Gate::diagram`].
    pub fn diagram(&self, space: &mut Space) -> Result<Diagram, Failure> {
        Ok(match &self.meaning {
            Meaning::Spec(spec) => space.spec(spec)?,
            Meaning::Program(program) => space.program(program)?,
            Meaning::Listing(_) => space.program(&self.program()?)?,
        })
    }

    fn program(&self) -> Result<Program, Failure> {
        let long = |error: &dyn std::error::Error| Failure::Bad(Error::new(error.to_string()));
        match &self.meaning {
            Meaning::Spec(spec) => compile(spec).map_err(|error| long(&error)),
            Meaning::Program(program) => Ok(program.clone()),
            Meaning::Listing(listing) => listing.program().map_err(|error| long(&error)),
        }
    }
}

/// What a program costs. The kernel answers many calls from its cache, without any instruction; the
/// typical cost is what the first such call pays.
#[must_use]
pub fn cost(program: &Program) -> Cost {
    let data =
        |number: u32| SeccompData { nr: number, arch: table::AUDIT_ARCH_X86_64, ..SeccompData::default() };
    let calls = table::prototypes(Abi::X86_64);
    let executed = calls
        .iter()
        .filter_map(|call| eval::executed(program.insns(), &data(call.number)).ok())
        .sum::<usize>();
    let typical = executed as f64 / calls.len() as f64;
    Cost { length: program.len(), worst: longest(program.insns()), typical }
}

/// The longest way from each instruction to a return; jumps only go forward.
fn longest(insns: &[Insn]) -> usize {
    let mut ways = vec![0_usize; insns.len() + 1];
    let at = |ways: &[usize], target: usize| ways.get(target).copied().unwrap_or(0);
    for (index, insn) in insns.iter().enumerate().rev() {
        let rest = match decode(*insn) {
            Some(Operation::Return(_) | Operation::ReturnA) | None => 0,
            Some(Operation::Jump(k)) => at(&ways, index.saturating_add(1 + k as usize)),
            Some(Operation::Branch { jt, jf, .. }) => {
                at(&ways, index + 1 + usize::from(jt)).max(at(&ways, index + 1 + usize::from(jf)))
            }
            Some(_) => at(&ways, index + 1),
        };
        ways[index] = 1 + rest;
    }
    ways[0]
}

/// The instruction that ends a program's run; `None` where it returns a computed value.
#[must_use]
pub fn last_instruction(program: &Program, data: &SeccompData) -> Option<usize> {
    // Each constant return says its own place instead; places are below 4,096.
    let mark = |(at, insn): (usize, &Insn)| match decode(*insn) {
        Some(Operation::Return(_)) => Insn { k: at as u32, ..*insn },
        _ => *insn,
    };
    let marked: Vec<Insn> = program.insns().iter().enumerate().map(mark).collect();
    let at = eval::eval(&marked, data).ok()? as usize;
    let constant = matches!(decode(*program.insns().get(at)?), Some(Operation::Return(_)));
    let computed = program.insns().iter().any(|insn| decode(*insn) == Some(Operation::ReturnA));
    (constant && !computed).then_some(at)
}
