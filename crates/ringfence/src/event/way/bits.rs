//! Permission bits, capabilities over them, and who owns what: `generic_permission`, `may_delete` and
//! `setattr_prepare` of the kernel (fs/namei.c, fs/attr.c), over facts that somebody else has read.
//! Pure. path_resolution(7), capabilities(7).

use std::path::PathBuf;

use super::file::Deed;
use super::{Answer, Stop};
use crate::event::errno::{EACCES, EPERM};
use crate::event::{Cause, Control, Known, Remedy, Setting};
use crate::host::Caller;
use crate::policy::Policy;
use crate::policy::model::{Namespace, User};

const CHOWN: u8 = 0;
const DAC_OVERRIDE: u8 = 1;
const DAC_READ_SEARCH: u8 = 2;
const FOWNER: u8 = 3;
const SYS_CHROOT: u8 = 18;
const READ: u32 = 4;
const WRITE: u32 = 2;
const EXEC: u32 = 1;
const STICKY: u32 = 0o1000;

/// What the permission bits of a path are, and who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bits {
    /// The directories that lead there, from the root.
    pub above: Vec<Node>,
    /// What is there.
    pub here: Option<Node>,
    /// Who asks.
    pub who: Who,
}

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its path.
    pub path: PathBuf,
    /// Type and permission bits, inode(7).
    pub mode: u32,
    /// Owner, as outside.
    pub uid: u32,
    /// Group, as outside.
    pub gid: u32,
    /// Whether it has an ACL, which is not evaluated.
    pub acl: bool,
}

/// A process, as far as permission bits ask. Ids are those outside.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Who {
    /// `fsuid`.
    pub uid: u32,
    /// `fsgid`.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Effective capabilities, in its own user namespace.
    pub capabilities: u64,
    /// User ids that its user namespace maps: first and count. Capabilities count over these alone.
    pub uids: Vec<(u32, u32)>,
    /// Group ids likewise.
    pub gids: Vec<(u32, u32)>,
}

impl Who {
    /// Who a program is that this caller starts with a policy. Capabilities that the policy keeps count
    /// over the caller's own files; where there is no user namespace, over all.
    #[must_use]
    pub fn of(policy: &Policy, caller: &Caller) -> Self {
        let kept = policy.process.capabilities.iter().fold(0, |set, kept| set | 1u64 << kept.value.0);
        let own = policy.namespaces.unshare.contains(&Namespace::User);
        let (uid, gid) = match policy.process.user.value {
            User::Ids { uid, gid } => (uid, gid),
            User::Keep | User::RootInNamespace | User::Name(_) => (caller.euid, caller.egid),
        };
        let mapped = |id| if own { vec![(id, 1)] } else { vec![(0, u32::MAX)] };
        Self {
            uid,
            gid,
            groups: caller.groups.clone(),
            capabilities: kept,
            uids: mapped(caller.euid),
            gids: mapped(caller.egid),
        }
    }

    fn has(&self, capability: u8, over: &Node) -> bool {
        let within =
            |ranges: &[(u32, u32)], id: u32| ranges.iter().any(|(first, n)| id.wrapping_sub(*first) < *n);
        self.capabilities >> capability & 1 == 1
            && within(&self.uids, over.uid)
            && within(&self.gids, over.gid)
    }

    fn may(&self, node: &Node, wanted: u32) -> bool {
        let class = if node.uid == self.uid {
            node.mode >> 6
        } else if node.gid == self.gid || self.groups.contains(&node.gid) {
            node.mode >> 3
        } else {
            node.mode
        };
        if class & wanted == wanted {
            return true;
        }
        let directory = node.mode & 0o170_000 == 0o040_000;
        let executes = directory || wanted & EXEC == 0 || node.mode & 0o111 != 0;
        let reads = wanted & WRITE == 0 && (directory || wanted & EXEC == 0);
        (self.has(DAC_OVERRIDE, node) && executes) || (self.has(DAC_READ_SEARCH, node) && reads)
    }
}

