//! Rules as libseccomp takes them, and what it makes of them: the languages of containers and of
//! systemd mean what libseccomp compiles.
//!
//! Source: seccomp_rule_add(3), seccomp_attr_set(3), seccomp_arch_add(3), and what the library
//! (2.5.4) was seen to answer. In short:
//! - The native ABI is always part of a filter, unless it was removed.
//! - x86_64 without x32 treats the numbers from `0x4000_0000` as another architecture, but for -1.
//! - Arguments are compared on 64 bits for x86_64, on 32 bits for i386 and x32.
//! - A rule without conditions replaces all rules of that call; the first such rule stays.
//! - Rules with conditions are tried in an order of their own: see [`chain`].
//! - On i386 a rule about a socket or System V IPC call also becomes a rule about socketcall(2) or
//!   ipc(2), whose first register is the number of the call; conditions on the other registers
//!   stay, though those mean something else there.

mod chain;
mod multiplex;

use std::collections::{BTreeMap, BTreeSet};

use ringfence_bpf::filter::{AbiSet, Action};
use ringfence_bpf::table::{self, Abi, X32_BIT};

use super::listing::{Arch, Clause, Listing};

pub(super) use multiplex::{elsewhere, is_multiplexed};

/// A filter as seccomp_init(3) and its companions build it.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// The ABIs.
    pub(super) abis: AbiSet,
    /// What no rule matches.
    pub(super) default: Action,
    /// `SCMP_FLTATR_ACT_BADARCH`.
    pub(super) bad_arch: Action,
    /// The rules in the order of seccomp_rule_add(3).
    pub(super) rules: Vec<Rule>,
    /// What [`Rule::origin`] stands for.
    pub(super) origins: Vec<String>,
}

/// One seccomp_rule_add(3).
#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// The call, by name.
    pub(super) call: String,
    /// At most one for each argument.
    pub(super) conditions: Vec<Condition>,
    /// Never [`Filter::default`].
    pub(super) action: Action,
    /// Index into [`Filter::origins`].
    pub(super) origin: usize,
}

/// `struct scmp_arg_cmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Condition {
    /// 0 to 5.
    pub(super) argument: u8,
    pub(super) op: Compare,
    pub(super) value: u64,
}

/// `enum scmp_compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compare {
    Ne,
    Lt,
    Le,
    Eq,
    Ge,
    Gt,
    /// With these bits.
    MaskedEq(u64),
}

/// libseccomp answers EEXIST: two rules contradict each other in a way that it does not order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conflict {
    /// Index into [`Filter::origins`] of the rule that cannot be added.
    pub(super) origin: usize,
    /// The ABI.
    pub(super) abi: Abi,
}

impl Filter {
    /// Calls whose rules libseccomp 2.5.4 was seen to compile to something else than they say, and
    /// whether that is to be expected rather than rare.
    pub(super) fn doubtful(&self) -> Vec<(String, bool)> {
        let mut calls: BTreeMap<&str, Vec<&Rule>> = BTreeMap::new();
        for rule in &self.rules {
            calls.entry(&rule.call).or_default().push(rule);
        }
        let orders = |rules: &[&Rule], argument: u8| -> BTreeSet<u64> {
            let conditions = rules.iter().flat_map(|rule| &rule.conditions);
            let order = |op| !matches!(op, Compare::Eq | Compare::Ne | Compare::MaskedEq(_));
            let orders = conditions.filter(|condition| condition.argument == argument && order(condition.op));
            orders.map(|condition| condition.value >> 32).collect()
        };
        let mut doubtful = Vec::new();
        for (call, rules) in calls {
            let other = |condition: &Condition| !matches!(condition.op, Compare::Eq | Compare::MaskedEq(_));
            let several = |rule: &&Rule| rule.conditions.len() > 1 && rule.conditions.iter().any(other);
            if (0..6).any(|argument| orders(&rules, argument).len() > 1) {
                doubtful.push((call.to_owned(), true));
            } else if rules.len() > 1 && rules.iter().any(several) {
                doubtful.push((call.to_owned(), false));
            }
        }
        doubtful
    }

    /// What libseccomp makes of it.
    ///
    /// # Errors
    /// Two rules contradict each other; a container engine then starts nothing.
    pub(super) fn listing(self) -> Result<Listing, Conflict> {
        let mut arches = Vec::new();
        let (native, x32) = (self.abis.contains(Abi::X86_64), self.abis.contains(Abi::X32));
        if native || x32 {
            let mut numbers = BTreeMap::new();
            if native {
                numbers.append(&mut self.numbers(Abi::X86_64)?);
            }
            if x32 {
                numbers.append(&mut self.numbers(Abi::X32)?);
            }
            let regions = match (native, x32) {
                // A tracer skips a call with -1, which must not look like another architecture.
                (true, false) => vec![(0, self.default), (X32_BIT, self.bad_arch), (u32::MAX, self.default)],
                (false, true) => vec![(0, self.bad_arch), (X32_BIT, self.default)],
                _ => vec![(0, self.default)],
            };
            arches.push(Arch { audit: table::AUDIT_ARCH_X86_64, regions, numbers });
        }
        if self.abis.contains(Abi::I386) {
            let numbers = self.numbers(Abi::I386)?;
            arches.push(Arch { audit: table::AUDIT_ARCH_I386, regions: vec![(0, self.default)], numbers });
        }
        Ok(Listing { arches, other: self.bad_arch, origins: self.origins })
    }

    fn numbers(&self, abi: Abi) -> Result<BTreeMap<u32, Vec<Clause>>, Conflict> {
        let mut calls: BTreeMap<u32, chain::Call> = BTreeMap::new();
        for rule in &self.rules {
            let added = if abi == Abi::I386 {
                multiplex::rules(rule)
            } else {
                let number = table::by_name(abi, &rule.call).map(|prototype| abi.bit() | prototype.number);
                number.map(|number| (number, rule.conditions.clone())).into_iter().collect()
            };
            for (number, conditions) in added {
                let call = calls.entry(number).or_default();
                let conflict = |_| Conflict { origin: rule.origin, abi };
                call.add(&conditions, abi == Abi::X86_64, rule.action, rule.origin).map_err(conflict)?;
            }
        }
        Ok(calls.into_iter().map(|(number, call)| (number, call.clauses())).collect())
    }
}
