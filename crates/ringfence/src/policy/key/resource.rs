//! `[lsm]`, `[limits]`, `[audit]`, `[degrade]` and `[[expect]]`.

use super::slot::{adds, limit, scalar};
use super::{Accept, Key, Slot, no_words};
use crate::policy::layer::Layer;
use crate::policy::model::Expect;
use crate::policy::source::{At, Origin};
use crate::policy::value::word::{self, meanings, word};
use crate::policy::value::{Fault, amount, name, text};

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "lsm.landlock",
        help: "Whether landlock(7) holds what it can of this policy: require, require>=N (an ABI), off",
        more: "POSIX message queues cannot be opened where it holds files: no rule can name one, since they \
               are in a file system that is mounted nowhere.",
        value: "WORD",
        example: "\"require>=6\"",
        default: "\"require\"",
        words: no_words,
        accept: Accept::Text,
        slot: scalar!(landlock, name::landlock),
    },
    Key {
        path: "lsm.apparmor",
        help: "The AppArmor profile: inherit, generate, or the name of a loaded one",
        more: "",
        value: "PROFILE",
        example: "\"inherit\"",
        default: "\"inherit\"",
        words: no_words,
        accept: Accept::Text,
        slot: scalar!(apparmor, name::apparmor),
    },
    Key {
        path: "lsm.selinux",
        help: "The SELinux context: inherit, or a context",
        more: "",
        value: "CONTEXT",
        example: "\"inherit\"",
        default: "\"inherit\"",
        words: no_words,
        accept: Accept::Text,
        slot: scalar!(selinux, name::selinux),
    },
    Key {
        path: "lsm.selinux_mount",
        help: "The SELinux context of the file systems that are made for it: inherit, or a context",
        more: "Every file of the private directories, of /dev and of message queues has it.",
        value: "CONTEXT",
        example: "\"inherit\"",
        default: "\"inherit\"",
        words: no_words,
        accept: Accept::Text,
        slot: scalar!(selinux_mount, name::selinux),
    },
    Key {
        path: "lsm.bpf",
        help: "Whether a BPF LSM program holds what no other control does",
        more: "It holds Unix sockets in the file system to `net.unix`, ports of TCP and UDP to `net.connect` and \
               `net.bind`, changes of mode, owner and attributes to `fs.write`, ioctl(2) on devices to those of \
               `fs.dev`, and execution and executable mappings of files to `fs.exec`, on kernels whose Landlock \
               does not, too; and link(2) and rename(2) give a file no right that it had not. At most 38 \
               containments can have it at one time. It needs `bpf` on the kernel's list of LSMs, CAP_BPF and CAP_PERFMON (or \
               CAP_SYS_ADMIN) in the first user namespace, and the pid namespace.",
        value: "WORD",
        example: "\"require\"",
        default: "\"off\"",
        words: || meanings(word::BPF),
        accept: Accept::Text,
        slot: scalar!(bpf, |text| word(text, word::BPF)),
    },
    size_limit("limits.memory", "Bytes of memory, by cgroup", "\"2G\"", limit!(memory, amount::memory)),
    Key {
        path: "limits.pids",
        help: "Tasks (processes and threads), by cgroup",
        more: "",
        value: "COUNT",
        example: "256",
        default: "",
        words: no_words,
        accept: Accept::TextOrInteger,
        slot: limit!(pids, amount::count),
    },
    Key {
        path: "limits.cpu",
        help: "Processors' time per time, in processors, by cgroup",
        more: "",
        value: "PROCESSORS",
        example: "1.5",
        default: "",
        words: no_words,
        accept: Accept::Number,
        slot: limit!(cpu, amount::processors),
    },
    Key {
        path: "limits.wall",
        help: "Wall time: SIGTERM at the limit, then SIGKILL",
        more: "It needs the pid namespace, so that nothing outlives it.",
        value: "DURATION",
        example: "\"10m\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: limit!(wall, amount::duration),
    },
    Key {
        path: "limits.open_files",
        help: "Open descriptors of a process, RLIMIT_NOFILE",
        more: "",
        value: "COUNT",
        example: "1024",
        default: "",
        words: no_words,
        accept: Accept::TextOrInteger,
        slot: limit!(open_files, amount::count),
    },
    size_limit("limits.core", "Bytes of a core dump, RLIMIT_CORE", "0", limit!(core, amount::size)),
    size_limit(
        "limits.file_size",
        "Bytes of a written file, RLIMIT_FSIZE",
        "\"1G\"",
        limit!(file_size, amount::size),
    ),
    size_limit("limits.stack", "Bytes of a stack, RLIMIT_STACK", "\"8M\"", limit!(stack, amount::memory)),
    Key {
        path: "limits.cpu_time",
        help: "Processor time of a process, RLIMIT_CPU, in whole seconds",
        more: "",
        value: "DURATION",
        example: "\"30s\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: limit!(cpu_time, amount::seconds),
    },
    Key {
        path: "audit.events",
        help: "Which events are recorded",
        more: "",
        value: "EVENTS",
        example: "\"denials\"",
        default: "\"denials\"",
        words: || meanings(word::EVENTS),
        accept: Accept::Text,
        slot: scalar!(events, |text| word(text, word::EVENTS)),
    },
    Key {
        path: "degrade.allow",
        help: "What may be missing on a host, by name; anything else that is missing is an error",
        more: "Every report says what was missing.",
        value: "NAME",
        example: "[\"landlock.scope-signal\"]",
        default: "[]",
        words: || crate::policy::degrade::NAMES.to_vec(),
        accept: Accept::Text,
        slot: adds!(degrade, name::degradation),
    },
    Key {
        path: "expect.allow",
        help: "Expects that this operation works",
        more: "A later expectation about the same operation takes the place of an earlier one.",
        value: "OPERATION",
        example: "\"read /usr/bin/env\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: Slot::Expect(|layer, operation, at| claim(layer, true, operation, at)),
    },
    Key {
        path: "expect.deny",
        help: "Expects that this operation is denied",
        more: "`ringfence verify` attempts it. An operation is an access and a path (read, write, exec, create, \
               unlink, rename, link, chmod, truncate, chroot), `connect` with a port or `unix:PATH`, `bind` with a \
               port, `capability` with a name, `signal host`, or a rule as in syscalls.deny: every call that it \
               matches is meant, through every ABI.",
        value: "OPERATION",
        example: "\"ptrace(PTRACE_TRACEME)\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: Slot::Expect(|layer, operation, at| claim(layer, false, operation, at)),
    },
    Key {
        path: "expect.because",
        help: "Why, for the report",
        more: "As a flag, it belongs to the expectation before it.",
        value: "TEXT",
        example: "\"CVE-2019-13272\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: Slot::Expect(|layer, words, _| {
            last_claim(layer, words)?.value.because = Some(text(words)?);
            Ok(())
        }),
    },
    Key {
        path: "expect.depth",
        help: "At least this many controls deny it, each on its own",
        more: "As a flag, it belongs to the expectation before it.",
        value: "COUNT",
        example: "2",
        default: "",
        words: no_words,
        accept: Accept::Integer,
        slot: Slot::Expect(|layer, number, at| {
            let claim = last_claim(layer, number)?;
            match number.parse() {
                Ok(depth @ 1..=9) if !claim.value.allow => claim.value.depth = Some(At::new(depth, at)),
                Ok(1..=9) => {
                    let help = "depth counts the controls that deny; leave it out";
                    return Err(Fault::value(number, "an operation that is allowed has no depth", help));
                }
                _ => {
                    let help = "write a number from 1 to 9: that many controls there are";
                    return Err(Fault::value(number, "a depth that cannot be", help));
                }
            }
            Ok(())
        }),
    },
];

/// A limit in bytes.
const fn size_limit(path: &'static str, help: &'static str, example: &'static str, slot: Slot) -> Key {
    let (value, accept) = ("SIZE", Accept::TextOrInteger);
    Key { path, help, more: "", value, example, default: "", words: no_words, accept, slot }
}

fn claim(layer: &mut Layer, allow: bool, operation: &str, at: Origin) -> Result<(), Fault> {
    let operation = At::new(text(operation)?, at);
    layer.expect.items.push(At::new(Expect { allow, operation, because: None, depth: None }, at));
    Ok(())
}

fn last_claim<'a>(layer: &'a mut Layer, text: &str) -> Result<&'a mut At<Expect>, Fault> {
    layer.expect.items.last_mut().ok_or_else(|| {
        let help = "put it after --expect-deny or --expect-allow";
        Fault::value(text, "no expectation comes before it", help)
    })
}
