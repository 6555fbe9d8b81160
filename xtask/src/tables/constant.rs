//! Named constants from the kernel's headers: `#define` and `enum`, evaluated.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Result, bail};

use super::read;

/// The headers, with the prefixes to take from each; others are read for their values only.
const HEADERS: &[(&str, &str)] = &[
    ("include/uapi/linux/posix_types.h", ""),
    ("include/uapi/asm-generic/ioctl.h", ""),
    ("include/uapi/asm-generic/ioctls.h", "TIO TC FIO"),
    ("include/uapi/asm-generic/fcntl.h", "O_ F_ LOCK_"),
    ("include/uapi/linux/fcntl.h", "F_ AT_ DN_ RWH_"),
    ("include/uapi/asm-generic/mman-common.h", "PROT_ MAP_ MADV_ MS_ PKEY_ MLOCK_"),
    ("include/uapi/asm-generic/mman.h", "MAP_ MCL_ SHADOW_STACK_"),
    ("arch/x86/include/uapi/asm/mman.h", "MAP_ PROT_"),
    ("include/uapi/asm-generic/hugetlb_encode.h", ""),
    ("include/uapi/linux/mman.h", "MAP_ MREMAP_ OVERCOMMIT_"),
    ("include/linux/socket.h", "AF_ PF_ SOL_ MSG_ SCM_"),
    ("include/linux/net.h", "SOCK_"),
    ("include/uapi/asm-generic/socket.h", "SO_ SOL_ SCM_"),
    ("include/uapi/linux/net.h", "SYS_"),
    ("include/uapi/linux/in.h", "IPPROTO_ IP_"),
    ("include/uapi/linux/in6.h", "IPV6_"),
    ("include/uapi/linux/tcp.h", "TCP_"),
    ("include/uapi/linux/udp.h", "UDP_"),
    ("include/uapi/linux/netlink.h", "NETLINK_"),
    ("include/uapi/linux/sockios.h", "SIOC"),
    ("include/uapi/linux/if_ether.h", "ETH_P_"),
    ("include/uapi/linux/if_packet.h", "PACKET_"),
    ("include/uapi/linux/ptrace.h", "PTRACE_"),
    ("arch/x86/include/uapi/asm/ptrace-abi.h", "PTRACE_"),
    ("include/uapi/linux/sched.h", "CLONE_ SCHED_"),
    ("include/uapi/linux/openat2.h", "RESOLVE_"),
    ("include/uapi/linux/stat.h", "S_ STATX_"),
    ("include/uapi/linux/prctl.h", "PR_"),
    ("arch/x86/include/uapi/asm/prctl.h", "ARCH_"),
    ("arch/x86/include/uapi/asm/signal.h", "SIG SA_ SS_"),
    ("include/uapi/asm-generic/signal-defs.h", "SA_ SIG_"),
    ("include/uapi/linux/futex.h", "FUTEX FUTEX2_"),
    (
        "include/uapi/linux/mount.h",
        "MS_ OPEN_TREE_ MOVE_MOUNT_ FSOPEN_ FSPICK_ FSMOUNT_ FSCONFIG_ MOUNT_ATTR_",
    ),
    ("include/linux/fs/super_types.h", "MNT_ UMOUNT_"),
    ("include/linux/fs.h", "MNT_ UMOUNT_"),
    ("include/uapi/linux/keyctl.h", "KEY_ KEYCTL_"),
    ("include/uapi/linux/seccomp.h", "SECCOMP_"),
    ("include/uapi/linux/landlock.h", "LANDLOCK_"),
    (
        "include/uapi/linux/personality.h",
        "PER_ ADDR_ READ_IMPLIES SHORT_ STICKY_ WHOLE_ UNAME26 FDPIC_ MMAP_PAGE",
    ),
    ("include/uapi/linux/resource.h", "RUSAGE_ PRIO_"),
    ("include/uapi/asm-generic/resource.h", "RLIMIT_"),
    ("include/uapi/linux/time.h", "CLOCK_ ITIMER_ TIMER_"),
    ("include/uapi/linux/eventpoll.h", "EPOLL"),
    ("include/uapi/linux/eventfd.h", "EFD_"),
    ("include/uapi/linux/timerfd.h", "TFD_"),
    ("include/uapi/linux/signalfd.h", "SFD_"),
    ("include/uapi/linux/inotify.h", "IN_"),
    ("include/uapi/linux/fanotify.h", "FAN_"),
    ("include/uapi/linux/ipc.h", "IPC_"),
    ("include/uapi/linux/shm.h", "SHM_"),
    ("include/uapi/linux/sem.h", "SEM GET SET"),
    ("include/uapi/linux/msg.h", "MSG_"),
    ("include/uapi/linux/random.h", "GRND_"),
    ("include/uapi/linux/memfd.h", "MFD_"),
    ("include/uapi/linux/close_range.h", "CLOSE_RANGE_"),
    ("include/uapi/linux/pidfd.h", "PIDFD_"),
    ("include/uapi/linux/kcmp.h", "KCMP_"),
    ("include/uapi/linux/membarrier.h", "MEMBARRIER_"),
    ("include/uapi/linux/mempolicy.h", "MPOL_"),
    ("include/uapi/linux/userfaultfd.h", "UFFD_"),
    ("include/uapi/linux/io_uring.h", "IORING_"),
    ("include/uapi/linux/perf_event.h", "PERF_FLAG_"),
    (
        "include/uapi/linux/bpf.h",
        "BPF_MAP_ BPF_PROG_ BPF_OBJ_ BPF_BTF_ BPF_LINK_ BPF_RAW_ BPF_TASK_ BPF_ENABLE_ BPF_ITER_ BPF_TOKEN_",
    ),
    ("include/uapi/linux/reboot.h", "LINUX_REBOOT_"),
    ("include/linux/swap.h", "SWAP_FLAG_"),
    ("include/uapi/linux/wait.h", "W P_"),
    ("include/uapi/linux/xattr.h", "XATTR_"),
    ("include/uapi/linux/module.h", "MODULE_"),
    ("include/uapi/linux/kexec.h", "KEXEC_"),
    ("include/uapi/linux/quota.h", "Q_"),
    ("include/uapi/linux/lsm.h", "LSM_"),
    ("include/uapi/linux/fs.h", "FI FS_IOC BLK RWF_ SEEK_ RENAME_"),
    ("include/uapi/linux/kd.h", "KD KB GIO PIO"),
    ("include/uapi/linux/vt.h", "VT_"),
    ("include/uapi/linux/tty.h", "N_"),
    ("include/uapi/linux/if_tun.h", "TUN"),
    ("include/uapi/linux/kvm.h", "KVM_CREATE KVM_RUN KVM_GET_API"),
    ("include/uapi/linux/ioprio.h", "IOPRIO_WHO"),
    ("include/uapi/linux/fadvise.h", "POSIX_FADV_"),
    ("include/uapi/linux/capability.h", "CAP_"),
];

