//! The sandboxes, each with the options of its own that come closest to the policy.

use std::collections::BTreeSet;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use ringfence::policy;
use serde_json::json;

const IMAGE: &str = "localhost/ringfence-side-by-side:1";

/// One sandbox. `{place}` in its launcher is a directory with what [`all`] made.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) name: &'static str,
    /// What is asked for its version.
    program: &'static [&'static str],
    pub(super) launcher: String,
    /// Where the prober is inside.
    pub(super) prober: Option<&'static str>,
}

/// Makes what the launchers need, and lists them.
pub(super) fn all(place: &Path, binary: &Path, policy: &Path) -> Result<Vec<Side>> {
    let own = binary.display();
    let output = Command::new(binary)
        .args(["export", "--to", "bpf", "-o"])
        .arg(place.join("bpf"))
        .arg(policy)
        .output()?;
    ensure!(output.status.success(), "export: {}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(place.join("oci"), oci(policy)?.to_string())?;
    root(&place.join("root"))?;
    import(place);
    runc(place, binary)?;
    let side =
        |name, program, launcher: &str, prober| Side { name, program, launcher: launcher.into(), prober };
    let bwrap = "bwrap --unshare-all --unshare-user --uid 65534 --gid 65534 --ro-bind /usr /usr --proc /proc --dev /dev --tmpfs /tmp \
                 --ro-bind {self} /ringfence --remount-ro / --new-session --die-with-parent --cap-drop ALL";
    let podman = "podman --runtime runc --cgroup-manager=cgroupfs run --rm --network none --ulimit nofile=1024:1024 \
                  --ulimit nproc=4096:4096 -v /usr:/usr:ro -v {self}:/ringfence:ro";
    let hard = "--cap-drop all --security-opt no-new-privileges --read-only --tmpfs /tmp --userns=host --user 65534:65534 --ulimit core=0:0";
    let inside = Some("/ringfence");
    Ok(vec![
        side("nothing (the control)", &["env", "--version"], "env {}", None),
        side(
            "ringfence",
            &[],
            &format!("{own} run --policy {} --fs-exec {{self}} -- {{}}", policy.display()),
            None,
        ),
        side("bubblewrap", &["bwrap", "--version"], &format!("{bwrap} {{}}"), inside),
        side(
            "bubblewrap, with the filter",
            &["bwrap", "--version"],
            &format!("sh -c 'exec {bwrap} --seccomp 9 {{}} 9<{{place}}/bpf'"),
            inside,
        ),
        side(
            "firejail",
            &["firejail", "--version"],
            "firejail --quiet --noprofile --net=none --seccomp --caps.drop=all --nonewprivs --private-tmp --private-dev \
             --private-etc=none --ipc-namespace --hostname=box {}",
            None,
        ),
        side("podman with runc", &["podman", "--version"], &format!("{podman} {IMAGE} {{}}"), inside),
        side(
            "podman with runc, hardened, with the calls of the policy",
            &["podman", "--version"],
            &format!("{podman} {hard} --security-opt seccomp={{place}}/oci {IMAGE} {{}}"),
            inside,
        ),
        side("runc", &["runc", "--version"], "{place}/runc {}", inside),
        side(
            "unshare",
            &["unshare", "--version"],
            "unshare --user --map-root-user --mount --pid --fork --net --ipc --uts --cgroup --mount-proc {}",
            None,
        ),
        side(
            "docker",
            &["docker", "--version"],
            "docker run --rm --network none -v {self}:/ringfence:ro busybox {}",
            inside,
        ),
        side(
            "systemd-run",
            &["systemd-run", "--version"],
            "systemd-run --quiet --pipe --wait -p PrivateNetwork=yes -p ProtectSystem=strict -p NoNewPrivileges=yes {}",
            None,
        ),
    ])
}

/// What a sandbox says of its version; `None` where it is not there.
pub(super) fn version(side: &Side) -> Option<String> {
    let Some((program, args)) = side.program.split_first() else {
        return Some(format!("ringfence {}", env!("CARGO_PKG_VERSION")));
    };
    let output = Command::new(program).args(args).stdin(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).lines().next()?.to_owned())
}

