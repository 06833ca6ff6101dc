//! One scenario on a real Envoy.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use super::http_servers::HttpServers;
use super::http2::{Http2, Role};
use super::peers::{self, End, HttpEnd, TcpEnd};
use super::{Mode, QUIET, RealHost, SOON, STEP, access_log_file, filter, wait_a_moment};
use crate::observation::{Arrival, Observation, Section};
use crate::scenario::{Deed, Logged, Peer, Protocol, Scenario, Step, fields};
use crate::statistics;

/// The first stream that a client begins on a connection (RFC 9113, section 5.1.1).
const FIRST_STREAM: u32 = 1;

/// A scenario that is being played.
pub(super) struct Performance<'a> {
    host: &'a mut RealHost,
    scenario: &'a Scenario,
    passages: Vec<Passage>,
    /// What is behind the listener, for HTTP streams.
    servers: HttpServers,
    /// What is behind the cluster that extensions call out to, and its end of each call.
    oracle: HttpServers,
    calls: Vec<End>,
}

/// A connection or an HTTP stream.
struct Passage {
    client: End,
    server: Option<End>,
}

impl<'a> Performance<'a> {
    pub(super) fn new(host: &'a mut RealHost, scenario: &'a Scenario) -> Self {
        Self {
            host,
            scenario,
            passages: Vec::new(),
            servers: HttpServers::new(Role::Server),
            oracle: HttpServers::new(Role::Oracle),
            calls: Vec::new(),
        }
    }

    pub(super) fn run(mut self, expected: &Observation, mode: Mode) -> Result<Observation> {
        let mut seen = Observation::default();
        seen.sections.push(self.start());
        for (number, step) in self.scenario.steps.iter().enumerate() {
            let heading = step.to_string();
            self.perform(step).with_context(|| heading.clone())?;
            let expected = expected.sections.get(number + 1).cloned().unwrap_or_default();
            let section = match mode {
                Mode::Compare => self.watch(heading, &expected)?,
                Mode::Record => self.record(heading, &expected, number)?,
            };
            let is_expected = section == expected;
            seen.sections.push(section);
            if !is_expected && mode == Mode::Compare {
                return Ok(seen);
            }
        }
        // The worker answers: if it has done more than was expected, it stands in the log now.
        let counted = self.host.count()?;
        let before = std::mem::replace(&mut self.host.statistics, counted);
        seen.statistics = statistics::changes(&before, &self.host.statistics);
        self.look()?;
        let rest = self.take_all("afterwards".to_owned());
        if rest != (Section { heading: rest.heading.clone(), ..Section::default() }) {
            seen.sections.push(rest);
        }
        if self.scenario.listener.logged_filter_state.is_some() {
            seen.access_log = self.access_log()?;
        }
        Ok(seen)
    }

    fn start(&self) -> Section {
        let start = self.host.log.starts.get(self.scenario.name).cloned().unwrap_or_default();
        Section {
            heading: "start".to_owned(),
            calls: start.calls,
            log: start.messages,
            arrivals: BTreeMap::new(),
        }
    }

    fn perform(&mut self, step: &Step) -> Result<()> {
        match step {
            Step::Connect => {
                let client = TcpEnd::new(peers::connect(self.host.envoy.address(self.scenario.name)?)?);
                self.passages.push(Passage { client: End::Tcp(client), server: None });
            }
            Step::Request(headers, end) => {
                let mut connection =
                    Http2::client(peers::connect(self.host.envoy.address(self.scenario.name)?)?)?;
                connection.send_fields(FIRST_STREAM, headers, *end)?;
                let client = HttpEnd::new(Rc::new(RefCell::new(connection)), FIRST_STREAM);
                self.passages.push(Passage { client: End::Http(client), server: None });
            }
            Step::Peer(number, peer, deed) => {
                let end = self.end(*number, *peer).with_context(|| format!("there is no {peer} yet"))?;
                end.act(deed)?;
            }
            Step::Logged(logged) => self.pass_unobserved(logged)?,
            Step::Pass(_) => {}
            Step::Reconfigure(script) => {
                let filter = filter(self.scenario, &self.host.module, script);
                // What was wrong stands in the log, where it is compared.
                let _refused = self.host.envoy.update_filter(self.scenario.name, &filter);
            }
        }
        Ok(())
    }

