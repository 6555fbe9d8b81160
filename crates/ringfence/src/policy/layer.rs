//! One text's statements, and how layers of them merge: what a key says in a higher layer wins,
//! access lists add up, lists that state a whole replace.
//!
//! Merging is associative and [`Layer::default`] is its identity, so that a chain of bases means
//! the same however it is read; the tests hold both laws.

use std::collections::BTreeMap;

use ringfence_bpf::filter::Action;
use ringfence_bpf::rule::Rule;
use ringfence_bpf::table::Abi;

use super::model::{
    Capability, DevView, Events, Expect, IdMap, Label, Landlock, Namespace, NetMode, PathSpec, Port,
    ProcView, SyscallMode, User,
};
use super::source::{At, Origin};

/// A list to which layers add.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Added<T> {
    /// What lower layers gave is dropped.
    pub(crate) clears: bool,
    /// What this layer adds.
    pub(crate) items: Vec<At<T>>,
}

/// A list that states a whole.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Whole<T> {
    /// Where the list was written.
    pub(crate) at: Origin,
    /// All of it.
    pub(crate) items: Vec<At<T>>,
}

/// A scalar: absent where the layer says nothing.
pub(crate) type Scalar<T> = Option<At<T>>;

/// A limit: `Some` of `None` is `unlimited`.
pub(crate) type Limit = Scalar<Option<u64>>;

impl<T> Default for Added<T> {
    fn default() -> Added<T> {
        Added { clears: false, items: Vec::new() }
    }
}

impl<T> Added<T> {
    /// Drops what this layer and the ones below it gave so far.
    pub(crate) fn clear(&mut self) {
        self.clears = true;
        self.items.clear();
    }

    fn over(mut self, base: Added<T>) -> Added<T> {
        if self.clears {
            return self;
        }
        let Added { clears, mut items } = base;
        if items.is_empty() {
            items = self.items;
        } else {
            items.append(&mut self.items);
        }
        Added { clears, items }
    }
}

impl<T: PartialEq> Added<T> {
    /// The items, each once: see [`once`].
    pub(crate) fn into_items(self) -> Vec<At<T>> {
        once(self.items)
    }
}

/// The items without what a lower layer said already: the first writing stays. What one text says
/// twice stays twice; comparing those would only cost time at every start.
pub(crate) fn once<T: PartialEq>(items: Vec<At<T>>) -> Vec<At<T>> {
    let mut kept: Vec<At<T>> = Vec::with_capacity(items.len());
    for item in items {
        let said = |other: &At<T>| other.at.source != item.at.source && other.value == item.value;
        if !kept.iter().any(said) {
            kept.push(item);
        }
    }
    kept
}

/// Defines the fields and their merge together, so that none can be forgotten.
macro_rules! layer {
    (scalars { $($scalar:ident: $scalar_type:ty,)* }
     adds { $($added:ident: $added_type:ty,)* }
     wholes { $($whole:ident: $whole_type:ty,)* }) => {
        /// What one text says; every field may be silent.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(crate) struct Layer {
            $(pub(crate) $scalar: $scalar_type,)*
            $(pub(crate) $added: Added<$added_type>,)*
            $(pub(crate) $whole: Option<Whole<$whole_type>>,)*
            /// `process.env.set`, merged by name.
            pub(crate) env_set: BTreeMap<String, At<String>>,
        }

        impl Layer {
            /// This layer on top of `base`.
            pub(crate) fn over(self, base: Layer) -> Layer {
                let mut env_set = base.env_set;
                env_set.extend(self.env_set);
                Layer {
                    $($scalar: self.$scalar.or(base.$scalar),)*
                    $($added: self.$added.over(base.$added),)*
                    $($whole: self.$whole.or(base.$whole),)*
                    env_set,
                }
            }

            /// The length of the longest list, and where its last item was written.
            pub(crate) fn longest(&self) -> (usize, Option<Origin>) {
                let mut longest = (self.env_set.len(), self.env_set.values().next().map(|item| item.at));
                $(if self.$added.items.len() > longest.0 {
                    longest = (self.$added.items.len(), self.$added.items.last().map(|item| item.at));
                })*
                $(if let Some(list) = self.$whole.as_ref().filter(|list| list.items.len() > longest.0) {
                    longest = (list.items.len(), Some(list.at));
                })*
                longest
            }
        }
    };
}

