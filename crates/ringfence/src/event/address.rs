//! Socket addresses in a program's memory: `struct sockaddr` of ip(7), ipv6(7), unix(7).

use std::net::{Ipv4Addr, Ipv6Addr};

use ringfence_bpf::table;

use super::text::Text;

/// The longest address that the kernel takes: `struct sockaddr_storage`.
pub const MAX: usize = 128;

const AF_UNIX: u16 = 1;
const AF_INET: u16 = 2;
const AF_INET6: u16 = 10;

/// An address as people write it; for families without a notation, the family's name.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    let Some(family) = word(bytes, 0).map(u16::from_ne_bytes) else {
        return "an address without a family".to_owned();
    };
    let rest = &bytes[2..];
    let port = || word(rest, 0).map(u16::from_be_bytes);
    match family {
        AF_INET => match (port(), rest.get(2..6).and_then(|part| <[u8; 4]>::try_from(part).ok())) {
            (Some(port), Some(host)) => format!("{}:{port}", Ipv4Addr::from(host)),
            _ => "AF_INET, cut off".to_owned(),
        },
        AF_INET6 => match (port(), rest.get(6..22).and_then(|part| <[u8; 16]>::try_from(part).ok())) {
            (Some(port), Some(host)) => format!("[{}]:{port}", Ipv6Addr::from(host)),
            _ => "AF_INET6, cut off".to_owned(),
        },
        AF_UNIX => unix(rest),
        other => family_name(other),
    }
}

/// The path of a Unix socket in the file system.
#[must_use]
pub fn unix_path(bytes: &[u8]) -> Option<&[u8]> {
    let (AF_UNIX, path) = (word(bytes, 0).map(u16::from_ne_bytes)?, &bytes[2..]) else { return None };
    let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
    (end > 0).then_some(&path[..end])
}

/// The port of an Internet address.
#[must_use]
pub fn inet(bytes: &[u8]) -> Option<u16> {
    let (AF_INET | AF_INET6) = word(bytes, 0).map(u16::from_ne_bytes)? else { return None };
    word(bytes, 2).map(u16::from_be_bytes)
}

fn unix(name: &[u8]) -> String {
    match name {
        [] => "an unnamed Unix socket".to_owned(),
        [0, name @ ..] => format!("the abstract Unix socket {}", Text::new(name)),
        path => {
            let end = path.iter().position(|byte| *byte == 0).unwrap_or(path.len());
            format!("the Unix socket {}", Text::new(&path[..end]))
        }
    }
}

fn family_name(family: u16) -> String {
    let is =
        |constant: &&table::Constant| constant.name.starts_with("AF_") && constant.value == i64::from(family);
    match table::constants().iter().find(is) {
        Some(constant) => constant.name.to_owned(),
        None => format!("address family {family}"),
    }
}

fn word(bytes: &[u8], at: usize) -> Option<[u8; 2]> {
    bytes.get(at..at + 2)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(family: u16, rest: &[u8]) -> String {
        show(&[&family.to_ne_bytes()[..], rest].concat())
    }

    #[test]
    fn addresses_are_shown_as_people_write_them() {
        assert_eq!(address(AF_INET, &[1, 187, 10, 0, 0, 1, 0, 0]), "10.0.0.1:443");
        let mut six = vec![0, 53, 0, 0, 0, 0];
        six.extend([0; 15]);
        six.push(1);
        assert_eq!(address(AF_INET6, &six), "[::1]:53");
        assert_eq!(address(AF_UNIX, b"/run/x\0junk"), "the Unix socket \"/run/x\"");
        assert_eq!(address(AF_UNIX, b"\0a\x1b"), "the abstract Unix socket \"a\\x1b\"");
        assert_eq!(address(16, &[0; 10]), "AF_NETLINK");
        assert_eq!(address(999, &[]), "address family 999");
    }

    #[test]
    fn what_is_cut_off_is_not_made_up() {
        assert_eq!(address(AF_INET, &[1, 187, 10]), "AF_INET, cut off");
        assert_eq!(address(AF_INET6, &[1, 187]), "AF_INET6, cut off");
        assert_eq!(address(AF_UNIX, &[]), "an unnamed Unix socket");
        assert_eq!(show(&[2]), "an address without a family");
    }
}
