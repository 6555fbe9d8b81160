//! Programs that end with whoever started them, however that one ends: prctl(2) `PR_SET_PDEATHSIG`, by
//! setpriv(1).

use std::process::Command;

use anyhow::{Result, ensure};

/// What sets the signal. Of util-linux, which every Debian has.
const SETPRIV: &str = "setpriv";
/// The starter may have died before the signal was asked for: then this is somebody else's child.
const CHECK: &str = "[ \"$PPID\" = \"$0\" ] || exit 1; exec \"$@\"";
/// What a shell ends with where it cannot execute a program, or does not find it: sh(1).
pub(super) const NOT_STARTED: [i32; 2] = [126, 127];

/// The same program, its arguments, environment and directory, but killed when the *thread* that
/// starts it ends: that thread has to wait for it. Its input and output are not taken over.
///
/// A program that cannot be executed ends with one of [`NOT_STARTED`].
pub(super) fn tied(program: &Command) -> Command {
    let mut command = Command::new(SETPRIV);
    command.args(["--pdeathsig", "KILL", "--", "sh", "-c", CHECK]).arg(std::process::id().to_string());
    command.arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    if let Some(directory) = program.get_current_dir() {
        command.current_dir(directory);
    }
    command
}

/// Words before a program that somebody else starts: it is killed when that one's thread ends.
pub(super) const PREFIX: &str = "setpriv --pdeathsig KILL --";

/// Whether programs can be tied here.
pub(super) fn require() -> Result<()> {
    let there = tied(&Command::new("true")).status().is_ok_and(|status| status.success());
    ensure!(there, "{SETPRIV} cannot tie a program to this one: install util-linux (Debian)");
    Ok(())
}
