//! Hostile programs: an answer or a refusal, with what is counted bounded. `cargo xtask bench gate`
//! says how long each takes.

use ringfence_bpf::compile::{self, optimise};
use ringfence_bpf::decompile::decompile;
use ringfence_bpf::diagram::{Bound, Diagram, Error, Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::surface::surface;
use ringfence_bpf::{decode, finding, relate};

use crate::{adversary, load, ret};

const ENDS: [Insn; 2] = [ret(0x0005_0001), ret(0x7fff_0000)];

fn bound(error: Error) -> Bound {
    match error {
        Error::TooComplex(bound) => bound,
        other => panic!("{other}"),
    }
}

/// Every question that a command asks of a filter, each in a space of its own; the bound that was hit.
fn asked(name: &str, program: &Program) -> Vec<Option<Bound>> {
    type Question = fn(&mut Space, Diagram, &Program) -> Result<(), Error>;
    let limits = Limits::default();
    let mut space = Space::new(limits);
    if let Err(error) = space.program(program) {
        assert!(space.work() <= limits.work + 64 && space.nodes() <= limits.nodes, "{name}");
        return vec![Some(bound(error))];
    }
    let questions: [(&str, Question); 5] = [
        ("rules", |space, filter, _| decompile(space, filter).map(drop)),
        ("findings", |space, filter, program| finding::check(space, filter, &[program]).map(drop)),
        ("surface", |space, filter, _| surface(space, filter).map(drop)),
        ("differences", |space, filter, _| {
            let open = space.constant(Action::Allow);
            relate::difference(space, filter, open).map(drop)
        }),
        ("program", |space, filter, _| match optimise(space, filter) {
            Err(compile::Error::Diagram(error)) => Err(error),
            _ => Ok(()),
        }),
    ];
    let ask = |(what, question): &(&str, Question)| {
        let mut space = Space::new(limits);
        let result = space.program(program).and_then(|filter| question(&mut space, filter, program));
        // What is beyond is one step too many, never another operation.
        assert!(space.work() <= limits.work + 64, "{name}, {what}: {} steps", space.work());
        assert!(space.nodes() <= limits.nodes, "{name}, {what}: {} nodes", space.nodes());
        result.err().map(bound)
    };
    questions.iter().map(ask).collect()
}

#[test]
fn hostile_programs_are_answered_or_refused() {
    let all = adversary::all();
    assert_eq!(all.len(), 24);
    let mut refused = 0;
    for (name, program) in &all {
        decode::check(program.insns()).unwrap_or_else(|error| panic!("{name}: {error}"));
        refused += usize::from(asked(name, program).iter().any(Option::is_some));
    }
    // Some are answered: a refusal of everything would be no answer.
    assert!(refused < all.len() && refused > 10, "{refused}");
}

/// Each operation is small here, and they are many: 65,536 answers, each listed by itself.
#[test]
fn many_small_operations_are_bounded_together() {
    let all = adversary::all();
    let (_, program) = all.iter().find(|(name, _)| *name == "the argument as errno").unwrap();
    let mut space = Space::default();
    let filter = space.program(program).unwrap();
    let refused = decompile(&mut space, filter).unwrap_err();
    assert_eq!(refused, Error::TooComplex(Bound::Work(Limits::default().work)));
}

#[test]
fn long_chains_of_numbers_are_answered() {
    let all = adversary::all();
    let (_, program) = all.iter().find(|(name, _)| *name == "an answer for each number").unwrap();
    let hit = asked("numbers", program);
    assert!(hit.iter().flatten().all(|bound| matches!(bound, Bound::Parts(_) | Bound::Work(_))), "{hit:?}");
    assert_eq!(hit[1], None, "its findings are found");
}

#[test]
fn bounds_are_errors_that_name_them() {
    let few = Limits { nodes: 100, ..Limits::default() };
    let filter = Program::new(
        (0..1000).flat_map(|at| [load(0), Insn::jump(0x15, at * 3, 0, 1), ENDS[1]]).chain(ENDS).collect(),
    );
    let refused = Space::new(few).program(&filter).unwrap_err();
    assert_eq!(refused, Error::TooComplex(Bound::Nodes(100)));
    assert_eq!(refused.to_string(), "too complex for an exact answer: more than 100 nodes");
    let short = Limits { steps: 100, ..Limits::default() };
    assert_eq!(Space::new(short).program(&filter), Err(Error::TooComplex(Bound::Steps(100))));
    let little = Limits { work: 100, ..Limits::default() };
    assert_eq!(Space::new(little).program(&filter), Err(Error::TooComplex(Bound::Work(100))));
}
