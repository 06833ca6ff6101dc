//! What a listener does when a connection or a request is over.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::WasmPlugin;

/// Where a line per closed connection, or per request of an HTTP listener, goes, and its format (Envoy's
/// `%COMMAND%` operators; a line end is added).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessLog {
    /// Into this file; a relative path is meant from the run directory.
    File {
        /// The file.
        path: PathBuf,
        /// The format of a line.
        format: String,
    },
    /// To Envoy's standard output, which is then our own.
    Stdout {
        /// The format of a line.
        format: String,
    },
}

impl AccessLog {
    /// The `envoy.config.accesslog.v3.AccessLog`.
    pub(crate) fn to_json(&self, run_dir: &Path) -> Value {
        let (name, kind, path, format) = match self {
            Self::File { path, format } => {
                ("file", "file.v3.FileAccessLog", Some(run_dir.join(path)), format)
            }
            Self::Stdout { format } => ("stdout", "stream.v3.StdoutAccessLog", None, format),
        };
        let mut config = json!({
            "@type": format!("type.googleapis.com/envoy.extensions.access_loggers.{kind}"),
            "log_format": {"text_format_source": {"inline_string": format!("{format}\n")}},
        });
        if let Some(path) = path {
            config["path"] = json!(path);
        }
        json!({"name": format!("envoy.access_loggers.{name}"), "typed_config": config})
    }
}

/// A Wasm module as access logger.
pub(crate) fn wasm(plugin: &WasmPlugin) -> Value {
    json!({
        "name": "envoy.access_loggers.wasm",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.wasm.v3.WasmAccessLog",
            "config": plugin.to_json(),
        },
    })
}
