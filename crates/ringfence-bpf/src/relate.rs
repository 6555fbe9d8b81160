//! How two filters compare: equal, one within the other, and where they differ, call by call.
//!
//! "Permits" means that the call runs: [`Action::Allow`] and [`Action::Log`]. A tracer or supervisor
//! may let a call run too, so [`Action::Trace`] and [`Action::UserNotif`] are between: see
//! [`strictness`].

use crate::diagram::{Cube, Diagram, Error, Set, Space};
use crate::filter::Action;
use crate::program::SeccompData;
use crate::table::{self, Abi};

/// A call that two filters answer differently somewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// Which calls.
    pub calls: Calls,
    /// What the first filter does there.
    pub old: Action,
    /// What the second one does.
    pub new: Action,
    /// Where exactly: conditions on arguments and instruction pointer, any of them. `None` where
    /// they are too many to list; the set itself is exact nevertheless.
    pub conditions: Option<Vec<Cube>>,
    /// The arguments and instruction pointers, as a set that depends on nothing else.
    pub set: Set,
    /// An input for which it is so.
    pub witness: SeccompData,
}

/// Calls that share a difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Calls {
    /// A call of the table, by its number there (for x32 without bit 30).
    Known(Abi, u32),
    /// Numbers of an architecture that no table has, as in `seccomp_data.nr`, both included.
    Unknown {
        /// `AUDIT_ARCH_*` of one of the three ABIs.
        arch: u32,
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
    /// Every number under architectures that are none of x86, both included.
    Foreign {
        /// The first.
        first: u32,
        /// The last.
        last: u32,
    },
}

/// The most conditions that a difference lists.
pub const CONDITIONS: usize = 64;
/// The most ranges of unknown numbers or foreign architectures that are listed.
const RANGES: usize = 4096;

/// How much an action permits: 0 where the call never runs, 1 where a tracer or supervisor decides,
/// 2 where it runs.
pub fn strictness(action: Action) -> u8 {
    match action {
        Action::KillProcess | Action::KillThread | Action::Trap(_) | Action::Errno(_) => 0,
        Action::UserNotif | Action::Trace(_) => 1,
        Action::Log | Action::Allow => 2,
    }
}

/// Whether two filters, each alone, do the same for every input.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn equal(space: &mut Space, a: Diagram, b: Diagram) -> Result<bool, Error> {
    Ok(a == b || space.alone(a)? == space.alone(b)?)
}

/// The inputs that `new` permits more than `old`: where [`strictness`] is higher.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn widened(space: &mut Space, old: Diagram, new: Diagram) -> Result<Set, Error> {
    let mut wider = Set::EMPTY;
    for level in [1, 2] {
        let before = space.set(old, |action| strictness(action) >= level)?;
        let after = space.set(new, |action| strictness(action) >= level)?;
        let more = space.minus(after, before)?;
        wider = space.or(wider, more)?;
    }
    Ok(wider)
}

/// Whether `inner` permits nothing that `outer` does not.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn subset(space: &mut Space, inner: Diagram, outer: Diagram) -> Result<bool, Error> {
    Ok(widened(space, outer, inner)?.is_empty())
}

/// A filter that answers each input as the more permissive of two does; of equally permissive
/// answers, the first one's.
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn union(space: &mut Space, a: Diagram, b: Diagram) -> Result<Diagram, Error> {
    let wider = widened(space, a, b)?;
    space.choose(wider, b, a)
}

/// A filter that answers each input as the less permissive of two does; of equally permissive
/// answers, the first one's. For what two filters on one thread do, see [`Space::stack`].
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn intersection(space: &mut Space, a: Diagram, b: Diagram) -> Result<Diagram, Error> {
    let wider = widened(space, b, a)?;
    space.choose(wider, b, a)
}

/// Every difference between two filters, each alone: by call in the order of the tables (x86_64,
/// i386, x32, then unknown numbers, then foreign architectures), and for each call by the pair of
/// actions. Empty exactly where they are [`equal`].
///
/// # Errors
///
/// [`Error::TooComplex`].
pub fn difference(space: &mut Space, old: Diagram, new: Diagram) -> Result<Vec<Difference>, Error> {
    let (old, new) = (space.alone(old)?, space.alone(new)?);
    let differ = space.unequal(old, new)?;
    let mut found = Vec::new();
    for abi in Abi::ALL {
        let arch = abi.audit_arch();
        let (differ, old, new) =
            (space.at_arch(differ, arch), space.at_arch(old, arch), space.at_arch(new, arch));
        for prototype in table::prototypes(abi).iter().filter(|_| !differ.is_empty()) {
            let nr = abi.bit() | prototype.number;
            if !space.at_number(differ, nr).is_empty() {
                let calls = Calls::Known(abi, prototype.number);
                let pair = (space.at_number(old, nr), space.at_number(new, nr));
                call(space, calls, (arch, nr), pair, &mut found)?;
            }
        }
    }
    unknown(space, differ, (old, new), &mut found)?;
    foreign(space, differ, (old, new), &mut found)?;
    Ok(found)
}

