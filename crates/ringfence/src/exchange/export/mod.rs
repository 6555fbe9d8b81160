//! Filters for other tools. What is written is read again and compared with its source over every
//! input before it is given out: what a language cannot say exactly is an error with a witness.

mod call;
mod firecracker;
mod minijail;
mod oci;
mod policy;
mod systemd;

use std::fmt::Write as _;

use ringfence_bpf::diagram::{Diagram, Space};
use ringfence_bpf::disassemble::{self, disassemble};
use ringfence_bpf::finding::describe;
use ringfence_bpf::program::Program;
use ringfence_bpf::relate;

use super::gate::Failure;
use super::{Conditions, Error, Gate, Language, Meaning, Options};

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// `struct sock_filter` as bytes.
    Bpf,
    /// The initialisers of a C array of `struct sock_filter`.
    C,
    /// Assembly text of `bpf_asm`, with names.
    Assembly,
    /// An OCI profile.
    Oci,
    /// A thread of Firecracker's or seccompiler's JSON.
    Firecracker,
    /// A minijail policy.
    Minijail,
    /// Directives of a systemd unit.
    Systemd,
    /// A policy of ringfence.
    Ringfence,
}

impl Target {
    /// All of them, with the words that name them.
    pub const ALL: [(Target, &'static str); 8] = [
        (Target::Bpf, "bpf"),
        (Target::C, "c"),
        (Target::Assembly, "asm"),
        (Target::Oci, "oci"),
        (Target::Firecracker, "firecracker"),
        (Target::Minijail, "minijail"),
        (Target::Systemd, "systemd"),
        (Target::Ringfence, "ringfence"),
    ];
}

/// What was written, and what a reader should know about it.
#[derive(Debug, Clone)]
pub struct Exported {
    /// The file.
    pub bytes: Vec<u8>,
    /// What differs by nature of the language, where the target is a policy of ringfence.
    pub notes: Vec<String>,
}

/// Writes a gate in another language.
///
/// # Errors
/// The language cannot say it: the message names what, with a witness.
pub fn export(gate: &Gate, target: Target) -> Result<Exported, Failure> {
    let mut space = Space::new(ringfence_bpf::diagram::Limits::default());
    let meaning = gate.diagram(&mut space)?;
    let text = match target {
        Target::Bpf => return Ok(plain(bytes(&program(gate, &mut space)?))),
        Target::C => return Ok(plain(c(&program(gate, &mut space)?).into_bytes())),
        Target::Assembly => return Ok(plain(assembly(gate, &mut space)?.into_bytes())),
        Target::Ringfence => return policy::write(&mut space, meaning),
        Target::Oci => oci::write(&mut space, meaning)?,
        Target::Firecracker => firecracker::write(&mut space, meaning, &gate.name)?,
        Target::Minijail => minijail::write(&mut space, meaning)?,
        Target::Systemd => systemd::write(&mut space, meaning)?,
    };
    let language = match target {
        Target::Oci => Language::Oci,
        Target::Firecracker => Language::Firecracker,
        Target::Minijail => Language::Minijail,
        _ => Language::Systemd,
    };
    prove(&mut space, meaning, &text, language)?;
    Ok(plain(text.into_bytes()))
}

fn plain(bytes: Vec<u8>) -> Exported {
    Exported { bytes, notes: Vec::new() }
}

/// The one program that a gate is, or a short one that means the same as its filters.
fn program(gate: &Gate, space: &mut Space) -> Result<Program, Failure> {
    match gate.stack.as_slice() {
        [filter] if matches!(filter.meaning, Meaning::Program(_)) => Ok(gate.programs()?.remove(0)),
        _ => gate.optimised(space),
    }
}

/// A program as the bytes of `struct sock_filter`, little endian.
#[must_use]
pub fn bytes(program: &Program) -> Vec<u8> {
    let insn = |insn: &ringfence_bpf::program::Insn| {
        let ([c0, c1], [k0, k1, k2, k3]) = (insn.code.to_le_bytes(), insn.k.to_le_bytes());
        [c0, c1, insn.jt, insn.jf, k0, k1, k2, k3]
    };
    program.insns().iter().flat_map(insn).collect()
}

fn c(program: &Program) -> String {
    let mut text = String::new();
    for insn in program.insns() {
        let _ = writeln!(text, "{{ {:#04x}, {}, {}, {:#010x} }},", insn.code, insn.jt, insn.jf, insn.k);
    }
    text
}

/// The instructions, and proof that the text is them.
fn assembly(gate: &Gate, space: &mut Space) -> Result<String, Failure> {
    let program = program(gate, space)?;
    let text = disassemble(program.insns());
    match disassemble::assemble(&text) {
        Ok(again) if again == program => Ok(text),
        _ => {
            Err(Failure::Unverifiable("the text does not give back the program: this is a defect".to_owned()))
        }
    }
}

/// Whether a text, read again, means what was to be written.
fn prove(space: &mut Space, meaning: Diagram, text: &str, language: Language) -> Result<(), Failure> {
    let loader = |path: &str| Err(std::io::Error::other(format!("{path} is not to be read")));
    let options = Options { conditions: Conditions::default(), loader: &loader };
    let again = super::import(text.as_bytes(), "the result", language, &options)?;
    let again = again.gates.first().ok_or_else(|| Error::new("the result has no filter"))?.diagram(space)?;
    if relate::equal(space, meaning, again)? {
        return Ok(());
    }
    let differ = space.unequal(meaning, again)?;
    let Some(data) = space.witness(differ) else { return Ok(()) };
    let (wanted, got) = (space.eval(meaning, &data), space.eval(again, &data));
    let message = format!(
        "not expressible exactly as {}: {} is {}, and would be {}",
        language.name(),
        describe(&data),
        disassemble::action(wanted),
        disassemble::action(got)
    );
    Err(Error::new(message).help("nothing was written; `--to bpf` can express every filter").into())
}
