//! The server of the page: on loopback, for as long as the run lasts.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tiny_http::{Header, Method, Request, Response, Server};

use super::assets::Asset;
use super::board::Board;

/// So many requests are answered at a time; what is beyond gets no answer, as an answer might have to wait as well. A browser
/// that does not take its answer keeps one of them for each of its connections, of which it has a handful.
const AT_A_TIME: usize = 128;

/// How long the end of a run waits for pages to be shown the last numbers.
const LAST_LOOK: Duration = Duration::from_secs(5);

/// What a page that one of our peers might have a word in may do: load its own files and ask its own server, and nothing
/// else. Without trusted types no text can become markup, even by mistake.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// A page that is being served. It ends when this is dropped.
pub struct Web {
    server: Arc<Server>,
    address: SocketAddr,
    desk: Desk,
    listening: Option<JoinHandle<()>>,
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
        let address = listener.local_addr()?;
        let server = Server::from_listener(listener, None).map_err(|error| anyhow!("--web: {error}"))?;
        let desk = Desk { board: Arc::default(), port: address.port(), in_hand: Arc::default() };
        let server = Arc::new(server);
        let (requests, reception) = (Arc::clone(&server), desk.clone());
        let listening = thread::spawn(move || {
            for request in requests.incoming_requests() {
                reception.hand_out(request);
            }
        });
        Ok(Self { server, address, desk, listening: Some(listening) })
    }

    /// The page's address.
    pub fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    pub(super) fn board(&self) -> &Arc<Board> {
        &self.desk.board
    }

    /// Waits a moment until those who look have been shown the last numbers, and ends.
    pub fn finish(self) {
        self.desk.board.wait_until_seen(LAST_LOOK);
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.server.unblock();
        if let Some(listening) = self.listening.take() {
            // A thread that panicked has nothing more to say.
            let _ = listening.join();
        }
    }
}

/// Where requests are answered.
#[derive(Clone)]
struct Desk {
    board: Arc<Board>,
    port: u16,
    /// So many requests are being answered.
    in_hand: Arc<AtomicUsize>,
}

impl Desk {
    /// Answers in a thread of its own: a browser that takes its time keeps nobody else waiting.
    fn hand_out(&self, request: Request) {
        if self.in_hand.fetch_add(1, Ordering::SeqCst) >= AT_A_TIME {
            self.in_hand.fetch_sub(1, Ordering::SeqCst);
            // Dropped as it is, it would be answered.
            return drop(request.into_writer());
        }
        let desk = self.clone();
        thread::spawn(move || {
            desk.answer(request);
            desk.in_hand.fetch_sub(1, Ordering::SeqCst);
        });
    }

    fn answer(&self, request: Request) {
        let host = request.headers().iter().find(|header| header.field.equiv("Host"));
        // A name that somebody else's server has pointed to this machine (DNS rebinding) is none of ours.
        if !host.is_some_and(|host| self.is_ours(host.value.as_str())) {
            return refuse(request, 421, "this server answers to 127.0.0.1 and localhost alone\n");
        }
        if !matches!(request.method(), Method::Get | Method::Head) {
            return refuse(request, 405, "there is nothing here to be changed\n");
        }
        let url = request.url().to_owned();
        let (path, query) = url.split_once('?').unwrap_or((&url, ""));
        if path == "/state.json" {
            return self.tell(query, request);
        }
        match Asset::at(path) {
            Some(asset) => respond(request, 200, asset.kind, asset.content.as_bytes().to_vec()),
            None => refuse(request, 404, "there is no such page\n"),
        }
    }

    fn is_ours(&self, host: &str) -> bool {
        ["127.0.0.1", "localhost"]
            .iter()
            .any(|name| host.strip_prefix(name) == Some(&format!(":{}", self.port)))
    }

    /// `after=7&page=x`: everything since the seventh look, to the page that calls itself x.
    fn tell(&self, query: &str, request: Request) {
        let parameter = |name: &str| {
            query.split('&').filter_map(|part| part.split_once('=')).find(|(key, _)| *key == name)
        };
        let after = parameter("after").and_then(|(_, look)| look.parse().ok()).unwrap_or(0);
        let page = parameter("page").map(|(_, page)| page.chars().take(32).collect::<String>());
        let state = self.board.state();
        match serde_json::to_vec(&state.since(after)) {
            Ok(json) => respond(request, 200, "application/json", json),
            Err(error) => return refuse(request, 500, &format!("{error}\n")),
        }
        if let Some(page) = page {
            self.board.note(&page, state.look);
        }
    }
}

fn refuse(request: Request, status: u16, text: &str) {
    respond(request, status, "text/plain; charset=utf-8", text.as_bytes().to_vec());
}

fn respond(request: Request, status: u16, kind: &str, content: Vec<u8>) {
    let headers = [
        ("content-type", kind),
        ("content-security-policy", POLICY),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ];
    let mut response = Response::from_data(content).with_status_code(status);
    for header in headers.iter().filter_map(|(name, value)| Header::from_bytes(*name, *value).ok()) {
        response.add_header(header);
    }
    // A browser that goes away while it is served is nothing to report.
    let _ = request.respond(response);
}

#[cfg(test)]
mod tests;
