//! The images of the release in a real registry, and what others fetch from there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use real_peers::release::{ISTIO_AGENT, PASSWORD, Registry, Skopeo, USERNAME};
use real_peers::{Peer, cluster};
use serde_json::Value;

use crate::Test;
use crate::files::hex;
use crate::ground::{Ground, files};

pub(crate) const TESTS: &[Test] = &[
    (
        "skopeo takes the layouts to a registry and back, unchanged",
        &[Peer::Skopeo, Peer::Registry],
        by_skopeo,
    ),
    ("filterctl push: skopeo fetches what digests.json says", &[Peer::Skopeo, Peer::Registry], pushed),
    ("filterctl push: a registry with a password lets in who has it", &[Peer::Registry], with_password),
    ("filterctl push: a changed folder, and a registry that is not there, are refused", &[], not_pushed),
    ("Helm 3 fetches the chart that was pushed", &[Peer::Registry, Peer::Helm3], by_helm_3),
    ("Helm 4 fetches the chart that was pushed", &[Peer::Registry, Peer::Helm4], by_helm_4),
    ("the chart package is what helm package makes of the folder", &[Peer::Helm3], chart_package),
    (
        "Istio's agent fetches each image, and compares the digest",
        &[Peer::Registry, Peer::IstioAgent],
        by_istio,
    ),
];

/// Where `filterctl push` puts the images in these tests.
const PATH: &str = "team/envoy-filters";

fn by_skopeo(ground: &Ground) -> Result<()> {
    let folder = ground.folder("skopeo")?;
    let (skopeo, registry) = (Skopeo::find(&folder)?, Registry::start()?);
    for digests in ground.digests.filters.values() {
        for image in [&digests.artifact, &digests.compat] {
            let (repository, tag) = image.reference.split_once(':').context("no tag")?;
            let layout = ground.release.join("oci").join(repository);
            let there = format!("docker://{}/{}", registry.host(), image.reference);
            skopeo.copy(&format!("oci:{}:{tag}", layout.display()), &there)?;
            let back = folder.join(format!("{repository}-{tag}"));
            skopeo.copy(&there, &format!("oci:{}:{tag}", back.display()))?;
            ensure!(hex(&skopeo.manifest(&there)?) == image.sha256, "{}", image.reference);
            same_image(&back, &image.sha256, &ground.read(&digests.file)?)?;
        }
    }
    Ok(())
}

/// Whether the only image of the layout has this manifest, and this module in its last layer.
fn same_image(layout: &Path, manifest: &str, module: &[u8]) -> Result<()> {
    let blob = |digest: &str| {
        let hex = digest.trim_start_matches("sha256:").to_owned();
        fs::read(layout.join("blobs/sha256").join(&hex)).context(hex)
    };
    let index: Value = serde_json::from_slice(&fs::read(layout.join("index.json"))?)?;
    ensure!(index["manifests"][0]["digest"] == format!("sha256:{manifest}"), "{index}");
    let manifest: Value = serde_json::from_slice(&blob(manifest)?)?;
    let layer = manifest["layers"].as_array().and_then(|layers| layers.last()).context("no layers")?;
    let contents = blob(layer["digest"].as_str().unwrap_or_default())?;
    if layer["mediaType"] == "application/vnd.module.wasm.content.layer.v1+wasm" {
        ensure!(contents == module, "another module");
        return Ok(());
    }
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(contents.as_slice()));
    for entry in archive.entries()? {
        let mut entry = entry?;
        if entry.path()?.as_os_str() == "plugin.wasm" {
            let mut contents = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut contents)?;
            ensure!(contents == module, "another module");
            return Ok(());
        }
    }
    anyhow::bail!("no plugin.wasm")
}

/// Pushes the release, with nothing of this machine's credentials.
fn push(ground: &Ground, host: &str, more: &[(&str, &str)]) -> Result<Output> {
    push_folder(ground, &ground.release, host, more)
}

fn push_folder(ground: &Ground, folder: &Path, host: &str, more: &[(&str, &str)]) -> Result<Output> {
    let nothing = ground.scratch.join("nothing");
    let output = ground
        .filterctl()
        .args(["push", "--plain-http", "--to", &format!("{host}/{PATH}")])
        .arg(folder)
        .env("DOCKER_CONFIG", &nothing)
        .env("REGISTRY_AUTH_FILE", nothing.join("auth.json"))
        .env_remove("REGISTRY_USERNAME")
        .env_remove("REGISTRY_PASSWORD")
        .envs(more.iter().copied())
        .output()?;
    Ok(output)
}

