//! Where the caller stands among the cgroups, and where it may make one of its own. cgroups(7),
//! Documentation/admin-guide/cgroup-v2.rst ("Delegation", "No Internal Process Constraint").

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use super::{Fact, Host, Mount, kernel};

/// The cgroups of the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cgroup {
    /// Which versions are mounted.
    pub layout: Layout,
    /// Every mounted hierarchy, and the caller's cgroup in it.
    pub hierarchies: Vec<Hierarchy>,
    /// For each controller that policies use: where a new cgroup can be made, or why nowhere.
    pub places: BTreeMap<Controller, Result<Place, String>>,
}

/// Which cgroup versions are mounted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// No cgroup file system.
    None,
    /// Version 1 only.
    V1,
    /// Version 2 only.
    V2,
    /// Both; a controller is in one of them.
    Hybrid,
}

/// One cgroup file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Whether it is version 2.
    pub v2: bool,
    /// Its controllers: of version 1, those it is mounted with; of version 2, those that the
    /// caller's cgroup has (`cgroup.controllers`).
    pub controllers: Vec<String>,
    /// Where it is mounted.
    pub mount: PathBuf,
    /// The caller's cgroup; `None`: outside of what is mounted here.
    pub own: Option<PathBuf>,
}

/// A controller that a policy uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Controller {
    /// `limits.memory`.
    Memory,
    /// `limits.pids`.
    Pids,
    /// `limits.cpu`.
    Cpu,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Pids, Self::Cpu];

    /// The kernel's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
        }
    }
}

/// Where a cgroup can be made.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whether it is version 2.
    pub v2: bool,
    /// The directory to make it in. Its controllers are enabled already.
    pub parent: PathBuf,
}

const FROM: &str = "/proc/self/cgroup, /proc/self/mountinfo, access(2)";

pub(super) fn read(host: &Host) -> Fact<Cgroup> {
    let mounts = host.mounts().value.known().map_or(&[][..], Vec::as_slice);
    let memberships = kernel::read_small("/proc/self/cgroup").unwrap_or_default();
    let mut hierarchies = hierarchies(mounts, &memberships);
    for hierarchy in hierarchies.iter_mut().filter(|hierarchy| hierarchy.v2) {
        let own = hierarchy.own.as_deref().unwrap_or(&hierarchy.mount);
        hierarchy.controllers = words(&own.join("cgroup.controllers"));
    }
    let caller = format!("uid {}", host.caller().value.euid);
    let find = |controller: Controller| {
        let listed = membership(&memberships, controller.name()).is_some();
        (controller, place(&hierarchies, controller, listed, &caller))
    };
    let places = Controller::ALL.into_iter().map(find).collect();
    Fact::new(Cgroup { layout: layout(&hierarchies), hierarchies, places }, FROM)
}

pub(super) fn synthetic() -> Cgroup {
    let why = "/sys/fs/cgroup is not writable by uid 1000".to_owned();
    Cgroup {
        layout: Layout::V2,
        hierarchies: vec![Hierarchy {
            v2: true,
            controllers: Controller::ALL.map(|controller| controller.name().to_owned()).to_vec(),
            mount: "/sys/fs/cgroup".into(),
            own: Some("/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope".into()),
        }],
        places: Controller::ALL.into_iter().map(|controller| (controller, Err(why.clone()))).collect(),
    }
}

fn layout(hierarchies: &[Hierarchy]) -> Layout {
    match (hierarchies.iter().any(|h| !h.v2), hierarchies.iter().any(|h| h.v2)) {
        (false, false) => Layout::None,
        (true, false) => Layout::V1,
        (false, true) => Layout::V2,
        (true, true) => Layout::Hybrid,
    }
}

/// Every cgroup mount once, with the caller's cgroup in it.
fn hierarchies(mounts: &[Mount], memberships: &str) -> Vec<Hierarchy> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for mount in mounts {
        let v2 = mount.fstype == "cgroup2";
        if !(v2 || mount.fstype == "cgroup") || seen.contains(&(mount.device, mount.root.clone())) {
            continue;
        }
        seen.push((mount.device, mount.root.clone()));
        let controllers = if v2 { Vec::new() } else { v1_controllers(&mount.super_options) };
        let name = if v2 { Some("") } else { controllers.first().map(String::as_str) };
        let own = name.and_then(|name| membership(memberships, name)).and_then(|path| below(mount, path));
        found.push(Hierarchy { v2, controllers, mount: mount.at.clone(), own });
    }
    found
}

