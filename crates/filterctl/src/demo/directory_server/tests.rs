use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use ldap3_proto::control::LdapControl;
use ldap3_proto::proto::*;
use ldap3_proto::{LdapCodec, parse_ldap_filter_str};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_util::codec::{Decoder, Encoder};

use super::content::{ARCHIVE, KIOSK, PORTAL, ROOT};
use super::*;

fn start() -> (DirectoryServer, Certificate) {
    let certificate = Certificate::for_host("server.example").unwrap();
    (DirectoryServer::start(&certificate).unwrap(), certificate)
}

struct Client<S> {
    stream: S,
    codec: LdapCodec,
    input: BytesMut,
}

impl Client<TcpStream> {
    fn connect(server: &DirectoryServer) -> Self {
        Self::over(TcpStream::connect(server.address()).unwrap())
    }
}

impl<S: Read + Write> Client<S> {
    fn over(stream: S) -> Self {
        Self { stream, codec: LdapCodec::new(Some(10_000_000), None), input: BytesMut::new() }
    }

    /// Sends everything in one piece, with the message IDs 1, 2, 3 and so on.
    fn send(&mut self, requests: Vec<(LdapOp, Vec<LdapControl>)>) {
        let mut output = BytesMut::new();
        for (id, (op, controls)) in (1..).zip(requests) {
            self.codec.encode(LdapMsg::new_with_ctrls(id, op, controls), &mut output).unwrap();
        }
        self.stream.write_all(&output).unwrap();
    }

    /// The next message; nothing at the end.
    fn receive(&mut self) -> Option<LdapMsg> {
        loop {
            if !self.input.is_empty()
                && let Some(message) = self.codec.decode(&mut self.input).unwrap()
            {
                return Some(message);
            }
            let mut chunk = [0; 4_096];
            let count = self.stream.read(&mut chunk).unwrap();
            if count == 0 {
                return None;
            }
            self.input.extend_from_slice(&chunk[..count]);
        }
    }

    /// Sends one request and returns the code of its final response.
    fn ask(&mut self, op: LdapOp) -> LdapResultCode {
        self.send(vec![(op, Vec::new())]);
        loop {
            if let Some(code) = code(&self.receive().expect("an answer").op) {
                return code;
            }
        }
    }
}

fn code(op: &LdapOp) -> Option<LdapResultCode> {
    Some(match op {
        LdapOp::BindResponse(bind) => bind.res.code.clone(),
        LdapOp::ExtendedResponse(extended) => extended.res.code.clone(),
        LdapOp::SearchResultDone(res)
        | LdapOp::ModifyResponse(res)
        | LdapOp::AddResponse(res)
        | LdapOp::DelResponse(res)
        | LdapOp::ModifyDNResponse(res)
        | LdapOp::CompareResult(res) => res.code.clone(),
        _ => return None,
    })
}

fn bind(dn: &str, password: &str) -> LdapOp {
    let cred = LdapBindCred::Simple(password.to_owned());
    LdapOp::BindRequest(LdapBindRequest { version: 3, dn: dn.to_owned(), cred })
}

fn search(base: &str, filter: &str, timelimit: i32) -> LdapOp {
    LdapOp::SearchRequest(LdapSearchRequest {
        base: base.to_owned(),
        scope: LdapSearchScope::Subtree,
        aliases: LdapDerefAliases::Never,
        sizelimit: 0,
        timelimit,
        typesonly: false,
        filter: parse_ldap_filter_str(filter).unwrap(),
        attrs: vec!["mail".to_owned()],
    })
}

fn extended(name: &str) -> LdapOp {
    LdapOp::ExtendedRequest(LdapExtendedRequest { name: name.to_owned(), value: None })
}

fn attribute(name: &str, value: &str) -> LdapPartialAttribute {
    LdapPartialAttribute { atype: name.to_owned(), vals: vec![value.as_bytes().to_vec()] }
}

/// The server closes its end before it strikes the connection off its list.
fn wait_until_empty(server: &DirectoryServer) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while server.open_connections() > 0 {
        assert!(Instant::now() < deadline, "{} connections are open", server.open_connections());
        std::thread::yield_now();
    }
}

