//! Interpreters: python3 with parts of its own test-suite, node in the working folder.

use crate::harness::both;
use crate::harness::ground::{Ground, find};
use crate::harness::skip;

const OFFLINE: &str = "--policy builtin:offline";

/// The interpreter, where its own test-suite is installed with it.
fn python(ground: &Ground) -> Option<String> {
    if !ground.has(&["python3"]) {
        return None;
    }
    let python = find("python3")?;
    let suite = ground.plain(&[python.to_str()?, "-c", "import test.test_json"]).go();
    if suite.status != 0 {
        skip(&ground.test, "needs python3's test-suite");
        return None;
    }
    Some(python.to_str()?.to_owned())
}

const COPY: &str = r#"
const fs = require("fs");
const text = fs.readFileSync("in.txt", "utf8");
console.log("read " + text.trim());
fs.writeFileSync("out.txt", text.toUpperCase());
fs.mkdirSync("made");
fs.renameSync("out.txt", "made/out.txt");
fs.promises.readdir("made").then((names) => console.log(names.join()));
"#;

both! {
    fn python_passes_its_own_tests(ground: &Ground) {
        let Some(python) = python(ground) else { return };
        let suite = |names: &str| format!("cd /tmp && {python} -m test {names}");
        let flags = "--policy builtin:offline --fs-exec=/tmp";
        let done = ground.stages(flags, &[
            ("pure", &suite("test_json test_re test_struct test_dict test_zlib")),
            ("files", &suite("test_tempfile test_shutil test_glob test_mmap")),
            ("processes", &suite("test_threading test_popen test_wait4 test_pty")),
            ("sockets", &suite("test_selectors test_select test_fcntl")),
        ]);
        done.pass();
    }

    fn without_socketpair_only_the_tests_that_need_it_fail(ground: &Ground) {
        let Some(python) = python(ground) else { return };
        let flags = "--policy builtin:offline --syscalls-deny=socketpair";
        let suite = |names: &str| format!("cd /tmp && {python} -m test {names}");
        let stages =
            [("pure", suite("test_json test_struct")), ("selectors", suite("-v test_selectors"))];
        let done = ground.stages(flags, &[("pure", &stages[0].1), ("selectors", &stages[1].1)]);
        done.fail_at("selectors", "PermissionError: [Errno 1] Operation not permitted");
    }

    fn python_under_compute_computes(ground: &Ground) {
        if ground.has(&["python3"]) {
            let program = "import sys; print(sum(int(line) for line in sys.stdin))";
            let python = find("python3").unwrap();
            let command = [python.to_str().unwrap(), "-c", program];
            let run = ground.ringfence("--policy builtin:compute", &command).input("40\n2\n").go();
            assert_eq!(run.passes().out, "42\n");
        }
    }

    fn node_reads_and_writes_the_working_folder(ground: &Ground) {
        if ground.has(&["node"]) {
            ground.file("home/work/copy.js", COPY);
            ground.file("home/work/in.txt", "words\n");
            let done = ground.stages("--policy builtin:build", &[("node", "node copy.js")]);
            done.pass().prints("read words\nout.txt\n");
            assert_eq!(std::fs::read_to_string(ground.work().join("made/out.txt")).unwrap(), "WORDS\n");
        }
    }

    fn without_writing_node_gets_erofs_after_reading(ground: &Ground) {
        if ground.has(&["node"]) {
            ground.file("home/work/copy.js", COPY);
            ground.file("home/work/in.txt", "words\n");
            let run = ground.ringfence(OFFLINE, &["node", "copy.js"]).go();
            run.exits(1).prints("read words\n");
            run.complains("EROFS: read-only file system, open 'out.txt'");
        }
    }
}
