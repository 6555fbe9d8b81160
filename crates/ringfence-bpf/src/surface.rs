//! What a filter leaves reachable: which calls, through which ABI, under which conditions.

use crate::decompile;
use crate::diagram::{Count, Cube, Diagram, Error, Set, Space};
use crate::relate::strictness;
use crate::table::{self, Abi, CallId, Prototype};

/// What a filter leaves reachable. "May run" is allowed, logged, or left to a tracer or supervisor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Surface {
    /// The three, in the order of [`Abi::ALL`].
    pub abis: [Reach; 3],
    /// How many of the 2^512 inputs may run.
    pub inputs: Count,
}

/// One ABI.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reach {
    /// Which.
    pub abi: Abi,
    /// Calls that may run, by number.
    pub calls: Vec<Reachable>,
    /// How many calls the kernel of the table has behind the numbers of this ABI.
    pub of: usize,
    /// Numbers that no table has and that may run, as in `seccomp_data.nr` without bit 30 of x32;
    /// both ends included.
    pub unknown: Vec<(u32, u32)>,
}

/// A call that may run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reachable {
    /// The call.
    pub prototype: &'static Prototype,
    /// Under which conditions; `None` for any arguments.
    pub under: Option<Conditions>,
}

/// Conditions under which a call may run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conditions {
    /// As rules, any of them; `None` where rules cannot say it.
    pub rules: Option<Vec<String>>,
    /// As conditions on the whole registers, any of them; `None` where they are too many to list.
    pub cubes: Option<Vec<Cube>>,
    /// How many of the 2^448 combinations of arguments and instruction pointer.
    pub inputs: Count,
}

/// The most cubes of one call.
const CUBES: usize = 256;
/// The most ranges of numbers.
const RANGES: usize = 1 << 16;

impl Reach {
    /// Calls that may run whatever their arguments.
    pub fn open(&self) -> impl Iterator<Item = &Reachable> {
        self.calls.iter().filter(|call| call.under.is_none())
    }

    /// Calls that may run under conditions.
    pub fn conditional(&self) -> impl Iterator<Item = (&Reachable, &Conditions)> {
        self.calls.iter().filter_map(|call| Some((call, call.under.as_ref()?)))
    }
}

/// What a filter leaves reachable. Calls that the kernel of the table has no code for are left out.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn surface(space: &mut Space, filter: Diagram) -> Result<Surface, Error> {
    let runs = space.set(filter, |action| strictness(action) >= 1)?;
    let of = |abi| reach(space, runs, abi);
    let abis = [of(Abi::X86_64)?, of(Abi::I386)?, of(Abi::X32)?];
    Ok(Surface { abis, inputs: space.count(runs)? })
}

fn reach(space: &Space, runs: Set, abi: Abi) -> Result<Reach, Error> {
    let mut reach = Reach { abi, calls: Vec::new(), of: 0, unknown: Vec::new() };
    for prototype in table::prototypes(abi).iter().filter(|prototype| prototype.entry().is_some()) {
        reach.of += 1;
        let set = space.at_call(runs, abi, prototype.number);
        if set == Set::EMPTY {
            continue;
        }
        let call = table::call(prototype.name);
        let under = match set {
            Set::FULL => None,
            _ => Some(conditions(space, set, abi, call)?),
        };
        reach.calls.push(Reachable { prototype, under });
    }
    let native = space.at_arch(runs, abi.audit_arch());
    for part in space.numbers(native, RANGES)? {
        if part.rest != Set::EMPTY {
            reach.unknown.extend(unknown(abi, part.first, part.last));
        }
    }
    Ok(reach)
}

fn conditions(space: &Space, set: Set, abi: Abi, call: Option<CallId>) -> Result<Conditions, Error> {
    Ok(Conditions {
        rules: call.and_then(|call| decompile::texts(space, set, abi, call)),
        cubes: space.cubes(set, CUBES).ok(),
        inputs: space.count_arguments(set)?,
    })
}

/// The numbers of a range that belong to an ABI and that its table does not have.
fn unknown(abi: Abi, first: u32, last: u32) -> Vec<(u32, u32)> {
    let (low, high) = match abi {
        Abi::X86_64 => (0, table::X32_BIT - 1),
        Abi::I386 => (0, i32::MAX as u32),
        Abi::X32 => (table::X32_BIT, 2 * table::X32_BIT - 1),
    };
    let (mut from, last) = (first.max(low), last.min(high));
    let mut found = Vec::new();
    for number in table::prototypes(abi).iter().map(|prototype| prototype.number | abi.bit()) {
        if number < from || number > last {
            continue;
        }
        if from < number {
            found.push((from, number - 1));
        }
        from = number + 1;
    }
    if from <= last {
        found.push((from, last));
    }
    found.into_iter().map(|(from, to)| (from & !abi.bit(), to & !abi.bit())).collect()
}
