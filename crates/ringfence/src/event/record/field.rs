//! `key=value` pairs: bare, in quotes, or in hexadecimal where a program chose the value.

use super::Wrong;
use crate::event::text::Text;

/// More pairs than any record of the kernel has.
const MOST: usize = 64;

/// The pairs of one record, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fields<'b> {
    pairs: Vec<(&'b str, Value<'b>)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value<'b> {
    Bare(&'b [u8]),
    Quoted(&'b [u8]),
}

impl<'b> Fields<'b> {
    /// Takes a record apart.
    ///
    /// # Errors
    /// A word without `=`, a quote without its end, a key twice, too many pairs.
    pub fn parse(mut rest: &'b [u8]) -> Result<Self, Wrong> {
        let mut pairs: Vec<(&'b str, Value<'b>)> = Vec::new();
        loop {
            rest = rest.trim_ascii_start();
            if rest.is_empty() {
                return Ok(Self { pairs });
            }
            let equals = rest.iter().position(|byte| *byte == b'=').ok_or(Wrong::Form)?;
            let key =
                std::str::from_utf8(&rest[..equals]).ok().filter(|key| is_key(key)).ok_or(Wrong::Form)?;
            rest = &rest[equals + 1..];
            let value = if let Some(quoted) = rest.strip_prefix(b"\"") {
                let end = quoted.iter().position(|byte| *byte == b'"').ok_or(Wrong::Form)?;
                rest = &quoted[end + 1..];
                if !rest.is_empty() && !rest.starts_with(b" ") {
                    return Err(Wrong::Form);
                }
                Value::Quoted(&quoted[..end])
            } else {
                let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
                let bare = &rest[..end];
                rest = &rest[end..];
                Value::Bare(bare)
            };
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(Wrong::Twice(key.to_owned()));
            }
            if pairs.len() == MOST {
                return Err(Wrong::Form);
            }
            pairs.push((key, value));
        }
    }

    fn value(&self, key: &str) -> Option<Value<'b>> {
        self.pairs.iter().find(|(known, _)| *known == key).map(|(_, value)| *value)
    }

    /// Whether there is a pair of this key.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A word of the kernel's own.
    #[must_use]
    pub fn word(&self, key: &str) -> Option<&'b str> {
        let (Value::Bare(bytes) | Value::Quoted(bytes)) = self.value(key)?;
        std::str::from_utf8(bytes).ok()
    }

    /// A decimal number.
    ///
    /// # Errors
    /// It is absent, or no such number.
    pub fn number<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, Wrong> {
        let digits =
            |text: &&str| text.bytes().enumerate().all(|(n, b)| b.is_ascii_digit() || n == 0 && b == b'-');
        self.word(key).filter(digits).and_then(|text| text.parse().ok()).ok_or(Wrong::Missing(key))
    }

    /// A hexadecimal number without `0x`.
    ///
    /// # Errors
    /// It is absent, or no such number.
    pub fn hex(&self, key: &'static str) -> Result<u64, Wrong> {
        self.number_of_base_16(key, "")
    }

    /// A hexadecimal number with `0x`.
    ///
    /// # Errors
    /// It is absent, or no such number.
    pub fn prefixed_hex(&self, key: &'static str) -> Result<u64, Wrong> {
        self.number_of_base_16(key, "0x")
    }

    fn number_of_base_16(&self, key: &'static str, prefix: &str) -> Result<u64, Wrong> {
        let digits = self.word(key).and_then(|text| text.strip_prefix(prefix)).ok_or(Wrong::Missing(key))?;
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        plain.then(|| u64::from_str_radix(digits, 16).ok()).flatten().ok_or(Wrong::Missing(key))
    }

    /// A string that a program chose: quoted, hexadecimal, or `(null)`, which is `None`.
    ///
    /// # Errors
    /// It is absent, or neither of these.
    pub fn text(&self, key: &'static str) -> Result<Option<Text>, Wrong> {
        match self.value(key).ok_or(Wrong::Missing(key))? {
            Value::Quoted(bytes) => Ok(Some(Text::new(bytes))),
            Value::Bare(b"(null)") => Ok(None),
            Value::Bare(bytes) => unhex(bytes).map(|bytes| Some(Text::new(bytes))).ok_or(Wrong::Missing(key)),
        }
    }
}

fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// `audit_log_n_hex` writes two upper-case digits a byte.
fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    let pairs = digits.chunks_exact(2);
    if digits.is_empty() || !pairs.remainder().is_empty() {
        return None;
    }
    pairs.map(|pair| Some(digit(pair[0])? << 4 | digit(pair[1])?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bare_quoted_or_hexadecimal() {
        let fields =
            Fields::parse(b"pid=-1 comm=\"a\" exe=2F0A pc=0x7f key=(null) info=\"two words\"").unwrap();
        assert_eq!(fields.number("pid"), Ok(-1));
        assert_eq!(fields.number::<u32>("pid"), Err(Wrong::Missing("pid")));
        assert_eq!(fields.text("comm"), Ok(Some(Text::new(*b"a"))));
        assert_eq!(fields.text("exe"), Ok(Some(Text::new(*b"/\n"))));
        assert_eq!(fields.text("key"), Ok(None));
        assert_eq!(fields.prefixed_hex("pc"), Ok(0x7f));
        assert_eq!(fields.hex("pc"), Err(Wrong::Missing("pc")));
        assert_eq!(fields.word("info"), Some("two words"));
        assert!(!fields.has("nothing"));
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for wrong in ["word", "a=\"open", "=x", "a=\"b\"c=d", "a\x1b=1", "a=1 b"] {
            assert_eq!(Fields::parse(wrong.as_bytes()), Err(Wrong::Form), "{wrong}");
        }
        assert_eq!(Fields::parse(b"pid=1 pid=2"), Err(Wrong::Twice("pid".into())));
        let many: String = (0..=MOST).map(|n| format!("k{n}=1 ")).collect();
        assert_eq!(Fields::parse(many.as_bytes()), Err(Wrong::Form));
    }

    #[test]
    fn hexadecimal_that_the_kernel_does_not_write_is_no_string() {
        for wrong in ["a=2F0", "a=2f", "a=xy", "a="] {
            assert_eq!(
                Fields::parse(wrong.as_bytes()).unwrap().text("a"),
                Err(Wrong::Missing("a")),
                "{wrong}"
            );
        }
        for wrong in ["a=+1", "a=1-", "a=99999999999999999999"] {
            assert_eq!(Fields::parse(wrong.as_bytes()).unwrap().number::<u64>("a"), Err(Wrong::Missing("a")));
        }
        assert_eq!(Fields::parse(b"a=0x").unwrap().prefixed_hex("a"), Err(Wrong::Missing("a")));
    }
}
