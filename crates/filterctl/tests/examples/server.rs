//! The servers: behind Envoy, and the services that extensions call.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Result, anyhow, ensure};

use crate::counts::SOON;

/// A request, as a server got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Asked {
    /// A header's value; empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(other, _)| other == name).map_or("", |(_, value)| value)
    }
}

/// What a server does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Status, headers, body.
    Now(u16, Vec<(&'static str, String)>, String),
    /// None, for as long as the server lives.
    Never,
}

impl Answer {
    /// A status and nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self::Now(status, Vec::new(), String::new())
    }
}

/// An HTTP server on 127.0.0.1 that closes each connection after one answer. When it is dropped, nobody listens on its
/// port any more.
pub(crate) struct Server {
    port: u16,
    log: Arc<Log>,
    accepting: Option<JoinHandle<()>>,
}

/// What a server was asked.
#[derive(Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asked: Vec<Asked>,
    unanswered: Vec<TcpStream>,
    stopped: bool,
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// Starts one that answers so.
    pub(crate) fn start(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let log = Arc::new(Log::default());
        let accepting = thread::spawn({
            let (log, answer) = (Arc::clone(&log), Arc::new(answer));
            move || {
                for stream in listener.incoming().map_while(Result::ok) {
                    if log.lock().stopped {
                        return;
                    }
                    let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                    // A client that goes away before it has its answer is no failure here.
                    thread::spawn(move || drop(serve(stream, &log, &*answer)));
                }
            }
        });
        Ok(Self { port, log, accepting: Some(accepting) })
    }

    /// The port that it listens on.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Everything that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.log.lock().asked.clone()
    }

    /// Waits until it has been asked so many times.
    pub(crate) fn wait_until_asked(&self, times: usize) -> Result<()> {
        let missing = |state: &mut State| state.asked.len() < times;
        let waited = self.log.changed.wait_timeout_while(self.log.lock(), SOON, missing);
        let (state, _) = waited.map_err(|_| anyhow!("the server has panicked"))?;
        ensure!(state.asked.len() >= times, "asked {} times after {SOON:?}", state.asked.len());
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        {
            let mut state = self.log.lock();
            state.stopped = true;
            state.unanswered.clear();
        }
        // Wakes it up; it listens no more when it has ended.
        let woken = TcpStream::connect(("127.0.0.1", self.port));
        let _ended = self.accepting.take().map(JoinHandle::join);
        drop(woken);
    }
}

fn serve(mut stream: TcpStream, log: &Log, answer: &dyn Fn(&Asked) -> Answer) -> io::Result<()> {
    stream.set_read_timeout(Some(SOON))?;
    let asked = read(&mut stream)?;
    log.lock().asked.push(asked.clone());
    log.changed.notify_all();
    let Answer::Now(status, headers, body) = answer(&asked) else {
        let mut state = log.lock();
        if !state.stopped {
            state.unanswered.push(stream);
        }
        return Ok(());
    };
    write!(stream, "HTTP/1.1 {status} -\r\nconnection: close\r\ncontent-length: {}\r\n", body.len())?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n{body}")
}

/// Reads a request whose body, if there is one, has a `content-length`.
fn read(stream: &mut TcpStream) -> io::Result<Asked> {
    let mut octets = Vec::new();
    loop {
        let mut piece = [0; 16 * 1024];
        let len = stream.read(&mut piece)?;
        octets.extend_from_slice(&piece[..len]);
        if let Some(asked) = parse(&octets)? {
            return Ok(asked);
        }
        if len == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// The request, if it is complete.
fn parse(octets: &[u8]) -> io::Result<Option<Asked>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let status = request.parse(octets).map_err(io::Error::other)?;
    let httparse::Status::Complete(head) = status else { return Ok(None) };
    let text = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
    let mut asked = Asked {
        method: request.method.unwrap_or_default().to_owned(),
        path: request.path.unwrap_or_default().to_owned(),
        headers: request.headers.iter().map(|h| (h.name.to_lowercase(), text(h.value))).collect(),
        body: String::new(),
    };
    let len: usize = asked.header("content-length").parse().unwrap_or(0);
    let Some(body) = octets.get(head..head + len) else { return Ok(None) };
    asked.body = text(body);
    Ok(Some(asked))
}
