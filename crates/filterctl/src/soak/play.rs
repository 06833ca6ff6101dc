//! Plays connections as they are planned, and writes down what has passed.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;
use fastrand::Rng;

use super::conversation::{Conversation, Part};
use super::ledger::Ledger;
use super::line::Line;
use super::mail::noise;
use super::meeting::Meeting;
use super::plan::{Fault, Plan};
use crate::replay::Direction;

/// Connections that rest at once, for each that is being played.
const MOST_RESTING: usize = 12;
/// A thread that has met so many troubles stops: the first one is what matters.
const MOST_TROUBLES: usize = 3;
/// Parts that are under way at once when an end leaves.
const UNDER_WAY: usize = 3;
/// The most octets of noise.
const MOST_NOISE: usize = 2_000;

/// Where conversations of one protocol are held, and what is said in them.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) meeting: &'a Meeting,
    /// Envoy's listener.
    pub(super) calm: SocketAddr,
    /// The listener for connections with [`Fault::Noise`], of which nobody can say what they count.
    pub(super) noisy: SocketAddr,
    pub(super) conversation: fn(&mut Rng) -> Conversation,
}

impl Place<'_> {
    /// Plays one connection after the other until then; some of them rest in between. What is planned depends on the
    /// random numbers alone.
    pub(super) fn play_until(&self, deadline: Instant, mut random: Rng) -> Ledger {
        let mut ledger = Ledger::default();
        let mut resting: VecDeque<Playing> = VecDeque::new();
        while Instant::now() < deadline && ledger.troubles.len() < MOST_TROUBLES {
            match Playing::begin(self, random.fork(), &mut ledger) {
                Ok(playing) if playing.plan.rests => resting.push_back(playing),
                Ok(playing) => playing.end(&mut ledger),
                Err(error) => ledger.troubles.push(format!("{error:#}")),
            }
            if resting.len() > MOST_RESTING
                && let Some(rested) = resting.pop_front()
            {
                rested.end(&mut ledger);
            }
        }
        resting.into_iter().for_each(|rested| rested.end(&mut ledger));
        ledger
    }
}

/// A connection, played up to the point where something goes wrong.
struct Playing {
    line: Line,
    plan: Plan,
    /// What is still to be said.
    rest: VecDeque<Part>,
    /// Octets so far.
    sent: usize,
    random: Rng,
}

impl Playing {
    fn begin(place: &Place<'_>, mut random: Rng, ledger: &mut Ledger) -> Result<Self> {
        let Conversation { parts } = (place.conversation)(&mut random);
        let plan = Plan::new(&mut random, parts.len());
        let envoy = if plan.fault == Fault::Noise { place.noisy } else { place.calm };
        let line = Line::open(envoy, place.meeting)?;
        ledger.connection(plan.fault);
        let mut playing = Self { line, plan, rest: parts.into(), sent: 0, random };
        for _ in 0..plan.after {
            let Some(part) = playing.rest.pop_front() else { break };
            playing.says(&part, true, ledger)?;
        }
        Ok(playing)
    }

    /// Plays the rest.
    fn end(self, ledger: &mut Ledger) {
        let plan = self.plan;
        if let Err(error) = self.play_rest(ledger) {
            ledger.troubles.push(format!("{plan:?}: {error:#}"));
        }
    }

    fn play_rest(mut self, ledger: &mut Ledger) -> Result<()> {
        let by = self.plan.by;
        match self.plan.fault {
            Fault::None => self.says_the_rest(true, ledger)?,
            Fault::Leaves => self.says_half(ledger)?,
            Fault::Resets => {
                self.says_half(ledger)?;
                return self.line.reset(by);
            }
            Fault::ResetsUnderWay => {
                for _ in 0..UNDER_WAY {
                    let Some(part) = self.rest.pop_front() else { break };
                    let octets = &part.octets[..part.octets.len().min(MOST_UNDER_WAY)];
                    self.line.send(part.direction, octets)?;
                    ledger.octets(part.direction, octets.len(), false);
                    ledger.part(&part, false);
                }
                return self.line.reset(by);
            }
            Fault::HalfCloses => {
                self.line.finish(by)?;
                self.rest.retain(|part| part.direction != by);
                self.says_the_rest(false, ledger)?;
                return self.line.finish(other(by));
            }
            Fault::Noise => {
                let octets = noise(&mut self.random, MOST_NOISE);
                self.line.pass(by, &octets)?;
                ledger.octets(by, octets.len(), true);
                self.says_the_rest(false, ledger)?;
            }
        }
        self.line.finish(by)?;
        self.line.finish(other(by))
    }

    fn says_the_rest(&mut self, certain: bool, ledger: &mut Ledger) -> Result<()> {
        while let Some(part) = self.rest.pop_front() {
            self.says(&part, certain, ledger)?;
        }
        Ok(())
    }

    /// One end says its part, and it arrives. `certain` says whether that has to count.
    fn says(&mut self, part: &Part, certain: bool, ledger: &mut Ledger) -> Result<()> {
        let mut octets = &part.octets[..];
        while !octets.is_empty() {
            let length = self.plan.cutting.next(&mut self.random, self.sent, octets.len());
            let (segment, behind) = octets.split_at(length);
            self.line.pass(part.direction, segment)?;
            ledger.octets(part.direction, length, true);
            self.sent += length;
            octets = behind;
        }
        if self.plan.fault != Fault::Noise {
            ledger.part(part, certain);
        }
        Ok(())
    }

    /// Whoever is next says the beginning of it only. It may hold several words, of which some are whole.
    fn says_half(&mut self, ledger: &mut Ledger) -> Result<()> {
        let Some(part) = self.rest.pop_front() else { return Ok(()) };
        let octets = &part.octets[..self.random.usize(0..part.octets.len())];
        self.line.pass(part.direction, octets)?;
        ledger.octets(part.direction, octets.len(), true);
        ledger.part(&part, false);
        Ok(())
    }
}

/// Octets of a part that are sent without being waited for: they fit into the sockets' buffers.
const MOST_UNDER_WAY: usize = 16 * 1024;

fn other(direction: Direction) -> Direction {
    match direction {
        Direction::ToServer => Direction::ToClient,
        Direction::ToClient => Direction::ToServer,
    }
}
