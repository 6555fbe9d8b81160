//! Claims from where one stands: what needs somebody outside is said to be unverifiable, and what
//! has a control in place gets that one.

use std::collections::BTreeMap;

use crate::control::judge::{Verdict, words};
use crate::control::trial::Outcome;
use crate::verify::{Claim, Test};

/// Why a claim cannot be verified without anybody outside; by the beginning of its id.
const OUTSIDE: [(&str, &str); 5] = [
    ("namespace/process/", "it is about a process outside, and there is nobody outside"),
    ("expect/deny/signal host", "it is about a process outside, and there is nobody outside"),
    ("expect/allow/signal host", "it is about a process outside, and there is nobody outside"),
    ("network/listener", "it is about somebody who listens outside, and there is nobody outside"),
    ("network/abstract", "it is about somebody who listens outside, and there is nobody outside"),
];

/// Numbers of the initial namespaces, include/uapi/linux/nsfs.h, and whether every kernel from 5.10
/// on has them.
const INITIAL: [(&str, u64, bool); 8] = [
    ("ipc", 0xefff_ffff, true),
    ("uts", 0xefff_fffe, true),
    ("user", 0xefff_fffd, true),
    ("pid", 0xefff_fffc, true),
    ("cgroup", 0xefff_fffb, true),
    ("time", 0xefff_fffa, true),
    ("net", 0xefff_fff9, false),
    ("mnt", 0xefff_fff8, false),
];

/// What decides about a claim in place of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InPlace {
    /// Whether a namespace is the initial one, by its number; and whether another number shows that
    /// it is not.
    Initial(u64, bool),
    /// Descriptors that were open at the start, with what they lead to.
    Open(Vec<(i32, String)>),
}

/// Claims as they can be tried from here, and what decides about some of them by id. `open`:
/// descriptors that were open at the start and that the policy does not list.
#[must_use]
pub fn adapted(claims: Vec<Claim>, open: &[(i32, String)]) -> (Vec<Claim>, BTreeMap<String, InPlace>) {
    let mut decides = BTreeMap::new();
    let one = |mut claim: Claim| {
        if let Some((_, why)) = OUTSIDE.iter().find(|(start, _)| claim.id.starts_with(start)) {
            claim.test = Test::Not((*why).to_owned());
        } else if let Some(name) = claim.id.strip_prefix("namespace/own/")
            && let Some((_, number, everywhere)) = INITIAL.iter().find(|(known, ..)| *known == name)
        {
            decides.insert(claim.id.clone(), InPlace::Initial(*number, *everywhere));
        } else if claim.id == "namespace/descriptor" {
            claim.operation = "have a descriptor beyond process.fds from the beginning".into();
            claim.route = "/proc/self/fd of ringfence itself".into();
            decides.insert(claim.id.clone(), InPlace::Open(open.to_vec()));
        }
        claim
    };
    (claims.into_iter().map(one).collect(), decides)
}

impl InPlace {
    /// The verdict of a claim that denies.
    pub(super) fn verdict(&self, inside: &Outcome) -> Verdict {
        match (self, inside) {
            (Self::Open(list), _) if list.is_empty() => Verdict::Held,
            (Self::Open(list), _) => {
                let list: Vec<String> =
                    list.iter().map(|(fd, what)| format!("{fd} leads to {what}")).collect();
                Verdict::Broken(format!("descriptor {}", list.join(", ")))
            }
            (Self::Initial(number, _), Outcome::Answered { object: Some((_, found)), .. })
                if found == number =>
            {
                Verdict::Broken("it is the initial one, the host's".into())
            }
            (Self::Initial(_, true), Outcome::Answered { object: Some(_), .. }) => Verdict::Held,
            (Self::Initial(_, false), Outcome::Answered { object: Some(_), .. }) => Verdict::Unverifiable(
                "its number is not the initial one's of newer kernels, which shows nothing on older ones"
                    .into(),
            ),
            (Self::Initial(..), inside) => {
                Verdict::Unverifiable(format!("its number is not seen: {}", words(inside)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_number_that_every_kernel_has_shows_that_a_namespace_is_another() {
        let stat = |inode| Outcome::Answered { deed: 0, answer: 0, object: Some((4, inode)) };
        let pid = InPlace::Initial(0xefff_fffc, true);
        assert!(matches!(pid.verdict(&stat(0xefff_fffc)), Verdict::Broken(_)));
        assert_eq!(pid.verdict(&stat(0xf000_0123)), Verdict::Held);
        let net = InPlace::Initial(0xefff_fff9, false);
        assert!(matches!(net.verdict(&stat(0xefff_fff9)), Verdict::Broken(_)));
        assert!(matches!(net.verdict(&stat(0xf000_0123)), Verdict::Unverifiable(_)));
        let hidden = Outcome::Answered { deed: 0, answer: -2, object: None };
        assert!(matches!(pid.verdict(&hidden), Verdict::Unverifiable(_)));
    }

    #[test]
    fn an_open_descriptor_is_named() {
        let open = InPlace::Open(vec![(7, "/srv".into())]);
        let why = "descriptor 7 leads to /srv".to_owned();
        assert_eq!(open.verdict(&Outcome::Unmade(String::new())), Verdict::Broken(why));
        assert_eq!(InPlace::Open(Vec::new()).verdict(&Outcome::Unmade(String::new())), Verdict::Held);
    }
}
