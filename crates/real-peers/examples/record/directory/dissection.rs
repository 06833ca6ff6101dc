//! What tshark sees in a recording.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use real_peers::debian::{Bundle, Program};
use real_peers::{Direction, Recording, peers_folder};

/// Used here only: no test and no benchmark needs it.
const TSHARK: Bundle = Bundle { name: "tshark", packages: &["tshark"] };

/// The ports that the dissected connection seems to have had; by the server's tshark knows what it carries.
const CLIENT_PORT: u16 = 40_000;
const LDAP_PORT: u16 = 389;
const LDAPS_PORT: u16 = 636;

/// Something that tshark found, in the order in which it passed.
#[derive(Debug)]
pub(crate) enum Finding {
    /// An LDAP message.
    Message(Message),
    /// One buffer of a SASL security layer.
    Buffer(Direction),
    /// A TLS record.
    Tls,
}

/// An LDAP message.
#[derive(Debug, Default)]
pub(crate) struct Message {
    pub(crate) id: u32,
    /// As the protocol names it, such as `searchRequest`.
    pub(crate) operation: String,
    pub(crate) result: Option<u32>,
    pub(crate) scope: Option<String>,
    pub(crate) version: Option<u32>,
    /// The choice of authentication, such as `simple`.
    pub(crate) authentication: Option<String>,
    /// Whether a bind has a name.
    pub(crate) named: bool,
    pub(crate) mechanism: Option<String>,
    pub(crate) extended: Option<String>,
    pub(crate) controls: Vec<String>,
}

pub(crate) struct Tshark {
    program: Program,
    root: PathBuf,
}

impl Tshark {
    pub(crate) fn install() -> Result<Self> {
        let root = TSHARK.install()?;
        Ok(Self { program: Program::of(&root)?, root })
    }

    pub(crate) fn dissect(&self, recording: &Recording, ldaps: bool) -> Result<Vec<Finding>> {
        let folder = peers_folder().join("run").join(format!("tshark-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let findings = self.dissect_in(&folder, recording, ldaps);
        fs::remove_dir_all(&folder)?;
        findings
    }

    fn dissect_in(&self, folder: &Path, recording: &Recording, ldaps: bool) -> Result<Vec<Finding>> {
        let (dump, capture) = (folder.join("dump"), folder.join("capture"));
        fs::write(&dump, hex_dump(recording)?)?;
        let server_port = if ldaps { LDAPS_PORT } else { LDAP_PORT };
        let ports = format!("{CLIENT_PORT},{server_port}");
        // `-D`: each packet begins with its direction.
        run(self.command("usr/bin/text2pcap").args(["-q", "-D", "-T", &ports]).arg(&dump).arg(&capture))?;
        let details = run(self.command("usr/bin/tshark").args(["-T", "pdml", "-r"]).arg(&capture))?;
        Ok(findings(&details))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = self.program.command(program);
        command.env_clear().env("LC_ALL", "C").env("HOME", "/nonexistent");
        command.env("WIRESHARK_DATA_DIR", self.root.join("usr/share/wireshark"));
        command
    }
}

/// As text2pcap reads it: `I` for what goes to the second of its ports.
fn hex_dump(recording: &Recording) -> Result<String> {
    /// No packet is longer than 65,535 octets with its headers.
    const PACKET: usize = 32_768;
    let mut dump = String::new();
    for frame in &recording.frames {
        for packet in frame.octets.chunks(PACKET) {
            dump += match frame.direction {
                Direction::ClientToServer => "I\n",
                Direction::ServerToClient => "O\n",
            };
            for (line, octets) in packet.chunks(16).enumerate() {
                write!(dump, "{:06x}", line * 16)?;
                octets.iter().try_for_each(|octet| write!(dump, " {octet:02x}"))?;
                dump.push('\n');
            }
        }
    }
    Ok(dump)
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("starting it")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} ended with {}: {said}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Reads tshark's PDML, which has one element on each line.
fn findings(details: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut from = Direction::ClientToServer;
    for line in details.lines() {
        let (name, shown, show) =
            (attribute(line, "name"), attribute(line, "showname"), attribute(line, "show"));
        match name {
            "tcp.srcport" if show == CLIENT_PORT.to_string() => from = Direction::ClientToServer,
            "tcp.srcport" => from = Direction::ServerToClient,
            "ldap.sasl_buffer_length" => findings.push(Finding::Buffer(from)),
            "tls.record" => findings.push(Finding::Tls),
            "ldap.LDAPMessage_element" => findings.push(Finding::Message(Message::unknown())),
            _ => {
                if let Some(Finding::Message(message)) = findings.last_mut() {
                    message.field(name, shown, show);
                }
            }
        }
    }
    findings
}

impl Message {
    /// One of which nothing is known yet; an operation that tshark does not know stays so.
    fn unknown() -> Self {
        Self { operation: "unknown".to_owned(), ..Self::default() }
    }

    /// Takes over one field of it.
    fn field(&mut self, name: &str, shown: &str, show: &str) {
        match name {
            "ldap.messageID" => self.id = show.parse().unwrap_or_default(),
            "ldap.protocolOp" => self.operation = word_of(shown),
            "ldap.resultCode" => self.result = show.parse().ok(),
            "ldap.scope" => self.scope = Some(word_of(shown)),
            "ldap.version" => self.version = show.parse().ok(),
            "ldap.authentication" => self.authentication = Some(word_of(shown)),
            "ldap.name" => self.named = !show.is_empty(),
            "ldap.mechanism" => self.mechanism = Some(show.to_owned()),
            "ldap.requestName" => self.extended = Some(show.to_owned()),
            "ldap.controlType" => self.controls.push(show.to_owned()),
            _ => {}
        }
    }
}

/// The word in `scope: wholeSubtree (2)`.
fn word_of(shown: &str) -> String {
    shown.split(' ').nth(1).unwrap_or_default().to_owned()
}

/// An attribute of the element on that line; empty if it has none. No name begins with another one's end and
/// a space, so the space in front is enough to tell `show` from `showname`.
fn attribute<'a>(line: &'a str, name: &str) -> &'a str {
    let mut rest = line;
    while let Some((_, after)) = rest.split_once(' ') {
        if let Some(value) = after.strip_prefix(name).and_then(|after| after.strip_prefix("=\"")) {
            return value.split('"').next().unwrap_or_default();
        }
        rest = after;
    }
    ""
}
