//! What execve(2) makes of a file by its first bytes. elf(5), fs/binfmt_script.c.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Command;

/// The kind of an executable file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format {
    /// elf(5).
    Elf {
        /// For which ABI of the gate it is made.
        machine: Machine,
        /// ld.so(8), where it is dynamically linked; `None`: static. The kernel does not ask for
        /// the interpreter's own, so it is shown without one.
        interpreter: Option<Box<Command>>,
    },
    /// A text that begins with `#!`.
    Script {
        /// The program that reads it.
        interpreter: Box<Command>,
        /// The one argument that goes before the script's path.
        argument: Option<OsString>,
    },
    /// Neither: execve(2) asks binfmt_misc, else says ENOEXEC.
    Other,
    /// It can be executed, but not read.
    Unreadable,
}

/// For which machine an ELF file is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// x86-64.
    X86_64,
    /// i386: needs that ABI.
    I386,
    /// x32: needs that ABI.
    X32,
    /// Another one: `e_machine`.
    Other(u16),
}

/// `BINPRM_BUF_SIZE` of linux/binfmts.h: no `#!` line is longer.
const LINE: usize = 256;

/// What is read at once: program headers and interpreter are in the first page of common files.
const PAGE: usize = 4096;

/// `PT_INTERP` of elf(5).
const PT_INTERP: u32 = 3;

/// What a file says of itself, its interpreters not looked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Elf { machine: Machine, interpreter: Option<PathBuf> },
    Script { interpreter: PathBuf, argument: Option<OsString> },
    Other,
    Unreadable,
}

pub(super) fn read(path: &Path) -> Said {
    let Ok(file) = File::open(path) else {
        return Said::Unreadable;
    };
    let mut page = [0_u8; PAGE];
    let Ok(len) = file.read_at(&mut page, 0) else {
        return Said::Unreadable;
    };
    let start = &page[..len];
    if let Some(line) = start.strip_prefix(b"#!") {
        return match parse_line(&line[..line.len().min(LINE - 2)]) {
            Some((interpreter, argument)) => {
                Said::Script { interpreter: interpreter.into(), argument: argument.map(OsStr::to_owned) }
            }
            None => Said::Other,
        };
    }
    let Some(header) = Header::parse(start) else {
        return Said::Other;
    };
    let interpreter = header.interpreter(start, &file).map(|path| OsString::from_vec(path).into());
    Said::Elf { machine: header.machine, interpreter }
}

/// The interpreter and its one argument, as fs/binfmt_script.c takes them apart.
fn parse_line(line: &[u8]) -> Option<(&OsStr, Option<&OsStr>)> {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let end = line.iter().position(|byte| matches!(byte, b'\n' | 0));
    let text = &line[..end.unwrap_or(line.len())];
    let text = &text[text.iter().position(|byte| !is_blank(byte))?..];
    let split = text.iter().position(is_blank);
    // Without an end in sight the interpreter itself may be cut off, and the kernel refuses.
    if end.is_none() && split.is_none() && line.len() == LINE - 2 {
        return None;
    }
    let (name, rest) = text.split_at(split.unwrap_or(text.len()));
    let argument = rest.trim_ascii();
    Some((OsStr::from_bytes(name), (!argument.is_empty()).then(|| OsStr::from_bytes(argument))))
}

/// What the ELF header says.
struct Header {
    machine: Machine,
    wide: bool,
    table: u64,
    entry: usize,
    count: usize,
}

impl Header {
    fn parse(start: &[u8]) -> Option<Self> {
        if !start.starts_with(b"\x7fELF") || start.len() < 52 || start[5] != 1 {
            return None;
        }
        let wide = start[4] == 2;
        let half = |at: usize| Some(u16::from_le_bytes(start.get(at..at + 2)?.try_into().ok()?));
        let machine = match (half(18)?, wide) {
            (62, true) => Machine::X86_64,
            (62, false) => Machine::X32,
            (3 | 6, false) => Machine::I386,
            (other, _) => Machine::Other(other),
        };
        let (table, entry, count) = if wide { (32, 54, 56) } else { (28, 42, 44) };
        Some(Self {
            machine,
            wide,
            table: word(start, table, wide)?,
            entry: usize::from(half(entry)?),
            count: usize::from(half(count)?),
        })
    }

