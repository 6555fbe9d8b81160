//! Calls that have broken containment, or reach deep into the kernel.

use super::gate::{Gate, Place, add, words_of};
use super::{Finding, Id, Severity};
use crate::diagram::{Error, Set};
use crate::table::{self, Abi};

/// A call, or some of its arguments, that a filter for code one does not trust rarely permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Danger {
    /// The call.
    pub call: &'static str,
    /// Only where an argument is this, on these bits: its place, the mask, the constant that it is.
    pub only: Option<(u8, u64, &'static str)>,
    /// How bad.
    pub severity: Severity,
    /// Why, and where that is written.
    pub reason: &'static str,
}

/// Every danger that [`super::check`] looks for. Severity says what the call does by itself where
/// no capability is left: many of these need one, and are medium for what they have done in user
/// namespaces.
pub const fn dangers() -> &'static [Danger] {
    &DANGERS
}

const fn any(call: &'static str, severity: Severity, reason: &'static str) -> Danger {
    Danger { call, only: None, severity, reason }
}

const fn only(
    call: &'static str,
    argument: u8,
    mask: u64,
    constant: &'static str,
    severity: Severity,
    reason: &'static str,
) -> Danger {
    Danger { call, only: Some((argument, mask, constant)), severity, reason }
}

use Severity::{Low, Medium, Note};

const LOW_32: u64 = u32::MAX as u64;

static DANGERS: [Danger; 53] = [
    any("acct", Low, "process accounting writes to a file of the host, acct(2)"),
    any(
        "add_key",
        Medium,
        "keyrings are shared with other containers of the user, keyrings(7); CVE-2016-0728",
    ),
    any("bpf", Medium, "the verifier has been broken often: CVE-2020-8835, CVE-2021-3490, CVE-2022-23222"),
    only(
        "clone",
        0,
        0x1000_0000,
        "CLONE_NEWUSER",
        Medium,
        "a user namespace gives all capabilities over new kernel code, user_namespaces(7); CVE-2022-0185",
    ),
    any("clock_settime", Low, "changes the host's clock, clock_settime(2)"),
    any("clone3", Note, "its flags, CLONE_NEWUSER among them, are behind a pointer, clone(2)"),
    any("delete_module", Medium, "removes kernel code, delete_module(2)"),
    any("fanotify_init", Low, "watches whole file systems, fanotify(7)"),
    any("finit_module", Medium, "loads kernel code, init_module(2)"),
    any("fsconfig", Medium, "the mount API parses untrusted input in the kernel, CVE-2022-0185"),
    any("fsmount", Medium, "mounts file systems, fsmount(2)"),
    any("fsopen", Medium, "opens file systems for mounting, fsopen(2)"),
    any("init_module", Medium, "loads kernel code, init_module(2)"),
    any(
        "io_uring_setup",
        Medium,
        "operations in shared memory that no filter sees, io_uring(7); CVE-2022-29582, CVE-2023-2598",
    ),
    only(
        "ioctl",
        1,
        LOW_32,
        "TIOCSTI",
        Medium,
        "types into the terminal of whoever started it, ioctl_tty(2); CVE-2017-5226",
    ),
    only("ioctl", 1, LOW_32, "TIOCLINUX", Medium, "pastes into the console, ioctl_console(2); CVE-2023-1523"),
    any("ioperm", Medium, "reaches the machine's ports, ioperm(2)"),
    any("iopl", Medium, "reaches the machine's ports, iopl(2)"),
    any("kcmp", Note, "compares kernel objects of other processes, kcmp(2)"),
    any("kexec_file_load", Medium, "replaces the kernel, kexec_load(2)"),
    any("kexec_load", Medium, "replaces the kernel, kexec_load(2)"),
    any(
        "keyctl",
        Medium,
        "keyrings are shared with other containers of the user, keyrings(7); CVE-2016-0728",
    ),
    any("migrate_pages", Low, "moves memory of other processes, migrate_pages(2)"),
    any(
        "modify_ldt",
        Low,
        "segments of 16 bits have broken the kernel's entry code, modify_ldt(2); CVE-2015-5157",
    ),
    any("mount", Medium, "changes the view of the file system, mount(2)"),
    any("mount_setattr", Medium, "makes mounts writable again, mount_setattr(2)"),
    any("move_mount", Medium, "changes the view of the file system, move_mount(2)"),
    any("move_pages", Low, "moves memory of other processes, move_pages(2)"),
    any("open_by_handle_at", Medium, "opens files outside the view by number: CVE-2014-3519, `shocker`"),
    only("open_tree", 2, 1, "OPEN_TREE_CLONE", Low, "clones mounts, open_tree(2)"),
    any("perf_event_open", Medium, "large and often broken: CVE-2013-2094, CVE-2023-6931"),
    // Without the highest bit: 0xffffffff asks and changes nothing.
    only(
        "personality",
        0,
        0x8004_0000,
        "ADDR_NO_RANDOMIZE",
        Low,
        "switches address randomisation off, personality(2)",
    ),
    only(
        "personality",
        0,
        0x8040_0000,
        "READ_IMPLIES_EXEC",
        Low,
        "makes readable memory executable, personality(2)",
    ),
    any("pidfd_getfd", Low, "takes descriptors of other processes, pidfd_getfd(2)"),
    any("pivot_root", Medium, "changes the view of the file system, pivot_root(2)"),
    any("process_vm_readv", Low, "reads memory of other processes, process_vm_readv(2)"),
    any("process_vm_writev", Medium, "writes memory of other processes, process_vm_readv(2)"),
    any(
        "ptrace",
        Medium,
        "controls other processes, and changes calls after the filter before Linux 4.8, ptrace(2); CVE-2019-13272",
    ),
    any("quotactl", Low, "changes quotas of the host, quotactl(2)"),
    any("reboot", Medium, "stops the machine, reboot(2)"),
    any("request_key", Medium, "makes the host run /sbin/request-key, request_key(2); CVE-2016-0728"),
    any("setns", Medium, "enters other namespaces, setns(2)"),
    any("settimeofday", Low, "changes the host's clock, settimeofday(2)"),
    only("socket", 0, LOW_32, "AF_ALG", Low, "the kernel's cryptography as sockets: CVE-2019-8912"),
    only("socket", 0, LOW_32, "AF_PACKET", Low, "raw packets: CVE-2017-7308, CVE-2020-14386"),
    only(
        "socket",
        0,
        LOW_32,
        "AF_VSOCK",
        Low,
        "reaches the hypervisor past every network namespace, vsock(7)",
    ),
    any("swapoff", Low, "changes the host's memory, swapon(2)"),
    any("swapon", Low, "changes the host's memory, swapon(2)"),
    any("syslog", Low, "reads the kernel's log, which has addresses, syslog(2)"),
    only(
        "unshare",
        0,
        0x1000_0000,
        "CLONE_NEWUSER",
        Medium,
        "a user namespace gives all capabilities over new kernel code, user_namespaces(7); CVE-2022-0185",
    ),
    any("uselib", Low, "old and unused, uselib(2); CVE-2004-1235"),
    any(
        "userfaultfd",
        Medium,
        "stops the kernel in the middle of a copy, the helper of many exploits, userfaultfd(2)",
    ),
    any("vhangup", Low, "hangs up the terminal, vhangup(2)"),
];

