//! Foreign functions: what Envoy has beyond the ABI, and what a test adds.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use envoy_sdk::native_host::Answer;
use envoy_sdk::{LifeSpan, Status};
use prost::Message;

use crate::filter_state::Declaration;
use crate::log_line::{LogLevel, LogLine};
use crate::world::State;

type Function = Arc<dyn Fn(&[u8]) -> Answer<Vec<u8>> + Send + Sync>;

/// Functions that a test has registered, by name.
#[derive(Clone, Default)]
pub(crate) struct ForeignFunctions(BTreeMap<String, Function>);

impl ForeignFunctions {
    pub(crate) fn register(&mut self, name: String, function: Function) {
        self.0.insert(name, function);
    }
}

impl fmt::Debug for ForeignFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Functions of Envoy 1.36.2 and 1.40.0 that a test has to register if it wants them.
const NOT_MODELLED: [&[u8]; 7] = [
    b"compress",
    b"uncompress",
    b"sign",
    b"verify_signature",
    b"expr_create",
    b"expr_evaluate",
    b"expr_delete",
];

impl State {
    pub(crate) fn call_foreign_function(&mut self, name: &[u8], arguments: &[u8]) -> Answer<Vec<u8>> {
        let registered = std::str::from_utf8(name).ok();
        let registered = registered.and_then(|name| self.settings.foreign_functions.0.get(name).cloned());
        if let Some(function) = registered {
            return function(arguments);
        }
        match name {
            b"declare_property" => self.declare_property(arguments)?,
            b"set_envoy_filter_state" => self.set_envoy_filter_state(arguments)?,
            b"clear_route_cache" => {}
            name if NOT_MODELLED.contains(&name) => {
                let message = format!(
                    "FakeEnvoy has no {0}: let the test register one with Bootstrap::foreign_function({0:?}, …)",
                    String::from_utf8_lossy(name)
                );
                let context = self.current();
                self.log.push(LogLine { level: LogLevel::Critical, context, message });
                return Err(Status::UNIMPLEMENTED);
            }
            _ => return Err(Status::NOT_FOUND),
        }
        Ok(Vec::new())
    }

    fn declare_property(&mut self, arguments: &[u8]) -> Answer<()> {
        let arguments = wire::DeclareProperty::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let context = self.current().ok_or(Status::INTERNAL_FAILURE)?;
        let declaration = Declaration {
            read_only: arguments.read_only,
            is_message: arguments.type_code == wire::PROTOBUF,
            life_span: life_span(arguments.life_span),
        };
        self.declarations.declare(context, arguments.name.as_bytes(), declaration)
    }

    fn set_envoy_filter_state(&mut self, arguments: &[u8]) -> Answer<()> {
        let arguments = wire::SetEnvoyFilterState::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let (name, value) = (arguments.path.as_bytes(), arguments.value.as_bytes());
        self.set_filter_state_object(name, value, life_span(arguments.life_span))
    }
}

fn life_span(code: i32) -> LifeSpan {
    match code {
        1 => LifeSpan::Request,
        2 => LifeSpan::Connection,
        _ => LifeSpan::FilterChain,
    }
}

/// The arguments as Envoy wants them: `source/extensions/common/wasm/ext/*.proto`.
mod wire {
    /// `WasmType.Protobuf`.
    pub(super) const PROTOBUF: i32 = 3;

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct DeclareProperty {
        #[prost(string, tag = "1")]
        pub(super) name: String,
        #[prost(bool, tag = "2")]
        pub(super) read_only: bool,
        #[prost(int32, tag = "3")]
        pub(super) type_code: i32,
        #[prost(bytes = "vec", tag = "4")]
        pub(super) schema: Vec<u8>,
        #[prost(int32, tag = "5")]
        pub(super) life_span: i32,
    }

    #[derive(Clone, PartialEq, prost::Message)]
    pub(super) struct SetEnvoyFilterState {
        #[prost(string, tag = "1")]
        pub(super) path: String,
        #[prost(string, tag = "2")]
        pub(super) value: String,
        #[prost(int32, tag = "3")]
        pub(super) life_span: i32,
    }
}
