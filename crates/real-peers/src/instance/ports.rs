//! Ports of one's own on 127.0.0.1.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

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
    /// `TCP_LISTEN` of the kernel's `tcp_states.h`.
    const LISTEN: &str = "0A";
    let address = format!("{:08X}:{port:04X}", u32::from_le_bytes(Ipv4Addr::LOCALHOST.octets()));
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    Ok(table.lines().skip(1).any(|line| {
        let mut fields = line.split_whitespace().skip(1);
        fields.next() == Some(&address) && fields.nth(1) == Some(LISTEN)
    }))
}
