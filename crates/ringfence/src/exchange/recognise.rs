//! Which language a text is in, by its content.

use serde_json::Value;

use super::{Error, Language, raw};

/// The language of a text.
///
/// # Errors
/// None of them, or JSON that is not well formed.
pub fn recognise(bytes: &[u8], name: &str) -> Result<Language, Error> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(Language::Bpf) };
    let trimmed = text.trim_start();
    if bytes.contains(&0) {
        return Ok(Language::Bpf);
    }
    if trimmed.starts_with('{') && !raw::is_text(text) {
        return json(text, name);
    }
    if raw::is_text(text) {
        return Ok(Language::Bpf);
    }
    let lines = || text.lines().map(str::trim);
    let says =
        |line: &str, key: &str| line.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with('='));
    let settings = ["SystemCallFilter", "SystemCallArchitectures", "RestrictAddressFamilies", "ExecStart"];
    let sections = ["[Unit]", "[Service]", "[Socket]", "[Mount]"];
    if lines().any(|line| sections.contains(&line) || settings.iter().any(|key| says(line, key))) {
        return Ok(Language::Systemd);
    }
    if lines().any(|line| says(line, "version") || says(line, "extends")) {
        return Ok(Language::Ringfence);
    }
    let kubernetes = |line: &str| line.starts_with("apiVersion:") || line.starts_with("kind:");
    if lines().any(kubernetes) {
        let help = "give the file that `seccompProfile.localhostProfile` names; RuntimeDefault is the profile of \
                    the container engine";
        return Err(Error::new("a Kubernetes manifest names a profile but holds none").at(name).help(help));
    }
    let statement = |line: &str| line.contains(':') || line.starts_with('@') || line.starts_with('{');
    if lines().find(|line| !line.is_empty() && !line.starts_with('#')).is_some_and(statement) {
        return Ok(Language::Minijail);
    }
    Err(unknown(name))
}

fn json(text: &str, name: &str) -> Result<Language, Error> {
    let value: Value = serde_json::from_str(text).map_err(|error| malformed(&error, name))?;
    let Value::Object(object) = value else { return Err(unknown(name)) };
    let oci = ["defaultAction", "ociVersion", "linux"];
    if oci.iter().any(|key| object.contains_key(*key)) {
        return Ok(Language::Oci);
    }
    if !object.is_empty() && object.values().all(|value| value.get("filter").is_some()) {
        return Ok(Language::Firecracker);
    }
    let help = "an OCI profile has `defaultAction`; a Firecracker file has threads, each with a `filter`; name the \
                language with --from";
    Err(Error::new("JSON, but no profile").at(name).help(help))
}

fn unknown(name: &str) -> Error {
    let words: Vec<&str> = Language::ALL.iter().map(|(_, word)| *word).collect();
    let help = format!("name the language with --from: {}", words.join(", "));
    Error::new("no language that is known").at(name).help(help)
}

/// What serde_json says, with its place in our form.
pub(super) fn malformed(error: &serde_json::Error, name: &str) -> Error {
    let text = error.to_string();
    let message = text.split(" at line ").next().unwrap_or(&text).to_owned();
    let place = if error.line() == 0 {
        name.to_owned()
    } else {
        format!("{name}:{}:{}", error.line(), error.column())
    };
    Error::new(message).at(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_is_known_by_its_content() {
        for (text, language) in [
            ("{\"defaultAction\": \"SCMP_ACT_ALLOW\"}", Language::Oci),
            (" {\"linux\": {}}", Language::Oci),
            ("{\"vmm\": {\"filter\": []}}", Language::Firecracker),
            ("[Unit]\n[Service]\nSystemCallFilter=@system-service", Language::Systemd),
            ("SystemCallFilter = ~@clock", Language::Systemd),
            ("# x\n\nread: 1\n", Language::Minijail),
            ("@include ./a.policy", Language::Minijail),
            ("version = 1\n", Language::Ringfence),
            ("{ 0x6, 0, 0, 0x7fff0000 },\n", Language::Bpf),
            ("1\n6 0 0 2147418112\n", Language::Bpf),
            ("\u{6}\0\0\0\0\0\u{7f}\0", Language::Bpf),
        ] {
            assert_eq!(recognise(text.as_bytes(), "x"), Ok(language), "{text}");
        }
        assert_eq!(recognise(&[6, 0, 0, 0, 0, 0, 0xff, 0x7f], "x"), Ok(Language::Bpf));
    }

    #[test]
    fn what_is_no_profile_says_so() {
        let error = |text: &str| recognise(text.as_bytes(), "x").unwrap_err().to_string();
        assert!(error("{\"a\": 1}").contains("defaultAction"));
        assert!(error("{\"a\": ").starts_with("x:1:6: EOF"), "{}", error("{\"a\": "));
        assert!(error("hello").contains("--from"));
        assert!(error("apiVersion: v1\nkind: Pod\n").contains("localhostProfile"));
    }
}
