//! Bytes that a contained program chose: kept as they are, and never shown raw.

use std::fmt;

use ringfence_bpf::table;

/// Bytes of a name or path, which can be anything but hold no null byte.
///
/// Shown in double quotes, with everything that is not printable ASCII or a printable character of
/// UTF-8 escaped: no control character, terminal escape, line separator or direction mark comes
/// through. [`Self::decode`] gives back the bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Text {
    bytes: Vec<u8>,
    cut: bool,
}

impl Text {
    /// All of these bytes.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), cut: false }
    }

    /// The beginning of something longer.
    #[must_use]
    pub fn beginning(bytes: impl Into<Vec<u8>>) -> Self {
        Self { bytes: bytes.into(), cut: true }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there was more than is kept.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// The bytes of what [`fmt::Display`] showed; `None` for what it cannot have shown.
    #[must_use]
    pub fn decode(shown: &str) -> Option<Vec<u8>> {
        let inside = shown.strip_suffix("...").unwrap_or(shown).strip_prefix('"')?.strip_suffix('"')?;
        let mut bytes = Vec::new();
        let mut rest = inside.chars();
        while let Some(c) = rest.next() {
            if c != '\\' {
                bytes.extend(c.to_string().bytes());
                continue;
            }
            match rest.next()? {
                'x' => {
                    let digits: String = rest.by_ref().take(2).collect();
                    bytes.push(u8::from_str_radix(&digits, 16).ok()?);
                }
                'n' => bytes.push(b'\n'),
                't' => bytes.push(b'\t'),
                c @ ('"' | '\\') => bytes.push(c as u8),
                _ => return None,
            }
        }
        Some(bytes)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for chunk in self.bytes.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '"' | '\\' => write!(f, "\\{c}")?,
                    '\n' => f.write_str("\\n")?,
                    '\t' => f.write_str("\\t")?,
                    c if shown_as_is(c) => write!(f, "{c}")?,
                    c => {
                        let mut room = [0; 4];
                        for byte in c.encode_utf8(&mut room).bytes() {
                            write!(f, "\\x{byte:02x}")?;
                        }
                    }
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        f.write_str(if self.cut { "\"..." } else { "\"" })
    }
}

/// The name of an errno, the first in the alphabet where two share a number.
#[must_use]
pub fn errno(number: u16) -> Option<&'static str> {
    table::errnos().iter().find(|errno| errno.value == i64::from(number)).map(|errno| errno.name)
}

/// ASCII that prints, and letters and digits of any script. Everything else (marks that combine,
/// direction marks, separators, private use) could make a terminal or a reader see another name.
pub(crate) fn shown_as_is(c: char) -> bool {
    c == ' ' || c.is_ascii_graphic() || (!c.is_ascii() && c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        Text::new(bytes).to_string()
    }

    #[test]
    fn plain_names_stay_readable() {
        assert_eq!(shown(b"/etc/shadow"), r#""/etc/shadow""#);
        assert_eq!(shown("/home/jürgen/файл".as_bytes()), "\"/home/jürgen/файл\"");
        assert_eq!(Text::beginning(*b"/a").to_string(), r#""/a"..."#);
    }

    #[test]
    fn hostile_names_never_come_through() {
        let hostile = [
            &b"a\nb"[..],
            b"\x1b[2J\x1b]0;owned\x07",
            b"\x9b31m",
            "\u{202e}txt.exe".as_bytes(),
            "\u{9b}31m".as_bytes(),
            "a\u{2028}b\u{200b}".as_bytes(),
            b"\xff\xfe\\\"\r\x7f",
            "e\u{301}".as_bytes(),
        ];
        for bytes in hostile {
            let text = shown(bytes);
            assert!(text.chars().all(|c| c == ' ' || c.is_ascii_graphic() || c.is_alphanumeric()), "{text}");
            assert_eq!(Text::decode(&text).as_deref(), Some(bytes), "{text}");
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let all: Vec<u8> = (1..=255).collect();
        assert_eq!(Text::decode(&shown(&all)), Some(all));
        assert_eq!(Text::decode("no quotes"), None);
        assert_eq!(Text::decode(r#""\q""#), None);
    }
}
