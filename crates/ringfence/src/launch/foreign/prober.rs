//! The prober as a program, and as what runs in place.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;

use super::stance;
use crate::launch::Error;
use crate::verify::outside::frame::{Channel, job};
use crate::verify::outside::prober::{Prober, carry_out};
use crate::verify::outside::{Launcher, Reply, Task};

/// The job was none: a launcher changed it, or a person typed it.
const BAD: i32 = 2;

/// Does what the words of its command line ask for.
#[must_use]
pub fn probe(words: &[String]) -> i32 {
    let Some(job) = job(words) else {
        let text = "ringfence: the prober's command line was changed on its way; it is not for use by hand\n";
        let _ = std::io::stderr().write_all(text.as_bytes());
        return BAD;
    };
    let stance = stance::own();
    match job.channel.and_then(passed) {
        Some(pipe) => {
            let mut pipe = File::from(pipe);
            carry_out(&job, stance, &mut |line| {
                let _ = pipe.write_all(line.as_bytes());
            });
        }
        None => carry_out(&job, stance, &mut |line| {
            let mut out = std::io::stdout().lock();
            let _ = out.write_all(line.as_bytes());
            let _ = out.flush();
        }),
    }
    0
}

/// The verifier's pipe, if this is the one.
fn passed(channel: Channel) -> Option<OwnedFd> {
    let pipe = ringfence_sys::inherit::inherited(channel.number)?;
    let stat = rustix::fs::fstat(&pipe).ok()?;
    (stat.st_dev == channel.device && stat.st_ino == channel.inode).then_some(pipe)
}

/// Descriptors of this process above 2 but for `known`, with what they lead to. To be asked before
/// anything is opened.
#[must_use]
pub fn open_descriptors(known: &[i32]) -> Vec<(i32, String)> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers: Vec<i32> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let target = |number: i32| {
        // The one that listed them is closed by now.
        let path = std::fs::read_link(format!("/proc/self/fd/{number}")).ok()?;
        Some((number, path.display().to_string()))
    };
    numbers.into_iter().filter(|number| *number > 2 && !known.contains(number)).filter_map(target).collect()
}

/// Does tasks in children of this process: where it stands itself.
#[derive(Debug)]
pub struct Here(Prober);

impl Here {
    /// # Errors
    /// Those of [`Prober::new`].
    pub fn new() -> Result<Self, Error> {
        let since = std::time::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(Self(Prober::new(u64::from(since.subsec_nanos()) ^ u64::from(std::process::id()))?))
    }
}

impl Launcher for Here {
    fn launch(&mut self, tasks: &[(u32, &Task)]) -> Reply {
        let mut reply = Reply { stance: Some(stance::own()), whole: true, ..Reply::default() };
        for (number, task) in tasks {
            reply.answers.insert(*number, self.0.answer(task));
        }
        reply
    }

    fn has_outside(&self) -> bool {
        false
    }
}
