//! HTTP listeners, and the other places where Envoy runs a Wasm module.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::thread;

use envoy_runner::{
    AccessLog, Bootstrap, Delivery, Envoy, Listener, RunnerError, StartOptions, Upstream, WasmFilter,
    WasmPlugin,
};
use support::{accept, connect, echo_server, eventually, newest};
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

/// Answers one request; gives back what was asked.
fn server(answer: &'static str) -> (Upstream, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream::new("127.0.0.1", listener.local_addr().unwrap().port());
    let asked = thread::spawn(move || {
        let mut stream = accept(&listener);
        let mut asked = Vec::new();
        let mut octet = [0];
        while !asked.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut octet).unwrap();
            asked.extend(octet);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        String::from_utf8(asked).unwrap()
    });
    (upstream, asked)
}

/// Sends a request and reads until Envoy closes.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const REQUEST: &str = "GET /path HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n";

#[test]
fn requests_are_forwarded_and_logged() {
    let folder = tempdir().unwrap();
    let (upstream, asked) = server("HTTP/1.1 200 OK\r\nserver: mine\r\ncontent-length: 5\r\n\r\nhello");
    let log = AccessLog::File { path: "access.log".into(), format: "%RESPONSE_CODE% %REQ(:PATH)%".into() };
    let filter = WasmFilter::new("opinion", module(folder.path())).configuration("fine");
    let listener = Listener::http("web", upstream).access_log(log).filter(filter);
    let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();

    let answer = ask(envoy.address("web").unwrap(), REQUEST);

    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
    assert!(answer.contains("server: envoy\r\n") && answer.contains("x-envoy-upstream-service-time"));
    let asked = asked.join().unwrap();
    assert!(asked.starts_with("GET /path HTTP/1.1\r\n") && asked.contains("x-request-id: "), "{asked}");
    let log = envoy.run_dir().join("access.log");
    eventually("the line is written", || fs::read_to_string(&log).is_ok_and(|text| text == "200 /path\n"));
    envoy.stop().unwrap();
}

#[test]
fn without_own_headers_messages_pass_nearly_as_they_are() {
    let folder = tempdir().unwrap();
    let (upstream, asked) = server("HTTP/1.1 200 OK\r\nserver: mine\r\ncontent-length: 0\r\n\r\n");
    let listener = Listener::http("web", upstream).without_own_headers();
    let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();

    let answer = ask(envoy.address("web").unwrap(), REQUEST);

    let date = answer.lines().find(|line| line.starts_with("date: ")).unwrap();
    assert_eq!(
        answer.replace(date, "date: now"),
        "HTTP/1.1 200 OK\r\nserver: mine\r\ncontent-length: 0\r\ndate: now\r\nconnection: close\r\n\r\n"
    );
    assert_eq!(
        asked.join().unwrap(),
        "GET /path HTTP/1.1\r\nhost: example.org\r\nx-forwarded-proto: http\r\n\r\n"
    );
}

#[test]
fn trailers_pass() {
    let folder = tempdir().unwrap();
    let (upstream, _asked) = server(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: sum\r\n\r\n2\r\nhi\r\n0\r\nsum: 209\r\n\r\n",
    );
    let envoy = start(folder.path(), &Bootstrap::new().listener(Listener::http("web", upstream))).unwrap();
    let answer = ask(envoy.address("web").unwrap(), REQUEST);
    assert!(answer.ends_with("\r\n\r\n2\r\nhi\r\n0\r\nsum: 209\r\n\r\n"), "{answer}");
}

/// What a client says first in HTTP/2 (RFC 9113, section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[test]
fn an_upstream_is_spoken_to_in_http_2() {
    let folder = tempdir().unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream::new("127.0.0.1", server.local_addr().unwrap().port()).http2();
    let envoy = start(folder.path(), &Bootstrap::new().listener(Listener::http("web", upstream))).unwrap();
    let mut client = connect(envoy.address("web").unwrap());
    client.write_all(REQUEST.as_bytes()).unwrap();
    let mut said = vec![0; PREFACE.len()];
    accept(&server).read_exact(&mut said).unwrap();
    assert_eq!(said, PREFACE);
}

#[test]
fn an_http_filter_delivered_by_file_is_replaced() {
    let folder = tempdir().unwrap();
    let filter =
        WasmFilter::new("opinion", module(folder.path())).configuration("fine").delivery(Delivery::File);
    let listener = Listener::http("web", Upstream::new("127.0.0.1", 1)).filter(filter.clone());
    let envoy = start(folder.path(), &Bootstrap::new().listener(listener)).unwrap();
    envoy.update_filter("web", &filter.clone().configuration("good")).unwrap();
    let refused = envoy.update_filter("web", &filter.configuration("bad")).unwrap_err().to_string();
    assert!(refused.contains("mode: three octets are refused"), "{refused}");
    envoy.stop().unwrap();
}

#[test]
fn a_module_is_configured_wherever_it_runs() {
    let folder = tempdir().unwrap();
    let plugin = |configuration: &str| {
        WasmPlugin::new("opinion", module(folder.path())).vm_id(configuration).configuration(configuration)
    };
    let upstream = Upstream::new("127.0.0.1", 1);
    let as_tcp_logger = |text: &str| {
        Bootstrap::new().listener(Listener::new("tcp", upstream.clone()).access_logger(plugin(text)))
    };
    let as_http_logger = |text: &str| {
        Bootstrap::new().listener(Listener::http("web", upstream.clone()).access_logger(plugin(text)))
    };
    let as_filter =
        |text: &str| Bootstrap::new().listener(Listener::http("web", upstream.clone()).filter(plugin(text)));
    let as_service = |text: &str| Bootstrap::new().background_service(plugin(text));
    for place in [&as_tcp_logger as &dyn Fn(&str) -> Bootstrap, &as_http_logger, &as_filter, &as_service] {
        start(folder.path(), &place("fine")).unwrap().stop().unwrap();
        let refused = start(folder.path(), &place("bad")).unwrap_err().to_string();
        assert!(refused.contains("mode: three octets are refused"), "{refused}");
    }
}

#[test]
fn clusters_for_call_outs_are_there_by_name() {
    let folder = tempdir().unwrap();
    let bootstrap =
        Bootstrap::new().cluster("auth", echo_server()).cluster("rpc", Upstream::new("127.0.0.1", 1).http2());
    let envoy = start(folder.path(), &bootstrap).unwrap();
    let clusters = envoy.admin_get("/clusters").unwrap();
    assert!(clusters.contains("auth::observability_name") && clusters.contains("rpc::observability_name"));
}

#[test]
fn contradictions_are_found_before_envoy_is_started() {
    let folder = tempdir().unwrap();
    let upstream = || Upstream::new("127.0.0.1", 1);
    let service = |name: &str| WasmPlugin::new(name, module(folder.path()));
    for (bootstrap, expected) in [
        (
            Bootstrap::new().listener(Listener::new("a", upstream())).cluster("a_upstream", upstream()),
            "two clusters are called `a_upstream`",
        ),
        (
            Bootstrap::new().background_service(service("s")).background_service(service("s")),
            "two background services are called `s`",
        ),
        (
            Bootstrap::new().background_service(WasmPlugin::new("s", "/nowhere/m.wasm")),
            "Wasm module /nowhere/m.wasm: No such file or directory",
        ),
        (
            Bootstrap::new().listener(
                Listener::http("a", upstream()).access_logger(WasmPlugin::new("s", "/nowhere/l.wasm")),
            ),
            "Wasm module /nowhere/l.wasm: No such file or directory",
        ),
    ] {
        let error = start(folder.path(), &bootstrap).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
