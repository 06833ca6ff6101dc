//! The release folder's README: what is what, and how to check it.

use super::oci::Image;
use super::release::Release;

const TEMPLATE: &str = include_str!("readme.template");

/// The text. `images` are those of each repository, with what they hold; `chart` is the chart package's file; `command` makes
/// the same folder again.
pub(super) fn readme(
    release: &Release,
    chart: &str,
    images: &[(String, &'static str, &Image)],
    command: &str,
) -> String {
    let modules: Vec<String> = release
        .modules
        .iter()
        .map(|module| format!("| `{}` | the {}-filter: a module for Envoy |", module.file, module.filter))
        .collect();
    let images: Vec<String> = images
        .iter()
        .map(|(repository, what, image)| format!("| `{repository}:{}` | {what} |", image.tag))
        .collect();
    let binaryen =
        release.wasm_opt.as_ref().map(|version| format!(" and binaryen {version}")).unwrap_or_default();
    TEMPLATE
        .replace("{modules}", &modules.join("\n"))
        .replace("{images}", &images.join("\n"))
        .replace("{name}", &release.name)
        .replace("{version}", &release.version)
        .replace("{revision}", &release.revision)
        .replace("{chart}", chart)
        .replace("{compiler}", &release.compiler)
        .replace("{binaryen}", &binaryen)
        .replace("{command}", command)
}
