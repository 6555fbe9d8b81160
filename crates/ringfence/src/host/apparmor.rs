//! AppArmor as this caller meets it: how it is confined itself, which profiles there are, and
//! whether it may load one. apparmor(7), Documentation/admin-guide/LSM/apparmor.rst.

use std::io;
use std::path::{Path, PathBuf};

use super::{Fact, Host, Reading, kernel};

/// AppArmor, where it is active.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppArmor {
    /// The caller's own label is `unconfined`; otherwise a profile can only be stacked on it.
    pub unconfined: bool,
    /// Names of the loaded profiles; only who may administer AppArmor reads them.
    pub profiles: Reading<Vec<String>>,
    /// Whether the caller may load a profile.
    pub load: Result<(), String>,
    /// apparmor_parser(8), which makes of a profile's text what the kernel loads.
    pub parser: Option<PathBuf>,
}

/// Where profiles are loaded and removed.
pub const DIRECTORY: &str = "/sys/kernel/security/apparmor";
const OWN: &str = "/proc/self/attr/apparmor/current";
const PARSERS: [&str; 3] = ["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser", "/usr/bin/apparmor_parser"];
/// capabilities(7).
const CAP_MAC_ADMIN: u32 = 33;

pub(super) fn read(host: &Host) -> Fact<Reading<AppArmor>> {
    let active = host.lsms().value.known().map(|names| names.iter().any(|name| name == "apparmor"));
    let reading = match kernel::read_small(OWN) {
        Ok(label) => Reading::Known(AppArmor {
            unconfined: label.trim() == "unconfined",
            profiles: profiles(),
            load: load(host),
            parser: PARSERS.iter().map(PathBuf::from).find(|path| path.is_file()),
        }),
        Err(_) if active == Some(false) => Reading::Absent("AppArmor is not on the list of active LSMs"),
        Err(error) => Reading::Unknown(format!("{OWN}: {error}")),
    };
    Fact::new(reading, OWN)
}

pub(super) fn synthetic() -> Reading<AppArmor> {
    Reading::Absent("AppArmor is not on the list of active LSMs")
}

pub(super) fn parser(_: &Host) -> Fact<Reading<(u32, u32)>> {
    let found = PARSERS.iter().map(Path::new).find(|path| path.is_file());
    let reading = match found {
        None => Reading::Absent("apparmor_parser(8) is not installed"),
        Some(path) => {
            let output = std::process::Command::new(path).arg("--version").env_clear().output();
            let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
            match text.map(|text| version(&text)) {
                Ok(Some(version)) => Reading::Known(version),
                Ok(None) => Reading::Unknown(format!("{} --version shows none", path.display())),
                Err(error) => Reading::Unknown(format!("{}: {error}", path.display())),
            }
        }
    };
    Fact::new(reading, "apparmor_parser --version")
}

pub(super) fn synthetic_parser() -> Reading<(u32, u32)> {
    Reading::Known((4, 0))
}

/// `AppArmor parser version 3.0.8`.
fn version(text: &str) -> Option<(u32, u32)> {
    let number = text.lines().next()?.rsplit(' ').next()?;
    let mut parts = number.split(|letter: char| !letter.is_ascii_digit()).map(str::parse);
    Some((parts.next()?.ok()?, parts.next()?.ok()?))
}

fn profiles() -> Reading<Vec<String>> {
    let file = Path::new(DIRECTORY).join("profiles");
    match kernel::read_small(&file) {
        Ok(text) => Reading::Known(names(&text)),
        Err(error) => Reading::Unknown(format!("{}: {error}", file.display())),
    }
}

/// `NAME (MODE)` a line; a name may have blanks and brackets in it.
fn names(text: &str) -> Vec<String> {
    let name = |line: &str| line.rsplit_once(" (").map(|(name, _)| name.to_owned());
    text.lines().filter_map(name).collect()
}

/// The kernel asks for CAP_MAC_ADMIN in the first user namespace, and the file must be there.
fn load(host: &Host) -> Result<(), String> {
    if !host.caller().value.has(CAP_MAC_ADMIN) || !host.initial_user_namespace().value {
        return Err("loading a profile needs CAP_MAC_ADMIN in the first user namespace".to_owned());
    }
    let file = Path::new(DIRECTORY).join(".load");
    match std::fs::metadata(&file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(format!("{} is not there: mount securityfs on /sys/kernel/security", file.display()))
        }
        Err(error) => Err(format!("{}: {error}", file.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_two_numbers() {
        assert_eq!(version("AppArmor parser version 3.0.8\nCopyright\n"), Some((3, 0)));
        assert_eq!(version("AppArmor parser version 4.1.0~beta1\n"), Some((4, 1)));
        assert_eq!(version("no"), None);
    }

    #[test]
    fn names_may_have_blanks_and_brackets() {
        let text = "/usr/bin/man (enforce)\nman_groff (complain)\nmy (odd) one (enforce)\n";
        assert_eq!(names(text), ["/usr/bin/man", "man_groff", "my (odd) one"]);
    }

    #[test]
    fn what_is_read_agrees_with_the_list_of_lsms() {
        let host = Host::live();
        let Some(active) = host.lsms().value.known() else {
            println!("skipped: no list of LSMs");
            return;
        };
        let active = active.iter().any(|name| name == "apparmor");
        assert_eq!(host.apparmor().value.known().is_some(), active, "{:?}", host.apparmor());
    }
}