/// Mount options that are not controllers, kernel/cgroup/cgroup-v1.c `cgroup1_show_options`.
fn v1_controllers(options: &[String]) -> Vec<String> {
    let plain = ["rw", "ro", "noprefix", "xattr", "cpuset_v2_mode", "clone_children", "none", "favordynmods"];
    let is_plain = |option: &str| plain.contains(&option) || option.starts_with("release_agent=");
    options.iter().filter(|option| !is_plain(option)).cloned().collect()
}

/// The path behind the line of `/proc/self/cgroup` that names a controller; "" is version 2.
fn membership<'a>(memberships: &'a str, controller: &str) -> Option<&'a str> {
    memberships.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (_, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        controllers.split(',').any(|name| name == controller).then_some(path)
    })
}

/// A cgroup's path in a mount that shows the hierarchy from `mount.root` on.
fn below(mount: &Mount, path: &str) -> Option<PathBuf> {
    // In a cgroup namespace, what lies outside begins with `/..`.
    if path.split('/').any(|part| part == "..") {
        return None;
    }
    let rest = Path::new(path).strip_prefix(&mount.root).ok()?;
    Some(if rest.as_os_str().is_empty() { mount.at.clone() } else { mount.at.join(rest) })
}

fn place(
    hierarchies: &[Hierarchy],
    controller: Controller,
    listed: bool,
    caller: &str,
) -> Result<Place, String> {
    let name = controller.name();
    let v1 = hierarchies.iter().find(|h| !h.v2 && h.controllers.iter().any(|have| have == name));
    if let Some(hierarchy) = v1 {
        let own = hierarchy.own.as_deref().ok_or_else(|| unseen(hierarchy))?;
        return if writable(own) {
            Ok(Place { v2: false, parent: own.to_owned() })
        } else {
            Err(format!(
                "cgroup v1 {} is not writable by {caller}; root can give it: mkdir {0}/NAME, chown -R it, \
                 and start ringfence inside",
                own.display()
            ))
        };
    }
    let Some(hierarchy) = hierarchies.iter().find(|h| h.v2) else {
        return Err(no_hierarchy(name, listed));
    };
    let own = hierarchy.own.as_deref().ok_or_else(|| unseen(hierarchy))?;
    if !hierarchy.controllers.iter().any(|have| have == name) {
        return Err(format!(
            "{}/cgroup.controllers does not list {name}; {}",
            own.display(),
            if listed { no_hierarchy(name, true) } else { enable(own, name) }
        ));
    }
    v2_place(hierarchy, own, name, caller)
}

/// Version 2: below the root cgroup, else beside the caller's own, because a cgroup with processes
/// gives no controllers to those below it. Never changes which controllers are enabled.
fn v2_place(hierarchy: &Hierarchy, own: &Path, name: &str, caller: &str) -> Result<Place, String> {
    // The root cgroup alone has no `cgroup.type`.
    if !own.join("cgroup.type").exists() {
        return if !writable(own) {
            Err(format!("cgroup v2 {} is not writable by {caller}", own.display()))
        } else if words(&own.join("cgroup.subtree_control")).iter().any(|have| have == name) {
            Ok(Place { v2: true, parent: own.to_owned() })
        } else {
            let file = own.join("cgroup.subtree_control");
            Err(format!("{} does not list {name}; as root: echo +{name} > {0}", file.display()))
        };
    }
    let Some(parent) = own.parent().filter(|_| own != hierarchy.mount) else {
        return Err(format!(
            "ringfence is in the topmost cgroup that it can see, {}, and a cgroup with processes gives no \
             controllers to those below it; start ringfence in a cgroup below",
            own.display()
        ));
    };
    if !(writable(parent) && writable(&parent.join("cgroup.procs"))) {
        return Err(format!(
            "cgroup v2 {} is not delegated to {caller}; with systemd: systemd-run --user --scope ringfence …",
            parent.display()
        ));
    }
    if let Some(limit) = own_limit(own) {
        return Err(format!(
            "{} is limited itself ({limit}), and the only place for a cgroup, beside it, would escape that; \
             start ringfence in a cgroup without limits",
            own.display()
        ));
    }
    Ok(Place { v2: true, parent: parent.to_owned() })
}

