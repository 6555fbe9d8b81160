//! Programs written to cost whoever analyses them: how long the answer or the refusal takes.

use anyhow::{Context, Result};
use ringfence_bpf::compile::{self, optimise};
use ringfence_bpf::decompile::decompile;
use ringfence_bpf::diagram::{Diagram, Error, Limits, Space};
use ringfence_bpf::filter::Action;
use ringfence_bpf::program::Program;
use ringfence_bpf::{finding, relate};

#[path = "../../crates/ringfence-bpf/tests/adversary/mod.rs"]
mod programs;

type Question = fn(&mut Space, Diagram, &Program) -> Result<(), Error>;

/// What the commands ask.
const QUESTIONS: [Question; 5] = [
    |_, _, _| Ok(()),
    |space, filter, program| finding::check(space, filter, &[program]).map(drop),
    |space, filter, _| decompile(space, filter).map(drop),
    |space, filter, _| {
        let open = space.constant(Action::Allow);
        relate::difference(space, filter, open).map(drop)
    },
    |space, filter, _| match optimise(space, filter) {
        Err(compile::Error::Diagram(error)) => Err(error),
        _ => Ok(()),
    },
];

/// Nanoseconds that this thread has had a processor: others may be at work beside it. The first number
/// of `/proc/thread-self/schedstat`, `Documentation/scheduler/sched-stats.rst`.
fn processor() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let first = text.split(' ').next().context("schedstat")?;
    Ok(first.parse()?)
}

/// Prints a line for each program: its name, its length, and for the diagram, the findings, the rules,
/// the differences from a filter that allows everything, and a shorter program: nanoseconds, with a
/// minus sign where the answer is a refusal. Then the most memory that the process ever had, in kilobytes.
pub(crate) fn answered() -> Result<()> {
    for (name, program) in programs::all() {
        let mut fields = vec![name.to_owned(), program.len().to_string()];
        for question in QUESTIONS {
            let start = processor()?;
            let mut space = Space::new(Limits::default());
            let answer = space.program(&program).and_then(|filter| question(&mut space, filter, &program));
            let sign = if answer.is_ok() { "" } else { "-" };
            fields.push(format!("{sign}{}", processor()? - start));
        }
        println!("{}", fields.join("\t"));
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("VmHWM")?;
    println!("{}", most.trim().trim_end_matches(" kB"));
    Ok(())
}
