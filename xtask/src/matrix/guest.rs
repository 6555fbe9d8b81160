//! The guest's file system: init, the programs that tests use with their libraries, users, and what
//! a run brings along. Everything comes from the machine that boots it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use ringfence_matrix::job::{self, Job, USER};

use super::cpio::{Entry, Tree};
use crate::dist;

/// Programs that tests and their scripts start, where this machine has them; a test that needs
/// another one skips, and is counted.
const PROGRAMS: [&str; 87] = [
    "[",
    "apparmor_parser",
    "yes",
    "awk",
    "bash",
    "basename",
    "cat",
    "chgrp",
    "chmod",
    "curl",
    "chown",
    "chroot",
    "cmp",
    "cp",
    "cut",
    "date",
    "dd",
    "df",
    "dirname",
    "echo",
    "env",
    "expr",
    "false",
    "find",
    "getent",
    "git",
    "grep",
    "gzip",
    "head",
    "hostname",
    "id",
    "install",
    "ip",
    "kill",
    "link",
    "ln",
    "ls",
    "mkdir",
    "mkfifo",
    "mknod",
    "mktemp",
    "mount",
    "mountpoint",
    "mv",
    "newgidmap",
    "newuidmap",
    "nginx",
    "nproc",
    "nsenter",
    "od",
    "ping",
    "printf",
    "ps",
    "pwd",
    "readlink",
    "realpath",
    "redis-cli",
    "redis-server",
    "rm",
    "rmdir",
    "sed",
    "secilc",
    "seq",
    "setpriv",
    "setsid",
    "sh",
    "sleep",
    "sort",
    "sqlite3",
    "stat",
    "stty",
    "su",
    "sync",
    "tail",
    "tar",
    "tee",
    "test",
    "timeout",
    "touch",
    "tr",
    "true",
    "truncate",
    "umount",
    "uname",
    "unlink",
    "unshare",
    "wc",
];
const PATH: [&str; 2] = ["/usr/bin", "/usr/sbin"];
/// Read by the C library's look-ups of users.
const LIBRARIES: [&str; 2] = ["/lib/x86_64-linux-gnu/libnss_files.so.2", "/lib64/ld-linux-x86-64.so.2"];

