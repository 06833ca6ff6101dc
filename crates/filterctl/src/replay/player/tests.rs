//! Instead of Envoy, small relays of our own: honest ones and others.

use super::*;
use crate::replay::Record;

fn conversation() -> Conversation {
    let record = |direction, octets: &[u8]| Record { direction, octets: octets.to_vec(), gap_before: 0 };
    let records = vec![
        record(Direction::ToClient, b"220 ready\r\n"),
        record(Direction::ToServer, b"DA"),
        record(Direction::ToServer, b"TA\r\n"),
        record(Direction::ToClient, b"354 go on\r\n"),
        record(Direction::ToServer, &vec![b'x'; 3 * WRITE + 5]),
        record(Direction::ToClient, b"250 ok\r\n"),
    ];
    Conversation { name: "test".to_owned(), records }
}

/// Forwards one connection; `change` sees every piece that goes to the server, and `None` ends the connection.
fn relay(change: fn(&mut Vec<u8>) -> Option<()>) -> (SocketAddr, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, target) = (listener.local_addr().unwrap(), upstream.local_addr().unwrap());
    thread::spawn(move || {
        let client = listener.accept().unwrap().0;
        let server = TcpStream::connect(target).unwrap();
        let (client2, server2) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let back = thread::spawn(move || forward(&server2, &client2, |_| Some(())));
        forward(&client, &server, change);
        let _ = back.join();
    });
    (address, upstream)
}

fn forward(mut from: &TcpStream, mut to: &TcpStream, change: fn(&mut Vec<u8>) -> Option<()>) {
    let mut buffer = vec![0; 4_096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let mut piece = buffer[..count].to_vec();
        if change(&mut piece).is_none() {
            let _ = from.shutdown(Shutdown::Both);
            let _ = to.shutdown(Shutdown::Both);
            return;
        }
        if to.write_all(&piece).is_err() {
            return;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

fn played(change: fn(&mut Vec<u8>) -> Option<()>, cutting: Cutting) -> Delivered {
    let (address, upstream) = relay(change);
    play(address, &upstream, &conversation(), cutting).unwrap()
}

#[test]
fn what_an_honest_relay_delivers_is_unchanged_in_every_cutting() {
    for cutting in [Cutting::AsRecorded, Cutting::Coalesced] {
        let delivered = played(|_| Some(()), cutting);
        assert!(delivered.is_unchanged(), "{:?} {:?}", delivered.first_difference(), delivered.broken_off);
        assert_eq!(delivered.to_server.received, conversation().octets(Direction::ToServer));
    }
}

#[test]
fn octet_by_octet_every_octet_travels_alone() {
    let (address, upstream) = relay(|piece| (piece.len() == 1).then_some(()));
    let mut short = conversation();
    short.records.retain(|record| record.octets.len() < 100);
    let delivered = play(address, &upstream, &short, Cutting::OctetByOctet).unwrap();
    assert!(delivered.is_unchanged(), "{:?}", delivered.broken_off);
}

#[test]
fn a_changed_octet_is_found() {
    let change = |piece: &mut Vec<u8>| {
        if let Some(octet) = piece.iter_mut().find(|octet| **octet == b'T') {
            *octet = b't';
        }
        Some(())
    };
    let delivered = played(change, Cutting::AsRecorded);
    assert_eq!(delivered.first_difference(), Some((Direction::ToServer, 2)));
    assert!(!delivered.is_unchanged());
}

#[test]
fn an_added_octet_is_found() {
    let change = |piece: &mut Vec<u8>| {
        if piece == b"DA" {
            piece.push(b'D');
        }
        Some(())
    };
    let delivered = played(change, Cutting::AsRecorded);
    assert_eq!(delivered.first_difference(), Some((Direction::ToServer, 2)));
}

#[test]
fn a_closed_connection_is_told() {
    let delivered = played(|_| None, Cutting::Coalesced);
    let reason = delivered.broken_off.clone().unwrap();
    assert!(reason.contains("to the server"), "{reason}");
    assert_eq!(delivered.to_client.first_difference(), Some("220 ready\r\n".len()));
}