    /// Lets a connection or request come and go of which only its log matters.
    fn pass_unobserved(&mut self, logged: &Logged) -> Result<()> {
        let number = self.passages.len();
        let peers = [Peer::Client, Peer::Server];
        match logged {
            Logged::Connection(client, server) => {
                self.perform(&Step::Connect)?;
                self.await_passage(number, |passage| passage.server.is_some())?;
                for (peer, octets) in peers.into_iter().zip([client, server]) {
                    self.perform(&Step::Peer(number, peer, Deed::Sends(octets.clone())))?;
                    let other = if peer == Peer::Client { Peer::Server } else { Peer::Client };
                    self.await_arrival(number, other, |arrived| arrived.octets.len() == octets.len())?;
                }
                self.perform(&Step::Peer(number, Peer::Client, Deed::Ends))?;
                self.await_arrival(number, Peer::Server, |arrived| arrived.end)?;
                self.perform(&Step::Peer(number, Peer::Server, Deed::Ends))?;
            }
            Logged::Request(request, status, response) => {
                self.perform(&Step::Request(request.clone(), true))?;
                self.await_passage(number, |passage| passage.server.is_some())?;
                let mut headers = fields(&[(":status", &status.to_string())]);
                headers.extend(response.iter().cloned());
                self.perform(&Step::Peer(number, Peer::Server, Deed::SendsHeaders(headers, true)))?;
            }
        }
        self.await_arrival(number, Peer::Client, |arrived| arrived.end)?;
        for peer in peers {
            if let Some(end) = self.end(number, peer) {
                end.with_arrived(std::mem::take);
            }
        }
        Ok(())
    }

    fn await_arrival(&mut self, number: usize, peer: Peer, arrived: impl Fn(&Arrival) -> bool) -> Result<()> {
        self.await_passage(number, |passage| {
            let end = if peer == Peer::Client { Some(&mut passage.client) } else { passage.server.as_mut() };
            end.is_some_and(|end| end.with_arrived(|now| arrived(now)))
        })
    }

    fn await_passage(&mut self, number: usize, condition: impl Fn(&mut Passage) -> bool) -> Result<()> {
        let deadline = Instant::now() + SOON;
        loop {
            self.look()?;
            if self.passages.get_mut(number).is_some_and(&condition) {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < deadline, "passage {number} does not go on");
            wait_a_moment(&self.host.envoy)?;
        }
    }

    /// Waits until everything that is expected of a step has been seen, and takes it.
    fn watch(&mut self, heading: String, expected: &Section) -> Result<Section> {
        if self.see(expected, SOON)? {
            return Ok(self.take(heading, expected));
        }
        Ok(self.take_all(heading))
    }

    /// Waits until what is expected of a step has been seen, or nothing comes any more, and takes what there is.
    fn record(&mut self, heading: String, expected: &Section, step: usize) -> Result<Section> {
        let steps = &self.scenario.steps;
        let passing = if let Some(Step::Pass(time)) = steps.get(step) { *time } else { Duration::ZERO };
        let seen = self.see(expected, passing + QUIET)?;
        if seen && matches!(steps.get(step + 1), Some(Step::Pass(_))) {
            // What a timer does belongs to the next step, and may have begun.
            return Ok(self.take(heading, expected));
        }
        self.see_nothing_new(QUIET / 4)?;
        Ok(self.take_all(heading))
    }

    /// Waits until everything that is expected has been seen: `false` if nothing has come for so long before.
    fn see(&mut self, expected: &Section, patience: Duration) -> Result<bool> {
        let mut last = Instant::now();
        let deadline = last + STEP;
        while !self.has_seen(expected) {
            if self.look()? {
                last = Instant::now();
            }
            if last.elapsed() > patience || last > deadline {
                return Ok(false);
            }
            wait_a_moment(&self.host.envoy)?;
        }
        Ok(true)
    }

    fn see_nothing_new(&mut self, quiet: Duration) -> Result<()> {
        let mut last = Instant::now();
        let deadline = last + STEP;
        while last.elapsed() < quiet && last < deadline {
            if self.look()? {
                last = Instant::now();
            }
            wait_a_moment(&self.host.envoy)?;
        }
        Ok(())
    }