    /// The text of `PT_INTERP`, without its NUL.
    fn interpreter(&self, start: &[u8], file: &File) -> Option<Vec<u8>> {
        let least = if self.wide { 56 } else { 32 };
        // The kernel takes at most a page of program headers (fs/binfmt_elf.c, `load_elf_phdrs`: 64 KiB).
        let mut table = vec![0; self.entry.checked_mul(self.count).filter(|size| *size <= 1 << 16)?];
        if self.entry < least || !read_exact(start, file, self.table, &mut table) {
            return None;
        }
        let entry = table.chunks_exact(self.entry).find(|entry| entry[..4] == PT_INTERP.to_le_bytes())?;
        let (at, size) = if self.wide { (8, 32) } else { (4, 16) };
        let (at, size) = (word(entry, at, self.wide)?, word(entry, size, self.wide)?);
        // PATH_MAX, as in fs/binfmt_elf.c.
        let mut text = vec![0; usize::try_from(size).ok().filter(|size| (2..=4096).contains(size))?];
        if !read_exact(start, file, at, &mut text) {
            return None;
        }
        text.truncate(text.iter().position(|byte| *byte == 0)?);
        Some(text)
    }
}

/// Fills `room` from what was read already, else from the file.
fn read_exact(start: &[u8], file: &File, at: u64, room: &mut [u8]) -> bool {
    let have = usize::try_from(at).ok().and_then(|at| start.get(at..at.checked_add(room.len())?));
    match have {
        Some(bytes) => {
            room.copy_from_slice(bytes);
            true
        }
        None => file.read_exact_at(room, at).is_ok(),
    }
}

fn word(bytes: &[u8], at: usize, wide: bool) -> Option<u64> {
    Some(if wide {
        u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?)
    } else {
        u64::from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(String, Option<String>)> {
        let text = |text: &OsStr| text.to_string_lossy().into_owned();
        parse_line(line.as_bytes()).map(|(name, argument)| (text(name), argument.map(text)))
    }

    #[test]
    fn lines_are_taken_apart_as_the_kernel_does() {
        let some = |name: &str, argument: Option<&str>| Some((name.to_owned(), argument.map(str::to_owned)));
        assert_eq!(parsed("/bin/sh\nx"), some("/bin/sh", None));
        assert_eq!(parsed(" \t/usr/bin/env  -S a b  \n"), some("/usr/bin/env", Some("-S a b")));
        assert_eq!(parsed("/bin/sh"), some("/bin/sh", None));
        assert_eq!(parsed("\n"), None);
        assert_eq!(parsed("   \n"), None);
        assert_eq!(parsed(&"x".repeat(LINE - 2)), None);
        assert_eq!(parsed(&format!("/a {}", "x".repeat(LINE))[..LINE - 2]).unwrap().0, "/a");
    }

    #[test]
    fn headers_that_are_cut_or_foreign_are_no_elf() {
        assert!(Header::parse(b"\x7fELF").is_none());
        let mut bytes = vec![0_u8; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18] = 183;
        assert_eq!(Header::parse(&bytes).unwrap().machine, Machine::Other(183));
        bytes[5] = 2;
        assert!(Header::parse(&bytes).is_none());
    }

    #[test]
    fn machines_are_told_apart() {
        let mut bytes = vec![0_u8; 64];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        for (class, number, machine) in
            [(2, 62, Machine::X86_64), (1, 62, Machine::X32), (1, 3, Machine::I386)]
        {
            bytes[4] = class;
            bytes[18] = number;
            assert_eq!(Header::parse(&bytes).unwrap().machine, machine);
        }
    }
}
