//! Networks and sockets of the host.

use std::net::{TcpListener, UdpSocket};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};

use super::attempt::{ANY, Attacker, DONE};
use crate::harness::both;

const NO_FAMILY: &[&str] = &["EAFNOSUPPORT"];

both! {
    fn no_listener_of_the_host_is_reached(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-connect=tcp:1") {
            return;
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = format!("tcp {}", listener.local_addr().unwrap().port());
        attacker.table("", &[(&tcp, DONE, NO_FAMILY)]);
        attacker.table("--policy builtin:service", &[(&tcp, DONE, &["ECONNREFUSED"])]);
        attacker.table("--policy builtin:container", &[(&tcp, DONE, &["ECONNREFUSED"])]);
        attacker.table("--net-mode=host --net-connect=tcp:1", &[(&tcp, DONE, &["EACCES"])]);
        // The port that the policy names, and only with it.
        let named = format!("--net-mode=host --net-connect=tcp:{}", listener.local_addr().unwrap().port());
        assert_eq!(attacker.inside(&named, &tcp), "done");
    }

    fn no_datagram_reaches_the_host(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-connect=tcp:1") {
            return;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let udp = format!("udp {}", socket.local_addr().unwrap().port());
        assert_eq!(attacker.outside(&udp), "done");
        assert!(socket.recv(&mut [0; 8]).is_ok());
        attacker.refused("", &[(&udp, NO_FAMILY)]);
        // Own networks have own ports: nobody is told.
        attacker.refused("--policy builtin:service", &[(&udp, &["done", "ECONNREFUSED"])]);
        attacker.refused("--net-mode=host --net-connect=tcp:1", &[(&udp, &["EACCES", "EAFNOSUPPORT"])]);
        assert!(socket.recv(&mut [0; 8]).is_err());
    }

    /// Before Landlock ABI 10 nothing can hold a list of UDP ports, which is then an error.
    fn udp_ports_are_held_or_refused(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-connect=tcp:1") {
            return;
        }
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        for flags in ["--net-mode=host --net-connect=udp:1", "--net-mode=host --net-bind=udp:1"] {
            let run = ground.ringfence(flags, &["./attack", "udp", &port]).go();
            if run.status == 125 {
                run.complains("UDP").complains("landlock.udp-");
            } else {
                run.prints("EACCES");
            }
            assert!(socket.recv(&mut [0; 8]).is_err(), "{run}");
        }
        let every = "--net-mode=host --net-connect=udp:* --net-bind=udp:*";
        assert_eq!(attacker.inside(every, &format!("udp {port}")), DONE);
        assert!(socket.recv(&mut [0; 8]).is_ok());
    }

    fn unix_sockets_of_the_host_are_not_reached(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-unix=. --degrade-allow=landlock.resolve-unix") {
            return;
        }
        let name = ground.root().file_name().unwrap().to_str().unwrap().to_owned();
        let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let path = ground.root().join("home/socket");
        let _named = UnixListener::bind(&path).unwrap();
        ground.own(&path);
        let (hidden, path) = (format!("local @{name}"), format!("local {}", path.display()));
        attacker.table("", &[(&hidden, DONE, NO_FAMILY), (&path, DONE, NO_FAMILY)]);
        let unix = "--policy builtin:service";
        attacker.table(unix, &[(&hidden, DONE, &["ECONNREFUSED", "EPERM"]), (&path, DONE, &["ENOENT"])]);
        // In the host's own network as well: there only Landlock's scope holds abstract names.
        let host = "--net-mode=host --net-unix=. --degrade-allow=landlock.resolve-unix";
        attacker.table(host, &[(&hidden, DONE, &["EPERM", "ECONNREFUSED"]), (&path, DONE, &["ENOENT"])]);
    }

    /// Without a path in `net.unix` there are pairs; with a private directory, the program's own.
    fn own_unix_sockets_need_a_path(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        for flags in ["", "--policy builtin:build"] {
            attacker.refused(flags, &[("own_local /tmp/own", NO_FAMILY), ("streams", &[DONE])]);
        }
        let flags = "--net-unix=/tmp --degrade-allow=landlock.resolve-unix";
        attacker.refused(flags, &[("own_local /tmp/own", &[DONE]), ("streams", &[DONE])]);
    }

    /// A read-only mount does not stop connect(2): only Landlock ABI 9 does, and where it is missing
    /// the policy says so or is refused.
    fn unix_sockets_that_are_visible_are_held_or_refused(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        ground.directory("home/work/other");
        ground.directory("home/work/named");
        let path = ground.work().join("other/socket");
        let _listener = UnixListener::bind(&path).unwrap();
        ground.own(&path);
        let words = format!("local {}", path.display());
        assert_eq!(attacker.outside(&words), DONE);
        let run = ground.ringfence("--net-unix=named", &["./attack", "local", path.to_str().unwrap()]).go();
        let held = run.status != 125;
        if held {
            run.prints("EACCES");
        } else {
            run.complains("landlock.resolve-unix").complains("needs Landlock ABI 9");
        }
        let degraded = attacker.inside("--net-unix=named --degrade-allow=landlock.resolve-unix", &words);
        assert_eq!(degraded, if held { "EACCES" } else { DONE });
        assert_eq!(attacker.inside("--net-unix=other --degrade-allow=landlock.resolve-unix", &words), DONE);
        let binary = ground.binary();
        let check = ground.command(&binary, &["check", "--policy", "builtin:service"]).go();
        let line = check.out.lines().find(|line| line.contains("landlock.resolve-unix")).unwrap();
        assert_eq!(line.contains("MISSING, let pass by [degrade]"), !held, "{line}");
    }

    fn raw_and_strange_sockets_do_not_exist(ground: &Ground) {
        let Some(attacker) = Attacker::new(ground) else { return };
        if !ground.landlock("--net-mode=host --net-connect=tcp:1") {
            return;
        }
        for flags in ["", "--policy builtin:service", "--net-mode=host --net-connect=tcp:443"] {
            let denied: &[&str] = &["EAFNOSUPPORT", "EPERM", "EACCES", "EPROTONOSUPPORT"];
            attacker.table(flags, &[
                ("raw", ANY, denied), ("packet", ANY, denied), ("packet_wide", ANY, denied),
                ("vsock", ANY, denied), ("crypto", ANY, denied),
            ]);
        }
    }

    /// What `lo` is inside `service` is no longer there without it.
    fn interfaces_are_its_own(ground: &Ground) {
        let run = ground.shell("--policy builtin:service", "ls /sys/class/net; tail -n +3 /proc/net/dev").go();
        let interfaces: Vec<_> = run.out.lines().filter(|line| line.contains(':')).collect();
        assert!(interfaces.iter().all(|line| line.trim_start().starts_with("lo:")), "{run}");
    }
}
