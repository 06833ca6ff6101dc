//! A container registry on loopback: CNCF's distribution.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::daemon::Daemon;
use crate::debian::Program;
use crate::instance::free_port;
use crate::{Peer, peers_folder};

/// Who may come in where not everybody may.
pub const USERNAME: &str = "releaser";
/// With which password.
pub const PASSWORD: &str = "open-sesame";
/// Both, as `htpasswd -B` writes them. It protects nothing but a test.
const HTPASSWD: &str = "releaser:$2a$04$jtXgNMASqpXx7/NvjNQ.tumt5h7N0fNQKBVP8ocizIKLppjdY6Osi\n";

/// A running registry, empty at first. Dropping it ends it and removes what it stored.
pub struct Registry {
    port: u16,
    folder: PathBuf,
    // Ended before its folder is removed.
    daemon: Option<Daemon>,
}

impl Registry {
    /// One that lets everybody in.
    ///
    /// # Errors
    /// When it has not been downloaded, or does not start.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// One that lets in only [`USERNAME`] with [`PASSWORD`].
    ///
    /// # Errors
    /// When it has not been downloaded, or does not start.
    pub fn start_with_password() -> Result<Self> {
        Self::start_with("auth: {htpasswd: {realm: test, path: FOLDER/htpasswd}}\n")
    }

    fn start_with(access: &str) -> Result<Self> {
        let program = Program::of(&Peer::Registry.require()?)?;
        let port = free_port()?;
        let folder = peers_folder().join("run").join(format!("registry-{port}"));
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        let mut registry = Self { port, folder, daemon: None };
        let place = registry.folder.display().to_string();
        fs::write(registry.folder.join("htpasswd"), HTPASSWD)?;
        let configuration = format!(
            "version: 0.1\n\
             log: {{level: warn}}\n\
             storage: {{filesystem: {{rootdirectory: {place}/storage}}}}\n\
             http: {{addr: '127.0.0.1:{port}', secret: test}}\n\
             {}",
            access.replace("FOLDER", &place)
        );
        let file = registry.folder.join("config.yml");
        fs::write(&file, configuration)?;
        let mut command = program.command("usr/bin/docker-registry");
        command.arg("serve").arg(file);
        let daemon = Daemon::start("docker-registry", &command, &registry.folder.join("log"))?;
        daemon.wait_until("the registry's port", || {
            Ok(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok().map(drop))
        })?;
        registry.daemon = Some(daemon);
        Ok(registry)
    }

    /// Its host and port, as they stand in an image's name.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.daemon.take());
        // What is left behind is in the target folder, and of no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
