//! Which texts take part, and in which order: bases before what extends them, each once, the
//! command line last.

use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::ops::Range;

use super::builtin::{self, Builtin};
use super::diagnostic::{Diagnostic, quote};
use super::flag::Written;
use super::layer::Layer;
use super::nearest::nearest;
use super::source::{Kind, Origin, Source};
use super::syntax::{Document, not_toml};
use super::{DEFAULT, MAX_BYTES, Request};

/// How long a chain of bases may be; longer ones are mistakes.
const DEPTH: usize = 16;
/// How many texts may take part.
const TEXTS: usize = 64;

/// What is known while texts are read.
pub(super) struct Stack<'a> {
    /// The texts so far, in the order of layering.
    pub(super) sources: Vec<Source>,
    /// The merge of them.
    pub(super) layer: Layer,
    /// What is wrong with them.
    pub(super) wrong: Vec<Diagnostic>,
    loader: &'a dyn Fn(&str) -> io::Result<String>,
    /// The names on the way from the command line to the text at hand.
    chain: Vec<String>,
}

/// A text that was found.
enum Text {
    Builtin(Builtin),
    File(String),
}

/// Why a base cannot take part; its place is where it was asked for.
struct Refusal {
    code: &'static str,
    message: String,
    label: Option<String>,
    help: String,
}

impl<'a> Stack<'a> {
    /// Reads the defaults, everything that `request` names, and its flags.
    pub(super) fn read(request: &'a Request<'a>) -> Stack<'a> {
        let mut stack = Stack {
            sources: Vec::new(),
            layer: Layer::default(),
            wrong: Vec::new(),
            loader: request.loader,
            chain: Vec::new(),
        };
        stack.defaults();
        let written = Written::new(request.policies, request.flags);
        let refusals = match request.policies {
            [] => stack.bases("", [(DEFAULT, 0..0)]),
            named => stack.bases("", named.iter().map(String::as_str).zip(written.policies.iter().cloned())),
        };
        let index = stack.index();
        let layer = written.layer(index, request.flags, &mut stack.wrong);
        stack.add("command line".into(), Kind::CommandLine, written.text.into(), layer);
        stack.report(index, refusals);
        stack
    }

    fn defaults(&mut self) {
        let layer = builtin::DEFAULTS.layer(0, &mut self.wrong);
        self.add("default".into(), Kind::Default, builtin::DEFAULTS.text.into(), layer);
    }

    /// Reads bases in order, and tells which cannot take part.
    fn bases<'n>(
        &mut self,
        extender: &str,
        names: impl IntoIterator<Item = (&'n str, Range<usize>)>,
    ) -> Vec<(Range<usize>, Refusal)> {
        let mut refusals = Vec::new();
        for (name, range) in names {
            let name = beside(extender, name);
            if let Err(refusal) = self.base(&name) {
                refusals.push((range, refusal));
            }
        }
        refusals
    }

    fn base(&mut self, name: &str) -> Result<(), Refusal> {
        if self.chain.iter().any(|above| above == name) {
            let chain: Vec<String> = self.chain.iter().map(String::as_str).chain([name]).map(quote).collect();
            return Err(Refusal::new(
                "extends-cycle",
                format!("a policy extends itself: {}", chain.join(" extends ")),
                "take one of these out of `extends`",
            ));
        }
        if self.sources.iter().any(|source| source.name == name) {
            return Ok(());
        }
        if self.chain.len() >= DEPTH || self.sources.len() >= TEXTS {
            let message =
                format!("more than {DEPTH} policies extend each other, or more than {TEXTS} take part");
            return Err(Refusal::new("extends-depth", message, "merge some of them into one"));
        }
        let found = match name.strip_prefix(builtin::PREFIX) {
            Some(bare) => Text::Builtin(builtin::find(bare).ok_or_else(|| Refusal::unknown_builtin(bare))?),
            None => Text::File(self.file(name)?),
        };
        self.chain.push(name.to_owned());
        match found {
            Text::Builtin(builtin) => self.builtin(name, builtin),
            Text::File(text) => self.document(name, text),
        }
        self.chain.pop();
        Ok(())
    }

    fn builtin(&mut self, name: &str, builtin: Builtin) {
        let refusals = self.bases("", builtin.bases());
        let index = self.index();
        let layer = builtin.layer(index, &mut self.wrong);
        self.add(name.to_owned().into(), Kind::Builtin, builtin.text.into(), layer);
        self.report(index, refusals);
    }

    fn document(&mut self, name: &str, text: String) {
        let layer = match Document::parse(&text) {
            Ok(document) => {
                let bases = document.bases();
                let refusals = self.bases(name, bases.iter().map(|base| (&*base.name, base.range.clone())));
                let index = self.index();
                let layer = document.layer(index, &mut self.wrong);
                self.report(index, refusals);
                layer
            }
            Err(errors) => {
                not_toml(self.index(), &errors, &mut self.wrong);
                Layer::default()
            }
        };
        self.add(name.to_owned().into(), Kind::File, text.into(), layer);
    }

    fn file(&self, name: &str) -> Result<String, Refusal> {
        let text = (self.loader)(name).map_err(|error| Refusal::unreadable(name, &error))?;
        if text.len() > MAX_BYTES {
            return Err(Refusal::new(
                "too-large",
                format!("the policy {} is larger than {} MiB", quote(name), MAX_BYTES >> 20),
                "is it a policy? People write policies of a few kilobytes",
            ));
        }
        Ok(text)
    }

    /// The index that the next text will have. [`TEXTS`] bounds it.
    fn index(&self) -> u16 {
        self.sources.len() as u16
    }

    fn add(&mut self, name: Cow<'static, str>, kind: Kind, text: Cow<'static, str>, layer: Layer) {
        self.sources.push(Source { name, kind, text });
        self.layer = layer.over(std::mem::take(&mut self.layer));
    }

    fn report(&mut self, source: u16, refusals: Vec<(Range<usize>, Refusal)>) {
        for (range, refusal) in refusals {
            let at = Origin { source, offset: range.start as u32, len: range.len() as u32 };
            let Refusal { code, message, label, help } = refusal;
            let help = Some(help);
            self.wrong.push(Diagnostic { code, message, at: Some(at), label, notes: Vec::new(), help });
        }
    }
}

