//! One connection of a load at a time: sends as much as may wait, reads what comes.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::{DirectoryLoad, LoadReport};
use crate::directory::message::{
    self, Header, INTERMEDIATE_RESPONSE, Message, SEARCH_ENTRY, SEARCH_REFERENCE,
};
use crate::waiting::DEADLINE;

/// The first message ID: from here on all have four octets, so that one can be written over another.
const FIRST_ID: i32 = 0x0100_0000;

/// Octets of a message that say what it is: two headers, a message ID, an operation's header, a result code.
const TELLING: usize = 32;

/// Does one thread's share, over as many connections as that takes.
pub(super) fn work_through(load: &DirectoryLoad, server: SocketAddr, until: Instant) -> Result<LoadReport> {
    let requests: Vec<Request> =
        load.work.iter().map(|operation| Request::new(operation)).collect::<Result<_>>()?;
    let mut report = LoadReport::default();
    let mut left = load.operations;
    while left > 0 && Instant::now() < until {
        let share = load.reconnect_after.unwrap_or(left).min(left);
        let mut connection = Connection::open(load, server, &mut report)?;
        connection.ask(&requests, share, load.depth as usize, until)?;
        connection.close()?;
        left -= share;
    }
    Ok(report)
}

/// A request whose message ID can be replaced.
struct Request {
    octets: Vec<u8>,
    /// Where the ID's four octets stand.
    id: usize,
}

impl Request {
    fn new(operation: &[u8]) -> Result<Self> {
        let octets = message::message(FIRST_ID, operation);
        let envelope = Header::read(&octets)?.context("a message without a header")?;
        Ok(Self { id: envelope.begin + 2, octets })
    }

    fn write(&self, id: i32, output: &mut Vec<u8>) {
        let start = output.len() + self.id;
        output.extend_from_slice(&self.octets);
        output[start..start + 4].copy_from_slice(&id.to_be_bytes());
    }
}

struct Connection<'a> {
    stream: TcpStream,
    report: &'a mut LoadReport,
    /// Octets that were read, and of these the part that was not looked at.
    buffer: Vec<u8>,
    begin: usize,
    end: usize,
    /// Octets of a message that are not here yet and of no interest.
    skip: usize,
    /// When each operation since the first unanswered one was begun; `None` where it was answered since.
    waiting: VecDeque<Option<Instant>>,
    first_waiting: i32,
    in_flight: usize,
}

impl<'a> Connection<'a> {
    fn open(load: &DirectoryLoad, server: SocketAddr, report: &'a mut LoadReport) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, DEADLINE).context("connecting")?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        stream.set_write_timeout(Some(DEADLINE))?;
        report.connections += 1;
        let mut connection = Self {
            stream,
            report,
            buffer: vec![0; 256 * 1024],
            begin: 0,
            end: 0,
            skip: 0,
            waiting: VecDeque::new(),
            first_waiting: FIRST_ID,
            in_flight: 0,
        };
        if let Some(login) = &load.login {
            connection.log_in(login)?;
        }
        Ok(connection)
    }

    fn log_in(&mut self, login: &[u8]) -> Result<()> {
        self.send(&message::message(1, login))?;
        loop {
            if let Some((answer, length)) = Message::read(&self.buffer[self.begin..self.end])? {
                ensure!(answer.code == Some(0), "the login was answered {:?}", answer.code);
                self.begin += length;
                self.report.logins += 1;
                return Ok(());
            }
            self.receive()?;
        }
    }

    /// Asks for `count` operations, at most `depth` at a time, and waits for all answers.
    fn ask(&mut self, requests: &[Request], count: u64, depth: usize, until: Instant) -> Result<()> {
        let mut output = Vec::new();
        let (mut id, mut left) = (FIRST_ID, count);
        for request in requests.iter().cycle() {
            let now = Instant::now();
            if now >= until {
                left = 0;
            }
            if left == 0 {
                break;
            }
            request.write(id, &mut output);
            self.waiting.push_back(Some(now));
            self.in_flight += 1;
            self.report.requests += 1;
            id += 1;
            left -= 1;
            if self.in_flight == depth || left == 0 {
                self.send(&output)?;
                output.clear();
                while self.in_flight == depth {
                    self.receive()?;
                    self.read_messages()?;
                }
            }
        }
        self.send(&output)?;
        while self.in_flight > 0 {
            self.receive()?;
            self.read_messages()?;
        }
        Ok(())
    }

    fn close(mut self) -> Result<()> {
        self.send(&message::message(1, &message::unbind()))?;
        // The server closes now. Until then it may still be about to count something.
        let rest = self.stream.read(&mut self.buffer).context("waiting for the server to close")?;
        ensure!(rest == 0, "the server sent {rest} octets after the unbind");
        Ok(())
    }

    fn send(&mut self, octets: &[u8]) -> Result<()> {
        self.report.octets_sent += octets.len() as u64;
        self.stream.write_all(octets).context("sending")
    }

    fn receive(&mut self) -> Result<()> {
        self.buffer.copy_within(self.begin..self.end, 0);
        self.end -= self.begin;
        self.begin = 0;
        let length = self.stream.read(&mut self.buffer[self.end..]).context("waiting for answers")?;
        if length == 0 {
            bail!("the server closed with {} operations unanswered", self.in_flight);
        }
        self.end += length;
        self.report.octets_received += length as u64;
        Ok(())
    }

    fn read_messages(&mut self) -> Result<()> {
        let now = Instant::now();
        loop {
            let skipped = self.skip.min(self.end - self.begin);
            self.begin += skipped;
            self.skip -= skipped;
            let octets = &self.buffer[self.begin..self.end];
            let Some(envelope) = Header::read(octets)? else { return Ok(()) };
            if octets.len() < envelope.end.min(TELLING) {
                return Ok(());
            }
            let id = Header::read(&octets[envelope.begin..])?.context("no message ID")?;
            let operation = envelope.begin + id.end;
            match octets.get(operation) {
                Some(&SEARCH_ENTRY) => self.report.entries += 1,
                Some(&SEARCH_REFERENCE) => self.report.references += 1,
                Some(&INTERMEDIATE_RESPONSE) => {}
                // Final responses are short. Wait for all of it, to read the code.
                _ => match Message::read(octets)? {
                    Some((message, _)) => self.answered(message.id, message.code, now)?,
                    None => return Ok(()),
                },
            }
            self.skip = envelope.end;
        }
    }

    fn answered(&mut self, id: i32, code: Option<u32>, now: Instant) -> Result<()> {
        let place = usize::try_from(id - self.first_waiting).ok();
        let begun = place.and_then(|place| self.waiting.get_mut(place)).and_then(Option::take);
        let begun = begun.with_context(|| format!("an answer to {id}, which does not wait for one"))?;
        let code = code.with_context(|| format!("an answer to {id} that has no result"))?;
        while self.waiting.front() == Some(&None) {
            self.waiting.pop_front();
            self.first_waiting += 1;
        }
        self.in_flight -= 1;
        self.report.latencies.push(now - begun);
        *self.report.results.entry(code).or_default() += 1;
        Ok(())
    }
}
