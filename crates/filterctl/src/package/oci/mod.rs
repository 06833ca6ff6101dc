//! Images for registries, as OCI layouts: folders that skopeo, crane, oras and `filterctl push` read.

mod images;
mod layout;

pub(super) use images::{chart, compat_image, wasm_artifact};
pub(crate) use layout::{Image, Layout, MANIFEST};
