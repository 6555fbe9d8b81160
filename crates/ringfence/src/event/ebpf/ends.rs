//! Ends of the kernel's functions (`fexit`), at which it is seen who refused, where the kernel lets programs
//! look there: and in words, where it does not.

use std::fmt::Display;

use aya::Ebpf as Object;

use crate::ebpf::{Absent, Kernel, Place};

/// Each function, or those of which a kernel has one. The first is in every kernel.
const FUNCTIONS: [&[&str]; 4] = [
    &["generic_permission"],
    // Linux 6.8 gave it another name.
    &["mnt_get_write_access", "__mnt_want_write"],
    &["security_inode_permission"],
    &["security_file_open"],
];
/// Those of Landlock: older ones have fewer, for they deny less.
const OF_LANDLOCK: [&str; 11] = [
    "hook_file_open",
    "hook_path_mkdir",
    "hook_path_mknod",
    "hook_path_symlink",
    "hook_path_unlink",
    "hook_path_rmdir",
    "hook_path_link",
    "hook_path_rename",
    "hook_path_truncate",
    "hook_socket_bind",
    "hook_socket_connect",
];
/// Landlock's hooks that every kernel with Landlock has.
const ALWAYS: usize = 8;

/// Attaches what looks at them, Landlock's only where the policy has Landlock rules. How who refused is
/// known, in words that end a sentence: what was not attached is named.
pub(super) fn attach(kernel: &Kernel, object: &mut Object, landlock: bool) -> String {
    let one = |function: &str| kernel.attach(object, &format!("end_{function}"), Place::End(function));
    attached(one, landlock)
}

fn attached<E: Display + Missing>(mut one: impl FnMut(&str) -> Result<(), E>, landlock: bool) -> String {
    let mut missing = Vec::new();
    for (at, names) in FUNCTIONS.iter().enumerate() {
        let Some(why) = any(names, &mut one) else { continue };
        // Whoever may not look at this one may look at none.
        if at == 0 {
            return format!("predicted: {why}");
        }
        missing.push(format!("by {} ({why})", names[0]));
    }
    let hooks = OF_LANDLOCK.iter().enumerate().filter(|_| landlock);
    for (at, name) in hooks {
        match one(name) {
            Err(why) if at < ALWAYS || !why.is_missing() => missing.push(format!("by {name} ({why})")),
            _ => {}
        }
    }
    match missing.as_slice() {
        [] => "seen in the kernel".to_owned(),
        _ => format!("seen in the kernel, but predicted where it is {}", missing.join(", ")),
    }
}

/// Attaches to the first that is there; why to none.
fn any<E: Display + Missing>(names: &[&str], one: &mut impl FnMut(&str) -> Result<(), E>) -> Option<E> {
    let mut last = None;
    for name in names {
        match one(name) {
            Ok(()) => return None,
            Err(why) if !why.is_missing() => return Some(why),
            Err(why) => last = Some(why),
        }
    }
    last
}

/// An error that may say that there is nothing of that name.
trait Missing {
    fn is_missing(&self) -> bool;
}

impl Missing for Absent {
    fn is_missing(&self) -> bool {
        matches!(self, Self::NoPlace { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Why(bool);

    impl Display for Why {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(if self.0 { "none" } else { "EINVAL" })
        }
    }

    impl Missing for Why {
        fn is_missing(&self) -> bool {
            self.0
        }
    }

    fn but(failing: &[(&str, bool)], landlock: bool) -> String {
        let one = |name: &str| match failing.iter().find(|(failing, _)| *failing == name) {
            Some((_, missing)) => Err(Why(*missing)),
            None => Ok(()),
        };
        attached(one, landlock)
    }

    #[test]
    fn a_later_one_that_fails_is_named() {
        assert_eq!(but(&[], true), "seen in the kernel");
        let one = but(&[("hook_path_rename", false)], true);
        assert_eq!(one, "seen in the kernel, but predicted where it is by hook_path_rename (EINVAL)");
        assert!(but(&[("security_file_open", true)], false).contains("by security_file_open (none)"));
        assert_eq!(but(&[("hook_path_rename", false)], false), "seen in the kernel");
    }

    #[test]
    fn one_of_two_names_is_enough_and_older_kernels_deny_less() {
        assert_eq!(
            but(&[("mnt_get_write_access", true), ("hook_socket_bind", true)], true),
            "seen in the kernel"
        );
        assert!(but(&[("hook_socket_bind", false)], true).contains("hook_socket_bind"));
        let neither = but(&[("mnt_get_write_access", true), ("__mnt_want_write", true)], true);
        assert!(neither.contains("by mnt_get_write_access (none)"), "{neither}");
    }

    #[test]
    fn where_the_first_is_refused_all_are() {
        assert_eq!(but(&[("generic_permission", false)], true), "predicted: EINVAL");
    }
}
