//! Resolution in directories made for it.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use super::*;

const AT: Origin = Origin { source: 1, offset: 20, len: 4 };

/// An empty directory, removed at the end.
struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Self {
        let root = std::env::temp_dir().join(format!("ringfence-path-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&root);
        fs::create_dir(&root).unwrap();
        Self(root.canonicalize().unwrap())
    }

    fn dir(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn file(&self, path: &str) -> PathBuf {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "").unwrap();
        path
    }

    fn link(&self, path: &str, target: &str) -> PathBuf {
        let path = self.0.join(path);
        symlink(target, &path).unwrap();
        path
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings { directory: Some(self.0.clone()), uid: 0, variables: BTreeMap::new() }
    }

    fn try_resolve(&self, text: &str, absent: Absent) -> Result<Option<Resolved>, Refusal> {
        Resolver::new(&self.surroundings()).resolve(&spec(text), None, absent)
    }

    fn resolve(&self, text: &str) -> Resolved {
        self.try_resolve(text, Absent::Refused).unwrap().unwrap()
    }

    fn keep(&self, text: &str) -> Resolved {
        self.try_resolve(text, Absent::Kept).unwrap().unwrap()
    }

    fn refuse(&self, text: &str) -> Refusal {
        let refusal = self.try_resolve(text, Absent::Refused).unwrap_err();
        assert_eq!(refusal.at, Some(AT));
        assert!(!refusal.help.is_empty());
        refusal
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// As the policy has it: a leading `-` is the mark.
fn spec(text: &str) -> At<PathSpec> {
    let optional = text.starts_with('-');
    let text = text.strip_prefix('-').unwrap_or(text).to_owned();
    At { value: PathSpec { text, optional }, at: AT }
}

#[test]
fn a_dot_in_an_optional_path_keeps_what_follows_where_that_much_exists() {
    let tree = Tree::new("anchor");
    let try_ = |text| tree.try_resolve(text, Absent::Kept).unwrap().map(|found| found.placeholders);
    assert_eq!(try_("-repo/./hooks"), None, "no repository");
    let repo = tree.dir("repo");
    assert_eq!(try_("-repo/./hooks"), Some(vec![repo.join("hooks")]));
    assert_eq!(try_("-repo/hooks"), None);
    assert_eq!(try_("-$XDG_RUNTIME_DIR/./x"), None, "an unset variable");
    assert!(tree.try_resolve("-repo/./hooks", Absent::Refused).unwrap().is_none(), "only where it is denied");
    tree.dir("repo/hooks");
    assert_eq!(try_("-repo/./hooks"), Some(Vec::new()));
    tree.file("tree");
    assert_eq!(try_("-tree/./hooks"), None, "a work tree's .git is a file");
    assert_eq!(try_("-tree/hooks"), None);
    assert!(tree.try_resolve("tree/hooks", Absent::Kept).is_err());
}

#[test]
fn what_is_there_is_found_with_its_identity() {
    let tree = Tree::new("there");
    let file = tree.file("a/b");
    let found = tree.resolve("a/b");
    let meta = fs::metadata(&file).unwrap();
    let object = found.found.unwrap();
    assert_eq!(found.real, file);
    assert_eq!((object.device, object.inode, object.kind), (meta.dev(), meta.ino(), Kind::File));
    assert_eq!((object.uid, object.mode), (meta.uid(), meta.mode() & 0o7777));
    assert_eq!(found.written, "a/b");
    assert!(found.links.is_empty() && found.missing.is_empty() && found.placeholders.is_empty());
    assert_eq!(found.existing, file);
}

#[test]
fn kinds_are_told_apart() {
    let tree = Tree::new("kinds");
    let _socket = UnixListener::bind(tree.0.join("s")).unwrap();
    tree.dir("d");
    for (path, kind) in [("s", Kind::Socket), ("d", Kind::Dir), ("/dev/null", Kind::CharDevice)] {
        assert_eq!(tree.resolve(path).found.unwrap().kind, kind, "{path}");
    }
}

#[test]
fn links_are_followed_and_kept_in_order() {
    let tree = Tree::new("links");
    let real = tree.file("usr/bin/env");
    let bin = tree.link("bin", "usr/bin");
    let absolute = tree.link("abs", bin.to_str().unwrap());
    let found = tree.resolve("abs/env");
    assert_eq!(found.real, real);
    assert_eq!(
        found.links,
        [Link { at: absolute, target: bin.clone() }, Link { at: bin, target: "usr/bin".into() }]
    );
}

#[test]
fn the_same_answer_comes_from_what_was_seen_before() {
    let tree = Tree::new("cache");
    tree.file("usr/bin/env");
    tree.link("bin", "usr/bin");
    let surroundings = tree.surroundings();
    let mut resolver = Resolver::new(&surroundings);
    let first = resolver.resolve(&spec("bin/env"), None, Absent::Refused).unwrap().unwrap();
    fs::remove_dir_all(tree.0.join("usr")).unwrap();
    let second = resolver.resolve(&spec("bin/env"), None, Absent::Refused).unwrap().unwrap();
    assert_eq!(first, second);
}

#[test]
fn dots_are_taken_after_links_as_the_kernel_does() {
    let tree = Tree::new("dots");
    tree.file("x/y/file");
    let other = tree.file("x/file");
    tree.link("l", "x/y");
    assert_eq!(tree.resolve("l/../file").real, other);
    assert_eq!(tree.resolve("./x/./y/.././file").real, other);
    assert_eq!(tree.resolve("/../../").real, Path::new("/"));
    assert_eq!(tree.resolve(".").real, tree.0);
}

#[test]
fn agrees_with_the_kernel_on_every_path_of_a_tangle() {
    let tree = Tree::new("tangle");
    tree.file("a/b/c");
    tree.file("d");
    for (path, target) in [("a/up", ".."), ("a/b/self", "."), ("r", "a/up/a"), ("slash", "a/b/"), ("e", "d/")]
    {
        tree.link(path, target);
    }
    let names = ["a", "b", "c", "d", "up", "self", "r", "slash", "e", "..", "."];
    let mut texts: Vec<String> = names.map(str::to_owned).to_vec();
    for _ in 0..3 {
        let longer: Vec<String> =
            texts.iter().flat_map(|t| names.map(|name| format!("{t}/{name}"))).collect();
        texts = longer;
    }
    let surroundings = tree.surroundings();
    let mut resolver = Resolver::new(&surroundings);
    let (mut there, mut not) = (0, 0);
    for text in &texts {
        let ours = resolver.resolve(&spec(text), None, Absent::Refused);
        match tree.0.join(text).canonicalize() {
            // canonicalize knows no trailing `.` behind a file.
            Ok(real) if !text.ends_with("/.") || real.is_dir() => {
                assert_eq!(ours.unwrap().unwrap().real, real, "{text}");
                there += 1;
            }
            Ok(_) => {}
            Err(_) => {
                assert!(ours.is_err(), "{text}");
                not += 1;
            }
        }
    }
    assert!(there > 200 && not > 1000, "{there} {not}");
}

#[test]
fn what_is_missing_is_refused_with_what_to_do() {
    let tree = Tree::new("missing");
    tree.dir("a");
    let refusal = tree.refuse("a/b/c");
    assert!(refusal.message.contains(&format!("{}/a/b/c does not exist", tree.0.display())), "{refusal}");
    assert!(refusal.help.contains("\"-a/b/c\""), "{}", refusal.help);
    assert_eq!(tree.try_resolve("-a/b/c", Absent::Refused), Ok(None));
    assert_eq!(tree.try_resolve("-a/b/c", Absent::Kept), Ok(None));
    assert!(tree.try_resolve("-a", Absent::Refused).unwrap().is_some());
}

#[test]
fn what_is_denied_is_kept_with_what_is_missing() {
    let tree = Tree::new("denied");
    let existing = tree.dir("a");
    tree.link("l", "a/gone");
    let found = tree.keep("a/b/c");
    assert!(!found.exists() && !found.is_dir());
    assert_eq!(found.real, existing.join("b/c"));
    assert_eq!(found.existing, existing);
    assert_eq!(found.missing, ["b", "c"]);
    assert_eq!(found.placeholders, [existing.join("b"), existing.join("b/c")]);
    let through = tree.keep("l/x");
    assert_eq!(through.real, existing.join("gone/x"));
    assert_eq!(through.links.len(), 1);
    let top = tree.keep("/no-such-directory-here");
    assert_eq!((top.existing.to_str(), top.real.to_str()), (Some("/"), Some("/no-such-directory-here")));
}

#[test]
fn placeholders_of_others_are_known() {
    let tree = Tree::new("placeholder");
    let outer = tree.dir("a/b");
    let inner = tree.dir("a/b/c");
    for path in [&outer, &inner] {
        fs::set_permissions(path, Permissions::from_mode(PLACEHOLDER_MODE)).unwrap();
    }
    assert_eq!(tree.keep("a/b/c").placeholders, [outer.clone(), inner.clone()]);
    assert_eq!(tree.keep("a/b/c/d").placeholders, [outer, inner.clone(), inner.join("d")]);
    fs::set_permissions(&inner, Permissions::from_mode(0o700)).unwrap();
    assert!(tree.keep("a/b/c").placeholders.is_empty());
}

#[test]
fn dots_behind_what_is_missing_are_refused() {
    let tree = Tree::new("dotdot");
    tree.file("b");
    assert!(tree.refuse("a/../b").message.contains("`..` leads on"));
    assert!(tree.try_resolve("a/../b", Absent::Kept).is_err());
    assert_eq!(tree.try_resolve("-a/../b", Absent::Refused), Ok(None));
}

#[test]
fn files_are_no_directories() {
    let tree = Tree::new("notdir");
    tree.file("f");
    for text in ["f/x", "f/", "f/.", "f/.."] {
        assert!(tree.refuse(text).message.contains("/f is not a directory"), "{text}");
    }
    assert!(tree.resolve("./").is_dir());
}

#[test]
fn loops_end() {
    let tree = Tree::new("loop");
    tree.link("a", "b");
    tree.link("b", "a");
    assert!(tree.refuse("a").message.contains("40 symbolic links"));
    tree.file("f");
    tree.link("l0", "f");
    for n in 1..=40 {
        tree.link(&format!("l{n}"), &format!("l{}", n - 1));
    }
    assert_eq!(tree.resolve("l39").links.len(), 40);
    assert!(tree.0.join("l39").canonicalize().is_ok());
    assert!(tree.refuse("l40").message.contains("l0"));
    assert!(tree.0.join("l40").canonicalize().is_err());
}

#[test]
fn links_of_proc_are_refused() {
    let tree = Tree::new("magic");
    for text in ["/proc/self/status", "/proc/self/exe", "/dev/fd/0", "/proc/thread-self"] {
        assert!(tree.refuse(text).message.contains("elsewhere for every process"), "{text}");
    }
    assert!(tree.resolve("/proc/sys/kernel/ostype").exists());
}

#[test]
fn what_is_no_path_is_refused() {
    let tree = Tree::new("bad");
    assert!(tree.refuse("").message.contains("empty"));
    assert!(tree.refuse("a\0b").message.contains("NUL"));
    let long = "x".repeat(256);
    assert!(tree.refuse(&long).help.contains("255"));
    assert!(tree.refuse(&"x/".repeat(3000)).message.contains("does not exist"));
}

#[test]
fn variables_are_put_in() {
    let tree = Tree::new("variables");
    let mut surroundings = tree.surroundings();
    let home = tree.0.join("home");
    surroundings.variables.insert("HOME", home.clone().into());
    surroundings.variables.insert("USER", "u".into());
    surroundings.variables.insert("PWD", "/elsewhere".into());
    let expand = |text: &str| surroundings.expand(text, None);
    assert_eq!(expand("~"), Ok(home.clone()));
    assert_eq!(expand("~/x"), Ok(home.join("x")));
    assert_eq!(expand("$HOME/x"), Ok(home.join("x")));
    assert_eq!(expand("/run/$USER.x/$USER"), Ok("/run/u.x/u".into()));
    assert_eq!(expand("$CARGO_HOME/bin"), Ok(home.join(".cargo/bin")));
    assert_eq!(expand("$TMPDIR"), Ok("/tmp".into()));
    assert_eq!(expand("$PWD"), Ok(tree.0.clone()), "the environment's word is not believed");
    assert_eq!(expand(r"a\$HOME/\*/b~"), Ok(tree.0.join("a$HOME/*/b~")), "as policy.md says");
    assert_eq!(surroundings.expand("x", Some(Path::new("/base"))), Ok("/base/x".into()));
}

#[test]
fn bad_variables_are_refused() {
    let tree = Tree::new("bad-variables");
    let mut surroundings = tree.surroundings();
    surroundings.variables.insert("HOME", "relative".into());
    surroundings.variables.insert("USER", "../x".into());
    let expand = |text: &str| surroundings.expand(text, None).unwrap_err();
    assert_eq!(expand("$XDG_RUNTIME_DIR"), Fault::Unset("XDG_RUNTIME_DIR"));
    assert!(matches!(expand("~/x"), Fault::BadVariable("HOME", _)));
    assert!(matches!(expand("/$USER"), Fault::BadVariable("USER", _)));
    assert_eq!(expand("~root/x"), Fault::OtherHome("root".to_owned()));
    let gone = Surroundings { directory: None, ..surroundings.clone() };
    assert_eq!(gone.expand("x", None), Err(Fault::NoDirectory));
    let optional = Resolver::new(&surroundings).resolve(&spec("-$XDG_RUNTIME_DIR/x"), None, Absent::Refused);
    assert_eq!(optional, Ok(None));
}

#[test]
fn a_home_that_is_not_set_is_that_of_passwd() {
    let tree = Tree::new("home");
    let surroundings = tree.surroundings();
    assert_eq!(surroundings.expand("~", None), Ok(crate::host::caller::account(0).unwrap().home));
    let nobody = Surroundings { uid: 4_000_000_000, ..surroundings };
    assert_eq!(nobody.expand("~", None), Err(Fault::Unset("HOME")));
}

#[test]
fn what_may_not_be_searched_is_refused_or_left_out() {
    if rustix::process::geteuid().is_root() {
        println!("skipped: root searches every directory");
        return;
    }
    let tree = Tree::new("denied-search");
    tree.file("closed/x");
    fs::set_permissions(tree.0.join("closed"), Permissions::from_mode(0o000)).unwrap();
    let refusal = tree.refuse("closed/x");
    assert!(refusal.message.contains("ermission denied"), "{refusal}");
    assert_eq!(tree.try_resolve("-closed/x", Absent::Refused), Ok(None));
    fs::set_permissions(tree.0.join("closed"), Permissions::from_mode(0o700)).unwrap();
}