/// A limit on the caller's own cgroup that a cgroup beside it would escape.
fn own_limit(own: &Path) -> Option<String> {
    ["memory.max", "memory.high", "memory.swap.max", "pids.max", "cpu.max", "io.max"].iter().find_map(
        |file| {
            let text = kernel::read_small(own.join(file)).ok()?;
            let text = text.trim();
            let free = text.is_empty() || text.split(' ').next() == Some("max");
            (!free).then(|| format!("{file} {text}"))
        },
    )
}

fn unseen(hierarchy: &Hierarchy) -> String {
    format!("the caller's cgroup is outside of what is mounted at {}", hierarchy.mount.display())
}

fn no_hierarchy(name: &str, listed: bool) -> String {
    if listed {
        format!(
            "the kernel has {name} as a cgroup v1 controller, but it is not mounted; as root: \
                 mount -t cgroup -o {name} cgroup DIRECTORY"
        )
    } else {
        format!(
            "no cgroup file system has the {name} controller; mount cgroup2, or look for cgroup_disable= \
                 in /proc/cmdline"
        )
    }
}

fn enable(own: &Path, name: &str) -> String {
    let parent = own.parent().unwrap_or(own);
    format!("as root: echo +{name} > {}/cgroup.subtree_control", parent.display())
}

