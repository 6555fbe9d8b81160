//! Finding commands in directories made for it, and on this machine.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::host::path::Surroundings;

/// Directories `a` and `b` for PATH, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ringfence-command-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        for directory in ["a", "b"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        Self(root.canonicalize().unwrap())
    }

    fn program(&self, path: &str, mode: u32, text: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn find(&self, name: &str) -> Result<Command, NotRunnable> {
        let search = format!("{0}/a:{0}/b", self.0.display());
        self.find_along(name, Some(&search))
    }

    fn find_along(&self, name: &str, search: Option<&str>) -> Result<Command, NotRunnable> {
        let surroundings =
            Surroundings { directory: Some(self.0.clone()), uid: 0, variables: BTreeMap::new() };
        find(OsStr::new(name), search.map(OsStr::new), &mut Resolver::new(&surroundings))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_first_that_may_be_executed_is_taken() {
    let tree = Tree::new("first");
    tree.program("a/x", 0o644, "");
    let second = tree.program("b/x", 0o755, "");
    assert_eq!(tree.find("x").unwrap().path, second);
    let first = tree.program("a/x", 0o755, "");
    assert_eq!(tree.find("x").unwrap().path, first);
}

#[test]
fn names_with_a_slash_are_not_searched() {
    let tree = Tree::new("slash");
    let path = tree.program("a/x", 0o755, "");
    assert_eq!(tree.find("./a/x").unwrap().path, path);
    assert_eq!(tree.find(path.to_str().unwrap()).unwrap().path, path);
    assert_eq!(tree.find("./x").unwrap_err().status, 127);
}

#[test]
fn an_empty_part_of_path_is_the_working_directory() {
    let tree = Tree::new("empty");
    let path = tree.program("x", 0o755, "");
    assert_eq!(tree.find_along("x", Some(":/nowhere")).unwrap().path, path);
    assert_eq!(tree.find_along("x", Some("/nowhere")).unwrap_err().status, 127);
}

#[test]
fn what_is_not_found_suggests_the_nearest() {
    let tree = Tree::new("nearest");
    tree.program("a/frobnicate", 0o755, "");
    let error = tree.find("frobnicat").unwrap_err();
    assert_eq!(error.status, 127);
    assert!(error.help.contains("did you mean frobnicate?"), "{}", error.help);
    assert!(tree.find("").is_err());
}

#[test]
fn what_may_not_be_executed_is_126() {
    let tree = Tree::new("denied");
    tree.program("a/plain", 0o644, "");
    fs::create_dir(tree.0.join("a/dir")).unwrap();
    let plain = tree.find("plain").unwrap_err();
    assert_eq!(plain.status, 126);
    assert!(plain.help.contains("chmod +x"), "{}", plain.help);
    for name in ["dir", "./a/dir"] {
        let error = tree.find(name).unwrap_err();
        assert_eq!((error.status, error.message.contains("is a directory")), (126, true), "{error}");
    }
    assert_eq!(tree.find("./a/plain/x").unwrap_err().status, 126);
}

#[test]
fn links_are_followed() {
    let tree = Tree::new("links");
    let real = tree.program("b/real", 0o755, "");
    symlink("../b/real", tree.0.join("a/name")).unwrap();
    let found = tree.find("name").unwrap();
    assert_eq!((found.path, found.resolved.real), (tree.0.join("a/name"), real));
    symlink("nowhere", tree.0.join("a/dangling")).unwrap();
    assert_eq!(tree.find("dangling").unwrap_err().status, 127);
}

#[test]
fn scripts_lead_to_their_interpreters() {
    let tree = Tree::new("scripts");
    let inner = tree.program("a/inner", 0o755, "#!/bin/sh -e\n");
    tree.program("a/outer", 0o755, &format!("#!{} one two \n", inner.display()));
    let outer = tree.find("outer").unwrap();
    let Format::Script { interpreter, argument } = outer.format else { panic!("{outer:?}") };
    assert_eq!((interpreter.path, argument.as_deref()), (inner, Some(OsStr::new("one two"))));
    let Format::Script { interpreter, argument } = interpreter.format else { panic!() };
    assert_eq!(
        (interpreter.path.as_path(), argument.as_deref()),
        (Path::new("/bin/sh"), Some(OsStr::new("-e")))
    );
    assert!(matches!(interpreter.format, Format::Elf { machine: Machine::X86_64, .. }));
}

#[test]
fn interpreters_that_are_not_there_are_127() {
    let tree = Tree::new("no-interpreter");
    tree.program("a/x", 0o755, "#!/no/such/interpreter\n");
    let error = tree.find("x").unwrap_err();
    assert_eq!(error.status, 127);
    assert!(error.message.contains("its interpreter /no/such/interpreter"), "{error}");
}

#[test]
fn interpreters_that_never_end_are_refused() {
    let tree = Tree::new("endless");
    let path = tree.0.join("a/x");
    tree.program("a/x", 0o755, &format!("#!{}\n", path.display()));
    let error = tree.find("x").unwrap_err();
    assert_eq!((error.status, error.message.contains("more than 5 interpreters")), (126, true));
}

#[test]
fn as_many_interpreters_as_the_kernel_takes() {
    let tree = Tree::new("chain");
    fs::copy("/bin/true", tree.0.join("a/x0")).unwrap();
    for n in 1..=7 {
        let text = format!("#!{}/a/x{}\n", tree.0.display(), n - 1);
        let path = tree.program(&format!("a/x{n}"), 0o755, &text);
        let runs = std::process::Command::new(&path).status().is_ok_and(|status| status.success());
        assert_eq!(tree.find(&format!("x{n}")).is_ok(), runs, "{n}");
    }
}

#[test]
fn other_files_are_told_apart() {
    let tree = Tree::new("other");
    tree.program("a/text", 0o755, "echo\n");
    tree.program("a/empty", 0o755, "");
    for name in ["text", "empty"] {
        assert_eq!(tree.find(name).unwrap().format, Format::Other);
    }
}

#[test]
fn programs_of_this_machine_are_what_they_are() {
    let tree = Tree::new("live");
    let sh = tree.find_along("sh", None).unwrap();
    let Format::Elf { machine: Machine::X86_64, interpreter: Some(loader) } = sh.format else {
        panic!("{sh:?}")
    };
    assert!(loader.resolved.exists());
    assert!(matches!(loader.format, Format::Elf { interpreter: None, .. }), "ld.so is static");
    assert!(!sh.resolved.links.is_empty() || sh.path == sh.resolved.real);
}
