//! selinux(8): contexts at execve, and the kernel's refusal where the policy has no such transition.

use std::path::Path;

use crate::harness::{both, skip};

const DIRECTORY: &str = "/sys/fs/selinux";

both! {
    fn a_host_without_it_says_so(ground: &Ground) {
        if Path::new(DIRECTORY).join("enforce").exists() {
            skip(&ground.test, "needs an inactive SELinux");
            return;
        }
        let run = ground.ringfence("--lsm-selinux a:b:c", &["echo", "started"]).go();
        run.exits(125).complains("not available on this host");
        assert_eq!(run.out, "", "{run}");
    }
}
