//! Seccomp programs as diagrams: how long that takes, and how short they become.

use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ringfence_bpf::compile::{least, optimise};
use ringfence_bpf::diagram::{Limits, Space};
use ringfence_bpf::program::{Insn, Program};
use ringfence_bpf::{prove, relate};

const RUNS: usize = 31;

/// Writes the optimised program to a file, and prints: instructions before and after, and the fewest by
/// comparisons, then medians in nanoseconds of program to diagram, diagram to program, and the proof that both are equal.
pub(crate) fn optimised(source: &Path, target: &Path) -> Result<()> {
    let program = read(source)?;
    let mut space = Space::new(Limits::default());
    let diagram = space.program(&program)?;
    let short = optimise(&mut space, diagram)?;
    let differs = prove::equal(&short, &program)?;
    ensure!(differs.is_none(), "{}: {differs:?}", source.display());
    write(target, &short)?;
    let to_diagram = median(|| Space::new(Limits::default()).program(&program).map(drop))?;
    let to_program = median(|| optimise(&mut space, diagram).map(drop))?;
    let proof = median(|| prove::equal(&short, &program).map(drop))?;
    let fewest = least(&space, diagram);
    println!("{}\t{}\t{fewest}\t{to_diagram}\t{to_program}\t{proof}", program.len(), short.len());
    Ok(())
}

/// Prints, for two programs that are diagrams already: whether they are equal, how many differences
/// there are, and medians in nanoseconds for either answer.
pub(crate) fn compared(first: &Path, second: &Path) -> Result<()> {
    let programs = [read(first)?, read(second)?];
    let mut times = [Vec::new(), Vec::new()];
    let (mut equal, mut differences) = (false, 0);
    for _ in 0..RUNS {
        let mut space = Space::new(Limits::default());
        let (a, b) = (space.program(&programs[0])?, space.program(&programs[1])?);
        let start = Instant::now();
        equal = black_box(relate::equal(&mut space, a, b)?);
        times[0].push(start.elapsed().as_nanos());
        let start = Instant::now();
        differences = black_box(relate::difference(&mut space, a, b)?).len();
        times[1].push(start.elapsed().as_nanos());
    }
    times.iter_mut().for_each(|times| times.sort_unstable());
    println!("{equal}\t{differences}\t{}\t{}", times[0][RUNS / 2], times[1][RUNS / 2]);
    Ok(())
}

/// Prints the nanoseconds that all of these take in one space: to diagrams, optimised, each proven,
/// and each compared with the next.
pub(crate) fn all(sources: &[&str]) -> Result<()> {
    let programs: Vec<Program> = sources.iter().map(|source| read(source.as_ref())).collect::<Result<_>>()?;
    let whole = || -> Result<()> {
        let mut space = Space::new(Limits::default());
        let mut last = None;
        for program in &programs {
            let diagram = space.program(program)?;
            let short = optimise(&mut space, diagram)?;
            let again = space.program(&short)?;
            ensure!(relate::equal(&mut space, diagram, again)?, "not equal");
            if let Some(last) = last.replace(diagram) {
                black_box(relate::difference(&mut space, last, diagram)?);
            }
        }
        Ok(())
    };
    println!("{}", median(whole)?);
    Ok(())
}

fn median<E>(mut run: impl FnMut() -> Result<(), E>) -> Result<u128, E> {
    let mut times = Vec::with_capacity(RUNS);
    for _ in 0..RUNS {
        let start = Instant::now();
        run()?;
        times.push(start.elapsed().as_nanos());
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}

pub(crate) fn read(path: &Path) -> Result<Program> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    ensure!(bytes.len() % 8 == 0, "{}: not a whole number of instructions", path.display());
    let insn = |b: &[u8]| Insn {
        code: u16::from_ne_bytes([b[0], b[1]]),
        jt: b[2],
        jf: b[3],
        k: u32::from_ne_bytes([b[4], b[5], b[6], b[7]]),
    };
    Ok(Program::new(bytes.chunks_exact(8).map(insn).collect()))
}

pub(crate) fn write(path: &Path, program: &Program) -> Result<()> {
    let mut bytes = Vec::with_capacity(8 * program.len());
    for insn in program.insns() {
        bytes.extend(insn.code.to_ne_bytes());
        bytes.extend([insn.jt, insn.jf]);
        bytes.extend(insn.k.to_ne_bytes());
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
