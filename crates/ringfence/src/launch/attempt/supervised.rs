//! Programs that misbehave, in a real run of a plan: the launcher attends to them, with the plan's own
//! supervision, wall limit and init.

use std::ffi::CString;
use std::io::Read as _;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

use bumpalo::Bump;
use ringfence_sys::abi::Vector;
use ringfence_sys::attempt::{Image, MAX_DEEDS, Page};
use ringfence_sys::step::Step;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::control::trial::{Deed, Trial};
use crate::control::{Control, Planned, Stage};
use crate::launch::{self, Options, Outcome};
use crate::plan::{Mode, Plan};

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// The exit status as a shell gives it.
    pub status: i32,
    /// From start to end.
    pub took: Duration,
    /// Whether a process that held the standard output was left.
    pub left: bool,
    /// How many of the program's deeds were begun.
    pub begun: usize,
}

/// Runs a program that does `deeds`, with a pipe that nobody reads as its standard output, by a plan
/// without a command. `wall` takes the place of the plan's limit.
///
/// # Errors
/// In words, why nothing was run.
pub fn run(plan: &Plan<'_>, wall: Option<Duration>, deeds: &[Deed]) -> Result<Ran, String> {
    if plan.mode == Mode::InPlace {
        return Err("the plan has no supervisor: the program would take this one's place".into());
    }
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let arena = Bump::new();
    let mut page = Page::new().map_err(|errno| format!("{errno:?}"))?;
    let image = Image::new(&page).map_err(|errno| format!("{errno:?}"))?;
    let trial = Trial::of(deeds.to_vec());
    let script = super::script::tried(&trial, None, 0, &arena);
    if script.deeds.len() > MAX_DEEDS || !page.load(script.deeds) {
        return Err("no deeds for a program".into());
    }
    let (reader, writer) = std::io::pipe().map_err(|error| words(&error))?;
    let writer = OwnedFd::from(writer);
    let path =
        CString::new(format!("/proc/self/fd/{}", image.descriptor())).map_err(|error| words(&error))?;
    let argv = [c"ringfence-attempt"];
    let mut rooms = ([std::ptr::null(); 2], [std::ptr::null(); 1]);
    let vectors = (Vector::fill(&argv, &mut rooms.0), Vector::fill(&[], &mut rooms.1));
    let (Some(argv), Some(envp)) = vectors else { return Err("no arguments".into()) };
    let exec = Step::Exec { path: &path, argv, envp, token: plan.gate.token.unwrap_or(0) };
    let mut steps: Vec<Planned<'_>> = Vec::with_capacity(plan.steps.len() + 8);
    let own = |step| Planned { stage: Stage::Descriptors, control: Control::Launch, step, at: None };
    for planned in &plan.steps {
        match planned.step {
            Step::CloseRange { first, last, on_exec } => {
                // The pipe becomes the standard output; the program's two files stay.
                if first > 1 {
                    steps.push(own(Step::Dup { from: writer.as_raw_fd(), to: 1 }));
                }
                let kept = [image.page() as u32, image.descriptor() as u32];
                let ranges = around(first, last, kept);
                steps.extend(ranges.map(|(first, last)| own(Step::CloseRange { first, last, on_exec })));
                steps.push(own(Step::Dup { from: image.page(), to: image.page() }));
            }
            _ => steps.push(*planned),
        }
    }
    steps.push(own(exec));
    finish(&plan.with(steps, wall.or(plan.wall)), &page, reader, writer)
}

fn finish(
    plan: &Plan<'_>,
    page: &Page,
    mut reader: std::io::PipeReader,
    writer: OwnedFd,
) -> Result<Ran, String> {
    let begin = Instant::now();
    let status = match launch::start(plan, Options { dedicated: false }) {
        Outcome::Ended(status) => status,
        Outcome::Running(running) => running.wait().status,
        Outcome::Failed(error) => return Err(error.to_string()),
    };
    let took = begin.elapsed();
    // The init shared this process' memory, and made it undumpable, prctl(2): children made from here on
    // could not write their own id maps.
    let _ = set_dumpable_behavior(DumpableBehavior::Dumpable);
    drop(writer);
    // With no holder of the other end there is an end.
    let left = !drained(&mut reader);
    Ok(Ran { status, took, left, begun: page.record().begun })
}

/// Reads what is in a pipe; whether its end came, rather than a pause.
fn drained(reader: &mut std::io::PipeReader) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut bytes = [0; 65536];
    loop {
        let mut polls = [PollFd::new(&*reader, PollFlags::IN)];
        let patience = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
        match poll(&mut polls, Some(&patience)) {
            Ok(1..) => match reader.read(&mut bytes) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(_) => return false,
            },
            _ => return false,
        }
    }
}

/// The parts of a range without two numbers.
fn around(first: u32, last: u32, mut kept: [u32; 2]) -> impl Iterator<Item = (u32, u32)> {
    kept.sort_unstable();
    let parts = [
        (first, last.min(kept[0].saturating_sub(1))),
        (first.max(kept[0] + 1), last.min(kept[1].saturating_sub(1))),
        (first.max(kept[1] + 1), last),
    ];
    parts.into_iter().filter(|(first, last)| first <= last)
}
