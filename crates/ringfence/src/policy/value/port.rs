//! Transports and ports: `tcp:443`, `tcp:*`, `udp:53`.

use super::Fault;
use crate::policy::diagnostic::quote;
use crate::policy::model::{Port, Transport};

const HELP: &str = "write tcp or udp, a colon, and a port from 0 to 65535 or `*`, such as \"tcp:443\"";

/// What `bind` may take. Port 0 is one that the kernel chooses (ip_local_port_range, ip(7)).
pub(crate) fn bind(text: &str) -> Result<Port, Fault> {
    let Some((transport, port)) = text.split_once(':') else {
        let fault = Fault::value(text, format!("{} is not a transport and a port", quote(text)), HELP);
        let guess = text.parse::<u16>().ok().map(|port| format!("did you mean `tcp:{port}`?"));
        return Err(Fault { label: guess, ..fault });
    };
    let transport_value = match transport {
        "tcp" => Transport::Tcp,
        "udp" => Transport::Udp,
        _ => return Err(Fault::name(transport, "transport", ["tcp", "udp"], HELP)),
    };
    let port = match port {
        "*" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok() => {
            digits.parse().ok()
        }
        _ => {
            let fault = Fault::value(text, format!("{} is not a port", quote(port)), HELP);
            return Err(fault.within(transport.len() + 1..text.len()));
        }
    };
    Ok(Port { transport: transport_value, port })
}

/// Where `connect` may go: nothing listens on port 0.
pub(crate) fn connect(text: &str) -> Result<Port, Fault> {
    match bind(text)? {
        Port { port: Some(0), .. } => Err(Fault::value(text, "nothing can be reached on port 0", HELP)),
        port => Ok(port),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports() {
        assert_eq!(bind("tcp:443"), Ok(Port { transport: Transport::Tcp, port: Some(443) }));
        assert_eq!(bind("udp:*"), Ok(Port { transport: Transport::Udp, port: None }));
        assert_eq!(bind("tcp:0").map(|port| port.port), Ok(Some(0)));
        assert_eq!(bind("tcp:65535").map(|port| port.port), Ok(Some(65535)));
        for bad in ["", "443", "tcp", "tcp:", "tcp:65536", "tcp:-1", "tcp:+1", "tcp:http", "tpc:1", "tcp:1-2"]
        {
            assert!(bind(bad).is_err(), "{bad}");
        }
        assert!(connect("tcp:0").is_err());
    }

    #[test]
    fn faults_point_at_the_part() {
        assert_eq!(bind("tpc:443").unwrap_err().range, 0..3);
        assert_eq!(bind("tpc:443").unwrap_err().label.as_deref(), Some("did you mean `tcp`?"));
        assert_eq!(bind("tcp:http").unwrap_err().range, 4..8);
        assert_eq!(bind("443").unwrap_err().label.as_deref(), Some("did you mean `tcp:443`?"));
    }
}
