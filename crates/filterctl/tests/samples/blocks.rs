//! What is generated inside the samples is what the code says.

use anyhow::Result;
use filterctl::envoy_samples;
use filterctl::generated;
use filterctl::workspace::Workspace;

use crate::Test;

pub(crate) fn tests() -> Vec<Test> {
    vec![Test {
        name: "generated blocks are what the code says".to_owned(),
        peers: Vec::new(),
        run: Box::new(|_| up_to_date()),
    }]
}

fn up_to_date() -> Result<()> {
    let root = Workspace::find()?.root;
    generated::check(&root, &envoy_samples::files(&root)?, "cargo filterctl metrics --write")
}
