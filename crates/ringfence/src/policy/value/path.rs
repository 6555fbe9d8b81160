//! Paths as written. Only their syntax is decided here; `~`, variables, relative parts and links
//! are resolved once, by the host's side, before anything is applied.

use std::ffi::OsString;

use super::Fault;
use crate::policy::diagnostic::quote;
use crate::policy::model::PathSpec;

/// The variables that a path may use; any other would let the environment decide the policy.
pub const VARIABLES: [&str; 10] = [
    "HOME",
    "USER",
    "PWD",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "CARGO_HOME",
    "RUSTUP_HOME",
];

/// PATH_MAX of linux/limits.h, with the NUL that ends a path.
const PATH_MAX: usize = 4096;

/// A path as written (and as [`parse`] has let it pass) with its variables replaced, and without the
/// `\` before what stands for itself. Relative paths stay relative.
///
/// # Errors
/// What `lookup` says of a variable; it is asked for the names of [`VARIABLES`] only. `~` is `HOME`.
pub(crate) fn expand<E>(
    text: &str,
    lookup: impl Fn(&'static str) -> Result<OsString, E>,
) -> Result<OsString, E> {
    let mut path = OsString::with_capacity(text.len() + 32);
    let mut rest = text;
    if rest == "~" || rest.starts_with("~/") {
        path.push(lookup("HOME")?);
        rest = &rest[1..];
    }
    while let Some(at) = rest.find(['\\', '$']) {
        path.push(&rest[..at]);
        let special = &rest[at..];
        let len = match special.strip_prefix('\\').map(|tail| tail.chars().next()) {
            Some(next) => {
                let len = 1 + next.map_or(0, char::len_utf8);
                path.push(&special[1..len]);
                len
            }
            None => match VARIABLES.into_iter().find(|known| *known == variable_name(special)) {
                Some(name) => {
                    path.push(lookup(name)?);
                    1 + name.len()
                }
                None => {
                    path.push("$");
                    1
                }
            },
        };
        rest = &special[len..];
    }
    path.push(rest);
    Ok(path)
}

/// The letters after a `$`.
fn variable_name(text: &str) -> &str {
    let rest = &text[1..];
    &rest[..rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len())]
}

/// `-` for optional, then a path with `~`, `$NAME` and `\` before what is to stand for itself.
pub(crate) fn parse(whole: &str) -> Result<PathSpec, Fault> {
    super::no_nul(whole)?;
    let (text, optional) = match whole.strip_prefix('-') {
        Some(text) => (text, true),
        None => (whole, false),
    };
    let mark = usize::from(optional);
    if text.is_empty() {
        return Err(Fault::value(whole, "a path of nothing", "write a path; \".\" is the working directory"));
    }
    if text.len() >= PATH_MAX {
        let help = format!("the kernel takes at most {} bytes", PATH_MAX - 1);
        return Err(Fault::value(whole, "the path is too long", help));
    }
    validate(text).map_err(|fault| fault.moved(mark))?;
    Ok(PathSpec { text: text.to_owned(), optional })
}

fn validate(text: &str) -> Result<(), Fault> {
    if text.starts_with('~') && text != "~" && !text.starts_with("~/") {
        let help = "write the path itself; for a file whose name begins with `~`, write `./~…`";
        return Err(Fault::value(text, "`~` stands for the caller's home only", help));
    }
    let mut from = 0;
    while let Some(at) = text[from..].find(['\\', '$', '*', '?']).map(|at| from + at) {
        from = at
            + match text.as_bytes()[at] {
                b'\\' => match text[at + 1..].chars().next() {
                    Some(next) => 1 + next.len_utf8(),
                    None => {
                        let help = "`\\` takes the next character literally; write `\\\\` for one";
                        return Err(Fault::value(text, "nothing follows `\\`", help).within(at..at + 1));
                    }
                },
                b'$' => 1 + known_variable(&text[at..]).map_err(|fault| fault.moved(at))?.len(),
                _ => {
                    let message = format!("{} has no meaning in a path", quote(&text[at..at + 1]));
                    let help = "a directory covers all below it; write `\\` before a character that is part of a name";
                    return Err(Fault::value(text, message, help).within(at..at + 1));
                }
            };
    }
    Ok(())
}

