//! Ports of one's own on 127.0.0.1, and for fixed ports addresses of one's own beside it.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};

use anyhow::{Result, bail};

/// Below the range that Linux takes the ports of outgoing connections from (32768 and up), so that no
/// client's socket can take a port between its choice and the server's start.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port on 127.0.0.1 that nothing listens on, different at each call.
///
/// # Errors
/// When none of the range is free.
pub fn free_port() -> Result<u16> {
    // Test programs that run at the same time begin at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let offset = (u32::from(start) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).unwrap_or(0);
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port between {FIRST} and {} is free", FIRST + COUNT)
}

/// Whether something listens on that port of 127.0.0.1. Looks at the kernel's table: a connection made to
/// find out would be counted by the server, and by whatever stands in front of it.
///
/// # Errors
/// When the table cannot be read.
pub fn is_listening(port: u16) -> Result<bool> {
    is_listening_at((Ipv4Addr::LOCALHOST, port))
}

/// As [`is_listening`], on another address of the loopback network.
///
/// # Errors
/// When the table cannot be read.
pub fn is_listening_at((address, port): (Ipv4Addr, u16)) -> Result<bool> {
    /// `TCP_LISTEN` of the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    let address = format!("{:08X}:{port:04X}", u32::from_le_bytes(address.octets()));
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    Ok(table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&address) && fields.nth(1) == Some(LISTEN)
    }))
}

/// The addresses that [`free_address`] chooses from: 127.64.0.0 to 127.127.255.255. Linux answers on all of the
/// loopback network without being told.
const ADDRESSES: u32 = 1 << 22;
const FIRST_ADDRESS: u32 = 0x7F40_0000;

static NEXT_ADDRESS: AtomicU32 = AtomicU32::new(0);

/// An address of the loopback network on which nothing listens on those ports, different at each call; for
/// servers whose ports cannot be chosen.
///
/// # Errors
/// When none is found, which is so without the right to listen on those ports.
pub fn free_address(ports: &[u16]) -> Result<Ipv4Addr> {
    // As many tries as one process would need addresses at the same time, and more.
    const TRIES: u32 = 64;
    let start = std::process::id().wrapping_mul(TRIES);
    for _ in 0..TRIES {
        let offset = start.wrapping_add(NEXT_ADDRESS.fetch_add(1, Ordering::Relaxed)) % ADDRESSES;
        let address = Ipv4Addr::from(FIRST_ADDRESS + offset);
        if ports.iter().all(|&port| TcpListener::bind((address, port)).is_ok()) {
            return Ok(address);
        }
    }
    bail!("no loopback address has the ports {ports:?} free, or this process may not listen on them")
}
