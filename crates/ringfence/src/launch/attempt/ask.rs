//! Asks a gate that somebody else has made.

use ringfence_sys::Errno;
use ringfence_sys::abi::SockFilter;
use ringfence_sys::attempt::{self as sys, Record};

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
            let rest = &probes[said.len()..];
            let part = &rest[..rest.len().min(sys::MAX_PROBES)];
            let (asked, tried) = sys::ask(part, program, Errno(magic), self.vdso, LIMIT, &mut bench.page)
                .map_err(|errno| around("clone", errno).to_string())?;
            if let sys::Asked::Not(errno) = asked {
                return Err(format!("a filter cannot be asked: seccomp: {}", errno_name(errno.0)));
            }
            let record = bench.page.record();
            let done = record.done.min(part.len());
            said.extend((0..done).map(|at| bench.page.answer(at).map_or(Said::Silent, Said::Answer)));
            if done < part.len() {
                said.push(broken_off(&record, tried.late, done));
            }
        }
        Ok(said)
    }
}

/// What the gate said to the question that was the asker's last.
fn broken_off(record: &Record, late: bool, done: usize) -> Said {
    match record.signal {
        _ if late => Said::Silent,
        Some(signal) if signal.number == 31 => Said::Trapped(signal.data as u16),
        Some(signal) => Said::Faulted(signal.number),
        None if record.begun > done => Said::Killed,
        None => Said::Silent,
    }
}
