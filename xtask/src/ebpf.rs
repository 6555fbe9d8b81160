//! `cargo xtask ebpf [--check]`: compiles crates/ringfence/bpf/*.bpf.c with clang to the objects
//! that are committed beside them, so that nobody else needs clang.
//!
//! The same clang makes the same bytes: paths and debug information are left out, and the kernel's
//! types come from `kernel.h`. `compiler.txt` says which clang it was; `--check` writes nothing, fails
//! where an object is not what this clang makes of its source, and says `skipped: ` where this is
//! another clang. A new program needs an empty object first (`touch`): this command is built from
//! the crate that holds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates/ringfence/bpf");
/// Which clang and libbpf the objects were made by.
const COMPILER: &str = "compiler.txt";
/// v3 has 32-bit comparisons (Linux 5.1); atomics beyond addition are not used.
const FLAGS: [&str; 8] = [
    "-O2",
    "-g",
    "--target=bpf",
    "-mcpu=v3",
    "-fdebug-compilation-dir=.",
    "-D__TARGET_ARCH_x86",
    "-Wall",
    "-Werror",
];

/// Runs the command with the arguments after `ebpf`.
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> Result<()> {
    let check = match (args.next().as_deref(), args.next()) {
        (None, None) => false,
        (Some("--check"), None) => true,
        _ => bail!("usage: cargo xtask ebpf [--check]"),
    };
    let Ok(compiler) = compiler() else {
        ensure!(check, "clang, llvm-strip and libbpf's headers are needed: clang, llvm, libbpf-dev");
        println!("skipped: ebpf: needs clang, llvm and libbpf-dev");
        return Ok(());
    };
    let recorded = std::fs::read_to_string(Path::new(PLACE).join(COMPILER)).unwrap_or_default();
    if check && compiler != recorded {
        println!("skipped: ebpf: made by {}, and this is {}", recorded.trim_end(), compiler.trim_end());
        return Ok(());
    }
    let mut stale = Vec::new();
    for source in sources()? {
        let object = source.with_extension("o");
        let bytes = compile(&source)?;
        if std::fs::read(&object).ok().as_deref() == Some(&bytes) {
            continue;
        }
        if check {
            stale.push(object.display().to_string());
        } else {
            std::fs::write(&object, &bytes)?;
            let name = object.file_name().unwrap_or_default();
            println!("{} ({} bytes)", name.display(), bytes.len());
        }
    }
    ensure!(
        stale.is_empty(),
        "not what clang makes of the source: {}: run `cargo xtask ebpf`",
        stale.join(", ")
    );
    if !check {
        std::fs::write(Path::new(PLACE).join(COMPILER), compiler)?;
    }
    Ok(())
}

fn sources() -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for entry in std::fs::read_dir(PLACE).with_context(|| PLACE.to_owned())? {
        let path = entry?.path();
        if path.to_str().is_some_and(|path| path.ends_with(".bpf.c")) {
            sources.push(path);
        }
    }
    sources.sort();
    ensure!(!sources.is_empty(), "{PLACE} has no *.bpf.c");
    Ok(sources)
}

/// The first line of `clang --version`, and the version of libbpf's headers.
fn compiler() -> Result<String> {
    let clang = output("clang", &["--version"])?;
    output("llvm-strip", &["--version"])?;
    let header = std::fs::read_to_string("/usr/include/bpf/libbpf_version.h")?;
    let number = |name: &str| {
        let line = header.lines().find(|line| line.contains(name))?;
        line.split_ascii_whitespace().last().map(str::to_owned)
    };
    let major = number("LIBBPF_MAJOR_VERSION").context("libbpf_version.h")?;
    let minor = number("LIBBPF_MINOR_VERSION").context("libbpf_version.h")?;
    Ok(format!("{}, libbpf {major}.{minor}\n", clang.lines().next().unwrap_or_default()))
}

fn output(program: &str, args: &[&str]) -> Result<String> {
    let output = Command::new(program).args(args).output().with_context(|| program.to_owned())?;
    ensure!(output.status.success(), "{program} {}: {}", args.join(" "), output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The object of a source, without what differs between places and tools.
fn compile(source: &Path) -> Result<Vec<u8>> {
    let directory = source.parent().context("a source has a directory")?;
    let name = source.file_name().and_then(|name| name.to_str()).context("a source has a name")?;
    let object = std::env::temp_dir().join(format!("ringfence-{}-{name}.o", std::process::id()));
    let result = (|| {
        let out = object.to_str().context("a temporary file's name")?;
        let run = |program: &str, args: &[&str]| -> Result<()> {
            let status = Command::new(program).args(args).current_dir(directory).status();
            let status = status.with_context(|| program.to_owned())?;
            ensure!(status.success(), "{program} {}: {status}", args.join(" "));
            Ok(())
        };
        run("clang", &[&FLAGS[..], &["-c", name, "-o", out]].concat())?;
        run("llvm-strip", &["-g", "--remove-section=.llvm_addrsig", out])?;
        Ok(std::fs::read(&object)?)
    })();
    let _ = std::fs::remove_file(&object);
    result
}
