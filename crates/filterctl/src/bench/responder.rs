//! The server's side of a [`Dialogue`], for any number of connections.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use super::dialogue::Dialogue;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4096;
/// Octets read at once.
const PIECE: usize = 16 * 1024;

/// Answers by the number of octets that came: it has no idea of the protocol, and costs next to nothing. Ends when
/// dropped.
pub(super) struct Responder {
    address: SocketAddr,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts it on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When it cannot listen.
    pub(super) fn start(dialogue: &Dialogue) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_io().build()?;
        let listener = runtime.block_on(async {
            let socket = TcpSocket::new_v4()?;
            socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
            socket.listen(BACKLOG)
        });
        let listener = listener.context("listening on 127.0.0.1")?;
        let address = listener.local_addr()?;
        let (end, ended) = oneshot::channel();
        let dialogue = Arc::new(dialogue.clone());
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, dialogue) => {}
                    // Also when the sender is gone.
                    _ = ended => {}
                }
            });
        });
        Ok(Self { address, end: Some(end), thread: Some(thread) })
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            // That it panicked could not be told any more from here.
            let _ = thread.join();
        }
    }
}

async fn accept(listener: &TcpListener, dialogue: Arc<Dialogue>) {
    loop {
        // What fails is one connection; its client is told by its closing.
        if let Ok((stream, _)) = listener.accept().await {
            let dialogue = Arc::clone(&dialogue);
            tokio::spawn(async move {
                // A client that goes away is no failure of ours; one that misses an answer says so itself.
                let _ = serve(stream, &dialogue).await;
            });
        }
    }
}

async fn serve(mut stream: TcpStream, dialogue: &Dialogue) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(&dialogue.greeting).await?;
    let mut exchange = &dialogue.opening;
    let mut received = 0;
    // On the heap and no longer than needed: there are ten thousand of them.
    let mut piece = vec![0; PIECE.min(dialogue.batch.request.len().max(dialogue.opening.request.len()))];
    loop {
        let length = stream.read(&mut piece).await?;
        if length == 0 {
            return Ok(());
        }
        received += length;
        while received >= exchange.request.len() {
            received -= exchange.request.len();
            stream.write_all(&exchange.answer).await?;
            exchange = &dialogue.batch;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialogue::Client;
    use super::*;

    #[test]
    fn clients_get_the_answers_that_they_wait_for() {
        for dialogue in [Dialogue::of_mail(2).unwrap(), Dialogue::of_directory(100).unwrap()] {
            let responder = Responder::start(&dialogue).unwrap();
            let mut clients: Vec<Client> =
                (0..20).map(|_| Client::open(responder.address(), &dialogue).unwrap()).collect();
            for client in &mut clients {
                client.operate().unwrap();
                client.operate().unwrap();
            }
        }
    }
}