pub(super) fn find(gate: &mut Gate<'_>, findings: &mut Vec<Finding>) -> Result<(), Error> {
    for danger in dangers() {
        let Some(call) = table::call(danger.call) else { continue };
        for abi in Abi::ALL {
            let Some(place) = gate.place(abi, call) else { continue };
            if let Some(finding) = one(gate, danger, place)? {
                add(findings, Finding { call: Some(call), ..finding });
            }
        }
    }
    Ok(())
}

fn one(gate: &mut Gate<'_>, danger: &Danger, place: Place) -> Result<Option<Finding>, Error> {
    let (open, what, fix) = match danger.only {
        None => (place.runs, danger.call.to_owned(), format!("`{}` among the deny rules", danger.call)),
        Some((at, mask, constant)) => {
            let value = table::constant(constant).unwrap_or_default() as u64;
            let chosen = gate.words(&words_of(usize::from(at), mask, value & mask))?;
            let places = "_, ".repeat(usize::from(at));
            let test =
                if mask == LOW_32 { constant.to_owned() } else { format!("& {constant} == {constant}") };
            let rule = format!("{}({places}{test})", danger.call);
            (gate.space.and(place.runs, chosen)?, rule.clone(), format!("`{rule}` among the deny rules"))
        }
    };
    // Of two inputs, one with nothing else in its registers says more.
    let clean: Vec<(u32, u32, u32)> = (0..6).map(|at| (20 + 8 * at, u32::MAX, 0)).collect();
    let clean = gate.words(&clean)?;
    let cleaner = gate.space.and(open, clean)?;
    let open = if cleaner == Set::EMPTY { open } else { cleaner };
    let Some(witness) = gate.witness(place, open) else { return Ok(None) };
    Ok(Some(Finding {
        id: Id::DangerousAllow,
        severity: danger.severity,
        call: None,
        abis: vec![place.abi],
        message: format!("{what} is permitted: {}", danger.reason),
        witnesses: vec![witness],
        instructions: Vec::new(),
        fix,
    }))
}