impl Refusal {
    fn new(code: &'static str, message: String, help: &str) -> Refusal {
        Refusal { code, message, label: None, help: help.to_owned() }
    }

    fn unknown_builtin(name: &str) -> Refusal {
        let known = || builtin::BUILTINS.iter().map(|(name, ..)| *name);
        let label = nearest(name, known()).map(|name| format!("did you mean `{}{name}`?", builtin::PREFIX));
        let list: Vec<&str> = known().collect();
        let help = format!("the built-in policies are {}", list.join(", "));
        let message = format!("unknown built-in policy {}", quote(name));
        Refusal { label, ..Refusal::new("unknown-name", message, &help) }
    }

    fn unreadable(name: &str, error: &io::Error) -> Refusal {
        let bare = name.rsplit_once(':').map_or(name, |(_, bare)| bare);
        let known = builtin::find(bare).map(|_| format!("did you mean `{}{bare}`?", builtin::PREFIX));
        let (what, help) = match error.kind() {
            ErrorKind::NotFound => {
                ("there is no such file".to_owned(), "check the name and the working directory")
            }
            ErrorKind::PermissionDenied => ("it may not be read".to_owned(), "check its permission bits"),
            ErrorKind::InvalidData => ("it is not UTF-8".to_owned(), "write policies in UTF-8"),
            ErrorKind::IsADirectory => ("it is a directory".to_owned(), "name a file"),
            _ => (error.to_string(), "name a file that can be read"),
        };
        let message = format!("cannot read the policy {}: {what}", quote(name));
        Refusal { label: known, ..Refusal::new("unreadable", message, help) }
    }
}

