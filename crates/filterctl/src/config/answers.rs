//! The answers that a configuration is made from: what was asked, checked, with what is usual for the rest.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use anyhow::Result;
use serde_json::{Map, Value};

use super::arguments::{Api, Failure, Make, Part, Placement, Target};
use super::listener::{Source, usual_name};
use crate::failure::Usage;
use crate::filters::Filter;
use crate::validate::filter_config::Schema;
use crate::validate::read_filter_config;

/// The answers.
#[derive(Clone, Debug)]
pub(super) struct Answers {
    pub(super) filter: &'static Filter,
    pub(super) target: Target,
    pub(super) part: Part,
    pub(super) listeners: Vec<Place>,
    pub(super) source: Source,
    pub(super) sha256: Option<String>,
    pub(super) failure: Failure,
    pub(super) idle_timeout: Option<Duration>,
    pub(super) certificate: Option<(String, String)>,
    pub(super) authority: Option<String>,
    pub(super) api: Api,
    pub(super) placement: Placement,
    pub(super) workload: Workload,
    pub(super) namespace: Option<String>,
}

/// A listener with its filter and the server behind it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) address: IpAddr,
    pub(super) port: u16,
    pub(super) target: Option<u16>,
    pub(super) host: String,
    pub(super) host_port: u16,
    /// Whether somebody said which server it is.
    pub(super) is_host_said: bool,
    pub(super) tls: bool,
    pub(super) upstream_tls: bool,
    /// The filter's own configuration.
    pub(super) config: Map<String, Value>,
}

/// Whose proxies get the filter.
#[derive(Clone, Debug)]
pub(super) enum Workload {
    /// Those of pods with these labels.
    Labels(BTreeMap<String, String>),
    /// Likewise, but nobody said which labels.
    Unsaid(&'static str, &'static str),
    /// Those of a Gateway of the Gateway API.
    Gateway(String),
}

impl Answers {
    /// Checks what was asked.
    ///
    /// # Errors
    /// When it does not fit together; says what would be right.
    pub(super) fn new(filter: &'static Filter, make: &Make) -> Result<Self> {
        let target = make.target.ok_or_else(|| usage("--for envoy, istio or helm is missing"))?;
        out_of_place(target, make)?;
        let part = make.part.unwrap_or(Part::Bootstrap);
        if part == Part::Filter && make.listeners.len() > 1 {
            return Err(usage("--part filter is one filter: name one --listener"));
        }
        let placement = make.placement.unwrap_or_default();
        let listeners = places(filter, target, placement, make)?;
        let failure = make.failure.unwrap_or(match target {
            Target::Envoy => Failure::Reload,
            Target::Istio | Target::Helm => Failure::Open,
        });
        Ok(Self {
            filter,
            target,
            part,
            listeners,
            source: source(filter, target, make)?,
            sha256: make.sha256.clone(),
            failure,
            idle_timeout: make.idle_timeout,
            certificate: make.certificate.clone().zip(make.key.clone()),
            authority: make.authority.clone(),
            api: make.api.unwrap_or_default(),
            placement,
            workload: workload(filter, placement, make)?,
            namespace: make.namespace.clone(),
        })
    }
}

/// A mistake on the command line.
pub(super) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Options that are for another target.
fn out_of_place(target: Target, make: &Make) -> Result<()> {
    let of_envoy = [
        ("--upstream", !make.servers.is_empty()),
        ("--part", make.part.is_some()),
        ("--idle-timeout", make.idle_timeout.is_some()),
        ("--tls", !make.tls.is_empty()),
        ("--upstream-tls", !make.upstream_tls.is_empty()),
    ];
    let of_istio = [
        ("--api", make.api.is_some()),
        ("--placement", make.placement.is_some()),
        ("--selector", !make.selector.is_empty()),
        ("--target-gateway", make.target_gateway.is_some()),
        ("--namespace", make.namespace.is_some()),
    ];
    let (wrong, right) = match target {
        Target::Envoy => (&of_istio, "--for istio and --for helm"),
        Target::Istio | Target::Helm => (&of_envoy, "--for envoy"),
    };
    match wrong.iter().find(|(_, is_said)| *is_said) {
        Some((option, _)) => Err(usage(format!("{option} is for {right}"))),
        None => Ok(()),
    }
}

