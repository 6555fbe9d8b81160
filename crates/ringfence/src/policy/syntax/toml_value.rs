//! TOML's values as the one text that files and flags share.

use toml::de::DeValue;

use crate::policy::key::Accept;

/// What a person calls the type of a value.
pub(super) trait TypeName {
    /// With its article.
    fn type_name(&self) -> &'static str;
}

impl TypeName for DeValue<'_> {
    fn type_name(&self) -> &'static str {
        match self {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        }
    }
}

/// The text of a value that is neither list, table nor date.
pub(super) fn scalar_text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(value) => Some(value.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// The text of a value of an accepted type.
///
/// # Errors
/// What is wanted instead.
pub(super) fn accepted(accept: Accept, value: &DeValue<'_>) -> Result<String, &'static str> {
    let octal = |radix| radix == 8;
    let (fits, wanted) = match (accept, value) {
        (Accept::Text, other) => (other.is_str(), "a string"),
        (Accept::Boolean, other) => (other.is_bool(), "true or false"),
        (Accept::Integer, other) => (other.is_integer(), "an integer"),
        (Accept::Number, other) => (other.is_integer() || other.is_float(), "a number"),
        (Accept::TextOrInteger, other) => (other.is_str() || other.is_integer(), "a string or an integer"),
        (Accept::TextOrOctal, DeValue::Integer(number)) => {
            (octal(number.radix()), "a string or an octal number")
        }
        (Accept::TextOrOctal, other) => (other.is_str(), "a string or an octal number"),
    };
    match value {
        // An octal number keeps its prefix; every other radix is only a way to write a number.
        DeValue::Integer(number) if fits && !matches!(accept, Accept::TextOrOctal) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            Ok(value.map_or_else(|_| number.to_string(), |value| value.to_string()))
        }
        _ if fits => scalar_text(value).ok_or(wanted),
        _ => Err(wanted),
    }
}

/// How many bytes of `raw`, a value as written, come before its text; `None` where escapes make
/// positions inside it meaningless.
pub(super) fn inner_offset(raw: &str, text: &str) -> Option<usize> {
    [0, 1, 3].into_iter().find(|quotes| raw.get(*quotes..raw.len().saturating_sub(*quotes)) == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_inside_a_value_count_from_its_text() {
        assert_eq!(inner_offset("\"abc\"", "abc"), Some(1));
        assert_eq!(inner_offset("'''abc'''", "abc"), Some(3));
        assert_eq!(inner_offset("12", "12"), Some(0));
        assert_eq!(inner_offset("\"\"", ""), Some(1));
        assert_eq!(inner_offset("\"a\\tc\"", "a\tc"), None);
        assert_eq!(inner_offset("", "x"), None);
    }

    #[test]
    fn numbers_keep_their_value_whatever_their_radix() {
        let value = |text| DeValue::parse(text).unwrap().into_inner();
        assert_eq!(accepted(Accept::Integer, &value("0x10")).as_deref(), Ok("16"));
        assert_eq!(accepted(Accept::Integer, &value("1_000")).as_deref(), Ok("1000"));
        assert_eq!(accepted(Accept::TextOrOctal, &value("0o22")).as_deref(), Ok("0o22"));
        assert_eq!(accepted(Accept::TextOrOctal, &value("22")), Err("a string or an octal number"));
        assert_eq!(accepted(Accept::Text, &value("1")), Err("a string"));
        assert_eq!(accepted(Accept::Number, &value("1.5")).as_deref(), Ok("1.5"));
    }
}
