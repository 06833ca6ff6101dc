//! Starting and stopping a real Envoy, in good and in bad circumstances.

mod support;

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use envoy_runner::{
    Bootstrap, Envoy, EnvoyBinary, Listener, NEWEST_ENVOY, OLDEST_ENVOY, RunnerError, StartOptions, Upstream,
    WasmFilter,
};
use support::{SOON, connect, echo_server, envoy_of, eventually, exchange, installs, is_listening, newest};
use tempfile::tempdir;

fn echo_behind(listener: &str) -> Bootstrap {
    Bootstrap::new().listener(Listener::new(listener, echo_server()))
}

#[test]
fn forwards_counts_and_stops_on_the_oldest_and_the_newest() {
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let folder = tempdir().unwrap();
        let binary = envoy_of(version);
        assert_eq!(binary.version, version);
        let envoy =
            Envoy::start(&binary, &echo_behind("echo"), folder.path(), &StartOptions::default()).unwrap();
        let address = envoy.address("echo").unwrap();

        assert_eq!(exchange(address, b"hello"), b"hello");

        let scrape = envoy.scrape().unwrap();
        let labels = [("envoy_tcp_prefix", "echo")];
        assert_eq!(scrape.counter("envoy_tcp_downstream_cx_total", &labels), 1.0);
        assert_eq!(scrape.counter("envoy_tcp_downstream_cx_rx_bytes_total", &labels), 5.0);
        let some = envoy.scrape_beginning_with("tcp.echo.").unwrap();
        assert_eq!(some.counter("envoy_tcp_downstream_cx_total", &labels), 1.0);
        assert_eq!(some.samples("envoy_listener_downstream_cx_total").count(), 0);
        let info = envoy.server_info().unwrap();
        assert_eq!(info.state, "LIVE");
        assert!(info.version.contains(&version.to_string()), "{}", info.version);
        assert!(envoy.log().unwrap().contains("starting main dispatch loop"));
        assert!(envoy.stats_text().unwrap().contains("tcp.echo.downstream_cx_total: 1"));

        envoy.stop().unwrap();
        assert!(!is_listening(address));
    }
}

#[test]
fn a_scrape_holds_every_observation_made_before_it() {
    for version in [OLDEST_ENVOY, NEWEST_ENVOY] {
        let folder = tempdir().unwrap();
        let options = StartOptions { concurrency: 3, ..StartOptions::default() };
        let envoy = Envoy::start(&envoy_of(version), &echo_behind("echo"), folder.path(), &options).unwrap();
        for connections in 1..=20 {
            exchange(envoy.address("echo").unwrap(), b"x");
            let over = envoy.wait_for_stats(SOON, |scrape| {
                scrape.counter("envoy_cluster_upstream_cx_destroy", &[]) == f64::from(connections)
            });
            assert!(over.unwrap().is_some());
            let scrape = envoy.scrape().unwrap();
            let length = scrape.histogram("envoy_cluster_upstream_cx_length_ms", &[]).unwrap();
            assert_eq!(length.count, f64::from(connections));
            assert_eq!(length.buckets.last().unwrap().count, length.count);
            assert!(length.quantile(0.5).is_some());
        }
    }
}

#[test]
fn many_run_side_by_side() {
    let folder = tempdir().unwrap();
    let binary = newest();
    let envoys: Vec<Envoy> = ["a", "b", "c"]
        .iter()
        .map(|name| {
            Envoy::start(&binary, &echo_behind(name), &folder.path().join(name), &StartOptions::default())
                .unwrap()
        })
        .collect();
    for (envoy, name) in envoys.iter().zip(["a", "b", "c"]) {
        assert_eq!(exchange(envoy.address(name).unwrap(), name.as_bytes()), name.as_bytes());
        assert!(matches!(envoy.address("other"), Err(RunnerError::Unknown { .. })));
    }
    let ids: Vec<u32> = envoys.iter().map(Envoy::id).collect();
    assert!(ids[0] != ids[1] && ids[1] != ids[2]);
}

#[test]
fn dropping_it_ends_it() {
    let folder = tempdir().unwrap();
    let envoy =
        Envoy::start(&newest(), &echo_behind("echo"), folder.path(), &StartOptions::default()).unwrap();
    let (listener, admin) = (envoy.address("echo").unwrap(), envoy.admin_address());
    assert!(is_listening(listener) && is_listening(admin));
    drop(envoy);
    assert!(!is_listening(listener) && !is_listening(admin));
}

const KILLED_PARENT: &str = "ENVOY_RUNNER_TEST_KILLED_PARENT";

/// Runs only as the child of the next test: starts an Envoy, says where it listens, and waits to be killed.
#[test]
fn parent_that_is_going_to_be_killed() {
    let Some(folder) = std::env::var_os(KILLED_PARENT) else { return };
    let folder = Path::new(&folder);
    let envoy = Envoy::start(&newest(), &echo_behind("echo"), folder, &StartOptions::default()).unwrap();
    fs::write(folder.join("listens.new"), envoy.address("echo").unwrap().to_string()).unwrap();
    fs::rename(folder.join("listens.new"), folder.join("listens")).unwrap();
    loop {
        std::thread::park();
    }
}

#[test]
fn killing_the_parent_ends_it() {
    let folder = tempdir().unwrap();
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "parent_that_is_going_to_be_killed"])
        .env(KILLED_PARENT, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let file = folder.path().join("listens");
    eventually("Envoy of the other process is ready", || file.exists());
    let address: SocketAddr = fs::read_to_string(&file).unwrap().parse().unwrap();
    assert!(is_listening(address));

    parent.kill().unwrap();
    parent.wait().unwrap();

    eventually("Envoy is gone", || !is_listening(address));
}

