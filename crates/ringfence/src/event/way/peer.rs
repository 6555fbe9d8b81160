//! Operations on others: connections, ports, processes outside.

use std::net::IpAddr;

use super::{Answer, Found, Model, Stop, Way, file, guard};
use crate::control::landlock::right::{net, scope};
use crate::event::errno::{EACCES, ENETUNREACH, EPERM, ESRCH};
use crate::event::{Cause, Control, Known, Remedy, Setting};
use crate::operation::Access;
use crate::policy::model::{Namespace, NetMode, Transport};

const NET_BIND_SERVICE: u8 = 10;
/// The kernel's default of `net.ipv4.ip_unprivileged_port_start`, which a new namespace has.
const UNPRIVILEGED: u16 = 1024;

pub(super) fn connect(model: &Model, transport: Transport, address: Option<IpAddr>, port: u16) -> Way {
    let host = address.map_or_else(String::new, |address| format!("{address} port "));
    let six = address.is_some_and(|address| address.is_ipv6());
    let calls = vec![socket(transport, six), ("connect", [3, 1, 16, 0, 0, 0])];
    let mut way = Way::by(model, format!("connect {transport} {host}{port}"), calls);
    let right = match transport {
        Transport::Tcp => (net::CONNECT_TCP, "net.connect_tcp", "net.connect"),
        Transport::Udp => (net::CONNECT_SEND_UDP, "net.connect_send_udp", "net.connect"),
    };
    way.stops.extend(landlock(model, right, transport, port));
    way.stops.extend(guard::port(model, false, transport, port));
    way.stops.push(network(model, address));
    way
}

pub(super) fn bind(model: &Model, transport: Transport, port: u16) -> Way {
    let calls = vec![socket(transport, false), ("bind", [3, 1, 16, 0, 0, 0])];
    let mut way = Way::by(model, format!("bind {transport} {port}"), calls);
    let right = match transport {
        Transport::Tcp => (net::BIND_TCP, "net.bind_tcp", "net.bind"),
        Transport::Udp => (net::BIND_UDP, "net.bind_udp", "net.bind"),
    };
    way.stops.extend(landlock(model, right, transport, port));
    way.stops.extend(guard::port(model, true, transport, port));
    way.stops.push(low_port(model, port));
    way
}

/// What stands between a socket that there is and a port.
pub(super) fn port(model: &Model, bind: bool, transport: Transport, port: u16) -> Vec<Stop> {
    let right = match (bind, transport) {
        (true, Transport::Tcp) => (net::BIND_TCP, "net.bind_tcp", "net.bind"),
        (true, Transport::Udp) => (net::BIND_UDP, "net.bind_udp", "net.bind"),
        (false, Transport::Tcp) => (net::CONNECT_TCP, "net.connect_tcp", "net.connect"),
        (false, Transport::Udp) => (net::CONNECT_SEND_UDP, "net.connect_send_udp", "net.connect"),
    };
    let mut stops: Vec<Stop> = landlock(model, right, transport, port).into_iter().collect();
    stops.extend(guard::port(model, bind, transport, port));
    if bind {
        stops.push(low_port(model, port));
    }
    stops
}

pub(super) fn connect_unix(model: &Model, found: &Found) -> Way {
    const AF_UNIX: u64 = 1;
    let calls = vec![("socket", [AF_UNIX, 1, 0, 0, 0, 0]), ("connect", [3, 1, 110, 0, 0, 0])];
    let mut way = Way::by(model, format!("connect to the Unix socket {}", found.path.display()), calls);
    // The view shows a socket as it shows a file; Landlock's right for it is not modelled.
    let view = file::way(model, Access::Read, found).stops.into_iter();
    way.stops.extend(view.filter(|stop| stop.control == Control::Mount));
    way.stops.push(Stop::new(
        Control::Landlock,
        Answer::Unknown,
        "Landlock's right for Unix sockets is not modelled",
    ));
    way.stops.extend(guard::unix(model, &found.path));
    way
}

