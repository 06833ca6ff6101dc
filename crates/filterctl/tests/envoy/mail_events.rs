//! Events and access logs about mails, and what is never in them.

use std::fs;

use anyhow::{Result, ensure};
use envoy_runner::{AccessLog, Listener, StartOptions};
use serde_json::{Value, json};

use crate::both_ends::bridge::Bridge;
use crate::both_ends::mail::{HELLO, QUIT};
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::events::events;

pub(crate) const TESTS: &[Test] =
    &[("events: identities as configured, secrets never", identities_and_secrets)];

/// Said in places where it may be repeated nowhere, under any configuration.
const SECRETS: [&str; 6] =
    ["hunter2-plain", "hunter2-login", "hunter2-body", "hunter2-subject", "hunter2-unknown", "hunter2-reply"];
/// Local parts: repeated with `full` only.
const LOCAL_PARTS: [&str; 3] = ["Alice-Marked", "bob-marked", "carol-marked"];

/// Secrets wherever a client or a server may put one.
fn conversation() -> String {
    let base64 = |text: &str| data_encoding::BASE64.encode(text.as_bytes());
    format!(
        "{HELLO}
         C: AUTH PLAIN {}
         S: 535 5.7.8 no, {}
         C: AUTH LOGIN
         S: 334 VXNlcm5hbWU6
         C: {}
         S: 334 UGFzc3dvcmQ6
         C: {}
         S: 235 2.7.0 welcome
         C: XSECRET {}
         S: 500 5.5.1 what?
         C: MAIL FROM:<{}@Client.example>
         S: 250 2.1.0 sender is fine
         C: RCPT TO:<{}@mx.example>
         S: 250 2.1.5 recipient is fine
         C: RCPT TO:<{}@nowhere.example>
         S: 550 5.1.1 no such user
         C: DATA
         S: 354 go on
         C: Subject: {}
         C:
         C: {}
         C: .
         S: 250 2.0.0 taken
         {QUIT}",
        base64(&format!("\0alice\0{}", SECRETS[0])),
        SECRETS[5],
        base64("alice"),
        base64(SECRETS[1]),
        SECRETS[4],
        LOCAL_PARTS[0],
        LOCAL_PARTS[1],
        LOCAL_PARTS[2],
        SECRETS[3],
        SECRETS[2],
    )
}

fn identities_and_secrets(ground: &Ground) -> Result<()> {
    const IDENTITIES: [&str; 4] = ["off", "domain", "hmac", "full"];
    // What the filter would say for its own debugging is searched as well.
    let options =
        StartOptions { component_log_level: Some("wasm:debug".to_owned()), ..StartOptions::default() };
    let bridge = Bridge::start_with(ground, &options, |upstream| {
        let listener = |identities: &str| -> Result<Listener> {
            let key = json!({"id": "k1", "secret": "correct horse battery staple"});
            let configuration = json!({
                "stat_prefix": identities,
                "level": "detailed",
                "events": {"enabled": true, "identities": identities, "hmac_key": key},
            });
            let format = format!("{identities} %FILTER_STATE(wasm.smtp:PLAIN)%");
            let log = AccessLog::File { path: "access.log".into(), format };
            Ok(Listener::new(identities, upstream.clone())
                .filter(ground.filter(&configuration)?)
                .access_log(log))
        };
        IDENTITIES.into_iter().map(listener).collect()
    })?;
    for identities in IDENTITIES {
        let mut wire = bridge.open(identities)?;
        wire.talk(&conversation())?;
        wire.close(End::Server)?;
    }
    bridge.counts("smtp_events_total 4\nsmtp_connections_closed_total{ending=quit} 4")?;
    let scrape_text = bridge.envoy.prometheus_text()? + &bridge.envoy.stats_text()?;
    let run = bridge.envoy.run_dir().to_owned();
    // In order, so that the access log is written out.
    bridge.envoy.stop()?;
    let log = fs::read_to_string(run.join("envoy.log"))?;
    let access = fs::read_to_string(run.join("access.log"))?;

    for identities in IDENTITIES {
        let summary = "transactions=1;accepted=1;rejected=0;last=accepted;visibility=parsed";
        let line = format!("{identities} {summary}");
        ensure!(access.lines().any(|one| one == line), "{line:?} is not in the access log: {access}");
        let [event] = &events(&log, identities)?[..] else { anyhow::bail!("one event for {identities}") };
        common_fields(event)?;
        let said = |name: &str| event.get(name).cloned().unwrap_or_default();
        let (sender, recipients) = (said("sender"), said("recipients"));
        match identities {
            "off" => ensure!(sender.is_null() && recipients.is_null(), "{event}"),
            "domain" => {
                ensure!(sender == "client.example" && recipients[0] == "mx.example", "{event}");
            }
            "full" => {
                let expected = "alice-marked@client.example";
                ensure!(sender == expected && recipients[0] == "bob-marked@mx.example", "{event}");
            }
            _ => {
                ensure!(event["identity_key"] == "k1", "{event}");
                let digests = [sender.as_str(), recipients[0].as_str()].map(Option::unwrap_or_default);
                let is_digest =
                    |text: &&str| text.len() == 64 && text.bytes().all(|octet| octet.is_ascii_hexdigit());
                ensure!(digests.iter().all(is_digest) && digests[0] != digests[1], "{event}");
            }
        }
    }

    let others = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(r#""stat_prefix":"full""#));
        lines.collect::<Vec<_>>().join("\n").to_ascii_lowercase()
    };
    for (place, text) in [("log", &log), ("access log", &access), ("statistics", &scrape_text)] {
        for secret in SECRETS {
            let hidden = data_encoding::BASE64.encode(secret.as_bytes());
            ensure!(!text.contains(secret) && !text.contains(&hidden), "{secret} is in the {place}");
        }
        for local in LOCAL_PARTS {
            ensure!(!others(text).contains(&local.to_ascii_lowercase()), "{local} is in the {place}");
        }
    }
    Ok(())
}

/// What every event about an accepted mail has.
fn common_fields(event: &Value) -> Result<()> {
    let expected = json!({
        "event": "transaction", "schema": 1, "filter": "smtp", "transaction": 1, "outcome": "accepted",
        "method": "data", "null_sender": false, "recipients_accepted": 1, "recipients_rejected_4xx": 0,
        "recipients_rejected_5xx": 1,
    });
    for (name, value) in expected.as_object().into_iter().flatten() {
        ensure!(&event[name] == value, "{name} in {event}");
    }
    let time = event["time"].as_str().unwrap_or_default();
    ensure!(time.ends_with('Z') && humantime::parse_rfc3339(time).is_ok(), "time in {event}");
    ensure!(event["connection"].is_u64(), "connection in {event}");
    for name in ["message_bytes", "end_of_data_microseconds", "duration_microseconds", "waiting_microseconds"]
    {
        ensure!(event[name].is_u64(), "{name} in {event}");
    }
    Ok(())
}
