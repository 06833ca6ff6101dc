//! `filterctl run` before a server of one's own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};

use filterctl::demo::smtp_server::{Certificate, Rules, SmtpServer};

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_filterctl"));
    command.args(["run", "smtp"]).args(arguments).stdin(Stdio::null());
    command
}

fn server() -> SmtpServer {
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

#[test]
fn mails_pass_and_prometheus_gets_labelled_metrics() {
    let server = server();
    let upstream = server.address().to_string();
    let mut running = Running(
        command(&["--listen", "0", "--upstream", &upstream, "--for", "10m"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let mut headline = BufReader::new(running.0.stdout.take().unwrap()).lines().map_while(Result::ok);
    let path = headline.by_ref().find(|line| line.starts_with("clients")).unwrap();
    let listener = path.split_whitespace().find(|word| word.starts_with("127.0.0.1:")).unwrap();
    let metrics = headline.find(|line| line.starts_with("http://")).unwrap();
    let metrics = metrics.split_whitespace().next().unwrap();

    let mut client = TcpStream::connect(listener).unwrap();
    client
        .write_all(b"EHLO c\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<nobody@mail.example>\r\nQUIT\r\n")
        .unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    assert!(said.contains("550 5.1.1"), "{said}");

    let page = ureq::get(metrics).call().unwrap().body_mut().read_to_string().unwrap();
    let expected = "smtp_transactions_total{outcome=\"rejected\"";
    let line =
        page.lines().find(|line| line.starts_with("smtp_transactions_total") && line.contains("rejected"));
    assert!(line.is_some_and(|line| line.ends_with(" 1")), "{expected} is missing or not 1 in\n{page}");
}

fn refused(arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(arguments).output().unwrap();
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
    let server = server();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let (listen, upstream) = (taken.local_addr().unwrap().to_string(), server.address().to_string());
    let said = refused(&["--listen", &listen, "--upstream", &upstream]);
    assert!(said.contains(&listen) && said.contains("in use"), "{said}");
}

#[test]
fn an_address_that_is_none_is_a_mistake_in_the_command_line() {
    let output = command(&["--listen", "somewhere", "--upstream", "127.0.0.1:25"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("ADDRESS:PORT"));
}