fn places(filter: &'static Filter, target: Target, placement: Placement, make: &Make) -> Result<Vec<Place>> {
    let base = base_config(filter, make)?;
    let mut places: Vec<Place> = Vec::new();
    for listener in &make.listeners {
        let name = listener.name.clone().unwrap_or_else(|| {
            let usual = usual_name(filter.name, listener.port);
            usual.map_or_else(|| format!("{}-{}", filter.name, listener.port), str::to_owned)
        });
        if let Some(other) = places.iter().find(|other| other.name == name) {
            return Err(usage(format!(
                "two listeners are called {name} (ports {} and {}): give one a name, such as --listener {name}-2={}",
                other.port, listener.port, listener.port
            )));
        }
        if places.iter().any(|other| other.port == listener.port && other.address == listener.address) {
            return Err(usage(format!("two listeners have the port {}", listener.port)));
        }
        if target != Target::Envoy && !is_dns_label(&name) {
            return Err(usage(format!(
                "{name:?} cannot be the name of a resource in Kubernetes: use up to 40 of a-z 0-9 -, such as --listener {}={}",
                name.to_ascii_lowercase().replace('_', "-"),
                listener.port
            )));
        }
        let prefix = match (&make.stat_prefix, make.listeners.len()) {
            (Some(prefix), 1) => prefix.clone(),
            (Some(prefix), _) => format!("{prefix}-{name}"),
            (None, _) => match base.get("stat_prefix").and_then(Value::as_str) {
                Some(prefix) if make.listeners.len() == 1 => prefix.to_owned(),
                Some(prefix) => format!("{prefix}-{name}"),
                None => name.clone(),
            },
        };
        let mut config = Map::new();
        config.insert("stat_prefix".to_owned(), prefix.into());
        if let Some(reporter) = reporter(target, placement, make, &base) {
            config.insert("reporter".to_owned(), reporter.into());
        }
        for (name, value) in &base {
            config.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if let Some(level) = &make.level {
            config.insert("level".to_owned(), level.clone().into());
        }
        filter
            .check(Value::from(config.clone()).to_string().as_bytes())
            .map_err(|error| usage(error.to_string()))?;
        places.push(Place {
            name,
            address: listener.address,
            port: listener.port,
            target: listener.target,
            host: String::new(),
            host_port: listener.port,
            is_host_said: false,
            tls: false,
            upstream_tls: false,
            config,
        });
    }
    servers(filter, make, &mut places)?;
    for (option, names) in [("--tls", &make.tls), ("--upstream-tls", &make.upstream_tls)] {
        for name in names {
            let place = named(&mut places, option, name)?;
            if option == "--tls" {
                place.tls = true;
            } else {
                place.upstream_tls = true;
            }
        }
    }
    Ok(places)
}

/// What the file says, with the choices of the command line checked against the schema.
fn base_config(filter: &'static Filter, make: &Make) -> Result<Map<String, Value>> {
    let base = make.config.as_deref().map(|file| read_filter_config(file, filter)).transpose()?;
    let schema = Schema::of(filter);
    for (option, field, value) in
        [("--reporter", "reporter", &make.reporter), ("--level", "level", &make.level)]
    {
        let choices = schema.choices(&[field]);
        if let Some(value) = value.as_ref().filter(|value| !choices.contains(value)) {
            return Err(usage(format!("{option} {value}: it is {}", choices.join(", "))));
        }
    }
    Ok(match base {
        Some(Value::Object(fields)) => fields,
        _ => Map::new(),
    })
}

/// The hop. An Envoy of its own is a gateway, unless somebody says otherwise. In a mesh the placement tells.
fn reporter<'a>(
    target: Target,
    placement: Placement,
    make: &'a Make,
    base: &'a Map<String, Value>,
) -> Option<&'a str> {
    let said = make.reporter.as_deref().or_else(|| base.get("reporter").and_then(Value::as_str));
    said.or(match (target, placement) {
        // The chart says it.
        (Target::Helm, _) => None,
        (Target::Envoy, _) | (Target::Istio, Placement::Gateway | Placement::Egress) => Some("gateway"),
        (Target::Istio, Placement::SidecarInbound) => Some("inbound"),
        (Target::Istio, Placement::SidecarOutbound) => Some("outbound"),
    })
}

