//! Generates the system call tables of `ringfence-bpf` from the kernel's own sources.
//!
//! `cargo xtask tables --kernel DIR --sets FILE [--man DIR] [--check]`:
//! DIR is an unpacked kernel source (Debian: `linux-source-*`), FILE the output of
//! `systemd-analyze syscall-filter`, the man DIR a folder with `man2/` (for the argument names
//! that people know, and for versions). `--check` writes nothing and fails where a committed file
//! differs; without `--sets` it leaves out the two files that need it. `.ci/tables` runs it.

mod constant;
mod man;
mod prototype;
mod set;
mod since;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use prototype::{Definition, Wide};

/// One line of `syscall_64.tbl` or `syscall_32.tbl`, resolved for one ABI.
struct Call {
    number: u16,
    name: String,
    /// Key into the definitions; `None` where the kernel has only the number.
    entry: Option<String>,
}

/// Evidence and reviewed facts that no source of the kernel states.
const PRESENCE: &str = include_str!("tables/presence.txt");
const WIDE: &str = include_str!("tables/wide.txt");

/// Where the generated files go.
const OUT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/ringfence-bpf/src/table");

/// Runs the generator with the arguments after `tables`.
pub(crate) fn run(args: impl IntoIterator<Item = String>) -> Result<()> {
    let (mut kernel, mut sets, mut man, mut check) = (None, None, PathBuf::from("/usr/share/man"), false);
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let mut value = || args.next().map(PathBuf::from).with_context(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--kernel" => kernel = Some(value()?),
            "--sets" => sets = Some(value()?),
            "--man" => man = value()?,
            "--check" => check = true,
            other => bail!("unknown argument {other}"),
        }
    }
    let kernel = kernel.context("--kernel DIR is missing")?;
    if sets.is_none() && !check {
        bail!("--sets FILE is missing")
    }
    for (name, text) in generate(&kernel, sets.as_deref(), &man)? {
        let path = Path::new(OUT).join(name);
        let text = rustfmt(&text)?;
        if !check {
            std::fs::write(&path, text).with_context(|| path.display().to_string())?;
        } else if std::fs::read_to_string(&path).ok().as_deref() != Some(&text) {
            bail!("{} is not current: run cargo xtask tables", path.display());
        }
    }
    Ok(())
}

fn generate(kernel: &Path, sets: Option<&Path>, man: &Path) -> Result<Vec<(&'static str, String)>> {
    let version = version(kernel)?;
    let mut definitions = prototype::definitions(kernel)?;
    // What no file of this kernel defines any more answers ENOSYS, whatever its arguments.
    for entry in absent(&read(&kernel.join("kernel/sys_ni.c"))?) {
        definitions.entry(entry).or_default();
    }
    let table = |file: &str| read(&kernel.join("arch/x86/entry/syscalls").join(file));
    let (table64, table32) = (table("syscall_64.tbl")?, table("syscall_32.tbl")?);
    let abis = [
        ("X86_64", calls(&table64, &["common", "64"])?),
        ("I386", calls(&table32, &["i386"])?),
        ("X32", calls(&table64, &["common", "x32"])?),
    ];
    let mut files = vec![
        ("calls.rs", calls_file(&version, &abis, &definitions, man)?),
        ("entries.rs", entries_file(&version, &abis)),
        ("constants.rs", constant::file(&version, kernel)?),
    ];
    if let Some(sets) = sets {
        let (sets, names) = (set::parse(&read(sets)?)?, names(&abis));
        files.push(("names.rs", names_file(&version, &names, &sets)));
        files.push(("groups.rs", set::file(&sets, &names.keys().cloned().collect::<Vec<_>>())));
    }
    Ok(files)
}

