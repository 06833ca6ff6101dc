//! Addresses on the command line.

use std::net::{Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

/// How long the server may take to answer the connection that finds out whether it is there.
const CONNECT: Duration = Duration::from_secs(5);

/// `127.0.0.1:2525`, `[::1]:2525`, or `2525` alone for 127.0.0.1.
pub(super) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    }
    text.parse().map_err(|_| "must be ADDRESS:PORT, such as 127.0.0.1:2525, or a port alone".to_owned())
}

/// The first address of the server that accepts a connection.
pub(super) fn reachable(server: &str) -> Result<SocketAddr> {
    let addresses =
        server.to_socket_addrs().with_context(|| format!("--upstream {server}: must be HOST:PORT"))?;
    let mut problem = anyhow!("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(_) => return Ok(address),
            Err(error) => problem = anyhow!("{address}: {error}"),
        }
    }
    Err(problem.context(format!("--upstream {server}: no server answers there")))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_port_alone_is_on_loopback() {
        assert_eq!(listen_address("2525"), Ok("127.0.0.1:2525".parse().unwrap()));
        assert_eq!(listen_address("[::]:25"), Ok("[::]:25".parse().unwrap()));
        for bad in ["", "mail", "localhost:25", "127.0.0.1", "70000", ":25"] {
            assert!(listen_address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_server_that_does_not_answer_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(reachable(&address.to_string()).unwrap(), address);
        drop(listener);
        let error = format!("{:#}", reachable(&address.to_string()).unwrap_err());
        assert!(error.starts_with(&format!("--upstream {address}: no server answers there: ")), "{error}");
        let error = format!("{:#}", reachable("mail.example").unwrap_err());
        assert!(error.starts_with("--upstream mail.example: must be HOST:PORT"), "{error}");
    }
}
