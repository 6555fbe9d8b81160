//! Other ways through the gate: architectures, x32, numbers that no table has.

use super::gate::{Gate, Place};
use super::{Finding, Id, Severity, Witness, dangers};
use crate::diagram::{Error, Part, Set};
use crate::filter::Action;
use crate::program::SeccompData;
use crate::table::{self, Abi, CallId, X32_BIT};

/// The most parts that a look at numbers or architectures takes.
const PARTS: usize = 1 << 16;

pub(super) fn find(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let native = gate.space.at_arch(gate.filter, table::AUDIT_ARCH_X86_64);
    let i386 = gate.space.at_arch(gate.filter, table::AUDIT_ARCH_I386);
    let unchecked = native == i386 && gate.space.numbers(native, PARTS)?.len() > 1;
    if let Some((count, call, witnesses)) = opened(gate, Abi::I386)? {
        findings.push(if unchecked {
            finding(
                Id::AbiUnchecked,
                Severity::High,
                Some(call),
                format!(
                    "the filter does not look at the architecture: through int 0x80 its numbers are other calls, \
                     and {count} calls that it denies on x86_64 run"
                ),
                witnesses,
                "compare `arch` first, and deny what is not expected; a policy's `abis` does so".into(),
            )
        } else {
            open_abi(Id::I386Open, Abi::I386, count, call, witnesses)
        });
    }
    if let Some((count, call, witnesses)) = opened(gate, Abi::X32)? {
        findings.push(open_abi(Id::X32Open, Abi::X32, count, call, witnesses));
    }
    for abi in Abi::ALL {
        unknown(gate, abi, findings)?;
    }
    foreign(gate, findings)
}

fn finding(
    id: Id,
    severity: Severity,
    call: Option<CallId>,
    message: String,
    witnesses: Vec<Witness>,
    fix: String,
) -> Finding {
    Finding { id, severity, call, abis: Vec::new(), message, witnesses, instructions: Vec::new(), fix }
}

fn open_abi(id: Id, abi: Abi, count: usize, call: CallId, witnesses: Vec<Witness>) -> Finding {
    let name = abi.name();
    let note = match abi {
        Abi::X32 => " (a kernel without x32 answers ENOSYS: absent there, not denied)",
        _ => "",
    };
    let mut finding = finding(
        id,
        Severity::High,
        Some(call),
        format!("{count} calls that the filter denies on x86_64 run through {name}{note}"),
        witnesses,
        format!("deny {name} (a policy's `abis` without it), or give its calls the same rules"),
    );
    finding.abis = vec![abi];
    finding
}

/// How many calls run through an ABI for arguments for which x86_64 denies them; the one that shows
/// it best, with both answers, the denied one first.
fn opened(gate: &mut Gate<'_>, abi: Abi) -> Result<Option<(usize, CallId, Vec<Witness>)>, Error> {
    let clean: Vec<(u32, u32, u32)> = (0..6).map(|at| (20 + 8 * at, u32::MAX, 0)).collect();
    let clean = gate.words(&clean)?;
    let mut found: Vec<(CallId, Place, Place, Set)> = Vec::new();
    for call in table::names() {
        let (Some(native), Some(other)) = (gate.place(Abi::X86_64, call), gate.place(abi, call)) else {
            continue;
        };
        let alike = native.prototype.args.iter().map(|arg| arg.name).eq(other
            .prototype
            .args
            .iter()
            .map(|arg| arg.name));
        if !alike && native.runs != Set::EMPTY {
            continue;
        }
        let more = gate.space.minus(other.runs, native.runs)?;
        let more = gate.space.and(more, clean)?;
        if !more.is_empty() {
            found.push((call, native, other, more));
        }
    }
    let dangerous = |call: CallId| dangers().iter().any(|danger| danger.call == call.name());
    let best = found.iter().find(|(call, ..)| dangerous(*call)).or(found.first());
    let Some((call, native, other, more)) = best else { return Ok(None) };
    let Some(runs) = gate.witness(*other, *more) else { return Ok(None) };
    let mut data = runs.data;
    data.arch = Abi::X86_64.audit_arch();
    data.nr = native.prototype.number;
    Ok(Some((found.len(), *call, vec![gate.answered(data), runs])))
}