pub(super) fn signal(model: &Model) -> Way {
    const SIGTERM: u64 = 15;
    let calls = vec![("kill", [1, SIGTERM, 0, 0, 0, 0])];
    let mut way = Way::by(model, "a signal to a process outside".to_owned(), calls);
    let stops = &mut way.stops;
    let namespaces = &model.policy.namespaces;
    stops.push(if namespaces.unshare.contains(&Namespace::Pid) {
        let mut stop =
            Stop::new(Control::Namespace, Answer::Denies(ESRCH), "no process outside has a number inside");
        stop.line = model.line(Some(namespaces.unshare_at));
        stop.cause = Some(Cause::OtherNamespace);
        stop
    } else {
        Stop::new(Control::Namespace, Answer::Allows, "processes outside have numbers")
    });
    stops.push(Stop::new(
        Control::Credential,
        Answer::Unknown,
        "whether the user is the same is not modelled",
    ));
    let scoped = model.ruleset.as_ref().map(|ruleset| ruleset.scoped & scope::SIGNAL != 0);
    if let Some(scoped) = scoped {
        let answer = if scoped { Answer::Denies(EPERM) } else { Answer::Allows };
        let mut stop = Stop::new(Control::Landlock, answer, "signals leave the domain");
        if scoped {
            stop.cause = Some(Cause::MissingRight("scope.signal".to_owned()));
            stop.logged = Some(model.of_landlock.clone());
        }
        stops.push(stop);
    }
    way
}

fn socket(transport: Transport, six: bool) -> (&'static str, [u64; 6]) {
    let family = if six { 10 } else { 2 };
    let kind = match transport {
        Transport::Tcp => 1,
        Transport::Udp => 2,
    };
    ("socket", [family, kind, 0, 0, 0, 0])
}

fn network(model: &Model, address: Option<IpAddr>) -> Stop {
    let net = &model.policy.net;
    let mut stop = match net.mode.value {
        NetMode::Host => return Stop::new(Control::Net, Answer::Allows, "the host's network"),
        NetMode::Loopback if address.is_none_or(|address| address.is_loopback()) => {
            return Stop::new(
                Control::Net,
                Answer::Allows,
                "an own loopback, with what the program itself serves",
            );
        }
        NetMode::Loopback => Stop::new(Control::Net, Answer::Denies(ENETUNREACH), "an own loopback alone"),
        NetMode::None => {
            Stop::new(Control::Net, Answer::Denies(ENETUNREACH), "an own network with nothing in it")
        }
    };
    stop.line = model.line(Some(net.mode.at));
    stop.cause = Some(Cause::NoRoute);
    let setting = Setting { key: "net.mode", value: "host".to_owned(), list: false };
    stop.remedy = Some(Known::Predicted(Remedy::Settings(vec![setting])));
    stop
}

fn low_port(model: &Model, port: u16) -> Stop {
    let kept = model.policy.process.capabilities.iter().any(|kept| kept.value.0 == NET_BIND_SERVICE);
    let own = model.policy.namespaces.unshare.contains(&Namespace::Net);
    if port == 0 || port >= UNPRIVILEGED || kept {
        return Stop::new(Control::Credential, Answer::Allows, "no capability is needed");
    }
    let about = "ports below 1024 need CAP_NET_BIND_SERVICE";
    if !own {
        let about = format!("{about}, where net.ipv4.ip_unprivileged_port_start says so");
        return Stop::new(Control::Credential, Answer::Unknown, about);
    }
    let mut stop = Stop::new(Control::Credential, Answer::Denies(EACCES), about);
    stop.cause = Some(Cause::Capability("CAP_NET_BIND_SERVICE"));
    let setting =
        Setting { key: "process.capabilities", value: "CAP_NET_BIND_SERVICE".to_owned(), list: true };
    stop.remedy = Some(Known::Predicted(Remedy::Settings(vec![setting])));
    stop
}

fn landlock(
    model: &Model,
    (right, name, key): (u64, &'static str, &'static str),
    transport: Transport,
    port: u16,
) -> Option<Stop> {
    let ruleset = model.ruleset.as_ref()?;
    let about = format!("{name} on port {port}");
    if ruleset.net & right == 0 {
        return Some(Stop::new(Control::Landlock, Answer::Allows, format!("{about} is not restricted")));
    }
    let grants = |(granted, access, _): &&(u64, u64, _)| *granted == u64::from(port) && access & right != 0;
    let mut stop = Stop::new(Control::Landlock, Answer::Allows, about);
    match ruleset.ports.iter().find(grants) {
        Some((_, _, at)) => stop.line = model.line(*at),
        None => {
            stop.answer = Answer::Denies(EACCES);
            stop.cause = Some(Cause::MissingRight(name.to_owned()));
            let setting = Setting { key, value: format!("{transport}:{port}"), list: true };
            stop.remedy = Some(Known::Predicted(Remedy::Settings(vec![setting])));
            stop.logged = Some(model.of_landlock.clone());
        }
    }
    Some(stop)
}
