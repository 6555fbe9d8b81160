//! Programs as they are: `struct sock_filter` as bytes, as seccomp_export_bpf(3) writes them, or as
//! text: the numbers of a C array, or the decimals that setsockopt(2) users and tcpdump -ddd pass.

use ringfence_bpf::decode;
use ringfence_bpf::program::{Insn, Program};

use super::{Error, Filter, Gate, Imported, Language, Meaning};

/// Bytes of `struct sock_filter`, `include/uapi/linux/filter.h`.
const SIZE: usize = 8;

pub(super) fn import(bytes: &[u8], name: &str) -> Result<Imported, Error> {
    let insns = match std::str::from_utf8(bytes).ok().filter(|text| is_text(text)) {
        Some(text) => from_text(text).map_err(|error| error.at(name))?,
        None => from_bytes(bytes).map_err(|error| error.at(name))?,
    };
    let program = checked(insns).map_err(|error| error.at(name))?;
    let filter = Filter { label: String::new(), meaning: Meaning::Program(program) };
    let gate = Gate { name: String::new(), stack: vec![filter] };
    Ok(Imported { language: Language::Bpf, gates: vec![gate], notes: Vec::new() })
}

/// A program that the kernel would take.
pub(super) fn checked(insns: Vec<Insn>) -> Result<Program, Error> {
    decode::check(&insns).map_err(|refusal| {
        Error::new(refusal.to_string())
            .help("the kernel would refuse this program with EINVAL; is it a seccomp filter for x86?")
    })?;
    Ok(Program::new(insns))
}

fn from_bytes(bytes: &[u8]) -> Result<Vec<Insn>, Error> {
    if !bytes.len().is_multiple_of(SIZE) {
        let message = format!("{} bytes are no whole number of instructions of {SIZE} bytes", bytes.len());
        return Err(Error::new(message).help("the file is cut short, or is no program"));
    }
    let insn = |b: &[u8]| Insn {
        code: u16::from_le_bytes([b[0], b[1]]),
        jt: b[2],
        jf: b[3],
        k: u32::from_le_bytes([b[4], b[5], b[6], b[7]]),
    };
    Ok(bytes.chunks_exact(SIZE).map(insn).collect())
}

/// Whether a text has nothing but numbers and the punctuation of arrays, `//` comments left out.
pub(super) fn is_text(text: &str) -> bool {
    let mut digits = false;
    for character in text.lines().flat_map(|line| line.split("//").next().unwrap_or("").chars()) {
        match character {
            '0'..='9' => digits = true,
            'a'..='f' | 'A'..='F' | 'x' | 'X' | '{' | '}' | ',' | ' ' | '\t' | '\r' => {}
            _ => return false,
        }
    }
    digits
}

fn from_text(text: &str) -> Result<Vec<Insn>, Error> {
    let mut numbers = Vec::new();
    for (line, words) in text.lines().enumerate() {
        let words = words.split("//").next().unwrap_or("");
        for word in words.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
            let value = match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => word.parse(),
            };
            let number = value
                .map_err(|_| Error::new(format!("line {}: `{word}` is no number of 32 bits", line + 1)))?;
            numbers.push(number);
        }
    }
    // tcpdump -ddd says first how many follow.
    if numbers.len() % 4 == 1 && numbers[0] as usize == numbers.len() / 4 {
        numbers.remove(0);
    }
    if numbers.len() % 4 != 0 {
        let message = format!("{} numbers are no whole number of instructions", numbers.len());
        return Err(Error::new(message).help("each is four numbers: code, jt, jf, k"));
    }
    numbers.chunks_exact(4).enumerate().map(|(at, four)| insn(at, four)).collect()
}

fn insn(at: usize, four: &[u32]) -> Result<Insn, Error> {
    let wide = |what: &str, value: u32| Error::new(format!("instruction {at}: {what} {value} is too large"));
    Ok(Insn {
        code: u16::try_from(four[0]).map_err(|_| wide("code", four[0]))?,
        jt: u8::try_from(four[1]).map_err(|_| wide("jt", four[1]))?,
        jf: u8::try_from(four[2]).map_err(|_| wide("jf", four[2]))?,
        k: four[3],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(bytes: &[u8]) -> Result<Program, String> {
        let mut imported = import(bytes, "x").map_err(|error| error.to_string())?;
        match imported.gates.remove(0).stack.remove(0).meaning {
            Meaning::Program(program) => Ok(program),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn bytes_and_texts_are_one_program() {
        let bytes = [0x20, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0xff, 0x7f];
        let program = program(&bytes).unwrap();
        assert_eq!(program.insns()[1], Insn::stmt(6, 0x7fff_0000));
        for text in [
            "{ 0x20, 0, 0, 0x00000004 },\n{ 0x6, 0, 0, 0x7fff0000 }, // allow\n",
            "2\n32 0 0 4\n6 0 0 2147418112\n",
            "32 0 0 4 6 0 0 2147418112",
        ] {
            assert_eq!(self::program(text.as_bytes()).as_ref(), Ok(&program), "{text}");
        }
    }

    #[test]
    fn what_the_kernel_would_refuse_says_which_instruction() {
        let wrong = |bytes: &[u8]| program(bytes).unwrap_err();
        assert!(wrong(&[6, 0, 0, 0, 0, 0, 0]).contains("7 bytes"));
        assert!(wrong(&[0x28, 0, 0, 0, 4, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0]).contains("instruction 0"));
        assert!(wrong(b"6 0 0").contains("3 numbers"));
        assert!(wrong(b"6 0 256 0").contains("jf 256"));
        assert!(wrong(b"6 0 0 4294967296").contains("line 1"));
        assert!(wrong(b"32 0 0 3 6 0 0 0").contains("offset 3"));
    }
}
