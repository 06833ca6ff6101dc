//! Servers that Envoy speaks HTTP/2 to.

use std::cell::RefCell;
use std::rc::Rc;

use anyhow::Result;

use super::http2::{Http2, Role};
use super::peers::{HttpEnd, Server};

/// The connections that Envoy has made to one server, each with the streams that have been given out.
pub(super) struct HttpServers {
    role: Role,
    connections: Vec<(Rc<RefCell<Http2>>, Vec<u32>)>,
}

impl HttpServers {
    pub(super) fn new(role: Role) -> Self {
        Self { role, connections: Vec::new() }
    }

    /// The server's ends of the streams that Envoy has begun since the last time.
    pub(super) fn accept(&mut self, server: &Server) -> Result<Vec<HttpEnd>> {
        while let Some(socket) = server.accept()? {
            self.connections.push((Rc::new(RefCell::new(Http2::server(socket, self.role)?)), Vec::new()));
        }
        let mut begun = Vec::new();
        for (connection, known) in &mut self.connections {
            connection.borrow_mut().read()?;
            let new: Vec<u32> = connection.borrow().streams().filter(|id| !known.contains(id)).collect();
            known.extend(&new);
            begun.extend(new.into_iter().map(|stream| HttpEnd::new(Rc::clone(connection), stream)));
        }
        Ok(begun)
    }
}
