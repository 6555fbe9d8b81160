//! Reads `SYSCALL_DEFINEn` and `COMPAT_SYSCALL_DEFINEn` from C files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// One argument of a definition.
pub(super) struct Argument {
    ctype: String,
    name: String,
}

/// The arguments of one entry point, in register order.
pub(super) type Definition = Vec<Argument>;

/// The folders that define calls of x86; others define calls of other architectures, or none.
const FOLDERS: [&str; 12] = [
    "arch/x86",
    "block",
    "fs",
    "init",
    "io_uring",
    "ipc",
    "kernel",
    "lib",
    "mm",
    "net",
    "security",
    "drivers/char",
];

/// Files that define the same calls for kernels that are not built for x86 with an MMU.
const OTHERWISE: [&str; 3] = ["arch/x86/um", "mm/nommu.c", "kernel/time/posix-stubs.c"];

/// Unsigned types, with the bits that the kernel reads.
const UNSIGNED: &[(&str, u8)] = &[
    ("umode_t", 16),
    ("old_uid_t", 16),
    ("old_gid_t", 16),
    ("compat_mode_t", 16),
    ("unsigned int", 32),
    ("unsigned", 32),
    ("u32", 32),
    ("__u32", 32),
    ("uid_t", 32),
    ("gid_t", 32),
    ("qid_t", 32),
    ("compat_size_t", 32),
    ("compat_ulong_t", 32),
    ("compat_uptr_t", 32),
    ("compat_aio_context_t", 32),
    ("enum landlock_rule_type", 32),
    ("unsigned long", 64),
    ("size_t", 64),
    ("aio_context_t", 64),
    ("old_sigset_t", 64),
    ("__u64", 64),
];

/// Signed types, with the bits that the kernel reads.
const SIGNED: &[(&str, u8)] = &[
    ("int", 32),
    ("pid_t", 32),
    ("key_t", 32),
    ("mqd_t", 32),
    ("key_serial_t", 32),
    ("timer_t", 32),
    ("clockid_t", 32),
    ("rwf_t", 32),
    ("__s32", 32),
    ("compat_long_t", 32),
    ("compat_off_t", 32),
    ("compat_pid_t", 32),
    ("compat_ssize_t", 32),
    ("long", 64),
    ("off_t", 64),
    ("loff_t", 64),
];

/// Types that are addresses behind a typedef.
const POINTERS: [&str; 3] = ["cap_user_header_t", "cap_user_data_t", "__sighandler_t"];

/// How many bits the kernel reads of each argument of the types `long` and `unsigned long`.
pub(super) struct Wide(BTreeMap<(String, String), (u8, std::cell::Cell<bool>)>);

impl Wide {
    /// From `wide.txt`.
    pub(super) fn new(text: &str) -> Result<Self> {
        let mut reviewed = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut fields = line.split(' ');
            let mut next = || fields.next().with_context(|| format!("wide.txt: {line}"));
            let (call, argument, bits) = (next()?, next()?, next()?.parse()?);
            next().context("no reason")?;
            let entry = (bits, std::cell::Cell::new(false));
            if reviewed.insert((call.to_owned(), argument.to_owned()), entry).is_some() {
                bail!("wide.txt: {call} {argument} twice")
            }
        }
        Ok(Self(reviewed))
    }

    fn bits(&self, entry: &str, argument: &str) -> Result<u8> {
        let call = entry.strip_prefix("compat_sys_").or(entry.strip_prefix("sys_")).unwrap_or(entry);
        let found = self.0.get(&(call.to_owned(), argument.to_owned()));
        let (bits, used) = found.with_context(|| {
            format!("{call} {argument}: how many bits does the kernel read? Add it to wide.txt")
        })?;
        used.set(true);
        Ok(*bits)
    }

    /// Fails where an entry names no argument any more.
    pub(super) fn all_used(&self) -> Result<()> {
        match self.0.iter().find(|(_, (_, used))| !used.get()) {
            Some(((call, argument), _)) => bail!("wide.txt: no {argument} of {call} is long"),
            None => Ok(()),
        }
    }
}

