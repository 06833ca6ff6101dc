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

/// The counters of interest after one mail, each callback's data lent in slices of so many octets.
fn counts(slice: usize) -> [u64; 6] {
    let mut host = LendingHost::start(smtp_filter::module, "smtp", CONFIGURATION).expect("configured");
    let mut connection = host.connect();
    for (side, octets) in MAIL {
        let slices = octets.chunks(slice).collect::<Vec<_>>();
        let passes =
            if side == 'C' { connection.client_sends(&slices) } else { connection.server_sends(&slices) };
        assert!(passes, "{side}: {octets:?}");
    }
    connection.close();
    [
        "verb=.=RCPT;.;commands_total",
        "commands_total",
        "outcome=.=accepted;.;transactions_total",
        "transactions_total",
        "refusals_total",
        "errors_total",
    ]
    .map(|suffix| host.metric(suffix))
}

#[test]
fn a_mail_is_counted_however_its_octets_are_lent() {
    let whole = counts(usize::MAX);
    assert_eq!(whole[0], 2, "{:?}", LendingHost::log());
    assert_eq!(whole[5], 0, "{:?}", LendingHost::log());
    for slice in [1, 2, 7, 64] {
        assert_eq!(counts(slice), whole, "slices of {slice}");
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
