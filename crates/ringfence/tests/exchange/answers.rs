//! What single calls get, stated by hand from each tool's own manual.

use ringfence::exchange::{Language, call};
use ringfence_bpf::filter::Action;

use super::{import, space};

const EPERM: Action = Action::Errno(1);
const KILL: Action = Action::KillProcess;

/// Each call and what it gets, by the diagram; and by each filter's own reading where there is one.
fn answers(language: Language, text: &str, expected: &[(&str, Action)]) {
    let imported = import(text, language).unwrap_or_else(|error| panic!("{error}"));
    let gate = &imported.gates[0];
    let mut space = space();
    let diagram = gate.diagram(&mut space).unwrap();
    for (text, action) in expected {
        let data = call::parse(text).unwrap();
        assert_eq!(space.eval(diagram, &data), *action, "{text}");
        if let [filter] = gate.stack.as_slice() {
            assert_eq!(filter.answer(&data).0, *action, "{text}");
        }
    }
}

#[test]
fn minijail() {
    let text = "@default trap\nread: 1\nopen: return ENOENT\n\
                fcntl: arg1 == F_GETFD || \\\n  arg1 == F_SETFD && arg2 != 0x100000001\n\
                mmap: arg2 in ~PROT_EXEC\nioctl: arg1 & 0x6400\n\
                lseek: arg1 >= 0x100000000 && arg1 < 0x100000004\n\
                {kill, tkill}: {arg1 == SIGABRT, return EPERM}\n\
                prctl: arg0 == PR_SET_NAME\nprctl: kill-process\n\
                getpid[arch=arm,x86_64]: log\ngettid[arch=arm]: log\n";
    let trap = Action::Trap(0);
    answers(
        Language::Minijail,
        text,
        &[
            ("read(7)", Action::Allow),
            ("write(1)", trap),
            ("open(0)", Action::Errno(2)),
            ("fcntl(0, F_GETFD)", Action::Allow),
            ("fcntl(0, F_SETFD, 1)", Action::Allow),
            ("fcntl(0, F_SETFD, 0x100000001)", trap),
            ("fcntl(0, 0x100000001)", trap),
            ("mmap(0, 0, PROT_READ)", Action::Allow),
            ("mmap(0, 0, 0x100000000)", Action::Allow),
            ("mmap(0, 0, PROT_READ | PROT_EXEC)", trap),
            ("ioctl(0, 0x400)", Action::Allow),
            ("ioctl(0, 0x1b)", trap),
            ("lseek(0, 0x100000000)", Action::Allow),
            ("lseek(0, 0x100000003)", Action::Allow),
            ("lseek(0, 0x100000004)", trap),
            ("lseek(0, 0xffffffff)", trap),
            ("lseek(0, 0x200000001)", trap),
            ("kill(1, 6)", Action::Allow),
            ("tkill(1, 9)", EPERM),
            ("prctl(PR_SET_NAME)", Action::Allow),
            ("prctl(0)", KILL),
            ("getpid()", Action::Log),
            ("gettid()", trap),
            ("i386:read(0)", Action::KillThread),
            ("x32:read(0)", trap),
        ],
    );
}

#[test]
fn minijail_that_denies_by_list() {
    let text = "@denylist\nptrace: return EPERM\n";
    answers(Language::Minijail, text, &[("ptrace(0)", EPERM), ("read(0)", Action::Allow)]);
}

#[test]
fn systemd_lists_add_up_line_by_line() {
    let text = "[Unit]\nSystemCallFilter=nonsense\n[Service]\n# a comment\nSystemCallFilter=read write \\\n  ioctl\n\
                SystemCallFilter=~write:EPERM ioctl\nSystemCallErrorNumber=ENOSYS\n";
    answers(
        Language::Systemd,
        text,
        &[
            ("read(0)", Action::Allow),
            ("write(0)", EPERM),
            ("ioctl(0)", Action::Errno(38)),
            ("brk(0)", Action::Allow),
            ("x86_64:100000()", Action::Errno(38)),
            ("i386:read(0)", Action::Allow),
            ("i386:socketcall(1)", Action::Errno(38)),
            ("x32:write(0)", EPERM),
        ],
    );
    let text =
        "[Service]\nSystemCallFilter=read\nSystemCallFilter=\nSystemCallFilter=~ptrace kcmp:kill bpf:13\n";
    answers(
        Language::Systemd,
        text,
        &[("read(0)", Action::Allow), ("ptrace(0)", KILL), ("kcmp(0)", KILL), ("bpf(0)", Action::Errno(13))],
    );
}

#[test]
fn systemd_families_and_architectures() {
    let family = Action::Errno(97);
    let text = "[Service]\nRestrictAddressFamilies=AF_UNIX AF_INET\nRestrictAddressFamilies=~AF_INET\n\
                SystemCallArchitectures=native\n";
    answers(
        Language::Systemd,
        text,
        &[
            ("socket(AF_UNIX)", Action::Allow),
            ("socket(AF_INET)", family),
            ("socket(0x100000001)", family),
            ("socket(0)", family),
            ("i386:getpid()", Action::KillThread),
            ("x32:getpid()", Action::KillThread),
        ],
    );
    let text = "[Service]\nRestrictAddressFamilies=none\n";
    answers(Language::Systemd, text, &[("socket(AF_UNIX)", family), ("i386:socket(AF_UNIX)", Action::Allow)]);
    let text = "[Service]\nRestrictAddressFamilies=~AF_PACKET\n";
    answers(Language::Systemd, text, &[("socket(AF_PACKET)", family), ("socket(AF_INET)", Action::Allow)]);
}

#[test]
fn oci_conditions_on_one_argument_are_alternatives() {
    let text = r#"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
      {"names": ["lseek", "socket"], "action": "SCMP_ACT_ALLOW", "args": [
        {"index": 1, "value": 3, "op": "SCMP_CMP_EQ"}, {"index": 1, "value": 5, "op": "SCMP_CMP_EQ"}]}]}"#;
    answers(
        Language::Oci,
        text,
        &[
            ("lseek(0, 3)", Action::Allow),
            ("lseek(0, 5)", Action::Allow),
            ("lseek(0, 4)", EPERM),
            ("lseek(0, 0x100000003)", EPERM),
            ("i386:lseek(0, 0x100000003)", Action::Allow),
            ("i386:socketcall(1, 3)", Action::Allow),
            ("i386:socketcall(2, 3)", EPERM),
            ("x32:lseek(0, 3)", Action::KillThread),
        ],
    );
}
