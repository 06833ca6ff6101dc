//! What there is to fuzz.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;
use session_driver::config_schema;

use crate::ldap::Ldap;
use crate::smtp::Smtp;
use crate::{
    configuration, conversation, layers, ldap_messages, mail_data, opening, passage, smtp_lines, whole_filter,
};

/// One thing to fuzz.
#[derive(Clone, Debug)]
pub struct Target {
    /// Its name: `smtp-session`.
    pub name: String,
    /// What it is about, and what helps.
    pub profile: Profile,
    judge: fn(&[u8]),
    told: Option<Told>,
}

/// A target's name, what judges an input, and what tells it to people.
type Row = (&'static str, fn(&[u8]), Option<Told>);

/// What passes in an input that is a script.
type Told = fn(&[u8]) -> String;

/// What `targets.toml` says of a target.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Profile {
    /// What it is about.
    pub about: String,
    /// Octets of the longest input that is worth trying.
    pub longest: usize,
    /// Which words help.
    pub dictionary: String,
    /// Whether the short run of the tests leaves it out: what is found there is mostly news of somebody else's decoder.
    #[serde(default)]
    pub long_run_only: bool,
    /// Whether it is fuzzed only where it is named.
    #[serde(default)]
    pub only_named: bool,
}

impl Target {
    /// Gives it one input.
    ///
    /// # Panics
    /// When an oracle refuses what came of it.
    pub fn run(&self, data: &[u8]) {
        (self.judge)(data);
    }

    /// What an input says, for people: a script as what passes, anything else as it is.
    pub fn told(&self, data: &[u8]) -> String {
        self.told.map_or_else(|| format!("{}\n", data.escape_ascii()), |told| told(data))
    }
}

/// All targets, in the order of their names.
///
/// # Errors
/// When `targets.toml` cannot be read, or names others than there are.
pub fn targets() -> Result<Vec<Target>> {
    let mut profiles: BTreeMap<String, Profile> =
        toml::from_str(include_str!("../targets.toml")).context("reading targets.toml")?;
    let mut targets = Vec::new();
    for (name, judge, told) in JUDGES {
        let profile = profiles.remove(*name).with_context(|| format!("targets.toml does not name {name}"))?;
        targets.push(Target { name: (*name).to_owned(), profile, judge: *judge, told: *told });
    }
    anyhow::ensure!(profiles.is_empty(), "targets.toml names what is no target: {:?}", profiles.keys());
    targets.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(targets)
}

/// The target with this name.
///
/// # Errors
/// When there is none.
pub fn target(name: &str) -> Result<Target> {
    targets()?
        .into_iter()
        .find(|target| target.name == name)
        .with_context(|| format!("there is no target {name}"))
}

const JUDGES: &[Row] = &[
    ("smtp-command", smtp_lines::command, None),
    ("smtp-reply", smtp_lines::reply, None),
    ("smtp-data", mail_data::judge, None),
    ("smtp-session", conversation::judge::<Smtp>, Some(passage::read_aloud::<Smtp, 0>)),
    (
        "smtp-filter",
        |data| whole_filter::judge::<Smtp>("smtp", smtp_filter::module, data),
        Some(passage::read_aloud::<Smtp, 1>),
    ),
    (
        "smtp-configuration",
        |data| configuration::judge::<smtp_filter::Smtp>(smtp_filter::module, &SMTP_SCHEMA, data),
        None,
    ),
    ("ldap-ber", ldap_messages::ber, None),
    ("ldap-message", ldap_messages::message, None),
    ("ldap-filter-shape", ldap_messages::filter, None),
    ("ldap-sasl", ldap_messages::sasl, None),
    ("ldap-session", conversation::judge::<Ldap>, Some(passage::read_aloud::<Ldap, 0>)),
    ("ldap-layers", layers::judge, Some(passage::read_aloud::<Ldap, 1>)),
    (
        "ldap-filter",
        |data| whole_filter::judge::<Ldap>("ldap", ldap_filter::module, data),
        Some(passage::read_aloud::<Ldap, 1>),
    ),
    (
        "ldap-configuration",
        |data| configuration::judge::<ldap_filter::Ldap>(ldap_filter::module, &LDAP_SCHEMA, data),
        None,
    ),
    ("smtp-references", smtp_lines::references, None),
    ("ldap-references", ldap_messages::references, None),
    ("broken-on-purpose", mail_data::broken_on_purpose, None),
    ("opening", opening::judge, None),
    ("driver", opening::driver, None),
    (
        "stat-name",
        |data| {
            configuration::stat_names(&smtp_filter::catalogue::SMTP, data);
            configuration::stat_names(&ldap_filter::catalogue::LDAP, data);
        },
        None,
    ),
];

/// The JSON Schema of a configuration of the SMTP filter.
pub(crate) static SMTP_SCHEMA: LazyLock<Value> = LazyLock::new(config_schema::<smtp_filter::Smtp>);
/// The JSON Schema of a configuration of the LDAP filter.
pub(crate) static LDAP_SCHEMA: LazyLock<Value> = LazyLock::new(config_schema::<ldap_filter::Ldap>);
