//! Descriptors: closed ones, too few, full ones, and a working directory that is gone.

use crate::harness::both;
use crate::harness::ground::Ground;
use crate::harness::run::Outcome;

/// ringfence from a shell that has prepared something.
fn from_shell(ground: &Ground, prepare: &str, rest: &str) -> Outcome {
    let script = format!("{prepare} {} run {rest}", ground.binary().display());
    ground.plain(&["/bin/bash", "-c", &script]).go()
}

both! {
    fn closed_standard_descriptors(ground: &Ground) {
        let before = ground.picture();
        for closed in ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"] {
            let rest = format!("-- sh -c 'exit 5' {closed}");
            from_shell(ground, "exec", &rest).exits(5);
            from_shell(ground, "exec", &format!("--fs-raed=x -- true {closed}")).exits(125);
            from_shell(ground, "exec", &format!("-- no-such-command {closed}")).exits(127);
        }
        // What is closed stays closed, or is harmless: nothing of ringfence's takes its place.
        let run = from_shell(ground, "exec", "-- sh -c 'readlink /proc/self/fd/0 || echo closed' <&-");
        assert!(["closed\n", "/dev/null\n"].contains(&run.passes().out.as_str()), "{run}");
        ground.nothing_left(&before);
    }

    fn a_full_standard_output_is_the_commands_problem(ground: &Ground) {
        from_shell(ground, "exec", "-- head -c 1 /dev/zero >/dev/full").complains("No space left");
        from_shell(ground, "exec", "-- no-such-command 2>/dev/full").exits(127);
    }

    fn a_closed_pipe_ends_the_command(ground: &Ground) {
        let before = ground.picture();
        let run = from_shell(ground, "set -o pipefail;", "-- yes | head -n 1");
        assert_eq!((run.status, run.out.as_str()), (141, "y\n"), "{run}");
        ground.nothing_left(&before);
    }

    fn too_few_descriptors(ground: &Ground) {
        let before = ground.picture();
        for limit in 3..12 {
            let run = from_shell(ground, &format!("ulimit -n {limit}; exec"), "-- echo started");
            if run.status == 0 {
                run.prints("started");
            } else {
                run.exits(125).complains("(os error 24)");
                assert_eq!(run.out, "", "{run}");
            }
        }
        // The limit of the command is the caller's all the same.
        let run = from_shell(ground, "ulimit -Sn 300; exec", "-- sh -c 'ulimit -n'");
        assert_eq!(run.passes().out, "300\n");
        ground.nothing_left(&before);
    }

    /// Through it, chmod(2) and its like would pass the view, and Landlock does not see them.
    fn a_directory_is_no_standard_descriptor(ground: &Ground) {
        for (n, redirect) in [(0, "</"), (1, "1</"), (2, "2</")] {
            let run = from_shell(ground, "exec 9>&2;", &format!("-- sh -c 'echo started >here' {redirect}"));
            run.exits(125);
            assert!(n == 2 || run.err.contains(&format!("descriptor {n} is a directory")), "{run}");
            assert!(!ground.work().join("here").exists());
        }
        let without = "--process-fds= --process-fds=1 --process-fds=2 -- echo started </";
        from_shell(ground, "exec", without).passes().prints("started");
    }

    fn a_removed_working_directory(ground: &Ground) {
        let gone = "mkdir gone; cd gone; rmdir ../gone; exec";
        let run = from_shell(ground, gone, "-- echo started");
        run.exits(125).complains("working directory");
        assert_eq!(run.out, "", "{run}");
        let run = from_shell(ground, gone, "--policy builtin:compute -- pwd");
        assert!(run.status == 125 || run.out == "/\n", "{run}");
    }

    fn no_environment(ground: &Ground) {
        let binary = ground.binary();
        let binary = binary.to_str().unwrap();
        let run = ground.plain(&["/usr/bin/env", "-i", binary, "run", "--", "sh", "-c", "echo $HOME."]).go();
        assert_eq!(run.passes().out, ".\n");
        let run = ground.plain(&["/usr/bin/env", "-i", binary, "run", "--fs-read=~/x", "--", "true"]).go();
        run.exits(125).complains("~");
        let run = ground.plain(&["/usr/bin/env", "-i", "HOME=not/absolute", binary, "run", "--", "true"]).go();
        assert!(run.status == 0 || run.status == 125, "{run}");
    }
}
