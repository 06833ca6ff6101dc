//! Events and access logs about directory operations, and what is never in them.

use std::fs;

use anyhow::{Result, ensure};
use envoy_runner::{AccessLog, Listener, StartOptions};
use serde_json::{Value, json};

use crate::both_ends::ber::{all, enumerated, octet_string, sequence, tlv};
use crate::both_ends::bridge::Bridge;
use crate::both_ends::messages::{
    Message, bind, bind_result, extended_result, result, result_saying, sasl, search_done, search_for, unbind,
};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::events::events;

pub(crate) const TESTS: &[Test] = &[
    ("events: identities as configured, secrets never", identities_and_secrets),
    ("events: a peer's names break out of no line", names_break_out_of_no_line),
];

/// Said in places where it may be repeated nowhere, under any configuration.
const SECRETS: [&str; 12] = [
    "hunter2-password",
    "hunter2-wrong",
    "hunter2-credentials",
    "hunter2-base",
    "hunter2-filter",
    "hunter2-entry",
    "hunter2-assertion",
    "hunter2-target",
    "hunter2-change",
    "hunter2-value",
    "hunter2-diagnostic",
    "hunter2-control",
];
/// Repeated with `full` only.
const NAME: &str = "cn=Marked App,dc=example";

/// Secrets wherever a client or a server may put one.
fn conversation() -> Script {
    let [
        password,
        wrong,
        credentials,
        base,
        filter,
        found,
        assertion,
        target,
        change,
        value,
        diagnostic,
        of_control,
    ] = SECRETS;
    let equal = |value: &str| tlv(0xa3, &[octet_string("uid"), octet_string(value)].concat());
    let search = all(
        0x63,
        &[
            octet_string(base),
            enumerated(2),
            enumerated(0),
            tlv(0x02, &[100]),
            tlv(0x02, &[0]),
            tlv(0x01, &[0]),
            tlv(0xa0, &[equal(filter), tlv(0x87, b"mail")].concat()),
            sequence(&[octet_string("cn")]),
        ],
    );
    let values = |text: &str| all(0x31, &[octet_string(text)]);
    let entry = sequence(&[sequence(&[octet_string("cn"), values(found)])]);
    let changes =
        sequence(&[sequence(&[enumerated(2), sequence(&[octet_string("userPassword"), values(change)])])]);
    let comparison = sequence(&[octet_string("sn"), octet_string(assertion)]);
    Script::new()
        .asks(&bind(1, NAME, wrong))
        .answers(&result_saying(1, 0x61, 49, diagnostic))
        .asks(&bind(2, NAME, password))
        .answers(&bind_result(2, 0))
        .asks(&Message::new(3, search).control("1.2.3.4", of_control.as_bytes()))
        .answers(&Message::new(3, all(0x64, &[octet_string(target), entry])))
        .answers(&search_done(3, 0))
        .asks(&Message::new(4, all(0x6e, &[octet_string(target), comparison])))
        .answers(&result(4, 0x6f, 6))
        .asks(&Message::new(5, all(0x66, &[octet_string(target), changes])))
        .answers(&result_saying(5, 0x67, 50, diagnostic))
        .asks(&Message::new(
            6,
            all(0x77, &[tlv(0x80, b"1.3.6.1.4.1.4203.1.11.1"), tlv(0x81, value.as_bytes())]),
        ))
        .answers(&extended_result(6, 0))
        .asks(&sasl(7, "PLAIN", format!("\0somebody\0{credentials}").as_bytes()))
        .answers(&bind_result(7, 0))
        .asks(&unbind(8))
}

