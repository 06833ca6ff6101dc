//! Filters that were written for one ABI run on another, unchanged.
#![cfg(envoy_sdk_abi = "lending")]

use envoy_sdk::lending_host::LendingHost;

/// `reporter` is given because a metric cannot be defined any more when a connection comes.
const CONFIGURATION: &str = r#"{"reporter": "inbound"}"#;

/// One mail, as client ('C') and server ('S') send it.
const MAIL: [(char, &[u8]); 12] = [
    ('S', b"220 mail.example ESMTP\r\n"),
    ('C', b"EHLO client.example\r\n"),
    ('S', b"250-mail.example\r\n250 PIPELINING\r\n"),
    (
        'C',
        b"MAIL FROM:<a@client.example>\r\nRCPT TO:<b@mail.example>\r\nRCPT TO:<c@mail.example>\r\nDATA\r\n",
    ),
    ('S', b"250 2.1.0 Ok\r\n"),
    ('S', b"250 2.1.5 Ok\r\n550 5.1.1 unknown\r\n"),
    ('S', b"354 End data with <CR><LF>.<CR><LF>\r\n"),
    ('C', b"Subject: x\r\n\r\n.. dots\r\n"),
    ('C', b".\r\n"),
    ('S', b"250 2.0.0 Ok: queued\r\n"),
    ('C', b"QUIT\r\n"),
    ('S', b"221 2.0.0 Bye\r\n"),
];

/// A bind, a search that finds two entries, and goodbye (RFC 4511, 4). The server answers the search in one go.
const LOOK_UP: [(char, &[u8]); 5] = [
    ('C', b"\x30\x14\x02\x01\x01\x60\x0f\x02\x01\x03\x04\x06cn=app\x80\x02pw"),
    ('S', b"\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
    (
        'C',
        b"\x30\x25\x02\x01\x02\x63\x20\x04\x04dc=a\x0a\x01\x02\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\
          \x87\x03uid\x30\x04\x04\x02cn",
    ),
    (
        'S',
        b"\x30\x0d\x02\x01\x02\x64\x08\x04\x04uid=\x30\x00\
          \x30\x0d\x02\x01\x02\x64\x08\x04\x04uid=\x30\x00\
          \x30\x0c\x02\x01\x02\x65\x07\x0a\x01\x00\x04\x00\x04\x00",
    ),
    ('C', b"\x30\x05\x02\x01\x03\x42\x00"),
];

/// These metrics of a filter after a conversation, each callback's data lent in slices of so many octets. The last
/// says how often the SDK had to catch an error.
fn counts<const N: usize>(
    module: fn() -> envoy_sdk::Module,
    root_id: &str,
    said: &[(char, &[u8])],
    metrics: [&str; N],
    slice: usize,
) -> [u64; N] {
    let mut host = LendingHost::start(module, root_id, CONFIGURATION).expect("configured");
    let mut connection = host.connect();
    for (side, octets) in said {
        let slices = octets.chunks(slice).collect::<Vec<_>>();
        let passes =
            if *side == 'C' { connection.client_sends(&slices) } else { connection.server_sends(&slices) };
        assert!(passes, "{side}: {octets:?}");
    }
    connection.close();
    metrics.map(|suffix| host.metric(suffix))
}

#[test]
fn a_mail_is_counted_however_its_octets_are_lent() {
    let counts = |slice| {
        let metrics = [
            "verb=.=RCPT;.;commands_total",
            "commands_total",
            "outcome=.=accepted;.;transactions_total",
            "transactions_total",
            "refusals_total",
            "errors_total",
        ];
        counts(smtp_filter::module, "smtp", &MAIL, metrics, slice)
    };
    let whole = counts(usize::MAX);
    assert_eq!(whole[0], 2, "{:?}", LendingHost::log());
    assert_eq!(whole[5], 0, "{:?}", LendingHost::log());
    for slice in [1, 2, 7, 64] {
        assert_eq!(counts(slice), whole, "slices of {slice}");
    }
}

#[test]
fn a_search_is_counted_however_its_octets_are_lent() {
    for slice in [usize::MAX, 1, 2, 7, 64] {
        let metrics = [
            "operation=.=search;.;requests_total",
            "requests_total",
            "binds_total",
            "entries_total",
            "result=.=success;.;results_total",
            "anomalies_total",
            "errors_total",
        ];
        let found = counts(ldap_filter::module, "ldap", &LOOK_UP, metrics, slice);
        assert_eq!(found, [1, 3, 1, 2, 2, 0, 0], "slices of {slice}: {:?}", LendingHost::log());
    }
}

/// Extensions of every kind, each with the configuration that its README shows.
#[test]
fn every_example_is_configured() {
    macro_rules! examples {
        ($($root_id:literal of $module:ident: $configuration:expr;)*) => {
            [$(($root_id, $module::module as fn() -> _, $configuration)),*]
        };
    }
    macro_rules! config {
        ($example:literal) => {
            include_str!(concat!("../../../examples/", $example, "/config.json"))
        };
    }
    let examples = examples! {
        "access-log-metrics" of access_log_metrics: config!("access-log-metrics");
        "background-refresh" of background_refresh: config!("background-refresh");
        "document-serve" of background_refresh: r#"{"path": "/document.json", "content_type": "application/json"}"#;
        "connection-gate" of connection_gate: config!("connection-gate");
        "finger" of finger_filter: config!("finger-filter");
        "hello-http" of hello_http: config!("hello-http");
        "http-authorisation" of http_authorisation: config!("http-authorisation");
        "panic-on-demand" of panic_on_demand: config!("panic-on-demand");
        "panic-on-demand-http" of panic_on_demand: "{}";
    };
    for (root_id, module, configuration) in examples {
        if let Err(log) = LendingHost::start(module, root_id, configuration) {
            panic!("{root_id}: {log:?}");
        }
    }
}

#[test]
fn a_mistake_in_the_configuration_is_refused_with_its_place() {
    let log =
        LendingHost::start(smtp_filter::module, "smtp", r#"{"limits": {"x": 1}}"#).expect_err("refused");
    assert!(log.iter().any(|line| line.contains("limits.x")), "{log:?}");
}
