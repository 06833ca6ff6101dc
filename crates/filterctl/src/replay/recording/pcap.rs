//! Captures of packets: pcap and pcapng.

use std::net::{IpAddr, SocketAddr};

use anyhow::{Result, anyhow, bail};
use etherparse::{EtherType, LaxNetSlice, LaxSlicedPacket, TransportSlice};
use pcap_parser::traits::PcapNGPacketBlock;
use pcap_parser::{Block, Linktype, PcapBlockOwned, PcapError, create_reader};

use super::tcp::{self, Segment};
use crate::replay::Conversation;

/// How the two formats begin: pcap in both byte orders, with times in micro- or nanoseconds, and pcapng.
const MAGIC: [[u8; 4]; 5] = [
    [0xa1, 0xb2, 0xc3, 0xd4],
    [0xd4, 0xc3, 0xb2, 0xa1],
    [0xa1, 0xb2, 0x3c, 0x4d],
    [0x4d, 0x3c, 0xb2, 0xa1],
    [0x0a, 0x0d, 0x0d, 0x0a],
];

/// Whether a file is a capture of packets.
pub(super) fn is_capture(octets: &[u8]) -> bool {
    octets.first_chunk().is_some_and(|begin| MAGIC.contains(begin))
}

/// Reads a capture and puts its TCP connections together again.
pub(super) fn parse(octets: &[u8]) -> Result<Vec<Conversation>> {
    let packets = packets(octets)?;
    let conversations = tcp::conversations(packets.iter().filter_map(Packet::segment));
    if conversations.is_empty() {
        bail!("{} packets, but no TCP connection", packets.len());
    }
    Ok(conversations)
}

/// A packet as it was on the wire.
struct Packet {
    link: Linktype,
    octets: Vec<u8>,
}

fn packets(octets: &[u8]) -> Result<Vec<Packet>> {
    // Room for the whole file: what is incomplete then is so for good.
    let capacity = octets.len().max(65_536);
    let mut reader = create_reader(capacity, octets).map_err(|error| anyhow!("no capture: {error:?}"))?;
    let mut packets = Vec::new();
    let mut links = Vec::new();
    loop {
        match reader.next() {
            Ok((length, block)) => {
                packets.extend(packet(&block, &mut links));
                reader.consume(length);
            }
            Err(PcapError::Eof) => return Ok(packets),
            // Whoever captured was interrupted in the middle of a packet: everything before it is good.
            Err(PcapError::UnexpectedEof | PcapError::Incomplete(_)) if !packets.is_empty() => {
                return Ok(packets);
            }
            Err(error) => bail!("broken behind {} packets: {error:?}", packets.len()),
        }
    }
}

/// `links` are the kinds of frames in the file: one in pcap, one per interface in pcapng.
fn packet(block: &PcapBlockOwned<'_>, links: &mut Vec<Linktype>) -> Option<Packet> {
    let (interface, octets) = match block {
        PcapBlockOwned::LegacyHeader(header) => {
            links.push(header.network);
            return None;
        }
        PcapBlockOwned::Legacy(packet) => (0, packet.data),
        PcapBlockOwned::NG(Block::SectionHeader(_)) => {
            links.clear();
            return None;
        }
        PcapBlockOwned::NG(Block::InterfaceDescription(interface)) => {
            links.push(interface.linktype);
            return None;
        }
        PcapBlockOwned::NG(Block::EnhancedPacket(packet)) => (packet.if_id as usize, packet.packet_data()),
        PcapBlockOwned::NG(Block::SimplePacket(packet)) => (0, packet.packet_data()),
        PcapBlockOwned::NG(_) => return None,
    };
    let link = *links.get(interface)?;
    Some(Packet { link, octets: octets.to_vec() })
}

impl Packet {
    /// The TCP segment inside, if there is one. Fragments of IP packets are passed over.
    fn segment(&self) -> Option<Segment<'_>> {
        let packet = self.network()?;
        let (source, destination): (IpAddr, IpAddr) = match packet.net.as_ref()? {
            LaxNetSlice::Ipv4(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            LaxNetSlice::Ipv6(ip) => {
                (ip.header().source_addr().into(), ip.header().destination_addr().into())
            }
            LaxNetSlice::Arp(_) => return None,
        };
        let Some(TransportSlice::Tcp(tcp)) = packet.transport else { return None };
        Some(Segment {
            source: SocketAddr::new(source, tcp.source_port()),
            destination: SocketAddr::new(destination, tcp.destination_port()),
            sequence: tcp.sequence_number(),
            syn: tcp.syn(),
            ack: tcp.ack(),
            payload: tcp.payload(),
        })
    }

    fn network(&self) -> Option<LaxSlicedPacket<'_>> {
        let octets = self.octets.as_slice();
        let ether_type = |at: usize| {
            let octets = octets.get(at..at + 2)?;
            Some(EtherType(u16::from_be_bytes(octets.try_into().ok()?)))
        };
        match self.link {
            Linktype::ETHERNET => LaxSlicedPacket::from_ethernet(octets).ok(),
            Linktype::RAW | Linktype::IPV4 | Linktype::IPV6 | Linktype(12 | 14) => {
                LaxSlicedPacket::from_ip(octets).ok()
            }
            // Four octets say which protocol follows; IP says so itself.
            Linktype::NULL | Linktype::LOOP => LaxSlicedPacket::from_ip(octets.get(4..)?).ok(),
            Linktype::LINUX_SLL => Some(LaxSlicedPacket::from_ether_type(ether_type(14)?, octets.get(16..)?)),
            Linktype::LINUX_SLL2 => Some(LaxSlicedPacket::from_ether_type(ether_type(0)?, octets.get(20..)?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
