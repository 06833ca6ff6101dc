//! What a panic costs, with this SDK and without: the table of docs/panic-isolation.md.
//!
//! The same filter, the same panic, the same mails: once in the module that unwinds, once in one that was built with
//! `panic=abort`, under each of Envoy's failure policies. The words of the table have to be what is measured; its numbers are
//! those of one run: `WRITE_PANIC_ISOLATION=1 cargo test -p filterctl --test faults -- comparison` writes them anew.

use std::env;
use std::fs;

use anyhow::{Context, Result, ensure};
use envoy_runner::{FailurePolicy, Listener, StartOptions, WasmFilter};
use filterctl::workspace::Workspace;

use crate::both_ends::bridge::Bridge;
use crate::both_ends::modules::Module;
use crate::both_ends::subject::{Ground, Test};
use crate::failure_scene::{self, Cost, Measured, NEW, OTHERS};

pub(crate) const TESTS: &[Test] = &[("comparison: what a panic costs, caught and not", comparison)];

const DOCUMENT: &str = "docs/panic-isolation.md";
const HEAD: &str = "\
| module | new connections under | own connection | others of that worker | new connections | measured again | panics counted | connections that stay open in the metrics |
|---|---|---|---|---|---|---|---|
";
const NUMBERS_HEAD: &str = "\
| module | new connections under | mails lost, of 25 | of others | new connections refused, of 24 | unmeasured | all measured again after |
|---|---|---|---|---|---|---|
";

/// A module and what is to happen when its filter fails.
struct Variant {
    listener: &'static str,
    module: Module,
    policy: FailurePolicy,
    on_internal_error: &'static str,
    /// As the table says it.
    words: &'static str,
}

const VARIANTS: [Variant; 5] = [
    Variant {
        listener: "passthrough",
        module: Module::Panicking,
        policy: FailurePolicy::Reload,
        on_internal_error: "passthrough",
        words: "unwinds | `on_internal_error: passthrough`, the filters' default",
    },
    Variant {
        listener: "close",
        module: Module::Panicking,
        policy: FailurePolicy::Reload,
        on_internal_error: "close",
        words: "unwinds | `on_internal_error: close`, the SDK's default",
    },
    Variant {
        listener: "abort-reload",
        module: Module::PanickingAborting,
        policy: FailurePolicy::Reload,
        on_internal_error: "passthrough",
        words: "`panic=abort` | `FAIL_RELOAD`",
    },
    Variant {
        listener: "abort-open",
        module: Module::PanickingAborting,
        policy: FailurePolicy::Open,
        on_internal_error: "passthrough",
        words: "`panic=abort` | `FAIL_OPEN`",
    },
    Variant {
        listener: "abort-closed",
        module: Module::PanickingAborting,
        policy: FailurePolicy::Closed,
        on_internal_error: "passthrough",
        words: "`panic=abort` | `FAIL_CLOSED`, Envoy's default",
    },
];

fn comparison(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let options = StartOptions { concurrency: 2, ..StartOptions::default() };
    let (mut rows, mut numbers) = (String::from(HEAD), String::from(NUMBERS_HEAD));
    for variant in &VARIANTS {
        // An Envoy each: what the SDK counts is counted per module, not per listener.
        let bridge = Bridge::start_with(ground, &options, |upstream| {
            let configuration =
                failure_scene::configuration(subject, variant.listener, "panic", variant.on_internal_error)?;
            let filter = WasmFilter::new(subject.name, &variant.module.artifact()?.path)
                .configuration(configuration.to_string())
                .failure_policy(variant.policy);
            Ok(vec![Listener::new(variant.listener, upstream.clone()).filter(filter)])
        })?;
        let cost = failure_scene::play(&bridge, subject, variant.listener)?;
        bridge.envoy.stop()?;
        rows += &row(variant, &cost);
        numbers += &numbers_of(variant, &cost);
    }
    let file = Workspace::find()?.root.join(DOCUMENT);
    let document = fs::read_to_string(&file).with_context(|| DOCUMENT.to_owned())?;
    if env::var_os("WRITE_PANIC_ISOLATION").is_some() {
        let document = between(&document, HEAD, &rows)?;
        fs::write(&file, between(&document, NUMBERS_HEAD, &numbers)?)?;
        return Ok(());
    }
    ensure!(document.contains(&rows), "{DOCUMENT} does not say what was measured:\n{rows}{numbers}");
    Ok(())
}

/// What it comes to, in words.
fn row(variant: &Variant, cost: &Cost) -> String {
    let own = if cost.own_lost { "ends" } else { "goes on unmeasured, its mail arrives" };
    let others = match cost.others_lost {
        0 => "go on",
        lost if lost < OTHERS => "end, their mails are lost",
        _ => "end, and those of the other worker",
    };
    let new = match cost.measured {
        _ if cost.others_lost == 0 && cost.new_refused + cost.new_unmeasured == 0 => "served and measured",
        Measured::AtOnce | Measured::After(_) => "refused until there is a new VM",
        Measured::Never if cost.new_refused == 0 => "served, unmeasured",
        Measured::Never => "refused",
    };
    let again = match cost.measured {
        _ if cost.others_lost == 0 => "always",
        Measured::AtOnce | Measured::After(_) => "within seconds",
        Measured::Never => "never",
    };
    let panics = if cost.panics == 1 { "yes" } else { "no" };
    let left = if cost.never_closed == 0 { "none" } else { "all that were lost" };
    format!("| {} | {own} | {others} | {new} | {again} | {panics} | {left} |\n", variant.words)
}

fn numbers_of(variant: &Variant, cost: &Cost) -> String {
    let lost = cost.others_lost + usize::from(cost.own_lost);
    let again = match cost.measured {
        Measured::AtOnce => "at once".to_owned(),
        Measured::After(after) => format!("{:.1} s", after.as_secs_f64()),
        Measured::Never => "not within 2.5 s".to_owned(),
    };
    format!(
        "| {} | {lost} | {} | {} | {} | {again} |\n",
        variant.words, cost.others_lost, cost.new_refused, cost.new_unmeasured
    )
}

/// The document with another table under this head.
fn between(document: &str, head: &str, table: &str) -> Result<String> {
    let (before, rest) = document.split_once(head).context("the document has no such table")?;
    let end = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
    let after = rest.get(end..).unwrap_or_default();
    Ok(format!("{before}{table}{after}"))
}

const _: () = assert!(OTHERS == 24 && NEW == 24, "the table's head says so");