/// The policy's calls as a profile of OCI: by name. What it says of arguments and of other ABIs (they
/// kill there, and get ENOSYS by the policy) has no equal form, which `ringfence export` refuses.
fn oci(policy: &Path) -> Result<serde_json::Value> {
    let loader = |name: &str| std::fs::read_to_string(name);
    let policies = [policy.display().to_string()];
    let request = policy::Request { policies: &policies, flags: &[], loader: &loader };
    let policy = policy::load(&request).map_err(|wrong| anyhow::anyhow!("{wrong}"))?;
    let names = |rules: &[policy::At<ringfence_bpf::rule::Rule>], whole: bool| -> BTreeSet<&str> {
        let rules = rules.iter().filter(|rule| !whole || rule.value.conditions.is_empty());
        rules.flat_map(|rule| rule.value.target.calls().map(|call| call.name())).collect()
    };
    let denied = names(&policy.syscalls.deny, true);
    let allowed = names(&policy.syscalls.allow, false);
    let allowed: Vec<&str> = allowed.into_iter().filter(|name| !denied.contains(name)).collect();
    Ok(json!({
        "defaultAction": "SCMP_ACT_ERRNO",
        "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64"],
        "syscalls": [{ "names": allowed, "action": "SCMP_ACT_ALLOW" },
            { "names": ["clone3", "io_uring_setup"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38 }],
    }))
}

/// The tree of a container: what is mounted there, and links as the distribution has them.
fn root(root: &Path) -> Result<()> {
    for name in ["usr", "etc", "proc", "sys", "dev", "tmp"] {
        std::fs::create_dir_all(root.join(name))?;
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        symlink(format!("usr/{name}"), root.join(name))?;
    }
    std::fs::write(root.join("ringfence"), "")?;
    Ok(())
}

/// Makes podman's image; without podman its row says so.
fn import(place: &Path) {
    let tar = place.join("root.tar");
    let _ = Command::new("tar").arg("-C").arg(place.join("root")).arg("-cf").arg(&tar).arg(".").status();
    let _ = Command::new("podman")
        .arg("import")
        .arg(&tar)
        .arg(IMAGE)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

pub(super) fn remove_image() {
    let _ = Command::new("podman")
        .args(["rmi", "-f", IMAGE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

/// A bundle for runc(8), whose command is in its configuration, and a script that puts it there.
fn runc(place: &Path, binary: &Path) -> Result<()> {
    let namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"].map(|kind| json!({ "type": kind }));
    let config = json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false,
            "user": { "uid": 0, "gid": 0 },
            "args": ["@ARGS@"],
            "cwd": "/",
            "env": ["PATH=/usr/bin:/bin"],
            "noNewPrivileges": true,
            "capabilities": {},
            "rlimits": [{ "type": "RLIMIT_CORE", "hard": 0, "soft": 0 }],
        },
        "root": { "path": place.join("root"), "readonly": true },
        "mounts": [
            { "destination": "/proc", "type": "proc", "source": "proc" },
            { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
            { "destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev"] },
            { "destination": "/usr", "type": "bind", "source": "/usr", "options": ["rbind", "ro"] },
            { "destination": "/ringfence", "type": "bind", "source": binary, "options": ["bind", "ro"] },
        ],
        "linux": {
            "namespaces": namespaces,
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug", "/sys/firmware"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
            "seccomp": seccomp(&place.join("oci"))?,
        },
    });
    let bundle = place.join("bundle");
    std::fs::create_dir_all(&bundle)?;
    std::fs::write(bundle.join("config.in"), config.to_string())?;
    let script = format!(
        "#!/bin/sh\n# The command of a bundle is in its configuration: it is put there, and the bundle is run.\n\
         args=$(printf '\",\"%s' \"$@\")\n\
         sed \"s|\\\"@ARGS@\\\"|${{args#??}}\\\"|\" {0}/config.in >{0}/config.json\n\
         exec runc --root {1}/state run --bundle {0} ringfence-side\n",
        bundle.display(),
        place.display()
    );
    let path = place.join("runc");
    std::fs::write(&path, script)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
    Ok(())
}

fn seccomp(path: &Path) -> Result<serde_json::Value> {
    Ok(serde_json::from_str(&std::fs::read_to_string(path)?)?)
}
