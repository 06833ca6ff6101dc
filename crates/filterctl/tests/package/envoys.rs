//! The released modules in real Envoys: the oldest and the newest that they are for.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Result, ensure};
use envoy_runner::{
    Bootstrap, Envoy, EnvoyBinary, EnvoyVersion, Listener, NEWEST_ENVOY, OLDEST_ENVOY, StartOptions,
    Upstream, WasmFilter,
};
use filterctl::filters::{FILTERS, Filter};
use filterctl::workspace::Workspace;

use crate::Test;
use crate::ground::Ground;

pub(crate) const TESTS: &[Test] = &[
    ("the oldest Envoy runs the released modules", &[], oldest),
    ("the newest Envoy runs the released modules", &[], newest),
];

const PATIENCE: Duration = Duration::from_secs(60);

fn oldest(ground: &Ground) -> Result<()> {
    run(ground, OLDEST_ENVOY)
}

fn newest(ground: &Ground) -> Result<()> {
    run(ground, NEWEST_ENVOY)
}

/// All modules in one Envoy, each on a listener before a server that says what the client said.
fn run(ground: &Ground, version: EnvoyVersion) -> Result<()> {
    let binary =
        EnvoyBinary::install(version, &Workspace::find()?.envoy_installs(), &mut |step| eprintln!("{step}"))?;
    let server = TcpListener::bind("127.0.0.1:0")?;
    let upstream = Upstream::new("127.0.0.1", server.local_addr()?.port());
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            if let Ok(mut reader) = stream.try_clone() {
                let mut writer = stream;
                let _ = std::io::copy(&mut reader, &mut writer);
                let _ = writer.shutdown(Shutdown::Write);
            }
        }
    });
    let mut bootstrap = Bootstrap::new();
    // The filters share labels; Envoy takes one rule for each.
    let tags = FILTERS.iter().flat_map(Filter::stats_tags).map(|tag| (tag.tag_name.clone(), tag));
    bootstrap = bootstrap.stats_tags(tags.collect::<BTreeMap<_, _>>().into_values());
    for filter in FILTERS {
        let module = ground.release.join(&ground.digests.filters[filter.name].file);
        let plugin = WasmFilter::new(filter.name, module).root_id(filter.name).configuration("{}");
        bootstrap = bootstrap.listener(Listener::new(filter.name, upstream.clone()).filter(plugin));
    }
    let runs = ground.folder(&format!("envoy-{version}"))?;
    let envoy = Envoy::start(&binary, &bootstrap, &runs, &StartOptions::default())?;
    for filter in FILTERS {
        let mut client = TcpStream::connect(envoy.address(filter.name)?)?;
        client.set_read_timeout(Some(PATIENCE))?;
        client.write_all(b"NOOP\r\n")?;
        client.shutdown(Shutdown::Write)?;
        let mut answer = Vec::new();
        client.read_to_end(&mut answer)?;
        ensure!(answer == b"NOOP\r\n", "{}: {answer:?}", filter.name);
        let closed = format!("{}_connections_total", filter.name);
        let counted = envoy.wait_for_stats(PATIENCE, |scrape| scrape.counter(&closed, &[]) == 1.0)?;
        ensure!(counted.is_some(), "{closed} never was 1");
    }
    envoy.stop()?;
    Ok(())
}
