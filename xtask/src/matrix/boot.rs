//! One kernel under QEMU, from its start to its end: what it said on the console, and what its init
//! said on a serial port of its own.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

const QEMU: &str = "qemu-system-x86_64";
/// A personal computer without what nothing here uses: each costs time to be looked for.
const MACHINE: &str = "pc,i8042=off,usb=off,vmport=off,smm=off";
/// Enough for every test; initramfs and tmpfs live in it.
const MEMORY: &str = "1024";

/// What is booted.
#[derive(Debug)]
pub(super) struct Boot<'b> {
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
}

/// All that is known of a boot.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) stop: Stop,
    pub(super) console: String,
    pub(super) results: String,
    pub(super) seconds: f64,
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
    Some((Record { stop: Stop::Ended, console, results, seconds: 0.0 }, text(WORD)?))
}

/// Whether there is a QEMU.
pub(super) fn require() -> Result<()> {
    let version = Command::new(QEMU).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = version.is_ok_and(|status| status.success());
    ensure!(there, "{QEMU} is not installed: install qemu-system-x86 (Debian)");
    Ok(())
}

impl Boot<'_> {
    /// Boots and waits for the end.
    pub(super) fn run(&self) -> Result<Record> {
        fs::create_dir_all(&self.place).with_context(|| self.place.display().to_string())?;
        let (console, results) = (self.place.join("console"), self.place.join("results"));
        let initrd = self.place.join("initrd");
        fs::write(&initrd, self.initrd)?;
        fs::write(&results, "")?;
        fs::write(&console, "")?;
        let started = Instant::now();
        let mut child = self.command(&initrd, &console, &results)?.spawn().context(QEMU)?;
        let stop = loop {
            if let Some(status) = child.try_wait()? {
                break match (status.code(), status.signal()) {
                    (Some(0), _) => Stop::Ended,
                    (Some(code), _) => Stop::Failed(code),
                    (None, signal) => Stop::Killed(signal.unwrap_or(0)),
                };
            }
            if started.elapsed() > self.limit {
                child.kill()?;
                child.wait()?;
                break Stop::Hung;
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        fs::remove_file(&initrd)?;
        Ok(Record {
            stop,
            console: lossy(&console)?,
            results: lossy(&results)?,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// No acceleration: the same everywhere. One processor, no network, no disk.
    ///
    /// `no_timer_check`: on a loaded machine the emulated timer is late, which early kernels take for a
    /// broken one.
    fn command(&self, initrd: &Path, console: &Path, results: &Path) -> Result<Command> {
        let append = format!(
            "console=ttyS0 quiet panic=-1 reboot=t audit=1 audit_backlog_limit=8192 no_timer_check {}",
            self.append
        );
        let mut command = Command::new(QEMU);
        command.args(["-M", MACHINE, "-accel", "tcg", "-cpu", "max", "-m", MEMORY, "-nodefaults"]);
        command.args(["-no-user-config", "-display", "none", "-no-reboot"]);
        command.arg("-kernel").arg(self.kernel).arg("-initrd").arg(initrd).args(["-append", &append]);
        for port in [console, results] {
            command.arg("-serial").arg(format!("file:{}", port.display()));
        }
        let log = fs::File::create(self.place.join("qemu"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }
}

fn lossy(path: &Path) -> Result<String> {
    let bytes = fs::read(path).with_context(|| path.display().to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