const ERRNO_HEADERS: [&str; 2] =
    ["include/uapi/asm-generic/errno-base.h", "include/uapi/asm-generic/errno.h"];

type Values = BTreeMap<String, i128>;

/// The generated file: named constants and errno names, each sorted.
pub(super) fn file(version: &str, kernel: &Path) -> Result<String> {
    let mut values = Values::new();
    let mut taken = Values::new();
    // Names of access(2) and sched(7) that no kernel header defines.
    for (name, value) in [("F_OK", 0), ("X_OK", 1), ("W_OK", 2), ("R_OK", 4), ("SCHED_OTHER", 0)] {
        taken.insert(name.to_owned(), value);
    }
    for (header, prefixes) in HEADERS {
        for name in define(&read(&kernel.join(header))?, &mut values) {
            let value = values[&name];
            let wanted = prefixes.split(' ').any(|prefix| !prefix.is_empty() && name.starts_with(prefix));
            let kept = i64::try_from(value).is_ok() && !name.ends_with("_H") && !name.starts_with('_');
            if wanted && kept {
                taken.insert(name, value);
            }
        }
    }
    let mut errnos = Values::new();
    for header in ERRNO_HEADERS {
        define(&read(&kernel.join(header))?, &mut errnos);
    }
    errnos.retain(|name, value| name.starts_with('E') && *value > 0);
    let sources: Vec<&str> = HEADERS.iter().filter(|(_, p)| !p.is_empty()).map(|(h, _)| *h).collect();
    let mut out = format!(
        "//! Named constants. Generated by `cargo xtask tables`; do not edit.\n//!\n\
         //! Source: Linux {version}, these headers, with the values that x86 sees:\n"
    );
    for source in sources.iter().chain(&ERRNO_HEADERS) {
        out += &format!("//! - `{source}`\n");
    }
    out += "\nuse super::Constant;\n\nconst fn c(name: &'static str, value: i64) -> Constant {\n\
            Constant { name, value }\n}\n\n";
    for (label, table) in [("CONSTANTS", &taken), ("ERRNOS", &errnos)] {
        out += &format!("pub(super) static {label}: [Constant; {}] = [\n", table.len());
        for (name, value) in table {
            out += &format!("c({name:?}, {value}),\n");
        }
        out += "];\n\n";
    }
    Ok(out)
}

