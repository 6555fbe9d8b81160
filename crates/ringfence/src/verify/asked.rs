//! Which LSMs a claim's operation is put to, where it gets as far as they stand.

use super::{Finding, Part};
use crate::host::asked::Hook;
use crate::operation::{self, Operation};
use ringfence_bpf::rule::Target;

/// The hooks that decide an operation; `None` where no LSM is asked, or it is not known which.
#[must_use]
pub fn hook(operation: &Operation) -> Option<Hook> {
    match operation {
        Operation::File(..) => Some(Hook::File),
        Operation::Connect { .. } | Operation::ConnectUnix(_) | Operation::Bind { .. } => Some(Hook::Socket),
        Operation::Capability(_) => Some(Hook::Capability),
        Operation::SignalHost => Some(Hook::Signal),
        Operation::Call(rule) => match rule.target {
            Target::Call(call) => of_call(call.name()),
            _ => None,
        },
    }
}

fn of_call(name: &str) -> Option<Hook> {
    match name {
        "ptrace" | "process_vm_readv" | "process_vm_writev" | "pidfd_getfd" | "kcmp" => Some(Hook::Trace),
        "kill" | "tkill" | "tgkill" | "pidfd_send_signal" | "rt_sigqueueinfo" => Some(Hook::Signal),
        "mount" | "umount2" | "move_mount" | "pivot_root" | "fsmount" => Some(Hook::Mount),
        "init_module" | "finit_module" | "kexec_load" | "kexec_file_load" | "ioperm" | "iopl" => {
            Some(Hook::Kernel)
        }
        "open" | "openat" | "openat2" | "creat" | "execve" | "execveat" | "truncate" | "rename" | "link"
        | "unlink" | "mkdir" | "mknod" | "symlink" => Some(Hook::File),
        "socket" | "connect" | "bind" | "listen" | "sendto" | "sendmsg" => Some(Hook::Socket),
        _ => None,
    }
}

impl Finding {
    /// The hooks that decide what was tried. The gate, the processor and limits are before or after
    /// every LSM.
    #[must_use]
    pub fn hook(&self) -> Option<Hook> {
        match self.part {
            Part::Gate | Part::Cpu | Part::Limit => return None,
            _ => {}
        }
        if let Ok(operation) = operation::parse(&self.operation) {
            return hook(&operation);
        }
        match self.part {
            Part::File => Some(Hook::File),
            Part::Network => Some(Hook::Socket),
            Part::Credential => Some(Hook::Capability),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_operation_has_its_hooks() {
        for (text, expected) in [
            ("read /etc/shadow", Some(Hook::File)),
            ("connect tcp:443", Some(Hook::Socket)),
            ("capability CAP_NET_ADMIN", Some(Hook::Capability)),
            ("signal host", Some(Hook::Signal)),
            ("ptrace(PTRACE_TRACEME)", Some(Hook::Trace)),
            ("getpid", None),
        ] {
            assert_eq!(hook(&operation::parse(text).unwrap()), expected, "{text}");
        }
    }
}
