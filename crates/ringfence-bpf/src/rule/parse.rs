//! Rules from text; every error says where and, if it can, what was meant.

use super::{Condition, ParseError, Rule, Target, Test, alias, suggest, value_bits};
use crate::filter::Action;
use crate::table::{self, Abi, Argument, CallId, Prototype};

/// The most tests in one rule: beyond it no program would fit the kernel's 4096 instructions.
const MAX_TESTS: usize = 4096;

/// How deep values may be nested in parentheses.
const MAX_DEPTH: usize = 8;

/// Parses a rule; an action is accepted.
pub fn parse(text: &str) -> Result<Rule, ParseError> {
    // Most rules are one bare name.
    if let Some(call) = table::call(text) {
        return Ok(Rule { target: Target::Call(call), conditions: Vec::new(), action: None });
    }
    Parser { text, at: 0, tests: 0 }.rule()
}

/// Parses an allow rule, which has no action.
pub fn parse_allow(text: &str) -> Result<Rule, ParseError> {
    let rule = parse(text)?;
    match text.find("->") {
        Some(offset) if rule.action.is_some() => Err(ParseError {
            offset,
            len: text.trim_end().len() - offset,
            message: "an allow rule has no action".into(),
            help: Some("move the rule to `deny`, or drop the action".into()),
        }),
        _ => Ok(rule),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    tests: usize,
}

/// What the tests of one argument are checked against.
struct Place {
    call: CallId,
    argument: &'static Argument,
    positions: [Option<u8>; 3],
}

type Parsed<T> = Result<T, ParseError>;

impl<'a> Parser<'a> {
    fn rule(mut self) -> Parsed<Rule> {
        let target = self.target()?;
        let mut conditions = Vec::new();
        let open = self.skip();
        if self.take("(") {
            match target {
                Target::Call(call) => conditions = self.arguments(call)?,
                Target::Group(_) => {
                    let help = "write a rule for each call that needs conditions";
                    return Err(self.error(open..open + 1, "a group takes no conditions", Some(help.into())));
                }
            }
        }
        let action = if self.take("->") { Some(self.action()?) } else { None };
        let rest = self.skip();
        if rest < self.text.len() {
            let help = if conditions.is_empty() { "`(` or `->`" } else { "`->` or nothing" };
            return Err(self.error(
                rest..self.text.len(),
                "this does not belong to the rule",
                Some(format!("expected {help} here")),
            ));
        }
        Ok(Rule { target, conditions, action })
    }

    fn target(&mut self) -> Parsed<Target> {
        let start = self.skip();
        let sign = usize::from(self.text[start..].starts_with('@'));
        self.at += sign;
        while self.text[self.at..].starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-')
            && !self.text[self.at..].starts_with("->")
        {
            self.at += 1;
        }
        let name = &self.text[start..self.at];
        let found = if sign == 1 {
            table::group(name).map(Target::Group)
        } else {
            table::call(name).map(Target::Call)
        };
        found.ok_or_else(|| self.unknown_target(start, name, sign == 1))
    }

    fn unknown_target(&self, start: usize, name: &str, group: bool) -> ParseError {
        if name.is_empty() {
            let end = self.text[start..].chars().next().map_or(start, |c| start + c.len_utf8());
            return self.error(start..end, "expected the name of a system call or @group", None);
        }
        let kind = if group { "group" } else { "system call" };
        let help = if !group && table::elsewhere(name) {
            Some("other architectures have it, x86 does not".into())
        } else if group {
            did_you_mean(name, table::groups().iter().map(|group| group.name))
        } else if table::group(&format!("@{name}")).is_some() {
            Some(format!("did you mean the group `@{name}`?"))
        } else {
            did_you_mean(name, table::names().map(CallId::name))
        };
        self.error(start..start + name.len(), format!("unknown {kind} `{name}`"), help)
    }

    fn arguments(&mut self, call: CallId) -> Parsed<Vec<Condition>> {
        let mut conditions = Vec::new();
        for index in 0.. {
            let start = self.skip();
            let word = self.word();
            if self.take(":") {
                let name = &self.text[start..start + word.len()];
                let place = named(call, name).ok_or_else(|| self.unknown_argument(call, start, name))?;
                conditions.push(self.condition(&place)?);
            } else if word == "_" {
                positional(call, index).ok_or_else(|| self.no_argument(call, start))?;
            } else {
                self.at = start;
                let place = positional(call, index).ok_or_else(|| self.no_argument(call, start))?;
                conditions.push(self.condition(&place)?);
            }
            if self.take(")") {
                break;
            }
            if !self.take(",") {
                let at = self.skip();
                let help = "after a test comes `|` and another, `,` and another argument, or `)`";
                return Err(self.error(at..at + self.here(), "expected `,` or `)`", Some(help.into())));
            }
        }
        Ok(conditions)
    }

    fn unknown_argument(&self, call: CallId, start: usize, name: &str) -> ParseError {
        let args = primary(call).map_or(&[][..], |prototype| prototype.args);
        let known = args.iter().flat_map(|arg| [arg.alias, arg.name]).filter(|name| !name.is_empty());
        let help = did_you_mean(name, known).or_else(|| {
            let names: Vec<&str> =
                args.iter().map(|arg| if arg.alias.is_empty() { arg.name } else { arg.alias }).collect();
            Some(format!("its arguments: {}", names.join(", "))).filter(|_| !names.is_empty())
        });
        self.error(start..start + name.len(), format!("{} has no argument `{name}`", call.name()), help)
    }

    fn no_argument(&self, call: CallId, start: usize) -> ParseError {
        let count = primary(call).map_or(0, |prototype| prototype.args.len());
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("{} has {count} argument{plural} only", call.name());
        self.error(start..start + self.text[start..].chars().next().map_or(0, char::len_utf8), message, None)
    }

    fn condition(&mut self, place: &Place) -> Parsed<Condition> {
        let mut tests = Vec::new();
        loop {
            self.tests += 1;
            if self.tests > MAX_TESTS {
                let at = self.skip();
                return Err(self.error(at..at, format!("more than {MAX_TESTS} tests in one rule"), None));
            }
            tests.push(self.test(place)?);
            if !self.take("|") {
                return Ok(Condition { positions: place.positions, tests });
            }
        }
    }

    fn test(&mut self, place: &Place) -> Parsed<Test> {
        if self.take("!&") {
            return Ok(Test::Masked { mask: self.bits(place)?, value: 0 });
        }
        if self.take("&") {
            let mask = self.bits(place)?;
            if !self.take("==") {
                let at = self.skip();
                let help = "write `& MASK == VALUE`, or `!& MASK` for none of the bits";
                return Err(self.error(at..at + self.here(), "expected `==`", Some(help.into())));
            }
            let start = self.skip();
            let value = self.bits(place)?;
            if value & !mask != 0 {
                let help = Some("the value may only have bits of the mask".into());
                return Err(self.error(start..self.at, "this never holds", help));
            }
            return Ok(Test::Masked { mask, value });
        }
        if self.take("!") {
            return Ok(Test::NotEqual(self.fitting(place)?));
        }
        let start = self.skip();
        let low = self.fitting(place)?;
        if !self.take("..=") {
            return Ok(Test::Equal(low));
        }
        let high = self.fitting(place)?;
        if low > high {
            return Err(self.error(start..self.at, "this range is empty", None));
        }
        Ok(Test::Range(low, high))
    }

    /// A value that the argument can hold.
    fn fitting(&mut self, place: &Place) -> Parsed<i128> {
        let start = self.skip();
        let value = self.value(0)?;
        let bits = value_bits(place.call, place.argument);
        let lowest = -(i128::from(bits / 2) + 1);
        if (lowest..=i128::from(bits)).contains(&value) {
            return Ok(value);
        }
        let Argument { name, ctype, .. } = place.argument;
        let (message, help) = if bits == 0xf {
            (
                format!("the type of a socket is its low four bits, {value:#x} is not one"),
                Some("test the flags with `& MASK == VALUE`".into()),
            )
        } else {
            let width = bits.count_ones();
            (format!("{value} does not fit `{ctype} {name}`, of which the kernel reads {width} bits"), None)
        };
        Err(self.error(start..self.at, message, help))
    }

    /// A mask or the value of a masked test.
    fn bits(&mut self, place: &Place) -> Parsed<u64> {
        let start = self.skip();
        let value = self.value(0)?;
        let Argument { name, ctype, width, .. } = place.argument;
        match u64::try_from(value) {
            Ok(bits) if bits <= u64::MAX >> (64 - u32::from(*width)) => Ok(bits),
            _ => {
                let message = format!(
                    "{value:#x} does not fit `{ctype} {name}`, of which the kernel reads {width} bits"
                );
                Err(self.error(start..self.at, message, None))
            }
        }
    }

    fn value(&mut self, depth: usize) -> Parsed<i128> {
        let start = self.skip();
        if self.take("(") {
            if depth == MAX_DEPTH {
                return Err(self.error(start..self.at, "too many parentheses", None));
            }
            let mut value = self.value(depth + 1)?;
            while self.take("|") {
                value |= self.value(depth + 1)?;
            }
            if !self.take(")") {
                let at = self.skip();
                return Err(self.error(at..at + self.here(), "expected `)`", None));
            }
            return Ok(value);
        }
        let negative = self.take("-");
        let word = self.word();
        let span = start..self.at;
        if word.is_empty() {
            let help = "a number, a constant such as AF_UNIX, a range `0..=5`, `!VALUE`, `& MASK == VALUE` or `!& MASK`";
            return Err(self.error(
                self.at..self.at + self.here(),
                "expected a condition",
                Some(help.into()),
            ));
        }
        let value = if word.starts_with(|c: char| c.is_ascii_digit()) {
            number(word).ok_or_else(|| {
                let help = Some("decimal, 0x for hexadecimal, 0 or 0o for octal, at most 64 bits".into());
                self.error(span, format!("`{word}` is not a number"), help)
            })?
        } else {
            let value = table::constant(word).ok_or_else(|| {
                let help = did_you_mean(word, table::constants().iter().map(|constant| constant.name));
                self.error(span, format!("unknown constant `{word}`"), help)
            })?;
            i128::from(value)
        };
        Ok(if negative { -value } else { value })
    }

    fn action(&mut self) -> Parsed<Action> {
        let start = self.skip();
        let end = self.text[start..]
            .find(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '-' | '_'))
            .map_or(self.text.len(), |len| start + len);
        self.at = end;
        let name = &self.text[start..end];
        Action::from_name(name).filter(|action| *action != Action::Allow).ok_or_else(|| {
            let known = table::errnos().iter().map(|errno| errno.name).chain(Action::NAMES);
            let help = did_you_mean(name, known)
                .or_else(|| Some(format!("{}, or an errno name", Action::NAMES.join(", "))));
            self.error(start..end, format!("unknown action `{name}`"), help)
        })
    }

    /// Skips white space; the offset after it.
    fn skip(&mut self) -> usize {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
        self.at
    }

    fn take(&mut self, token: &str) -> bool {
        self.skip();
        let found = self.text[self.at..].starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn word(&mut self) -> &'a str {
        let start = self.skip();
        let rest = &self.text[start..];
        let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at = start + len;
        &rest[..len]
    }

    /// The length in bytes of the next character, zero at the end.
    fn here(&self) -> usize {
        self.text[self.at..].chars().next().map_or(0, char::len_utf8)
    }

    fn error(
        &self,
        span: std::ops::Range<usize>,
        message: impl Into<String>,
        help: Option<String>,
    ) -> ParseError {
        ParseError { offset: span.start, len: span.len(), message: message.into(), help }
    }
}

fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    suggest::nearest(name, known).map(|near| format!("did you mean `{near}`?"))
}

fn number(word: &str) -> Option<i128> {
    let (digits, radix) = match word.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&word[2..], 16),
        [b'0', b'o', ..] => (&word[2..], 8),
        [b'0', _, ..] => (&word[1..], 8),
        _ => (word, 10),
    };
    u64::from_str_radix(digits, radix).ok().map(i128::from)
}

/// The prototype whose order positional arguments follow: that of the first ABI that has one.
fn primary(call: CallId) -> Option<&'static Prototype> {
    let mut prototypes = Abi::ALL.into_iter().filter_map(|abi| call.prototype(abi));
    prototypes.clone().find(|prototype| !prototype.args.is_empty()).or_else(|| prototypes.next())
}

fn positional(call: CallId, index: usize) -> Option<Place> {
    let argument = primary(call)?.args.get(index)?;
    place(call, argument)
}

fn named(call: CallId, name: &str) -> Option<Place> {
    let kernel = alias::kernel_name(call.name(), name);
    let wanted = |arg: &&Argument| arg.name == name || arg.alias == name || Some(arg.name) == kernel;
    let args = primary(call)?.args;
    // The kernel's own name goes before the man page's: `len` may be both, of two arguments.
    let exact = args.iter().find(|arg| arg.name == name);
    place(call, exact.or_else(|| args.iter().find(wanted))?)
}

/// Finds an argument of the primary prototype in every ABI: by its name, or in the same place of
/// a prototype that has as many arguments, if that is of the same kind (address or number).
fn place(call: CallId, argument: &'static Argument) -> Option<Place> {
    let first = primary(call)?;
    let index = first.args.iter().position(|arg| arg.name == argument.name)?;
    let positions = Abi::ALL.map(|abi| {
        let args = call.prototype(abi)?.args;
        let same =
            args.get(index).filter(|arg| args.len() == first.args.len() && arg.pointer == argument.pointer);
        let by_name = args.iter().position(|arg| arg.name == argument.name);
        by_name.or_else(|| same.map(|_| index)).map(|at| at as u8)
    });
    Some(Place { call, argument, positions })
}