/// What every guest has.
pub(super) fn base() -> Result<Tree> {
    let mut tree = Tree::default();
    for (link, target) in
        [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
    {
        tree.put(link, Entry::Link(target.to_owned()));
    }
    for directory in ["proc", "sys", "dev", "run", "root", "var", "var/log", "mnt", "opt", "srv", "guest"] {
        tree.put(directory, Entry::Directory(0o755));
    }
    for directory in ["tmp", "var/tmp"] {
        tree.put(directory, Entry::Directory(0o1777));
    }
    // The kernel opens it for init before devtmpfs is there.
    tree.put("dev/console", Entry::Device(5, 1));
    users(&mut tree);
    tree.put("init", Entry::File(0o755, read(&init()?)?));
    for program in PROGRAMS {
        let found =
            PATH.iter().map(|directory| Path::new(directory).join(program)).find(|path| path.exists());
        if let Some(path) = found {
            bring(&mut tree, &path)?;
        }
    }
    abi(&mut tree)?;
    for library in LIBRARIES.iter().map(Path::new).filter(|path| path.exists()) {
        copy(&mut tree, library)?;
    }
    Ok(tree)
}

/// The features that profiles name: apparmor.d(5).
fn abi(tree: &mut Tree) -> Result<()> {
    for entry in fs::read_dir("/etc/apparmor.d/abi").into_iter().flatten().flatten() {
        bring(tree, &entry.path())?;
    }
    Ok(())
}

/// A list of jobs and the word of one boot, to be unpacked after the tree that all boots share: the
/// kernel takes several archives one after the other.
pub(super) fn order(jobs: &[Job], nonce: &str) -> Vec<u8> {
    let mut tree = Tree::default();
    tree.put(job::FILE, Entry::File(0o600, job::write(jobs).into_bytes()));
    tree.put(job::NONCE_FILE, Entry::File(0o600, nonce.as_bytes().to_vec()));
    tree.write()
}

/// 128 random bits: a job cannot guess them, and they are gone from the guest before it starts.
pub(super) fn nonce() -> Result<String> {
    let mut bytes = [0_u8; 16];
    std::io::Read::read_exact(&mut fs::File::open("/dev/urandom")?, &mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// A file of this machine with all the libraries that it needs, at its own path.
pub(super) fn bring(tree: &mut Tree, path: &Path) -> Result<()> {
    copy(tree, path)?;
    for library in libraries(path)? {
        copy(tree, &library)?;
    }
    Ok(())
}

/// A file at another path, with the libraries that it needs.
pub(super) fn place(tree: &mut Tree, from: &Path, to: &str) -> Result<()> {
    tree.put(to, Entry::File(0o755, read(from)?));
    for library in libraries(from)? {
        copy(tree, &library)?;
    }
    Ok(())
}

/// The policies that the matrix asks about.
pub(super) fn policies(tree: &mut Tree) -> Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../matrix/policy");
    for entry in fs::read_dir(&directory).with_context(|| directory.display().to_string())? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("a name of plain text")?;
        tree.put(&format!("guest/policy/{name}"), Entry::File(0o644, read(&path)?));
    }
    Ok(())
}

/// A file and the links that lead to it, each in its real directory.
fn copy(tree: &mut Tree, path: &Path) -> Result<()> {
    let directory = path.parent().context("a path of a file")?.canonicalize();
    let directory = directory.with_context(|| path.display().to_string())?;
    let real = directory.join(path.file_name().context("a path of a file")?);
    let name = real.to_str().context("a path of plain text")?;
    if tree.has(name) {
        return Ok(());
    }
    let metadata = fs::symlink_metadata(&real).with_context(|| name.to_owned())?;
    if metadata.is_symlink() {
        let target = fs::read_link(&real)?;
        tree.put(name, Entry::Link(target.to_str().context("a link of plain text")?.to_owned()));
        return copy(tree, &directory.join(target));
    }
    tree.put(name, Entry::File(metadata.permissions().mode() & 0o7777, read(&real)?));
    Ok(())
}

/// What the dynamic linker would load; none for a script or a static program.
fn libraries(path: &Path) -> Result<BTreeSet<PathBuf>> {
    let output = Command::new("ldd").arg(path).env("LC_ALL", "C").output().context("ldd")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from).collect())
}

fn users(tree: &mut Tree) {
    let (name, id) = USER;
    let file = |text: String| Entry::File(0o644, text.into_bytes());
    tree.put("etc/passwd", file(format!("root:x:0:0:root:/root:/bin/sh\n{name}:x:{id}:{id}::/home/{name}:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n")));
    tree.put(
        "etc/group",
        file(format!("root:x:0:\ntty:x:5:\nshadow:x:42:\n{name}:x:{id}:\nnogroup:x:65534:\n")),
    );
    tree.put(
        "etc/shadow",
        Entry::File(0o640, format!("root:*:19000::::::\n{name}:*:19000::::::\n").into_bytes()),
    );
    for file_name in ["etc/subuid", "etc/subgid"] {
        tree.put(file_name, file(format!("{name}:100000:65536\n")));
    }
    tree.put("etc/hostname", file("guest\n".into()));
    tree.put("etc/hosts", file("127.0.0.1 localhost guest\n".into()));
    tree.put("etc/nsswitch.conf", file("passwd: files\ngroup: files\nhosts: files\n".into()));
    tree.put_for(id, &format!("home/{name}"), Entry::Directory(0o755));
}

fn init() -> Result<PathBuf> {
    let status = dist::cargo()
        .args([
            "build",
            "--quiet",
            "--profile",
            "dist",
            "--package",
            "ringfence-matrix",
            "--bin",
            "matrix-init",
        ])
        .args(["--target", TARGET])
        .stdin(Stdio::null())
        .status()
        .context("cargo")?;
    ensure!(status.success(), "the guest's init could not be built");
    Ok(dist::target_directory()?.join(TARGET).join("dist/matrix-init"))
}

/// The workspace builds for it by default, statically.
const TARGET: &str = "x86_64-unknown-linux-gnu";

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| path.display().to_string())
}
