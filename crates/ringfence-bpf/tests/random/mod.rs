//! Random specifications, the same on every run, and arguments around their boundaries.

use ringfence_bpf::filter::{AbiSet, Action, FilterSpec};
use ringfence_bpf::rule::{self, Rule, Test};
use ringfence_bpf::table::{self, Abi};

/// xorshift64*: the same numbers on every run.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const VALUES: [&str; 24] = [
    "0",
    "1",
    "2",
    "3",
    "7",
    "8",
    "15",
    "38",
    "255",
    "256",
    "0x7fff",
    "0x8000",
    "0xffff",
    "0x10000",
    "0x7fffffff",
    "0x80000000",
    "0xffffffff",
    "0x100000000",
    "0x100000001",
    "0x7fffffffffffffff",
    "0xffffffffffffffff",
    "-1",
    "-100",
    "-2",
];

const ACTIONS: [Action; 8] = [
    Action::Errno(1),
    Action::Errno(38),
    Action::KillProcess,
    Action::KillThread,
    Action::Trap(7),
    Action::Log,
    Action::Allow,
    Action::UserNotif,
];

fn random_test(random: &mut Random) -> String {
    let mut value = || (*random.pick(&VALUES)).to_owned();
    let (a, b) = (value(), value());
    match random.below(8) {
        0..=2 => a,
        3 => format!("!{a}"),
        4 | 5 => format!("{a}..={b}"),
        6 => format!("& ({a} | {b}) == {a}"),
        _ => format!("!& {a}"),
    }
}

/// A rule as text that parses, on a random call or group.
fn random_rule(random: &mut Random, deny: bool) -> Rule {
    loop {
        let call = table::names().nth(random.below(table::names().len())).unwrap();
        let mut text = call.name().to_owned();
        let abi = *random.pick(&Abi::ALL);
        let args = call.prototype(abi).map_or(0, |prototype| prototype.args.len());
        if random.below(20) == 0 {
            text = random.pick(table::groups()).name.to_owned();
        } else if args > 0 && random.below(3) > 0 {
            let mut conditions = Vec::new();
            for _ in 0..1 + random.below(2) {
                let argument = call.prototype(abi).unwrap().args[random.below(args)];
                let tests: Vec<String> = (0..1 + random.below(4)).map(|_| random_test(random)).collect();
                conditions.push(format!("{}: {}", argument.name, tests.join(" | ")));
            }
            text = format!("{text}({})", conditions.join(", "));
        }
        if deny && random.below(3) == 0 {
            let actions = [" -> kill", " -> ENOSYS", " -> log", " -> trap", " -> kill-thread"];
            text += *random.pick(&actions);
        }
        if let Ok(rule) = rule::parse(&text) {
            return rule;
        }
    }
}

pub(crate) fn random_spec(random: &mut Random) -> FilterSpec {
    let abis = AbiSet::from_iter(Abi::ALL.into_iter().filter(|_| random.below(4) > 0));
    let deny = (0..random.below(30)).map(|_| random_rule(random, true)).collect();
    let mut allow: Vec<Rule> = (0..random.below(200)).map(|_| random_rule(random, false)).collect();
    // Several rules about one call, so that chains have more than one entry.
    let texts = ["personality(0)", "personality(8)", "personality(0xffffffff)", "clone(0 | !& 0x10000000)"];
    allow.extend(texts.iter().filter(|_| random.below(2) == 0).map(|text| rule::parse(text).unwrap()));
    let mut action = || *random.pick(&ACTIONS);
    FilterSpec { abis, deny, allow, on_deny: action(), unknown: action(), bad_abi: action() }
}

/// The numbers around which an argument's answer may change, and what a filter may confuse them
/// with: other high halves, and two's complements.
pub(crate) fn boundaries(spec: &FilterSpec) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX];
    let conditions = spec.deny.iter().chain(&spec.allow).flat_map(|rule| &rule.conditions);
    for test in conditions.flat_map(|condition| &condition.tests) {
        match *test {
            Test::Equal(a) | Test::NotEqual(a) => values.push(a as u64),
            Test::Range(a, b) => values.extend([a as u64, b as u64]),
            Test::Masked { mask, value } => values.extend([value, mask, value | !mask, !value & mask]),
        }
    }
    let near = values.iter().flat_map(|&v| [v.wrapping_sub(1), v, v.wrapping_add(1)]);
    let mut values: Vec<u64> = near
        .flat_map(|v| [v, v | 1 << 32, v & 0xffff_ffff, v | 0xffff_ffff << 32, v ^ 0x10000, v ^ 0x80010])
        .collect();
    values.sort_unstable();
    values.dedup();
    values
}
