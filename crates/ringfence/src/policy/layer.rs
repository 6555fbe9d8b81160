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
    Capability, DevView, Events, Expect, IdMap, Label, Landlock, Namespace, NetMode, PathSpec, Port, ProcView,
    SyscallMode, User,
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
    /// The items, each once: the first writing of it stays.
    pub(crate) fn into_items(self) -> Vec<At<T>> {
        once(self.items)
    }
}

/// The items, each once: the first writing of it stays.
pub(crate) fn once<T: PartialEq>(items: Vec<At<T>>) -> Vec<At<T>> {
    let mut kept: Vec<At<T>> = Vec::with_capacity(items.len());
    for item in items {
        if !kept.iter().any(|other| other.value == item.value) {
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
