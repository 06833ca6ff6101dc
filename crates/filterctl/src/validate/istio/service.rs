//! The `Service` in front of a server that speaks first: how its ports are named decides whether mail comes through.

use super::super::report::{Place, Report};

/// Ports of protocols in which the server speaks first.
const SERVER_FIRST: [u64; 6] = [24, 465, 587, 1025, 2525, 10_025];
/// Beginnings of names that say that a port carries plain connections.
const TCP_NAMES: [&str; 2] = ["tcp", "tls"];

/// Checks a `Service`.
pub(super) fn check(top: &Place<'_>, report: &mut Report) {
    let ports = top.find(&["spec", "ports"]);
    for port in ports.iter().flat_map(Place::items) {
        let number = port.get("port").and_then(|port| port.node.whole());
        let name = port.get("name");
        let text = name.as_ref().and_then(Place::text).unwrap_or_default();
        let protocol = port.text_of("appProtocol").unwrap_or_default();
        let is_mail = number.is_some_and(|number| SERVER_FIRST.contains(&number))
            || (text.contains("smtp") && number != Some(25));
        let is_tcp = |word: &str| TCP_NAMES.contains(&word.split('-').next().unwrap_or_default());
        if is_mail && !is_tcp(text) && !is_tcp(protocol) {
            report
                .warning(
                    name.as_ref().unwrap_or(&port),
                    "Istio waits here for the client's first octets to learn the protocol; of SMTP the server speaks first, so connections hang",
                )
                .suggest("name the port tcp-smtp, or set appProtocol: tcp");
        }
    }
}
