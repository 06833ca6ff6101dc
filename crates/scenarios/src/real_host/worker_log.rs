//! Envoy's log, as far as the worker wrote it.

use std::collections::{BTreeMap, VecDeque};

use anyhow::Result;
use envoy_runner::Envoy;

use super::masking::masked;

/// The form of log lines: thread, level, text.
pub(super) const FORMAT: &str = "%t %l %v";

/// What the worker thread has logged and nobody has taken yet. Everything else belongs to other VMs: on the main
/// thread Envoy tries each configuration, and keeps a VM of its own.
#[derive(Default)]
pub(super) struct WorkerLog {
    /// The extension is a background service: it runs on the main thread, and there is nothing else.
    on_main_thread: bool,
    offset: u64,
    /// A line of which only the beginning has been written.
    partial: String,
    /// Calls between host and VM.
    pub(super) calls: VecDeque<String>,
    /// What modules have logged: `[level] text`.
    pub(super) messages: VecDeque<String>,
    /// The start of each VM, by its id.
    pub(super) starts: BTreeMap<String, Start>,
    starting: Option<Start>,
}

/// What the start of a VM looks like.
#[derive(Clone, Debug, Default)]
pub(super) struct Start {
    pub(super) calls: Vec<String>,
    pub(super) messages: Vec<String>,
    vm_id: String,
}

impl WorkerLog {
    pub(super) fn new(on_main_thread: bool) -> Self {
        Self { on_main_thread, ..Self::default() }
    }

    /// Reads what has been written since the last time. Returns whether there was anything.
    pub(super) fn read(&mut self, envoy: &Envoy) -> Result<bool> {
        let text = envoy.log_since(self.offset)?;
        self.offset += text.len() as u64;
        let main_thread = envoy.id().to_string();
        let text = std::mem::take(&mut self.partial) + &text;
        let mut any = false;
        for line in text.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                line.clone_into(&mut self.partial);
                break;
            };
            let mut parts = line.splitn(3, ' ');
            if let (Some(thread), Some(level), Some(text)) = (parts.next(), parts.next(), parts.next())
                && (thread == main_thread) == self.on_main_thread
            {
                any |= self.take_line(level, text);
            }
        }
        Ok(any)
    }

    fn take_line(&mut self, level: &str, text: &str) -> bool {
        if text == "[host->vm] _initialize()" {
            self.starting = Some(Start::default());
        }
        if let Some(call) = masked(text) {
            match &mut self.starting {
                Some(start) => start.calls.push(call),
                None => self.calls.push_back(call),
            }
        } else if let Some((vm_id, message)) = module_message(text) {
            let message = format!("[{level}] {message}");
            match &mut self.starting {
                Some(start) => {
                    start.messages.push(message);
                    vm_id.clone_into(&mut start.vm_id);
                }
                None => self.messages.push_back(message),
            }
        } else {
            return false;
        }
        if text.starts_with("[host<-vm] proxy_on_configure return: ")
            && let Some(start) = self.starting.take()
        {
            self.starts.insert(start.vm_id.clone(), start);
        }
        true
    }
}

/// `wasm log <plugin> <root id> <vm id>: <text>`, where none of the three has a space in it.
fn module_message(text: &str) -> Option<(&str, &str)> {
    let (origin, message) = text.strip_prefix("wasm log ")?.split_once(": ")?;
    Some((origin.rsplit(' ').next()?, message))
}
