//! Calls about sockets.

use super::{Names, Row};

const FAMILY: Names = Names::One(&[
    "AF_UNSPEC",
    "AF_UNIX",
    "AF_INET",
    "AF_INET6",
    "AF_NETLINK",
    "AF_PACKET",
    "AF_ALG",
    "AF_VSOCK",
    "AF_BLUETOOTH",
    "AF_CAN",
    "AF_KEY",
    "AF_TIPC",
    "AF_RDS",
    "AF_XDP",
    "AF_X25",
    "AF_AX25",
    "AF_IPX",
    "AF_APPLETALK",
    "AF_PPPOX",
    "AF_SMC",
    "AF_QIPCRTR",
    "AF_NFC",
    "AF_LLC",
    "AF_KCM",
    "AF_PHONET",
]);
const TYPE: Names = Names::Both(
    0xf,
    &["SOCK_STREAM", "SOCK_DGRAM", "SOCK_RAW", "SOCK_RDM", "SOCK_SEQPACKET", "SOCK_DCCP", "SOCK_PACKET"],
    &["SOCK_NONBLOCK", "SOCK_CLOEXEC"],
);
const MESSAGE: Names = Names::Bits(&[
    "MSG_OOB",
    "MSG_PEEK",
    "MSG_DONTROUTE",
    "MSG_DONTWAIT",
    "MSG_EOR",
    "MSG_NOSIGNAL",
    "MSG_MORE",
    "MSG_FASTOPEN",
]);

pub(super) const TABLE: &[Row] = &[
    (&["socket", "socketpair"], "family", FAMILY),
    (&["socket", "socketpair"], "type", TYPE),
    (&["accept4"], "flags", Names::Bits(&["SOCK_NONBLOCK", "SOCK_CLOEXEC"])),
    (&["sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg"], "flags", MESSAGE),
    (&["setsockopt", "getsockopt"], "level", Names::One(&["SOL_SOCKET"])),
];
