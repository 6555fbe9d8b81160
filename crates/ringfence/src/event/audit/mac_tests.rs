//! Each denial of a label has its policy line, and those of other labels are not ours.

use super::*;
use crate::event::record::{self, Body};
use crate::policy::{Flag, Request, load};

fn policy(flag: &str, value: &str) -> Policy {
    let flags = [Flag { name: flag.to_owned(), value: value.to_owned() }];
    let loader = |_: &str| Err(std::io::ErrorKind::NotFound.into());
    load(&Request { policies: &[], flags: &flags, loader: &loader }).unwrap()
}

fn denial(rest: &str) -> Denial {
    let text = format!("audit(1.000:1): {rest}");
    match record::parse(record::AVC, text.as_bytes()).unwrap().body {
        Body::AppArmor(seen) => Denial::AppArmor(seen),
        Body::Avc(seen) => Denial::SeLinux(seen),
        other => panic!("{other:?}"),
    }
}

fn apparmor(rest: &str) -> Denial {
    denial(&format!("apparmor=\"DENIED\" {rest} pid=7 comm=\"x\""))
}

fn generated() -> Labels {
    let policy = policy("--lsm-apparmor", "generate");
    let at = policy.limits.core.as_ref().map(|core| core.at);
    let rule = PathRule { path: "/usr".into(), directory: true, read: true, exec: true, write: false, at };
    let intent = Intent {
        paths: vec![rule],
        deny: vec![("/usr/secret".into(), policy.lsm.apparmor.at)],
        sockets_at: Some(policy.net.mode.at),
        ..Intent::default()
    };
    let profile = Some(Profile { name: "ringfence-1".into(), intent: Some(intent) });
    Labels { policy, profile, context: None }
}

fn flags(event: &Event) -> String {
    match &event.remedy {
        Known::Predicted(Remedy::Settings(list)) => {
            list.iter().map(Setting::flag).collect::<Vec<_>>().join(" ")
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_file_has_the_line_that_comes_nearest() {
    let labels = generated();
    let seen = apparmor(
        r#"operation="open" class="file" profile="ringfence-1" name="/usr/x" requested_mask="wc" denied_mask="wc""#,
    );
    assert_eq!(labels.about(&seen), About::Ours);
    let event = labels.event(1, &seen, None);
    assert_eq!(event.control, Known::Observed(Control::Lsm));
    assert_eq!(event.errno, Known::Predicted(EACCES));
    assert_eq!(flags(&event), "--fs-write=/usr/x");
    assert!(matches!(&event.line, Known::Predicted(line) if line.text.contains("core")), "{:?}", event.line);
    let seen = apparmor(
        r#"operation="open" class="file" profile="ringfence-1" name="/usr/secret/y" requested_mask="r" denied_mask="r""#,
    );
    let event = labels.event(1, &seen, None);
    assert!(
        matches!(&event.line, Known::Predicted(line) if line.text.contains("generate")),
        "{:?}",
        event.line
    );
    let nowhere = apparmor(
        r#"operation="open" class="file" profile="ringfence-1" name="/etc/x" requested_mask="r" denied_mask="r""#,
    );
    assert!(matches!(labels.event(1, &nowhere, None).line, Known::Observed(_)));
}

#[test]
fn sockets_and_capabilities_have_lines_and_remedies() {
    let labels = generated();
    let socket = apparmor(
        r#"operation="create" class="net" profile="ringfence-1" family="inet" sock_type="stream" protocol=6 requested_mask="create" denied_mask="create""#,
    );
    let event = labels.event(1, &socket, None);
    assert_eq!(flags(&event), "--net-mode=host --net-connect='tcp:*'");
    assert!(matches!(&event.line, Known::Predicted(line) if line.text.contains("none")), "{:?}", event.line);
    assert!(
        matches!(&event.cause, Known::Observed(Cause::Profile(words)) if words.ends_with("create inet stream"))
    );
    let capable =
        apparmor(r#"operation="capable" class="cap" profile="ringfence-1" capability=13 capname="net_raw""#);
    let event = labels.event(1, &capable, None);
    assert_eq!(
        (flags(&event).as_str(), &event.errno),
        ("--process-capabilities=CAP_NET_RAW", &Known::Predicted(EPERM))
    );
}

#[test]
fn another_label_is_not_ours_and_a_shared_one_needs_proof() {
    let labels = generated();
    for other in ["ringfence-2", "ringfence-1//x", "ringfence-11"] {
        let text =
            format!(r#"operation="open" profile="{other}" name="/x" requested_mask="r" denied_mask="r""#);
        assert_eq!(labels.about(&apparmor(&text)), About::Others, "{other}");
    }
    let named = Labels { profile: Some(Profile { name: "box".into(), intent: None }), ..labels };
    let seen = apparmor(r#"operation="open" profile="box" name="/x" requested_mask="r" denied_mask="r""#);
    assert_eq!(named.about(&seen), About::MayBe);
    assert!(matches!(named.event(1, &seen, None).remedy, Known::Predicted(Remedy::None(_))));
    assert!(named.silent(false).is_some() && named.silent(true).is_none());
}

#[test]
fn a_context_has_the_line_that_asks_for_it() {
    let policy = policy("--lsm-selinux", "u:r:box_t");
    let labels = Labels { policy, profile: None, context: Some("u:r:box_t".into()) };
    let text = "avc:  denied  { write } for  pid=9 comm=\"sh\" path=\"/a\" dev=\"rootfs\" ino=1 scontext=u:r:box_t tcontext=u:r:file_t tclass=file permissive=0";
    let seen = denial(text);
    assert_eq!((labels.about(&seen), seen.denied()), (About::MayBe, true));
    let event = labels.event(1, &seen, None);
    assert!(matches!(&event.line, Known::Observed(line) if line.text.contains("box_t")), "{:?}", event.line);
    assert!(!denial(&text.replace("permissive=0", "permissive=1")).denied());
    assert_eq!(
        labels.about(&denial(&text.replace("scontext=u:r:box_t", "scontext=u:r:far_t"))),
        About::Others
    );
}

#[test]
fn rights_that_no_key_grants_are_unknown() {
    assert_eq!(key("r"), Some("fs.read"));
    assert_eq!(key("wc"), Some("fs.write"));
    assert_eq!(key("m"), Some("fs.exec"));
    for mask in ["", "send", "wx", "z"] {
        assert_eq!(key(mask), None, "{mask}");
    }
}

/// Linux 5.10 writes AppArmor's record alone: number 0 would be read(2), or another architecture's.
#[test]
fn a_record_without_its_call_names_none() {
    let labels = generated();
    let seen = apparmor(
        r#"operation="open" profile="ringfence-1" name="/etc/x" requested_mask="r" denied_mask="r""#,
    );
    let event = labels.event(1, &seen, None);
    assert_eq!((event.operation.call, event.operation.abi, event.operation.number), (None, None, None));
    let told = event.operation.to_string();
    assert_eq!(told, "an unknown call(operation: open, path: \"/etc/x\")");
    let call = "audit(1.000:1): arch=c000003e syscall=257 success=no exit=-13 a0=0 a1=0 a2=0 a3=0 items=0 ppid=1 pid=7 comm=\"x\" exe=\"/x\" key=(null)";
    let Body::Syscall(call) = record::parse(record::SYSCALL, call.as_bytes()).unwrap().body else { panic!() };
    let event = labels.event(1, &seen, Some(&call));
    assert_eq!(event.operation.to_string(), "openat(path: \"/etc/x\")");
}