    /// Looks for what is new. Returns whether there was anything.
    fn look(&mut self) -> Result<bool> {
        let mut any = self.host.log.read(&self.host.envoy)?;
        any |= self.accept()?;
        for passage in &mut self.passages {
            any |= passage.client.read()?;
            if let Some(server) = &mut passage.server {
                any |= server.read()?;
            }
        }
        Ok(any)
    }

    /// Gives the passages the servers that Envoy has reached for them.
    fn accept(&mut self) -> Result<bool> {
        let mut begun = Vec::new();
        let server = &self.host.servers[self.scenario.name];
        match self.scenario.listener.protocol {
            Protocol::Http => begun.extend(self.servers.accept(server)?.into_iter().map(End::Http)),
            Protocol::Nothing => {}
            Protocol::Tcp => {
                while let Some(socket) = server.accept()? {
                    begun.push(End::Tcp(TcpEnd::accepted(socket)));
                }
            }
        }
        let mut any = !begun.is_empty();
        begun.into_iter().try_for_each(|server| self.give(server))?;
        if let Some(oracle) = self.host.oracles.get(self.scenario.name) {
            let calls = self.oracle.accept(oracle)?;
            any |= !calls.is_empty();
            self.calls.extend(calls.into_iter().map(End::Http));
        }
        for call in &mut self.calls {
            any |= call.read()?;
        }
        Ok(any)
    }

    /// Requests and connections go on to the server in the order of their beginning, unless a scenario says otherwise, and
    /// none does.
    fn give(&mut self, server: End) -> Result<()> {
        let waiting = self.passages.iter_mut().find(|passage| passage.server.is_none());
        waiting.context("Envoy has reached the server, for nobody")?.server = Some(server);
        Ok(())
    }

    fn has_seen(&mut self, expected: &Section) -> bool {
        self.host.log.calls.len() >= expected.calls.len()
            && self.host.log.messages.len() >= expected.log.len()
            && expected.arrivals.iter().all(|((number, peer), expected)| {
                self.end(*number, *peer).is_some_and(|end| end.with_arrived(|arrived| arrived.has(expected)))
            })
    }

    fn end(&mut self, number: usize, peer: Peer) -> Option<&mut End> {
        match peer {
            Peer::Client => Some(&mut self.passages.get_mut(number)?.client),
            Peer::Server => self.passages.get_mut(number)?.server.as_mut(),
            Peer::Oracle => self.calls.get_mut(number),
        }
    }

    /// Takes as much as is expected, all of which has been seen; the rest is left for the next step.
    fn take(&mut self, heading: String, expected: &Section) -> Section {
        let log = &mut self.host.log;
        let calls = log.calls.drain(..expected.calls.len()).collect();
        let messages = log.messages.drain(..expected.log.len()).collect();
        let mut section = Section { heading, calls, log: messages, arrivals: BTreeMap::new() };
        for ((number, peer), expected) in &expected.arrivals {
            if let Some(end) = self.end(*number, *peer) {
                let arrival = end.with_arrived(|arrived| arrived.take(expected));
                section.arrivals.insert((*number, *peer), arrival);
            }
        }
        section
    }

    fn take_all(&mut self, heading: String) -> Section {
        let log = &mut self.host.log;
        let calls = std::mem::take(&mut log.calls).into();
        let messages = std::mem::take(&mut log.messages).into();
        let mut section = Section { heading, calls, log: messages, arrivals: BTreeMap::new() };
        for number in 0..self.passages.len().max(self.calls.len()) {
            for peer in [Peer::Client, Peer::Server, Peer::Oracle] {
                let arrival = self.end(number, peer).map(|end| end.with_arrived(std::mem::take));
                if let Some(arrival) = arrival.filter(|arrival| !arrival.is_nothing()) {
                    section.arrivals.insert((number, peer), arrival);
                }
            }
        }
        section
    }

    fn access_log(&self) -> Result<Vec<String>> {
        let file = self.host.envoy.run_dir().join(access_log_file(self.scenario));
        let deadline = Instant::now() + SOON;
        loop {
            let lines: Vec<String> = std::fs::read_to_string(&file)?.lines().map(str::to_owned).collect();
            if lines.len() >= self.passages.len() || Instant::now() > deadline {
                return Ok(lines);
            }
            wait_a_moment(&self.host.envoy)?;
        }
    }
}
