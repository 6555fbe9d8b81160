//! One statement: which calls, under which comparisons, and what they get.

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::table::{self, Abi, CallId};

use super::super::Error;
use super::super::compare::{Ways, above, all, any_bit, below, equal, no_bit, not_equal};
use super::super::listing::Op;
use super::KILL;
use super::token::{Kind, Token};

/// How deep values may be nested in parentheses.
const DEPTH: usize = 16;

/// Alternatives of an expression, `None` for always, and the action.
pub(super) type Filter = (Option<Ways>, Action);

/// Reads the words of one statement.
pub(super) struct Reader<'a> {
    tokens: &'a [Token<'a>],
    at: usize,
    name: &'a str,
    denies: bool,
    constants: &'a BTreeMap<String, i64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        tokens: &'a [Token<'a>],
        name: &'a str,
        denies: bool,
        constants: &'a BTreeMap<String, i64>,
    ) -> Reader<'a> {
        Reader { tokens, at: 0, name, denies, constants }
    }

    pub(super) fn place(&self, token: &Token<'_>) -> String {
        format!("{}:{}:{}", self.name, token.line, token.column)
    }

    /// The place of the word that comes next; the last one's at the end.
    fn here(&self) -> String {
        let token = self.tokens.get(self.at).or(self.tokens.last());
        token.map_or_else(|| self.name.to_owned(), |token| self.place(token))
    }

    fn error(&self, message: impl Into<String>) -> Error {
        Error::new(message).at(self.here())
    }

    fn peek(&self) -> Option<Kind<'a>> {
        self.tokens.get(self.at).map(|token| token.kind)
    }

    pub(super) fn skip(&mut self) {
        self.at += 1;
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.peek() == Some(Kind::Sign(sign));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.take(sign) { Ok(()) } else { Err(self.error(format!("expected `{sign}`"))) }
    }

    pub(super) fn end(&self) -> Result<(), Error> {
        if self.peek() == Some(Kind::Sign(";")) {
            let help = "minijail0 answers the action where the expression fails, compile_seccomp_policy where it \
                        holds; write `{ EXPRESSION, ACTION }` filters, one after the other, instead";
            return Err(self.error("`;` means two things").help(help));
        }
        if self.at < self.tokens.len() {
            Err(self.error("this does not belong to the statement"))
        } else {
            Ok(())
        }
    }

    /// The path after a directive.
    pub(super) fn path(&mut self) -> Result<String, Error> {
        self.skip();
        match self.peek() {
            Some(Kind::Path(path)) => {
                self.skip();
                Ok(path.to_owned())
            }
            _ => Err(self.error("expected a path that begins with `/` or `./`")),
        }
    }

    /// `name`, or `{name, name}`, each perhaps with `[arch=…]`, and the colon.
    pub(super) fn calls(&mut self) -> Result<Vec<CallId>, Error> {
        let mut calls = Vec::new();
        if self.take("{") {
            loop {
                calls.extend(self.call()?);
                if !self.take(",") {
                    break;
                }
            }
            self.expect("}")?;
        } else {
            calls.extend(self.call()?);
        }
        self.expect(":")?;
        Ok(calls)
    }

    /// `None` where it is meant for another architecture.
    fn call(&mut self) -> Result<Option<CallId>, Error> {
        let Some(Kind::Word(name)) = self.peek() else {
            return Err(self.error("expected the name of a system call"));
        };
        let place = self.here();
        self.skip();
        let here = !self.take("[") || self.architectures()?;
        if !here {
            return Ok(None);
        }
        if name.contains('@') {
            let help = "groups are defined in a constants.json that is not part of the policy";
            return Err(Error::new(format!("`{name}` is a group of calls")).at(place).help(help));
        }
        match table::call(name).filter(|call| call.number(Abi::X86_64).is_some()) {
            Some(call) => Ok(Some(call)),
            None => {
                let known =
                    table::names().filter(|call| call.number(Abi::X86_64).is_some()).map(CallId::name);
                Err(Error::unknown("system call of x86_64", name, known).at(place))
            }
        }
    }

    /// `arch=a,b]`: whether x86_64 is among them.
    fn architectures(&mut self) -> Result<bool, Error> {
        if self.peek() != Some(Kind::Word("arch")) {
            return Err(self.error("the only condition on a name is `arch`"));
        }
        self.skip();
        self.expect("=")?;
        let mut here = false;
        loop {
            let Some(Kind::Word(word)) = self.peek() else {
                return Err(self.error("expected an architecture"));
            };
            here |= word == "x86_64";
            self.skip();
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        Ok(here)
    }

    /// One filter, or several in braces.
    pub(super) fn filters(&mut self) -> Result<Vec<Filter>, Error> {
        if !self.take("{") {
            return Ok(vec![self.filter()?]);
        }
        let mut filters = Vec::new();
        loop {
            filters.push(self.filter()?);
            if !self.take(",") {
                break;
            }
        }
        if self.peek() == Some(Kind::Sign(";")) {
            self.end()?;
        }
        self.expect("}")?;
        Ok(filters)
    }

    fn filter(&mut self) -> Result<Filter, Error> {
        let argument = matches!(self.peek(), Some(Kind::Word(word)) if argument(word).is_some());
        if !argument {
            return Ok((None, self.action()?));
        }
        let mut ways = self.clause()?;
        while self.take("||") {
            ways.extend(self.clause()?);
        }
        if self.denies {
            return Err(self.error("a policy with @denylist has `return` in every filter"));
        }
        Ok((Some(ways), Action::Allow))
    }

    fn clause(&mut self) -> Result<Ways, Error> {
        let mut ways = self.atom()?;
        while self.take("&&") {
            let place = self.here();
            ways = all(&ways, &self.atom()?).map_err(|error| error.at(place))?;
        }
        Ok(ways)
    }

    fn atom(&mut self) -> Result<Ways, Error> {
        let number = match self.peek() {
            Some(Kind::Word(word)) => argument(word),
            _ => None,
        };
        let Some(argument) = number else { return Err(self.error("expected `arg0` to `arg5`")) };
        if argument > 5 {
            return Err(self.error(format!("no argument {argument}: they are arg0 to arg5")));
        }
        self.skip();
        let operator = match self.peek() {
            Some(Kind::Sign(sign @ ("==" | "!=" | "<" | "<=" | ">" | ">=" | "&"))) => sign,
            Some(Kind::Word("in")) => "in",
            _ => return Err(self.error("expected `==`, `!=`, `<`, `<=`, `>`, `>=`, `&` or `in`")),
        };
        self.skip();
        let value = self.value(0)?;
        Ok(match operator {
            "==" => equal(argument, u64::MAX, value, true),
            "!=" => not_equal(argument, value, true),
            "<" => below(argument, Op::AtLeast, value, true),
            "<=" => below(argument, Op::Greater, value, true),
            ">" => above(argument, Op::Greater, value, true),
            ">=" => above(argument, Op::AtLeast, value, true),
            "&" => any_bit(argument, value),
            _ => no_bit(argument, !value),
        })
    }

    fn value(&mut self, depth: usize) -> Result<u64, Error> {
        let mut value = self.constant(depth)?;
        while self.take("|") {
            value |= self.constant(depth)?;
        }
        Ok(value)
    }

    fn constant(&mut self, depth: usize) -> Result<u64, Error> {
        if depth > DEPTH {
            return Err(self.error("too many parentheses"));
        }
        let complement = self.take("~");
        let value = if self.take("(") {
            let value = self.value(depth + 1)?;
            self.expect(")")?;
            value
        } else {
            self.single()?
        };
        Ok(if complement { !value } else { value })
    }

    fn single(&mut self) -> Result<u64, Error> {
        let value = match self.peek() {
            Some(Kind::Number(number)) => {
                integer(number).ok_or_else(|| self.error(format!("`{number}` is no number of 64 bits")))?
            }
            Some(Kind::Word(name)) => self.named(name).map_err(|error| error.at(self.here()))?,
            _ => return Err(self.error("expected a number or a constant")),
        };
        self.skip();
        Ok(value)
    }

    fn named(&self, name: &str) -> Result<u64, Error> {
        if let Some(value) = self.constants.get(name).copied().or_else(|| table::constant(name)) {
            return Ok(value as u64);
        }
        if let Some(errno) = table::errno(name) {
            return Ok(u64::from(errno));
        }
        let known = table::constants().iter().chain(table::errnos()).map(|constant| constant.name);
        let error = Error::unknown("constant", name, known.chain(self.constants.keys().map(String::as_str)));
        Err(if error.help.is_some() {
            error
        } else {
            error.help("minijail's own constants.json for x86_64 beside the policy may define it")
        })
    }

    fn action(&mut self) -> Result<Action, Error> {
        let kind = self.peek();
        if self.denies && kind != Some(Kind::Word("return")) {
            return Err(self.error("a policy with @denylist has `return` in every filter"));
        }
        let action = match kind {
            Some(Kind::Word("return")) => {
                self.skip();
                let place = self.here();
                let value = self.single()?;
                return u16::try_from(value)
                    .map(Action::Errno)
                    .map_err(|_| Error::new(format!("{value} is no errno")).at(place));
            }
            Some(Kind::Number("1") | Kind::Word("allow")) => Action::Allow,
            Some(Kind::Word("trace")) => Action::Trace(0),
            Some(Kind::Word("log")) => Action::Log,
            Some(Kind::Word(word)) => match kill(word) {
                Some(action) => action,
                None => return Err(self.unknown_action(word)),
            },
            _ => {
                return Err(
                    self.error("expected `1`, an action, `return`, or a comparison of `arg0` to `arg5`")
                );
            }
        };
        self.skip();
        Ok(action)
    }

    fn unknown_action(&self, word: &str) -> Error {
        let known =
            ["allow", "kill", "kill-process", "kill-thread", "trap", "trace", "log", "user-notify", "return"];
        Error::unknown("action", word, known.into_iter()).at(self.here())
    }

    /// The action after `@default`.
    pub(super) fn default_action(&mut self) -> Result<Action, Error> {
        self.skip();
        let Some(Kind::Word(word)) = self.peek() else { return Err(self.error("expected an action")) };
        let Some(action) = kill(word) else {
            let known = ["kill", "kill-process", "kill-thread", "trap", "user-notify"];
            return Err(Error::unknown("default action", word, known.into_iter()).at(self.here()));
        };
        self.skip();
        Ok(action)
    }
}

/// The actions that `@default` takes too.
fn kill(word: &str) -> Option<Action> {
    Some(match word {
        "kill" => KILL,
        "kill-process" => Action::KillProcess,
        "kill-thread" => Action::KillThread,
        "trap" => Action::Trap(0),
        "user-notify" => Action::UserNotif,
        _ => return None,
    })
}

/// The number in `arg0`.
fn argument(word: &str) -> Option<u8> {
    word.strip_prefix("arg").filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))?.parse().ok()
}

/// A number of C, in two's complement of 64 bits where it is negative.
fn integer(text: &str) -> Option<u64> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let value = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => u64::from_str_radix(&digits[2..], 16),
        [b'0', _, ..] => u64::from_str_radix(&digits[1..], 8),
        _ => digits.parse(),
    };
    let value = value.ok()?;
    match negative {
        true if value > 1 << 63 => None,
        true => Some(value.wrapping_neg()),
        false => Some(value),
    }
}
