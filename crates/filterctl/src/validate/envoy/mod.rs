//! Envoy configurations that hold filters of the suite: a bootstrap, a file of listeners (LDS) or of filters (ECDS).

mod chain;
pub(super) mod plugin;
mod stats;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::document::{self, Node};
use super::report::{Finding, Place, Report, Severity};
use crate::filters::Filter;

/// How the type of a network filter that is a Wasm module ends.
const NETWORK_WASM: &str = "envoy.extensions.filters.network.wasm.v3.Wasm";
/// How the type of a listener ends.
const LISTENER: &str = "envoy.config.listener.v3.Listener";
/// How the type of a filter in a file of its own ends.
const EXTENSION: &str = "envoy.config.core.v3.TypedExtensionConfig";

/// Whether a document is Envoy's.
pub(super) fn looks_like_one(document: &Node) -> bool {
    let top = Place::top(Path::new(""), document);
    let of_bootstrap =
        ["static_resources", "dynamic_resources", "stats_config", "admin", "node", "bootstrap_extensions"];
    of_bootstrap.iter().any(|name| top.proto(name).is_some_and(|field| field.node.is_map()))
        || document.get("@type").is_some()
        || document.get("resources").is_some()
        || top.proto("filter_chains").is_some()
        || !entries(&top).is_empty()
}

/// The filters of a document that is a part of a listener: a filter chain, or some entries of one.
fn entries<'a>(top: &Place<'a>) -> Vec<Place<'a>> {
    let is_entry = |place: &Place<'_>| {
        ["typed_config", "config_discovery"].iter().any(|name| place.proto(name).is_some())
    };
    let chain = top.get("filters");
    let items = chain.as_ref().unwrap_or(top).items();
    let all: Vec<_> = if is_entry(top) { vec![top.clone()] } else { items.collect() };
    if all.iter().all(is_entry) { all } else { Vec::new() }
}

/// Checks a document of Envoy's. Its text is needed for what strings of it hold.
pub(super) fn check(file: &Path, source: &str, document: &Node, report: &mut Report) {
    let mut all = All { folder: file.parent().unwrap_or(Path::new("")).to_owned(), ..All::default() };
    all.document(file, source, document, report);
    all.compare(report);
    if all.found.is_empty() && all.elsewhere == 0 {
        let top = Place::top(file, document);
        let place = all.other_wasm.as_ref().map_or_else(
            || "there is no filter of the suite in it".to_owned(),
            |path| format!("there is no filter of the suite in it; {path} is another extension"),
        );
        report.warning(&top, place).suggest("a filter's root_id is `smtp` or `ldap`");
    }
    let top = Place::top(file, document);
    if looks_like_bootstrap(&top) {
        stats::check(&top, &all.filters(), report);
    }
}

fn looks_like_bootstrap(top: &Place<'_>) -> bool {
    top.proto("static_resources").is_some() || top.proto("dynamic_resources").is_some()
}

/// A filter of the suite that was found.
#[derive(Clone, Debug)]
struct Found {
    filter: &'static Filter,
    /// The listener that it stands in; of a file of its own, unknown.
    listener: String,
    vm_id: Option<Remark>,
    stat_prefix: Remark,
}

/// A value that is compared with others, and what a finding about it needs.
#[derive(Clone, Debug)]
pub(super) struct Remark {
    value: String,
    file: PathBuf,
    at: document::Position,
    path: String,
}

impl Remark {
    fn new(value: &str, place: &Place<'_>) -> Self {
        Self { value: value.to_owned(), file: place.file.to_owned(), at: place.at, path: place.path.clone() }
    }

    /// What it says.
    pub(super) fn value(&self) -> &str {
        &self.value
    }

    /// Notes a warning about it.
    pub(super) fn warn(&self, report: &mut Report, message: String, suggestion: &str) {
        report.push(Finding {
            file: self.file.clone(),
            at: self.at,
            severity: Severity::Warning,
            path: self.path.clone(),
            message,
            suggestion: Some(suggestion.to_owned()),
        });
    }
}

/// Everything in a configuration and the files that it refers to.
#[derive(Default)]
struct All {
    folder: PathBuf,
    found: Vec<Found>,
    /// Filters that are configured in files which are not here.
    elsewhere: usize,
    /// A Wasm filter that is not ours.
    other_wasm: Option<String>,
    followed: Vec<PathBuf>,
}

impl All {
    fn document(&mut self, file: &Path, source: &str, document: &Node, report: &mut Report) {
        let top = Place::top(file, document);
        if let Some(resources) = top.get("resources") {
            for resource in resources.items() {
                self.resource(source, &resource, report);
            }
        } else if document.get("@type").is_some() {
            self.resource(source, &top, report);
        } else if top.proto("filter_chains").is_some() {
            chain::listener(self, source, &top, report);
        }
        let entries = entries(&top);
        if document.get("filters").is_some() {
            chain::check_chain(self, source, "", &entries, report);
        } else {
            for entry in &entries {
                if let Some(typed) = entry.proto("typed_config") {
                    self.network_wasm(source, "", entry, &typed, report);
                }
            }
        }
        let listeners = top.proto("static_resources").and_then(|resources| resources.get("listeners"));
        for listener in listeners.iter().flat_map(Place::items) {
            chain::listener(self, source, &listener, report);
        }
        let lds = top.proto("dynamic_resources").and_then(|resources| resources.proto("lds_config"));
        if let Some(path) = lds.as_ref().and_then(path_of) {
            self.follow(&path, "", report);
        }
    }