/// A registry that has the release.
fn filled(ground: &Ground) -> Result<Registry> {
    let registry = Registry::start()?;
    let output = push(ground, &registry.host(), &[])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(registry)
}

fn pushed(ground: &Ground) -> Result<()> {
    let folder = ground.folder("pushed")?;
    let (skopeo, registry) = (Skopeo::find(&folder)?, Registry::start()?);
    let output = push(ground, &registry.host(), &[])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout)?;
    let mut expected = Vec::new();
    for digests in ground.digests.filters.values() {
        for image in [&digests.artifact, &digests.compat] {
            let reference = format!("{}/{PATH}/{}", registry.host(), image.reference);
            expected.push(format!("{reference}@sha256:{}", image.sha256));
            let back = folder.join(&image.sha256);
            skopeo.copy(&format!("docker://{reference}"), &format!("oci:{}:x", back.display()))?;
            same_image(&back, &image.sha256, &ground.read(&digests.file)?)?;
        }
    }
    let chart = &ground.digests.chart.image;
    expected.push(format!("{}/{PATH}/{}@sha256:{}", registry.host(), chart.reference, chart.sha256));
    expected.sort();
    let mut lines: Vec<&str> = said.lines().collect();
    lines.sort_unstable();
    ensure!(lines == expected, "{said}");
    // Once more: all of it is there already.
    let again = push(ground, &registry.host(), &[])?;
    ensure!(again.status.success() && again.stdout == said.as_bytes());
    Ok(())
}

fn with_password(ground: &Ground) -> Result<()> {
    let registry = Registry::start_with_password()?;
    let said = |output: &Output| {
        String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned()
    };
    let nobody = push(ground, &registry.host(), &[])?;
    let expected = format!(
        "the registry lets nobody in so, and there are no credentials for it: `docker login {}`, or set \
         REGISTRY_USERNAME and REGISTRY_PASSWORD",
        registry.host()
    );
    ensure!(nobody.status.code() == Some(1) && said(&nobody).contains(&expected), "{}", said(&nobody));
    let wrong =
        push(ground, &registry.host(), &[("REGISTRY_USERNAME", USERNAME), ("REGISTRY_PASSWORD", "x")])?;
    ensure!(said(&wrong).contains("the credentials are those of the environment"), "{}", said(&wrong));
    let half = push(ground, &registry.host(), &[("REGISTRY_USERNAME", USERNAME)])?;
    ensure!(said(&half).contains("go together: one of them is not set"), "{}", said(&half));

    let right =
        push(ground, &registry.host(), &[("REGISTRY_USERNAME", USERNAME), ("REGISTRY_PASSWORD", PASSWORD)])?;
    ensure!(right.status.success(), "{}", said(&right));
    // As `docker login` keeps them.
    let docker = ground.folder("docker-login")?;
    let encoded = data_encoding::BASE64.encode(format!("{USERNAME}:{PASSWORD}").as_bytes());
    let config = serde_json::json!({"auths": {registry.host(): {"auth": encoded}}});
    fs::write(docker.join("config.json"), config.to_string())?;
    let logged_in = push(ground, &registry.host(), &[("DOCKER_CONFIG", &docker.display().to_string())])?;
    ensure!(logged_in.status.success(), "{}", said(&logged_in));
    Ok(())
}

fn not_pushed(ground: &Ground) -> Result<()> {
    let folder = ground.folder("changed")?;
    for (path, contents) in files(&ground.release)? {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, contents)?;
    }
    let nobody = format!("127.0.0.1:{}", real_peers::instance::free_port()?);
    let output = push_folder(ground, &folder, &nobody, &[])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        output.status.code() == Some(1) && said.contains("tried 4 times") && said.contains(&nobody),
        "{said}"
    );
    fs::write(folder.join("smtp-filter.wasm"), "something else")?;
    let output = push_folder(ground, &folder, &nobody, &[])?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(said.lines().count() == 1 && said.contains("smtp-filter.wasm was changed"), "{said}");
    Ok(())
}

fn by_helm_3(ground: &Ground) -> Result<()> {
    by_helm(ground, &cluster::HELM_3.find().context("no Helm 3")?, "helm3")
}