/// Numbers of an ABI that its table does not have: permitted, or failing otherwise than with ENOSYS.
fn unknown(gate: &mut Gate<'_>, abi: Abi, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let (arch, bit) = (abi.audit_arch(), abi.bit());
    let first = bit + table::highest(abi) + 1;
    let last = match abi {
        Abi::X86_64 => X32_BIT - 1,
        Abi::I386 => i32::MAX as u32,
        Abi::X32 => (X32_BIT << 1) - 1,
    };
    let runs = gate.space.at_arch(gate.runs, arch);
    let open = gate.space.numbers(runs, PARTS)?;
    let in_range = |from: u32, to: u32| (from.max(first) <= to.min(last)).then(|| from.max(first));
    let permitted = open.iter().filter(|part| part.rest != Set::EMPTY);
    if let Some((part, nr)) =
        permitted.filter_map(|part| Some((part, in_range(part.first, part.last)?))).next()
    {
        let mut witness = gate.space.arguments(part.rest).unwrap_or_default();
        (witness.nr, witness.arch) = (nr, arch);
        let mut open = finding(
            Id::UnknownAllowed,
            Severity::Medium,
            None,
            format!(
                "{} numbers that no kernel up to {} has are permitted: every new call will be open",
                abi.name(),
                table::KERNEL
            ),
            vec![gate.answered(witness)],
            "answer ENOSYS to what is not in the list; a policy's `unknown` does so".into(),
        );
        open.abis = vec![abi];
        findings.push(open);
    } else {
        let known = |part: &Part<Set>| part.last >= bit && part.first < first;
        let used = open.iter().any(|part| part.rest != Set::EMPTY && known(part));
        let witness = gate.answered(SeccompData { nr: first, arch, ..SeccompData::default() });
        if used && matches!(witness.action, Action::Errno(errno) if Some(errno) != table::errno("ENOSYS")) {
            let mut wrong = finding(
                Id::UnknownNotEnosys,
                Severity::Low,
                None,
                format!(
                    "{} numbers that no table has fail otherwise than with ENOSYS: programs take a new call for forbidden, not for missing, and do not fall back",
                    abi.name()
                ),
                vec![witness],
                "answer ENOSYS: `unknown = \"ENOSYS\"`".into(),
            );
            wrong.abis = vec![abi];
            findings.push(wrong);
        }
    }
    if abi != Abi::X32 {
        negative(gate, abi, findings)?;
    }
    Ok(())
}

/// Numbers with the highest bit set: no call of any table.
fn negative(gate: &mut Gate<'_>, abi: Abi, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let runs = gate.space.at_arch(gate.runs, abi.audit_arch());
    let parts = gate.space.numbers(runs, PARTS)?;
    let open = parts.iter().find(|part| part.rest != Set::EMPTY && part.last > i32::MAX as u32);
    let Some(part) = open else { return Ok(()) };
    let mut data = gate.space.arguments(part.rest).unwrap_or_default();
    (data.nr, data.arch) = (part.first.max(1 << 31), abi.audit_arch());
    let mut found = finding(
        Id::NegativeNumber,
        Severity::Note,
        None,
        format!(
            "negative {} numbers are permitted: the kernel answers ENOSYS, and a tracer writes -1 to skip a call",
            abi.name()
        ),
        vec![gate.answered(data)],
        "deny or answer ENOSYS to every number that is not in the list".into(),
    );
    found.abis = vec![abi];
    findings.push(found);
    Ok(())
}

/// Architectures that x86-64 never reports.
fn foreign(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    let x86 = [table::AUDIT_ARCH_X86_64, table::AUDIT_ARCH_I386];
    let open = gate.space.archs(gate.runs, PARTS)?;
    let open = open.iter().filter(|part| part.rest != Set::EMPTY);
    let other = open.flat_map(|part| (part.first..=part.last).take(3).zip(std::iter::repeat(part.rest)));
    let Some((arch, rest)) = other.into_iter().find(|(arch, _)| !x86.contains(arch)) else { return Ok(()) };
    let mut data = gate.space.witness(rest).unwrap_or_default();
    data.arch = arch;
    findings.push(finding(
        Id::ForeignArch,
        Severity::Note,
        None,
        "architectures that are none of x86 are permitted: no x86-64 kernel reports them, but the filter does not say what it expects".into(),
        vec![gate.answered(data)],
        "deny where `arch` is none of those that the filter knows".into(),
    ));
    Ok(())
}
