//! `filterctl run` of an extension: where its kind belongs in Envoy, and what is shown of it.

use std::collections::BTreeSet;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use common_metrics::stats_tags;
use envoy_runner::{
    Bootstrap, Delivery, Envoy, EnvoyBinary, Listener, StartOptions, Upstream, WasmFilter, WasmPlugin,
};

use super::address::{listen_address, reachable};
use super::configuration::Configuration;
use super::labels::labels;
use super::listing::Listing;
use super::servers;
use crate::build;
use crate::display::Stop;
use crate::failure::Usage;
use crate::filters;
use crate::kind::Kind;
use crate::said::Said;
use crate::workspace::{Module, Workspace};

/// The only listener.
const LISTENER: &str = "run";

/// The cluster that extensions call out to.
const CLUSTER: &str = "upstream";

/// How often Envoy, the log and the configuration file are looked at.
const LOOK: Duration = Duration::from_millis(250);

/// How often what has been counted is shown.
const COUNT: Duration = Duration::from_secs(2);

#[derive(Clone, Debug, Args)]
pub(super) struct Extension {
    /// The extension: a module of the workspace; by default that of the package in the current folder.
    #[arg(value_name = "MODULE")]
    module: Option<String>,

    /// Where clients connect: an address and a port, or a port of 127.0.0.1; 0 takes any free one.
    #[arg(long, value_name = "ADDRESS:PORT", value_parser = listen_address, default_value = "0")]
    listen: SocketAddr,

    /// The server behind the extension, which it can also call out to as the cluster `upstream`; otherwise a built-in
    /// one, which sends back what it gets.
    #[arg(long, value_name = "HOST:PORT")]
    upstream: Option<String>,

    /// The extension's configuration; otherwise config.json in the package's folder, if it is there. When the file
    /// changes, a filter gets the change at once.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// A label of the extension's metrics that is not in use yet when Envoy has started. The others are found.
    #[arg(long = "label", value_name = "NAME")]
    labels: Vec<String>,

    /// The Envoy to use; otherwise ENVOY_BIN, the PATH, or one installed under target/.
    #[arg(long, value_name = "PATH")]
    envoy: Option<PathBuf>,

    /// Ends by itself after this long, such as 1h; without it, at Ctrl-C.
    #[arg(long = "for", value_name = "DURATION", value_parser = humantime::parse_duration)]
    run_for: Option<Duration>,
}

impl Extension {
    pub(super) fn run(&self) -> Result<()> {
        let workspace = Workspace::find()?;
        let module = self.module(&workspace)?;
        let kind = kind_of(module)?;
        let mut configuration = Configuration::find(self.config.as_deref(), module)?;
        let server = match &self.upstream {
            Some(server) => reachable(server)?,
            None if kind == Kind::Network => servers::echo()?,
            None => servers::mirror()?,
        };
        // Found out now rather than after the module has been built.
        TcpListener::bind(self.listen).with_context(|| format!("--listen {}", self.listen))?;
        let stop = Stop::listen()?;
        let progress: &mut dyn FnMut(&str) = &mut |step| eprintln!("{step}");
        let binary = EnvoyBinary::find(self.envoy.as_deref(), &workspace.envoy_installs(), progress)?;
        let folder = workspace.target.join("runs").join(format!("{}-{}", module.name, std::process::id()));

        let scene = Scene {
            name: module.name.clone(),
            kind,
            module: build::module_of(&workspace, module, progress)?,
            listen: self.listen,
            server: Upstream::new(server.ip().to_string(), server.port()),
        };
        let start = |labels: &BTreeSet<String>| {
            let tags = stats_tags(labels.iter().map(String::as_str));
            let bootstrap = scene.bootstrap(configuration.text()).stats_tags(tags);
            Envoy::start(&binary, &bootstrap, &folder, &StartOptions::default())
        };
        let mut known: BTreeSet<String> = filters::sdk_labels().map(str::to_owned).collect();
        known.extend(self.labels.iter().cloned());
        let mut envoy = start(&known)?;
        let found = labels(&envoy.stats_text()?);
        if !found.is_subset(&known) {
            known.extend(found);
            envoy.stop()?;
            envoy = start(&known)?;
        }

        println!(
            "filterctl run · Envoy {} with {}, {}",
            binary.version,
            scene.module.display(),
            kind.in_words()
        );
        println!("{configuration}");
        let address = envoy.address(LISTENER).ok();
        println!("{}", what_to_try(kind, address, self.upstream.as_deref()));
        println!("metrics  http://{}/stats/prometheus?filter=wasmcustom", envoy.admin_address());
        println!("log      {}", envoy.log_path().display());
        println!(
            "{}\n",
            if self.run_for.is_some() { "stops by itself, or at Ctrl-C" } else { "Ctrl-C stops" }
        );

        self.watch(&scene, &envoy, &mut configuration, &mut known, stop)?;
        println!("\nin all");
        Listing::read(&envoy)?.lines().for_each(|line| println!("  {line}"));
        envoy.stop()?;
        // A folder that stays behind harms nobody: `target` is for such things.
        let _ = fs::remove_dir_all(&folder);
        Ok(())
    }