/// Evaluates what a header defines into `values`; gives the names in their order. What cannot be
/// evaluated (function-like macros, sizes of structures) is left out.
fn define(header: &str, values: &mut Values) -> Vec<String> {
    let text = strip(header);
    let mut names = Vec::new();
    let mut add = |name: &str, value: i128, values: &mut Values| {
        values.insert(name.to_owned(), value);
        names.push(name.to_owned());
    };
    let mut rest = text.as_str();
    while let Some(line) = rest.lines().next() {
        let after = &rest[(line.len() + 1).min(rest.len())..];
        let words: Vec<&str> = line.split_whitespace().collect();
        if let Some(definition) = line.trim_start().strip_prefix('#').map(str::trim_start)
            && let Some(definition) = definition.strip_prefix("define")
        {
            let definition = definition.trim();
            let end = definition.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (name, body) = definition.split_at(end.unwrap_or(definition.len()));
            if !body.starts_with('(')
                && let Ok(value) = evaluate(body, values)
            {
                add(name, value, values);
            }
        } else if words.contains(&"enum") && line.contains('{') && !line.contains('(') {
            let body = &rest[rest.find('{').map_or(0, |at| at + 1)..];
            let body = &body[..body.find('}').unwrap_or(body.len())];
            let plain: String = body.lines().filter(|l| !l.trim_start().starts_with('#')).collect();
            let mut next = Some(0);
            for item in plain.split(',') {
                let (name, value) = match item.split_once('=') {
                    Some((name, value)) => (name, evaluate(value, values).ok()),
                    None => (item, next),
                };
                let name = name.trim();
                if let (Some(value), false) = (value, name.is_empty()) {
                    add(name, value, values);
                }
                next = value.map(|value| value + 1);
            }
        }
        rest = after;
    }
    names
}

/// Comments removed, continued lines joined, an enum's brace on the line of its word.
fn strip(text: &str) -> String {
    let mut text = text.replace("\\\n", " ");
    while let Some(from) = text.find("/*") {
        let to = text[from..].find("*/").map_or(text.len(), |at| from + at + 2);
        let lines = text[from..to].matches('\n').count();
        text.replace_range(from..to, &"\n".repeat(lines));
    }
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Evaluates a constant expression of C.
fn evaluate(text: &str, values: &Values) -> Result<i128> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, values };
    let value = parser.binary(0)?;
    if parser.at != parser.tokens.len() {
        bail!("more follows")
    }
    Ok(value)
}