fn servers(filter: &Filter, make: &Make, places: &mut [Place]) -> Result<()> {
    let example = if filter.name == "ldap" { "directory.example.com" } else { "mail.example.com" };
    for place in places.iter_mut() {
        example.clone_into(&mut place.host);
    }
    // What is said of all first: what is said of one goes before it.
    for server in make.servers.iter().filter(|server| server.listener.is_none()) {
        if make.servers.iter().filter(|other| other.listener.is_none()).count() > 1 {
            return Err(usage(
                "several servers: say which listener each is behind, such as --upstream relay=mail.example.com:25",
            ));
        }
        for place in places.iter_mut() {
            server.host.clone_into(&mut place.host);
            place.host_port = server.port.unwrap_or(place.port);
            place.is_host_said = true;
        }
    }
    for server in &make.servers {
        let Some(listener) = &server.listener else { continue };
        let place = named(places, "--upstream", listener)?;
        server.host.clone_into(&mut place.host);
        place.host_port = server.port.unwrap_or(place.port);
        place.is_host_said = true;
    }
    Ok(())
}

/// The listener of this name or port.
fn named<'a>(places: &'a mut [Place], option: &str, name: &str) -> Result<&'a mut Place> {
    let names: Vec<String> = places.iter().map(|place| place.name.clone()).collect();
    let found = places.iter_mut().find(|place| place.name == name || place.port.to_string() == name);
    found.ok_or_else(|| {
        usage(format!("{option} {name}: no listener is called so; there are: {}", names.join(", ")))
    })
}

fn source(filter: &Filter, target: Target, make: &Make) -> Result<Source> {
    let version = env!("CARGO_PKG_VERSION");
    let source = make.source.clone().unwrap_or_else(|| match target {
        Target::Envoy => Source::File(format!("/etc/envoy/{}.wasm", filter.package)),
        Target::Istio | Target::Helm => {
            Source::Oci(format!("registry.example.com/envoy-filters/{}:{version}", filter.package))
        }
    });
    match (&source, target) {
        (Source::Oci(_) | Source::Https(_), Target::Envoy) => Err(usage(format!(
            "Envoy takes the module from a file: fetch it, and say --source /etc/envoy/{}.wasm",
            filter.package
        ))),
        (Source::Https(_), _) if make.sha256.is_none() => Err(usage(
            "--source https://… needs --sha256, because whatever the server sends would run: the module's is in SHA256SUMS of the release",
        )),
        (Source::File(_), _) if make.sha256.is_some() => {
            Err(usage("--sha256 is for a source that is fetched: oci:// or https://"))
        }
        _ => Ok(source),
    }
}

fn workload(filter: &Filter, placement: Placement, make: &Make) -> Result<Workload> {
    if let Some(gateway) = &make.target_gateway {
        if make.api == Some(Api::EnvoyFilter) {
            return Err(usage(
                "--target-gateway is for WasmPlugin and TrafficExtension; an EnvoyFilter takes --selector",
            ));
        }
        return Ok(Workload::Gateway(gateway.clone()));
    }
    Ok(match (make.selector.is_empty(), placement) {
        (false, _) => Workload::Labels(make.selector.iter().cloned().collect()),
        (true, Placement::Gateway) => Workload::Unsaid("istio", "ingressgateway"),
        (true, Placement::Egress) => Workload::Unsaid("istio", "egressgateway"),
        (true, Placement::SidecarOutbound) => Workload::Unsaid("app", "client"),
        (true, Placement::SidecarInbound) if filter.name == "ldap" => Workload::Unsaid("app", "directory"),
        (true, Placement::SidecarInbound) => Workload::Unsaid("app", "mail"),
    })
}

/// A name that Kubernetes takes for a part of a resource's name.
fn is_dns_label(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=40).contains(&name.len())
        && name.bytes().all(inside)
        && !name.starts_with('-')
        && !name.ends_with('-')
}
