//! Which arguments are shown by the names of their values, and which names those are. The values
//! come from the tables of `ringfence_bpf`.

mod file;
mod kernel;
mod process;
mod socket;

use ringfence_bpf::table;

/// How an argument is shown.
#[derive(Debug, Clone, Copy)]
enum Names {
    /// One of these, else a number.
    One(&'static [&'static str]),
    /// Any of these bits; what is left over as a hexadecimal number.
    Bits(&'static [&'static str]),
    /// In the low bits of the mask one of the first names, and the other bits by the second ones.
    Both(u64, &'static [&'static str], &'static [&'static str]),
}

/// Calls, the kernel's name of an argument, and the names of its values.
type Row = (&'static [&'static str], &'static str, Names);

const TABLES: [&[Row]; 4] = [file::TABLE, kernel::TABLE, process::TABLE, socket::TABLE];

fn rows() -> impl Iterator<Item = &'static Row> {
    TABLES.iter().copied().flatten()
}

/// A value by its names; `None` where the argument has none.
pub(super) fn show(call: &str, argument: &str, value: u64) -> Option<String> {
    let row = rows().find(|(calls, name, _)| *name == argument && calls.contains(&call))?;
    match row.2 {
        Names::One(names) => one(names, value).map(str::to_owned),
        Names::Bits(names) => Some(bits(names, value)),
        Names::Both(mask, names, flags) => match (one(names, value & mask), value & !mask) {
            (Some(name), 0) => Some(name.to_owned()),
            (Some(name), rest) => Some(format!("{name}|{}", bits(flags, rest))),
            // Nothing in the low bits is nothing to be shown.
            (None, rest) if value & mask == 0 => Some(bits(flags, rest)),
            (None, 0) => None,
            (None, rest) => Some(format!("{}|{:#x}", bits(flags, rest), value & mask)),
        },
    }
}

fn one(names: &[&'static str], value: u64) -> Option<&'static str> {
    names.iter().find(|name| is(name, value)).copied()
}

fn bits(names: &[&str], value: u64) -> String {
    let (mut rest, mut shown) = (value, Vec::new());
    for name in names {
        // Names of several bits come before the bits that they share.
        let Some(bit) = constant(name).filter(|bit| *bit != 0 && rest & bit == *bit) else { continue };
        shown.push((*name).to_owned());
        rest &= !bit;
    }
    if rest != 0 || shown.is_empty() {
        shown.push(if rest < 10 { rest.to_string() } else { format!("{rest:#x}") });
    }
    shown.join("|")
}

fn constant(name: &str) -> Option<u64> {
    table::constant(name).and_then(|value| u64::try_from(value).ok())
}

/// Whether a value has this name. Of a negative one the kernel may look at 32 bits alone.
fn is(name: &str, value: u64) -> bool {
    table::constant(name).is_some_and(|named| {
        named == value.cast_signed() || (named < 0 && named == i64::from(value as u32 as i32))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringfence_bpf::table::Abi;

    fn all(names: Names) -> Vec<&'static str> {
        match names {
            Names::One(names) | Names::Bits(names) => names.to_vec(),
            Names::Both(_, names, flags) => [names, flags].concat(),
        }
    }

    #[test]
    fn every_name_has_a_value_and_every_row_an_argument() {
        for (calls, argument, names) in rows() {
            for call in *calls {
                let args = table::by_name(Abi::X86_64, call).expect(call).args;
                assert!(args.iter().any(|arg| arg.name == *argument), "{call} has no {argument}");
            }
            for name in all(*names) {
                assert!(table::constant(name).is_some(), "{name}");
            }
        }
    }

    #[test]
    fn no_argument_has_two_rows() {
        let mut seen = std::collections::BTreeSet::new();
        for (calls, argument, _) in rows() {
            for call in *calls {
                assert!(seen.insert((call, argument)), "{call}: {argument}");
            }
        }
    }

    #[test]
    fn no_two_names_of_a_list_have_the_same_value() {
        for (_, argument, names) in rows() {
            let (Names::One(names) | Names::Both(_, names, _)) = names else { continue };
            let values: std::collections::BTreeSet<_> =
                names.iter().map(|name| table::constant(name)).collect();
            assert_eq!(values.len(), names.len(), "{argument}");
        }
    }

    #[test]
    fn values_are_shown_by_name() {
        assert_eq!(show("socket", "family", 2).as_deref(), Some("AF_INET"));
        assert_eq!(show("socket", "type", 1 | 0o2000000).as_deref(), Some("SOCK_STREAM|SOCK_CLOEXEC"));
        assert_eq!(show("openat", "flags", 0o2000000).as_deref(), Some("O_RDONLY|O_CLOEXEC"));
        assert_eq!(show("openat", "flags", 0o101).as_deref(), Some("O_WRONLY|O_CREAT"));
        assert_eq!(show("unshare", "unshare_flags", 0x1000_0000).as_deref(), Some("CLONE_NEWUSER"));
        assert_eq!(show("clone", "clone_flags", 0x1000_0011).as_deref(), Some("SIGCHLD|CLONE_NEWUSER"));
        assert_eq!(show("clone", "clone_flags", 0x1000_0000).as_deref(), Some("CLONE_NEWUSER"));
        assert_eq!(show("clone", "clone_flags", 0xfe), None);
        assert_eq!(show("newfstatat", "flag", 0x900).as_deref(), Some("AT_SYMLINK_NOFOLLOW|AT_NO_AUTOMOUNT"));
        assert_eq!(show("keyctl", "arg2", u64::MAX - 2).as_deref(), Some("KEY_SPEC_SESSION_KEYRING"));
        assert_eq!(show("add_key", "ringid", 0xffff_fffd).as_deref(), Some("KEY_SPEC_SESSION_KEYRING"));
        assert_eq!(show("keyctl", "arg2", 7), None);
        assert_eq!(show("mmap", "prot", 0).as_deref(), Some("0"));
        assert_eq!(show("socket", "family", 4000), None);
        assert_eq!(show("read", "fd", 1), None);
    }
}
