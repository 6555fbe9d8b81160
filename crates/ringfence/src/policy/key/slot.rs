//! How a key's value reaches its field: the one path that files and flags share.

use crate::policy::layer::Layer;
use crate::policy::source::Origin;
use crate::policy::value::Fault;

/// Which types of TOML a value may have. Flags give text, whatever the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    /// A string.
    Text,
    /// A boolean.
    Boolean,
    /// An integer.
    Integer,
    /// An integer or a float.
    Number,
    /// A string or an integer.
    TextOrInteger,
    /// A string, or an integer written in octal.
    TextOrOctal,
}

/// Stores one value into a layer.
pub(crate) type Store = fn(&mut Layer, &str, Origin) -> Result<(), Fault>;

/// Where a value goes.
#[derive(Clone, Copy)]
pub(crate) enum Slot {
    /// `version`.
    Version,
    /// `extends`.
    Extends,
    /// One value; a higher layer replaces it.
    Scalar(Store),
    /// A list; layers add to it. An empty list, or an empty string in it, drops what came before.
    Adds {
        /// Drops what came before.
        clear: fn(&mut Layer),
        /// Adds one item.
        push: Store,
    },
    /// A list that a higher layer replaces.
    Whole {
        /// Says that the layer has the list; more than once is the same as once.
        open: fn(&mut Layer, Origin),
        /// Adds one item.
        push: Store,
    },
    /// Names with values, merged by name.
    Map(fn(&mut Layer, &str, &str, Origin) -> Result<(), Fault>),
    /// A key of `[[expect]]`.
    Expect(Store),
}

/// Stores a scalar.
macro_rules! scalar {
    ($field:ident, $parse:expr) => {
        $crate::policy::key::Slot::Scalar(|layer, text, at| {
            layer.$field = Some($crate::policy::source::At::new($parse(text)?, at));
            Ok(())
        })
    };
}

/// Stores a limit, which may be `unlimited`.
macro_rules! limit {
    ($field:ident, $parse:path) => {
        scalar!($field, |text| $crate::policy::value::amount::unless_unlimited(text, $parse))
    };
}

/// Adds to a list.
macro_rules! adds {
    ($field:ident, $parse:expr) => {
        $crate::policy::key::Slot::Adds {
            clear: |layer| layer.$field.clear(),
            push: |layer, text, at| {
                layer.$field.items.push($crate::policy::source::At::new($parse(text)?, at));
                Ok(())
            },
        }
    };
}

/// States a whole list.
macro_rules! whole {
    ($field:ident, $parse:expr) => {
        $crate::policy::key::Slot::Whole {
            open: |layer, at| {
                layer.$field.get_or_insert_with(|| $crate::policy::layer::Whole { at, items: Vec::new() });
            },
            push: |layer, text, at| {
                let item = $crate::policy::source::At::new($parse(text)?, at);
                let empty = || $crate::policy::layer::Whole { at, items: Vec::new() };
                layer.$field.get_or_insert_with(empty).items.push(item);
                Ok(())
            },
        }
    };
}

pub(super) use {adds, limit, scalar, whole};