/// What the bits say of a deed.
pub(super) fn stop(bits: Option<&Bits>, deed: Deed) -> Stop {
    let Some(bits) = bits else {
        return Stop::new(Control::Credential, Answer::Unknown, "permission bits could not be read");
    };
    let denial = bits.above.iter().find_map(|node| bits.lacks(node, EXEC)).or_else(|| bits.of(deed));
    let looked: Vec<&Node> = bits.above.last().into_iter().chain(&bits.here).collect();
    match denial {
        Some(denial) => denial,
        None if looked.iter().any(|node| node.acl) => {
            Stop::new(Control::Credential, Answer::Unknown, "there is an ACL, which is not modelled")
        }
        None if bits.here.is_none() && deed.of_what_exists() => {
            Stop::new(Control::Credential, Answer::Unknown, "there is nothing whose permission bits count")
        }
        None => Stop::new(Control::Credential, Answer::Allows, "permission bits"),
    }
}

impl Bits {
    /// The denial where `who` may not do all of `wanted` with `node`.
    fn lacks(&self, node: &Node, wanted: u32) -> Option<Stop> {
        if node.acl || self.who.may(node, wanted) {
            return None;
        }
        let Node { path, mode, uid, gid, .. } = node;
        let bits = format!("{} is {:04o} {uid}:{gid}", path.display(), mode & 0o7777);
        let mut stop = Stop::new(Control::Credential, Answer::Denies(EACCES), bits.clone());
        stop.cause = Some(Cause::Bits(bits));
        stop.remedy = Some(Known::Predicted(Remedy::None("the permission bits say so outside as well")));
        Some(stop)
    }

    fn of(&self, deed: Deed) -> Option<Stop> {
        let here = |wanted| self.here.as_ref().and_then(|node| self.lacks(node, wanted));
        let parent = || self.above.last().and_then(|node| self.lacks(node, WRITE | EXEC));
        match deed {
            Deed::Look => None,
            Deed::Read => here(READ),
            Deed::Write | Deed::Truncate | Deed::Attribute => here(WRITE),
            Deed::Exec | Deed::Chdir => here(EXEC),
            Deed::Chroot => here(EXEC).or_else(|| self.chroot()),
            Deed::Create | Deed::Mkdir | Deed::Mknod | Deed::Symlink | Deed::Link => parent(),
            Deed::Device => {
                parent().or_else(|| Some(lack("CAP_MKNOD", "a device node needs CAP_MKNOD outside")))
            }
            Deed::Unlink | Deed::Rmdir | Deed::Rename => parent().or_else(|| self.sticky()),
            Deed::Chmod | Deed::Times => self.owner(FOWNER, "CAP_FOWNER"),
            Deed::Chown => self.owner(CHOWN, "CAP_CHOWN"),
        }
    }

    fn chroot(&self) -> Option<Stop> {
        (self.who.capabilities >> SYS_CHROOT & 1 == 0).then(|| {
            let mut stop = lack("CAP_SYS_CHROOT", "chroot(2) needs CAP_SYS_CHROOT");
            stop.remedy = Some(capability("CAP_SYS_CHROOT"));
            stop
        })
    }

    fn owner(&self, capability: u8, name: &'static str) -> Option<Stop> {
        let node = self.here.as_ref()?;
        if node.uid == self.who.uid || self.who.has(capability, node) {
            return None;
        }
        let about = format!("{} belongs to user {}, and {name} is not there", node.path.display(), node.uid);
        let mut stop = Stop::new(Control::Credential, Answer::Denies(EPERM), about);
        stop.cause = Some(Cause::NotOwner);
        stop.remedy = Some(Known::Predicted(Remedy::None("it belongs to another user outside as well")));
        Some(stop)
    }

