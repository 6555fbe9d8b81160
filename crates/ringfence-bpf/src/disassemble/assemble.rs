//! Text to instructions: the reverse of [`super::disassemble`], and what a person may write.

use std::collections::BTreeMap;

use super::form::{FORMS, Form, WORDS};
use crate::filter::Action;
use crate::program::{Insn, MAX_INSNS, Program};
use crate::table::{self, Abi};

/// What is wrong with a text, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct Error {
    /// The line, from one.
    pub line: usize,
    /// What is wrong, and what was expected.
    pub message: String,
}

type Assembled<T> = Result<T, Error>;

/// One instruction before its labels have places.
struct Line<'a> {
    number: usize,
    code: u16,
    k: u32,
    /// Jump targets, the true one first.
    targets: Vec<&'a str>,
    /// `jt` and `jf` of a raw instruction.
    raw: Option<(u8, u8)>,
}

/// The instructions of a text.
///
/// Labels are any words with a colon at the start of a line; jumps go forward. Whether the kernel
/// would accept the program is [`crate::decode::check`]'s to say.
///
/// # Errors
///
/// The first line that is no instruction, a label that is missing, comes twice or lies behind, a
/// conditional jump over more than 255 instructions, more than 4,096 instructions.
pub fn assemble(text: &str) -> Result<Program, Error> {
    let mut labels = BTreeMap::new();
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let error = |message: String| Error { line: number, message };
        let mut rest = line.split(';').next().unwrap_or_default().trim();
        while let Some((label, after)) = rest.split_once(':').filter(|(label, _)| is_label(label)) {
            if labels.insert(label, lines.len()).is_some() {
                return Err(error(format!("the label `{label}` is there twice")));
            }
            rest = after.trim_start();
        }
        if rest.is_empty() {
            continue;
        }
        if lines.len() == MAX_INSNS {
            return Err(error(format!("more than {MAX_INSNS} instructions, which the kernel does not take")));
        }
        lines.push(parse(number, rest)?);
    }
    let place = |(at, line)| link(at, line, &labels);
    lines.iter().enumerate().map(place).collect::<Assembled<Vec<Insn>>>().map(Program::new)
}

fn is_label(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn parse(number: usize, text: &str) -> Assembled<Line<'_>> {
    let error = |message: String| Error { line: number, message };
    let (mnemonic, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let operands: Vec<&str> = match rest.trim() {
        "" => Vec::new(),
        rest => rest.split(',').map(str::trim).collect(),
    };
    if mnemonic == ".insn" {
        return raw(number, &operands);
    }
    let mut known = false;
    for (code, name, form) in FORMS {
        if name != mnemonic {
            continue;
        }
        known = true;
        if let Some((k, targets)) = operand(form, &operands).map_err(error)? {
            return Ok(Line { number, code, k, targets, raw: None });
        }
    }
    Err(error(if known {
        format!("`{mnemonic}` does not take `{}`", rest.trim())
    } else {
        format!("no instruction `{mnemonic}`")
    }))
}

fn raw<'a>(number: usize, operands: &[&str]) -> Assembled<Line<'a>> {
    let fields: Option<Vec<u32>> = operands.iter().map(|text| integer(text)).collect();
    let error = || Error { line: number, message: "expected `.insn CODE, JT, JF, K`".into() };
    let [code, jt, jf, k] = fields.as_deref().ok_or_else(error)? else { return Err(error()) };
    let fit = |value: &u32| u8::try_from(*value).map_err(|_| error());
    let code = u16::try_from(*code).map_err(|_| error())?;
    Ok(Line { number, code, k: *k, targets: Vec::new(), raw: Some((fit(jt)?, fit(jf)?)) })
}

/// The constant and the targets; `None` where the operands have another form.
fn operand<'a>(form: Form, operands: &[&'a str]) -> Result<Option<(u32, Vec<&'a str>)>, String> {
    let plain = |k: Option<u32>| Ok(k.map(|k| (k, Vec::new())));
    match (form, operands) {
        (Form::None, []) => plain(Some(0)),
        (Form::Length, ["#len"]) => plain(Some(0)),
        (Form::X, ["x"]) | (Form::A, ["a"]) => plain(Some(0)),
        (Form::Word, [text]) => match bracketed(text, "[") {
            Some(word) => match WORDS.iter().position(|name| *name == word) {
                Some(at) => plain(Some(4 * at as u32)),
                None => {
                    plain(Some(integer(word).ok_or_else(|| format!("no word `{word}` in seccomp_data"))?))
                }
            },
            None => Ok(None),
        },
        (Form::Scratch, [text]) => plain(bracketed(text, "M[").and_then(integer)),
        (Form::Constant, [text]) if *text != "#len" && text.starts_with('#') => constant(text).map(bare),
        (Form::Action, [text]) if *text != "a" => action(text).map(bare),
        (Form::Target, [label]) => Ok(Some((0, vec![*label]))),
        (Form::Branch, [text, jt, jf]) if text.starts_with('#') => {
            Ok(Some((constant(text)?, vec![*jt, *jf])))
        }
        (Form::BranchX, ["x", jt, jf]) => Ok(Some((0, vec![*jt, *jf]))),
        _ => Ok(None),
    }
}