#[test]
fn an_envoy_that_dies_says_so() {
    let folder = tempdir().unwrap();
    let envoy =
        Envoy::start(&newest(), &echo_behind("echo"), folder.path(), &StartOptions::default()).unwrap();
    envoy.check_alive().unwrap();
    envoy.admin_post("/quitquitquit").unwrap();
    eventually("it is noticed", || envoy.check_alive().is_err());
    let error = envoy.scrape().unwrap_err();
    assert!(matches!(error, RunnerError::Exited { .. }), "{error}");
    assert!(matches!(envoy.stop().unwrap_err(), RunnerError::Exited { .. }));
}

#[test]
fn a_taken_port_is_named() {
    let folder = tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let bootstrap = Bootstrap::new().listener(Listener::new("mail", echo_server()).port(port));
    let error =
        Envoy::start(&newest(), &bootstrap, folder.path(), &StartOptions::default()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!(
            "listener `mail` cannot listen on 127.0.0.1:{port}: Address already in use"
        )),
        "{error}"
    );
}

#[test]
fn a_port_that_another_envoy_has_is_not_silently_shared() {
    let folder = tempdir().unwrap();
    let binary = newest();
    let first =
        Envoy::start(&binary, &echo_behind("first"), &folder.path().join("1"), &StartOptions::default())
            .unwrap();
    let port = first.address("first").unwrap().port();
    let second = Bootstrap::new().listener(Listener::new("second", echo_server()).port(port));
    let error =
        Envoy::start(&binary, &second, &folder.path().join("2"), &StartOptions::default()).unwrap_err();
    assert!(matches!(error, RunnerError::Listen { .. }), "{error}");
}

#[test]
fn a_given_port_is_used() {
    let folder = tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bootstrap = Bootstrap::new().listener(Listener::new("echo", echo_server()).address(free));
    let envoy = Envoy::start(&newest(), &bootstrap, folder.path(), &StartOptions::default()).unwrap();
    assert_eq!(envoy.address("echo").unwrap(), free);
    assert_eq!(exchange(free, b"x"), b"x");
}

#[test]
fn what_envoy_refuses_is_said_in_one_line() {
    let folder = tempdir().unwrap();
    let module = folder.path().join("no.wasm");
    fs::write(&module, "this is no module").unwrap();
    let bootstrap = Bootstrap::new()
        .listener(Listener::new("mail", echo_server()).filter(WasmFilter::new("broken", &module)));
    let error = Envoy::start(&newest(), &bootstrap, folder.path(), &StartOptions::default()).unwrap_err();
    let RunnerError::Exited { reasons, .. } = &error else { panic!("{error}") };
    assert!(!reasons.is_empty());
    let text = error.to_string();
    assert!(text.contains("wasm") || text.contains("Wasm"), "{text}");
    assert!(!text.contains('\n'), "{text}");
}

#[test]
fn contradictions_are_found_before_envoy_is_started() {
    let folder = tempdir().unwrap();
    let start = |bootstrap: Bootstrap| {
        let nowhere = EnvoyBinary { path: "/nowhere/envoy".into(), version: NEWEST_ENVOY };
        Envoy::start(&nowhere, &bootstrap, folder.path(), &StartOptions::default()).unwrap_err().to_string()
    };
    let plain = |name: &str| Listener::new(name, Upstream::new("127.0.0.1", 1));
    let module = folder.path().join("m.wasm");
    fs::write(&module, "").unwrap();
    let twice = plain("a").filter(WasmFilter::new("f", &module)).filter(WasmFilter::new("f", &module));
    for (bootstrap, expected) in [
        (Bootstrap::new().listener(plain("a")).listener(plain("a")), "two listeners are called `a`"),
        (Bootstrap::new().listener(plain("../a")), "a listener is called `../a`"),
        (Bootstrap::new().listener(twice), "listener `a` has two filters called `f`"),
        (
            Bootstrap::new().listener(plain("a").filter(WasmFilter::new("f", "/nowhere/m.wasm"))),
            "Wasm module /nowhere/m.wasm: No such file or directory",
        ),
        (Bootstrap::new().listener(plain("a")), "starting /nowhere/envoy: No such file or directory"),
    ] {
        let error = start(bootstrap);
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn an_envoy_that_is_not_ready_in_time_is_ended() {
    let folder = tempdir().unwrap();
    let options = StartOptions { ready_within: Duration::ZERO, ..StartOptions::default() };
    let error = Envoy::start(&newest(), &echo_behind("echo"), folder.path(), &options).unwrap_err();
    assert!(matches!(error, RunnerError::NotReady { .. }), "{error}");
}

#[test]
fn two_that_install_at_once_do_not_disturb_each_other() {
    let found: Vec<EnvoyBinary> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(newest)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(found.iter().all(|binary| *binary == found[0]));
    assert!(found[0].path.starts_with(installs()));
}

#[test]
fn a_listener_can_be_drained() {
    let folder = tempdir().unwrap();
    let envoy =
        Envoy::start(&newest(), &echo_behind("echo"), folder.path(), &StartOptions::default()).unwrap();
    let address = envoy.address("echo").unwrap();
    drop(connect(address));
    envoy.admin_post("/drain_listeners").unwrap();
    eventually("the listener is closed", || !is_listening(address));
    assert!(envoy.admin_get("/no/such/page").is_err());
    envoy.stop().unwrap();
}