layer! {
    scalars {
        user: Scalar<User>,
        no_new_privs: Scalar<bool>,
        umask: Scalar<u32>,
        cwd: Scalar<PathSpec>,
        proc: Scalar<ProcView>,
        dev: Scalar<DevView>,
        net_mode: Scalar<NetMode>,
        syscall_mode: Scalar<SyscallMode>,
        on_deny: Scalar<Action>,
        unknown: Scalar<Action>,
        hostname: Scalar<String>,
        id_map: Scalar<IdMap>,
        landlock: Scalar<Landlock>,
        apparmor: Scalar<Label>,
        selinux: Scalar<Label>,
        selinux_mount: Scalar<Label>,
        bpf: Scalar<bool>,
        memory: Limit,
        pids: Limit,
        cpu: Limit,
        wall: Limit,
        open_files: Limit,
        core: Limit,
        file_size: Limit,
        stack: Limit,
        cpu_time: Limit,
        events: Scalar<Events>,
    }
    adds {
        env_pass: String,
        read: PathSpec,
        exec: PathSpec,
        write: PathSpec,
        deny: PathSpec,
        tmp: PathSpec,
        connect: Port,
        bind: Port,
        unix: PathSpec,
        allow_calls: Rule,
        deny_calls: Rule,
        degrade: String,
        expect: Expect,
    }
    wholes {
        groups: String,
        capabilities: Capability,
        fds: u32,
        abis: Abi,
        unshare: Namespace,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::flag::Written;
    use crate::policy::model::Namespace;
    use crate::policy::testing::{load_with, policy};
    use crate::policy::{Flag, MAX_BYTES, key};

    /// Every key's example, in varied halves, with some lists emptied.
    fn layers() -> Vec<Layer> {
        (0..12).map(|variant| layer(variant, variant as u16)).collect()
    }

    fn layer(variant: usize, source: u16) -> Layer {
        let flag = |key: &key::Key, value: &str| Flag { name: key.flag().unwrap(), value: value.to_owned() };
        let keys = key::keys().filter(|key| key.flag().is_some() && key.section() != "expect");
        let mut flags = Vec::new();
        for (at, key) in keys.enumerate() {
            let clears = key.repeats() && !key.maps() && (at + variant).is_multiple_of(5);
            let says = (at * 7 + variant * 3) % 4 < 2;
            flags.extend(clears.then(|| flag(key, "")));
            flags.extend(says.then(|| flag(key, &first_example(key))));
        }
        let mut wrong = Vec::new();
        let layer = Written::new(&[], &flags).layer(source, &flags, &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
        layer
    }

    /// The first value of an example, as a flag takes it.
    fn first_example(key: &key::Key) -> String {
        let value = toml::de::DeValue::parse(key.example).unwrap().into_inner();
        match (value.as_table(), value.as_array()) {
            (Some(table), _) => {
                let (name, value) = table.iter().next().unwrap();
                format!("{}={}", name.get_ref(), value.get_ref().as_str().unwrap())
            }
            (_, Some(list)) => text(list.first().unwrap().get_ref()),
            _ => text(&value),
        }
    }

    fn text(value: &toml::de::DeValue<'_>) -> String {
        match value {
            toml::de::DeValue::Integer(number) => number.to_string(),
            toml::de::DeValue::Float(number) => number.to_string(),
            toml::de::DeValue::Boolean(value) => value.to_string(),
            other => other.as_str().unwrap().to_owned(),
        }
    }

    #[test]
    fn merging_is_associative_and_silence_changes_nothing() {
        let layers = layers();
        for a in &layers {
            assert_eq!(a.clone().over(Layer::default()), *a);
            assert_eq!(Layer::default().over(a.clone()), *a);
            for b in &layers {
                for c in &layers {
                    let left = a.clone().over(b.clone()).over(c.clone());
                    let right = a.clone().over(b.clone().over(c.clone()));
                    assert_eq!(left, right);
                }
            }
        }
    }

    #[test]
    fn a_layer_over_itself_means_the_same() {
        let values =
            |paths: Vec<At<PathSpec>>| once(paths).into_iter().map(|path| path.value).collect::<Vec<_>>();
        for variant in 0..12 {
            let (below, above) = (layer(variant, 1), layer(variant, 2));
            let twice = above.clone().over(below.clone());
            assert_eq!(values(twice.read.items), values(below.read.items));
            let said = |user: Option<At<User>>| user.map(|user| user.value);
            assert_eq!(said(twice.user), said(above.user));
            assert_eq!(twice.unshare, above.unshare);
        }
    }

    #[test]
    fn scalars_override_lists_add_wholes_replace_maps_merge() {
        let base = "version = 1\n[fs]\nread = [\"/a\"]\nproc = \"own\"\n[namespaces]\nunshare = [\"user\", \"mnt\", \"pid\", \"net\"]\n\
                    [process]\nenv = { set = { A = \"1\", B = \"2\" }, pass = [\"X\"] }\nfds = [0, 1, 2]\n[limits]\npids = 5\n\
                    [syscalls]\nallow = [\"@default\"]\n";
        let top = "version = 1\nextends = [\"base.toml\"]\n[fs]\nread = [\"/b\", \"/a\"]\nproc = \"masked\"\n\
                   [namespaces]\nunshare = [\"user\", \"mnt\", \"pid\", \"ipc\", \"net\"]\n\
                   [process]\nenv = { set = { B = \"3\" }, pass = [] }\nfds = []\n[limits]\npids = \"unlimited\"\n";
        let policy = load_with(&["top.toml"], &[("base.toml", base), ("top.toml", top)], &[]).unwrap();
        let read: Vec<_> =
            policy.fs.read.iter().map(|path| (path.value.text.as_str(), path.at.source)).collect();
        assert_eq!(read, [("/a", 1), ("/b", 2)], "in order, each once, the first writing stays");
        assert_eq!(policy.fs.proc.value, crate::policy::model::ProcView::Masked);
        assert!(policy.namespaces.unshare.contains(&Namespace::Ipc) && policy.process.fds.is_empty());
        assert_eq!(policy.process.env_set["A"].value, "1");
        assert_eq!(policy.process.env_set["B"].value, "3");
        assert!(policy.process.env_pass.is_empty() && policy.limits.pids.is_none());
    }

    #[test]
    fn an_empty_string_drops_what_came_before_it() {
        let policy = policy("builtin:offline", "[fs]\nread = [\"\", \"/x\"]\n").unwrap();
        assert_eq!(policy.fs.read.len(), 1);
    }

    #[test]
    fn a_list_without_end_is_refused() {
        let mut text = "version = 1\n[fs]\nread = [".to_owned();
        (0..5000).for_each(|number| text.push_str(&format!("\"/{number}\",")));
        text.push_str("]\n");
        assert!(text.len() < MAX_BYTES);
        let wrong = load_with(&["a.toml"], &[("a.toml", &text)], &[]).unwrap_err().to_string();
        assert!(wrong.contains("a list of 5000 items"), "{}", &wrong[..200]);
    }
}
