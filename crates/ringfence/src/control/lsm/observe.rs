//! Which labels a live process really has: `/proc/PID/attr`, and TOMOYO's own file. Read-only.
//!
//! Source: Documentation/admin-guide/LSM/index.rst ("attr"), apparmor(7), selinux(8),
//! security/tomoyo/common.c of the kernel (`.process_status`).

use std::fs::OpenOptions;
use std::io::{self, Read as _, Write as _};

/// What one active LSM says of a process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The LSM, by its name in the kernel's list.
    pub lsm: String,
    /// What it says.
    pub says: Says,
}

/// What an LSM says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// The label that holds now, and those that are set for what comes: `exec`, `fscreate`,
    /// `keycreate`, `sockcreate`.
    Has {
        /// What holds now.
        current: String,
        /// File of `/proc/PID/attr` and label.
        next: Vec<(&'static str, String)>,
    },
    /// It gives processes no label.
    Nothing,
    /// It restricts processes, and the kernel shows nobody which.
    Hidden,
    /// It has a label, and it cannot be read; why.
    Unread(String),
}

/// LSMs whose hooks look at the whole machine, or at files and credentials, but at no label of a process.
const WITHOUT: [&str; 9] =
    ["lockdown", "capability", "yama", "bpf", "loadpin", "safesetid", "ima", "evm", "ipe"];
/// Those that answer `/proc/PID/attr/current`, where they come first of them.
const CURRENT: [&str; 3] = ["selinux", "apparmor", "smack"];
/// What SELinux keeps for the next object of a kind.
const NEXT: [&str; 4] = ["exec", "fscreate", "keycreate", "sockcreate"];
/// Takes a process id and gives `PID PROFILE DOMAIN`. Only root opens it.
const TOMOYO: &str = "/sys/kernel/security/tomoyo/.process_status";

/// What each active LSM says, in the order in which they are asked.
#[must_use]
pub fn read(pid: u32, active: &[String]) -> Vec<Label> {
    let first = active.iter().find(|name| CURRENT.contains(&name.as_str()));
    let label = |lsm: &String| {
        let says = match lsm.as_str() {
            "landlock" => Says::Hidden,
            "tomoyo" => tomoyo(pid),
            "apparmor" | "smack" => attributes(pid, &format!("attr/{lsm}"), &["exec"]),
            "selinux" if first == Some(lsm) => attributes(pid, "attr", &NEXT),
            "selinux" => Says::Unread("an LSM before it answers /proc/PID/attr in its place".to_owned()),
            name if WITHOUT.contains(&name) => Says::Nothing,
            _ => Says::Unread("this version of ringfence does not know where it shows labels".to_owned()),
        };
        Label { lsm: lsm.clone(), says }
    };
    active.iter().map(label).collect()
}

fn attributes(pid: u32, directory: &str, others: &[&'static str]) -> Says {
    let file = |name: &str| {
        let path = format!("/proc/{pid}/{directory}/{name}");
        std::fs::read(&path).map(|bytes| plain(&bytes)).map_err(|error| format!("{path}: {error}"))
    };
    match file("current") {
        Err(why) => Says::Unread(why),
        Ok(current) => {
            let set = |name: &&'static str| Some((*name, file(name).ok().filter(|text| !text.is_empty())?));
            Says::Has { current, next: others.iter().filter_map(set).collect() }
        }
    }
}

/// SELinux ends a context by NUL, the others by a line end.
fn plain(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).trim_end_matches(['\0', '\n']).to_owned()
}

fn tomoyo(pid: u32) -> Says {
    match ask(pid) {
        Err(error) => Says::Unread(format!("{TOMOYO}: {error}")),
        Ok(text) => match domain(&text, pid) {
            Some(domain) => Says::Has { current: domain.to_owned(), next: Vec::new() },
            None => Says::Unread(format!("{TOMOYO} says {:?}", text.trim())),
        },
    }
}

fn ask(pid: u32) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).write(true).open(TOMOYO)?;
    file.write_all(format!("{pid}\n").as_bytes())?;
    let mut text = String::new();
    file.take(64 * 1024).read_to_string(&mut text)?;
    Ok(text)
}

/// `4711 0 <kernel> /usr/bin/true`: the domain after the profile's number.
fn domain(text: &str, pid: u32) -> Option<&str> {
    let rest = text.lines().find_map(|line| line.strip_prefix(&format!("{pid} ")))?;
    rest.split_once(' ').map(|(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_end_where_the_lsm_ends_them() {
        assert_eq!(plain(b"u:r:box_t\0"), "u:r:box_t");
        assert_eq!(plain(b"box (enforce)\n"), "box (enforce)");
        assert_eq!(domain("4711 0 <kernel> /a /b\n", 4711), Some("<kernel> /a /b"));
        assert_eq!(domain("4712 0 <kernel>\n", 4711), None);
        assert_eq!(domain("", 1), None);
    }

    #[test]
    fn every_active_lsm_is_told_in_its_order() {
        let active = ["lockdown", "landlock", "tomoyo", "new", "apparmor", "selinux"].map(str::to_owned);
        let labels = read(std::process::id(), &active);
        assert_eq!(labels.iter().map(|label| label.lsm.clone()).collect::<Vec<_>>(), active);
        assert_eq!((&labels[0].says, &labels[1].says), (&Says::Nothing, &Says::Hidden));
        assert!(matches!(labels[3].says, Says::Unread(_)), "an LSM that is not known is never `nothing`");
        assert!(matches!(labels[5].says, Says::Unread(_)), "AppArmor answers in its place");
    }
}
