//! The recording relay changes nothing and keeps the order.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Result, ensure};
use libtest_mimic::Trial;
use real_peers::mail::Conversation;
use real_peers::{Direction, Recorder};

use crate::trial;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("recorder::keeps_octets_and_order", &[], keeps_octets_and_order)]
}

fn keeps_octets_and_order() -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let recorder = Recorder::start(listener.local_addr()?)?;
    let server = std::thread::spawn(move || -> Result<()> {
        use std::io::{Read, Write};
        let (mut connection, _) = listener.accept()?;
        connection.write_all(b"220 mx.good.test\r\n")?;
        let mut command = [0; 6];
        connection.read_exact(&mut command)?;
        connection.write_all(b"221 bye\r\n")?;
        Ok(())
    });
    let sent = Conversation::greeted(recorder.address())?.quit()?;
    ensure!(sent.verbs["QUIT"] == 1 && sent.replies[&221] == 1);
    server.join().map_err(|_| anyhow::anyhow!("the server panicked"))??;
    let recording = recorder.finish()?;
    ensure!(recording.octets(Direction::ClientToServer) == b"QUIT\r\n");
    ensure!(recording.octets(Direction::ServerToClient) == b"220 mx.good.test\r\n221 bye\r\n");
    let lines = recording.to_json_lines()?;
    let first = lines.lines().next().unwrap_or_default();
    ensure!(
        first.starts_with(r#"{"dir":"s2c","hex":"323230206d"#) && first.ends_with(r#""frame":1}"#),
        "{first}"
    );
    Ok(())
}
