//! A network filter that does what the octets tell it to.

use envoy_sdk::{
    Buffer, CloseType, ConfigureContext, Error, FilterStatus, Module, NetworkContext, NetworkFilter,
    NetworkFilterFactory, Result,
};

/// What to do in callbacks that bring no octets; each a script as in the data.
#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    configure: String,
    new_connection: String,
    client_end: String,
    server_end: String,
    upstream_close: String,
    downstream_close: String,
    complete: String,
}

pub(crate) fn module() -> Module {
    Module::new().network_filter::<Scripted>()
}

pub(crate) struct Scripted {
    config: std::rc::Rc<Config>,
}

pub(crate) struct Actor {
    config: std::rc::Rc<Config>,
}

impl NetworkFilterFactory for Scripted {
    const NAME: &'static str = "scripted";
    type Config = Config;
    type Filter = Actor;

    fn configure(config: Config, _cx: &mut ConfigureContext<'_>) -> Result<Self> {
        if config.configure == "refuse" {
            return Err(Error::new("told to refuse"));
        }
        Ok(Self { config: config.into() })
    }

    fn new_filter(&self, _cx: &mut NetworkContext<'_>) -> Result<Actor> {
        Ok(Actor { config: self.config.clone() })
    }
}

impl NetworkFilter for Actor {
    fn on_new_connection(&mut self, cx: &mut NetworkContext<'_>) -> Result<FilterStatus> {
        perform(cx, &self.config.new_connection)
    }

    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let script = read(&cx.buffer())?;
        perform(cx, if script.is_empty() { &self.config.client_end } else { &script })
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, _end: bool) -> Result<FilterStatus> {
        let script = read(&cx.buffer())?;
        perform(cx, if script.is_empty() { &self.config.server_end } else { &script })
    }

    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, by: CloseType) -> Result<()> {
        log::debug!("downstream close: {by:?}");
        perform(cx, &self.config.downstream_close).map(drop)
    }

    fn on_upstream_close(&mut self, cx: &mut NetworkContext<'_>, by: CloseType) -> Result<()> {
        log::debug!("upstream close: {by:?}");
        perform(cx, &self.config.upstream_close).map(drop)
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        perform(cx, &self.config.complete).map(drop)
    }
}

fn read(buffer: &Buffer<'_>) -> Result<String> {
    Ok(String::from_utf8_lossy(&buffer.chunks(0..buffer.len())?.into_bytes()).into_owned())
}

/// Words are separated by spaces, a word and its argument by a colon; unknown words mean nothing.
fn perform(cx: &mut NetworkContext<'_>, script: &str) -> Result<FilterStatus> {
    let mut status = FilterStatus::Continue;
    for word in script.split_whitespace() {
        let (word, argument) = word.split_once(':').unwrap_or((word, ""));
        let buffer = cx.buffer();
        match word {
            "pause" => status = FilterStatus::StopIteration,
            "resume" => cx.continue_reading()?,
            "close" => cx.close()?,
            "close-after-flush" => cx.close_after_flush()?,
            "prepend" => buffer.prepend(argument.as_bytes())?,
            "append" => buffer.append(argument.as_bytes())?,
            "replace" => buffer.replace(argument.as_bytes())?,
            "drain" => buffer.drain(argument.parse()?)?,
            "read" => log::info!("{}", read(&buffer)?),
            "state" => cx.filter_state().set("key", argument.as_bytes())?,
            "property" => {
                let value = cx.stream_info().property(&argument.split('.').collect::<Vec<_>>())?;
                log::info!(
                    "{argument} = {}",
                    value.map_or("nothing".to_owned(), |value| format!("{value:?}"))
                );
            }
            _ => {}
        }
    }
    Ok(status)
}
