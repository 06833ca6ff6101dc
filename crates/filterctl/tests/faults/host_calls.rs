//! Host calls that are refused, each in turn and in every way, to the real filters on FakeEnvoy: octets pass unchanged, and
//! every connection is accounted for as far as counting itself is possible.

use anyhow::{Context, Result, ensure};
use envoy_sdk::{Module, Status};
use envoy_sdk_test::{Connection, FakeEnvoy, HostCall, LogLevel};
use libtest_mimic::Trial;

use crate::both_ends::directory::LDAP;
use crate::both_ends::mail::SMTP;
use crate::both_ends::script::Script;
use crate::both_ends::subject::Subject;
use crate::both_ends::wire::End;
use crate::trials::trial;

/// What the filters call while connections live.
const CALLS: [HostCall; 12] = [
    HostCall::Log,
    HostCall::GetLogLevel,
    HostCall::GetCurrentTimeNanoseconds,
    HostCall::SetTickPeriodMilliseconds,
    HostCall::GetBufferBytes,
    HostCall::GetProperty,
    HostCall::SetProperty,
    HostCall::GetSharedData,
    HostCall::SetSharedData,
    HostCall::DefineMetric,
    HostCall::RecordMetric,
    HostCall::IncrementMetric,
];
/// NotFound, BadArgument, BrokenConnection, InternalFailure, Unimplemented, and one that no Envoy knows.
const STATUSES: [u32; 6] = [1, 2, 7, 10, 12, 77];
/// With these refused, some of the counts themselves are lost.
const COUNTING: [HostCall; 2] = [HostCall::DefineMetric, HostCall::IncrementMetric];

pub(crate) fn trials() -> Vec<Trial> {
    let filters = [(&SMTP, smtp_filter::module as fn() -> Module), (&LDAP, ldap_filter::module)];
    let trials = filters.into_iter().map(|(subject, module)| {
        let name = format!("{}: host calls that are refused cost measurements, never octets", subject.name);
        trial(name, None, move || refused(subject, module))
    });
    trials.collect()
}

fn refused(subject: &Subject, module: fn() -> Module) -> Result<()> {
    let mut unmeasured = 0;
    for call in CALLS {
        for status in STATUSES {
            let about = || format!("{} answers {status}", call.name());
            unmeasured +=
                of_one_connection(subject, module, call, Status::from_code(status)).with_context(about)?;
            of_all(subject, module, call, Status::from_code(status)).with_context(about)?;
        }
    }
    ensure!(unmeasured > 0, "no refusal had any effect");
    Ok(())
}

const CONFIGURATION: &str =
    r#"{"reporter": "gateway", "level": "detailed", "events": {"enabled": true, "identities": "hmac"}}"#;

/// The call is refused once, at each place of a connection's life in turn, beside a connection that is not touched. Says
/// how many connections went on unmeasured.
fn of_one_connection(
    subject: &Subject,
    module: fn() -> Module,
    call: HostCall,
    status: Status,
) -> Result<u64> {
    let script = (subject.opening)()?.then((subject.exchange)()?).then((subject.farewell)()?);
    let mut envoy = configured(module)?;
    let mut connections = 0;
    for at in 0..=script.parts().count() {
        let mut beside = envoy.connect();
        if at == 0 {
            envoy.fail_next(call, status);
        }
        let mut connection = envoy.connect();
        for (number, (end, octets)) in script.parts().enumerate() {
            if number + 1 == at {
                envoy.fail_next(call, status);
            }
            say(&mut connection, end, octets);
            envoy.succeed(call);
            say(&mut beside, end, octets);
        }
        is_unchanged(&connection, &script)?;
        is_unchanged(&beside, &script)?;
        connection.server_closes();
        beside.server_closes();
        connections += 2;
    }
    let stats = envoy.scrape();
    let count = |series: &str| stats.total(&subject.series(series), &[]);
    let failed = count("*_internal_errors_total");
    let bypassed = count("envoy_sdk_connections_bypassed_total");
    ensure!(count("envoy_sdk_panics_total") == 0, "a panic: {:?}", envoy.messages(LogLevel::Error));
    // A refused increment takes its own count with it.
    if !COUNTING.contains(&call) {
        let opened = count("*_connections_opened_total");
        ensure!(opened + bypassed - failed == connections, "{opened} of {connections} were opened");
        ensure!(count("*_connections_closed_total") == opened, "opened {opened}, and not as many closed");
        ensure!(
            count("*_connections_total") == opened,
            "opened {opened}, and not as many counted at the end"
        );
        ensure!(
            count("envoy_sdk_errors_total") == bypassed,
            "errors that cost nothing, or nothing that was an error"
        );
    }
    Ok(bypassed)
}

/// The call is refused from the first connection on, to all of them; then no more.
fn of_all(subject: &Subject, module: fn() -> Module, call: HostCall, status: Status) -> Result<()> {
    let script = (subject.opening)()?.then((subject.exchange)()?).then((subject.farewell)()?);
    let mut envoy = configured(module)?;
    envoy.fail_always(call, status);
    for _ in 0..3 {
        let mut connection = envoy.connect();
        script.parts().for_each(|(end, octets)| say(&mut connection, end, octets));
        is_unchanged(&connection, &script)?;
        connection.client_closes();
    }
    envoy.succeed(call);
    let before = envoy.scrape().total(&subject.series("*_connections_total"), &[("visibility", "parsed")]);
    let mut connection = envoy.connect();
    script.parts().for_each(|(end, octets)| say(&mut connection, end, octets));
    is_unchanged(&connection, &script)?;
    connection.server_closes();
    let after = envoy.scrape().total(&subject.series("*_connections_total"), &[("visibility", "parsed")]);
    // A metric that could not be defined is not asked for again.
    ensure!(call == HostCall::DefineMetric || after == before + 1, "measuring does not come back");
    ensure!(envoy.open_connections() == 0, "a connection is left");
    Ok(())
}

fn configured(module: fn() -> Module) -> Result<FakeEnvoy> {
    FakeEnvoy::new(module).configure(CONFIGURATION).map_err(|refused| anyhow::anyhow!("{refused}"))
}

fn say(connection: &mut Connection, end: End, octets: &[u8]) {
    match end {
        End::Client => connection.client_sends(octets),
        End::Server => connection.server_sends(octets),
    };
}

fn is_unchanged(connection: &Connection, script: &Script) -> Result<()> {
    for (end, received) in
        [(End::Client, connection.received_by_server()), (End::Server, connection.received_by_client())]
    {
        let said = script.parts().filter(|(says, _)| *says == end).flat_map(|(_, octets)| octets.to_vec());
        ensure!(received == said.collect::<Vec<u8>>(), "what the {end:?} said has changed");
    }
    ensure!(connection.is_open(), "the connection is closed");
    Ok(())
}