/// The name of a base as its extender means it: relative to the extender's own directory. Only
/// text is looked at, so that the same file always has the same name.
fn beside(extender: &str, name: &str) -> String {
    if name.starts_with(builtin::PREFIX) || name.starts_with('/') {
        return name.to_owned();
    }
    let directory = extender.rfind('/').map_or("", |slash| &extender[..=slash]);
    let mut name = format!("{directory}{}", name.strip_prefix("./").unwrap_or(name));
    while let Some(at) = name.find("/./") {
        name.replace_range(at..at + 2, "");
    }
    name
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{load_with, shown};
    use crate::policy::{MAX_BYTES, Policy};

    fn names(policy: &Policy) -> Vec<&str> {
        policy.sources.iter().map(|source| &*source.name).collect()
    }

    #[test]
    fn without_a_name_the_default_policy_holds() {
        let policy = load_with(&[], &[], &[]).unwrap();
        assert_eq!(names(&policy), ["default", "builtin:compute", "builtin:offline", "command line"]);
    }

    #[test]
    fn bases_come_first_and_each_once() {
        let files = [
            ("dir/top.toml", "version = 1\nextends = [\"a.toml\", \"../b.toml\", \"builtin:offline\"]\n"),
            ("dir/a.toml", "version = 1\nextends = [\"./../b.toml\"]\n"),
            ("dir/../b.toml", "version = 1\nextends = [\"builtin:compute\"]\n"),
        ];
        let policy = load_with(&["dir/top.toml"], &files, &[]).unwrap();
        let order = ["dir/../b.toml", "dir/a.toml", "builtin:offline", "dir/top.toml", "command line"];
        assert_eq!(names(&policy)[2..], order);
    }

    #[test]
    fn a_cycle_shows_its_chain() {
        let files = [
            ("a.toml", "version = 1\nextends = [\"b.toml\"]\n"),
            ("b.toml", "version = 1\nextends = [\"./a.toml\"]\n"),
        ];
        expect![[r#"
            error[extends-cycle]: a policy extends itself: `a.toml` extends `b.toml` extends `a.toml`
             --> b.toml:2:12
              |
            2 | extends = ["./a.toml"]
              |            ^^^^^^^^^^
              = help: take one of these out of `extends`"#]]
        .assert_eq(&shown(load_with(&["a.toml"], &files, &[])));
        let own = [("a.toml", "version = 1\nextends = [\"a.toml\"]\n")];
        assert!(shown(load_with(&["a.toml"], &own, &[])).contains("extends-cycle"));
    }

    #[test]
    fn a_chain_has_an_end_even_where_names_never_repeat() {
        let chain = |length: usize| {
            let loader = move |name: &str| match name.matches("sub/").count() {
                last if last + 1 == length => Ok("version = 1\nextends = [\"builtin:compute\"]\n".to_owned()),
                _ => Ok("version = 1\nextends = [\"sub/x.toml\"]\n".to_owned()),
            };
            let policies = ["x.toml".to_owned()];
            shown(crate::policy::load(&crate::policy::Request {
                policies: &policies,
                flags: &[],
                loader: &loader,
            }))
        };
        assert_eq!(chain(15), "nothing is wrong", "16 with the built-in one");
        assert!(chain(16).contains("more than 16 policies extend each other"));
        assert!(chain(usize::MAX).contains("more than 16 policies extend each other"));
    }

    #[test]
    fn a_prefix_of_another_spelling_is_told() {
        let shown = shown(load_with(&["buildin:offline"], &[], &[]));
        assert!(shown.contains("did you mean `builtin:offline`?"), "{shown}");
    }

    #[test]
    fn a_base_that_cannot_be_read_is_shown_where_it_is_named() {
        let files =
            [("a.toml", "version = 1\nextends = [\"builtin:ofline\", \"nowhere.toml\", \"offline\", 3]\n")];
        expect![[r#"
            error[unknown-name]: unknown built-in policy `ofline`
             --> a.toml:2:12
              |
            2 | extends = ["builtin:ofline", "nowhere.toml", "offline", 3]
              |            ^^^^^^^^^^^^^^^^ did you mean `builtin:offline`?
              = help: the built-in policies are compute, offline, build, service, container

            error[unreadable]: cannot read the policy `nowhere.toml`: there is no such file
             --> a.toml:2:30
              |
            2 | extends = ["builtin:ofline", "nowhere.toml", "offline", 3]
              |                              ^^^^^^^^^^^^^^
              = help: check the name and the working directory

            error[unreadable]: cannot read the policy `offline`: there is no such file
             --> a.toml:2:46
              |
            2 | extends = ["builtin:ofline", "nowhere.toml", "offline", 3]
              |                                              ^^^^^^^^^ did you mean `builtin:offline`?
              = help: check the name and the working directory"#]]
        .assert_eq(&shown(load_with(&["a.toml"], &files, &[])));
        assert!(shown(load_with(&["gone.toml"], &[], &[])).contains("--policy=gone.toml"));
    }

    #[test]
    fn ten_megabytes_are_refused() {
        let huge = format!("version = 1\n#{}", "x".repeat(10_000_000));
        let shown = shown(load_with(&["huge.toml"], &[("huge.toml", &huge)], &[]));
        assert!(shown.contains("error[too-large]: the policy `huge.toml` is larger than 1 MiB"), "{shown}");
        let limit = format!("version = 1\n#{}", "x".repeat(MAX_BYTES - 13));
        load_with(&["builtin:offline", "full.toml"], &[("full.toml", &limit)], &[]).unwrap();
    }
}