#[test]
fn pipelined_requests_are_answered_and_counted() {
    let (server, _) = start();
    let mut client = Client::connect(&server);
    client.send(
        [
            bind("", ""),
            bind(PORTAL, "portal-password"),
            search(ROOT, "(uid=alice)", 0),
            extended(session::WHO_AM_I),
            extended("1.2.3"),
            bind("uid=alice,ou=people,dc=example,dc=com", "wrong"),
            LdapOp::UnbindRequest,
        ]
        .map(|op| (op, Vec::new()))
        .into(),
    );
    let answers: Vec<(i32, Option<LdapResultCode>)> =
        (0..8).map(|_| client.receive().unwrap()).map(|message| (message.msgid, code(&message.op))).collect();
    use LdapResultCode::*;
    let expected = [
        (1, Some(Success)),
        (2, Some(Success)),
        (3, None),
        (3, None),
        (3, Some(Success)),
        (4, Some(Success)),
        (5, Some(ProtocolError)),
        (6, Some(InvalidCredentials)),
    ];
    assert_eq!(answers, expected);
    drop(client);
    wait_until_empty(&server);

    let Tally { connections, starttls_sessions, clear, octets_received, octets_sent, .. } = server.tally();
    assert_eq!((connections, starttls_sessions), (1, 0));
    assert!(octets_received > 100 && octets_sent > 100);
    assert_eq!(clear.requests, Counts::from([("bind", 3), ("search", 1), ("extended", 2), ("unbind", 1)]));
    assert_eq!(clear.responses, Counts::from([("bind", 3), ("search", 1), ("extended", 2)]));
    assert_eq!(
        clear.results,
        Counts::from([("success", 4), ("protocolError", 1), ("invalidCredentials", 1)])
    );
    assert_eq!(clear.binds_succeeded, Counts::from([("anonymous", 1), ("simple", 1)]));
    assert_eq!(clear.bind_failures, Counts::from([("wrong_password", 1)]));
    assert_eq!((clear.entries, clear.references), (1, 1));
    assert_eq!(clear.extended, Counts::from([("who_am_i", 1), ("other", 1)]));
    assert_eq!(clear.endings, Counts::from([("unbind", 1)]));
}

#[test]
fn an_expensive_search_lets_others_pass() {
    let (server, _) = start();
    let mut client = Client::connect(&server);
    assert_eq!(client.ask(bind(PORTAL, "portal-password")), LdapResultCode::Success);
    let expensive = search(ROOT, "(objectClass=person)", 0);
    client.send(vec![(expensive, Vec::new()), (search(ROOT, "(uid=bob)", 0), Vec::new())]);
    let mut done = Vec::new();
    while done.len() < 2 {
        let message = client.receive().unwrap();
        if code(&message.op).is_some() {
            done.push(message.msgid);
        }
    }
    assert_eq!(done, [2, 1]);
    let clear = server.tally().clear;
    assert_eq!((clear.entries, clear.references), (3_009, 2));
}

#[test]
fn what_takes_too_long_is_cut_off_or_abandoned() {
    let (server, _) = start();
    let mut client = Client::connect(&server);
    assert_eq!(client.ask(bind(PORTAL, "portal-password")), LdapResultCode::Success);
    assert_eq!(client.ask(search(ARCHIVE, "(uid=x)", 1)), LdapResultCode::TimeLimitExceeded);
    client.send(vec![
        (search(ARCHIVE, "(uid=x)", 0), Vec::new()),
        (LdapOp::AbandonRequest(1), Vec::new()),
        (extended(session::WHO_AM_I), Vec::new()),
    ]);
    assert_eq!(client.receive().unwrap().msgid, 3);
    let clear = server.tally().clear;
    assert_eq!((clear.abandoned, clear.requests["abandon"], clear.responses["search"]), (1, 1, 1));
}

