//! A Prometheus server on loopback.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::promtool::command;
use crate::daemon::Daemon;
use crate::instance::free_port;
use crate::{Peer, wait_until};

/// How long an answer may take: only a failure uses it up.
const ANSWER: Duration = Duration::from_secs(30);

/// A Prometheus on 127.0.0.1 that scrapes every second and keeps what it finds in a folder. It ends when this is dropped.
pub struct Prometheus {
    daemon: Daemon,
    address: SocketAddr,
    agent: ureq::Agent,
}

/// One series of an answer, and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The labels, `__name__` among them.
    pub labels: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

impl Prometheus {
    /// Starts one that scrapes `/stats/prometheus` of these targets, as the job `envoy`, and evaluates these files of rules
    /// every second. All its files are in `folder`. Returns when it is ready.
    ///
    /// # Errors
    /// When Debian's package is not in the target folder, or Prometheus does not become ready: with what it wrote.
    pub fn start(folder: &Path, targets: &[SocketAddr], rules: &[&Path]) -> Result<Self> {
        let root = Peer::Prometheus.require()?;
        fs::create_dir_all(folder).with_context(|| format!("making {}", folder.display()))?;
        let configuration = folder.join("prometheus.yaml");
        fs::write(&configuration, configured(targets, rules)?)
            .with_context(|| format!("writing {}", configuration.display()))?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut program = command(&root, "usr/bin/prometheus")?;
        program
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--storage.tsdb.retention.time=1h");
        let daemon = Daemon::start("Prometheus", &program, &folder.join("prometheus.log"))?;
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false);
        let prometheus = Self { daemon, address, agent: config.build().into() };
        let ready = format!("http://{address}/-/ready");
        prometheus.daemon.wait_until("Prometheus to be ready", || {
            let answer = prometheus.agent.get(&ready).call();
            Ok(answer.is_ok_and(|answer| answer.status() == 200).then_some(()))
        })?;
        Ok(prometheus)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What an expression says now: a vector, or a scalar as a sample without labels.
    ///
    /// # Errors
    /// When Prometheus refuses the expression, with its words.
    pub fn query(&self, expression: &str) -> Result<Vec<Sample>> {
        let data = self.get("query", &[("query", expression)]).with_context(|| expression.to_owned())?;
        let result = &data["result"];
        if data["resultType"] == "scalar" {
            return Ok(vec![Sample { labels: BTreeMap::new(), value: number(&result[1])? }]);
        }
        result.as_array().context("no result")?.iter().map(sample).collect()
    }

    /// Waits until an expression says something that satisfies `enough`, and returns that.
    ///
    /// # Errors
    /// When Prometheus refuses the expression, or the wait is in vain.
    pub fn wait_for(&self, expression: &str, enough: impl Fn(&[Sample]) -> bool) -> Result<Vec<Sample>> {
        wait_until(&format!("{expression} to be answered"), || {
            let samples = self.query(expression)?;
            Ok(enough(&samples).then_some(samples))
        })
    }

    /// All rules that it has loaded, as `/api/v1/rules` tells of them: `name`, `query`, `health`, `lastError`, `type`.
    ///
    /// # Errors
    /// When Prometheus does not answer.
    pub fn rules(&self) -> Result<Vec<Value>> {
        let data = self.get("rules", &[])?;
        let groups = data["groups"].as_array().context("no groups")?;
        Ok(groups.iter().filter_map(|group| group["rules"].as_array()).flatten().cloned().collect())
    }

    /// The names of all metrics that it has.
    ///
    /// # Errors
    /// When Prometheus does not answer.
    pub fn names(&self) -> Result<Vec<String>> {
        let data = self.get("label/__name__/values", &[])?;
        let names = data.as_array().context("no names")?;
        Ok(names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = format!("http://{}/api/v1/{path}", self.address);
        let mut answer = self.agent.get(&url).query_pairs(query.iter().copied()).call()?;
        let text = answer.body_mut().read_to_string()?;
        let mut answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        if answer["status"] != "success" {
            bail!("Prometheus says {}", answer["error"].as_str().unwrap_or(&text));
        }
        Ok(answer["data"].take())
    }
}

fn configured(targets: &[SocketAddr], rules: &[&Path]) -> Result<String> {
    let mut yaml = String::from(
        "global:\n  scrape_interval: 1s\n  scrape_timeout: 1s\n  evaluation_interval: 1s\nrule_files:\n",
    );
    for rules in rules {
        writeln!(yaml, "  - {}", std::path::absolute(rules)?.display())?;
    }
    yaml.push_str("scrape_configs:\n  - job_name: envoy\n    metrics_path: /stats/prometheus\n");
    yaml.push_str("    static_configs:\n      - targets:\n");
    for target in targets {
        writeln!(yaml, "          - {target}")?;
    }
    Ok(yaml)
}

fn sample(series: &Value) -> Result<Sample> {
    let labels = series["metric"].as_object().context("a series without labels")?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let labels = labels.iter().map(|(name, value)| (name.clone(), text(value))).collect();
    Ok(Sample { labels, value: number(&series["value"][1])? })
}

fn number(value: &Value) -> Result<f64> {
    let text = value.as_str().context("a value that is no string")?;
    text.parse().with_context(|| format!("{text} is no number"))
}
