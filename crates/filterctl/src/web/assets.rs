//! The page's files, as they are in `page/`.

/// A file that is served.
pub(super) struct Asset {
    /// Its path in the address.
    pub(super) path: &'static str,
    /// What it is.
    pub(super) kind: &'static str,
    /// What is in it.
    pub(super) content: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($path:literal: $kind:ident = $file:literal),+ $(,)?) => {
        &[$(Asset { path: $path, kind: $kind, content: include_str!(concat!("page/", $file)) }),+]
    };
}

/// All files.
const ASSETS: &[Asset] = assets![
    "/": HTML = "page.html",
    "/page.css": CSS = "page.css",
    "/panels.css": CSS = "panels.css",
    "/icon.svg": SVG = "icon.svg",
    "/page.js": JAVASCRIPT = "page.js",
    "/chart.js": JAVASCRIPT = "chart.js",
    "/element.js": JAVASCRIPT = "element.js",
    "/events.js": JAVASCRIPT = "events.js",
    "/numbers.js": JAVASCRIPT = "numbers.js",
    "/panels.js": JAVASCRIPT = "panels.js",
    "/run.js": JAVASCRIPT = "run.js",
    "/theme.js": JAVASCRIPT = "theme.js",
];

impl Asset {
    /// The file at this path.
    pub(super) fn at(path: &str) -> Option<&'static Self> {
        ASSETS.iter().find(|asset| asset.path == path)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    #[test]
    fn every_file_is_served() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/page");
        let files = std::fs::read_dir(folder).unwrap();
        let files: BTreeSet<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        let served = ASSETS.iter().map(|asset| match asset.path {
            "/" => "page.html".to_owned(),
            path => path.trim_start_matches('/').to_owned(),
        });
        assert_eq!(served.collect::<BTreeSet<_>>(), files);
    }

    #[test]
    fn nothing_is_loaded_from_elsewhere_and_no_text_becomes_markup() {
        for asset in ASSETS {
            // The name of SVG's namespace, which nobody fetches.
            let content = asset.content.replace("http://www.w3.org/2000/svg", "");
            for bad in
                ["http:", "https:", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]
            {
                assert!(!content.contains(bad), "{bad} in {}", asset.path);
            }
        }
    }
}
