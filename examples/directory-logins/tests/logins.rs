//! The portal against a directory that follows a script.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use bytes::BytesMut;
use clap::Parser;
use directory_logins::{Portal, Settings, Tally};
use ldap3_proto::LdapCodec;
use ldap3_proto::proto::{
    LdapBindCred, LdapBindResponse, LdapExtendedResponse, LdapMsg, LdapOp, LdapResult,
    LdapResultCode as Code, LdapSearchResultEntry,
};
use tokio_util::codec::{Decoder, Encoder};

/// What is answered to a request; `None` hangs up.
type Script = fn(&LdapOp) -> Option<Vec<LdapOp>>;

/// Serves so many connections, and returns what was asked on each.
fn serve(connections: usize, script: Script) -> (String, JoinHandle<Vec<Vec<LdapOp>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = thread::spawn(move || {
        let serving: Vec<_> = (0..connections)
            .map(|_| {
                let stream = listener.accept().unwrap().0;
                thread::spawn(move || converse(stream, script))
            })
            .collect();
        serving.into_iter().map(|connection| connection.join().unwrap()).collect()
    });
    (address, server)
}

fn converse(mut stream: TcpStream, script: Script) -> Vec<LdapOp> {
    let (mut codec, mut input) = (LdapCodec::default(), BytesMut::new());
    let mut asked = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let Ok(count @ 1..) = stream.read(&mut chunk) else { return asked };
        input.extend_from_slice(&chunk[..count]);
        while !input.is_empty()
            && let Some(LdapMsg { msgid, op, .. }) = codec.decode(&mut input).unwrap()
        {
            let answers = script(&op);
            asked.push(op);
            let Some(answers) = answers else { return asked };
            let mut output = BytesMut::new();
            for answer in answers {
                codec.encode(LdapMsg::new(msgid, answer), &mut output).unwrap();
            }
            stream.write_all(&output).unwrap();
        }
    }
}

fn result(code: Code) -> LdapResult {
    LdapResult { code, matcheddn: String::new(), message: String::new(), referral: Vec::new() }
}

/// A directory that lets everybody in and finds one entry in every search.
fn hospitable(op: &LdapOp) -> Option<Vec<LdapOp>> {
    let found = || {
        let dn = "uid=bob,ou=staff,dc=example,dc=com".to_owned();
        LdapOp::SearchResultEntry(LdapSearchResultEntry { dn, attributes: Vec::new() })
    };
    Some(match op {
        LdapOp::BindRequest(_) => {
            vec![LdapOp::BindResponse(LdapBindResponse { res: result(Code::Success), saslcreds: None })]
        }
        LdapOp::SearchRequest(_) => vec![found(), LdapOp::SearchResultDone(result(Code::Success))],
        LdapOp::ExtendedRequest(_) => {
            let res = result(Code::Success);
            let value = Some(b"dn:uid=bob".to_vec());
            vec![LdapOp::ExtendedResponse(LdapExtendedResponse { res, name: None, value })]
        }
        _ => Vec::new(),
    })
}

fn portal(server: &str, turns: u64, arguments: &[&str]) -> Tally {
    let settings = Settings::parse_from([&["x", "--ldap", server, "--timeout", "5s"], arguments].concat());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut portal = Portal::new(&settings).unwrap();
        for _ in 0..turns {
            portal.turn().await;
        }
        portal.finish().await
    })
}

/// Whom a connection bound as, with which password, in order.
fn binds(asked: &[LdapOp]) -> Vec<(&str, &str)> {
    let bind = |op: &LdapOp| matches!(op, LdapOp::BindRequest(_));
    let named = asked.iter().filter(|op| bind(op)).filter_map(|op| match op {
        LdapOp::BindRequest(request) => match &request.cred {
            LdapBindCred::Simple(password) => Some((request.dn.as_str(), password.as_str())),
            _ => None,
        },
        _ => None,
    });
    named.collect()
}

#[test]
fn a_user_is_searched_for_by_the_portal_and_binds_with_the_name_that_was_found() {
    let (address, server) = serve(2, hospitable);
    let tally = portal(&address, 1, &["--starttls-share", "0"]);
    let asked = server.join().unwrap();
    assert_eq!(binds(&asked[0]), [("cn=portal,ou=services,dc=example,dc=com", "portal-password")]);
    assert_eq!(binds(&asked[1]), [("uid=bob,ou=staff,dc=example,dc=com", "bob-password")]);
    assert_eq!(asked[0].last(), Some(&LdapOp::UnbindRequest));
    assert_eq!(asked[1].last(), Some(&LdapOp::UnbindRequest));

    assert_eq!((tally.logins_tried, tally.logins_let_in), (1, 1));
    let clear = &tally.clear;
    assert_eq!((clear.connections, clear.entries, clear.failed), (2, 2, 0));
    let count = |name: &str| clear.requests.get(name).copied();
    assert_eq!([count("bind"), count("search"), count("extended"), count("unbind")], [2, 2, 1, 2].map(Some));
    assert_eq!((clear.results["success"], clear.endings["unbind"]), (5, 2));
    assert_eq!(tally.total(), *clear);
}

#[test]
fn who_is_not_there_is_turned_away_like_who_types_a_wrong_password() {
    let (address, server) = serve(2, |op| match op {
        LdapOp::SearchRequest(_) => Some(vec![LdapOp::SearchResultDone(result(Code::Success))]),
        LdapOp::BindRequest(request) if request.dn.starts_with("uid=") => {
            let res = result(Code::InvalidCredentials);
            Some(vec![LdapOp::BindResponse(LdapBindResponse { res, saslcreds: None })])
        }
        _ => hospitable(op),
    });
    let tally = portal(&address, 1, &["--starttls-share", "0"]);
    assert_eq!((tally.logins_turned_away, tally.clear.binds_failed["simple"]), (1, 1));
    assert_eq!(binds(&server.join().unwrap()[1]), [("uid=bob,ou=people,dc=example,dc=com", "bob-password")]);
}

#[test]
fn a_lost_connection_fails_one_login_and_the_next_one_gets_a_new_connection() {
    // The portal's own connection, one for each login, and that of the kiosk in the second turn.
    let (address, server) = serve(4, |op| match op {
        LdapOp::BindRequest(request) if !request.dn.starts_with("cn=portal") => None,
        _ => hospitable(op),
    });
    let tally = portal(&address, 2, &["--pool", "1", "--starttls-share", "0"]);
    assert_eq!((tally.logins_failed, tally.clear.connections, tally.clear.failed), (2, 4, 3));
    server.join().unwrap();
}

#[test]
fn no_server_at_all_is_counted_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let tally = portal(&free.to_string(), 1, &[]);
    assert_eq!((tally.logins_tried, tally.logins_failed, tally.clear.connections), (1, 1, 0));
}

#[test]
fn a_wrong_address_or_certificate_is_refused_before_anybody_logs_in() {
    for (arguments, problem) in [
        (vec!["--ldap", "localhost"], "must be HOST:PORT"),
        (vec!["--ldap", "localhost:ldap"], "is not a port"),
        (vec!["--ldap", "localhost:389", "--ca", "/no/such/file"], "--ca /no/such/file"),
        (vec!["--ldap", "localhost:389", "--ca", "/dev/null"], "no certificate is in it"),
    ] {
        let settings = Settings::parse_from([vec!["x"], arguments].concat());
        let error = Portal::new(&settings).err().map(|error| format!("{error:#}")).unwrap();
        assert!(error.contains(problem), "{error}");
    }
}
