//! The chart as a whole.

use std::fs;

use anyhow::{Context, Result, ensure};
use filterctl::helm::values::Values;

use crate::OfHelm;
use crate::examples::EXAMPLES;
use crate::helm::{Helm, chart, scratch};

pub(crate) const TESTS: &[OfHelm] = &[
    ("lint finds nothing, strictly", lint),
    ("the values of the chart are the defaults of its types", the_values_are_the_defaults),
    ("packaged it makes the same as unpacked", packaged),
];

fn lint(helm: &Helm) -> Result<()> {
    let chart = chart();
    let chart = chart.to_str().context("a path that is not text")?;
    helm.run(&["lint", "--strict", "--quiet", chart], None)?;
    for (example, _) in EXAMPLES {
        let values = format!("{chart}/ci/{example}-values.yaml");
        helm.run(&["lint", "--strict", "--quiet", chart, "--values", &values], None)?;
    }
    Ok(())
}

fn the_values_are_the_defaults(helm: &Helm) -> Result<()> {
    let chart = chart();
    let shown = helm.run(&["show", "values", chart.to_str().context("a path that is not text")?], None)?;
    let values: Values = serde_saphyr::from_str(&shown)?;
    ensure!(values == Values::default(), "{values:#?}");
    Ok(())
}

fn packaged(helm: &Helm) -> Result<()> {
    let folder = scratch().join(format!("package-{}", helm.name.replace(' ', "-")));
    fs::create_dir_all(&folder)?;
    let (source, to) = (chart(), folder.to_str().context("a path that is not text")?.to_owned());
    helm.run(&["package", source.to_str().context("a path that is not text")?, "--destination", &to], None)?;
    let package = format!("{to}/envoy-filters-{}.tgz", env!("CARGO_PKG_VERSION"));
    for (example, _) in EXAMPLES {
        let values = chart().join(format!("ci/{example}-values.yaml"));
        let unpacked = helm.template(&values, &[])?;
        let values = values.to_str().context("a path that is not text")?;
        let packaged =
            helm.run(&["template", "mail", &package, "--namespace", "mail", "--values", values], None)?;
        ensure!(packaged == unpacked.stdout, "{example}: the package makes something else");
    }
    fs::remove_dir_all(&folder)?;
    Ok(())
}
