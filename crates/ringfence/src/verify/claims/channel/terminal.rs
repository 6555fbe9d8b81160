//! A terminal of the host as the standard input: typing into it, and pasting by the console's ioctl.
//! ioctl_tty(2), ioctl_console(2).

use super::{Claim, Law, denied, n, v};
use crate::control::mount::attempt::{Target, target};
use crate::control::trial::{Deed, Trial, Word};
use crate::verify::{Intent, Part, Subject};

const TIOCSPTLCK: u64 = 0x4004_5431;
const TIOCGPTPEER: u64 = 0x5441;
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541c;
const O_RDWR_NOCTTY: u64 = 0o402;

pub(super) fn claims(subject: &Subject<'_>, law: Option<&Law>) -> Vec<Claim> {
    let policy = subject.policy;
    if !policy.process.fds.contains(&0) {
        return Vec::new();
    }
    let standard_input = 0;
    let open = |path: &[u8]| Deed::of("openat", vec![n(-100), Word::text(path), v(O_RDWR_NOCTTY), v(0)]);
    let unlocked = Word::Bytes(vec![0; 4]);
    let pair = vec![
        open(b"/dev/ptmx"),
        Deed::of("ioctl", vec![Word::Answer(0), v(TIOCSPTLCK), unlocked]),
        Deed::of("ioctl", vec![Word::Answer(0), v(TIOCGPTPEER), v(O_RDWR_NOCTTY)]),
        Deed::of("dup2", vec![Word::Answer(2), v(standard_input)]),
    ];
    let console = vec![open(b"/dev/tty0"), Deed::of("dup2", vec![Word::Answer(0), v(standard_input)])];
    // TIOCL_GETSHIFTSTATE: tells which keys are held, and changes nothing.
    let shift_state = Word::Bytes(vec![6]);
    let type_one = Deed::of("ioctl", vec![v(standard_input), v(TIOCSTI), Word::Bytes(b"x".to_vec())]);
    let ask_console = Deed::of("ioctl", vec![v(standard_input), v(TIOCLINUX), shift_state]);
    let mut all = vec![("tiocsti", "type into a terminal of", pair, type_one)];
    if target(std::path::Path::new("/dev/tty0")) != Target::Absent {
        all.push(("tioclinux", "use the console of", console, ask_console));
    }
    let claim = |(name, words, before, deed): (&str, &str, Vec<Deed>, Deed)| {
        let call = law.and_then(|law| denied(law, &deed));
        let trial = Trial::of(vec![deed]).prepared(before);
        let test = super::super::against_outside(trial);
        let intent = if call.is_some() { Intent::Deny } else { Intent::Tell };
        let operation = format!("{words} a process of the host");
        let claim = Claim::new(Part::Channel, intent, format!("{name}/host"), operation, test);
        let claim = claim.route("standard input").see(&["CVE-2017-5226", "ioctl_tty(2)", super::ESCAPE]);
        match call {
            Some(_) => {
                claim.at(policy.syscalls.on_deny.at).because("no rule of syscalls.allow has the command")
            }
            None => claim.because("no key of the policy closes it"),
        }
    };
    all.into_iter().map(claim).collect()
}
