//! An archive that the kernel unpacks as its first file system: cpio, `newc` format, uncompressed.
//! Documentation/driver-api/early-userspace/buffer-format.rst of the kernel.

use std::collections::BTreeMap;

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    Directory(u32),
    File(u32, Vec<u8>),
    Link(String),
    /// A character device: major and minor number.
    Device(u32, u32),
}

/// A file system by path, without the slash in front. Everything belongs to root, but for what is
/// named otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    entries: BTreeMap<String, (Entry, u32)>,
}

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;

impl Tree {
    /// Puts something at an absolute path, and directories above it where there are none.
    pub(super) fn put(&mut self, path: &str, entry: Entry) {
        self.put_for(0, path, entry);
    }

    /// The same, belonging to a user and the group of the same number.
    pub(super) fn put_for(&mut self, owner: u32, path: &str, entry: Entry) {
        let path = path.trim_matches('/');
        let above = path.match_indices('/').map(|(at, _)| &path[..at]);
        for directory in above {
            self.entries.entry(directory.to_owned()).or_insert((Entry::Directory(0o755), 0));
        }
        self.entries.insert(path.to_owned(), (entry, owner));
    }

    pub(super) fn has(&self, path: &str) -> bool {
        self.entries.contains_key(path.trim_matches('/'))
    }

    /// The archive.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (path, (entry, owner))) in self.entries.iter().enumerate() {
            record(&mut bytes, number as u32 + 1, path, entry, *owner);
        }
        record(&mut bytes, 0, "TRAILER!!!", &Entry::File(0, Vec::new()), 0);
        bytes
    }
}

fn record(bytes: &mut Vec<u8>, number: u32, path: &str, entry: &Entry, owner: u32) {
    let (mode, data, device): (u32, &[u8], (u32, u32)) = match entry {
        Entry::Directory(mode) => (DIRECTORY | mode, &[], (0, 0)),
        Entry::File(mode, data) => (FILE | mode, data, (0, 0)),
        Entry::Link(target) => (LINK | 0o777, target.as_bytes(), (0, 0)),
        Entry::Device(major, minor) => (DEVICE | 0o600, &[], (*major, *minor)),
    };
    let links = if matches!(entry, Entry::Directory(_)) { 2 } else { 1 };
    // Inode, mode, uid, gid, links, mtime, size, device, special device, name's length, checksum.
    let fields = [
        number,
        mode,
        owner,
        owner,
        links,
        0,
        data.len() as u32,
        0,
        0,
        device.0,
        device.1,
        path.len() as u32 + 1,
        0,
    ];
    bytes.extend(b"070701");
    for field in fields {
        bytes.extend(format!("{field:08x}").bytes());
    }
    bytes.extend(path.bytes());
    bytes.push(0);
    pad(bytes);
    bytes.extend(data);
    pad(bytes);
}

fn pad(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_above_comes_before() {
        let mut tree = Tree::default();
        tree.put("/b/c/file", Entry::File(0o644, b"text".to_vec()));
        tree.put("/a", Entry::Link("b".into()));
        let paths: Vec<_> = tree.entries.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a", "b", "b/c", "b/c/file"]);
        assert!(tree.has("/b/c") && !tree.has("/c"));
    }

    #[test]
    fn bytes_are_those_of_the_format() {
        let mut tree = Tree::default();
        tree.put_for(1000, "/f", Entry::File(0o640, b"hello".to_vec()));
        let bytes = tree.write();
        assert_eq!(bytes.len() % 4, 0);
        // Inode, mode, owner, group, links, time, size; devices; name's length, checksum, name.
        let head = [
            "070701",
            "00000001000081a0000003e8000003e8000000010000000000000005",
            "00000000000000000000000000000000",
            "0000000200000000f\0",
        ]
        .concat();
        assert_eq!(String::from_utf8_lossy(&bytes[..head.len()]), head);
        assert_eq!(&bytes[112..120], b"hello\0\0\0");
        assert!(bytes.windows(11).any(|window| window == b"TRAILER!!!\0"));
    }
}
