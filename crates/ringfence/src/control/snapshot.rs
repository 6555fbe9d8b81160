//! What a room compiled, as text for snapshots.

use ringfence_sys::step::Step;

use super::{Actual, Compiled, Promise};

/// One line a step: its stage and content; one a promise: its name and what is missing.
pub(crate) fn text(compiled: &Compiled<'_>) -> String {
    let steps =
        compiled.steps.iter().map(|planned| format!("{:?}: {}\n", planned.stage, step(&planned.step)));
    steps.chain(compiled.promises.iter().map(promise)).collect()
}

/// As `Debug`, but bytes that are text are shown as text, and rights in hexadecimal.
fn step(step: &Step<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match *step {
        Step::WriteFile { path, data } => format!("WriteFile {path:?} {:?}", text(data)),
        Step::Hostname(name) => format!("Hostname {:?}", text(name)),
        Step::Unshare(flags) => format!("Unshare {flags:#x}"),
        Step::Securebits(bits) => format!("Securebits {bits:#x}"),
        Step::Umask(mask) => format!("Umask {mask:04o}"),
        Step::LandlockCreate { attr, size, .. } => {
            format!(
                "LandlockCreate fs {:#x} net {:#x} scoped {:#x} size {size}",
                attr.fs, attr.net, attr.scoped
            )
        }
        Step::ShowPlace { path } => format!("ShowPlace {path:?}"),
        Step::LandlockPath { path, access, .. } => format!("LandlockPath {path:?} {access:#x}"),
        Step::LandlockPort { port, access, .. } => format!("LandlockPort {port} {access:#x}"),
        Step::SeccompFilter { flags, program } => {
            format!("SeccompFilter flags {flags:#x}, {} instructions", program.len())
        }
        ref step => format!("{step:?}"),
    }
}

fn promise(promise: &Promise) -> String {
    match &promise.actual {
        Actual::Full => format!("+ {}\n", promise.name),
        Actual::Missing { why } => {
            format!("- {}: {}\n", promise.name, why.split([',', ';', ':']).next().unwrap_or(""))
        }
    }
}
