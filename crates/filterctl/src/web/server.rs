//! The server of the page: on loopback, for as long as the run lasts.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{HOST, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::runtime::{self, Runtime};
use tokio::sync::Notify;

use super::assets::Asset;
use super::board::Board;

/// So many connections are open at a time; more are refused. A browser has a handful.
const AT_A_TIME: usize = 128;

/// A connection on which nothing is asked for that long is closed. A page asks every second.
const IDLE: Duration = Duration::from_secs(60);

/// How long the end of a run waits for pages to be shown the last numbers.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// How long answers that have been begun may take then.
const FAREWELL: Duration = Duration::from_secs(1);

/// What a page that one of our peers might have a word in may do: load its own files and ask its own server, and nothing
/// else. Without trusted types no text can become markup, even by mistake.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A page that is being served. It ends when this is dropped.
pub struct Web {
    address: SocketAddr,
    board: Arc<Board>,
    end: Arc<Notify>,
    serving: Option<JoinHandle<()>>,
}

impl Web {
    /// Serves the page at this port of 127.0.0.1; 0 takes any free one.
    ///
    /// # Errors
    ///
    /// When the port is taken.
    pub fn serve(port: u16) -> Result<Self> {
        let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener =
            TcpListener::bind(wanted).with_context(|| format!("--web: cannot listen on {wanted}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (board, end) = (Arc::<Board>::default(), Arc::<Notify>::default());
        let desk = Desk { board: Arc::clone(&board), port: address.port() };
        let is_ended = Arc::clone(&end);
        let serving = thread::spawn(move || run(&runtime, listener, &desk, &is_ended));
        Ok(Self { address, board, end, serving: Some(serving) })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Waits a moment until those who look have been shown the last numbers, and ends.
    pub fn finish(self) {
        self.board.wait_until_seen(LAST_LOOK);
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.end.notify_one();
        if let Some(serving) = self.serving.take() {
            // A thread that panicked has nothing more to say.
            let _ = serving.join();
        }
    }
}

/// Serves until the end. What is still open then is closed with the runtime.
fn run(runtime: &Runtime, listener: TcpListener, desk: &Desk, end: &Notify) {
    runtime.block_on(async {
        // It has been opened by the system already, so this fails in no other way than at the first connection.
        let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
        let open = GracefulShutdown::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    // One that is gone again before it is taken is nothing to report.
                    let Ok((stream, _)) = accepted else { continue };
                    if open.count() < AT_A_TIME {
                        let connection = http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(IDLE)
                            .serve_connection(TokioIo::new(stream), service_fn({
                                let desk = desk.clone();
                                move |request| {
                                    let response = desk.answer(&request);
                                    async { Ok::<_, Infallible>(response) }
                                }
                            }));
                        // So is a browser that goes away while it is served.
                        tokio::spawn(open.watch(connection));
                    }
                }
                () = end.notified() => break,
            }
        }
        drop(listener);
        // Who does not take an answer is not waited for any longer.
        let _ = tokio::time::timeout(FAREWELL, open.shutdown()).await;
    });
}

/// Where requests are answered.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    port: u16,
}

type Answer = Response<Full<Bytes>>;

impl Desk {
    fn answer(&self, request: &Request<Incoming>) -> Answer {
        // A name that somebody else's server has pointed to this machine (DNS rebinding) is none of ours.
        if !request.headers().get(HOST).is_some_and(|host| self.is_ours(host)) {
            let why = "this server answers to 127.0.0.1 and localhost alone\n";
            return refusal(StatusCode::MISDIRECTED_REQUEST, why);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return refusal(StatusCode::METHOD_NOT_ALLOWED, "there is nothing here to be changed\n");
        }
        let path = request.uri().path();
        if path == "/state.json" {
            return self.tell(request.uri().query().unwrap_or_default());
        }
        match Asset::at(path) {
            Some(asset) => answer(StatusCode::OK, asset.kind, asset.content.into()),
            None => refusal(StatusCode::NOT_FOUND, "there is no such page\n"),
        }
    }

    fn is_ours(&self, host: &HeaderValue) -> bool {
        ["127.0.0.1", "localhost"].iter().any(|name| *host == format!("{name}:{}", self.port))
    }

    /// `after=7&page=x`: everything since the seventh look, to the page that calls itself x.
    fn tell(&self, query: &str) -> Answer {
        let parameter = |name: &str| {
            query.split('&').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name)
        };
        let after = parameter("after").and_then(|(_, look)| look.parse().ok()).unwrap_or(0);
        let state = self.board.state();
        let json = match serde_json::to_vec(&state.since(after)) {
            Ok(json) => json,
            Err(error) => return refusal(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
        };
        if let Some((_, page)) = parameter("page") {
            self.board.note(&page.chars().take(32).collect::<String>(), state.look);
        }
        answer(StatusCode::OK, "application/json", json.into())
    }
}

fn refusal(status: StatusCode, text: &str) -> Answer {
    answer(status, "text/plain; charset=utf-8", text.to_owned().into())
}

fn answer(status: StatusCode, kind: &'static str, content: Bytes) -> Answer {
    let headers = [
        ("content-type", kind),
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ];
    let mut answer = Response::new(Full::new(content));
    *answer.status_mut() = status;
    let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
    headers.into_iter().for_each(|(name, value)| drop(answer.headers_mut().insert(name, value)));
    answer
}

#[cfg(test)]
mod tests;
