//! Asks a gate that somebody else has made.

use ringfence_sys::Errno;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::{self as sys, Page, Record};

use super::{Bench, LIMIT, Said, Site};
use crate::control::trial::{Probe, errno_name};
use crate::launch::around;

impl Site<'_> {
    /// Asks the gate that stands already, whatever made it, in one child as long as that lives, then
    /// in the next: `program` as [`sys::ask`] takes it. What is let through is answered with `magic`.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn ask(
        &self,
        bench: &mut Bench,
        program: &[SockFilter],
        magic: u16,
        probes: &[Probe],
    ) -> Result<Vec<Said>, String> {
        let mut said = Vec::with_capacity(probes.len());
        while said.len() < probes.len() {
            let part = part(&probes[said.len()..]);
            let (asked, tried) = sys::ask(part, program, Errno(magic), self.vdso, LIMIT, &mut bench.page)
                .map_err(|errno| around("clone", errno).to_string())?;
            if let sys::Asked::Not(errno) = asked {
                return Err(format!("a filter cannot be asked: seccomp: {}", errno_name(errno.0)));
            }
            said.extend(heard(&bench.page, part.len(), !tried.late));
        }
        Ok(said)
    }
}

/// As many as one asker can take.
pub(super) fn part(probes: &[Probe]) -> &[Probe] {
    &probes[..probes.len().min(sys::MAX_PROBES)]
}

/// What one asker heard: every answer, and where it did not come to the end of its `asked` questions,
/// what became of the last. `ended`: by itself, within the limit.
pub(super) fn heard(page: &Page, asked: usize, ended: bool) -> Vec<Said> {
    let record = page.record();
    let done = record.done.min(asked);
    let mut said: Vec<Said> =
        (0..done).map(|at| page.answer(at).map_or(Said::Silent, Said::Answer)).collect();
    if done < asked {
        said.push(broken_off(&record, ended, done));
    }
    said
}

fn broken_off(record: &Record, ended: bool, done: usize) -> Said {
    match record.signal {
        _ if !ended => Said::Silent,
        Some(signal) if signal.number == 31 => Said::Trapped(signal.data as u16),
        Some(signal) => Said::Faulted(signal.number),
        None if record.begun > done => Said::Killed,
        None => Said::Silent,
    }
}