/// The pairs of actions of one call, or of several that have the same functions.
fn call(
    space: &mut Space,
    calls: Calls,
    (arch, nr): (u32, u32),
    (old, new): (Diagram, Diagram),
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    let (olds, news) = (space.actions(old)?, space.actions(new)?);
    for before in olds {
        let here = space.set(old, |action| action == before)?;
        for after in news.iter().copied().filter(|after| *after != before) {
            let there = space.set(new, |action| action == after)?;
            let set = space.and(here, there)?;
            let Some(data) = space.arguments(set) else { continue };
            found.push(Difference {
                calls,
                old: before,
                new: after,
                conditions: space.cubes(set, CONDITIONS).ok(),
                set,
                witness: SeccompData { nr, arch, ..data },
            });
        }
    }
    Ok(())
}

/// Numbers that no table has.
fn unknown(
    space: &mut Space,
    differ: Set,
    (old, new): (Diagram, Diagram),
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    for arch in [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386] {
        let differ = space.at_arch(differ, arch);
        let (old, new) = (space.at_arch(old, arch), space.at_arch(new, arch));
        for part in space.numbers(differ, RANGES)?.iter().filter(|part| !part.rest.is_empty()) {
            for (first, last) in holes(arch, part.first, part.last) {
                // Over these numbers the difference is one, but each filter's answer may not be.
                for (first, last) in same(space, (old, new), first, last)? {
                    let pair = (space.at_number(old, first), space.at_number(new, first));
                    call(space, Calls::Unknown { arch, first, last }, (arch, first), pair, found)?;
                }
            }
        }
    }
    Ok(())
}

/// The parts of a range of numbers in which both functions stay the same.
fn same(
    space: &Space,
    (old, new): (Diagram, Diagram),
    first: u32,
    last: u32,
) -> Result<Vec<(u32, u32)>, Error> {
    let starts = |diagram| -> Result<Vec<u32>, Error> {
        Ok(space.numbers(diagram, RANGES)?.iter().map(|part| part.first).collect())
    };
    let mut cuts: Vec<u32> = starts(old)?.into_iter().chain(starts(new)?).collect();
    cuts.retain(|cut| *cut > first && *cut <= last);
    cuts.push(first);
    cuts.sort_unstable();
    cuts.dedup();
    let ends = cuts.iter().skip(1).map(|cut| cut - 1).chain([last]);
    Ok(cuts.iter().copied().zip(ends).collect())
}

/// The numbers of a range that no table of an architecture has.
fn holes(arch: u32, first: u32, last: u32) -> Vec<(u32, u32)> {
    let tables = Abi::ALL.into_iter().filter(|abi| abi.audit_arch() == arch);
    let known = tables
        .flat_map(|abi| table::prototypes(abi).iter().map(move |prototype| abi.bit() | prototype.number));
    let mut known: Vec<u32> = known.filter(|nr| (first..=last).contains(nr)).collect();
    known.sort_unstable();
    let mut holes = Vec::new();
    let mut next = Some(first);
    for nr in known {
        if let Some(next) = next.filter(|next| *next < nr) {
            holes.push((next, nr - 1));
        }
        next = nr.checked_add(1).filter(|next| *next <= last);
    }
    holes.extend(next.map(|next| (next, last)));
    holes
}

/// Architectures that x86 does not have: no kernel of x86 shows them to a filter.
fn foreign(
    space: &mut Space,
    differ: Set,
    (old, new): (Diagram, Diagram),
    found: &mut Vec<Difference>,
) -> Result<(), Error> {
    for part in space.archs(differ, RANGES)?.iter().filter(|part| !part.rest.is_empty()) {
        let known = |arch: u32| [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386].contains(&arch);
        if part.first == part.last && known(part.first) {
            continue;
        }
        let Some(nr) = space.witness(part.rest).map(|data| data.nr) else { continue };
        let arch = if known(part.first) { part.first + 1 } else { part.first };
        let pair = (space.at(old, arch, nr), space.at(new, arch, nr));
        call(space, Calls::Foreign { first: part.first, last: part.last }, (arch, nr), pair, found)?;
    }
    Ok(())
}
