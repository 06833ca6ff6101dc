//! Octets that no honest peer sends: counted by kind, passed on unchanged, and of no consequence for anybody else.

use anyhow::{Context, Result};
use serde_json::json;

use crate::both_ends::ber::{integer, tlv};
use crate::both_ends::bridge::{Bridge, LISTENER};
use crate::both_ends::directory::{login, lookup};
use crate::both_ends::messages::{Message, search, search_done};
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;

pub(crate) const TESTS: &[Test] = &[
    ("bad input: counted by its kind, and passed on", counted_by_kind),
    ("bad input: at the very start", at_the_start),
    ("bad input: with `close` the connection is closed", closed),
];

/// Something that one end says behind a login and a search.
struct Bad {
    end: End,
    octets: Vec<u8>,
    /// How it is counted.
    kind: &'static str,
    /// Whether what follows can still be read.
    keeps_framing: bool,
}

impl Bad {
    /// Nobody knows where the next message begins.
    fn end_of_framing(end: End, octets: &[u8], kind: &'static str) -> Self {
        Self { end, octets: octets.to_vec(), kind, keeps_framing: false }
    }

    /// Odd, but the next message can be found.
    fn odd(end: End, octets: Vec<u8>, kind: &'static str) -> Self {
        Self { end, octets, kind, keeps_framing: true }
    }
}

/// What costs the framing, whoever says it.
const ENDS_OF_FRAMING: [(&[u8], &str); 7] = [
    // A claim of 4 GB, and one of 2^64 octets.
    (b"\x30\x84\xff\xff\xff\xff\x02\x01\x05\x63\x84\xff\xff\xff\xf0", "oversized_message"),
    (b"\x30\x89\x01\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x05", "oversized_message"),
    (b"\x30\x80\x02\x01\x05\x42\x00\x00\x00", "indefinite_length"),
    (b"\xde\xad\xbe\xef and so on", "not_ldap"),
    (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00", "not_ldap"),
    (b"GET / HTTP/1.1\r\nHost: ldap.example\r\n\r\n", "not_ldap"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "tls_hello"),
];

fn all_of_it() -> Vec<Bad> {
    use End::{Client, Server};
    let mut all = Vec::new();
    for (octets, kind) in ENDS_OF_FRAMING {
        all.extend([Client, Server].map(|end| Bad::end_of_framing(end, octets, kind)));
    }
    for end in [Client, Server] {
        all.push(Bad::odd(end, b"\x30\x00".to_vec(), "malformed_message"));
        // Its operation reaches beyond its end.
        all.push(Bad::odd(end, tlv(0x30, &[integer(5), vec![0x63, 0x7f]].concat()), "malformed_message"));
        all.push(Bad::odd(end, Message::new(5, tlv(0x7d, b"?")).octets(), "unknown_operation"));
    }
    all.push(Bad::odd(Client, search(-5).octets(), "message_id_out_of_range"));
    all.push(Bad::odd(Client, search(1 << 31).octets(), "message_id_out_of_range"));
    all.push(Bad::odd(Client, search(i64::MAX).octets(), "message_id_out_of_range"));
    all.push(Bad::odd(Client, search(0).octets(), "message_id_zero"));
    all.push(Bad::odd(Client, search_done(2, 0).octets(), "wrong_direction"));
    all.push(Bad::odd(Server, search(2).octets(), "wrong_direction"));
    all
}

fn counted_by_kind(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let begun = login().then(lookup(2));
    let (mut seen, mut lost, mut of_kind) = (0, 0, std::collections::BTreeMap::new());
    for Bad { end, octets, kind, keeps_framing } in all_of_it() {
        let what = || format!("{kind} from the {end:?}: {}", octets.escape_ascii());
        let mut wire = bridge.opened(&begun)?;
        // It arrives, and so does what follows: `say` and `play` demand that.
        wire.say(end, &octets).with_context(what)?;
        wire.play(&lookup(3)).with_context(what)?;
        wire.close(End::Client)?;
        // Others are measured as ever.
        bridge.opened(&begun)?.close(End::Client)?;
        *of_kind.entry(kind).or_insert(0) += 1;
        lost += u32::from(!keeps_framing);
        seen += if keeps_framing { 3 } else { 2 };
        bridge
            .counts(&format!(
                "ldap_anomalies_total{{kind={kind}}} {}
                 ldap_responses_total{{operation=search,outcome=success}} {seen}
                 ldap_connections_total{{visibility=lost_sync}} {lost}
                 ldap_operations_in_flight 0",
                of_kind[kind]
            ))
            .with_context(what)?;
    }
    bridge.counts(&format!(
        "ldap_anomalies_total {}
         ldap_internal_errors_total 0
         envoy_sdk_errors_total 0",
        of_kind.values().sum::<u32>()
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

fn at_the_start(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    for (number, (octets, kind)) in [
        (&b"GET /index.html HTTP/1.1\r\nHost: ldap.example\r\n\r\n"[..], "http"),
        (b"EHLO client.example\r\n", "not_ldap"),
        (b"\x30\x80\x02\x01\x01\x60\x80", "indefinite_length"),
        (b"\x30\x84\xff\xff\xff\xff\x02\x01\x01", "oversized_message"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut wire = bridge.open(LISTENER)?;
        wire.say(End::Client, octets)?;
        wire.say(End::Server, b"HTTP/1.1 400 Bad Request\r\n\r\n")?;
        wire.close(End::Server)?;
        bridge.counts(&format!(
            "ldap_anomalies_total{{kind={kind}}} 1
             ldap_connections_total{{visibility=lost_sync,transport=plain}} {}
             ldap_requests_total 0",
            number + 1
        ))?;
    }
    // A server that speaks first: SMTP, for example. The client is still followed.
    let mut wire = bridge.open(LISTENER)?;
    wire.say(End::Server, b"220 mx.example ESMTP\r\n")?;
    wire.close(End::Client)?;
    bridge.counts("ldap_anomalies_total{kind=not_ldap} 2\nldap_connections_total{visibility=lost_sync} 5")?;
    bridge.envoy.stop()?;
    Ok(())
}

fn closed(ground: &Ground) -> Result<()> {
    let bridge = Bridge::with(ground, &json!({"reporter": "gateway", "on_protocol_error": "close"}))?;
    let begun = login().then(lookup(2));
    let mut other = bridge.opened(&begun)?;
    for (octets, _) in ENDS_OF_FRAMING {
        for end in [End::Client, End::Server] {
            let mut wire = bridge.opened(&begun)?;
            wire.send(end, octets)?;
            wire.read_to_end(End::Client)?;
            wire.read_to_end(End::Server)?;
        }
    }
    other.play(&lookup(3))?;
    other.close(End::Client)?;
    let closed = 2 * ENDS_OF_FRAMING.len();
    bridge.counts(&format!(
        "ldap_connections_closed_total{{ending=local}} {closed}
         ldap_connections_closed_total{{ending=client}} 1
         ldap_connections_total{{visibility=lost_sync}} {closed}
         ldap_anomalies_total {closed}
         ldap_responses_total{{operation=search,outcome=success}} {}",
        closed + 2
    ))?;
    let log = bridge.envoy.log()?;
    anyhow::ensure!(log.contains("not_ldap; it is closed"), "nothing in the log about it");
    bridge.envoy.stop()?;
    Ok(())
}
