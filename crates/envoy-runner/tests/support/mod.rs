//! What the tests against a real Envoy share.
#![allow(dead_code, reason = "each test program uses its own part")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use envoy_runner::{EnvoyBinary, EnvoyVersion, NEWEST_ENVOY, Upstream};

/// How long anything may take that needs no waiting at all: only a failure uses it up.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The folder for installed Envoys, the same one that `filterctl` uses in this target directory.
pub(crate) fn installs() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("envoy")
}

/// A release of Envoy, installed at first use.
pub(crate) fn envoy_of(version: EnvoyVersion) -> EnvoyBinary {
    EnvoyBinary::install(version, &installs(), &mut |step| eprintln!("{step}")).expect("an Envoy")
}

pub(crate) fn newest() -> EnvoyBinary {
    envoy_of(NEWEST_ENVOY)
}

/// Sends back on every connection what it gets, until the client has finished.
pub(crate) fn echo_server() -> Upstream {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            thread::spawn(move || {
                let mut reader = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut reader, &mut stream);
                let _ = stream.shutdown(std::net::Shutdown::Write);
            });
        }
    });
    Upstream::new(address.ip().to_string(), address.port())
}

/// Sends `message`, finishes, and returns all that comes back.
pub(crate) fn exchange(address: SocketAddr, message: &[u8]) -> Vec<u8> {
    let mut stream = connect(address);
    stream.write_all(message).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// The next connection that a client or Envoy makes to this server.
pub(crate) fn accept(server: &TcpListener) -> TcpStream {
    server.set_nonblocking(true).unwrap();
    let mut accepted = None;
    eventually("a connection to the server", || {
        accepted = server.accept().ok();
        accepted.is_some()
    });
    let (stream, _) = accepted.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// Waits until `condition` holds, and fails the test if it never does.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = std::time::Instant::now() + SOON;
    while !condition() {
        assert!(std::time::Instant::now() < deadline, "never happened: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

pub(crate) fn is_listening(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}
