//! `filterctl run` before a server of one's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use filterctl::demo::directory_server::DirectoryServer;
use filterctl::demo::smtp_server::{Certificate, Rules, SmtpServer};

fn command(filter: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
    command.args(["run", filter]).args(arguments).stdin(Stdio::null());
    command
}

fn mail_server() -> SmtpServer {
    SmtpServer::start(Rules::default(), &Certificate::for_host("mail.example").unwrap()).unwrap()
}

/// Ends the program when a test fails.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A filter before a server, with where its clients connect and where its metrics are.
struct Scene {
    _running: Running,
    listener: String,
    metrics: String,
}

impl Scene {
    fn set(filter: &str, upstream: &str) -> Self {
        let mut running = Running(
            command(filter, &["--listen", "0", "--upstream", upstream, "--for", "10m"])
                .stdout(Stdio::piped())
                .spawn()
                .unwrap(),
        );
        let mut headline = BufReader::new(running.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        let path = headline.by_ref().find(|line| line.starts_with("clients")).unwrap();
        let listener =
            path.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap().to_owned();
        let metrics = headline.find(|line| line.starts_with("http://")).unwrap();
        let metrics = metrics.split_whitespace().next().unwrap().to_owned();
        Self { _running: running, listener, metrics }
    }

    /// Sends everything at once, and returns what comes back.
    fn talk(&self, octets: &[u8]) -> Vec<u8> {
        let mut client = TcpStream::connect(&self.listener).unwrap();
        client.write_all(octets).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let mut said = Vec::new();
        client.read_to_end(&mut said).unwrap();
        said
    }

    /// Waits until Prometheus gets this series, and it is 1: what belongs to a connection's end is counted when Envoy
    /// has noticed it.
    fn wait_for_one(&self, metric: &str, label: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let page = ureq::get(&self.metrics).call().unwrap().body_mut().read_to_string().unwrap();
            let series = format!("{metric}{{");
            let mut lines = page.lines().filter(|line| line.starts_with(&series) && line.contains(label));
            if lines.any(|line| line.ends_with(" 1")) {
                return;
            }
            assert!(Instant::now() < deadline, "{metric} with {label} is missing or not 1 in\n{page}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn mails_pass_and_prometheus_gets_labelled_metrics() {
    let server = mail_server();
    let scene = Scene::set("smtp", &server.address().to_string());
    let said = scene.talk(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@mail.example>\r\nQUIT\r\n");
    assert!(said.windows(9).any(|part| part == b"550 5.1.1"), "{}", said.escape_ascii());
    scene.wait_for_one("smtp_transactions_total", "outcome=\"rejected\"");
}

#[test]
fn binds_pass_and_prometheus_gets_labelled_metrics() {
    let server = DirectoryServer::start(&Certificate::for_host("server.example").unwrap()).unwrap();
    let scene = Scene::set("ldap", &server.address().to_string());
    // A bind as cn=x with the password y (RFC 4511, section 4.2), and an unbind.
    let said = scene
        .talk(b"\x30\x11\x02\x01\x01\x60\x0c\x02\x01\x03\x04\x04cn=x\x80\x01y\x30\x05\x02\x01\x02\x42\x00");
    assert!(said.windows(8).any(|part| part == b"data 525"), "{}", said.escape_ascii());
    scene.wait_for_one("ldap_bind_failures_total", "reason=\"unknown_user\"");
    scene.wait_for_one("ldap_connections_closed_total", "ending=\"unbind\"");
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command("smtp", arguments).output().unwrap();
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!((status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    stderr
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    assert!(refused(&["--listen", "0", "--upstream", &address]).contains(&address));
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = mail_server();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (listen, upstream) = (taken.local_addr().unwrap().to_string(), server.address().to_string());
    let said = refused(&["--listen", &listen, "--upstream", &upstream]);
    assert!(said.contains(&listen) && said.contains("in use"), "{said}");
}

#[test]
fn an_address_that_is_none_is_a_mistake_in_the_command_line() {
    let output = command("ldap", &["--listen", "somewhere", "--upstream", "127.0.0.1:25"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ADDRESS:PORT"));
}
