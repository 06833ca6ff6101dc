//! access-log.yaml: what the filters say of a connection stands in its lines, while it lasts and at its end.

use anyhow::{Context, Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::directory::rules::{PASSWORD, PEOPLE, person};
use real_peers::directory::{Access, DirectoryServer, LdapUtils, Search};
use real_peers::mail::{Conversation, MailServer, Server};
use real_peers::{Peer, wait_until};
use serde_json::Value;

use crate::Test;
use crate::running::{Running, Sample};

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "access-log.yaml: lines while a connection lasts, and at its end".to_owned(),
        peers: vec![Peer::Postfix, Peer::Slapd, Peer::LdapUtils],
        run: Box::new(lines),
    }]
}

fn lines(envoy: &EnvoyBinary) -> Result<()> {
    let (mail, directory) = (MailServer::start(Server::Postfix)?, DirectoryServer::start()?);
    let servers =
        [(("mail.example.com", 25), mail.smtp()), (("directory.example.com", 389), directory.ldap())];
    let running = Sample::new("access-log.yaml", &[25, 389], &servers, b"")?.start(envoy)?;
    running.servers_are_healthy(&["relay", "ldap"])?;

    let mut client = Conversation::greeted(running.address("relay")?)?;
    client.command_expecting("EHLO app.client.test", 250)?;
    client.command_expecting("MAIL FROM:<a@client.test>", 250)?;
    client.command_expecting("RCPT TO:<nobody@good.test>", 550)?;
    client.command_expecting("RSET", 250)?;
    let summary = "transactions=1;accepted=0;rejected=1;last=rejected;visibility=parsed";
    let line =
        line(&running, "smtp.jsonl", |line| line["entry"] == "TcpPeriodic" && line["smtp"] == summary)?;
    ensure!(line["ended_because"].is_null(), "{line}");
    client.quit()?;
    let line = self::line(&running, "smtp.jsonl", |line| line["entry"] == "TcpConnectionEnd")?;
    ensure!(line["smtp"] == summary && line["connection"].is_u64(), "{line}");
    ensure!(line["server"] == mail.smtp().to_string(), "{line}");

    let access = Access::to(running.address("ldap")?).simple(person("alice"), PASSWORD);
    LdapUtils::find()?.search(&access, &Search::below(PEOPLE, "(uid=bob)"), &[])?;
    let line = self::line(&running, "ldap.jsonl", |line| line["entry"] == "TcpConnectionEnd")?;
    let summary =
        "binds=1;failed_binds=0;operations=2;errors=0;last_result=success;identity=name;visibility=parsed";
    ensure!(line["ldap"] == summary, "{line}");
    running.idle_timeouts(&[("relay", "900s"), ("ldap", "0s")])?;
    running.envoy.stop()?;
    Ok(())
}

/// Waits for a line of JSON that is `right`.
fn line(running: &Running, file: &str, right: impl Fn(&Value) -> bool) -> Result<Value> {
    wait_until("such a line", || {
        let lines = running.log(file)?;
        Ok(lines.lines().filter_map(|line| serde_json::from_str(line).ok()).find(|line| right(line)))
    })
    .with_context(|| running.log(file).unwrap_or_default())
}
