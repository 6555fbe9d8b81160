//! Rules from text.
use super::{ParseError, Rule, Target};
use crate::table;

/// Parses a rule.
pub fn parse(text: &str) -> Result<Rule, ParseError> {
    let target = match (table::call(text), table::group(text)) {
        (Some(call), _) => Target::Call(call),
        (_, Some(group)) => Target::Group(group),
        _ => {
            return Err(ParseError {
                offset: 0,
                len: text.len(),
                message: format!("unknown system call `{text}`"),
                help: None,
            });
        }
    };
    Ok(Rule { target, conditions: Vec::new(), action: None })
}

/// Parses an allow rule: one without an action.
pub fn parse_allow(text: &str) -> Result<Rule, ParseError> {
    parse(text)
}
