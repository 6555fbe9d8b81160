//! Connections: to loopback and to Unix sockets only, so that nothing ever leaves the machine.

use core::net::IpAddr;

use ringfence_bpf::table::Abi;

use crate::control::trial::{Deed, Passes, Trial, Word};

const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_INET6: u64 = 10;
const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const CLOEXEC: u64 = 0o2000000;
const NONBLOCK: u64 = 0o4000;
const ECONNREFUSED: u16 = 111;
const EADDRINUSE: u16 = 98;

/// socket(2) and connect(2); refused by nobody listening is let through by every control.
#[must_use]
pub fn connect(address: IpAddr, port: u16, stream: bool) -> Option<Trial> {
    let (family, bytes) = endpoint(address, port);
    let kind = if stream { STREAM } else { DATAGRAM } | CLOEXEC;
    let deeds = vec![
        Deed::call(Abi::X86_64, "socket", vec![Word::Value(family), Word::Value(kind), Word::Value(0)])?,
        Deed::call(Abi::X86_64, "connect", with_address(bytes))?,
    ];
    Some(Trial::of(deeds).passing(Passes::SuccessOr(vec![ECONNREFUSED])))
}

/// socket(2) and bind(2) on 127.0.0.1; a port in use is let through by every control.
#[must_use]
pub fn bind(port: u16, stream: bool) -> Option<Trial> {
    let (family, bytes) = endpoint(IpAddr::from([127, 0, 0, 1]), port);
    let kind = if stream { STREAM } else { DATAGRAM } | CLOEXEC;
    let deeds = vec![
        Deed::call(Abi::X86_64, "socket", vec![Word::Value(family), Word::Value(kind), Word::Value(0)])?,
        Deed::call(Abi::X86_64, "bind", with_address(bytes))?,
    ];
    Some(Trial::of(deeds).passing(Passes::SuccessOr(vec![EADDRINUSE])))
}

/// socket(2) of a Unix stream and connect(2); `name` as in `sun_path`, with the null byte of an
/// abstract name.
#[must_use]
pub fn connect_unix(name: &[u8]) -> Option<Trial> {
    let mut bytes = (AF_UNIX as u16).to_ne_bytes().to_vec();
    bytes.extend_from_slice(name);
    if !name.starts_with(b"\0") {
        bytes.push(0);
    }
    if bytes.len() > 110 {
        return None;
    }
    let deeds = vec![
        Deed::call(
            Abi::X86_64,
            "socket",
            vec![Word::Value(AF_UNIX), Word::Value(STREAM | CLOEXEC | NONBLOCK), Word::Value(0)],
        )?,
        Deed::call(Abi::X86_64, "connect", with_address(bytes))?,
    ];
    // EAGAIN: the listener's queue is full. It was reached.
    Some(Trial::of(deeds).passing(Passes::SuccessOr(vec![11])))
}

/// socket(2) alone.
#[must_use]
pub fn socket(abi: Abi, family: u64, kind: u64, protocol: u64) -> Option<Trial> {
    Trial::call(abi, "socket", vec![Word::Value(family), Word::Value(kind), Word::Value(protocol)])
}

fn with_address(bytes: Vec<u8>) -> Vec<Word> {
    let len = bytes.len() as u64;
    vec![Word::Answer(0), Word::Bytes(bytes), Word::Value(len)]
}

/// `struct sockaddr_in` or `sockaddr_in6`.
fn endpoint(address: IpAddr, port: u16) -> (u64, Vec<u8>) {
    let mut bytes = Vec::with_capacity(28);
    match address {
        IpAddr::V4(address) => {
            bytes.extend((AF_INET as u16).to_ne_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend(address.octets());
            bytes.extend([0; 8]);
            (AF_INET, bytes)
        }
        IpAddr::V6(address) => {
            bytes.extend((AF_INET6 as u16).to_ne_bytes());
            bytes.extend(port.to_be_bytes());
            bytes.extend([0; 4]);
            bytes.extend(address.octets());
            bytes.extend([0; 4]);
            (AF_INET6, bytes)
        }
    }
}
