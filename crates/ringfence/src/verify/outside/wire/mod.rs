//! What is to be tried and what came of it, as bytes: LEB128 numbers, and bytes after their length.
//! A reader takes any bytes: what is not well-formed is `None`.

mod trial;

use ringfence_sys::attempt::{Entry, Probe, Signal};

use super::{Answer, Stance, Task};
use crate::control::trial::Outcome;
use crate::launch::attempt::Said;
use trial::{read_trial, write_trial};

/// More deeds, words or probes than any task has: a reader stops there.
const MOST: u64 = 8192;

#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

#[derive(Debug)]
pub(super) struct Reader<'b>(&'b [u8]);

impl Writer {
    pub(super) fn bytes(self) -> Vec<u8> {
        self.0
    }

    pub(super) fn number(&mut self, mut value: u64) {
        loop {
            let low = (value & 0x7f) as u8;
            value >>= 7;
            if value == 0 {
                return self.0.push(low);
            }
            self.0.push(low | 0x80);
        }
    }

    /// Zigzag: small numbers of either sign are short.
    fn signed(&mut self, value: i64) {
        self.number(((value << 1) ^ (value >> 63)) as u64);
    }

    fn blob(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

impl<'b> Reader<'b> {
    pub(super) const fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// Nothing is left over.
    pub(super) const fn done(&self) -> Option<()> {
        if self.0.is_empty() { Some(()) } else { None }
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    pub(super) fn number(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let value = self.number()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    fn blob(&mut self) -> Option<&'b [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn list<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.number()?;
        if count > MOST {
            return None;
        }
        (0..count).map(|_| one(self)).collect()
    }
}

/// Tasks with their numbers.
pub(super) fn write_tasks(writer: &mut Writer, tasks: &[(u32, &Task)]) {
    writer.number(tasks.len() as u64);
    for (number, task) in tasks {
        writer.number(u64::from(*number));
        match task {
            Task::Sweep(probes) => {
                writer.number(0);
                writer.number(probes.len() as u64);
                probes.iter().for_each(|probe| write_probe(writer, probe));
            }
            Task::Trial(trial) => {
                writer.number(1);
                write_trial(writer, trial);
            }
        }
    }
}

pub(super) fn read_tasks(reader: &mut Reader<'_>) -> Option<Vec<(u32, Task)>> {
    reader.list(|reader| {
        let number = reader.small()?;
        let task = match reader.number()? {
            0 => Task::Sweep(reader.list(read_probe)?),
            1 => Task::Trial(Box::new(read_trial(reader)?)),
            _ => return None,
        };
        Some((number, task))
    })
}

const ENTRIES: [Entry; 4] = [Entry::Syscall, Entry::Int80, Entry::Syscall32, Entry::Sysenter];

fn write_entry(writer: &mut Writer, entry: Entry) {
    writer.number(ENTRIES.iter().position(|known| *known == entry).unwrap_or(0) as u64);
}

fn read_entry(reader: &mut Reader<'_>) -> Option<Entry> {
    ENTRIES.get(reader.small::<usize>()?).copied()
}

/// Most arguments are all zeros or all ones.
fn write_probe(writer: &mut Writer, probe: &Probe) {
    write_entry(writer, probe.entry);
    writer.number(u64::from(probe.number));
    let kind = |arg: u64| match arg {
        0 => 0,
        u64::MAX => 1,
        _ => 2,
    };
    writer.number(probe.args.iter().rev().fold(0, |kinds, arg| kinds << 2 | kind(*arg)));
    for arg in probe.args.into_iter().filter(|arg| kind(*arg) == 2) {
        writer.number(arg);
    }
}

fn read_probe(reader: &mut Reader<'_>) -> Option<Probe> {
    let (entry, number) = (read_entry(reader)?, reader.small()?);
    let mut kinds = reader.number()?;
    let mut args = [0; 6];
    for arg in &mut args {
        *arg = match kinds & 3 {
            0 => 0,
            1 => u64::MAX,
            2 => reader.number()?,
            _ => return None,
        };
        kinds >>= 2;
    }
    (kinds == 0).then_some(Probe { entry, number, args })
}

pub(super) fn write_answer(writer: &mut Writer, answer: &Answer) {
    match answer {
        Answer::Said(all) => {
            writer.number(0);
            writer.number(all.len() as u64);
            for said in all {
                match *said {
                    Said::Answer(answer) => {
                        writer.number(0);
                        writer.signed(answer);
                    }
                    Said::Trapped(data) => {
                        writer.number(1);
                        writer.number(u64::from(data));
                    }
                    Said::Killed => writer.number(2),
                    Said::Faulted(signal) => {
                        writer.number(3);
                        writer.signed(i64::from(signal));
                    }
                    Said::Silent => writer.number(4),
                }
            }
        }
        Answer::Unasked(why) => {
            writer.number(1);
            writer.blob(why.as_bytes());
        }
        Answer::Outcome(outcome) => {
            writer.number(2);
            write_outcome(writer, outcome);
        }
    }
}

pub(super) fn read_answer(reader: &mut Reader<'_>) -> Option<Answer> {
    let said = |reader: &mut Reader<'_>| {
        Some(match reader.number()? {
            0 => Said::Answer(reader.signed()?),
            1 => Said::Trapped(reader.small()?),
            2 => Said::Killed,
            3 => Said::Faulted(i32::try_from(reader.signed()?).ok()?),
            4 => Said::Silent,
            _ => return None,
        })
    };
    Some(match reader.number()? {
        0 => Answer::Said(reader.list(said)?),
        1 => Answer::Unasked(text(reader)?),
        2 => Answer::Outcome(read_outcome(reader)?),
        _ => return None,
    })
}

fn text(reader: &mut Reader<'_>) -> Option<String> {
    Some(String::from_utf8_lossy(reader.blob()?).into_owned())
}

fn write_outcome(writer: &mut Writer, outcome: &Outcome) {
    match outcome {
        Outcome::Answered { deed, answer, object } => {
            writer.number(0);
            writer.number(*deed as u64);
            writer.signed(*answer);
            writer.number(u64::from(object.is_some()));
            for number in object.iter().flat_map(|(a, b)| [*a, *b]) {
                writer.number(number);
            }
        }
        Outcome::Signalled { deed, signal } => {
            writer.number(1);
            writer.number(*deed as u64);
            for number in [signal.number, signal.code, signal.call, signal.data] {
                writer.signed(i64::from(number));
            }
            writer.number(signal.address);
            writer.number(u64::from(signal.arch));
        }
        Outcome::Ended { deed, status } => {
            writer.number(2);
            writer.number(*deed as u64);
            writer.signed(i64::from(*status));
        }
        Outcome::Late { deed } => {
            writer.number(3);
            writer.number(*deed as u64);
        }
        Outcome::Unmade(why) => {
            writer.number(4);
            let most = why.char_indices().nth(300).map_or(why.len(), |(at, _)| at);
            writer.blob(&why.as_bytes()[..most]);
        }
    }
}

fn read_outcome(reader: &mut Reader<'_>) -> Option<Outcome> {
    let int = |reader: &mut Reader<'_>| i32::try_from(reader.signed()?).ok();
    let kind = reader.number()?;
    if kind == 4 {
        return Some(Outcome::Unmade(text(reader)?));
    }
    let deed = reader.small()?;
    Some(match kind {
        0 => {
            let answer = reader.signed()?;
            let object = match reader.number()? {
                0 => None,
                1 => Some((reader.number()?, reader.number()?)),
                _ => return None,
            };
            Outcome::Answered { deed, answer, object }
        }
        1 => {
            let (number, code, call, data) = (int(reader)?, int(reader)?, int(reader)?, int(reader)?);
            let (address, arch) = (reader.number()?, reader.small()?);
            Outcome::Signalled { deed, signal: Signal { number, code, address, call, arch, data } }
        }
        2 => Outcome::Ended { deed, status: int(reader)? },
        3 => Outcome::Late { deed },
        _ => return None,
    })
}

/// Pairs of a name and a text.
pub(super) fn write_stance(writer: &mut Writer, stance: &Stance) {
    writer.number(stance.facts.len() as u64);
    for (name, fact) in &stance.facts {
        writer.blob(name.as_bytes());
        writer.blob(fact.as_bytes());
    }
}

pub(super) fn read_stance(reader: &mut Reader<'_>) -> Option<Stance> {
    let pairs = reader.list(|reader| Some((text(reader)?, text(reader)?)))?;
    Some(Stance { facts: pairs.into_iter().collect() })
}
