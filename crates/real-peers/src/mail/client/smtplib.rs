//! Python's `smtplib`.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{ClientOptions, Submission, script};
use crate::mail::Mail;

pub(super) fn send(
    python: &Path,
    server: SocketAddr,
    mail: &Mail,
    options: &ClientOptions,
) -> Result<Submission> {
    let mut command = Command::new(python);
    command.args(["-c", include_str!("smtplib_client.py")]);
    script::run(&mut command, server, mail, options)
}
