//! Channels that are sockets: Unix ones with an abstract name or a path, TCP and UDP on loopback, virtual
//! machine sockets, netlink.

use super::{Border, Channel, Names, channel, n, v};
use crate::control::trial::{Deed, Passes, Word};

const AF_UNIX: u64 = 1;
const AF_INET: u64 = 2;
const AF_NETLINK: u64 = 16;
const AF_VSOCK: u64 = 40;
const STREAM: u64 = 1;
const DATAGRAM: u64 = 2;
const RAW: u64 = 3;
const NONBLOCK: u64 = 0o4000;
const MSG_DONTWAIT: u64 = 0x40;

pub(super) fn all(names: &mut dyn FnMut() -> Names, private: Option<&'static str>) -> Vec<Channel> {
    let mut all = Vec::new();
    let mut named = |name: &'static str, kind: u64, path: Option<&'static str>| {
        let names = names();
        let place = match path {
            None => format!("\0{}", names.unique),
            Some(directory) => format!("{directory}/.{}\0", names.unique),
        };
        let mut address = (AF_UNIX as u16).to_le_bytes().to_vec();
        address.extend(place.into_bytes());
        let border = path.map_or(Border::Net, Border::Private);
        let mut channel = connected(name, "unix(7)", border, (AF_UNIX, kind), address, None);
        if let Some(directory) = path {
            let path = Word::text(format!("{directory}/.{}", names.unique).as_bytes());
            channel.after.push(Deed::of("unlinkat", vec![n(-100), path, v(0)]));
        }
        channel
    };
    all.push(named("unix-abstract", STREAM, None));
    all.push(named("unix-abstract-datagram", DATAGRAM, None));
    if private.is_some() {
        all.push(named("unix-path", STREAM, private));
        all.push(named("unix-path-datagram", DATAGRAM, private));
    }
    for (name, kind) in [("tcp", STREAM), ("udp", DATAGRAM)] {
        all.push(connected(name, "ip(7)", Border::Net, (AF_INET, kind), internet(names().number), Some(5)));
    }
    all.push(connected(
        "vsock",
        "vsock(7)",
        Border::Filter,
        (AF_VSOCK, STREAM),
        machine(names().number),
        None,
    ));
    all.push(netlink(names().number));
    all
}

/// The peer listens or waits; it sees a connection or a byte. `fresh`: where an attempt's own letters are
/// in the address.
fn connected(
    name: &'static str,
    page: &'static str,
    border: Border,
    (family, kind): (u64, u64),
    address: Vec<u8>,
    fresh: Option<u16>,
) -> Channel {
    let len = address.len() as u64;
    let at = || match fresh {
        Some(from) => Word::Fresh(address.clone(), from),
        None => Word::Bytes(address.clone()),
    };
    let socket = || Deed::of("socket", vec![v(family), v(kind | NONBLOCK), v(0)]);
    let mut peer = vec![socket(), Deed::of("bind", vec![Word::Answer(0), at(), v(len)])];
    if kind == STREAM {
        peer.push(Deed::of("listen", vec![Word::Answer(0), v(1)]));
        // A connection to loopback is made before connect(2) comes back only where that may wait.
        let socket = Deed::of("socket", vec![v(family), v(kind), v(0)]);
        Channel {
            peer,
            deeds: vec![socket, Deed::of("connect", vec![Word::Answer(0), at(), v(len)])],
            after: vec![Deed::of("accept4", vec![Word::Answer(0), v(0), v(0), v(0)])],
            seen: Some(Passes::Success),
            ..channel(name, "connect to", page, border)
        }
    } else {
        let byte = Word::Bytes(b"x".to_vec());
        let receive = vec![Word::Answer(0), Word::Scratch(512), v(8), v(MSG_DONTWAIT), v(0), v(0)];
        Channel {
            peer,
            deeds: vec![socket(), Deed::of("sendto", vec![Word::Answer(0), byte, v(1), v(0), at(), v(len)])],
            after: vec![Deed::of("recvfrom", receive)],
            seen: Some(Passes::Answer(1)),
            ..channel(name, "send a datagram to", page, border)
        }
    }
}

/// `struct sockaddr_in` of an unusual loopback address, so that the port is nobody's. Each attempt has one
/// of its own (127.x.y.1): whoever closes a connection first keeps its address for a minute (TIME_WAIT).
fn internet(number: u32) -> Vec<u8> {
    let port = (20_000 + number % 10_000) as u16;
    let mut address = (AF_INET as u16).to_le_bytes().to_vec();
    address.extend(port.to_be_bytes());
    address.extend([127, 0, 0, 1]);
    address.extend([0; 8]);
    address
}

/// `struct sockaddr_vm` with `VMADDR_CID_LOCAL`.
fn machine(number: u32) -> Vec<u8> {
    let local = 1u32;
    let mut address = (AF_VSOCK as u16).to_le_bytes().to_vec();
    address.extend([0; 2]);
    address.extend((0x5246_0000 | number & 0xffff).to_le_bytes());
    address.extend(local.to_le_bytes());
    address.extend([0; 4]);
    address
}

/// `NETLINK_USERSOCK`, which is for talk among programs; a message is a header alone.
fn netlink(number: u32) -> Channel {
    let user = 2;
    let mut address = (AF_NETLINK as u16).to_le_bytes().to_vec();
    address.extend([0; 2]);
    address.extend((0x4000_0000 | number).to_le_bytes());
    address.extend([0; 4]);
    let header = Word::Bytes([16u32, 0, 0, 0].map(u32::to_le_bytes).concat());
    let socket = || Deed::of("socket", vec![v(AF_NETLINK), v(RAW | NONBLOCK), v(user)]);
    let receive = vec![Word::Answer(0), Word::Scratch(512), v(64), v(MSG_DONTWAIT), v(0), v(0)];
    Channel {
        peer: vec![socket(), Deed::of("bind", vec![Word::Answer(0), Word::Bytes(address.clone()), v(12)])],
        deeds: vec![
            socket(),
            Deed::of("sendto", vec![Word::Answer(0), header, v(16), v(0), Word::Bytes(address), v(12)]),
        ],
        after: vec![Deed::of("recvfrom", receive)],
        seen: Some(Passes::Answer(16)),
        ..channel("netlink", "send a netlink message to", "netlink(7)", Border::Net)
    }
}
