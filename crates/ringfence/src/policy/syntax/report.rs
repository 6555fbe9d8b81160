//! What is wrong with one text, with positions, in the order of the text.

use std::ops::Range;

use crate::policy::diagnostic::{Diagnostic, quote};
use crate::policy::key::{self, Key};
use crate::policy::nearest::nearest;
use crate::policy::source::Origin;
use crate::policy::value::Fault;

/// The most reports kept of one text before they are sorted and cut to the limit of all: a
/// megabyte of errors must not cost a gigabyte.
const KEPT: usize = 1000;

/// Collects reports about one text.
pub(super) struct Report<'a> {
    source: u16,
    kept: Vec<Diagnostic>,
    out: &'a mut Vec<Diagnostic>,
}

impl<'a> Report<'a> {
    /// About the text with index `source`; [`Report::finish`] moves it all to `out`.
    pub(super) fn new(source: u16, out: &'a mut Vec<Diagnostic>) -> Report<'a> {
        Report { source, kept: Vec::new(), out }
    }

    /// Moves the reports out, in the order of the text: tables come sorted by name.
    pub(super) fn finish(&mut self) {
        self.kept.sort_by_key(|diagnostic| diagnostic.at);
        self.out.append(&mut self.kept);
    }

    /// Bytes of this text as an origin.
    pub(super) fn origin(&self, range: Range<usize>) -> Origin {
        Origin { source: self.source, offset: range.start as u32, len: (range.end - range.start) as u32 }
    }

    /// Adds a report.
    pub(super) fn add(
        &mut self,
        code: &'static str,
        range: Range<usize>,
        message: &str,
        label: Option<String>,
        help: Option<String>,
    ) {
        if self.kept.len() >= KEPT {
            return;
        }
        let at = Some(self.origin(range));
        self.kept.push(Diagnostic { code, message: message.to_owned(), at, label, notes: Vec::new(), help });
    }

    /// A value of a type that the key does not take.
    pub(super) fn wrong_type(
        &mut self,
        key: &Key,
        wanted: &str,
        found: &str,
        range: Range<usize>,
        help: String,
    ) {
        let message = format!("{}: expected {wanted}, found {found}", key.path);
        self.add("wrong-type", range, &message, None, Some(help));
    }

    /// A fault of a value that was written in `range`; `inner` is where its text begins there.
    pub(super) fn fault(&mut self, key: &Key, fault: Fault, range: Range<usize>, inner: Option<usize>) {
        let exact = inner.map(|inner| range.start + inner);
        let place = match exact {
            Some(start) if !fault.range.is_empty() => start + fault.range.start..start + fault.range.end,
            Some(start) if start + fault.range.start < range.end => start + fault.range.start..range.end,
            _ => range,
        };
        self.add(fault.code, place, &format!("{}: {}", key.path, fault.message), fault.label, fault.help);
    }

    /// A key that no table of this name has.
    pub(super) fn unknown_key(&mut self, section: &str, name: &str, range: Range<usize>) {
        let known = key::names_in(section);
        let place = if section.is_empty() { "at the top".to_owned() } else { format!("in [{section}]") };
        let message = format!("unknown key {} {place}", quote(name));
        let elsewhere = key::keys().find(|key| key.name() == name).map(|key| match key.section() {
            "" => format!("`{name}` stands at the top, before the first table"),
            section => format!("`{name}` is a key of [{section}]"),
        });
        let label = match nearest(name, known.iter().copied()) {
            Some(near) => Some(format!("did you mean `{near}`?")),
            None => elsewhere,
        };
        self.add(
            "unknown-key",
            range,
            &message,
            label,
            Some(format!("the keys {place} are {}", known.join(", "))),
        );
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::policy::testing::{load_with, shown, wrong};

    #[test]
    fn unknown_keys_name_the_nearest_or_their_place() {
        let text =
            "raed = []\nextnds = []\n[fs]\nraed = []\nconnect = []\n[fss]\nx = 1\n[process.env]\npas = []\n";
        expect![[r#"
            error[unknown-key]: unknown key `raed` at the top
             --> box.toml:2:1
              |
            2 | raed = []
              | ^^^^
              = help: the keys at the top are version, extends, process, fs, net, syscalls, namespaces, lsm, limits, audit, degrade, expect

            error[unknown-key]: unknown key `extnds` at the top
             --> box.toml:3:1
              |
            3 | extnds = []
              | ^^^^^^ did you mean `extends`?
              = help: the keys at the top are version, extends, process, fs, net, syscalls, namespaces, lsm, limits, audit, degrade, expect

            error[unknown-key]: unknown key `raed` in [fs]
             --> box.toml:5:1
              |
            5 | raed = []
              | ^^^^ did you mean `read`?
              = help: the keys in [fs] are read, exec, write, deny, tmp, proc, dev

            error[unknown-key]: unknown key `connect` in [fs]
             --> box.toml:6:1
              |
            6 | connect = []
              | ^^^^^^^ `connect` is a key of [net]
              = help: the keys in [fs] are read, exec, write, deny, tmp, proc, dev

            error[unknown-key]: unknown key `fss` at the top
             --> box.toml:7:2
              |
            7 | [fss]
              |  ^^^ did you mean `fs`?
              = help: the keys at the top are version, extends, process, fs, net, syscalls, namespaces, lsm, limits, audit, degrade, expect

            error[unknown-key]: unknown key `pas` in [process.env]
              --> box.toml:10:1
               |
            10 | pas = []
               | ^^^ did you mean `pass`?
               = help: the keys in [process.env] are pass, set"#]]
        .assert_eq(&wrong("", text));
    }

    #[test]
    fn a_quoted_path_is_no_path() {
        let shown = wrong("", "\"fs.read\" = [\"/etc\"]\n");
        assert!(shown.contains("unknown key `fs.read` at the top"), "{shown}");
    }

    #[test]
    fn wrong_types_say_what_to_write() {
        let text = "fs = 1\n[process]\nno_new_privs = \"yes\"\nfds = [\"0\"]\numask = 22\nenv = []\n\
                    [net]\nconnect = \"tcp:443\"\nbind = [443]\n[limits]\ncpu = \"1\"\nwall = 10\nmemory = 1.5\n\
                    pids = 2024-01-01\n[[expect]]\ndeny = 1\n";
        expect![[r#"
            error[wrong-type]: `fs` is a table, not an integer
             --> box.toml:2:6
              |
            2 | fs = 1
              |      ^
              = help: write its keys below a line `[fs]`

            error[wrong-type]: process.no_new_privs: expected true or false, found a string
             --> box.toml:4:16
              |
            4 | no_new_privs = "yes"
              |                ^^^^^
              = help: write it as in `no_new_privs = true`

            error[wrong-type]: process.fds: expected an integer, found a string
             --> box.toml:5:8
              |
            5 | fds = ["0"]
              |        ^^^
              = help: write it as in `fds = [0, 1, 2]`

            error[wrong-type]: process.umask: expected a string or an octal number, found an integer
             --> box.toml:6:9
              |
            6 | umask = 22
              |         ^^
              = help: write it as in `umask = "022"`

            error[wrong-type]: `process.env` is a table, not a list
             --> box.toml:7:7
              |
            7 | env = []
              |       ^^
              = help: write its keys below a line `[process.env]`

            error[wrong-type]: net.connect: expected a list, found a string
             --> box.toml:9:11
              |
            9 | connect = "tcp:443"
              |           ^^^^^^^^^
              = help: write ["tcp:443"]

            error[wrong-type]: net.bind: expected a string, found an integer
              --> box.toml:10:9
               |
            10 | bind = [443]
               |         ^^^
               = help: write it as in `bind = ["tcp:8080"]`

            error[wrong-type]: limits.cpu: expected a number, found a string
              --> box.toml:12:7
               |
            12 | cpu = "1"
               |       ^^^
               = help: write it as in `cpu = 1.5`

            error[wrong-type]: limits.wall: expected a string, found an integer
              --> box.toml:13:8
               |
            13 | wall = 10
               |        ^^
               = help: write it as in `wall = "10m"`

            error[wrong-type]: limits.memory: expected a string or an integer, found a float
              --> box.toml:14:10
               |
            14 | memory = 1.5
               |          ^^^
               = help: write it as in `memory = "2G"`

            error[wrong-type]: limits.pids: expected a string or an integer, found a date
              --> box.toml:15:8
               |
            15 | pids = 2024-01-01
               |        ^^^^^^^^^^
               = help: write it as in `pids = 256`

            error[wrong-type]: expect.deny: expected a string, found an integer
              --> box.toml:17:8
               |
            17 | deny = 1
               |        ^
               = help: write "1""#]]
        .assert_eq(&wrong("", text));
    }

    #[test]
    fn what_is_not_toml_says_where() {
        let shown = wrong("", "[fs]\nread = [/etc]\nwrite = [\"a\"\n");
        assert!(shown.starts_with("error[not-toml]: ") && shown.contains("box.toml:3:9"), "{shown}");
        assert!(wrong("", "a = 1\na = 2\n").contains("duplicate key"));
    }

    #[test]
    fn versions() {
        let version = |text: &str| shown(load_with(&["a.toml"], &[("a.toml", text)], &[]));
        expect![[r#"
            error[version]: the policy does not say its version
             --> a.toml:1:1
              |
            1 | [net]
              | ^
              = help: write `version = 1` on the first line"#]]
        .assert_eq(&version("[net]\nmode = \"none\"\n"));
        assert!(version("version = 2\n").contains("reads version 1 of the language, not `2`"));
        assert!(version("version = \"1\"\n").contains("write `version = 1`"));
        assert!(version("").contains("does not say its version"));
    }

    #[test]
    fn expectations_say_one_thing() {
        let text = "[[expect]]\nallow = \"a\"\ndeny = \"b\"\n[[expect]]\nbecause = \"c\"\n\
                    [[expect]]\ndeny = \"\"\nbecause = \"d\"\n[[expect]]\ndeny = \"x\"\ndepht = 2\n\
                    [[expect]]\ndeny = \"x\"\ndepth = 0\n[[expect]]\nallow = \"x\"\ndepth = 1\n";
        let shown = wrong("", text);
        for words in
            ["either allow or deny", "neither allow nor deny", "the text is empty", "did you mean `depth`?"]
        {
            assert_eq!(shown.matches(words).count(), 1, "{words}: {shown}");
        }
        assert!(
            shown.contains("a depth that cannot be") && shown.contains("allowed has no depth"),
            "{shown}"
        );
        assert!(wrong("", "expect = 1\n").contains("`expect` is a list of tables"));
        assert!(wrong("", "expect = [1]\n").contains("an expectation is a table"));
    }

    #[test]
    fn carets_stand_under_the_part_that_is_wrong() {
        let text = "[net]\nconnect = [\n  'tcp:443',\n  \"tpc:80\",\n]\n[fs]\nread = [\"a\\u0041$HOEM\"]\n\
                    [syscalls]\non_deny = \"EPREM\"\nallow = [\"raed\"]\n";
        expect![[r#"
            error[unknown-name]: net.connect: unknown transport `tpc`
             --> box.toml:5:4
              |
            5 |   "tpc:80",
              |    ^^^ did you mean `tcp`?
              = help: write tcp or udp, a colon, and a port from 0 to 65535 or `*`, such as "tcp:443"

            error[unknown-name]: fs.read: unknown variable `$HOEM`
             --> box.toml:8:9
              |
            8 | read = ["a\u0041$HOEM"]
              |         ^^^^^^^^^^^^^^ did you mean `HOME`?
              = help: a path may use $HOME, $USER, $PWD, $TMPDIR, $XDG_RUNTIME_DIR, $XDG_CACHE_HOME, $XDG_CONFIG_HOME, $XDG_DATA_HOME, $CARGO_HOME, $RUSTUP_HOME; write `\$` for a name with a dollar

            error[unknown-name]: syscalls.on_deny: unknown action `EPREM`
              --> box.toml:10:12
               |
            10 | on_deny = "EPREM"
               |            ^^^^^ did you mean `EPERM`?
               = help: write kill, kill-thread, trap, log, or an errno name such as EPERM or ENOSYS"#]]
        .assert_eq(wrong("", text).split("\n\nerror[bad-rule]").next().unwrap());
    }
}