fn tokens(text: &str) -> Result<Vec<String>> {
    let mut tokens: Vec<String> = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let mut token = c.to_string();
        if c.is_whitespace() {
            continue;
        } else if c.is_ascii_alphanumeric() || c == '_' {
            while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                token.push(c);
            }
        } else if c == '\'' {
            let (Some(value), Some('\'')) = (chars.next(), chars.next()) else { bail!("character") };
            token = (value as u32).to_string();
        } else if matches!(c, '<' | '>') {
            if chars.next() != Some(c) {
                bail!("comparison")
            }
            token.push(c);
        } else if !"()+-*|&~^,".contains(c) {
            bail!("character {c}");
        }
        tokens.push(token);
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: Vec<String>,
    at: usize,
    values: &'a Values,
}

/// Operators by rank, loosest first.
const RANKS: [&[&str]; 6] = [&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*"]];

impl Parser<'_> {
    fn peek(&self) -> &str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.peek() != token {
            bail!("expected {token}")
        }
        self.at += 1;
        Ok(())
    }

    fn binary(&mut self, rank: usize) -> Result<i128> {
        let Some(operators) = RANKS.get(rank) else { return self.unary() };
        let mut value = self.binary(rank + 1)?;
        while operators.contains(&self.peek()) {
            let operator = self.peek().to_owned();
            self.at += 1;
            let right = self.binary(rank + 1)?;
            value = match operator.as_str() {
                "|" => value | right,
                "^" => value ^ right,
                "&" => value & right,
                "<<" if (0..64).contains(&right) => value << right,
                ">>" if (0..64).contains(&right) => value >> right,
                "+" => value + right,
                "-" => value - right,
                "*" if value.abs() < 1 << 60 && right.abs() < 1 << 60 => value * right,
                _ => bail!("out of range"),
            };
            if value.abs() > 1 << 100 {
                bail!("out of range")
            }
        }
        Ok(value)
    }

    fn unary(&mut self) -> Result<i128> {
        let token = self.peek().to_owned();
        self.at += 1;
        Ok(match token.as_str() {
            "-" => -self.unary()?,
            "~" => !self.unary()?,
            "(" => {
                let value = self.binary(0)?;
                self.expect(")")?;
                value
            }
            "_IO" | "_IOR" | "_IOW" | "_IOWR" => self.ioctl(&token)?,
            "_BITUL" | "_BITULL" | "BIT" => {
                let bit = self.unary()?;
                if !(0..64).contains(&bit) {
                    bail!("bit")
                }
                1 << bit
            }
            _ => match self.values.get(&token) {
                Some(value) => *value,
                None => number(&token)?,
            },
        })
    }

    /// `_IOC(dir, type, nr, size)` of `asm-generic/ioctl.h`, for types that have one size.
    fn ioctl(&mut self, macro_name: &str) -> Result<i128> {
        self.expect("(")?;
        let kind = self.binary(0)?;
        self.expect(",")?;
        let nr = self.binary(0)?;
        let mut size = 0;
        if macro_name != "_IO" {
            self.expect(",")?;
            let mut words = Vec::new();
            while !matches!(self.peek(), ")" | "") {
                words.push(self.peek().to_owned());
                self.at += 1;
            }
            size = match words.join(" ").as_str() {
                "char" | "__u8" => 1,
                "short" | "__u16" => 2,
                "int" | "unsigned" | "unsigned int" | "__u32" | "__s32" => 4,
                "__u64" | "__s64" => 8,
                other => bail!("size of {other}"),
            };
        }
        self.expect(")")?;
        let direction = match macro_name {
            "_IOW" => 1,
            "_IOR" => 2,
            "_IOWR" => 3,
            _ => 0,
        };
        Ok(direction << 30 | size << 16 | kind << 8 | nr)
    }
}

fn number(token: &str) -> Result<i128> {
    let digits = token.trim_end_matches(['u', 'U', 'l', 'L']);
    let lower = digits.to_ascii_lowercase();
    let (digits, radix) = match lower.strip_prefix("0x") {
        Some(hex) => (hex, 16),
        None if lower.len() > 1 && lower.starts_with('0') => (&lower[1..], 8),
        None => (lower.as_str(), 10),
    };
    Ok(i128::from_str_radix(digits, radix)?)
}
