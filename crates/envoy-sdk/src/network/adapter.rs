//! From the VM's events to the callbacks of a network filter.

use crate::abi::Contexts;
use crate::abi::host::BufferKind;
use crate::boundary::{self, ErrorPolicy};
use crate::callback_context::CallbackContext;
use crate::catalogue::{CONNECTIONS_BYPASSED, CONNECTIONS_CLOSED_ON_ERROR};
use crate::error::Result;
use crate::network::{FilterStatus, NetworkContext, NetworkFilter, NetworkFilterFactory};
use crate::vm::{Action, AnyExtension, AnyFilter, Event, Failure, Remedy, tell};

pub(crate) struct NetworkExtension<F>(pub(crate) F);

struct NetworkAdapter<F>(F);

impl<F: NetworkFilterFactory> AnyExtension for NetworkExtension<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn contexts(&self) -> Option<Contexts> {
        Some(Contexts::NETWORK)
    }

    fn new_filter(&self, cx: CallbackContext<'_>) -> Result<Box<dyn AnyFilter>> {
        Ok(Box::new(NetworkAdapter(self.0.new_filter(&mut NetworkContext::new(cx))?)))
    }

    fn make_good(&self, failure: Failure<'_>) -> Remedy {
        match boundary::quietly(|| self.0.error_policy()).unwrap_or_default() {
            ErrorPolicy::Close => {
                failure.counts.add(&CONNECTIONS_CLOSED_ON_ERROR, (), 1);
                if let Err(error) = NetworkContext::new(failure.cx).close() {
                    log::error!("{} could not close: {error}", F::NAME);
                }
                Remedy::Close
            }
            ErrorPolicy::Bypass => {
                failure.counts.add(&CONNECTIONS_BYPASSED, (), 1);
                if failure.holds_client
                    && let Err(error) = NetworkContext::new(failure.cx).continue_reading()
                {
                    log::error!("{} could not let a connection go on: {error}", F::NAME);
                }
                Remedy::Bypass(Action::Continue)
            }
        }
    }

    fn on_event(&self, mut cx: CallbackContext<'_>, event: Event<'_>) -> Result<()> {
        let (factory, cx) = (&self.0, &mut cx);
        tell!(factory, cx, event, {
            Event::QueueReady(queue) => factory.on_queue_ready(cx, queue),
        })
    }
}

impl<F: NetworkFilter> AnyFilter for NetworkAdapter<F> {
    fn on_event(&mut self, cx: CallbackContext<'_>, event: Event<'_>) -> Result<Action> {
        let filter = &mut self.0;
        let cx = &mut match event {
            Event::DownstreamData { len, .. } => NetworkContext::with_data(cx, BufferKind::Downstream, len),
            Event::UpstreamData { len, .. } => NetworkContext::with_data(cx, BufferKind::Upstream, len),
            _ => NetworkContext::new(cx),
        };
        match event {
            Event::NewConnection => Ok(filter.on_new_connection(cx)?.into()),
            Event::DownstreamData { end_stream, .. } => Ok(filter.on_downstream_data(cx, end_stream)?.into()),
            Event::UpstreamData { end_stream, .. } => Ok(filter.on_upstream_data(cx, end_stream)?.into()),
            other => {
                tell!(filter, cx, other, {
                    Event::DownstreamClose(close_type) => filter.on_downstream_close(cx, close_type),
                    Event::UpstreamClose(close_type) => filter.on_upstream_close(cx, close_type),
                    Event::Complete => filter.on_stream_complete(cx),
                })?;
                Ok(Action::Continue)
            }
        }
    }
}

impl From<FilterStatus> for Action {
    fn from(status: FilterStatus) -> Self {
        match status {
            FilterStatus::Continue => Self::Continue,
            FilterStatus::StopIteration => Self::Pause,
        }
    }
}
