//! Names that the kernel or the environment gives a form: namespaces, variables, host names,
//! descriptors, labels, and what may be missing.

use super::{Fault, amount::digits_only};
use crate::policy::degrade;
use crate::policy::diagnostic::quote;
use crate::policy::model::{Label, Landlock, Namespace};

/// The eight namespaces(7).
pub(crate) const NAMESPACES: &[(&str, Namespace, &str)] = &[
    ("user", Namespace::User, "own user and group ids; what gives an ordinary user the others"),
    ("mnt", Namespace::Mnt, "an own view of the file system"),
    ("pid", Namespace::Pid, "own process numbers; everything inside ends with the first process"),
    ("net", Namespace::Net, "an own network, empty but for `lo`"),
    ("ipc", Namespace::Ipc, "own System V IPC and POSIX message queues"),
    ("uts", Namespace::Uts, "an own host name"),
    ("cgroup", Namespace::Cgroup, "an own root in the view of cgroups"),
    ("time", Namespace::Time, "own offsets of the monotonic and boot clocks"),
];

/// A descriptor number above this cannot be: the ceiling of fs.nr_open.
const NR_OPEN_MAX: u64 = 1 << 30;

/// The longest name that sethostname(2) takes (__NEW_UTS_LEN).
const HOSTNAME_MAX: usize = 64;

/// A variable that passes: a name, or a prefix with a trailing `*`.
pub(crate) fn variable_or_prefix(text: &str) -> Result<String, Fault> {
    let name = text.strip_suffix('*').unwrap_or(text);
    if name.is_empty() && !text.is_empty() {
        return Ok(text.to_owned());
    }
    variable(name).map(|()| text.to_owned())
}

/// A name that an environment variable can have.
pub(crate) fn variable(text: &str) -> Result<(), Fault> {
    const HELP: &str = "write a name without `=`, such as \"LANG\", or a prefix such as \"LC_*\"";
    match text.find(|c: char| c == '=' || c == '*' || c.is_control() || c.is_whitespace()) {
        Some(at) => {
            let len = text[at..].chars().next().map_or(1, char::len_utf8);
            let message = format!("{} cannot be the name of a variable", quote(text));
            Err(Fault::value(text, message, HELP).within(at..at + len))
        }
        None if text.is_empty() => Err(Fault::value(text, "a variable without a name", HELP)),
        None => Ok(()),
    }
}

/// A host name of letters, digits, `-` and `.`, hostname(7).
pub(crate) fn hostname(text: &str) -> Result<String, Fault> {
    const HELP: &str = "write at most 64 letters, digits, `-` or `.`, beginning with a letter or digit";
    let first = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let rest = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if first && rest && text.len() <= HOSTNAME_MAX {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, format!("{} cannot be a host name", quote(text)), HELP))
}

/// The number of an open file descriptor.
pub(crate) fn descriptor(text: &str) -> Result<u32, Fault> {
    match digits_only(text) {
        Some(number) if number < NR_OPEN_MAX => Ok(number as u32),
        _ => {
            let message = format!("{} is not a file descriptor", quote(text));
            Err(Fault::value(text, message, "write the number of an open descriptor, such as 0"))
        }
    }
}

/// `require`, `require>=N` or `off`.
pub(crate) fn landlock(text: &str) -> Result<Landlock, Fault> {
    const HELP: &str = "write require, require>=N with an ABI from landlock(7), or off";
    match text {
        "require" => return Ok(Landlock::Require { abi: 1 }),
        "off" => return Ok(Landlock::Off),
        _ => {}
    }
    let Some(abi) = text.strip_prefix("require>=") else {
        return Err(Fault::name(text, "word", ["require", "off"], HELP));
    };
    match digits_only(abi) {
        Some(number) if (1..=u64::from(u16::MAX)).contains(&number) => {
            Ok(Landlock::Require { abi: number as u32 })
        }
        _ => {
            let message = format!("{} is not a Landlock ABI", quote(abi));
            Err(Fault::value(text, message, HELP).within(text.len() - abi.len()..text.len()))
        }
    }
}

/// An AppArmor profile's name, `inherit` or `generate`.
pub(crate) fn apparmor(text: &str) -> Result<Label, Fault> {
    match text {
        "inherit" => Ok(Label::Inherit),
        "generate" => Ok(Label::Generate),
        _ => label(text, "write inherit, generate, or the name of a loaded profile"),
    }
}

/// An SELinux context or `inherit`.
pub(crate) fn selinux(text: &str) -> Result<Label, Fault> {
    const HELP: &str = "write inherit, or a context such as \"user_u:user_r:sandbox_t:s0\"";
    match text {
        "inherit" => Ok(Label::Inherit),
        _ if text.split(':').count() < 3 || text.split(':').any(str::is_empty) => {
            Err(Fault::value(text, format!("{} is not an SELinux context", quote(text)), HELP))
        }
        _ => label(text, HELP),
    }
}

/// A name of what may be missing.
pub(crate) fn degradation(text: &str) -> Result<String, Fault> {
    if degrade::is_name(text) {
        return Ok(text.to_owned());
    }
    let names = degrade::NAMES.iter().map(|(name, _)| *name);
    Err(Fault::name(text, "name", names, "docs/policy.md lists what may be missing, under degrade.allow"))
}

fn label(text: &str, help: &str) -> Result<Label, Fault> {
    if text.is_empty() || text.len() > 4096 || text.contains(|c: char| c.is_control()) {
        return Err(Fault::value(text, format!("{} cannot be a label", quote(text)), help));
    }
    Ok(Label::Named(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables() {
        assert_eq!(variable_or_prefix("LC_*").as_deref(), Ok("LC_*"));
        assert_eq!(variable_or_prefix("*").as_deref(), Ok("*"));
        for bad in ["", "A=B", "A*B", "A B", "A\0", "A\n", "**"] {
            assert!(variable_or_prefix(bad).is_err(), "{bad:?}");
        }
        assert_eq!(variable_or_prefix("A=B").unwrap_err().range, 1..2);
    }

    #[test]
    fn hostnames_and_descriptors() {
        assert!(hostname("box-1.local").is_ok() && hostname(&"a".repeat(64)).is_ok());
        for bad in ["", "-a", "a_b", "a b", "ä", &"a".repeat(65)] {
            assert!(hostname(bad).is_err(), "{bad}");
        }
        assert_eq!(descriptor("3"), Ok(3));
        for bad in ["", "-1", "1073741824", "x"] {
            assert!(descriptor(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn lsm_words() {
        assert_eq!(landlock("require"), Ok(Landlock::Require { abi: 1 }));
        assert_eq!(landlock("require>=6"), Ok(Landlock::Require { abi: 6 }));
        assert_eq!(landlock("off"), Ok(Landlock::Off));
        for bad in ["", "require>=0", "require>=", "require>6", "require>= 6", "require>=99999"] {
            assert!(landlock(bad).is_err(), "{bad}");
        }
        assert_eq!(landlock("requires").unwrap_err().label.as_deref(), Some("did you mean `require`?"));
        assert_eq!(apparmor("generate"), Ok(Label::Generate));
        assert_eq!(apparmor("my profile"), Ok(Label::Named("my profile".into())));
        assert!(selinux("generate").is_err() && selinux("a:b:c:s0").is_ok() && selinux("a::c").is_err());
    }

    #[test]
    fn only_known_things_may_be_missing() {
        assert!(degradation("landlock.scope-signal").is_ok());
        let fault = degradation("landlock.scope-signals").unwrap_err();
        assert_eq!(fault.label.as_deref(), Some("did you mean `landlock.scope-signal`?"));
    }
}
