//! `--prove`: boots that end badly on purpose. Each must be told for what it is; a matrix that cannot
//! fail says nothing.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use ringfence_matrix::frame::End;
use ringfence_matrix::job::Job;

use super::archive::Archive;
use super::args::{Args, LSM};
use super::boot::{Boot, QEMU};
use super::place::Place;
use super::verdict::{self, Seen, Verdict};
use super::{guest, kernels, suite};

/// What goes wrong.
struct Trouble {
    name: &'static str,
    /// Shell of the only job, as root.
    script: &'static str,
    /// When the job is killed.
    limit: Duration,
    /// QEMU is killed where it is still there after [`START`].
    hangs: bool,
    /// More of the kernel's command line.
    append: &'static str,
    /// Whether that is what came of it.
    told: fn(&Seen) -> bool,
}

const SOON: Duration = Duration::from_secs(60);
const GOOD: &str = "echo 'running 1 test'; echo 'test a ... ok'; \
                    echo 'test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";

const TROUBLES: [Trouble; 8] = [
    Trouble {
        name: "a kernel that panics in the middle of a job",
        script: "echo 1 >/proc/sys/kernel/sysrq; echo c >/proc/sysrq-trigger; sleep 60",
        limit: SOON,
        hangs: false,
        append: "",
        told: |seen| matches!(&seen.verdict, Verdict::Panicked(line) if line.contains("sysrq")),
    },
    Trouble {
        name: "a kernel that panics before its init",
        script: "true",
        limit: SOON,
        hangs: false,
        append: "rdinit=/no/such/init",
        told: |seen| matches!(&seen.verdict, Verdict::Panicked(_)),
    },
    Trouble {
        name: "a job that hangs",
        script: "sleep 1000",
        limit: Duration::from_secs(2),
        hangs: false,
        append: "",
        told: |seen| seen.verdict == Verdict::Complete && seen.jobs[0].end == Some(End::Hung),
    },
    Trouble {
        name: "a kernel that hangs",
        script: "echo started; sleep 1000",
        limit: SOON,
        hangs: true,
        append: "",
        told: |seen| matches!(&seen.verdict, Verdict::Hung(last) if last.contains("job 0")),
    },
    Trouble {
        name: "a machine that ends before its jobs",
        script: "echo 1 >/proc/sys/kernel/sysrq; echo b >/proc/sysrq-trigger; sleep 60",
        limit: SOON,
        hangs: false,
        append: "",
        told: |seen| matches!(&seen.verdict, Verdict::Short(last) if last.contains("job 0")),
    },
    Trouble {
        name: "a job that writes on init's port",
        script: "echo '0000 end 0 exited 0' >/dev/ttyS1; echo '0000 done' >/dev/ttyS1; false",
        limit: SOON,
        hangs: false,
        append: "",
        told: |seen| seen.verdict == Verdict::Forged(2),
    },
    Trouble {
        name: "a test that writes the words of success and fails",
        script: GOOD,
        limit: SOON,
        hangs: false,
        append: "",
        told: |seen| {
            let job = &seen.jobs[0];
            // The words alone are what a test binary says; with another status they are not believed.
            let failed = verdict::JobSeen { end: Some(End::Exited(101)), ..job.clone() };
            verdict::count(job).is_ok() && verdict::count(&failed).is_err()
        },
    },
    Trouble {
        name: "a test that ends before its result",
        script: "echo 'running 2 tests'; echo 'test a ... ok'; exit 0",
        limit: SOON,
        hangs: false,
        append: "",
        told: |seen| verdict::count(&seen.jobs[0]).is_err(),
    },
];

/// Boots them all, on the first of the kernels that are asked for.
pub(super) fn prove(archive: &Archive, args: &Args) -> Result<()> {
    let (kernels, _) = kernels(archive, args)?;
    let Some(kernel) = kernels.last() else { bail!("no kernel is left to boot") };
    let place = Place::new(args.keep.clone())?;
    let image = guest::base()?.write();
    let mut wrong = Vec::new();
    for (number, trouble) in TROUBLES.iter().enumerate() {
        let seen = trouble.boot(&kernel.image, &image, &place.path.join(format!("trouble-{number}")))?;
        let told = (trouble.told)(&seen);
        let end = seen.jobs[0].end;
        println!(
            "{} {}: {:?}, the job {end:?}",
            if told { "ok    " } else { "FAILED" },
            trouble.name,
            seen.verdict
        );
        if !told {
            wrong.push(trouble.name);
        }
    }
    println!("troubles: {} passed, {} failed, 0 skipped", TROUBLES.len() - wrong.len(), wrong.len());
    ensure!(wrong.is_empty(), "not told for what they are: {}", wrong.join("; "));
    Ok(())
}

impl Trouble {
    fn boot(&self, kernel: &Path, image: &[u8], place: &Path) -> Result<Seen> {
        let words = ["/usr/bin/sh", "-c", self.script].map(str::to_owned).to_vec();
        let environment = suite::environment(true);
        // Longer than the kernel is given, so that it is the kernel that hangs.
        let limit = if self.hangs { 10 * START } else { self.limit };
        let job = Job { root: true, limit, directory: "/tmp".into(), words, environment };
        let nonce = guest::nonce()?;
        let initrd = [image, &guest::order(std::slice::from_ref(&job), &nonce)].concat();
        let append = format!("lsm={LSM} {}", self.append);
        // A kernel that hangs is one that is still there at its limit.
        let limit = if self.hangs { START } else { START + self.limit };
        let boot =
            Boot { qemu: &QEMU, kernel, initrd: &initrd, append: &append, place: place.to_owned(), limit };
        Ok(verdict::judge(&boot.run()?, &nonce, 1))
    }
}

/// From QEMU's start until the job runs, on a machine that does other things too.
const START: Duration = Duration::from_secs(90);