fn known_variable(text: &str) -> Result<&str, Fault> {
    let name = variable_name(text);
    if VARIABLES.contains(&name) {
        return Ok(name);
    }
    let help = format!("a path may use ${}; write `\\$` for a name with a dollar", VARIABLES.join(", $"));
    let fault = Fault::name(name, "variable", VARIABLES, help);
    Err(Fault { message: format!("unknown variable {}", quote(&text[..=name.len()])), ..fault }
        .within(0..name.len() + 1))
}

/// Two paths as written that can only mean the same.
#[inline]
pub(crate) fn same(a: &PathSpec, b: &PathSpec) -> bool {
    fn pieces(path: &PathSpec) -> impl Iterator<Item = &str> {
        path.text.split('/').filter(|piece| !piece.is_empty() && *piece != ".")
    }
    let (last_a, last_b) = (a.text.bytes().last(), b.text.bytes().last());
    let open_end = |last| matches!(last, Some(b'/' | b'.'));
    // Most pairs differ here, and every pair of two lists comes by at every start.
    if last_a != last_b && !open_end(last_a) && !open_end(last_b) {
        return false;
    }
    a.text.starts_with('/') == b.text.starts_with('/') && pieces(a).eq(pieces(b))
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn spec(text: &str) -> PathSpec {
        parse(text).unwrap()
    }

    #[test]
    fn a_leading_minus_is_a_mark_and_not_a_name() {
        assert_eq!(spec("-/x"), PathSpec { text: "/x".into(), optional: true });
        assert_eq!(spec("./-x"), PathSpec { text: "./-x".into(), optional: false });
        assert_eq!(spec("--x").text, "-x");
        assert!(parse("-").is_err() && parse("").is_err());
    }

    #[test]
    fn variables_expand_once_and_literals_stay() {
        let lookup = |name: &'static str| match name {
            "HOME" => Ok(OsString::from("/home/$USER")),
            _ => Err(name),
        };
        let expand = |text: &str| expand(&spec(text).text, lookup);
        assert_eq!(expand("~"), Ok("/home/$USER".into()));
        assert_eq!(expand("~/a/~"), Ok("/home/$USER/a/~".into()));
        assert_eq!(expand("/x/$HOME.d"), Ok("/x//home/$USER.d".into()));
        assert_eq!(expand(r"/a\$HOME/\*\\\é"), Ok(r"/a$HOME/*\é".into()));
        assert_eq!(expand("$TMPDIR"), Err("TMPDIR"));
    }

    #[test]
    fn a_path_that_cannot_be_says_which_part() {
        let mut shown = String::new();
        for bad in
            ["~root/x", "/a/$HOEM/b", "-/a/$HOEM", "/etc/*.conf", "/a\0b", "/a\\", "$", &"x".repeat(4096)]
        {
            let fault = parse(bad).unwrap_err();
            shown.push_str(&format!("{:?} {} [{:?}]\n", fault.range, fault.message, fault.label.as_deref()));
        }
        expect![[r#"
            0..7 `~` stands for the caller's home only [None]
            3..8 unknown variable `$HOEM` [Some("did you mean `HOME`?")]
            4..9 unknown variable `$HOEM` [Some("did you mean `HOME`?")]
            5..6 `*` has no meaning in a path [None]
            2..3 the text has a NUL byte in it [None]
            2..3 nothing follows `\` [None]
            0..1 unknown variable `$` [None]
            0..4096 the path is too long [None]
        "#]]
        .assert_eq(&shown);
    }

    #[test]
    fn same_sees_through_slashes_and_dots_only() {
        assert!(same(&spec("/a/b/"), &spec("-//a/./b")));
        assert!(same(&spec("."), &spec("./")));
        assert!(!same(&spec("/a"), &spec("a")));
        assert!(!same(&spec("/a/b/.."), &spec("/a")), "a link may be in the way");
    }
}
