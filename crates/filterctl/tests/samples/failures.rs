//! Who dies with whom when a VM is lost: the table of deploy/envoy/README.md.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::{Context, Result, ensure};
use envoy_runner::{
    Bootstrap, Envoy, EnvoyBinary, FailurePolicy, Listener, StartOptions, Upstream, WasmFilter,
};
use real_peers::wait_until;

use crate::Test;
use crate::modules::Module;

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "failure policies: who dies with whom".to_owned(),
        peers: Vec::new(),
        run: Box::new(who_dies_with_whom),
    }]
}

const POLICIES: [(FailurePolicy, &str); 3] =
    [(FailurePolicy::Reload, "reload"), (FailurePolicy::Open, "open"), (FailurePolicy::Closed, "closed")];
/// The two listeners of a case have a VM each, or one between them.
const SHARING: [&str; 2] = ["apart", "together"];

fn who_dies_with_whom(binary: &EnvoyBinary) -> Result<()> {
    let upstream = Upstream::new("127.0.0.1", echo()?.port());
    let module = &Module::PanicOnDemandAborting.artifact()?.path;
    let mut bootstrap = Bootstrap::new();
    for (policy, name) in POLICIES {
        for sharing in SHARING {
            for side in ["left", "right"] {
                let listener = format!("{name}-{sharing}-{side}");
                let vm_id = if sharing == "apart" { listener.clone() } else { format!("{name}-{sharing}") };
                let filter = WasmFilter::new("panic-on-demand", module)
                    .configuration(r#"{"panic_on": "BOOM"}"#)
                    .vm_id(vm_id)
                    .failure_policy(policy);
                bootstrap = bootstrap.listener(Listener::new(listener, upstream.clone()).filter(filter));
            }
        }
    }
    let folder = tempfile::tempdir()?;
    // One worker: with more, those of the others do not die.
    let options = StartOptions { concurrency: 1, ..StartOptions::default() };
    let envoy = Envoy::start(binary, &bootstrap, folder.path(), &options)?;
    for (policy, name) in POLICIES {
        for sharing in SHARING {
            case(&envoy, policy, &format!("{name}-{sharing}"), sharing == "together")
                .with_context(|| format!("{name}, {sharing}"))?;
        }
    }
    envoy.stop()?;
    Ok(())
}

fn case(envoy: &Envoy, policy: FailurePolicy, name: &str, together: bool) -> Result<()> {
    let left = envoy.address(&format!("{name}-left"))?;
    let right = envoy.address(&format!("{name}-right"))?;
    let mut neighbour = TcpStream::connect(left)?;
    let mut across = TcpStream::connect(right)?;
    let mut fatal = TcpStream::connect(left)?;
    for stream in [&mut neighbour, &mut across, &mut fatal] {
        ensure!(answers(stream), "no answer before the failure");
    }
    fatal.write_all(b"BOOM")?;
    ensure!(!reads(&mut fatal), "the fatal connection goes on");
    // Every connection of the VM ends at its next octet.
    ensure!(!answers(&mut neighbour), "the neighbour's connection goes on");
    ensure!(answers(&mut across) != together, "the other listener's connection");

    ensure!(together || opens(right)?, "the other listener, with a VM of its own, takes no connection");
    match policy {
        FailurePolicy::Open => ensure!(opens(left)?, "no new connection"),
        FailurePolicy::Closed => ensure!(!opens(left)?, "a new connection"),
        FailurePolicy::Reload => {
            wait_until("new connections", || Ok((opens(left)? && opens(right)?).then_some(())))?;
        }
    }
    Ok(())
}

/// Whether a new connection is answered.
fn opens(address: SocketAddr) -> Result<bool> {
    Ok(answers(&mut TcpStream::connect(address)?))
}

fn answers(stream: &mut TcpStream) -> bool {
    stream.write_all(b"hello").is_ok() && reads(stream)
}

fn reads(stream: &mut TcpStream) -> bool {
    stream.read(&mut [0; 16]).is_ok_and(|read| read > 0)
}

/// A server that sends back what it is sent, as long as this process lives.
fn echo() -> Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || -> std::io::Result<()> {
                let (mut reader, mut writer) = (stream.try_clone()?, stream);
                std::io::copy(&mut reader, &mut writer).map(drop)
            });
        }
    });
    Ok(address)
}
