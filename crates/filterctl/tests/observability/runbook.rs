//! The runbook's queries are real ones.

use std::fs;

use anyhow::{Context, Result, ensure};
use filterctl::workspace::Workspace;

use crate::Test;
use crate::scene::scene;

pub(crate) const TESTS: &[Test] = &[("Prometheus: it understands every query of the runbook", queries)];

fn queries() -> Result<()> {
    let path = Workspace::find()?.root.join("docs/runbook.md");
    let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let prometheus = &scene()?.prometheus;
    let mut count = 0;
    for block in text.split("```promql\n").skip(1) {
        let (query, _) = block.split_once("```").context("a block without an end")?;
        for query in query.lines().filter(|line| !line.trim().is_empty()) {
            prometheus.query(query)?;
            count += 1;
        }
    }
    ensure!(count > 0, "there is no query in {}", path.display());
    Ok(())
}
