//! User namespaces: what the settings say, and what happens when they are tried.
//! user_namespaces(7), clone(2).

use std::path::Path;

use ringfence_sys::probe::{self, Answer};

use super::{Fact, Host, Reading, Sysctl};

/// What the settings of this host say about user namespaces for the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserNamespaces {
    /// What stands against them, strongest first; empty: nothing known. A chroot(2) does so too,
    /// see [`Host::chroot`].
    pub restrictions: Vec<Restriction>,
}

/// One thing that stands against user namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// What it does.
    pub what: String,
    /// Where it was read.
    pub from: &'static str,
    /// What lifts it.
    pub lift: String,
}

/// What happened when user namespaces were tried, each in a child that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TriedNamespaces {
    /// Making one.
    pub user: Reading<()>,
    /// Using a capability inside one.
    pub capable: Reading<()>,
    /// Mounting a fresh proc(5) inside one.
    pub fresh_proc: Reading<()>,
}

/// `PROC_USER_INIT_INO` of include/linux/proc_ns.h.
const FIRST_USER_NAMESPACE: u64 = 0xEFFF_FFFD;

/// CAP_SYS_ADMIN, capabilities(7).
const CAP_SYS_ADMIN: u32 = 21;

const NS_USER: &str = "/proc/self/ns/user";

pub(super) fn initial(_: &Host) -> Fact<bool> {
    let inode = rustix::fs::stat(NS_USER).map(|stat| stat.st_ino);
    Fact::new(inode == Ok(FIRST_USER_NAMESPACE), NS_USER)
}

pub(super) fn synthetic_initial() -> bool {
    true
}

pub(super) fn user_namespaces(host: &Host) -> Fact<UserNamespaces> {
    Fact::new(UserNamespaces { restrictions: restrictions(host) }, "/proc/sys/user, /proc/sys/kernel")
}

pub(super) fn synthetic_user_namespaces() -> UserNamespaces {
    UserNamespaces { restrictions: Vec::new() }
}