/// access(2) with the effective ids: whether an entry can be made in, or a file written.
fn writable(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

fn words(file: &Path) -> Vec<String> {
    kernel::read_small(file)
        .map_or_else(|_| Vec::new(), |text| text.split_whitespace().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount(fstype: &str, root: &str, at: &str, options: &str) -> Mount {
        Mount {
            id: 1,
            parent: 0,
            device: (0, at.len() as u32),
            root: root.into(),
            at: at.into(),
            options: Vec::new(),
            propagation: Vec::new(),
            fstype: fstype.to_owned(),
            source: "cgroup".to_owned(),
            super_options: options.split(',').map(str::to_owned).collect(),
        }
    }

    /// A directory that looks like cgroup v2 to those who read files.
    struct Tree(PathBuf);

    impl Tree {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let root = std::env::temp_dir().join(format!("ringfence-cgroup-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&root);
            for (path, text) in files {
                let path = root.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, text).unwrap();
            }
            Self(root)
        }

        fn hierarchy(&self, own: &str) -> Hierarchy {
            let own = self.0.join(own);
            Hierarchy {
                v2: true,
                controllers: words(&own.join("cgroup.controllers")),
                mount: self.0.clone(),
                own: Some(own),
            }
        }

        fn place(&self, own: &str) -> Result<Place, String> {
            place(&[self.hierarchy(own)], Controller::Memory, false, "uid 7")
        }
    }

    impl Drop for Tree {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn hybrid_hosts_are_understood() {
        let mounts = [
            mount("cgroup", "/", "/cg/cpu", "rw,cpu,cpuacct"),
            mount("cgroup", "/", "/cg/memory", "rw,memory"),
            mount("cgroup", "/", "/cg/systemd", "rw,xattr,name=systemd"),
            mount("cgroup2", "/", "/cg/unified2", "rw"),
            mount("ext4", "/", "/", "rw"),
        ];
        let text = "4:memory:/a/b\n3:cpu,cpuacct:/\n2:name=systemd:/s\n0::/x\n";
        let found = hierarchies(&mounts, text);
        let own: Vec<_> = found.iter().map(|h| h.own.clone().unwrap()).collect();
        assert_eq!(own, ["/cg/cpu", "/cg/memory/a/b", "/cg/systemd/s", "/cg/unified2/x"].map(PathBuf::from));
        assert_eq!(found[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(layout(&found), Layout::Hybrid);
    }

    #[test]
    fn a_mount_that_shows_a_part_shows_only_that() {
        let part = mount("cgroup2", "/docker/1", "/cg", "rw");
        assert_eq!(below(&part, "/docker/1/x"), Some("/cg/x".into()));
        assert_eq!(below(&part, "/docker/1"), Some("/cg".into()));
        assert_eq!(below(&part, "/docker/12"), None);
        assert_eq!(below(&mount("cgroup2", "/", "/cg", "rw"), "/../other"), None);
    }

    #[test]
    fn the_root_cgroup_takes_one_where_the_controller_is_enabled() {
        let files = [("cgroup.controllers", "memory pids"), ("cgroup.subtree_control", "memory")];
        let tree = Tree::new("root", &files);
        assert_eq!(tree.place(""), Ok(Place { v2: true, parent: tree.0.join("") }));
        let files = [("cgroup.controllers", "memory pids"), ("cgroup.subtree_control", "")];
        let tree = Tree::new("root-off", &files);
        assert!(tree.place("").unwrap_err().contains("echo +memory >"));
    }

    #[test]
    fn below_the_root_it_stands_beside_the_own() {
        let files = [
            ("s/cgroup.procs", ""),
            ("s/own/cgroup.type", "domain"),
            ("s/own/cgroup.controllers", "memory"),
            ("s/own/memory.max", "max\n"),
            ("s/own/cpu.max", "max 100000\n"),
        ];
        let tree = Tree::new("beside", &files);
        assert_eq!(tree.place("s/own"), Ok(Place { v2: true, parent: tree.0.join("s") }));
        std::fs::write(tree.0.join("s/own/memory.max"), "4096\n").unwrap();
        assert!(tree.place("s/own").unwrap_err().contains("memory.max 4096"));
    }

    #[test]
    fn what_is_not_delegated_says_what_would_be() {
        let files = [("s/own/cgroup.type", "domain"), ("s/own/cgroup.controllers", "memory")];
        let tree = Tree::new("undelegated", &files);
        // No cgroup.procs in the parent: not writable for anybody, root included.
        assert!(tree.place("s/own").unwrap_err().contains("systemd-run"));
        let files = [("s/own/cgroup.type", "domain"), ("s/own/cgroup.controllers", "pids")];
        let tree = Tree::new("disabled", &files);
        let why = tree.place("s/own").unwrap_err();
        assert!(why.contains("does not list memory") && why.contains("s/cgroup.subtree_control"), "{why}");
        let files = [("cgroup.type", "domain"), ("cgroup.controllers", "memory")];
        let tree = Tree::new("topmost", &files);
        assert!(tree.place("").unwrap_err().contains("topmost"));
    }

    #[test]
    fn version_1_stands_below_the_own() {
        let tree = Tree::new("v1", &[("own/x", "")]);
        let hierarchy = |own: PathBuf| Hierarchy {
            v2: false,
            controllers: vec!["memory".to_owned()],
            mount: tree.0.clone(),
            own: Some(own),
        };
        let own = tree.0.join("own");
        let found = place(&[hierarchy(own.clone())], Controller::Memory, true, "uid 7");
        assert_eq!(found, Ok(Place { v2: false, parent: own }));
        let missing = place(&[hierarchy(tree.0.join("no"))], Controller::Memory, true, "uid 7");
        assert!(missing.unwrap_err().contains("not writable by uid 7"));
    }

    #[test]
    fn a_controller_that_is_nowhere_says_so() {
        let none = place(&[], Controller::Cpu, false, "uid 7").unwrap_err();
        assert!(none.contains("cgroup_disable="), "{none}");
        let unmounted = place(&[], Controller::Cpu, true, "uid 7").unwrap_err();
        assert!(unmounted.contains("mount -t cgroup -o cpu"), "{unmounted}");
    }

    #[test]
    fn the_live_own_cgroups_list_this_process() {
        let host = Host::live();
        for hierarchy in &host.cgroup().value.hierarchies {
            let Some(own) = &hierarchy.own else { continue };
            let procs = std::fs::read_to_string(own.join("cgroup.procs")).unwrap();
            let pid = std::process::id().to_string();
            assert!(procs.lines().any(|line| line == pid), "{}", own.display());
        }
    }
}
