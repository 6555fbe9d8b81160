//! One kernel under QEMU, from its start to its end: what it said on the console, and what its init
//! said on a serial port of its own.

use std::fs;
use std::io::Read as _;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::tied::{self, NOT_STARTED, tied};

/// The program that boots a kernel.
pub(super) const QEMU: [&str; 1] = ["qemu-system-x86_64"];
/// A personal computer without what nothing here uses: each costs time to be looked for.
const MACHINE: &str = "pc,i8042=off,usb=off,vmport=off,smm=off";
/// Enough for every test; initramfs and tmpfs live in it.
const MEMORY: &str = "1024";
/// What a guest may say on each port, in bytes: some hundred times what all tests do. One that says more
/// is ended, before it fills the disk.
const MOST: u64 = 64 << 20;
/// How often a boot is looked after.
const PAUSE: Duration = Duration::from_millis(10);

/// What is booted.
#[derive(Debug)]
pub(super) struct Boot<'b> {
    /// What takes QEMU's arguments: [`QEMU`], but in tests of what becomes of a bad one.
    pub(super) qemu: &'b [&'b str],
    pub(super) kernel: &'b Path,
    pub(super) initrd: &'b [u8],
    /// The kernel's command line, beside what every boot has.
    pub(super) append: &'b str,
    /// A directory of this boot's own.
    pub(super) place: PathBuf,
    pub(super) limit: Duration,
}

/// How the machine ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// By itself: this says nothing about what happened in it.
    Ended,
    /// QEMU failed, with this exit status.
    Failed(i32),
    /// QEMU was killed, by this signal.
    Killed(i32),
    /// The limit passed.
    Hung,
    /// It said more than is taken.
    Flooded,
}

/// All that is known of a boot.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) stop: Stop,
    pub(super) console: String,
    pub(super) results: String,
    /// QEMU's own last words.
    pub(super) words: String,
    /// Wall time of the whole boot.
    pub(super) seconds: f64,
    /// Of that, what was not the jobs': until init's first word, and after its last.
    pub(super) own: f64,
}

/// When init spoke: to the first word, and to the last.
#[derive(Debug, Clone, Copy, Default)]
struct Spoken {
    bytes: u64,
    between: Option<(Duration, Duration)>,
}

impl Spoken {
    fn look(&mut self, bytes: u64, now: Duration) {
        if bytes > self.bytes {
            self.bytes = bytes;
            self.between = Some((self.between.map_or(now, |(first, _)| first), now));
        }
    }

    fn own(&self, whole: Duration) -> Duration {
        self.between.map_or(whole, |(first, last)| whole.saturating_sub(last - first))
    }
}

/// Beside console and results: what the boot was for, and the word of its init.
const ORDER: &str = "order";
const WORD: &str = "nonce";

/// Keeps what is needed to judge a boot again that ended by itself.
pub(super) fn keep(place: &Path, order: &str, nonce: &str) -> Result<()> {
    fs::write(place.join(ORDER), order)?;
    Ok(fs::write(place.join(WORD), nonce)?)
}

/// A boot that was kept, and its init's word; `None` where it is not there, or was for something else.
pub(super) fn kept(place: &Path, order: &str) -> Option<(Record, String)> {
    let text = |name: &str| fs::read_to_string(place.join(name)).ok();
    if text(ORDER)? != order {
        return None;
    }
    let (console, results) = (lossy(&place.join("console")).ok()?, lossy(&place.join("results")).ok()?);
    Some((
        Record { stop: Stop::Ended, console, results, words: String::new(), seconds: 0.0, own: 0.0 },
        text(WORD)?,
    ))
}

/// Whether there is a QEMU.
pub(super) fn require() -> Result<()> {
    let [qemu] = QEMU;
    let version = Command::new(qemu).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = version.is_ok_and(|status| status.success());
    ensure!(there, "{qemu} is not installed: install qemu-system-x86 (Debian)");
    tied::require()
}

impl Boot<'_> {
    /// Boots and waits for the end.
    pub(super) fn run(&self) -> Result<Record> {
        fs::create_dir_all(&self.place).with_context(|| self.place.display().to_string())?;
        let ports = ["console", "results", "qemu"].map(|name| self.place.join(name));
        let initrd = self.place.join("initrd");
        fs::write(&initrd, self.initrd).with_context(|| initrd.display().to_string())?;
        for port in &ports {
            fs::write(port, "").with_context(|| port.display().to_string())?;
        }
        let started = Instant::now();
        let mut child = self.command(&initrd, &ports)?.spawn().context(self.qemu[0].to_owned())?;
        let mut spoken = Spoken::default();
        let stop = self.attend(&mut child, started, &ports, &mut spoken);
        // Whatever became of it, it does not stay.
        let _ = child.kill();
        child.wait()?;
        let whole = started.elapsed();
        let [console, results, log] = ports;
        fs::remove_file(&initrd)?;
        let words = last(&lossy(&log)?);
        let stop = stop?;
        if matches!(stop, Stop::Failed(status) if NOT_STARTED.contains(&status)) {
            bail!("{} could not be started: {words}", self.qemu[0]);
        }
        let (seconds, own) = (whole.as_secs_f64(), spoken.own(whole).as_secs_f64());
        Ok(Record { stop, console: lossy(&console)?, results: lossy(&results)?, words, seconds, own })
    }

    fn attend(
        &self,
        child: &mut Child,
        started: Instant,
        ports: &[PathBuf; 3],
        spoken: &mut Spoken,
    ) -> Result<Stop> {
        loop {
            let bytes = ports.each_ref().map(|port| fs::metadata(port).map_or(0, |port| port.len()));
            spoken.look(bytes[1], started.elapsed());
            if let Some(status) = child.try_wait()? {
                return Ok(match (status.code(), status.signal()) {
                    (Some(0), _) => Stop::Ended,
                    (Some(code), _) => Stop::Failed(code),
                    (None, signal) => Stop::Killed(signal.unwrap_or(0)),
                });
            }
            if started.elapsed() > self.limit {
                return Ok(Stop::Hung);
            }
            if bytes.iter().any(|bytes| *bytes > MOST) {
                return Ok(Stop::Flooded);
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// No acceleration: the same everywhere. One processor, no network, no disk.
    ///
    /// `no_timer_check`: on a loaded machine the emulated timer is late, which early kernels take for a
    /// broken one. `cryptomgr.notests`: the self-tests of the kernel's cryptography, which nothing here is
    /// about, are up to a third of a start under emulation (`bench/README.md`).
    fn command(&self, initrd: &Path, [console, results, log]: &[PathBuf; 3]) -> Result<Command> {
        let append = format!(
            "console=ttyS0 quiet panic=-1 reboot=t audit=1 audit_backlog_limit=8192 no_timer_check \
             cryptomgr.notests {}",
            self.append
        );
        let mut command = tied(Command::new(self.qemu[0]).args(&self.qemu[1..]));
        command.args(["-M", MACHINE, "-accel", "tcg", "-cpu", "max", "-m", MEMORY, "-nodefaults"]);
        command.args(["-no-user-config", "-display", "none", "-no-reboot"]);
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(initrd).args(["-append", &append]);
        for port in [console, results] {
            command.arg("-serial").arg(format!("file:{}", port.display()));
        }
        let log = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

/// The text of a port, as far as it is taken.
fn lossy(path: &Path) -> Result<String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).with_context(|| path.display().to_string())?;
    file.take(MOST).read_to_end(&mut bytes).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The last line that says something.
fn last(text: &str) -> String {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it said nothing").to_owned()
}

#[cfg(test)]
#[path = "boot_tests.rs"]
mod tests;