fn read(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// The entry points of `COND_SYSCALL(name)` and `COND_SYSCALL_COMPAT(name)`.
fn absent(sys_ni: &str) -> impl Iterator<Item = String> {
    sys_ni.lines().filter_map(|line| {
        let (macro_name, name) = line.strip_suffix(");")?.split_once('(')?;
        let prefix = match macro_name {
            "COND_SYSCALL" => "sys_",
            "COND_SYSCALL_COMPAT" => "compat_sys_",
            _ => return None,
        };
        Some(format!("{prefix}{name}"))
    })
}

fn version(kernel: &Path) -> Result<String> {
    let makefile = read(&kernel.join("Makefile"))?;
    let field = |name: &str| {
        let line = makefile.lines().find(|line| line.starts_with(&format!("{name} =")));
        line.map_or("", |line| line[name.len() + 2..].trim()).to_owned()
    };
    let version = format!("{}.{}{}", field("VERSION"), field("PATCHLEVEL"), field("EXTRAVERSION"));
    if version.len() < 3 {
        bail!("no version in the kernel's Makefile")
    }
    Ok(version)
}

/// The calls of one ABI: fields are number, abi, name, entry, compat entry, noreturn.
fn calls(table: &str, abis: &[&str]) -> Result<Vec<Call>> {
    let mut calls = Vec::new();
    for line in table.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [number, abi, name, entries @ ..] = fields.as_slice() else { continue };
        if !abis.contains(abi) {
            continue;
        }
        // The compat entry is used by i386 only: x32 has lines of its own for its compat entries.
        let entry = match entries {
            [_, compat, ..] if *abi == "i386" && *compat != "-" => Some(compat),
            [entry, ..] => Some(entry),
            [] => None,
        };
        let entry = entry.filter(|entry| **entry != "sys_ni_syscall").map(|entry| (*entry).to_owned());
        calls.push(Call { number: number.parse()?, name: (*name).to_owned(), entry });
    }
    calls.sort_by_key(|call| call.number);
    if calls.windows(2).any(|pair| pair[0].number == pair[1].number) {
        bail!("a number twice")
    }
    Ok(calls)
}

fn names(abis: &[(&str, Vec<Call>); 3]) -> BTreeMap<String, [u16; 3]> {
    let mut names = BTreeMap::new();
    for (at, (_, calls)) in abis.iter().enumerate() {
        for call in calls {
            names.entry(call.name.clone()).or_insert([u16::MAX; 3])[at] = call.number;
        }
    }
    names
}

fn calls_file(
    version: &str,
    abis: &[(&str, Vec<Call>); 3],
    definitions: &BTreeMap<String, Definition>,
    man: &Path,
) -> Result<String> {
    let mut lists: BTreeMap<String, usize> = BTreeMap::new();
    let (mut tables, manual) = (String::new(), man::Manual::new(man));
    let page = manual.page("syscalls").context("no page syscalls.2.gz in the folder of man pages")?;
    let edition = page
        .lines()
        .find_map(|line| line.strip_prefix(".TH ")?.split_once("Linux man-pages ")?.1.split('"').next());
    let edition = edition.context("syscalls.2 does not say of which man-pages it is")?;
    let (versions, wide) = (since::Versions::new(&page)?, Wide::new(WIDE)?);
    let mut dated = Vec::new();
    for (abi, calls) in abis {
        writeln!(tables, "pub(super) static {abi}: [Prototype; {}] = [", calls.len())?;
        for Call { number, name, entry } in calls {
            let mut args = String::new();
            if let Some(entry) = entry {
                let Some(definition) = definitions.get(entry) else { bail!("no definition of {entry}") };
                let aliases = manual.names(name, definition.len());
                for (at, argument) in definition.iter().enumerate() {
                    let alias = aliases.get(at).map_or("", String::as_str);
                    args += &argument.expression(entry, *abi == "I386", alias, &wide)?;
                }
            }
            let next = lists.len();
            let list = *lists.entry(args).or_insert(next);
            let since = versions.of(abi, name, entry.is_some())?;
            if entry.is_some() {
                dated.push((*abi, *number, name.as_str(), since));
            }
            writeln!(tables, "p(Abi::{abi}, {number}, {name:?}, {since:?}, &L{list}),")?;
        }
        tables += "];\n\n";
    }
    wide.all_used()?;
    since::check(PRESENCE, &dated)?;
    let mut out = format!(
        "//! System call numbers and prototypes. Generated by `cargo xtask tables`; do not edit.\n//!\n\
         //! Source: Linux {version}: `arch/x86/entry/syscalls/syscall_{{64,32}}.tbl` and the\n\
         //! `SYSCALL_DEFINEn` and `COMPAT_SYSCALL_DEFINEn` of its C files; the man pages' argument\n\
         //! names from the synopses of section 2, the versions from syscalls(2), Linux man-pages {edition}.\n\n\
         use super::{{Abi, Argument, Prototype, Version}};\n\npub(super) const KERNEL: &str = {version:?};\n\n"
    );
    out += HELPERS;
    let mut lists: Vec<(String, usize)> = lists.into_iter().collect();
    lists.sort_by_key(|(_, at)| *at);
    for (list, at) in lists {
        writeln!(out, "static L{at}: [Argument; {}] = [{list}];", list.matches("a(").count())?;
    }
    Ok(out + "\n" + &tables)
}

