//! Words of `verify` that do not agree are not believed, and nothing that is not held is shown as held.

use ringfence_matrix::frame::End;

use super::{Claims, LADDER, Sum, Word, script};
use crate::matrix::verdict::JobSeen;

const SAVED: &str = r#"{"version":1,"kind":"ringfence.baseline","checksum":"0","host":{},"claims":{
"gate/x86_64/open":"held","file/deny/read/etc/shadow":"broken","cpu/hlt":"held","cpu/cli":"unverifiable",
"known-bug/x":"reachable"}}"#;
const SAID: &str = "\
               held  broken  unverifiable  attempts
cpu               1       0             1         2
gate              1       0             0         4
file              0       1             0         2
all               2       1             1         8   12 ms

broken
  deny read /etc/shadow
    let through inside: success
    the policy expects it; x86_64 by syscall

unverifiable
  deny cli
    no such instruction
    reason";

fn job(status: i32, said: &str, saved: &str, verified: u8) -> JobSeen {
    let text = format!(
        "policy default\nstatus 2\nrefused this host cannot give Landlock: none\npolicy no Landlock\nstatus {verified}\nsaid\n{said}\nclaims\n{saved}"
    );
    JobSeen { lines: text.lines().map(str::to_owned).collect(), end: Some(End::Exited(status)) }
}

#[test]
fn what_agrees_is_believed() {
    let claims = Claims::read(&job(0, SAID, SAVED, 1)).unwrap();
    assert_eq!(claims.policy, "no Landlock");
    assert_eq!(claims.refused, ["this host cannot give Landlock: none"]);
    assert_eq!(claims.all(), Sum { held: 2, broken: 1, unverifiable: 1 });
    assert_eq!(claims.part("cpu"), Sum { held: 1, broken: 0, unverifiable: 1 });
    let shown: Vec<_> =
        claims.not_held.iter().map(|(word, what, why)| (*word, &what[..], &why[..])).collect();
    let broken = (Word::Broken, "deny read /etc/shadow", "let through inside: success");
    assert_eq!(shown, [broken, (Word::Unverifiable, "deny cli", "no such instruction")]);
}

#[test]
fn what_does_not_agree_is_not() {
    for wrong in [
        job(0, SAID, SAVED, 0),
        job(0, SAID, SAVED, 3),
        job(0, &SAID.replace("gate              1", "gate              2"), SAVED, 1),
        job(0, SAID, &SAVED.replace("\"broken\"", "\"held\""), 1),
        job(0, SAID, &SAVED.replace("\"broken\"", "\"maybe\""), 1),
        job(0, SAID, &SAVED[..SAVED.len() - 1], 1),
        job(0, SAID, "", 1),
        job(0, "", SAVED, 1),
        job(1, SAID, SAVED, 1),
        job(2, SAID, SAVED, 1),
        JobSeen { end: Some(End::Hung), ..job(0, SAID, SAVED, 1) },
        JobSeen { end: None, ..job(0, SAID, SAVED, 1) },
    ] {
        assert!(Claims::read(&wrong).is_err(), "{wrong:?}");
    }
}

#[test]
fn the_script_asks_for_less_and_less() {
    let script = script("/guest/ringfence");
    let places: Vec<_> =
        LADDER.iter().map(|asked| script.find(&format!("policy {}'", asked.name)).unwrap()).collect();
    assert!(places.is_sorted());
}
