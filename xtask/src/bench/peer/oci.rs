//! crun(1) and runc(8): a bundle with the level's namespaces and mounts, and for level d the calls
//! of its policy as libseccomp takes them.

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Peer, allowed};
use crate::bench::level::Level;
use crate::bench::scene::{Contender, Scene};
use crate::bench::user::User;

pub(super) fn make(peer: &Peer, scene: &Scene, user: &User, level: Level) -> Result<Contender, String> {
    if level == Level::A {
        return Err("has no mode without namespaces".into());
    }
    let (bundle, state) = bundle(peer, scene, user, level).map_err(|error| error.to_string())?;
    let mut contender = peer.start()?;
    if peer.name == "crun" {
        contender.add("--cgroup-manager=disabled");
    }
    contender.words.extend(["--root".into(), state.display().to_string()]);
    contender.words.extend(["run".into(), "--bundle".into(), bundle.display().to_string()]);
    contender.words.push(format!("ringfence-bench-{}", level.name()));
    Ok(contender)
}

fn bundle(peer: &Peer, scene: &Scene, user: &User, level: Level) -> anyhow::Result<(PathBuf, PathBuf)> {
    let base = scene.place().join(format!("{}-{}-{}", peer.name, user.name, level.name()));
    let (state, root) = (base.join("state"), base.join("rootfs"));
    fs::create_dir_all(&state)?;
    fs::create_dir_all(&root)?;
    for name in ["bin", "sbin", "lib", "lib64"] {
        let _ = symlink(format!("usr/{name}"), root.join(name));
    }
    for name in ["usr", "etc", "proc", "dev", "tmp"] {
        fs::create_dir_all(root.join(name))?;
    }
    fs::create_dir_all(root.join(scene.place().strip_prefix("/")?))?;
    let calls = if level.filter() { Some(allowed(scene, level).map_err(anyhow::Error::msg)?) } else { None };
    let ids = user.ids.map_or_else(own_ids, Ok)?;
    fs::write(base.join("config.json"), config(scene, level, ids, calls.as_deref()).to_string())?;
    if let Some((uid, gid)) = user.ids {
        for path in [&base, &state] {
            chown(path, Some(uid), Some(gid))?;
        }
    }
    Ok((base, state))
}

fn own_ids() -> anyhow::Result<(u32, u32)> {
    use std::os::unix::fs::MetadataExt as _;
    let own = fs::metadata("/proc/self")?;
    Ok((own.uid(), own.gid()))
}

fn config(scene: &Scene, level: Level, (uid, gid): (u32, u32), calls: Option<&[(String, String)]>) -> Value {
    let mut namespaces = vec!["user", "mount", "pid", "ipc", "uts"];
    if level.network() {
        namespaces.push("network");
    }
    let namespaces: Vec<_> = namespaces.into_iter().map(|kind| json!({"type": kind})).collect();
    let none: [&str; 0] = [];
    let sets = ["bounding", "effective", "permitted", "inheritable", "ambient"];
    let capabilities: serde_json::Map<_, _> =
        sets.iter().map(|set| ((*set).to_owned(), json!(none))).collect();
    let map = |id: u32| json!([{"containerID": 0, "hostID": id, "size": 1}]);
    let mut linux = json!({"namespaces": namespaces, "uidMappings": map(uid), "gidMappings": map(gid)});
    if let Some(calls) = calls {
        linux["seccomp"] = filter(calls);
    }
    json!({
        "ociVersion": "1.0.2",
        "process": {
            "terminal": false, "user": {"uid": 0, "gid": 0}, "cwd": "/", "noNewPrivileges": true,
            "args": [scene.program().display().to_string()], "env": ["PATH=/usr/bin"], "capabilities": capabilities,
        },
        "root": {"path": "rootfs", "readonly": true},
        "mounts": mounts(scene.place()),
        "linux": linux,
    })
}

fn mounts(place: &Path) -> Value {
    let bind = |path: &Path| json!({"destination": path, "source": path, "type": "bind", "options": ["rbind", "ro", "nosuid", "nodev"]});
    let new = |path: &str, kind: &str, options: &[&str]| json!({"destination": path, "source": kind, "type": kind, "options": options});
    json!([
        bind(Path::new("/usr")),
        bind(Path::new("/etc")),
        bind(place),
        new("/proc", "proc", &["nosuid", "nodev", "noexec"]),
        new("/tmp", "tmpfs", &["nosuid", "nodev", "noexec", "mode=1777"]),
        new("/dev", "tmpfs", &["nosuid", "noexec", "mode=755"]),
        new("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
    ])
}

fn filter(calls: &[(String, String)]) -> Value {
    let names: Vec<&str> = calls.iter().map(|(name, _)| name.as_str()).collect();
    let argument = |name: &str, operator: &str, value: u64, other: u64| {
        json!({"names": [name], "action": "SCMP_ACT_ALLOW",
            "args": [{"index": 0, "op": operator, "value": value, "valueTwo": other}]})
    };
    let mut rules = vec![
        json!({"names": names, "action": "SCMP_ACT_ALLOW"}),
        argument("socket", "SCMP_CMP_NE", 40, 0),
        argument("clone", "SCMP_CMP_MASKED_EQ", 0x5002_0000, 0),
        json!({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38}),
    ];
    let personalities = [0, 8, 0x2_0000, 0x2_0008, 0xffff_ffff];
    rules.extend(personalities.map(|value| argument("personality", "SCMP_CMP_EQ", value, 0)));
    json!({
        "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1,
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], "syscalls": rules,
    })
}
