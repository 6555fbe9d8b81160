//! Programs that keep data: sqlite3, tar and gzip.

use crate::harness::both;

const BUILD: &str = "--policy builtin:build";

const CREATE: &str = "sqlite3 data.db 'create table t (n integer); insert into t values (1), (2);'";
const SELECT: &str = "sqlite3 data.db 'select sum(n) from t;'";
const INSERT: &str = "sqlite3 data.db 'insert into t values (40);'";

/// A thousand files of a few lines each.
const MAKE: &str = "mkdir many && for n in $(seq 1000); do seq $n $((n + 20)) >many/$n; done";
const PACK: &str = "tar -c many | gzip -c >many.tar.gz";
const UNPACK: &str = "mkdir again && gzip -dc many.tar.gz | tar -x -C again && diff -r many again/many";

both! {
    fn sqlite_keeps_a_table(ground: &Ground) {
        if ground.has(&["sqlite3"]) {
            let done = ground.stages(BUILD, &[("create", CREATE), ("insert", INSERT), ("select", SELECT)]);
            done.pass().prints("43\n");
        }
    }

    fn without_writing_sqlite_only_looks(ground: &Ground) {
        if ground.has(&["sqlite3"]) {
            ground.plain(&["/bin/sh", "-c", CREATE]).go().passes();
            let flags = "--policy builtin:offline";
            let done = ground.stages(flags, &[("select", SELECT), ("insert", INSERT)]);
            done.fail_at("insert", "attempt to write a readonly database");
        }
    }

    fn without_truncation_sqlite_cannot_trim(ground: &Ground) {
        if ground.has(&["sqlite3"]) {
            let flags = "--policy builtin:build --syscalls-deny=ftruncate";
            let vacuum = "sqlite3 data.db 'pragma journal_mode = truncate; insert into t values (1);'";
            let done = ground.stages(flags, &[("create", CREATE), ("truncate", vacuum)]);
            done.fail_at("truncate", "disk I/O error");
        }
    }

    fn tar_and_gzip_of_a_thousand_files(ground: &Ground) {
        let stages = [("make", MAKE), ("pack", PACK), ("unpack", UNPACK)];
        ground.stages(BUILD, &stages).pass();
        let count = ground.work().join("again/many").read_dir().unwrap().count();
        assert_eq!(count, 1000);
    }

    fn without_utimensat_tar_complains_and_everything_else_works(ground: &Ground) {
        let flags = "--policy builtin:build --syscalls-deny=utimensat";
        let stages = [("make", MAKE), ("pack", PACK), ("unpack", UNPACK)];
        ground.stages(flags, &stages).fail_at("unpack", "Cannot utime: Operation not permitted");
    }

    fn compute_packs_from_input_to_output(ground: &Ground) {
        let compute = "--policy builtin:compute";
        let run = ground.shell(compute, "gzip -c | gzip -dc | tr a-z A-Z").input("words\n").go();
        assert_eq!(run.passes().out, "WORDS\n");
        let run = ground.stages(compute, &[("pack", "echo | gzip -c >/dev/null"), ("keep", "echo >kept")]);
        run.fail_at("keep", "cannot create kept");
    }
}