const HELPERS: &str = "\
const fn p(
    abi: Abi,
    number: u32,
    name: &'static str,
    since: (u8, u8, u8),
    args: &'static [Argument],
) -> Prototype {
    Prototype { abi, number, name, since: Version::new(since.0, since.1, since.2), args }
}

/// `kind`: `s`igned, `u`nsigned, `p`ointer.
const fn a(
    name: &'static str,
    alias: &'static str,
    ctype: &'static str,
    width: u8,
    kind: u8,
) -> Argument {
    Argument { name, alias, ctype, width, signed: kind == b's', pointer: kind == b'p' }
}

";

/// The entry points, in the order of the prototypes: used by nothing that runs at launch, and so
/// kept out of their way.
fn entries_file(version: &str, abis: &[(&str, Vec<Call>); 3]) -> String {
    let mut out = format!(
        "//! Entry points. Generated by `cargo xtask tables`; do not edit.\n//!\n\
         //! Source: Linux {version}: `arch/x86/entry/syscalls/syscall_{{64,32}}.tbl`.\n"
    );
    for (abi, calls) in abis {
        let entries: Vec<&str> = calls.iter().map(|call| call.entry.as_deref().unwrap_or("")).collect();
        out += &format!("\npub(super) static {abi}: [&str; {}] = {entries:?};\n", entries.len());
    }
    out
}

fn names_file(version: &str, names: &BTreeMap<String, [u16; 3]>, sets: &set::Sets) -> String {
    let mut out = format!(
        "//! System call names. Generated by `cargo xtask tables`; do not edit.\n//!\n\
         //! Source: Linux {version}: `arch/x86/entry/syscalls/`; the names of other architectures\n\
         //! from systemd's `@known`.\n\nuse super::{{NONE, Name}};\n\n\
         const fn n(name: &'static str, numbers: [u16; 3]) -> Name {{\n    Name {{ name, numbers }}\n}}\n\n\
         /// Sorted by name; the numbers are those of x86_64, i386, x32.\n\
         pub(super) static NAMES: [Name; {}] = [\n",
        names.len()
    );
    for (name, numbers) in names {
        let numbers = numbers.map(|n| if n == u16::MAX { "NONE".to_owned() } else { n.to_string() });
        out += &format!("n({name:?}, [{}]),\n", numbers.join(", "));
    }
    let elsewhere: Vec<&String> = sets.known().filter(|name| !names.contains_key(*name)).collect();
    out += &format!("];\n\npub(super) static ELSEWHERE: [&str; {}] = {elsewhere:?};\n", elsewhere.len());
    out
}

fn rustfmt(text: &str) -> Result<String> {
    let mut child = Command::new("rustfmt")
        .args([
            "--edition",
            "2024",
            "--emit",
            "stdout",
            "--config-path",
            concat!(env!("CARGO_MANIFEST_DIR"), "/../rustfmt.toml"),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("rustfmt")?;
    let mut stdin = child.stdin.take().context("rustfmt has no input")?;
    let text = text.to_owned();
    let writer = std::thread::spawn(move || std::io::Write::write_all(&mut stdin, text.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().ok().context("the writer failed")??;
    if !output.status.success() {
        bail!("rustfmt failed")
    }
    Ok(String::from_utf8(output.stdout)?)
}
