//! An OCI layout (image-spec, image-layout.md): blobs by digest, and an index of what has a name.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use crate::build::sha256;

/// The media type of a manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const NAME: &str = "org.opencontainers.image.ref.name";
/// What a digest begins with; the layout knows no other kind.
const SHA256: &str = "sha256:";

/// What refers to a blob (image-spec, descriptor.md). Its fields are written in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Descriptor {
    /// What it is.
    pub(crate) media_type: String,
    /// `sha256:` and the digest in hexadecimal.
    pub(crate) digest: String,
    /// In octets.
    pub(crate) size: u64,
    /// What else is to be said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// Of these octets.
    pub(crate) fn of(media_type: &str, blob: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            digest: format!("{SHA256}{}", sha256(blob)),
            size: blob.len() as u64,
            annotations: BTreeMap::new(),
        }
    }

    /// With the file name under which tools such as oras unpack it.
    #[must_use]
    pub(crate) fn titled(mut self, title: &str) -> Self {
        self.annotations.insert("org.opencontainers.image.title".to_owned(), title.to_owned());
        self
    }

    /// The digest in hexadecimal, as Istio's `sha256` takes it.
    pub(crate) fn hex(&self) -> &str {
        self.digest.strip_prefix(SHA256).unwrap_or(&self.digest)
    }
}

/// A manifest (image-spec, manifest.md).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Manifest {
    /// Always 2.
    pub(crate) schema_version: u32,
    /// [`MANIFEST`].
    pub(crate) media_type: String,
    /// What describes the image.
    pub(crate) config: Descriptor,
    /// What it consists of.
    pub(crate) layers: Vec<Descriptor>,
    /// What else is to be said.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
}

/// An image: a manifest and the blobs that it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Image {
    /// Its tag.
    pub(crate) tag: String,
    /// The manifest's descriptor; its digest is the image's.
    pub(crate) descriptor: Descriptor,
    /// The manifest's octets.
    pub(crate) manifest: Vec<u8>,
    /// The blobs, config first, each with its descriptor.
    pub(crate) blobs: Vec<(Descriptor, Vec<u8>)>,
}

impl Image {
    /// Of a config and layers.
    ///
    /// # Errors
    /// None in practice: it writes JSON into memory.
    pub(crate) fn new(
        tag: &str,
        config: (Descriptor, Vec<u8>),
        layers: Vec<(Descriptor, Vec<u8>)>,
        annotations: BTreeMap<String, String>,
    ) -> Result<Self> {
        let manifest = Manifest {
            schema_version: 2,
            media_type: MANIFEST.to_owned(),
            config: config.0.clone(),
            layers: layers.iter().map(|(descriptor, _)| descriptor.clone()).collect(),
            annotations,
        };
        let manifest = serde_json::to_vec(&manifest)?;
        Ok(Self {
            tag: tag.to_owned(),
            descriptor: Descriptor::of(MANIFEST, &manifest),
            manifest,
            blobs: [config].into_iter().chain(layers).collect(),
        })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Index {
    schema_version: u32,
    media_type: String,
    manifests: Vec<Descriptor>,
}

/// A layout's folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// The layout in this folder, which may be about to be written.
    pub(crate) fn at(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Writes the layout with these images. What several of them share is there once.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub(crate) fn write(&self, images: &[Image]) -> Result<()> {
        let blobs = self.folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("making {}", blobs.display()))?;
        let mut index = Index { schema_version: 2, media_type: INDEX.to_owned(), manifests: Vec::new() };
        for image in images {
            let manifest = (&image.descriptor, &image.manifest);
            for (descriptor, blob) in image.blobs.iter().map(|(its, blob)| (its, blob)).chain([manifest]) {
                put(&blobs.join(descriptor.hex()), blob)?;
            }
            let mut named = image.descriptor.clone();
            named.annotations.insert(NAME.to_owned(), image.tag.clone());
            index.manifests.push(named);
        }
        put(&self.folder.join("index.json"), &serde_json::to_vec(&index)?)?;
        put(&self.folder.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// Reads the images back, comparing every digest.
    ///
    /// # Errors
    /// When it is no layout of this kind, or a blob is missing or not what its digest says.
    pub(crate) fn read(&self) -> Result<Vec<Image>> {
        let index: Index = self.json("index.json")?;
        ensure!(!index.manifests.is_empty(), "{} has no images", self.folder.display());
        index.manifests.into_iter().map(|named| self.image(named)).collect()
    }

    fn image(&self, mut named: Descriptor) -> Result<Image> {
        let tag = named
            .annotations
            .remove(NAME)
            .with_context(|| format!("{}: an image without a tag", self.folder.display()))?;
        ensure!(named.media_type == MANIFEST, "{tag} is a {}, not a manifest", named.media_type);
        let octets = self.blob(&named)?;
        let manifest: Manifest = serde_json::from_slice(&octets)?;
        let blobs = [manifest.config].into_iter().chain(manifest.layers).map(|descriptor| {
            let blob = self.blob(&descriptor)?;
            Ok((descriptor, blob))
        });
        let blobs = blobs.collect::<Result<_>>()?;
        Ok(Image { tag, descriptor: named, manifest: octets, blobs })
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let hex = descriptor.hex();
        // It becomes a path.
        ensure!(hex.len() == 64 && hex.bytes().all(|octet| octet.is_ascii_hexdigit()), "{hex}: no digest");
        let path = self.folder.join("blobs/sha256").join(hex);
        let blob = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        if Descriptor::of("", &blob).digest != descriptor.digest || blob.len() as u64 != descriptor.size {
            bail!("{} is not what its name says: the layout is damaged", path.display());
        }
        Ok(blob)
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, file: &str) -> Result<T> {
        let path = self.folder.join(file);
        let text = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        serde_json::from_slice(&text).with_context(|| format!("reading {}", path.display()))
    }
}

fn put(path: &Path, contents: &[u8]) -> Result<()> {
    fs::write(path, contents).with_context(|| format!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(tag: &str, layer: &[u8]) -> Image {
        let config = (Descriptor::of("application/json", b"{}"), b"{}".to_vec());
        let layer = (Descriptor::of("application/wasm", layer).titled("a.wasm"), layer.to_vec());
        Image::new(tag, config, vec![layer], BTreeMap::new()).unwrap()
    }

    #[test]
    fn what_is_written_is_read_back_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let layout = Layout::at(folder.path());
        let images = [image("1", b"one"), image("2", b"two")];
        layout.write(&images).unwrap();
        assert_eq!(layout.read().unwrap(), images);

        let (descriptor, _) = &images[1].blobs[1];
        fs::write(folder.path().join("blobs/sha256").join(descriptor.hex()), "owt").unwrap();
        let error = layout.read().unwrap_err().to_string();
        assert!(error.ends_with("is not what its name says: the layout is damaged"), "{error}");
    }

    #[test]
    fn a_manifest_is_an_image_manifest_and_nothing_else() {
        let image = image("1", b"one");
        let manifest: serde_json::Value = serde_json::from_slice(&image.manifest).unwrap();
        assert_eq!(manifest["schemaVersion"], 2);
        assert_eq!(manifest["mediaType"], MANIFEST);
        assert_eq!(manifest["layers"][0]["annotations"]["org.opencontainers.image.title"], "a.wasm");
        assert_eq!(image.descriptor.hex(), sha256(&image.manifest));
    }
}
