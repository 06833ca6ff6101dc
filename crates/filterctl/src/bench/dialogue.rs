//! The same short conversation over and over, where a real server would be what is measured: with thousands of
//! connections, or a million operations.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use anyhow::{Context, Result};
use real_peers::DEADLINE;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, staff};
use real_peers::directory::{Scope, message};

use crate::filters::Filter;

/// Octets of a client, and octets of the server that answer them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) request: Vec<u8>,
    pub(super) answer: Vec<u8>,
}

/// What both sides of a connection say.
#[derive(Clone, Debug)]
pub(super) struct Dialogue {
    /// Which filter sees it.
    pub(super) filter: &'static Filter,
    /// What the server says first.
    pub(super) greeting: Vec<u8>,
    /// What the connection begins with.
    pub(super) opening: Exchange,
    /// What is done again and again: `operations` of them at once.
    pub(super) batch: Exchange,
    /// Operations of a batch.
    pub(super) operations: u32,
    /// The filter's counter of operations, with labels.
    pub(super) counted_as: (&'static str, &'static [(&'static str, &'static str)]),
}

impl Dialogue {
    /// With EHLO first; the operation is NOOP.
    ///
    /// # Errors
    /// When this tool does not know the filter.
    pub(super) fn of_mail(operations: u32) -> Result<Self> {
        let batch = Exchange { request: b"NOOP\r\n".to_vec(), answer: b"250 2.0.0 Ok\r\n".to_vec() };
        Ok(Self {
            filter: Filter::named("smtp").context("this filterctl knows no smtp filter")?,
            greeting: b"220 mx.good.test ESMTP\r\n".to_vec(),
            opening: Exchange {
                request: b"EHLO client.test\r\n".to_vec(),
                answer: b"250-mx.good.test\r\n250-PIPELINING\r\n250 8BITMIME\r\n".to_vec(),
            },
            batch: batch.repeated(operations, |octets, _| octets.to_vec()),
            operations,
            counted_as: ("commands_total", &[("verb", "NOOP")]),
        })
    }

    /// With a simple bind first; the operation is a search that finds nothing.
    ///
    /// # Errors
    /// When this tool does not know the filter.
    pub(super) fn of_directory(operations: u32) -> Result<Self> {
        let search = message::search(&staff(7), Scope::Base, &message::present("objectClass"), &["cn"]);
        let batch = Exchange { request: search, answer: SEARCH_DONE.to_vec() };
        Ok(Self {
            filter: Filter::named("ldap").context("this filterctl knows no ldap filter")?,
            greeting: Vec::new(),
            opening: Exchange {
                request: message::message(1, &message::bind(ADMIN_DN, ADMIN_PASSWORD)),
                answer: message::message(1, BIND_DONE),
            },
            batch: batch.repeated(operations, |operation, number| message::message(2 + number, operation)),
            operations,
            counted_as: ("requests_total", &[("operation", "search")]),
        })
    }
}

/// `BindResponse` and `SearchResultDone` (RFC 4511, 4.2.2 and 4.5.2): success, and nothing else.
const BIND_DONE: &[u8] = &[0x61, 7, 0x0a, 1, 0, 4, 0, 4, 0];
const SEARCH_DONE: &[u8] = &[0x65, 7, 0x0a, 1, 0, 4, 0, 4, 0];

impl Exchange {
    fn repeated(&self, times: u32, one: impl Fn(&[u8], i32) -> Vec<u8>) -> Self {
        let many = |octets: &[u8]| {
            let numbers = 0..i32::try_from(times).unwrap_or(i32::MAX);
            numbers.flat_map(|number| one(octets, number)).collect()
        };
        Self { request: many(&self.request), answer: many(&self.answer) }
    }
}

/// The client's side of a connection.
#[derive(Debug)]
pub(super) struct Client<'a> {
    stream: TcpStream,
    dialogue: &'a Dialogue,
    answer: Vec<u8>,
}

impl<'a> Client<'a> {
    /// Connects, and waits for the answer to the opening.
    ///
    /// # Errors
    /// When the connection ends, or something else comes back.
    pub(super) fn open(server: SocketAddr, dialogue: &'a Dialogue) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, DEADLINE).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let mut client = Self { stream, dialogue, answer: Vec::new() };
        client.expect(&dialogue.greeting)?;
        client.exchange(&dialogue.opening)?;
        Ok(client)
    }

    /// Does the operations of a batch, and waits for their answers.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(super) fn operate(&mut self) -> Result<()> {
        self.exchange(&self.dialogue.batch)
    }

    fn exchange(&mut self, exchange: &Exchange) -> Result<()> {
        self.stream.write_all(&exchange.request).context("sending")?;
        self.expect(&exchange.answer)
    }

    fn expect(&mut self, octets: &[u8]) -> Result<()> {
        self.answer.resize(octets.len(), 0);
        self.stream.read_exact(&mut self.answer).context("waiting for an answer")?;
        anyhow::ensure!(self.answer == octets, "another answer came back than the server sent");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_hold_so_many_operations() {
        let mail = Dialogue::of_mail(3).unwrap();
        assert_eq!(mail.batch.request, b"NOOP\r\nNOOP\r\nNOOP\r\n");
        let one = Dialogue::of_directory(1).unwrap().batch;
        let three = Dialogue::of_directory(3).unwrap().batch;
        assert_eq!(three.request.len(), 3 * one.request.len());
        assert_eq!(three.answer.len(), 3 * one.answer.len());
        // Each has a number of its own.
        let (first, second) = three.answer.split_at(one.answer.len());
        assert_ne!(first, &second[..first.len()]);
    }
}