    /// An entry of a file of listeners or filters.
    fn resource(&mut self, source: &str, resource: &Place<'_>, report: &mut Report) {
        let kind = resource.text_of("@type").unwrap_or_default();
        if kind.ends_with(LISTENER) {
            chain::listener(self, source, resource, report);
        } else if kind.ends_with(EXTENSION)
            && let Some(typed) = resource.proto("typed_config")
        {
            self.network_wasm(source, "", resource, &typed, report);
        }
    }

    /// A network filter's `typed_config`, if it is a Wasm module; says whether it is one of ours.
    fn network_wasm(
        &mut self,
        source: &str,
        listener: &str,
        entry: &Place<'_>,
        typed: &Place<'_>,
        report: &mut Report,
    ) -> Option<&'static Filter> {
        if !typed.text_of("@type").is_some_and(|kind| kind.ends_with(NETWORK_WASM)) {
            return None;
        }
        let config = typed.get("config");
        let name = entry.text_of("name").unwrap_or_default();
        let place = config.as_ref().unwrap_or(typed);
        let Some(filter) = plugin::filter_of(place, name) else {
            self.other_wasm = Some(typed.path.clone());
            return None;
        };
        let checked = plugin::check(filter, plugin::Where::PlainEnvoy, source, place, report);
        self.found.push(Found {
            filter,
            listener: listener.to_owned(),
            vm_id: checked.vm_id,
            stat_prefix: checked.stat_prefix,
        });
        Some(filter)
    }

    /// Looks into a file that the configuration names: at its path, or beside the configuration, because the path is that
    /// of the machine where Envoy runs.
    fn follow(&mut self, path: &str, listener: &str, report: &mut Report) -> Option<&'static Filter> {
        let name = Path::new(path).file_name()?;
        let parent = Path::new(path).parent().and_then(Path::file_name);
        let mut candidates = vec![PathBuf::from(path), self.folder.join(path), self.folder.join(name)];
        candidates.extend(parent.map(|parent| self.folder.join(parent).join(name)));
        let Some(file) = candidates.into_iter().find(|file| file.is_file()) else {
            self.elsewhere += 1;
            return None;
        };
        if self.followed.contains(&file) {
            return None;
        }
        self.followed.push(file.clone());
        let source = fs::read_to_string(&file).ok()?;
        let before = self.found.len();
        match document::parse(&source) {
            Ok(documents) => {
                documents.iter().for_each(|document| self.document(&file, &source, document, report));
            }
            Err(error) => super::malformed(&file, error, report),
        }
        for found in &mut self.found[before..] {
            if found.listener.is_empty() {
                listener.clone_into(&mut found.listener);
            }
        }
        self.found.get(before).map(|found| found.filter)
    }

    /// Compares the filters of different listeners.
    fn compare(&self, report: &mut Report) {
        let mut vms: BTreeMap<&str, &Found> = BTreeMap::new();
        let mut prefixes: BTreeMap<(&str, &str), &Found> = BTreeMap::new();
        for found in &self.found {
            if let Some(vm_id) = &found.vm_id {
                let first = vms.entry(&vm_id.value).or_insert(found);
                if first.listener != found.listener {
                    let message = format!(
                        "the listeners {} and {} share the vm_id {:?}: a failed VM takes the connections of both",
                        first.listener, found.listener, vm_id.value
                    );
                    vm_id.warn(report, message, "give each listener a vm_id of its own");
                }
            }
            let prefix = &found.stat_prefix;
            let first = prefixes.entry((found.filter.name, &prefix.value)).or_insert(found);
            if first.listener != found.listener {
                let message = format!(
                    "the listeners {} and {} share the stat_prefix {:?}: their metrics are added up",
                    first.listener, found.listener, prefix.value
                );
                prefix.warn(report, message, "give each listener a stat_prefix of its own");
            }
        }
    }

    fn filters(&self) -> Vec<&'static Filter> {
        let mut filters: Vec<&'static Filter> = Vec::new();
        for found in &self.found {
            if !filters.iter().any(|filter| filter.name == found.filter.name) {
                filters.push(found.filter);
            }
        }
        filters
    }
}

/// The file of a `ConfigSource`.
fn path_of(source: &Place<'_>) -> Option<String> {
    let path = source.proto("path_config_source").and_then(|source| source.text_of("path"));
    path.or_else(|| source.text_of("path")).map(str::to_owned)
}

impl Place<'_> {
    /// The field of this name, written as in the `.proto` file or as in protobuf's JSON.
    pub(super) fn proto(&self, name: &str) -> Option<Self> {
        self.get(name).or_else(|| self.get(&camel_case(name)))
    }
}

fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let mut letters = word.chars();
        let capital: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
        name + &capital + letters.as_str()
    })
}
