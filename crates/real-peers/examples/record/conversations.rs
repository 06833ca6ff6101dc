//! The conversations, and what each is to be.

use std::net::SocketAddr;

use anyhow::{Result, ensure};
use real_peers::mail::conversation::Sent;
use real_peers::mail::rules::{GREYLISTED, MAILBOX_FULL, REFUSED_AFTER_CONTENT, UNKNOWN_USER};
use real_peers::mail::{Client, ClientOptions, Mail, MailServer, Server, ServerOptions, StartTls, Tls};

use crate::scripts;

/// Which of the server's listeners to talk to.
pub(crate) enum Listener {
    Plain,
    BehindProxy,
}

/// A client's part; a scripted one returns what it counted.
type Part = Box<dyn Fn(SocketAddr, &MailServer) -> Result<Option<Sent>>>;

/// A conversation to record.
pub(crate) struct Planned {
    pub(crate) name: &'static str,
    pub(crate) server: Server,
    pub(crate) options: ServerOptions,
    pub(crate) listener: Listener,
    pub(crate) client_name: &'static str,
    pub(crate) client: Part,
    /// Requests and codes, as [`Expectation`](crate::expectation::Expectation) reads them.
    pub(crate) exchange: &'static [&'static str],
    /// Mails accepted, recipients accepted, rejected and deferred, as the server's log is to have them.
    pub(crate) counted_by_server: [u64; 4],
}

const TEXT: &str = "hello\n.\n..two dots\nthe end";

fn plan(
    name: &'static str,
    server: Server,
    exchange: &'static [&'static str],
    counted_by_server: [u64; 4],
    client_name: &'static str,
    client: Part,
) -> Planned {
    let (options, listener) = (ServerOptions::default(), Listener::Plain);
    Planned { name, server, options, listener, client_name, client, exchange, counted_by_server }
}

/// A client's part: one mail.
fn mail(
    client: Client,
    sender: &'static str,
    recipients: &'static [&'static str],
    options: ClientOptions,
) -> Part {
    Box::new(move |address, _| {
        let mail = Mail::new(sender, recipients.iter().copied(), TEXT);
        client.send(address, &mail, &options)?;
        Ok(None)
    })
}

fn scripted(script: fn(SocketAddr) -> Result<Option<Sent>>) -> Part {
    Box::new(move |address, _| script(address))
}

pub(crate) fn all() -> Vec<Planned> {
    [by_real_clients(), by_script()].into_iter().flatten().collect()
}

const SENDER: &str = "app@client.test";
const ALICE: &[&str] = &["alice@good.test"];

fn by_real_clients() -> Vec<Planned> {
    let plain = ClientOptions::default;
    let auth = ClientOptions { auth: true, ..plain() };
    let lmtp = ClientOptions { lmtp: true, ..plain() };
    vec![
        plan(
            "postfix-swaks-accepted",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "(eod) 250", "QUIT 221"],
            [1, 1, 0, 0],
            "swaks",
            mail(Client::Swaks, SENDER, ALICE, plain()),
        ),
        plan(
            "postfix-smtplib-null-sender-and-refusals",
            Server::Postfix,
            &[
                "(greeting) 220",
                "EHLO 250",
                "MAIL 250",
                "RCPT 550",
                "RCPT 450",
                "RCPT 250",
                "DATA 354",
                "(eod) 250",
                "QUIT 221",
            ],
            [1, 1, 1, 1],
            "smtplib",
            mail(Client::Smtplib, "", &[UNKNOWN_USER, GREYLISTED, "alice@good.test"], plain()),
        ),
        plan(
            "postfix-nodemailer-every-recipient-refused",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 550", "RCPT 552"],
            [0, 0, 2, 0],
            "nodemailer",
            mail(Client::Nodemailer, SENDER, &[UNKNOWN_USER, MAILBOX_FULL], plain()),
        ),
        plan(
            "postfix-lettre-given-up",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "RCPT 550", "QUIT 221"],
            [0, 0, 1, 0],
            "lettre",
            mail(Client::Lettre, SENDER, &["alice@good.test", UNKNOWN_USER], plain()),
        ),
        plan(
            "postfix-smtplib-auth",
            Server::Postfix,
            &[
                "(greeting) 220",
                "EHLO 250",
                "AUTH 235",
                "MAIL 250",
                "RCPT 250",
                "DATA 354",
                "(eod) 250",
                "QUIT 221",
            ],
            [1, 1, 0, 0],
            "smtplib",
            mail(Client::Smtplib, SENDER, ALICE, auth),
        ),
        plan(
            "postfix-lettre-starttls",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "STARTTLS 220"],
            [1, 1, 0, 0],
            "lettre",
            Box::new(|address, server| {
                let tls = Tls::StartTls(server.certificate()?);
                let options = ClientOptions { tls, ..ClientOptions::default() };
                let submission = Client::Lettre.send(
                    address,
                    &Mail::new(SENDER, ALICE.iter().copied(), TEXT),
                    &options,
                )?;
                ensure!(submission.accepted, "{submission:?}");
                Ok(None)
            }),
        ),
        plan(
            "postfix-exim-pipelined-bdat",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "RCPT 550", "BDAT LAST 250", "QUIT 221"],
            [1, 1, 1, 0],
            "exim",
            mail(Client::Exim, SENDER, &["alice@good.test", UNKNOWN_USER], plain()),
        ),
        plan(
            "exim-exim-prdr",
            Server::Exim,
            &[
                "(greeting) 220",
                "EHLO 250",
                "MAIL 250",
                "RCPT 250",
                "RCPT 250",
                "BDAT LAST 353",
                "+ 250",
                "+ 550",
                "+ 250",
                "QUIT 221",
            ],
            [1, 1, 1, 0],
            "exim",
            mail(Client::Exim, SENDER, &["alice@good.test", REFUSED_AFTER_CONTENT], plain()),
        ),
        plan(
            "opensmtpd-swaks-greylisted",
            Server::OpenSmtpd,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 450", "QUIT 221"],
            [0, 0, 0, 1],
            "swaks",
            mail(Client::Swaks, SENDER, &[GREYLISTED], plain()),
        ),
        plan(
            "dovecot-exim-lmtp-bdat",
            Server::DovecotLmtp,
            &[
                "(greeting) 220",
                "LHLO 250",
                "MAIL 250",
                "RCPT 250",
                "RCPT 250",
                "RCPT 550",
                "RCPT 250",
                "BDAT LAST 250",
                "+ 552",
                "+ 250",
                "QUIT 221",
            ],
            [1, 2, 1, 0],
            "exim",
            mail(
                Client::Exim,
                SENDER,
                &["alice@good.test", MAILBOX_FULL, UNKNOWN_USER, "bob@good.test"],
                lmtp,
            ),
        ),
    ]
}

