//! ecds.yaml and the two files of filters/: switching off and on closes nothing, and a mistake costs nothing.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use envoy_runner::EnvoyBinary;
use real_peers::Peer;
use real_peers::directory::rules::{PASSWORD, PEOPLE, person};
use real_peers::directory::{Access, DirectoryServer, LdapUtils, Search};
use real_peers::mail::{Conversation, MailServer, Server};

use crate::Test;
use crate::counts;
use crate::running::{Running, Sample};

pub(crate) fn tests() -> Vec<Test> {
    let test = |name: &str, run: fn(&EnvoyBinary) -> Result<()>| Test {
        name: format!("ecds.yaml: {name}"),
        peers: vec![Peer::Postfix, Peer::Slapd, Peer::LdapUtils],
        run: Box::new(run),
    };
    vec![
        test("off and on by renaming a file, and nothing closes", off_and_on),
        test("a file that is wrong at start costs no connection", wrong_at_start),
    ]
}

fn sample(mail: &MailServer, directory: &DirectoryServer) -> Result<Sample> {
    let servers =
        [(("mail.example.com", 25), mail.smtp()), (("directory.example.com", 389), directory.ldap())];
    Sample::new("ecds.yaml", &[25, 389], &servers, b"")
}

fn off_and_on(envoy: &EnvoyBinary) -> Result<()> {
    let (mail, directory) = (MailServer::start(Server::Postfix)?, DirectoryServer::start()?);
    let running = sample(&mail, &directory)?.start(envoy)?;
    running.servers_are_healthy(&["relay", "ldap"])?;
    running.idle_timeouts(&[("relay", "900s"), ("ldap", "0s")])?;
    let file = running.etc("filters/smtp.yaml");
    let shipped = fs::read_to_string(&file)?;

    let mut first = Conversation::greeted(running.address("relay")?)?;
    first.command_expecting("EHLO app.client.test", 250)?;
    running.counted("smtp_commands_total{stat_prefix=relay,reporter=gateway,verb=EHLO} 1")?;

    // The command of docs/operate.md and of the sample's first lines.
    taken(&running, "config_reload", || {
        replace(&file, &shipped.replace(r#""mode": "observe""#, r#""mode": "off""#))
    })?;
    first.command_expecting("NOOP", 250)?;
    let mut unseen = Conversation::greeted(running.address("relay")?)?;
    unseen.command_expecting("NOOP", 250)?;
    let greeting_and_noop = running.counted(
        "smtp_commands_total{stat_prefix=relay,verb=NOOP} 1
         smtp_connections_opened_total{stat_prefix=relay} 2
         smtp_bytes_total{stat_prefix=relay,visibility=off,direction=to_server} 6",
    )?;
    ensure!(counts::count(&greeting_and_noop, "envoy_listener_downstream_cx_destroy") == 0.0);

    // What is refused changes nothing; what is written in place is not looked at before something moves.
    taken(&running, "config_fail", || {
        replace(&file, &shipped.replace(r#""mode": "observe""#, r#""mode": "of""#))
    })?;
    ensure!(running.envoy.log()?.contains("mode: unknown variant `of`"), "the log does not name the field");
    first.command_expecting("NOOP", 250)?;
    unseen.command_expecting("NOOP", 250)?;
    taken(&running, "config_reload", || replace(&file, &shipped))?;
    let mut third = Conversation::greeted(running.address("relay")?)?;
    for client in [&mut first, &mut unseen, &mut third] {
        client.command_expecting("RSET", 250)?;
    }
    let access = Access::to(running.address("ldap")?).simple(person("alice"), PASSWORD);
    let report = LdapUtils::find()?.search(&access, &Search::below(PEOPLE, "(uid=bob)"), &[])?;
    ensure!(report.entries() == 1, "{report:?}");
    for client in [first, unseen, third] {
        client.quit()?;
    }
    // The refused configuration is an error that the SDK counts, so not `counted`.
    counts::wait(
        &running.envoy,
        "smtp_commands_total{stat_prefix=relay,verb=NOOP} 2
         smtp_commands_total{stat_prefix=relay,verb=RSET} 2
         smtp_connections_closed_total{stat_prefix=relay,ending=quit} 2
         smtp_connections_total{stat_prefix=relay,visibility=off} 1
         smtp_connections_total{stat_prefix=relay} 3
         ldap_requests_total{stat_prefix=ldap,reporter=gateway,operation=search} 1",
    )?;
    running.envoy.stop()?;
    Ok(())
}

/// The default configuration of the listener lets mail pass, and counts it as not seen; a good file ends that.
fn wrong_at_start(envoy: &EnvoyBinary) -> Result<()> {
    let (mail, directory) = (MailServer::start(Server::Postfix)?, DirectoryServer::start()?);
    let sample = sample(&mail, &directory)?;
    let file = sample.etc("filters/smtp.yaml");
    let shipped = fs::read_to_string(&file)?;
    fs::write(&file, shipped.replace(r#""mode": "observe""#, r#""mode": "watch""#))?;
    let running = sample.start(envoy)?;
    Conversation::greeted(running.address("relay")?)?.quit()?;
    counts::wait(
        &running.envoy,
        "smtp_connections_total{stat_prefix=relay,reporter=gateway,visibility=off} 1
         smtp_commands_total{stat_prefix=relay} 0",
    )?;
    taken(&running, "config_reload", || replace(&file, &shipped))?;
    Conversation::greeted(running.address("relay")?)?.quit()?;
    counts::wait(
        &running.envoy,
        "smtp_connections_total{stat_prefix=relay,reporter=gateway,visibility=parsed} 1
         smtp_commands_total{stat_prefix=relay,verb=QUIT} 1",
    )?;
    running.envoy.stop()?;
    Ok(())
}

/// As operators do it: beside the old file, then over it.
fn replace(file: &Path, text: &str) -> Result<()> {
    let beside = file.with_extension("yaml.new");
    fs::write(&beside, text)?;
    Ok(fs::rename(&beside, file)?)
}

/// Does that, and waits until Envoy has counted one more of `counter` for the filter `smtp`.
fn taken(running: &Running, counter: &str, replace: impl FnOnce() -> Result<()>) -> Result<()> {
    let series = format!("envoy_extension_config_discovery_network_filter_smtp_{counter}");
    let before = counts::count(&running.envoy.scrape()?, &series);
    replace()?;
    counts::wait(&running.envoy, &format!("{series} {}", before + 1.0))?;
    Ok(())
}