/// A listener of that name that has events, and writes what the filter says about a connection to `access.log`.
fn listener(
    ground: &Ground,
    upstream: &envoy_runner::Upstream,
    name: &str,
    identities: &str,
) -> Result<Listener> {
    let key = json!({"id": "k1", "secret": "correct horse battery staple"});
    let configuration = json!({
        "stat_prefix": name,
        "level": "detailed",
        "events": {"enabled": true, "identities": identities, "hmac_key": key},
    });
    let format = format!("{name} %FILTER_STATE(wasm.ldap:PLAIN)%");
    let log = AccessLog::File { path: "access.log".into(), format };
    Ok(Listener::new(name, upstream.clone()).filter(ground.filter(&configuration)?).access_log(log))
}

fn identities_and_secrets(ground: &Ground) -> Result<()> {
    const IDENTITIES: [&str; 3] = ["off", "hmac", "full"];
    // What the filter would say for its own debugging is searched as well.
    let options =
        StartOptions { component_log_level: Some("wasm:debug".to_owned()), ..StartOptions::default() };
    let bridge = Bridge::start_with(ground, &options, |upstream| {
        IDENTITIES.into_iter().map(|name| listener(ground, upstream, name, name)).collect()
    })?;
    for identities in IDENTITIES {
        let mut wire = bridge.open(identities)?;
        wire.play(&conversation())?;
        wire.close(End::Server)?;
    }
    bridge.counts(
        "ldap_events_total 30
         ldap_connections_closed_total{ending=unbind} 3
         ldap_undecoded_messages_total 0",
    )?;
    let statistics = bridge.envoy.prometheus_text()? + &bridge.envoy.stats_text()?;
    let run = bridge.envoy.run_dir().to_owned();
    // In order, so that the access log is written out.
    bridge.envoy.stop()?;
    let log = fs::read_to_string(run.join("envoy.log"))?;
    let access = fs::read_to_string(run.join("access.log"))?;

    for identities in IDENTITIES {
        let line = format!(
            "{identities} binds=3;failed_binds=1;operations=7;errors=2;last_result=success;\
             identity=sasl:PLAIN;visibility=parsed"
        );
        ensure!(access.lines().any(|one| one == line), "{line:?} is not in the access log: {access}");
        let events = events(&log, identities)?;
        events.iter().try_for_each(common_fields)?;
        let of = |kind: &str| events.iter().filter(|event| event["event"] == kind).collect::<Vec<_>>();
        let (operations, binds) = (of("operation"), of("bind"));
        ensure!(operations.len() == 7 && binds.len() == 3, "{events:#?}");
        what_they_say(&operations, &binds)?;
        // The two binds by name, and what was asked for as that name.
        let named = operations.iter().chain(&binds).filter(|event| event["authenticated"] == "name");
        let names: Vec<&Value> = named.map(|event| &event["identity"]).collect();
        ensure!(names.len() == 8, "{events:#?}");
        let is_digest = |name: &Value| name.as_str().is_some_and(|name| name.len() == 64);
        ensure!(
            names.iter().all(|name| match identities {
                "off" => name.is_null(),
                "full" => **name == NAME,
                _ => is_digest(name) && name == &names[0],
            }),
            "{identities}: {names:?}"
        );
    }

    let others = |text: &str| {
        let lines = text.lines().filter(|line| !line.contains(r#""stat_prefix":"full""#));
        lines.collect::<Vec<_>>().join("\n").to_ascii_lowercase()
    };
    for (place, text) in [("log", &log), ("access log", &access), ("statistics", &statistics)] {
        for secret in SECRETS {
            let encoded = data_encoding::BASE64.encode(secret.as_bytes());
            let hexadecimal = data_encoding::HEXLOWER.encode(secret.as_bytes());
            for form in [secret, &encoded, &hexadecimal] {
                ensure!(!text.contains(form), "{secret} is in the {place}");
            }
        }
        ensure!(!others(text).contains("marked"), "the name is in the {place}");
    }
    Ok(())
}

/// What every event has.
fn common_fields(event: &Value) -> Result<()> {
    ensure!(event["schema"] == 1 && event["filter"] == "ldap", "{event}");
    let time = event["time"].as_str().unwrap_or_default();
    ensure!(time.ends_with('Z') && humantime::parse_rfc3339(time).is_ok(), "time in {event}");
    ensure!(event["connection"].is_u64() && event["authenticated"].is_string(), "{event}");
    Ok(())
}

fn what_they_say(operations: &[&Value], binds: &[&Value]) -> Result<()> {
    let expected = [
        json!({"number": 1, "operation": "bind", "result": "invalidCredentials", "code": 49, "bind": "simple"}),
        json!({"number": 2, "operation": "bind", "result": "success", "bind": "simple"}),
        json!({
            "number": 3, "operation": "search", "outcome": "answered", "result": "success", "scope": "sub",
            "kind": "normal", "search_filter": "(&(uid=?)(mail=*))", "attributes": 1, "size_limit": 100, "entries": 1,
            "references": 0, "authenticated": "name",
        }),
        json!({"number": 4, "operation": "compare", "result": "compareTrue", "authenticated": "name"}),
        json!({"number": 5, "operation": "modify", "result": "insufficientAccessRights"}),
        json!({"number": 6, "operation": "extended", "extended": "password_modify"}),
        json!({"number": 7, "operation": "bind", "bind": "sasl", "mechanism": "PLAIN"}),
    ];
    let expected_binds = [
        json!({"bind": "simple", "outcome": "failed", "code": 49, "rounds": 1, "transport": "plain"}),
        json!({"bind": "simple", "outcome": "succeeded", "result": "success", "transport": "plain"}),
        json!({"bind": "sasl", "mechanism": "PLAIN", "outcome": "succeeded", "authenticated": "sasl"}),
    ];
    let pairs = operations.iter().zip(&expected).chain(binds.iter().zip(&expected_binds));
    for (event, expected) in pairs {
        for (name, value) in expected.as_object().into_iter().flatten() {
            ensure!(&event[name] == value, "{name} in {event}");
        }
    }
    ensure!(operations.iter().all(|event| event["latency_microseconds"].is_u64()));
    Ok(())
}

fn names_break_out_of_no_line(ground: &Ground) -> Result<()> {
    // A line of its own in both logs, a field of its own in the event, and the end of the summary's value.
    const NAME: &str = "uid=x\",\"forged\":\"y\r\n[info] forged line\n{\"forged\":1};visibility=forged\u{7f}\u{9b}2J\u{1b}[2J\0";
    let bridge = Bridge::start(ground, |upstream| Ok(vec![listener(ground, upstream, "full", "full")?]))?;
    let attribute = tlv(0x87, NAME.as_bytes());
    let mut wire = bridge.open("full")?;
    wire.play(
        &Script::new()
            .asks(&bind(1, NAME, "secret"))
            .answers(&bind_result(1, 0))
            .asks(&search_for(2, 0, &attribute, &[]))
            .answers(&search_done(2, 0)),
    )?;
    wire.close(End::Client)?;
    bridge.counts("ldap_events_total 3\nldap_connections_closed_total{ending=client} 1")?;
    let run = bridge.envoy.run_dir().to_owned();
    bridge.envoy.stop()?;
    let log = fs::read_to_string(run.join("envoy.log"))?;
    let access = fs::read_to_string(run.join("access.log"))?;

    let events = events(&log, "full")?;
    ensure!(events.len() == 3, "{events:#?}");
    for event in &events {
        ensure!(event["identity"] == NAME && event.get("forged").is_none(), "{event}");
    }
    ensure!(access.lines().count() == 1, "{access}");
    ensure!(
        access.contains(";identity=name:uid=x%22") && access.ends_with(";visibility=parsed\n"),
        "{access}"
    );
    for text in [&log, &access] {
        ensure!(!text.lines().any(|line| line.starts_with("[info] forged") || line.starts_with("{\"forged")));
        let raw = text.chars().find(|c| c.is_control() && !['\n', '\t'].contains(c));
        ensure!(raw.is_none(), "{raw:?} in a log");
    }
    Ok(())
}
