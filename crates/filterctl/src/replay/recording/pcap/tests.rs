//! The captures are made here, packet by packet.

use etherparse::PacketBuilder;

use super::*;
use crate::replay::Direction;

/// A frame with a TCP segment from the client (port 40000) or the server (port 25).
fn frame(from_client: bool, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = if from_client { (40_000, 25) } else { (25, 40_000) };
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 1], 64).tcp(
        source,
        destination,
        sequence,
        1_000,
    );
    let mut frame = Vec::new();
    builder.write(&mut frame, payload).unwrap();
    // Ethernet pads short frames: the padding is no payload.
    frame.resize(frame.len().max(60), 0xee);
    frame
}

fn pcap(link: u32, frames: &[Vec<u8>]) -> Vec<u8> {
    let mut file = [0xa1b2_c3d4_u32, 0x0002_0004, 0, 0, 65_535, link].map(u32::to_be_bytes).concat();
    for frame in frames {
        let length = frame.len() as u32;
        file.extend([0, 0, length, length].map(u32::to_be_bytes).concat());
        file.extend(frame);
    }
    file
}

fn block(kind: u32, mut body: Vec<u8>) -> Vec<u8> {
    body.resize(body.len().next_multiple_of(4), 0);
    let length = (body.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &body, &length].concat()
}

fn pcapng(frames: &[Vec<u8>]) -> Vec<u8> {
    let section =
        [&0x1a2b_3c4d_u32.to_le_bytes()[..], &1_u16.to_le_bytes(), &0_u16.to_le_bytes(), &[0xff; 8]].concat();
    let interface = [&1_u16.to_le_bytes()[..], &[0, 0], &65_535_u32.to_le_bytes()].concat();
    let mut file = [block(0x0a0d_0d0a, section), block(1, interface)].concat();
    for frame in frames {
        let length = (frame.len() as u32).to_le_bytes();
        file.extend(block(6, [&[0; 12][..], &length, &length, frame].concat()));
    }
    file
}

fn conversation() -> Vec<Vec<u8>> {
    vec![
        frame(false, 1, b"220 x\r\n"),
        frame(true, 1, b"QUIT\r\n"),
        frame(false, 8, b"221 y\r\n"),
        frame(true, 7, b""),
    ]
}

fn check(file: &[u8]) {
    assert!(is_capture(file));
    let conversations = parse(file).unwrap();
    assert_eq!(conversations.len(), 1);
    assert_eq!(conversations[0].records.len(), 3);
    assert_eq!(conversations[0].octets(Direction::ToServer), b"QUIT\r\n");
    assert_eq!(conversations[0].octets(Direction::ToClient), b"220 x\r\n221 y\r\n");
}

#[test]
fn pcap_and_pcapng_are_read() {
    check(&pcap(1, &conversation()));
    check(&pcapng(&conversation()));
}

#[test]
fn frames_of_other_kinds_of_links_are_read() {
    let bare = |frame: &Vec<u8>| frame[14..].to_vec();
    let cooked = |frame: &Vec<u8>| [&[0; 14][..], &[8, 0], &frame[14..]].concat();
    let cooked2 = |frame: &Vec<u8>| [&[8, 0][..], &[0; 18], &frame[14..]].concat();
    let loopback = |frame: &Vec<u8>| [&2_u32.to_le_bytes()[..], &frame[14..]].concat();
    let with = |change: &dyn Fn(&Vec<u8>) -> Vec<u8>| conversation().iter().map(change).collect::<Vec<_>>();
    check(&pcap(101, &with(&bare)));
    check(&pcap(113, &with(&cooked)));
    check(&pcap(276, &with(&cooked2)));
    check(&pcap(0, &with(&loopback)));
}

#[test]
fn a_capture_cut_off_in_the_middle_of_a_packet_is_read_up_to_there() {
    let mut file = pcap(1, &conversation());
    file.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0xaa]);
    check(&file);
}

#[test]
fn a_capture_without_tcp_says_so() {
    let mut udp = Vec::new();
    let builder = PacketBuilder::ethernet2([1; 6], [2; 6]).ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64).udp(53, 53);
    builder.write(&mut udp, b"x").unwrap();
    let error = parse(&pcap(1, &[udp])).unwrap_err();
    assert_eq!(error.to_string(), "1 packets, but no TCP connection");
}