    /// In a directory with the sticky bit, only owners remove.
    fn sticky(&self) -> Option<Stop> {
        let (parent, node) = (self.above.last()?, self.here.as_ref()?);
        if parent.mode & STICKY == 0 || parent.uid == self.who.uid || self.who.has(FOWNER, node) {
            return None;
        }
        self.owner(FOWNER, "CAP_FOWNER")
    }
}

/// A capability that is not there, and that no policy gives.
fn lack(name: &'static str, about: &str) -> Stop {
    let mut stop = Stop::new(Control::Credential, Answer::Denies(EPERM), about);
    stop.cause = Some(Cause::Capability(name));
    stop.remedy = Some(Known::Predicted(Remedy::None("it counts in the first user namespace alone")));
    stop
}

/// To keep a capability.
pub(super) fn capability(name: &str) -> Known<Remedy> {
    let setting = Setting { key: "process.capabilities", value: name.to_owned(), list: true };
    Known::Predicted(Remedy::Settings(vec![setting]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(path: &str, mode: u32, uid: u32, gid: u32) -> Node {
        Node { path: path.into(), mode, uid, gid, acl: false }
    }

    fn answer(who: Who, above: &[Node], here: Option<Node>, deed: Deed) -> Answer {
        stop(Some(&Bits { above: above.to_vec(), here, who }), deed).answer
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let root = node("/", 0o040_755, 0, 0);
        let who = Who { uid: 7, gid: 8, groups: vec![9], ..Who::default() };
        let ask = |mode: u32, uid, gid, deed| {
            answer(
                who.clone(),
                std::slice::from_ref(&root),
                Some(node("/f", 0o100_000_u32 | mode, uid, gid)),
                deed,
            )
        };
        assert_eq!(ask(0o077, 7, 0, Deed::Read), Answer::Denies(EACCES));
        assert_eq!(ask(0o400, 7, 0, Deed::Read), Answer::Allows);
        assert_eq!(ask(0o707, 1, 8, Deed::Read), Answer::Denies(EACCES));
        assert_eq!(ask(0o070, 1, 9, Deed::Write), Answer::Allows);
        assert_eq!(ask(0o774, 1, 1, Deed::Exec), Answer::Denies(EACCES));
        assert_eq!(ask(0o777, 1, 1, Deed::Chmod), Answer::Denies(EPERM));
        assert_eq!(ask(0o777, 1, 1, Deed::Unlink), Answer::Denies(EACCES));
    }

    #[test]
    fn capabilities_count_over_what_is_mapped_alone() {
        let who =
            Who { capabilities: 1 << DAC_OVERRIDE, uids: vec![(0, 1)], gids: vec![(0, 1)], ..Who::default() };
        let ask = |uid| answer(who.clone(), &[], Some(node("/f", 0o100_000, uid, 0)), Deed::Read);
        assert_eq!(ask(0), Answer::Allows);
        assert_eq!(ask(1), Answer::Denies(EACCES));
    }

    #[test]
    fn the_sticky_bit_keeps_what_others_own() {
        let (tmp, other) = (node("/tmp", 0o041_777, 0, 0), node("/tmp/x", 0o100_666, 3, 3));
        let who = Who { uid: 7, gid: 7, ..Who::default() };
        assert_eq!(
            answer(who.clone(), std::slice::from_ref(&tmp), Some(other), Deed::Unlink),
            Answer::Denies(EPERM)
        );
        let own = node("/tmp/x", 0o100_666, 7, 7);
        assert_eq!(answer(who, &[tmp], Some(own), Deed::Unlink), Answer::Allows);
    }

    #[test]
    fn what_leads_there_must_be_searchable_and_an_acl_is_not_guessed() {
        let who = Who { uid: 7, gid: 7, ..Who::default() };
        let shut = node("/shut", 0o040_700, 0, 0);
        assert_eq!(answer(who.clone(), &[shut], None, Deed::Look), Answer::Denies(EACCES));
        let acl = Node { acl: true, ..node("/f", 0o100_600, 0, 0) };
        assert_eq!(answer(who, &[], Some(acl), Deed::Read), Answer::Unknown);
    }
}
