//! Writes down a conversation while passing it on.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Serialize;

/// Who sent something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Direction {
    /// The client, to the server.
    #[serde(rename = "c2s")]
    ClientToServer,
    /// The server, to the client.
    #[serde(rename = "s2c")]
    ServerToClient,
}

/// Octets that arrived in one read.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedFrame {
    /// Who sent them.
    pub direction: Direction,
    /// The octets.
    pub octets: Vec<u8>,
    /// Seconds since the connection was accepted.
    pub seconds: f64,
}

/// A recorded connection, in the order in which the octets passed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recording {
    /// Its frames.
    pub frames: Vec<RecordedFrame>,
}

/// One line of a recording's file.
#[derive(Serialize)]
struct Line<'a> {
    dir: Direction,
    hex: &'a str,
    ts: f64,
    frame: usize,
}

impl Recording {
    /// As JSON lines: `{"dir":"c2s"|"s2c","hex":"…","ts":seconds,"frame":number}`, frames numbered from 1.
    ///
    /// # Errors
    /// None in practice: everything in it can be written as JSON.
    pub fn to_json_lines(&self) -> Result<String> {
        let mut text = String::new();
        for (index, frame) in self.frames.iter().enumerate() {
            let hex: String = frame.octets.iter().map(|octet| format!("{octet:02x}")).collect();
            // Microseconds: more digits are noise.
            let ts = (frame.seconds * 1e6).round() / 1e6;
            text += &serde_json::to_string(&Line { dir: frame.direction, hex: &hex, ts, frame: index + 1 })?;
            text.push('\n');
        }
        Ok(text)
    }

    /// All that one side sent.
    #[must_use]
    pub fn octets(&self, direction: Direction) -> Vec<u8> {
        self.frames
            .iter()
            .filter(|frame| frame.direction == direction)
            .flat_map(|frame| frame.octets.iter().copied())
            .collect()
    }
}

/// A relay for one connection: listens on loopback, forwards to a server, and records.
///
/// A frame is recorded before it is passed on: so a reply never stands before the request that it answers.
pub struct Recorder {
    address: SocketAddr,
    relay: JoinHandle<Result<Recording>>,
}

impl Recorder {
    /// Starts a relay to `server`.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn start(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let relay = std::thread::spawn(move || {
            let (client, _) = listener.accept()?;
            record(client, server)
        });
        Ok(Self { address, relay })
    }

    /// Where a client is to connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until both sides have closed the one connection, and returns what passed.
    ///
    /// # Errors
    /// When the server could not be reached.
    pub fn finish(self) -> Result<Recording> {
        match self.relay.join() {
            Ok(recording) => recording,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn record(client: TcpStream, server: SocketAddr) -> Result<Recording> {
    let server = TcpStream::connect(server).with_context(|| format!("connecting to {server}"))?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let recording = Arc::new(Mutex::new(Recording::default()));
    let start = Instant::now();
    let upstream = {
        let (from, to, recording) = (client.try_clone()?, server.try_clone()?, Arc::clone(&recording));
        std::thread::spawn(move || pass(from, to, Direction::ClientToServer, start, &recording))
    };
    pass(server, client, Direction::ServerToClient, start, &recording);
    // A panic there is a failed write into memory; what was recorded until then still stands.
    let _ = upstream.join();
    let recording = recording.lock().unwrap_or_else(PoisonError::into_inner).clone();
    Ok(recording)
}

/// Passes on one direction until it ends. An error, such as a reset, is an ending like any other.
fn pass(
    mut from: TcpStream,
    mut to: TcpStream,
    direction: Direction,
    start: Instant,
    recording: &Mutex<Recording>,
) {
    let mut piece = vec![0; 65_536];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let octets = piece[..length].to_vec();
        let frame = RecordedFrame { direction, octets, seconds: start.elapsed().as_secs_f64() };
        recording.lock().unwrap_or_else(PoisonError::into_inner).frames.push(frame);
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // The other side has nothing more to wait for; it may have gone already.
    let _ = to.shutdown(Shutdown::Write);
}