fn bare<'a>(k: u32) -> Option<(u32, Vec<&'a str>)> {
    Some((k, Vec::new()))
}

fn bracketed<'a>(text: &'a str, open: &str) -> Option<&'a str> {
    text.strip_prefix(open)?.strip_suffix(']').map(str::trim)
}

/// `#number`, `#ABI:call`, `#AUDIT_ARCH_…`, `#X32_BIT`.
fn constant(text: &str) -> Result<u32, String> {
    let name = text.trim_start_matches('#');
    if let Some((abi, call)) = name.split_once(':') {
        let abi = Abi::from_name(abi).ok_or_else(|| format!("no ABI `{abi}`: x86_64, i386 or x32"))?;
        let prototype = table::by_name(abi, call);
        return match prototype {
            Some(prototype) => Ok(abi.bit() | prototype.number),
            None => Err(format!("{} has no call `{call}`", abi.name())),
        };
    }
    match name {
        "AUDIT_ARCH_X86_64" => Ok(table::AUDIT_ARCH_X86_64),
        "AUDIT_ARCH_I386" => Ok(table::AUDIT_ARCH_I386),
        "X32_BIT" => Ok(table::X32_BIT),
        _ => integer(name).ok_or_else(|| format!("`{name}` is no number of 32 bits")),
    }
}

fn action(text: &str) -> Result<u32, String> {
    if text.starts_with('#') {
        return constant(text);
    }
    let (name, data) = match text.split_once('(') {
        Some((name, rest)) => (name, rest.strip_suffix(')').ok_or("expected `)`")?),
        None => (text, ""),
    };
    let number = || match data {
        "" => Ok(0),
        _ => data.parse::<u16>().map_err(|_| format!("`{data}` is no number of 16 bits")),
    };
    Ok(match (name, data) {
        ("KILL_PROCESS", "") => Action::KillProcess,
        ("KILL_THREAD", "") => Action::KillThread,
        ("USER_NOTIF", "") => Action::UserNotif,
        ("LOG", "") => Action::Log,
        ("ALLOW", "") => Action::Allow,
        ("TRAP", _) => Action::Trap(number()?),
        ("TRACE", _) => Action::Trace(number()?),
        ("ERRNO", _) => Action::Errno(match table::errno(data) {
            Some(errno) => errno,
            None => number()?,
        }),
        _ => return Err(format!("no action `{text}`")),
    }
    .value())
}

/// Decimal, or hexadecimal after `0x`.
fn integer(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The instruction at a place, its labels resolved.
fn link(at: usize, line: &Line<'_>, labels: &BTreeMap<&str, usize>) -> Assembled<Insn> {
    let error = |message: String| Error { line: line.number, message };
    let skip = |label: &str| -> Assembled<usize> {
        if label == "next" {
            return Ok(0);
        }
        let place = labels.get(label).ok_or_else(|| error(format!("no label `{label}`")))?;
        place
            .checked_sub(at + 1)
            .ok_or_else(|| error(format!("`{label}` lies behind: jumps go forward only")))
    };
    let Line { code, k, .. } = *line;
    match (line.raw, line.targets.as_slice()) {
        (Some((jt, jf)), _) => Ok(Insn { code, jt, jf, k }),
        (None, [target]) => Ok(Insn::stmt(code, skip(target)? as u32)),
        (None, [yes, no]) => {
            let short = |label: &str| {
                let far = format!("`{label}` is more than 255 instructions away");
                u8::try_from(skip(label)?).map_err(|_| error(far))
            };
            Ok(Insn { code, jt: short(yes)?, jf: short(no)?, k })
        }
        _ => Ok(Insn::stmt(code, k)),
    }
}
