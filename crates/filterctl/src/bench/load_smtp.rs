//! Mails.

use std::net::SocketAddr;

use anyhow::Result;
use real_peers::mail::Conversation;
use real_peers::mail::load::{Content, Load as SmtpSource, Submissions, message};

use super::load::{Done, Load, Server, Target};
use super::variant::Variant;

/// A transaction that ended well.
const MAILS: (&str, &[(&str, &str)]) = ("transactions_total", &[("outcome", "accepted")]);

const fn at_most(variant: Variant, at_most: f64) -> Target {
    Target { variant, at_most }
}

const OFF: Target = at_most(Variant::Off, 1.01);
const SMALL: &[Target] = &[at_most(Variant::Summary, 1.08), at_most(Variant::Detailed, 1.15), OFF];
const MIDDLE: &[Target] = &[at_most(Variant::Summary, 1.12), OFF];
const LARGE_DATA: &[Target] = &[at_most(Variant::Summary, 1.20), OFF];
const LARGE_BDAT: &[Target] = &[at_most(Variant::Summary, 1.03), OFF];
const CHURN: &[Target] = &[at_most(Variant::Summary, 1.10), OFF];

/// A size of mail, how many of them a run sends, and what they may cost by DATA and by BDAT.
struct Size {
    octets: u32,
    mails: u32,
    mails_to_postfix: u32,
    by_data: &'static [Target],
    by_bdat: &'static [Target],
}

const KB: Size = Size { octets: 1024, mails: 400, mails_to_postfix: 100, by_data: SMALL, by_bdat: SMALL };
const KB_100: Size =
    Size { octets: 100 * 1024, mails: 80, mails_to_postfix: 40, by_data: MIDDLE, by_bdat: MIDDLE };
const MB_5: Size =
    Size { octets: 5 << 20, mails: 4, mails_to_postfix: 3, by_data: LARGE_DATA, by_bdat: LARGE_BDAT };

/// All loads of mail servers.
pub(super) fn loads() -> Vec<Load> {
    vec![
        by_smtp_source("smtp-1k-data", "mails of 1 KB by DATA", &KB),
        by_data_pipelined("smtp-1k-data-pipelined", "mails of 1 KB by DATA, pipelined", &KB),
        by_bdat("smtp-1k-bdat", "mails of 1 KB by BDAT", &KB, false),
        by_bdat("smtp-1k-bdat-pipelined", "mails of 1 KB by BDAT, pipelined", &KB, true),
        by_smtp_source("smtp-100k-data", "mails of 100 KB by DATA", &KB_100),
        by_data_pipelined("smtp-100k-data-pipelined", "mails of 100 KB by DATA, pipelined", &KB_100),
        by_bdat("smtp-100k-bdat", "mails of 100 KB by BDAT", &KB_100, false),
        by_bdat("smtp-100k-bdat-pipelined", "mails of 100 KB by BDAT, pipelined", &KB_100, true),
        by_smtp_source("smtp-5m-data", "mails of 5 MB by DATA", &MB_5),
        by_data_pipelined("smtp-5m-data-pipelined", "mails of 5 MB by DATA, pipelined", &MB_5),
        by_bdat("smtp-5m-bdat", "mails of 5 MB by BDAT", &MB_5, false),
        by_bdat("smtp-5m-bdat-pipelined", "mails of 5 MB by BDAT, pipelined", &MB_5, true),
        sessions(),
        churn(),
    ]
}

/// All mails of a run over one connection, by `smtp-source`.
fn by_smtp_source(name: &'static str, title: &'static str, size: &Size) -> Load {
    let load = SmtpSource {
        mails: size.mails,
        message_octets: size.octets,
        reconnect: false,
        ..SmtpSource::default()
    };
    Load {
        name,
        title,
        unit: "mail",
        server: Server::SmtpSink,
        targets: size.by_data,
        counted_as: MAILS,
        run: Box::new(move |server| {
            load.send(server)?;
            Ok(Done { connections: 1, units: load.mails.into() })
        }),
    }
}

fn by_data_pipelined(name: &'static str, title: &'static str, size: &Size) -> Load {
    let submissions = Submissions {
        mails: size.mails,
        mails_per_connection: size.mails,
        message: message(size.octets as usize),
        content: Content::Data,
        pipelined: true,
    };
    submitted(name, title, Server::SmtpSink, size.by_data, submissions)
}

/// To Postfix: `smtp-sink` knows no BDAT.
fn by_bdat(name: &'static str, title: &'static str, size: &Size, pipelined: bool) -> Load {
    let submissions = Submissions {
        mails: size.mails_to_postfix,
        mails_per_connection: size.mails_to_postfix,
        message: message(size.octets as usize),
        content: Content::Bdat,
        pipelined,
    };
    submitted(name, title, Server::Postfix, size.by_bdat, submissions)
}

fn submitted(
    name: &'static str,
    title: &'static str,
    server: Server,
    targets: &'static [Target],
    submissions: Submissions,
) -> Load {
    Load {
        name,
        title,
        unit: "mail",
        server,
        targets,
        counted_as: MAILS,
        run: Box::new(move |server| {
            let connections = submissions.send(server)?;
            Ok(Done { connections: connections.into(), units: submissions.mails.into() })
        }),
    }
}

/// One small mail per connection, which is how most mail arrives.
fn sessions() -> Load {
    let load = SmtpSource { mails: 100, message_octets: KB.octets, reconnect: true, ..SmtpSource::default() };
    Load {
        name: "smtp-session",
        title: "connections with one mail of 1 KB by DATA",
        unit: "connection",
        server: Server::SmtpSink,
        targets: &[],
        counted_as: MAILS,
        run: Box::new(move |server| {
            load.send(server)?;
            Ok(Done { connections: load.mails.into(), units: load.mails.into() })
        }),
    }
}

/// Connect, greeting, QUIT.
fn churn() -> Load {
    const CONNECTIONS: u64 = 200;
    let run = |server: SocketAddr| -> Result<Done> {
        for _ in 0..CONNECTIONS {
            Conversation::greeted(server)?.quit()?;
        }
        Ok(Done { connections: CONNECTIONS, units: CONNECTIONS })
    };
    Load {
        name: "smtp-churn",
        title: "connections with a greeting and QUIT",
        unit: "connection",
        server: Server::SmtpSink,
        targets: CHURN,
        counted_as: ("commands_total", &[("verb", "QUIT")]),
        run: Box::new(run),
    }
}
