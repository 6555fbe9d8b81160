//! Id maps that only a process of the parent namespace may write: user_namespaces(7),
//! newuidmap(1).

use std::process::Command;

use super::Error;
use crate::plan::Plan;

/// Writes the maps of `child`, which waits; nothing where it writes its own.
///
/// # Errors
/// The kernel's answer, or what newuidmap(1) says.
pub(super) fn write(plan: &Plan<'_>, child: i32) -> Result<(), Error> {
    let Some(maps) = &plan.id_map else { return Ok(()) };
    for (name, helper, extents) in
        [("uid_map", "newuidmap", &maps.uids), ("gid_map", "newgidmap", &maps.gids)]
    {
        if maps.helper {
            let mut command = Command::new(helper);
            command.arg(child.to_string());
            for extent in extents {
                command.args([extent.inside, extent.outside, extent.count].map(|n| n.to_string()));
            }
            by_helper(helper, &mut command)?;
        } else {
            let lines: String =
                extents.iter().map(|e| format!("{} {} {}\n", e.inside, e.outside, e.count)).collect();
            let path = format!("/proc/{child}/{name}");
            std::fs::write(&path, lines)
                .map_err(|source| Error::Around { doing: format!("write {path}"), source })?;
        }
    }
    Ok(())
}

fn by_helper(name: &str, command: &mut Command) -> Result<(), Error> {
    let failed = |source| Error::Around { doing: format!("run {name}"), source };
    let output = command.output().map_err(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(failed(std::io::Error::other(said)))
}
