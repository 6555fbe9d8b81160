//! Which places need a mount of their own: rights add up along a path, and a place whose rights
//! are those of what surrounds it is there already.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::control::tree::{parent, upwards};

use super::model::{Access, Deny, Place, Tmp};

/// Everything that becomes a mount, by path: what contains comes before what is contained. The keys
/// are paths as bytes, which compare faster than paths do.
#[derive(Debug)]
pub(super) struct Layout<'m> {
    pub(super) entries: BTreeMap<OsString, Entry<'m>>,
}

/// A mount of the view.
#[derive(Debug, Clone, Copy)]
pub(super) enum Entry<'m> {
    /// A place of the host, with its own rights and those of every place around it.
    Host(&'m Place, Access),
    /// A private directory: nothing of the host shows through, and places inside start anew.
    Private(&'m Tmp),
}

impl<'m> Layout<'m> {
    pub(super) fn new(places: &'m [Place], tmp: &'m [Tmp], deny: &[Deny]) -> Self {
        let mut all: BTreeMap<OsString, Entry<'m>> = BTreeMap::new();
        for tmp in tmp {
            all.insert(tmp.path.clone().into(), Entry::Private(tmp));
        }
        for place in places {
            let entry = all.entry(place.path.clone().into()).or_insert(Entry::Host(place, place.access));
            if let Entry::Host(_, access) = entry {
                *access = both(*access, place.access);
            }
        }
        let mut layout = Self { entries: BTreeMap::new() };
        for (path, mut entry) in all {
            if let (Entry::Host(_, access), Some((_, Entry::Host(_, around)))) =
                (&mut entry, layout.outside(Path::new(&path)))
            {
                *access = both(*access, around);
                if *access == around {
                    continue;
                }
            }
            layout.entries.insert(path, entry);
        }
        deny.iter().for_each(|deny| layout.pin(&deny.path));
        layout
    }

    /// Every directory between a denied path and the writable place around it becomes a mount of
    /// its own, with the same rights: a mount point cannot be renamed or removed (`EBUSY`).
    fn pin(&mut self, denied: &Path) {
        let Some((_, Entry::Host(place, access))) = self.outside(denied) else { return };
        let Some(root) = self.outside(denied).map(|(path, _)| path.to_owned()) else { return };
        if !access.write {
            return;
        }
        for directory in upwards(denied).skip(1).take_while(|above| *above != root) {
            self.entries.entry(directory.into()).or_insert(Entry::Host(place, access));
        }
    }

    /// The rights of the whole host, where `/` is a place: the view is then made in place.
    pub(super) fn root(&self) -> Option<Access> {
        match self.entries.get(OsStr::new("/")) {
            Some(Entry::Host(_, access)) => Some(*access),
            _ => None,
        }
    }

    /// The nearest entry at or above `path`.
    pub(super) fn around(&self, path: &Path) -> Option<(&Path, Entry<'m>)> {
        let found = upwards(path).find_map(|above| self.entries.get_key_value(above.as_os_str()));
        found.map(|(path, entry)| (Path::new(path), *entry))
    }

    /// The nearest entry above `path`.
    pub(super) fn outside(&self, path: &Path) -> Option<(&Path, Entry<'m>)> {
        self.around(parent(path)?)
    }
}

fn both(a: Access, b: Access) -> Access {
    Access { exec: a.exec || b.exec, write: a.write || b.write }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::mount::Kind;

    fn place(path: &str, exec: bool, write: bool) -> Place {
        let access = Access { exec, write };
        Place { path: path.into(), kind: Kind::Directory, access, links: Vec::new(), at: None }
    }

    fn listing(layout: &Layout<'_>) -> Vec<String> {
        let line = |(path, entry): (&OsString, &Entry<'_>)| match entry {
            Entry::Host(_, access) => {
                format!("{} x={} w={}", Path::new(path).display(), access.exec, access.write)
            }
            Entry::Private(_) => format!("{} private", Path::new(path).display()),
        };
        layout.entries.iter().map(line).collect()
    }

    #[test]
    fn rights_add_up_along_a_path_and_equal_ones_need_no_mount() {
        let places = [
            place("/usr", true, false),
            place("/usr/share", false, false),
            place("/usr/local/w", false, true),
            place("/usr", false, false),
        ];
        let layout = Layout::new(&places, &[], &[]);
        assert_eq!(listing(&layout), ["/usr x=true w=false", "/usr/local/w x=true w=true"]);
        assert!(layout.root().is_none());
        assert_eq!(layout.around(Path::new("/usr/local/w/x")).unwrap().0, Path::new("/usr/local/w"));
    }

    #[test]
    fn a_place_inside_a_private_directory_is_a_mount_and_inherits_nothing() {
        let places =
            [place("/", true, false), place("/tmp/project", false, true), place("/tmp/seen", false, false)];
        let tmp = [Tmp { path: "/tmp".into(), exec: false, at: None }];
        let layout = Layout::new(&places, &tmp, &[]);
        assert_eq!(
            listing(&layout),
            ["/ x=true w=false", "/tmp private", "/tmp/project x=false w=true", "/tmp/seen x=false w=false"]
        );
    }

    #[test]
    fn directories_between_a_writable_place_and_a_denied_path_are_pinned() {
        let places = [place("/w", true, true), place("/r", false, false)];
        let denied = |path: &str| Deny { path: path.into(), kind: Kind::Directory, at: None };
        let layout = Layout::new(&places, &[], &[denied("/w/a/b/c"), denied("/r/a/b")]);
        assert_eq!(
            listing(&layout),
            ["/r x=false w=false", "/w x=true w=true", "/w/a x=true w=true", "/w/a/b x=true w=true"]
        );
    }
}
