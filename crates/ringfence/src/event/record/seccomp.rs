//! `AUDIT_SECCOMP` (kernel/auditsc.c, `audit_seccomp`) and `AUDIT_SYSCALL` (`audit_log_exit`).

use ringfence_bpf::filter::Action;

use super::{Fields, Wrong};
use crate::event::text::Text;

/// What a filter did with a call. It has no arguments, no errno, and says nothing of which filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seccomp {
    /// Process id, in the first pid namespace.
    pub pid: u32,
    /// `comm`.
    pub command: Option<Text>,
    /// The program's file.
    pub exe: Option<Text>,
    /// The signal that ends it; 0: none.
    pub signal: i32,
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The number.
    pub number: u32,
    /// Where the call was made.
    pub instruction_pointer: u64,
    /// What the filter answered, without its data.
    pub action: Action,
}

/// The call that an event belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syscall {
    /// `AUDIT_ARCH_*`.
    pub arch: u32,
    /// The number.
    pub number: u32,
    /// What the caller got, where it got anything: negative is an errno.
    pub exit: Option<i64>,
    /// The first four argument registers.
    pub args: [u64; 4],
    /// The parent's process id.
    pub parent: u32,
    /// Process id.
    pub pid: u32,
    /// `comm`.
    pub command: Option<Text>,
}

impl Seccomp {
    pub(super) fn from(fields: &Fields<'_>) -> Result<Self, Wrong> {
        Ok(Self {
            pid: fields.number("pid")?,
            command: fields.text("comm")?,
            exe: fields.text("exe")?,
            signal: fields.number("sig")?,
            arch: half("arch", fields.hex("arch")?)?,
            // Printed as a signed long: a number with bit 31 set is negative.
            number: fields.number::<i64>("syscall")? as u32,
            instruction_pointer: fields.prefixed_hex("ip")?,
            action: action(half("code", fields.prefixed_hex("code")?)?)?,
        })
    }
}

fn half(key: &'static str, word: u64) -> Result<u32, Wrong> {
    u32::try_from(word).map_err(|_| Wrong::Missing(key))
}

/// The kernel prints the action without its data; any other word was cut off or forged.
fn action(word: u32) -> Result<Action, Wrong> {
    let action = Action::from_value(word);
    (action.value() == word && word & 0xffff == 0).then_some(action).ok_or(Wrong::Missing("code"))
}

impl Syscall {
    pub(super) fn from(fields: &Fields<'_>) -> Result<Self, Wrong> {
        let arch = half("arch", fields.hex("arch")?)?;
        let exit = if fields.has("exit") { Some(fields.number("exit")?) } else { None };
        Ok(Self {
            arch,
            number: fields.number::<i64>("syscall")? as u32,
            exit,
            args: [fields.hex("a0")?, fields.hex("a1")?, fields.hex("a2")?, fields.hex("a3")?],
            parent: fields.number("ppid")?,
            pid: fields.number("pid")?,
            command: fields.text("comm")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Body, SECCOMP, SYSCALL, Wrong, parse};
    use super::*;

    /// As Linux 6.18 wrote it.
    const KILLED: &[u8] = b"audit(1795490209.265:64207): auid=4294967295 uid=0 gid=0 ses=4294967295 pid=2461 comm=\"mkdir\" exe=\"/usr/bin/mkdir\" sig=31 arch=c000003e syscall=83 compat=0 ip=0x7fdeadd8ff37 code=0x80000000";

    #[test]
    fn a_seccomp_record_is_read() {
        let Body::Seccomp(seen) = parse(SECCOMP, KILLED).unwrap().body else { panic!() };
        assert_eq!((seen.pid, seen.signal, seen.arch, seen.number), (2461, 31, 0xc000_003e, 83));
        assert_eq!(seen.action, Action::KillProcess);
        assert_eq!(seen.command, Some(Text::new(*b"mkdir")));
    }

    #[test]
    fn a_hostile_name_changes_no_other_field() {
        // comm is `a" pid=1`, which the kernel writes in hexadecimal.
        let text = String::from_utf8_lossy(KILLED).replace("\"mkdir\"", "6122207069643D31");
        let Body::Seccomp(seen) = parse(SECCOMP, text.as_bytes()).unwrap().body else { panic!() };
        assert_eq!(seen.pid, 2461);
        assert_eq!(seen.command, Some(Text::new(*b"a\" pid=1")));
        // A forger who could write it raw is seen.
        let forged = String::from_utf8_lossy(KILLED).replace("\"mkdir\"", "\"a\" pid=1 x=\"y\"");
        assert_eq!(parse(SECCOMP, forged.as_bytes()), Err(Wrong::Twice("pid".into())));
    }

    #[test]
    fn a_syscall_record_is_read() {
        let record = b"audit(1795490243.329:64209): arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7f6004111c40 a2=80000 a3=0 items=0 ppid=2669 pid=2670 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"python3.11\" exe=\"/usr/bin/python3.11\" key=(null)";
        let Body::Syscall(call) = parse(SYSCALL, record).unwrap().body else { panic!() };
        assert_eq!((call.number, call.exit, call.parent, call.pid), (257, Some(-13), 2669, 2670));
        assert_eq!(call.args, [0xffff_ff9c, 0x7f60_0411_1c40, 0x80000, 0]);
    }
}
