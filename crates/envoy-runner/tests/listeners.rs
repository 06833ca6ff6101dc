//! What a listener can be told to do, on a real Envoy.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use common_metrics::stats_tags;
use envoy_runner::{
    AccessLog, Bootstrap, Delivery, DownstreamTls, Envoy, FailurePolicy, Listener, ProxyProtocol,
    RunnerError, StartOptions, Tap, TapFormat, TrafficDirection, Upstream, WasmFilter,
};
use support::{SOON, accept, connect, echo_server, eventually, exchange, newest};
use tempfile::tempdir;

fn start(folder: &Path, bootstrap: &Bootstrap) -> Result<Envoy, RunnerError> {
    Envoy::start(&newest(), bootstrap, &folder.join("run"), &StartOptions::default())
}

fn module(folder: &Path) -> PathBuf {
    let path = folder.join("refusing.wasm");
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/refusing_module.wat");
    fs::write(&path, wat::parse_file(text).unwrap()).unwrap();
    path
}

#[test]
fn an_access_log_has_a_line_per_connection() {
    let folder = tempdir().unwrap();
    let format = "%UPSTREAM_CLUSTER% %BYTES_RECEIVED%".to_owned();
    let listener = Listener::new("echo", echo_server())
        .direction(TrafficDirection::Inbound)
        .access_log(AccessLog::File { path: "access.log".into(), format });
    let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();
    exchange(envoy.address("echo").unwrap(), b"seven!!");
    let log = envoy.run_dir().join("access.log");
    eventually("the line is written", || {
        fs::read_to_string(&log).is_ok_and(|text| text.lines().any(|line| line == "echo_upstream 7"))
    });
}

#[test]
fn an_idle_connection_is_closed() {
    let folder = tempdir().unwrap();
    let listener =
        Listener::new("echo", echo_server()).idle_timeout(Duration::from_millis(50)).buffer_limit(4096);
    let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();
    let mut rest = Vec::new();
    connect(envoy.address("echo").unwrap()).read_to_end(&mut rest).unwrap();
    assert_eq!(
        envoy.scrape().unwrap().counter("envoy_tcp_idle_timeout", &[("envoy_tcp_prefix", "echo")]),
        1.0
    );
}

#[test]
fn the_upstream_is_told_the_client_by_proxy_protocol() {
    for (version, start_of_header) in [
        (ProxyProtocol::V1, &b"PROXY TCP4 127.0.0.1 127.0.0.1 "[..]),
        (ProxyProtocol::V2, b"\r\n\r\n\0\r\nQUIT\n"),
    ] {
        let folder = tempdir().unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = server.local_addr().unwrap().port();
        let upstream = Upstream::new("127.0.0.1", port).proxy_protocol(version);
        let envoy =
            start(folder.path(), &Bootstrap::new().listener(Listener::new("mail", upstream))).unwrap();
        let client = thread::spawn({
            let address = envoy.address("mail").unwrap();
            move || connect(address).write_all(b"hello")
        });
        let mut received = Vec::new();
        accept(&server).read_to_end(&mut received).unwrap();
        client.join().unwrap().unwrap();
        assert!(received.starts_with(start_of_header), "{received:?}");
        assert!(received.ends_with(b"hello"), "{received:?}");
    }
}

#[test]
fn connections_are_spread_over_several_upstreams_and_names_are_resolved() {
    let folder = tempdir().unwrap();
    let servers: Vec<TcpListener> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> = servers.iter().map(|server| server.local_addr().unwrap().port()).collect();
    let upstream = Upstream::new("localhost", ports[0]).and("localhost", ports[1]);
    let envoy = start(folder.path(), &Bootstrap::new().listener(Listener::new("mail", upstream))).unwrap();
    let _clients: Vec<_> = (0..2).map(|_| connect(envoy.address("mail").unwrap())).collect();
    for server in servers {
        accept(&server);
    }
}

#[test]
fn a_server_that_listens_on_one_address_of_its_name_is_reached() {
    let folder = tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream::new("localhost", server.local_addr().unwrap().port());
    let envoy = start(folder.path(), &Bootstrap::new().listener(Listener::new("mail", upstream))).unwrap();
    let _client = connect(envoy.address("mail").unwrap());
    accept(&server);
}

#[test]
fn a_tap_writes_down_what_passed() {
    for (format, suffix, streamed) in [
        (TapFormat::Json, ".json", false),
        (TapFormat::Binary, ".pb", false),
        (TapFormat::LengthDelimited, ".pb_length_delimited", true),
        (TapFormat::Text, ".pb_text", false),
    ] {
        let folder = tempdir().unwrap();
        let tap = Tap { path_prefix: folder.path().join("tap"), format, max_buffered_bytes: 1 << 20 };
        let listener = Listener::new("echo", echo_server()).tap(tap);
        let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();
        exchange(envoy.address("echo").unwrap(), b"tapped octets");
        let needle: &[u8] =
            if format == TapFormat::Json { b"dGFwcGVkIG9jdGV0cw==" } else { b"tapped octets" };
        eventually(&format!("a {suffix} file, streamed: {streamed}"), || {
            fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).any(|path| {
                path.to_string_lossy().ends_with(suffix)
                    && fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle)
            })
        });
    }
}