fn by_helm_4(ground: &Ground) -> Result<()> {
    by_helm(ground, &cluster::HELM_4.find().context("no Helm 4")?, "helm4")
}

fn by_helm(ground: &Ground, helm: &Path, name: &str) -> Result<()> {
    let (folder, registry) = (ground.folder(name)?, filled(ground)?);
    let chart = format!("oci://{}/{PATH}/envoy-filters", registry.host());
    let arguments = ["pull", &chart, "--version", &ground.digests.version, "--plain-http", "--destination"];
    helm_in(&folder, helm, &[&arguments[..], &["."]].concat())?;
    let fetched = fs::read(folder.join(&ground.digests.chart.file))?;
    ensure!(fetched == ground.read(&ground.digests.chart.file)?, "another chart");
    // And it is one: Helm reads it.
    helm_in(&folder, helm, &["lint", &ground.digests.chart.file])?;
    Ok(())
}

fn helm_in(folder: &Path, helm: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(helm)
        .args(arguments)
        .current_dir(folder)
        .env("HOME", folder)
        .env("HELM_CACHE_HOME", folder.join("cache"))
        .env("HELM_CONFIG_HOME", folder.join("config"))
        .env("HELM_DATA_HOME", folder.join("data"))
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "helm {}: {}", arguments.join(" "), said.trim());
    Ok(String::from_utf8(output.stdout)?)
}

fn chart_package(ground: &Ground) -> Result<()> {
    let folder = ground.folder("helm-package")?;
    let helm = cluster::HELM_3.find().context("no Helm 3")?;
    let chart = ground.clone.root.join("deploy/helm").display().to_string();
    helm_in(&folder, &helm, &["package", &chart, "--destination", "."])?;
    let theirs = entries(&fs::read(folder.join(&ground.digests.chart.file))?)?;
    let ours = entries(&ground.read(&ground.digests.chart.file)?)?;
    let names =
        |entries: &[(String, Vec<u8>)]| entries.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    ensure!(names(&ours) == names(&theirs), "{:?} and {:?}", names(&ours), names(&theirs));
    for ((name, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        if name.ends_with("/Chart.yaml") {
            // Helm writes it anew, in an order of its own.
            let read = |text: &[u8]| {
                serde_saphyr::from_str::<Value>(std::str::from_utf8(text)?).context("Chart.yaml")
            };
            ensure!(read(ours)? == read(theirs)?, "{name} differs");
        } else {
            ensure!(ours == theirs, "{name} differs");
        }
    }
    Ok(())
}

fn entries(package: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(package));
    let mut entries = Vec::new();
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.display().to_string();
        let mut contents = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut contents)?;
        entries.push((name, contents));
    }
    entries.sort();
    Ok(entries)
}

fn by_istio(ground: &Ground) -> Result<()> {
    let (folder, registry) = (ground.folder("istio-agent")?, filled(ground)?);
    let host = registry.host();
    let agent = ISTIO_AGENT.find().context("no agent")?;
    let fetch = |cache: &str, address: &str, sha256: &str| -> Result<Output> {
        let cache = folder.join(cache);
        fs::create_dir_all(&cache)?;
        Ok(Command::new(&agent).arg(&cache).args([address, sha256, &host]).env("HOME", &folder).output()?)
    };
    for (name, digests) in &ground.digests.filters {
        let module = ground.read(&digests.file)?;
        for image in [&digests.artifact, &digests.compat] {
            let address = format!("oci://{host}/{PATH}/{}", image.reference);
            let output = fetch(&image.sha256, &address, &image.sha256)?;
            ensure!(output.status.success(), "{address}: {}", String::from_utf8_lossy(&output.stderr));
            let path = String::from_utf8(output.stdout)?;
            ensure!(fs::read(path.trim())? == module, "{address}: another module");
            // The module's own digest is the wrong one here.
            let wrong = fetch("wrong", &address, &digests.sha256)?;
            ensure!(!wrong.status.success(), "{address} was taken with the digest of the module");
        }
        // By HTTP, the module's own digest is the right one. The registry serves the module as a layer.
        let address = format!("http://{host}/v2/{PATH}/{name}-filter/blobs/sha256:{}", digests.sha256);
        let output = fetch("http", &address, &digests.sha256)?;
        ensure!(output.status.success(), "{address}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}