/// Settings that the caller is above are not read.
fn restrictions(host: &Host) -> Vec<Restriction> {
    let privileged = host.caller().value.has(CAP_SYS_ADMIN);
    let mut found = Vec::new();
    let mut ask = |sysctl: Sysctl, value: i64, what: &str, lift: &str| {
        if host.sysctl(sysctl).value == Reading::Known(value) {
            let from = sysctl.entry().path;
            found.push(Restriction { what: what.to_owned(), from, lift: format!("as root: {lift}") });
        }
    };
    let lift = "sysctl user.max_user_namespaces=65536";
    ask(Sysctl::MaxUserNamespaces, 0, "nobody may make user namespaces", lift);
    if !privileged {
        let lift = "sysctl kernel.unprivileged_userns_clone=1";
        ask(Sysctl::UnprivilegedUsernsClone, 0, "only root may make user namespaces", lift);
        ask(
            Sysctl::ApparmorRestrictUserns,
            1,
            "AppArmor takes the capabilities in user namespaces from programs without a profile that has `userns`",
            "a profile for ringfence with `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        );
    }
    if matches!(host.sysctl(Sysctl::MaxUserNamespaces).value, Reading::Absent(_)) {
        found.push(Restriction {
            what: "the kernel has no user namespaces".to_owned(),
            from: Sysctl::MaxUserNamespaces.entry().path,
            lift: "a kernel with CONFIG_USER_NS".to_owned(),
        });
    }
    found
}

const CHROOT: &str = "/proc/self/mountinfo, /proc/1/root";

pub(super) fn chroot(host: &Host) -> Fact<Reading<bool>> {
    Fact::new(in_chroot(host), CHROOT)
}

pub(super) fn synthetic_chroot() -> Reading<bool> {
    Reading::Known(false)
}

/// No mount on `/` means that the root is below one. Otherwise only the root of process 1 tells.
fn in_chroot(host: &Host) -> Reading<bool> {
    let Reading::Known(mounts) = &host.mounts().value else {
        return Reading::Unknown("no /proc/self/mountinfo".to_owned());
    };
    if !mounts.iter().any(|mount| mount.at == Path::new("/")) {
        return Reading::Known(true);
    }
    match (rustix::fs::stat("/"), rustix::fs::stat("/proc/1/root/.")) {
        (Ok(own), Ok(first)) => {
            Reading::Known((own.st_dev, own.st_ino) != (first.st_dev, first.st_ino) && same_mounts())
        }
        _ => Reading::Unknown("/proc/1/root is for root only; try it: unshare --user true".to_owned()),
    }
}

/// Whether process 1 is in the caller's mount namespace; in another one its root says nothing.
fn same_mounts() -> bool {
    let (own, first) = (std::fs::read_link("/proc/self/ns/mnt"), std::fs::read_link("/proc/1/ns/mnt"));
    own.is_ok_and(|own| first.is_ok_and(|first| own == first))
}

pub(super) fn tried(_: &Host) -> Fact<TriedNamespaces> {
    let tried = TriedNamespaces {
        user: judge(probe::user_namespace()),
        capable: judge(probe::user_namespace_capable()),
        fresh_proc: judge(probe::fresh_proc()),
    };
    Fact::new(tried, "unshare(2), sethostname(2), mount(2), tried")
}

pub(super) fn synthetic_tried() -> TriedNamespaces {
    TriedNamespaces { user: Reading::Known(()), capable: Reading::Known(()), fresh_proc: Reading::Known(()) }
}

fn judge(answer: Answer) -> Reading<()> {
    match answer {
        Answer::Yes => Reading::Known(()),
        Answer::Errno(errno) | Answer::Unasked(errno) => {
            Reading::Unknown(std::io::Error::from_raw_os_error(errno.0.into()).to_string())
        }
        Answer::Signal(signal) => Reading::Unknown(format!("killed by signal {signal}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::{Caller, caller};

    #[test]
    fn a_plain_host_restricts_nothing() {
        assert_eq!(restrictions(&Host::for_tests()), []);
    }

    #[test]
    fn a_kernel_without_them_is_named() {
        let host = Host::for_tests().with_sysctl(Sysctl::MaxUserNamespaces, Reading::Absent("none"));
        assert_eq!(restrictions(&host)[0].lift, "a kernel with CONFIG_USER_NS");
    }

    #[test]
    fn each_setting_is_named_with_what_lifts_it() {
        for (sysctl, value) in [
            (Sysctl::MaxUserNamespaces, 0),
            (Sysctl::UnprivilegedUsernsClone, 0),
            (Sysctl::ApparmorRestrictUserns, 1),
        ] {
            let host = Host::for_tests().with_sysctl(sysctl, Reading::Known(value));
            let found = restrictions(&host);
            assert_eq!(found.len(), 1, "{sysctl:?}");
            assert_eq!(found[0].from, sysctl.entry().path);
            assert!(found[0].lift.contains(sysctl.entry().name), "{}", found[0].lift);
        }
    }

    #[test]
    fn root_is_restricted_by_the_count_only() {
        let root = Caller { effective: u64::MAX, ..caller::synthetic() };
        let host = Host::for_tests()
            .with_caller(root)
            .with_sysctl(Sysctl::MaxUserNamespaces, Reading::Known(0))
            .with_sysctl(Sysctl::UnprivilegedUsernsClone, Reading::Known(0))
            .with_sysctl(Sysctl::ApparmorRestrictUserns, Reading::Known(1));
        let found = restrictions(&host);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].from, Sysctl::MaxUserNamespaces.entry().path);
    }

    #[test]
    fn the_first_user_namespace_is_known_by_its_inode() {
        let target = std::fs::read_link(NS_USER).unwrap();
        let first = target == Path::new("user:[4026531837]");
        assert_eq!(Host::live().initial_user_namespace().value, first);
    }

    #[test]
    fn what_is_predicted_is_what_happens() {
        let host = Host::live();
        let tried = &host.tried_namespaces().value;
        if host.user_namespaces().value.restrictions.is_empty() {
            assert_eq!(tried.user, Reading::Known(()));
            assert_eq!(tried.fresh_proc.known().is_some(), host.proc_mount().value.lets_fresh());
        } else {
            assert!(tried.user.known().is_none() || tried.capable.known().is_none());
        }
    }

    #[test]
    fn answers_become_readings() {
        assert_eq!(judge(Answer::Yes), Reading::Known(()));
        assert!(
            matches!(judge(Answer::Errno(ringfence_sys::Errno::PERM)), Reading::Unknown(why) if why.contains("not permitted"))
        );
        assert!(matches!(judge(Answer::Signal(31)), Reading::Unknown(_)));
    }
}