fn by_script() -> Vec<Planned> {
    let script = |name, server, exchange, counted, script| {
        plan(name, server, exchange, counted, "script", scripted(script))
    };
    vec![
        script(
            "postfix-pipelining",
            Server::Postfix,
            &[
                "(greeting) 220",
                "EHLO 250",
                "MAIL 250",
                "RCPT 250",
                "RCPT 550",
                "DATA 354",
                "(eod) 250",
                "RSET 250",
                "MAIL 250",
                "RCPT 450",
                "DATA 554",
                "QUIT 221",
            ],
            [1, 1, 1, 1],
            scripts::pipelining,
        ),
        script(
            "postfix-auth-rounds",
            Server::Postfix,
            &[
                "(greeting) 220",
                "EHLO 250",
                "AUTH 334",
                "(auth) 334",
                "(auth) 535",
                "AUTH 334",
                "(auth) 501",
                "AUTH 334",
                "(auth) 235",
                "QUIT 221",
            ],
            [0, 0, 0, 0],
            scripts::auth_rounds,
        ),
        Planned {
            options: ServerOptions { starttls: StartTls::Fails, ..ServerOptions::default() },
            ..script(
                "postfix-starttls-refused",
                Server::Postfix,
                &[
                    "(greeting) 220",
                    "EHLO 250",
                    "STARTTLS 454",
                    "MAIL 250",
                    "RCPT 250",
                    "DATA 354",
                    "(eod) 250",
                    "QUIT 221",
                ],
                [1, 1, 0, 0],
                scripts::starttls_refused,
            )
        },
        script(
            "postfix-xclient",
            Server::Postfix,
            &[
                "(greeting) 220",
                "EHLO 250",
                "XCLIENT 220",
                "EHLO 250",
                "MAIL 250",
                "RCPT 250",
                "DATA 354",
                "(eod) 250",
                "QUIT 221",
            ],
            [1, 1, 0, 0],
            scripts::xclient,
        ),
        script(
            "postfix-size-and-syntax",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 552", "MAIL 501", "RCPT 503", "NONSENSE 500", "QUIT 221"],
            [0, 0, 0, 0],
            scripts::size_and_syntax,
        ),
        script(
            "postfix-left-in-content",
            Server::Postfix,
            &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354"],
            [0, 0, 0, 0],
            scripts::left_in_content,
        ),
        Planned {
            listener: Listener::BehindProxy,
            ..script(
                "postfix-proxy-v1",
                Server::Postfix,
                &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "(eod) 250", "QUIT 221"],
                [1, 1, 0, 0],
                scripts::proxy_v1,
            )
        },
        Planned {
            listener: Listener::BehindProxy,
            ..script(
                "exim-proxy-v2",
                Server::Exim,
                &["(greeting) 220", "EHLO 250", "MAIL 250", "RCPT 250", "DATA 354", "(eod) 250", "QUIT 221"],
                [1, 1, 0, 0],
                scripts::proxy_v2,
            )
        },
        script(
            "exim-bdat-chunks",
            Server::Exim,
            &[
                "(greeting) 220",
                "EHLO 250",
                "MAIL 250",
                "RCPT 250",
                "BDAT 250",
                "BDAT 250",
                "BDAT LAST 250",
                "QUIT 221",
            ],
            [1, 1, 0, 0],
            scripts::bdat_chunks,
        ),
        script(
            "opensmtpd-starttls-breaks-off",
            Server::OpenSmtpd,
            &["(greeting) 220", "EHLO 250", "STARTTLS 220"],
            [0, 0, 0, 0],
            scripts::starttls_breaks_off,
        ),
        script(
            "dovecot-lmtp-data",
            Server::DovecotLmtp,
            &[
                "(greeting) 220",
                "LHLO 250",
                "MAIL 250",
                "RCPT 250",
                "RCPT 550",
                "RCPT 250",
                "RCPT 250",
                "DATA 354",
                "(eod) 250",
                "+ 451",
                "+ 250",
                "QUIT 221",
            ],
            [1, 2, 0, 1],
            scripts::lmtp_data,
        ),
    ]
}
