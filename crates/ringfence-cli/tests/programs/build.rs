//! Compilers under `build`: gcc with make, cargo.

use std::process::Command;

use crate::harness::both;
use crate::harness::ground::{Ground, PATH};
use crate::harness::skip;

const BUILD: &str = "--policy builtin:build";

const MAKEFILE: &str = "CFLAGS = -O1 -Wall
program: main.o part.o
\t$(CC) -o $@ main.o part.o -lm
main.o: main.c part.h
part.o: part.c part.h
";
const MAIN: &str =
    "#include <stdio.h>\n#include \"part.h\"\nint main(void) { printf(\"%d\\n\", half(84)); }\n";
const PART: &str =
    "#include <math.h>\n#include \"part.h\"\nint half(int n) { return (int)floor(n / 2.0); }\n";

fn c_project(ground: &Ground) -> bool {
    if !ground.has(&["gcc", "make"]) {
        return false;
    }
    ground.file("home/work/Makefile", MAKEFILE);
    ground.file("home/work/main.c", MAIN);
    ground.file("home/work/part.c", PART);
    ground.file("home/work/part.h", "int half(int n);\n");
    true
}

/// A toolchain that the ground's user can read, in its home, where rustup would have put it.
fn rust(ground: &Ground) -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let sysroot = Command::new(rustc).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let Some(sysroot) = sysroot.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        skip(&ground.test, "needs rustc");
        return None;
    };
    let to = ground.directory("home/.rustup");
    let script = format!(
        "mkdir -p {to}/bin {to}/lib/rustlib && cd {from} && cp -a{{link}} bin/rustc bin/rustdoc bin/cargo {to}/bin/ &&
         cp -a{{link}} lib/*.so* {to}/lib/ && cp -a{{link}} lib/rustlib/x86_64-unknown-linux-gnu {to}/lib/rustlib/ &&
         chmod -R a+rX {to}",
        to = to.display(),
        from = sysroot.trim(),
    );
    let copied = ["l", ""].iter().any(|link| {
        let script = script.replace("{link}", link);
        Command::new("sh").args(["-c", &script]).output().is_ok_and(|output| output.status.success())
    });
    if !copied {
        skip(&ground.test, "needs a toolchain that can be read, and room to copy it");
        return None;
    }
    ground.directory("home/work/src");
    ground.file("home/work/src/main.rs", "fn main() {\n    println!(\"{}\", answer::answer());\n}\n");
    ground.file("home/work/src/lib.rs", "//! One.\npub fn answer() -> u8 {\n    42\n}\n");
    ground.file(
        "home/work/Cargo.toml",
        "[package]\nname = \"answer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n",
    );
    Some(format!("{}/bin:{PATH}", to.display()))
}

both! {
    /// GNU make has its children reset their ids, which is nothing without capabilities.
    fn make_runs_in_the_narrowest_policy(ground: &Ground) {
        if ground.has(&["make"]) {
            ground.file("home/work/Makefile", "all:\n\t@echo made >&2\n\t@echo $$((6 * 7))\n");
            let run = ground.ringfence("--policy builtin:compute --fs-read=.", &["make"]).go();
            assert_eq!(run.passes().out, "42\n", "{run}");
            let denied = "--policy builtin:compute --fs-read=. --syscalls-deny=@setuid";
            ground.ringfence(denied, &["make"]).go().exits(2).complains("Operation not permitted");
        }
    }

    fn make_builds_a_c_project(ground: &Ground) {
        if c_project(ground) {
            let done = ground.stages(BUILD, &[("make", "make -j2"), ("run", "./program")]);
            done.pass().prints("==> run\n42\n");
        }
    }

    fn without_writing_the_assembler_cannot_create(ground: &Ground) {
        if c_project(ground) {
            let flags = "--policy builtin:offline";
            let check = "gcc -fsyntax-only main.c part.c";
            let done = ground.stages(flags, &[("check", check), ("make", "make")]);
            done.fail_at("make", "can't create main.o: Read-only file system");
        }
    }

    fn without_exec_the_program_is_built_and_not_run(ground: &Ground) {
        if c_project(ground) {
            let flags = "--policy builtin:compute --syscalls-allow=@setuid --fs-tmp=/tmp --fs-write=.";
            let done = ground.stages(flags, &[("make", "make"), ("run", "./program")]);
            done.fail_at("run", "Permission denied");
        }
    }

    fn cargo_builds_a_crate_offline(ground: &Ground) {
        let Some(path) = rust(ground) else { return };
        let set = format!("{BUILD} --process-env-set=PATH={path}");
        let done = ground.stages(&set, &[
            ("build", "cargo build --offline"),
            ("test", "cargo test --offline"),
            ("run", "cargo run --offline"),
        ]);
        done.pass().prints("==> run\n42\n");
    }

    fn without_writing_cargo_cannot_create_target(ground: &Ground) {
        let Some(path) = rust(ground) else { return };
        let set = format!("{BUILD} --fs-write= --process-env-set=PATH={path}");
        let done = ground.stages(&set, &[("version", "cargo --version"), ("build", "cargo build --offline")]);
        done.fail_at("build", "Read-only file system (os error 30)");
    }
}