#[test]
fn a_listener_speaks_tls() {
    let folder = tempdir().unwrap();
    let key = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let tls = DownstreamTls {
        certificate: folder.path().join("cert.pem"),
        private_key: folder.path().join("key.pem"),
        client_authority: None,
    };
    fs::write(&tls.certificate, key.cert.pem()).unwrap();
    fs::write(&tls.private_key, key.signing_key.serialize_pem()).unwrap();
    let envoy = start(
        folder.path(),
        &Bootstrap::new().listener(Listener::new("echo", echo_server()).tls(tls.clone())),
    )
    .unwrap();

    let mut roots = rustls::RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let name = "localhost".try_into().unwrap();
    let mut session = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut socket = connect(envoy.address("echo").unwrap());
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    stream.write_all(b"secret").unwrap();
    let mut answer = [0; 6];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"secret");

    // Without a client's certificate, a listener that asks for one does not let it in.
    let mutual = DownstreamTls { client_authority: Some(tls.certificate.clone()), ..tls };
    let envoy = start(
        &folder.path().join("mutual"),
        &Bootstrap::new().listener(Listener::new("echo", echo_server()).tls(mutual)),
    )
    .unwrap();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(key.cert.der().clone()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let mut session =
        rustls::ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut socket = connect(envoy.address("echo").unwrap());
    let mut stream = rustls::Stream::new(&mut session, &mut socket);
    let refused = stream.write_all(b"secret").and_then(|()| stream.read_exact(&mut [0; 6]));
    assert!(refused.is_err());
}

#[test]
fn a_file_that_is_no_certificate_is_refused() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("cert.pem");
    fs::write(&file, "no certificate").unwrap();
    let tls = DownstreamTls { certificate: file.clone(), private_key: file, client_authority: None };
    let error =
        start(folder.path(), &Bootstrap::new().listener(Listener::new("mail", echo_server()).tls(tls)))
            .unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[test]
fn a_module_that_refuses_its_configuration_is_quoted() {
    let folder = tempdir().unwrap();
    for delivery in [Delivery::Inline, Delivery::File] {
        let filter =
            WasmFilter::new("opinion", module(folder.path())).configuration("bad").delivery(delivery);
        let bootstrap = Bootstrap::new().listener(Listener::new("mail", echo_server()).filter(filter));
        let error = start(folder.path(), &bootstrap).unwrap_err();
        eprintln!("{delivery:?}: {error}");
        assert!(error.to_string().contains(": mode: three octets are refused"), "{error}");
    }
}

#[test]
fn a_filter_delivered_by_file_is_replaced_without_closing_anything() {
    let folder = tempdir().unwrap();
    let filter = WasmFilter::new("opinion", module(folder.path()))
        .configuration("fine")
        .failure_policy(FailurePolicy::Reload)
        .allowed_capabilities(CAPABILITIES)
        .vm_id("one")
        .root_id("two")
        .delivery(Delivery::File);
    let bootstrap = Bootstrap::new()
        .stats_tags(stats_tags(["verb"]))
        .listener(Listener::new("mail", echo_server()).filter(filter.clone()))
        .listener(Listener::new("other", echo_server()).filter(filter.clone()));
    let envoy = start(folder.path(), &bootstrap).unwrap();
    let mut connection = connect(envoy.address("mail").unwrap());
    let mut passes = |text: &[u8]| {
        connection.write_all(text).unwrap();
        let mut answer = vec![0; text.len()];
        connection.read_exact(&mut answer).unwrap();
        assert_eq!(answer, text);
    };
    passes(b"before");

    envoy.update_filter("mail", &filter.clone().configuration("good")).unwrap();
    passes(b"after");

    let refused = envoy.update_filter("mail", &filter.clone().configuration("bad")).unwrap_err();
    eprintln!("{refused}");
    assert!(matches!(refused, RunnerError::FilterRefused { .. }));
    assert!(refused.to_string().contains("mode: three octets are refused"), "{refused}");
    passes(b"still");

    envoy.update_filter("mail", &filter.clone().configuration("good again")).unwrap();
    passes(b"again");
    let unknown = envoy.update_filter("mail", &WasmFilter::new("no", "/x.wasm")).unwrap_err().to_string();
    assert_eq!(unknown, "this Envoy has no filter delivered by file named `mail/no`");
    envoy.stop().unwrap();
}

const CAPABILITIES: [&str; 9] = [
    "proxy_log",
    "proxy_on_memory_allocate",
    "proxy_on_context_create",
    "proxy_on_vm_start",
    "proxy_on_configure",
    "proxy_on_new_connection",
    "proxy_on_done",
    "proxy_on_log",
    "proxy_on_delete",
];

#[test]
fn the_log_can_be_watched() {
    let folder = tempdir().unwrap();
    let filter = WasmFilter::new("opinion", module(folder.path()));
    let bootstrap = Bootstrap::new().listener(Listener::new("mail", echo_server()).filter(filter));
    let options = StartOptions {
        component_log_level: Some("wasm:trace".to_owned()),
        concurrency: 2,
        drain_time: Some(Duration::from_secs(1)),
        ..StartOptions::default()
    };
    let envoy = Envoy::start(&newest(), &bootstrap, folder.path(), &options).unwrap();
    let before = envoy.log_len();
    assert!(!envoy.log().unwrap().contains("proxy_on_new_connection("));
    exchange(envoy.address("mail").unwrap(), b"x");
    assert!(envoy.wait_for_log("[host->vm] proxy_on_new_connection(", SOON).unwrap());
    assert!(envoy.log_since(before).unwrap().contains("proxy_on_new_connection"));
    assert!(!envoy.wait_for_log("never said", Duration::ZERO).unwrap());
}
