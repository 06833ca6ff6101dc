//! `examples/access-log-metrics`.

use std::io::{Read, Write};

use anyhow::{Result, ensure};

use crate::Test;
use crate::client::{connect, get};
use crate::counts;
use crate::ground::Ground;
use crate::sample::{SERVER, Sample};
use crate::server::{Answer, Server};

pub(crate) const TESTS: &[Test] =
    &[("access-log-metrics: requests and connections are counted", requests_and_connections)];

fn requests_and_connections(ground: &Ground) -> Result<()> {
    // The path says what the status is.
    let server = Server::start(|asked| Answer::status(asked.path[1..].parse().unwrap_or(500)))?;
    let envoy = Sample::of(ground, "access-log-metrics")?.port(SERVER, server.port())?.start()?;
    let (web, tcp) = (envoy.address("web")?, envoy.address("tcp")?);

    for status in [200, 204, 301, 404, 403, 410, 503] {
        ensure!(get(web, &format!("/{status}"))?.status == status);
    }
    // Through the TCP listener, and so without being looked at, a request is just octets.
    let request = b"GET /200 HTTP/1.1\r\nhost: x\r\n\r\n";
    let mut client = connect(tcp)?;
    client.write_all(request)?;
    let mut answer = Vec::new();
    client.read_to_end(&mut answer)?;
    drop(client);
    // Nobody there.
    drop(server);
    ensure!(get(web, "/200")?.status == 503);
    ensure!(connect(tcp)?.read(&mut [0])? == 0);

    let expected = format!(
        "access_log_requests_total{{stat_prefix=web,class=2xx}} 2
         access_log_requests_total{{stat_prefix=web,class=3xx}} 1
         access_log_requests_total{{stat_prefix=web,class=4xx}} 3
         access_log_requests_total{{stat_prefix=web,class=5xx}} 2
         access_log_requests_total 8
         access_log_request_duration_milliseconds{{stat_prefix=web,class=4xx}} 3
         access_log_request_duration_milliseconds 8
         access_log_connections_total{{stat_prefix=tcp}} 2
         access_log_connections_total 2
         access_log_connection_duration_milliseconds{{stat_prefix=tcp}} 2
         access_log_connection_bytes_total{{stat_prefix=tcp,direction=received}} {}
         access_log_connection_bytes_total{{stat_prefix=tcp,direction=sent}} {}
         access_log_response_flags_total{{stat_prefix=web,flag=UF}} 1
         access_log_response_flags_total{{stat_prefix=tcp,flag=UF}} 1
         envoy_sdk_errors_total 0",
        request.len(),
        answer.len()
    );
    counts::wait(&envoy, &expected)?;
    envoy.stop()?;
    Ok(())
}
