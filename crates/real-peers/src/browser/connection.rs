//! The DevTools protocol: JSON messages, each ended by a NUL, through two pipes.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::program::Pipes;
use crate::DEADLINE;

/// A connection to a browser.
pub(super) struct Connection {
    to_browser: Mutex<ChildStdin>,
    inbox: Arc<Inbox>,
    next: AtomicU64,
}

/// What has come from the browser.
#[derive(Default)]
struct Inbox {
    received: Mutex<Received>,
    arrived: Condvar,
}

#[derive(Default)]
struct Received {
    /// By the number of the call. Each is taken out by who waits for it.
    answers: BTreeMap<u64, Value>,
    /// In the order of their arrival.
    events: Vec<Value>,
    /// Nothing more will come.
    has_ended: bool,
}

impl Connection {
    pub(super) fn over(pipes: Pipes) -> Self {
        let inbox = Arc::<Inbox>::default();
        let sorter = Arc::clone(&inbox);
        thread::spawn(move || sorter.fill(pipes.from_browser));
        Self { to_browser: Mutex::new(pipes.to_browser), inbox, next: AtomicU64::new(1) }
    }

    /// Calls a method, of the browser or of a session, and waits for its result.
    pub(super) fn call(&self, session: Option<&str>, method: &str, parameters: &Value) -> Result<Value> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut message = json!({"id": id, "method": method, "params": parameters});
        if let Some(session) = session {
            message["sessionId"] = session.into();
        }
        let mut octets = serde_json::to_vec(&message)?;
        octets.push(0);
        let mut pipe = self.to_browser.lock().unwrap_or_else(PoisonError::into_inner);
        pipe.write_all(&octets).with_context(|| format!("calling {method}"))?;
        drop(pipe);
        let mut answer = self.inbox.wait_for(id).with_context(|| format!("calling {method}"))?;
        if let Some(error) = answer.get("error") {
            bail!("{method}: {error}");
        }
        Ok(answer["result"].take())
    }

    /// What a session has reported by this name so far: the events' parameters.
    pub(super) fn events(&self, session: &str, method: &str) -> Vec<Value> {
        let received = self.inbox.received();
        let of_session = received.events.iter().filter(|event| event["sessionId"] == session);
        of_session.filter(|event| event["method"] == method).map(|event| event["params"].clone()).collect()
    }
}

impl Inbox {
    fn received(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fill(&self, from_browser: ChildStdout) {
        let messages = BufReader::new(from_browser).split(0).map_while(Result::ok);
        for message in messages.filter_map(|octets| serde_json::from_slice::<Value>(&octets).ok()) {
            let mut received = self.received();
            match message["id"].as_u64() {
                Some(id) => drop(received.answers.insert(id, message)),
                None => received.events.push(message),
            }
            self.arrived.notify_all();
        }
        self.received().has_ended = true;
        self.arrived.notify_all();
    }

    fn wait_for(&self, id: u64) -> Result<Value> {
        let until = Instant::now() + DEADLINE;
        let mut received = self.received();
        loop {
            if let Some(answer) = received.answers.remove(&id) {
                return Ok(answer);
            }
            if received.has_ended {
                bail!("the browser has ended");
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                bail!("no answer within {} s", DEADLINE.as_secs());
            }
            received = self.arrived.wait_timeout(received, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
