//! The top of a policy, and `[process]`.

use super::slot::{adds, scalar, whole};
use super::{Accept, Key, Slot, no_words};
use crate::policy::source::At;
use crate::policy::value::word::meanings;
use crate::policy::value::{boolean, credential, name, no_nul, path};

pub(super) const KEYS: &[Key] = &[
    Key {
        path: "version",
        help: "The version of the policy language; every file says it",
        more: "",
        value: "1",
        example: "1",
        default: "",
        words: no_words,
        accept: Accept::Integer,
        slot: Slot::Version,
    },
    Key {
        path: "extends",
        help: "The policies below this one, lowest first",
        more: "Files, relative to the file that extends them, or `builtin:NAME`. Each policy is layered once, \
               where it is first met. On the command line this is `--policy`.",
        value: "POLICY",
        example: "[\"builtin:offline\", \"team.toml\"]",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: Slot::Extends,
    },
    Key {
        path: "process.user",
        help: "Whom the program runs as: a word, a name, or UID:GID",
        more: "",
        value: "USER",
        example: "\"keep\"",
        default: "\"keep\"",
        words: || meanings(credential::USERS),
        accept: Accept::Text,
        slot: scalar!(user, credential::user),
    },
    Key {
        path: "process.groups",
        help: "The supplementary groups, by name or number; absent: those of the caller that the id map names",
        more: "",
        value: "GROUP",
        example: "[\"video\", 44]",
        default: "",
        words: no_words,
        accept: Accept::TextOrInteger,
        slot: whole!(groups, credential::group),
    },
    Key {
        path: "process.capabilities",
        help: "The capabilities that stay, in all five sets",
        more: "Names of capabilities(7). With a user namespace they count inside it only.",
        value: "CAPABILITY",
        example: "[\"CAP_NET_BIND_SERVICE\"]",
        default: "[]",
        words: no_words,
        accept: Accept::Text,
        slot: whole!(capabilities, credential::capability),
    },
    Key {
        path: "process.no_new_privs",
        help: "Whether no exec can give privileges, prctl(2)",
        more: "With `false`, a filter or Landlock needs CAP_SYS_ADMIN.",
        value: "BOOLEAN",
        example: "true",
        default: "true",
        words: no_words,
        accept: Accept::Boolean,
        slot: scalar!(no_new_privs, boolean),
    },
    Key {
        path: "process.umask",
        help: "The permission bits cleared on creation, in octal; absent: the caller's",
        more: "",
        value: "MASK",
        example: "\"022\"",
        default: "",
        words: no_words,
        accept: Accept::TextOrOctal,
        slot: scalar!(umask, credential::umask),
    },
    Key {
        path: "process.cwd",
        help: "The directory to start in; absent: the caller's where it is visible inside, else `/`",
        more: "",
        value: "PATH",
        example: "\"/tmp\"",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: scalar!(cwd, path::parse),
    },
    Key {
        path: "process.env.pass",
        help: "The environment variables that pass; `*` at the end makes a prefix",
        more: "Every other variable is removed.",
        value: "NAME",
        example: "[\"PATH\", \"LC_*\"]",
        default: "[]",
        words: no_words,
        accept: Accept::Text,
        slot: adds!(env_pass, name::variable_or_prefix),
    },
    Key {
        path: "process.env.set",
        help: "Environment variables that are set",
        more: "A higher layer replaces them by name. Values are taken as they are: `~` and `$` mean nothing. \
               What is set wins over what passes.",
        value: "NAME=VALUE",
        example: "{ HOME = \"/tmp\" }",
        default: "",
        words: no_words,
        accept: Accept::Text,
        slot: Slot::Map(|layer, name, value, at| {
            name::variable(name)?;
            no_nul(value)?;
            layer.env_set.insert(name.to_owned(), At::new(value.to_owned(), at));
            Ok(())
        }),
    },
    Key {
        path: "process.fds",
        help: "The descriptors that stay open; every other one is closed",
        more: "What is passed is reached past the view, and a directory with all below it: chmod(2), chown(2) and \
               utimensat(2) there are held by no Landlock. So 0, 1 and 2 may not be directories.",
        value: "NUMBER",
        example: "[0, 1, 2]",
        default: "[0, 1, 2]",
        words: no_words,
        accept: Accept::Integer,
        slot: whole!(fds, name::descriptor),
    },
];
