//! Processes that the program stopped because they filled its ring faster than it was read, and how
//! they go on: bpf-helpers(7) `bpf_send_signal`, pidfd_send_signal(2).
//!
//! The program makes an entry before it sends SIGSTOP. Here the ring is emptied first, then each
//! entry is taken away, then its process is continued: whichever of both is late sees that and
//! continues it (the comment in `press_back`). What somebody else stopped meanwhile is not woken, and
//! neither is a process of another containment that has got the number of one that ended.

use aya::maps::{HashMap, MapData};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

/// What the program stopped: by process, `struct stopped`.
pub(super) struct Pressure {
    stopped: HashMap<MapData, u32, [u32; 4]>,
}

impl Pressure {
    pub(super) fn new(stopped: HashMap<MapData, u32, [u32; 4]>) -> Self {
        Self { stopped }
    }

    /// Continues everything that the program stopped. The ring has room.
    pub(super) fn wake(&mut self) {
        let processes: Vec<u32> = self.stopped.keys().filter_map(Result::ok).collect();
        for process in processes {
            let entry = self.stopped.get(&process, 0);
            let by_others = entry.is_ok_and(|[_, _, by_others, _]| by_others != 0);
            if self.stopped.remove(&process).is_ok() && !by_others {
                go_on(process);
            }
        }
    }
}

impl Drop for Pressure {
    /// Nothing stays stopped that nobody would wake any more.
    fn drop(&mut self) {
        self.wake();
    }
}

fn go_on(process: u32) {
    let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) else { return };
    let Ok(fd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    if is_contained(process) {
        let _ = pidfd_send_signal(fd, Signal::CONT);
    }
}

/// Whether a process has a number in a pid namespace below this one, proc_pid_status(5): asked
/// after its descriptor was opened, so it is about the process that gets the signal.
fn is_contained(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let numbers = status.lines().find_map(|line| line.strip_prefix("NSpid:"));
    numbers.is_some_and(|numbers| numbers.split_ascii_whitespace().count() > 1)
}
