//! VMs that are lost: by a trap, a stack that overflows, memory that is exhausted; under each failure policy.
//!
//! The module is the one that unwinds: none of these can be caught.

use anyhow::{Context, Result, ensure};
use envoy_runner::{FailurePolicy, Listener, StartOptions, WasmFilter};

use crate::both_ends::bridge::Bridge;
use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};
use crate::failure_scene::{self, Cost, Measured, NEW, OTHERS};

pub(crate) const TESTS: &[Test] =
    &[("a lost VM costs the connections of its worker; what comes next is up to the failure policy", lost)];

/// How a VM is lost, and what Envoy says about it.
const WAYS: [(&str, &str); 3] =
    [("trap", "unreachable"), ("recursion", "memory access out of bounds"), ("memory", "unreachable")];
const POLICIES: [(FailurePolicy, &str); 3] =
    [(FailurePolicy::Reload, "reload"), (FailurePolicy::Open, "open"), (FailurePolicy::Closed, "closed")];

fn lost(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let module = &Module::Panicking.artifact()?.path;
    // What is lost with a VM is no matter of the protocol.
    let ways = if subject.name == "smtp" { WAYS.as_slice() } else { &WAYS[..1] };
    let options = StartOptions { concurrency: 2, ..StartOptions::default() };
    let bridge = Bridge::start_with(ground, &options, |upstream| {
        let mut listeners = Vec::new();
        for (how, _) in ways {
            for (policy, name) in POLICIES {
                let name = format!("{how}-{name}");
                let configuration = failure_scene::configuration(subject, &name, how, "passthrough")?;
                let filter = WasmFilter::new(subject.name, module)
                    .vm_id(&name)
                    .configuration(configuration.to_string())
                    .failure_policy(policy);
                listeners.push(Listener::new(name, upstream.clone()).filter(filter));
            }
        }
        Ok(listeners)
    })?;
    for (how, said) in ways {
        for (policy, name) in POLICIES {
            let name = format!("{how}-{name}");
            let log = bridge.envoy.log_len();
            let cost = failure_scene::play(&bridge, subject, &name)?;
            check(&cost, policy).with_context(|| format!("{name}: {cost:?}"))?;
            let log = bridge.envoy.log_since(log)?;
            let said = format!("Uncaught RuntimeError: {said}");
            ensure!(log.contains(&said), "{name}: not in the log: {said}");
        }
    }
    bridge.envoy.stop()?;
    Ok(())
}

fn check(cost: &Cost, policy: FailurePolicy) -> Result<()> {
    ensure!(cost.own_lost, "the connection goes on");
    ensure!((1..OTHERS).contains(&cost.others_lost), "not those of one worker of two");
    // Nobody is left to count their end; all others are accounted for.
    ensure!(cost.never_closed == cost.others_lost as u64 + 1, "connections are not accounted for");
    ensure!(cost.panics == 0, "a panic was caught");
    match policy {
        FailurePolicy::Open => {
            ensure!(
                cost.new_refused == 0 && cost.new_unmeasured > 0,
                "new connections do not pass unmeasured"
            );
            ensure!(cost.measured == Measured::Never, "a VM was made anew");
        }
        FailurePolicy::Closed => {
            ensure!((1..NEW).contains(&cost.new_refused), "not those of one worker of two");
            ensure!(cost.measured == Measured::Never && cost.new_unmeasured == 0, "a VM was made anew");
        }
        FailurePolicy::Reload => {
            ensure!(cost.new_unmeasured == 0, "connections pass unmeasured");
            ensure!(cost.measured != Measured::Never, "no VM was made anew");
        }
    }
    Ok(())
}
