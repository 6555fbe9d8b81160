//! Who the program is: users, groups, capabilities, the umask.

use super::{Fault, amount::digits_only};
use crate::policy::diagnostic::quote;
use crate::policy::model::{Capability, User};

/// The capabilities by number (linux/capability.h).
const CAPABILITIES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The words of `process.user` that are not a name.
pub(crate) const USERS: &[(&str, User, &str)] = &[
    ("keep", User::Keep, "the caller's own ids, inside as outside"),
    ("root-in-namespace", User::RootInNamespace, "the caller, seen as 0:0 inside a user namespace"),
];

impl Capability {
    /// The name as in capabilities(7), `CAP_NET_ADMIN`; `CAP_?` for a number without a name.
    pub fn name(self) -> &'static str {
        CAPABILITIES.get(usize::from(self.0)).copied().unwrap_or("CAP_?")
    }
}

/// A capability by its full name.
pub(crate) fn capability(text: &str) -> Result<Capability, Fault> {
    if let Some(number) = CAPABILITIES.iter().position(|name| *name == text) {
        return Ok(Capability(number as u8));
    }
    let fault =
        Fault::name(text, "capability", CAPABILITIES, "capabilities(7) lists the names, from CAP_CHOWN");
    let prefixed = format!("CAP_{}", text.to_ascii_uppercase());
    let bare = CAPABILITIES.contains(&&*prefixed).then(|| format!("did you mean `{prefixed}`?"));
    Err(Fault { label: bare.or(fault.label), ..fault })
}

/// `keep`, `root-in-namespace`, a name of passwd(5), or `uid:gid`.
pub(crate) fn user(text: &str) -> Result<User, Fault> {
    const HELP: &str = "write keep, root-in-namespace, a user's name, or UID:GID such as \"1000:1000\"";
    if let Some((_, user, _)) = USERS.iter().find(|(word, ..)| *word == text) {
        return Ok(user.clone());
    }
    if let Some((uid, gid)) = text.split_once(':') {
        let uid = id(uid, HELP)?;
        let gid = id(gid, HELP).map_err(|fault| fault.moved(text.len() - gid.len()))?;
        return Ok(User::Ids { uid, gid });
    }
    if digits_only(text).is_some() {
        return Err(Fault::value(text, format!("{} is a user without a group", quote(text)), HELP));
    }
    let words = ["root-in-namespace", "keep"];
    match super::super::nearest::nearest(text, words) {
        Some(word) if text.len() > 4 || text.eq_ignore_ascii_case(word) => {
            Err(Fault::name(text, "user", [word], HELP))
        }
        _ => account(text, HELP).map(User::Name),
    }
}

/// A group's name or its number.
pub(crate) fn group(text: &str) -> Result<String, Fault> {
    const HELP: &str = "write a group's name, or its number";
    if digits_only(text).is_some() {
        return id(text, HELP).map(|_| text.to_owned());
    }
    account(text, HELP)
}

/// Permission bits in octal: `022`, `0o22`.
pub(crate) fn umask(text: &str) -> Result<u32, Fault> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    match u32::from_str_radix(digits, 8) {
        Ok(mask) if octal && mask <= 0o777 => Ok(mask),
        _ => {
            let message = format!("{} is not a umask", quote(text));
            Err(Fault::value(text, message, "write octal permission bits, such as \"022\" or 0o022"))
        }
    }
}

/// A user or group number; the highest one means "no change" to the kernel, setresuid(2).
fn id(text: &str, help: &str) -> Result<u32, Fault> {
    match digits_only(text).and_then(|number| u32::try_from(number).ok()) {
        Some(number) if number != u32::MAX => Ok(number),
        _ => Err(Fault::value(text, format!("{} is not an id", quote(text)), help)),
    }
}

/// A name as useradd(8) accepts it, with the dots, capitals and trailing `$` that directories have.
fn account(text: &str, help: &str) -> Result<String, Fault> {
    let body = text.strip_suffix('$').unwrap_or(text);
    let first = body.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    let rest = body.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'));
    if first && rest && text.len() <= 256 {
        return Ok(text.to_owned());
    }
    Err(Fault::value(text, format!("{} cannot be a name of a user or group", quote(text)), help))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_the_kernels_numbers() {
        assert_eq!(capability("CAP_CHOWN"), Ok(Capability(0)));
        assert_eq!(capability("CAP_SYS_ADMIN"), Ok(Capability(21)));
        assert_eq!(capability("CAP_CHECKPOINT_RESTORE"), Ok(Capability(40)));
        assert_eq!(Capability(12).name(), "CAP_NET_ADMIN");
        assert_eq!(Capability(63).name(), "CAP_?");
        let suggestion = |text| capability(text).unwrap_err().label;
        assert_eq!(suggestion("net_admin").as_deref(), Some("did you mean `CAP_NET_ADMIN`?"));
        assert_eq!(suggestion("CAP_NET_ADMN").as_deref(), Some("did you mean `CAP_NET_ADMIN`?"));
        assert_eq!(suggestion("everything"), None);
    }

    #[test]
    fn users() {
        assert_eq!(user("keep"), Ok(User::Keep));
        assert_eq!(user("1000:100"), Ok(User::Ids { uid: 1000, gid: 100 }));
        assert_eq!(user("nobody"), Ok(User::Name("nobody".into())));
        assert_eq!(user("kee"), Ok(User::Name("kee".into())), "short names are names");
        assert_eq!(user("1000:x").unwrap_err().range, 5..6);
        assert_eq!(
            user("root-in-namspace").unwrap_err().label.as_deref(),
            Some("did you mean `root-in-namespace`?")
        );
        for bad in ["", "1000", "1000:", ":1", "4294967295:0", "a b", "-a", "a/b", "1:2:3"] {
            assert!(user(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn groups_and_umasks() {
        assert_eq!(group("video").as_deref(), Ok("video"));
        assert_eq!(group("44").as_deref(), Ok("44"));
        assert!(group("4294967295").is_err() && group("").is_err());
        assert_eq!(umask("022"), Ok(0o22));
        assert_eq!(umask("0o77"), Ok(0o77));
        for bad in ["", "1000", "8", "+22", "0x1", "00000"] {
            assert!(umask(bad).is_err(), "{bad}");
        }
    }
}
