//! Commands that cannot be run: 127 where there is none, 126 where there is one.

use std::os::unix::fs::PermissionsExt as _;

use expect_test::expect;

use crate::complaint;
use crate::harness::both;

both! {
    fn not_found(ground: &Ground) {
        let path = "PATH=/usr/bin:/bin";
        let run = |command: &str| ground.ringfence(&format!("--process-env-set={path}"), &[command]).go();
        complaint(ground, &run("no-such-command"), 127, &expect![[r#"
            ringfence: error: no-such-command: command not found
              help: PATH is /usr/bin:/bin
        "#]]);
        complaint(ground, &run("./no-such-command"), 127, &expect![[r#"
            ringfence: error: [ROOT]/home/work/no-such-command: no such file
              help: look at [ROOT]/home/work/no-such-command
        "#]]);
        complaint(ground, &run("/no/such/command"), 127, &expect![[r#"
            ringfence: error: /no/such/command: no such file
              help: look at /no/such/command
        "#]]);
        complaint(ground, &run(""), 127, &expect![[r#"
            ringfence: error: the command is an empty word
              help: name a program; in a shell, a variable without a value may stand in its place
        "#]]);
        complaint(ground, &run("$NOPE"), 127, &expect![[r#"
            ringfence: error: $NOPE: command not found
              help: PATH is /usr/bin:/bin
        "#]]);
        let run = ground.ringfence("--process-env-pass=", &["no-such-command"]).go();
        complaint(ground, &run, 127, &expect![[r#"
            ringfence: error: no-such-command: command not found
              help: PATH is /usr/bin:/bin
        "#]]);
    }

    fn where_the_path_may_not_be_searched_nothing_is_found(ground: &Ground) {
        let closed = ground.directory("home/closed");
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o000)).unwrap();
        let path = format!("--process-env-set=PATH={}:/usr/bin", closed.display());
        let run = ground.ringfence(&path, &["no-such-command"]).go();
        run.exits(127).complains("no-such-command: command not found");
        if ground.who == crate::harness::ground::Who::User {
            run.complains("you may not search").complains("home/closed");
        }
        std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn not_executable(ground: &Ground) {
        ground.file("home/work/words", "no program\n");
        complaint(ground, &ground.ringfence("", &["./words"]).go(), 126, &expect![[r#"
            ringfence: error: [ROOT]/home/work/words: permission denied
              help: it is not executable: chmod +x [ROOT]/home/work/words
        "#]]);
        let path = ground.file("home/work/really", "no program\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        complaint(ground, &ground.ringfence("", &["./really"]).go(), 126, &expect![[r#"
            ringfence: error: step N: execve ([ROOT]/home/work/really): Exec format error (os error 8)
              help: the file is no program of this machine, and has no #! line
        "#]]);
        complaint(ground, &ground.ringfence("", &["/usr"]).go(), 126, &expect![[r#"
            ringfence: error: /usr: is a directory
              help: name a program in it
        "#]]);
        complaint(ground, &ground.ringfence("", &["."]).go(), 126, &expect![[r#"
            ringfence: error: /usr/bin/.: is a directory
              help: name a program in it
        "#]]);
        complaint(ground, &ground.ringfence("", &["./words/below"]).go(), 126, &expect![[r#"
            ringfence: error: [ROOT]/home/work/words/below: a part of the path is not a directory
              help: look at [ROOT]/home/work/words/below
        "#]]);
    }

    fn without_its_interpreter(ground: &Ground) {
        let path = ground.file("home/work/script", "#!/no/such/interpreter\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        complaint(ground, &ground.ringfence("", &["./script"]).go(), 127, &expect![[r#"
            ringfence: error: [ROOT]/home/work/script: its interpreter /no/such/interpreter: No such file or directory (os error 2)
              help: install the interpreter that the file names, or name another in it
        "#]]);
    }

    /// It would be started, and its first system call denied.
    fn of_another_abi(ground: &Ground) {
        let path = ground.root().join("home/work/old");
        std::fs::write(&path, exit_of_i386(7)).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        ground.own(&path);
        complaint(ground, &ground.ringfence("", &["./old"]).go(), 126, &expect![[r#"
            ringfence: error: `[ROOT]/home/work/old` is a program of the i386 ABI, which the policy does not allow
              help: name both in syscalls.abis: --syscalls-abis=x86_64 --syscalls-abis=i386
        "#]]);
        if ground.plain(&["/bin/sh", "-c", "./old"]).go().status == 7 {
            let flags = "--syscalls-abis=x86_64 --syscalls-abis=i386";
            ground.ringfence(flags, &["./old"]).go().exits(7);
        } else {
            crate::harness::skip(&ground.test, "needs a kernel with the i386 ABI");
        }
    }

    fn outside_the_view(ground: &Ground) {
        let path = ground.file("home/hidden", "#!/bin/sh\n");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        complaint(ground, &ground.ringfence("", &["../hidden"]).go(), 126, &expect![[r#"
            ringfence: error: `[ROOT]/home/hidden` is not part of its view
              help: add it, or a directory above it, to fs.exec: --fs-exec [ROOT]/home/hidden
        "#]]);
        let flags = "--policy builtin:compute --fs-exec= --fs-read=/usr";
        let run = ground.ringfence(flags, &["/usr/bin/env"]).go();
        complaint(ground, &run, 126, &expect![[r#"
            ringfence: error: `/usr/bin/env` may not be executed
              help: add it, or a directory above it, to fs.exec: --fs-exec /usr/bin/env
        "#]]);
    }

    fn words_with_odd_bytes_pass_unchanged(ground: &Ground) {
        let words = "a b\t\n\u{7f}ä'\"\\$HOME*";
        let run = ground.ringfence("", &["printf", "%s|", words, "", "--", "-x"]).go();
        assert_eq!(run.passes().out, format!("{words}||--|-x|"));
    }

    /// The kernel's limit on arguments, MAX_ARG_STRLEN, is the kernel's to say.
    fn words_beyond_the_kernels_limit(ground: &Ground) {
        let long = "x".repeat(100_000);
        let run = ground.ringfence("", &["printf", "%s", &long]).go();
        assert_eq!(run.passes().out.len(), 100_000);
    }
}

/// A static program for i386 that calls _exit(2): elf(5), `mov eax, 1; mov ebx, STATUS; int 0x80`.
fn exit_of_i386(status: u8) -> Vec<u8> {
    let code = [0xb8, 1, 0, 0, 0, 0xbb, status, 0, 0, 0, 0xcd, 0x80];
    let (at, size) = (0x0804_8000_u32, 52 + 32 + code.len() as u32);
    let mut file = b"\x7fELF\x01\x01\x01".to_vec();
    file.resize(16, 0);
    let halves =
        |file: &mut Vec<u8>, halves: &[u16]| file.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
    let words =
        |file: &mut Vec<u8>, words: &[u32]| file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    halves(&mut file, &[2, 3]);
    words(&mut file, &[1, at + 52 + 32, 52, 0, 0]);
    halves(&mut file, &[52, 32, 1, 0, 0, 0]);
    words(&mut file, &[1, 0, at, at, size, size, 5, 0x1000]);
    file.extend(code);
    file
}