impl Argument {
    /// The argument as an expression of the generated file. On i386 the kernel casts every
    /// register to `unsigned int` (`SC_IA32_REGS_TO_ARGS`), so no argument is wider than 32 bits.
    pub(super) fn expression(&self, entry: &str, i386: bool, alias: &str, wide: &Wide) -> Result<String> {
        let ctype = self.ctype.replace("__user ", "").replace(" __user", "");
        let bare = ctype.strip_prefix("const ").unwrap_or(&ctype);
        let of = |table: &[(&str, u8)]| table.iter().find(|(name, _)| *name == bare).map(|(_, width)| *width);
        let (width, kind) = if ctype.contains('*') || POINTERS.contains(&bare) {
            (64, 'p')
        } else if let Some(width) = of(SIGNED) {
            (width, 's')
        } else if let Some(width) = of(UNSIGNED) {
            (width, 'u')
        } else {
            bail!("width of the C type `{ctype}` of {} is not known", self.name)
        };
        let width = match bare {
            _ if i386 => width.min(32),
            "long" | "unsigned long" => wide.bits(entry, &self.name)?,
            _ => width,
        };
        let alias = if alias == self.name { "" } else { alias };
        Ok(format!("a({:?}, {alias:?}, {ctype:?}, {width}, b'{kind}'),", self.name))
    }
}

/// Every definition in the kernel, by entry point (`sys_openat`, `compat_sys_ioctl`).
pub(super) fn definitions(kernel: &Path) -> Result<BTreeMap<String, Definition>> {
    let mut definitions = BTreeMap::new();
    for folder in FOLDERS {
        let mut files = Vec::new();
        walk(&kernel.join(folder), &mut files)?;
        files.sort();
        for file in files {
            let name = file.strip_prefix(kernel)?;
            if OTHERWISE.iter().any(|other| name.starts_with(other)) {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&file)?).into_owned();
            scan(&text, &mut definitions).with_context(|| name.display().to_string())?;
        }
    }
    Ok(definitions)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "c") {
            files.push(path);
        }
    }
    Ok(())
}

/// Adds the definitions of one file. Where a file has several of one name (`clone` has four, one a
/// calling convention), the last is that of x86_64.
fn scan(text: &str, definitions: &mut BTreeMap<String, Definition>) -> Result<()> {
    for macro_name in ["SYSCALL_DEFINE", "SYSCALL32_DEFINE"] {
        for (at, _) in text.match_indices(macro_name) {
            let before = &text[..at];
            // `SYSCALL32_DEFINEn` is `COMPAT_SYSCALL_DEFINEn` on a 64-bit kernel.
            let compat = before.ends_with("COMPAT_") || macro_name == "SYSCALL32_DEFINE";
            let line = before.rsplit('\n').next().unwrap_or_default();
            if !matches!(line, "" | "COMPAT_" | "asmlinkage ") {
                continue;
            }
            let rest = &text[at + macro_name.len()..];
            let (Some(count), Some(open)) =
                (rest.chars().next().and_then(|c| c.to_digit(10)), rest.find('('))
            else {
                continue;
            };
            let close = close(&rest[open..]).context("no closing parenthesis")? + open;
            let mut fields: Vec<String> = split(&rest[open + 1..close]);
            let name = fields.remove(0);
            if fields.len() != 2 * count as usize {
                bail!("{name} has {} fields, not {}", fields.len(), 2 * count);
            }
            let arguments = fields.chunks(2);
            let definition =
                arguments.map(|pair| Argument { ctype: pair[0].clone(), name: pair[1].clone() }).collect();
            let prefix = if compat { "compat_sys_" } else { "sys_" };
            definitions.insert(format!("{prefix}{name}"), definition);
        }
    }
    Ok(())
}

/// The offset of the parenthesis that closes the first one.
fn close(text: &str) -> Option<usize> {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Splits at commas, with white space made single and comments dropped.
fn split(text: &str) -> Vec<String> {
    let mut text = text.to_owned();
    while let (Some(from), Some(to)) = (text.find("/*"), text.find("*/")) {
        text.replace_range(from..to + 2, " ");
    }
    let mut fields = Vec::new();
    for field in text.split(',').map(|field| field.split_whitespace().collect::<Vec<_>>().join(" ")) {
        // One 64-bit argument in two 32-bit registers (`compat_arg_u64_dual`, `SC_ARG64`).
        let pair = ["SC_ARG64(", "compat_arg_u64_dual("].iter().find_map(|name| field.strip_prefix(name));
        match pair.and_then(|pair| pair.strip_suffix(')')) {
            Some(name) => {
                fields.extend(["u32".into(), format!("{name}_lo"), "u32".into(), format!("{name}_hi")])
            }
            None => fields.push(field),
        }
    }
    fields
}
