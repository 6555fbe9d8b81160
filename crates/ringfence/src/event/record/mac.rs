//! `AUDIT_AVC`: what SELinux (security/selinux/avc.c) and AppArmor (security/apparmor/audit.c)
//! record. Both use the same number; AppArmor's begins with its name.

use super::{Body, Fields, Wrong};
use crate::event::text::Text;

/// An AppArmor record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppArmor {
    /// Whether it was denied: `DENIED`; `ALLOWED` is complain mode, `AUDIT` what a rule wants told.
    pub denied: bool,
    /// `open`, `exec`, `capable`, `create`.
    pub operation: Option<String>,
    /// The profile.
    pub profile: Option<Text>,
    /// The path or other name.
    pub name: Option<Text>,
    /// What was asked and is not granted: `r`, `wc`, `create`.
    pub denied_mask: Option<String>,
    /// The family of a socket: `inet`.
    pub family: Option<String>,
    /// The type of a socket: `stream`.
    pub socket: Option<String>,
    /// The name of a capability: `net_raw`.
    pub capability: Option<String>,
    /// The other label, of signals, ptrace(2) and sockets.
    pub peer: Option<Text>,
    /// Process id.
    pub pid: u32,
    /// `comm`.
    pub command: Option<Text>,
}

/// An SELinux record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Avc {
    /// Whether it was denied; `granted` is what auditallow wants told.
    pub denied: bool,
    /// Whether the denial was not carried out: `permissive=1`.
    pub permissive: bool,
    /// `read`, `open`.
    pub permissions: Vec<String>,
    /// Who.
    pub source: String,
    /// On what.
    pub target: String,
    /// The class of the object.
    pub class: String,
    /// The object, where the kernel knows its path.
    pub path: Option<Text>,
    /// The last part of it.
    pub name: Option<Text>,
    /// Process id, where a process is concerned.
    pub pid: Option<u32>,
    /// `comm`.
    pub command: Option<Text>,
}

pub(super) fn parse(rest: &[u8]) -> Result<Body, Wrong> {
    if rest.starts_with(b"apparmor=") {
        return apparmor(&Fields::parse(rest)?).map(Body::AppArmor);
    }
    avc(rest).map(Body::Avc)
}

fn apparmor(fields: &Fields<'_>) -> Result<AppArmor, Wrong> {
    let verdict = fields.word("apparmor").ok_or(Wrong::Missing("apparmor"))?;
    if !["DENIED", "ALLOWED", "AUDIT", "STATUS", "ERROR", "HINT", "KILLED", "AUTO"].contains(&verdict) {
        return Err(Wrong::Missing("apparmor"));
    }
    let text = |key| if fields.has(key) { fields.text(key) } else { Ok(None) };
    let word = |key| fields.word(key).map(str::to_owned);
    Ok(AppArmor {
        denied: matches!(verdict, "DENIED" | "KILLED"),
        operation: word("operation"),
        profile: text("profile")?,
        name: text("name")?,
        denied_mask: word("denied_mask"),
        family: word("family"),
        socket: word("sock_type"),
        capability: word("capname"),
        peer: text("peer")?,
        pid: fields.number("pid")?,
        command: text("comm")?,
    })
}

/// `avc:  denied  { read open } for  pid=1 comm="x" … scontext=… tcontext=… tclass=file permissive=0`
fn avc(rest: &[u8]) -> Result<Avc, Wrong> {
    let rest = rest.trim_ascii_start().strip_prefix(b"avc:").ok_or(Wrong::Form)?.trim_ascii_start();
    let (denied, rest) = match (rest.strip_prefix(b"denied"), rest.strip_prefix(b"granted")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(Wrong::Form),
    };
    let rest = rest.trim_ascii_start().strip_prefix(b"{").ok_or(Wrong::Form)?;
    let end = rest.iter().position(|byte| *byte == b'}').ok_or(Wrong::Form)?;
    let permissions = std::str::from_utf8(&rest[..end]).map_err(|_| Wrong::Form)?;
    let permissions: Vec<String> = permissions.split_ascii_whitespace().map(str::to_owned).collect();
    let named = |name: &String| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if permissions.is_empty() || !permissions.iter().all(named) {
        return Err(Wrong::Form);
    }
    let rest = rest[end + 1..].trim_ascii_start().strip_prefix(b"for ").ok_or(Wrong::Form)?;
    let fields = Fields::parse(rest)?;
    let word = |key| fields.word(key).map(str::to_owned).ok_or(Wrong::Missing(key));
    Ok(Avc {
        denied,
        permissive: fields.word("permissive") == Some("1"),
        permissions,
        source: word("scontext")?,
        target: word("tcontext")?,
        class: word("tclass")?,
        path: if fields.has("path") { fields.text("path")? } else { None },
        name: if fields.has("name") { fields.text("name")? } else { None },
        pid: if fields.has("pid") { Some(fields.number("pid")?) } else { None },
        command: if fields.has("comm") { fields.text("comm")? } else { None },
    })
}

#[cfg(test)]
mod tests {
    use super::super::{AVC, Body, Wrong, parse};
    use super::*;

    fn read(rest: &str) -> Result<Body, Wrong> {
        parse(AVC, format!("audit(1.000:1): {rest}").as_bytes()).map(|record| record.body)
    }

    #[test]
    fn apparmor_is_read() {
        let text = "apparmor=\"DENIED\" operation=\"open\" class=\"file\" profile=\"p\" name=2F612062 pid=12 comm=\"cat\" requested_mask=\"r\" denied_mask=\"r\" fsuid=0 ouid=0";
        let Ok(Body::AppArmor(seen)) = read(text) else { panic!() };
        assert!(seen.denied);
        assert_eq!(seen.name, Some(Text::new(*b"/a b")));
        assert_eq!((seen.pid, seen.denied_mask.as_deref()), (12, Some("r")));
        let Ok(Body::AppArmor(seen)) = read(&text.replace("DENIED", "ALLOWED")) else { panic!() };
        assert!(!seen.denied);
        assert!(read(&text.replace("DENIED", "MAYBE")).is_err());
        let info = text.replace("class=", "info=\"Failed name lookup - deleted entry\" class=");
        assert!(matches!(read(&info), Ok(Body::AppArmor(_))));
    }

    #[test]
    fn selinux_is_read() {
        let text = "avc:  denied  { read open } for  pid=9 comm=\"cat\" path=\"/a\" dev=\"vda\" ino=1 scontext=u:r:a_t:s0 tcontext=u:r:b_t:s0 tclass=file permissive=0";
        let Ok(Body::Avc(seen)) = read(text) else { panic!() };
        assert_eq!(seen.permissions, ["read", "open"]);
        assert_eq!((seen.denied, seen.permissive, seen.pid), (true, false, Some(9)));
        assert_eq!((seen.source.as_str(), seen.class.as_str()), ("u:r:a_t:s0", "file"));
        let Ok(Body::Avc(seen)) = read(&text.replace("permissive=0", "permissive=1")) else { panic!() };
        assert!(seen.permissive);
        for wrong in [
            "avc: maybe { read } for  pid=1",
            "avc:  denied  { read for pid=1",
            "avc:  denied  { } for  pid=1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