#[test]
fn changes_are_made_and_refused() {
    let (server, _) = start();
    let mut client = Client::connect(&server);
    let dn = "cn=new,ou=groups,dc=example,dc=com";
    let add =
        || LdapOp::AddRequest(LdapAddRequest { dn: dn.to_owned(), attributes: vec![attribute("cn", "new")] });
    let compare = |value: &str| {
        let val = value.as_bytes().to_vec();
        LdapOp::CompareRequest(LdapCompareRequest { dn: dn.to_owned(), atype: "description".to_owned(), val })
    };
    let modify = LdapOp::ModifyRequest(LdapModifyRequest {
        dn: dn.to_owned(),
        changes: vec![LdapModify {
            operation: LdapModifyType::Add,
            modification: attribute("description", "a"),
        }],
    });
    let rename = LdapOp::ModifyDNRequest(LdapModifyDNRequest {
        dn: dn.to_owned(),
        newrdn: "cn=newer".to_owned(),
        deleteoldrdn: false,
        new_superior: None,
    });
    let delete = |dn: &str| LdapOp::DelRequest(dn.to_owned());
    use LdapResultCode::*;
    assert_eq!(client.ask(add()), InsufficentAccessRights);
    assert_eq!(client.ask(bind(PORTAL, "portal-password")), Success);
    for (op, expected) in [
        (add(), Success),
        (add(), EntryAlreadyExists),
        (compare("a"), NoSuchAttribute),
        (modify, Success),
        (compare("A"), CompareTrue),
        (compare("b"), CompareFalse),
        (rename, Success),
        (delete(dn), NoSuchObject),
        (delete("cn=newer,ou=groups,dc=example,dc=com"), Success),
        (delete("ou=groups,dc=example,dc=com"), NotAllowedOnNonLeaf),
        (delete("cn=x,ou=branch,dc=example,dc=com"), Referral),
    ] {
        assert_eq!(client.ask(op.clone()), expected, "{op:?}");
    }
}

#[test]
fn a_critical_control_that_is_not_known_is_refused() {
    let (server, _) = start();
    let mut client = Client::connect(&server);
    let control = LdapControl::Unknown { oid: "1.2.3".to_owned(), criticality: true, value: None };
    client.send(vec![(search(ROOT, "(uid=alice)", 0), vec![control])]);
    let message = client.receive().unwrap();
    assert_eq!(code(&message.op), Some(LdapResultCode::UnavailableCriticalExtension));
}

#[test]
fn a_silent_kiosk_is_sent_away_and_so_is_who_speaks_no_ldap() {
    let (server, _) = start();
    let notice = |client: &mut Client<TcpStream>| {
        let message = client.receive().unwrap();
        let LdapOp::ExtendedResponse(response) = message.op else { panic!("{message:?}") };
        assert_eq!((message.msgid, response.name.as_deref()), (0, Some("1.3.6.1.4.1.1466.20036")));
        assert_eq!(client.receive(), None);
        response.res.code
    };
    let mut kiosk = Client::connect(&server);
    assert_eq!(kiosk.ask(bind(KIOSK, "kiosk-password")), LdapResultCode::Success);
    assert_eq!(notice(&mut kiosk), LdapResultCode::AdminLimitExceeded);
    let mut stranger = Client::connect(&server);
    stranger.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(notice(&mut stranger), LdapResultCode::ProtocolError);
    wait_until_empty(&server);
    let clear = server.tally().clear;
    assert_eq!((clear.notices, clear.endings), (2, Counts::from([("server", 2)])));
}

#[test]
fn after_starttls_nothing_said_in_clear_text_counts() {
    let (server, certificate) = start();
    let mut clear = Client::connect(&server);
    assert_eq!(clear.ask(bind(PORTAL, "portal-password")), LdapResultCode::Success);
    // What is injected behind StartTLS must be neither executed nor answered.
    clear.send(vec![(extended(session::START_TLS), Vec::new()), (LdapOp::UnbindRequest, Vec::new())]);
    assert_eq!(code(&clear.receive().unwrap().op), Some(LdapResultCode::Success));

    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()).unwrap();
    let config =
        rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
    let name = ServerName::try_from("server.example").unwrap();
    let connection = rustls::ClientConnection::new(Arc::new(config), name).unwrap();
    let mut tls = Client::over(rustls::StreamOwned::new(connection, clear.stream));
    assert_eq!(tls.ask(search(ROOT, "(uid=alice)", 0)), LdapResultCode::InsufficentAccessRights);
    assert_eq!(tls.ask(bind(PORTAL, "portal-password")), LdapResultCode::Success);
    assert_eq!(tls.ask(search(ROOT, "(objectClass=person)", 0)), LdapResultCode::Success);
    assert_eq!(tls.ask(extended(session::START_TLS)), LdapResultCode::OperationsError);
    tls.send(vec![(LdapOp::UnbindRequest, Vec::new())]);
    drop(tls);
    wait_until_empty(&server);

    let tally = server.tally();
    assert_eq!((tally.connections, tally.starttls_sessions), (1, 1));
    assert_eq!(tally.clear.requests, Counts::from([("bind", 1), ("extended", 1)]));
    assert_eq!(tally.starttls.requests["search"], 2);
    assert_eq!(tally.starttls.entries, 3_008);
    assert_eq!(tally.starttls.endings, Counts::from([("unbind", 1)]));
}
