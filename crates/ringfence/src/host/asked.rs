//! Which of a host's LSMs a kind of operation is put to, in the order in which the kernel asks them:
//! the first that denies ends the matter, and its answer is what a program sees.
//!
//! Source: the hooks that each LSM of the kernel registers (`security_hook_list` in security/*/), and
//! `call_int_hook` of security/security.c.

use super::lsm;

/// A kind of operation, by the hooks that decide it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hook {
    /// `inode_permission`, `file_open`, `path_*`: files and directories, and what is executed.
    File,
    /// `socket_*`, `unix_stream_connect`.
    Socket,
    /// `task_kill`.
    Signal,
    /// `ptrace_access_check`, `ptrace_traceme`.
    Trace,
    /// `capable`.
    Capability,
    /// `sb_mount`, `move_mount`, `sb_pivotroot`.
    Mount,
    /// `locked_down`: what would change the running kernel, or show its memory.
    Kernel,
}

impl Hook {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::File, Self::Socket, Self::Signal, Self::Trace, Self::Capability, Self::Mount, Self::Kernel];

    /// Its word in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "files",
            Self::Socket => "sockets",
            Self::Signal => "signals",
            Self::Trace => "ptrace",
            Self::Capability => "capabilities",
            Self::Mount => "mounts",
            Self::Kernel => "kernel",
        }
    }

    /// The LSMs that have such a hook.
    const fn of(self) -> &'static [&'static str] {
        match self {
            Self::File => &["landlock", "apparmor", "selinux", "smack", "tomoyo", "ima", "evm", "ipe", "bpf"],
            Self::Socket => &["landlock", "apparmor", "selinux", "smack", "tomoyo", "bpf"],
            Self::Signal => &["landlock", "apparmor", "selinux", "smack", "bpf"],
            Self::Trace => &["capability", "yama", "landlock", "apparmor", "selinux", "smack", "bpf"],
            Self::Capability => &["capability", "apparmor", "selinux", "safesetid", "bpf"],
            Self::Mount => &["landlock", "apparmor", "selinux", "tomoyo", "bpf"],
            Self::Kernel => &["lockdown", "bpf"],
        }
    }

    /// Those of the active LSMs that are asked, in their order. `bpf` denies only where a program is
    /// attached, a label's LSM where a process has a label. An LSM that is not known here is among
    /// them: it may have any hook.
    #[must_use]
    pub fn asked(self, active: &[String]) -> Vec<&str> {
        let unknown = |name: &str| !lsm::NAMES.contains(&name);
        active.iter().map(String::as_str).filter(|name| self.of().contains(name) || unknown(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active(list: &str) -> Vec<String> {
        list.split(',').map(str::to_owned).collect()
    }

    #[test]
    fn the_hosts_order_decides() {
        let one = active("lockdown,capability,landlock,yama,apparmor,bpf");
        assert_eq!(Hook::File.asked(&one), ["landlock", "apparmor", "bpf"]);
        assert_eq!(Hook::Trace.asked(&one), ["capability", "landlock", "yama", "apparmor", "bpf"]);
        let other = active("capability,apparmor,landlock");
        assert_eq!(Hook::File.asked(&other), ["apparmor", "landlock"]);
        assert_eq!(Hook::Kernel.asked(&other), [""; 0]);
        assert_eq!(Hook::Kernel.asked(&one), ["lockdown", "bpf"]);
    }

    #[test]
    fn an_unknown_lsm_may_have_any_hook() {
        assert_eq!(Hook::Signal.asked(&active("capability,newest")), ["newest"]);
    }

    #[test]
    fn every_name_is_known() {
        for hook in Hook::ALL {
            assert!(hook.of().iter().all(|name| lsm::NAMES.contains(name)), "{hook:?}");
        }
    }
}