    fn module<'a>(&self, workspace: &'a Workspace) -> Result<&'a Module> {
        let there_are = || {
            let names: Vec<_> = workspace.modules.iter().map(|module| module.name.as_str()).collect();
            format!("in {} there are: {}", workspace.root.display(), names.join(", "))
        };
        match (&self.module, workspace.modules.as_slice()) {
            (Some(name), _) => workspace
                .module(name)
                .with_context(|| format!("there is no module {name:?}; {}", there_are())),
            (None, [only]) => Ok(only),
            (None, _) => workspace.module_here().ok_or_else(|| {
                let what = "which extension? The current folder belongs to none; say its name";
                Usage(format!("{what}: {}", there_are())).into()
            }),
        }
    }

    fn watch(
        &self,
        scene: &Scene,
        envoy: &Envoy,
        configuration: &mut Configuration,
        known: &mut BTreeSet<String>,
        stop: Stop,
    ) -> Result<()> {
        let (started, mut said, mut before) = (Instant::now(), Said::default(), Listing::default());
        let mut due = started;
        let is_over = || stop.is_asked() || self.run_for.is_some_and(|run_for| started.elapsed() >= run_for);
        while !is_over() {
            envoy.check_alive()?;
            if configuration.has_changed() {
                println!("config   {}", scene.reconfigure(envoy, configuration));
            }
            said.news(envoy)?.iter().for_each(|line| println!("log      {line}"));
            if Instant::now() >= due {
                due = Instant::now() + COUNT;
                let now = Listing::read(envoy)?;
                now.news(&before).for_each(|line| println!("counted  {line}"));
                before = now;
                for label in labels(&envoy.stats_text()?) {
                    if !known.contains(&label) {
                        println!("label    {label} is new: `--label {label}` makes it one from the start");
                        known.insert(label);
                    }
                }
            }
            std::thread::sleep(LOOK);
        }
        said.news(envoy)?.iter().for_each(|line| println!("log      {line}"));
        Ok(())
    }
}

fn kind_of(module: &Module) -> Result<Kind> {
    module.kind.ok_or_else(|| {
        let kinds = Kind::ALL.map(Kind::as_str).join("\", \"");
        anyhow!(
            "{}: [package.metadata.filterctl] does not say what {} is, so nobody knows where Envoy is to run it; add \
             kind = one of \"{kinds}\"",
            module.folder.join("Cargo.toml").display(),
            module.name
        )
    })
}

fn what_to_try(kind: Kind, address: Option<SocketAddr>, upstream: Option<&str>) -> String {
    let Some(address) = address else {
        let server = upstream.unwrap_or("a built-in server, which is always well");
        return format!("cluster  {CLUSTER} is {server}");
    };
    let server = match (upstream, kind) {
        (Some(server), _) => server,
        (None, Kind::Network) => "a server that sends back what it gets",
        (None, _) => "a server that shows the request; also /status/503 and /delay/800",
    };
    match kind {
        Kind::Network => format!("try      nc {} {}   ─▶ {server}", address.ip(), address.port()),
        _ => format!("try      curl -i http://{address}/   ─▶ {server}"),
    }
}

/// Where an extension stands.
struct Scene {
    name: String,
    kind: Kind,
    module: PathBuf,
    listen: SocketAddr,
    server: Upstream,
}

impl Scene {
    fn bootstrap(&self, configuration: Option<&str>) -> Bootstrap {
        let http = || Listener::http(LISTENER, self.server.clone()).address(self.listen);
        let bootstrap = Bootstrap::new().cluster(CLUSTER, self.server.clone());
        match self.kind {
            Kind::Http => bootstrap.listener(http().filter(self.filter(configuration))),
            Kind::Network => {
                let listener = Listener::new(LISTENER, self.server.clone()).address(self.listen);
                bootstrap.listener(listener.filter(self.filter(configuration)))
            }
            Kind::AccessLogger => bootstrap.listener(http().access_logger(self.plugin(configuration))),
            Kind::BackgroundService => bootstrap.background_service(self.plugin(configuration)),
        }
    }

    fn plugin(&self, configuration: Option<&str>) -> WasmPlugin {
        let plugin = WasmPlugin::new(&self.name, &self.module);
        configuration.into_iter().fold(plugin, WasmPlugin::configuration)
    }

    fn filter(&self, configuration: Option<&str>) -> WasmFilter {
        WasmFilter::from(self.plugin(configuration)).delivery(Delivery::File)
    }

    /// Gives a filter its new configuration, and says what became of it.
    fn reconfigure(&self, envoy: &Envoy, configuration: &Configuration) -> String {
        match self.kind {
            Kind::Http | Kind::Network => {
                match envoy.update_filter(LISTENER, &self.filter(configuration.text())) {
                    Ok(()) => "changed: in force for new connections".to_owned(),
                    Err(error) => format!("refused, the one before stays in force: {error}"),
                }
            }
            Kind::AccessLogger | Kind::BackgroundService => {
                format!("changed: {} gets it with the next `filterctl run`", self.kind.in_words())
            }
        }
    }
}
