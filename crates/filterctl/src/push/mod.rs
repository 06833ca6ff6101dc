//! `filterctl push`: a release folder's images into a registry.

mod credentials;
mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, Result, ensure};

pub use registry::Transport;

use crate::package::folder::verify;
use crate::package::oci::Layout;
use credentials::Credentials;
use registry::Registry;

/// Puts the images of a release folder into a registry: each module as an OCI artifact and as a compat image, and the chart.
///
/// The folder is compared with its SHA256SUMS first. What the registry has already is not sent again. Each image is tagged
/// with the version, and the digest that the registry then has is printed.
///
/// Credentials are taken from REGISTRY_USERNAME and REGISTRY_PASSWORD, else from where `docker login` keeps them (DOCKER_CONFIG,
/// credential helpers too), else from where `podman login` does. Without any, the registry is asked without.
#[derive(Clone, Debug, clap::Args)]
pub struct Arguments {
    /// A folder that `filterctl package` made.
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,

    /// The registry, and the path below which the repositories are, such as registry.example.com/envoy-filters.
    #[arg(long, value_name = "REGISTRY/PATH")]
    to: Destination,

    /// Speak HTTP without TLS, for a registry on this machine.
    #[arg(long)]
    plain_http: bool,
}

/// Where images go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Host and port.
    pub registry: String,
    /// What stands before the repositories' names; may be empty.
    pub path: String,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix("oci://").unwrap_or(text).trim_end_matches('/');
        if text.contains("://") {
            return Err("name the registry without a scheme; --plain-http says that it has no TLS".to_owned());
        }
        let (registry, path) = text.split_once('/').unwrap_or((text, ""));
        // As all clients decide whether the first part is a host.
        if !registry.contains(['.', ':']) && registry != "localhost" {
            return Err(format!("`{registry}` is no registry's host; such as registry.example.com/{text}"));
        }
        Ok(Self { registry: registry.to_owned(), path: path.to_owned() })
    }
}

impl Destination {
    /// The whole path of a repository in the registry.
    pub fn repository(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}/{name}", self.path) }
    }
}

/// An image that a registry has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Host, repository and tag.
    pub reference: String,
    /// `sha256:` and the manifest's digest in hexadecimal, as the registry says it.
    pub digest: String,
}

/// Runs `filterctl push`.
///
/// # Errors
/// As [`push`].
pub fn run(arguments: &Arguments) -> Result<()> {
    let transport = if arguments.plain_http { Transport::PlainHttp } else { Transport::Https };
    let pushed = push(&arguments.folder, &arguments.to, transport, &mut |step| eprintln!("{step}"))?;
    for Pushed { reference, digest } in pushed {
        println!("{reference}@{digest}");
    }
    Ok(())
}

/// Pushes all images of a release folder. `progress` is told what is done, a line each.
///
/// # Errors
/// When the folder is not as it was made, or the registry refuses or cannot be reached after several tries.
pub fn push(
    folder: &Path,
    to: &Destination,
    transport: Transport,
    progress: &mut dyn FnMut(&str),
) -> Result<Vec<Pushed>> {
    verify(folder)?;
    let credentials = Credentials::of(&to.registry)?;
    let registry = Registry::new(&to.registry, transport, credentials)?;
    let mut pushed = Vec::new();
    for layout in layouts(&folder.join("oci"))? {
        let name = layout.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let repository = to.repository(&name);
        for image in Layout::at(&layout).read()? {
            progress(&format!("pushing {}/{repository}:{}", to.registry, image.tag));
            let digest = registry.push(&repository, &image)?;
            let reference = format!("{}/{repository}:{}", to.registry, image.tag);
            pushed.push(Pushed { reference, digest });
        }
    }
    Ok(pushed)
}

fn layouts(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut layouts: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    layouts.sort();
    ensure!(!layouts.is_empty(), "{} has no images", folder.display());
    Ok(layouts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_registry_and_a_path() {
        let parse = |text: &str| text.parse::<Destination>();
        let full = parse("oci://registry.example.com:5000/team/envoy-filters/").unwrap();
        assert_eq!(full.registry, "registry.example.com:5000");
        assert_eq!(full.repository("smtp-filter"), "team/envoy-filters/smtp-filter");
        assert_eq!(parse("localhost").unwrap().repository("a"), "a");
        assert!(parse("https://registry.example.com").unwrap_err().contains("without a scheme"));
        assert!(parse("envoy-filters").unwrap_err().contains("no registry's host"));
    }
}
