//! The network filter that every protocol shares: it observes, and does not touch.

use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use common_metrics::Label as _;
use envoy_sdk::{
    Buffer, CloseType, ConfigureContext, Context as _, Error, ErrorPolicy, FilterStatus, NetworkContext,
    NetworkFilter, NetworkFilterFactory, RateLimit, ResponseFlags, Result, Stats, TrafficDirection,
};

use crate::config::{Identities, Mode, ObserverConfig, OnProtocolError, Reporter};
use crate::driver::Driver;
use crate::events::EventLog;
use crate::identity::Redactor;
use crate::opening::proxy_header::ProxyVersion;
use crate::protocol::{Lost, Observation, Protocol, SummaryChange, Wanted};
use crate::session::{CloseCause, Direction, OpaqueCause, Session, Sink, Timestamp, Transport};
use crate::window::Window;
use crate::{
    BYTES, CONFIG_FIELDS_IGNORED, CONNECTIONS, CONNECTIONS_OPENED, Flow, INTERNAL_ERRORS, PROXY_HEADERS,
    Visibility,
};

/// Lines per second and worker about connections whose framing was lost.
const LOST_LINES_PER_SECOND: u32 = 1;
/// Such lines that may come at once.
const LOST_LINES_BURST: u32 = 20;
/// How long counts are collected before Envoy is given them, unless their connection ends before. Most of what a small
/// callback would cost otherwise is to give Envoy two or three counts; a worker with much to do has collected as many as it may
/// long before.
const COLLECTED: Duration = Duration::from_millis(20);
/// How often access logs are told what changes all the time, in microseconds: see [`Observation::summarise_soon`].
const SUMMARY_INTERVAL: u64 = 1_000_000;

/// Makes [`Observer`]s for one plugin.
pub struct ObserverFactory<P: Protocol> {
    shared: Rc<Shared<P>>,
}

/// What all connections of one configuration share in one worker.
struct Shared<P: Protocol> {
    config: ObserverConfig<P::Limits>,
    /// Made at the first connection when the reporter is only known then.
    stats: OnceCell<Stats>,
    fields_ignored: u64,
    events: EventLog,
    redactor: Redactor,
    lost_lines: RateLimit,
    /// Envoy has refused a summary, and that has been said.
    summary_refused: Cell<bool>,
}

impl<P: Protocol> NetworkFilterFactory for ObserverFactory<P> {
    const NAME: &'static str = P::NAME;
    type Config = ObserverConfig<P::Limits>;
    type Filter = Observer<P>;

    fn configure(config: Self::Config, cx: &mut ConfigureContext<'_>) -> Result<Self> {
        check_for::<P>(&config)?;
        for ignored in cx.ignored_fields() {
            log::warn!("{}: ignored because `strict` is false: {}", P::NAME, ignored.reason);
        }
        let events = EventLog::new(P::NAME, config.stat_prefix.as_str(), &config.events);
        let redactor =
            Redactor::new(config.events.identities, config.events.hmac_key.as_ref(), &cx.shared_data())
                .context("events.hmac_key")?;
        let shared = Shared {
            stats: OnceCell::new(),
            fields_ignored: cx.ignored_fields().len() as u64,
            events,
            redactor,
            lost_lines: RateLimit::new(LOST_LINES_PER_SECOND, LOST_LINES_BURST),
            summary_refused: Cell::new(false),
            config,
        };
        if let Some(reporter) = shared.config.reporter.label() {
            let (labels, level) = (shared.labels(reporter), shared.config.metrics_level());
            let stats = cx.stats_collected_for(COLLECTED, P::catalogue(), &labels, level)?;
            shared.define(stats);
        }
        Ok(Self { shared: Rc::new(shared) })
    }

    fn new_filter(&self, cx: &mut NetworkContext<'_>) -> Result<Observer<P>> {
        Observer::new(Rc::clone(&self.shared), cx)
    }

    fn error_policy(&self) -> ErrorPolicy {
        self.shared.config.error_policy()
    }
}

/// Checks a configuration as the filter would, except that unknown fields are refused even where the
/// configuration says `"strict": false`. For tools.
///
/// # Errors
/// What is wrong, with the path of the field.
pub fn check_config<P: Protocol>(octets: &[u8]) -> Result<()> {
    let (config, ignored) = envoy_sdk::from_json(octets)?;
    if let Some(unknown) = ignored.into_iter().next() {
        return Err(Error::new(unknown.reason));
    }
    check_for::<P>(&config)
}

/// The JSON Schema of a filter's configuration. For tools.
#[cfg(not(target_arch = "wasm32"))]
pub fn config_schema<P: Protocol<Limits: schemars::JsonSchema>>() -> serde_json::Value {
    schemars::schema_for!(ObserverConfig<P::Limits>).to_value()
}

/// What the types of a configuration cannot say.
fn check_for<P: Protocol>(config: &ObserverConfig<P::Limits>) -> Result<()> {
    if config.events.identities == Identities::Domain && !P::IDENTITIES_HAVE_DOMAINS {
        return Err(Error::new(format!(
            "events.identities: `domain` is for mail; {} knows `off`, `hmac` and `full`",
            P::NAME
        )));
    }
    Ok(())
}

impl<P: Protocol> Shared<P> {
    /// The labels that every series of the filter carries.
    fn labels<'a>(&'a self, reporter: &'a str) -> [(&'static str, &'a str); 2] {
        [("stat_prefix", self.config.stat_prefix.as_str()), ("reporter", reporter)]
    }

    fn define(&self, mut stats: Stats) -> Stats {
        if self.fields_ignored > 0 {
            stats.add(&CONFIG_FIELDS_IGNORED, (), self.fields_ignored);
        }
        self.stats.get_or_init(|| stats).clone()
    }

    /// Where a protocol writes what it sees during one callback.
    fn observation<'a>(
        &'a self,
        metrics: &'a mut Stats,
        now: Timestamp,
        connection: &'a dyn Fn() -> Option<u64>,
        summary: &'a mut SummaryChange,
        lost: &'a mut Option<Lost>,
    ) -> Observation<'a, Stats> {
        let (events, redactor) = (&self.events, &self.redactor);
        Observation { metrics, events, redactor, now, connection, summary, lost }
    }

    /// Sets the summary that access logs print. Where Envoy refuses (the capability is not granted), the metrics
    /// are still worth having.
    fn summarise(&self, cx: &NetworkContext<'_>, summary: &str) {
        if let Err(error) = cx.filter_state().set(P::NAME, summary.as_bytes())
            && !self.summary_refused.replace(true)
        {
            log::warn!("{}: access logs have no summary: {error}", P::NAME);
        }
    }

    /// The metrics. Envoy tells a listener's direction with its first connection, not before.
    fn stats(&self, cx: &NetworkContext<'_>) -> Result<Stats> {
        if let Some(stats) = self.stats.get() {
            return Ok(stats.clone());
        }
        let reporter = match cx.stream_info().xds().listener_direction()? {
            TrafficDirection::Inbound => "inbound",
            TrafficDirection::Outbound => "outbound",
            TrafficDirection::Unspecified => "unspecified",
        };
        let (labels, level) = (self.labels(reporter), self.config.metrics_level());
        let stats = cx.stats_collected_for(COLLECTED, P::catalogue(), &labels, level)?;
        Ok(self.define(stats))
    }
}

impl Reporter {
    /// The label's value, when the configuration says it.
    fn label(self) -> Option<&'static str> {
        match self {
            Self::Auto => None,
            Self::Inbound => Some("inbound"),
            Self::Outbound => Some("outbound"),
            Self::Gateway => Some("gateway"),
            Self::Unspecified => Some("unspecified"),
        }
    }
}

/// Observes one connection.
pub struct Observer<P: Protocol> {
    shared: Rc<Shared<P>>,
    stats: Stats,
    protocol: P,
    /// `None` when the mode is `off`.
    driver: Option<Driver<P::Session>>,
    /// How the client's leg is protected; known with its first data.
    transport: Option<Transport>,
    /// Who ended the connection first.
    first_to_end: Option<CloseCause>,
    /// Set once the end has been counted.
    ended: bool,
    /// When the last octets passed, for an end that comes without any.
    last_seen: Timestamp,
    /// When access logs were told last.
    summarised: Timestamp,
    /// Something has changed since.
    summary_is_old: bool,
}

impl<P: Protocol> Observer<P> {
    fn new(shared: Rc<Shared<P>>, cx: &NetworkContext<'_>) -> Result<Self> {
        let mut stats = shared.stats(cx)?;
        let (mut driver, mut opened) = (None, Timestamp::default());
        if shared.config.mode == Mode::Observe {
            let wanted = Wanted {
                events: shared.config.events.enabled,
                identities: shared.redactor.wants_identities(),
            };
            opened = timestamp(cx)?;
            driver = Some(Driver::new(P::session(&shared.config.limits, wanted, opened)));
        }
        // Last: a connection counts once there is somebody who will count its end.
        stats.add(&CONNECTIONS_OPENED, (), 1);
        Ok(Self {
            shared,
            stats,
            protocol: P::default(),
            driver,
            transport: None,
            first_to_end: None,
            ended: false,
            last_seen: opened,
            summarised: Timestamp::default(),
            summary_is_old: false,
        })
    }

    fn data(
        &mut self,
        cx: &NetworkContext<'_>,
        direction: Direction,
        end_stream: bool,
    ) -> Result<FilterStatus> {
        let buffer = cx.buffer();
        if self.transport.is_none() && direction == Direction::ToServer {
            // The server may have spoken while the handshake was still going on: only now is it known.
            let transport = transport(cx)?;
            self.transport = Some(transport);
            if let Some(driver) = &mut self.driver {
                driver.transport(transport);
            }
        }
        let Some(driver) = &mut self.driver else {
            self.stats.add(&BYTES, (direction.into(), Visibility::Off), buffer.len() as u64);
            self.note_end(direction, end_stream);
            return Ok(FilterStatus::Continue);
        };
        if let Some(cause) = driver.opaque(direction) {
            // Nothing is read and nothing can change: not even the clock is needed.
            self.stats.add(&BYTES, (direction.into(), cause.into()), buffer.len() as u64);
            self.note_end(direction, end_stream);
            return Ok(FilterStatus::Continue);
        }
        // The end of a direction brings nothing that is timed.
        let now = if buffer.is_empty() { self.last_seen } else { timestamp(cx)? };
        self.last_seen = now;
        let mut lost = None;
        let mut summary = SummaryChange::None;
        let connection = || cx.stream_info().connection().id().ok().flatten();
        let observation = self.shared.observation(&mut self.stats, now, &connection, &mut summary, &mut lost);
        let mut sink = ObservingSink { protocol: &mut self.protocol, observation };
        let accounted = driver.data(direction, &buffer, now, &mut sink)?;
        if end_stream {
            driver.half_close(direction, now, &mut sink);
        }
        let flow = Flow::from(direction);
        if accounted.parsed > 0 {
            self.stats.add(&BYTES, (flow, Visibility::Parsed), accounted.parsed);
        }
        for (cause, octets) in accounted.unseen() {
            self.stats.add(&BYTES, (flow, cause.into()), octets);
        }
        self.note_end(direction, end_stream);
        self.summarise(cx, summary, now);
        if let Some(lost) = lost {
            self.lost(cx, lost)?;
        }
        Ok(FilterStatus::Continue)
    }

    /// Tells access logs what has changed, if it is time.
    fn summarise(&mut self, cx: &NetworkContext<'_>, change: SummaryChange, now: Timestamp) {
        let is_time = match change {
            SummaryChange::None => false,
            SummaryChange::Soon => now.since(self.summarised).is_none_or(|past| past >= SUMMARY_INTERVAL),
            SummaryChange::Now => true,
        };
        if is_time {
            self.shared.summarise(cx, &self.protocol.summary());
            self.summarised = now;
        }
        self.summary_is_old = !is_time && (self.summary_is_old || change != SummaryChange::None);
    }

    /// Framing is lost: says so, and closes where the configuration wants that.
    fn lost(&self, cx: &NetworkContext<'_>, lost: Lost) -> Result<()> {
        let close = self.shared.config.on_protocol_error == OnProtocolError::Close;
        if self.shared.lost_lines.allow(cx.now()?) {
            let offset = self.driver.as_ref().map_or(0, |driver| driver.offset(lost.direction));
            let connection = cx.stream_info().connection().id()?.unwrap_or(0);
            log::warn!(
                "{}: connection {connection} lost in state {} within the first {offset} octets {}: {}; {}",
                P::NAME,
                lost.state,
                Flow::from(lost.direction).as_str(),
                lost.kind,
                if close { "it is closed" } else { "it goes on unmeasured" },
            );
        }
        if close { cx.close() } else { Ok(()) }
    }

    fn note_end(&mut self, direction: Direction, end_stream: bool) {
        if end_stream {
            self.first_to_end.get_or_insert(match direction {
                Direction::ToServer => CloseCause::Client,
                Direction::ToClient => CloseCause::Server,
            });
        }
    }

    /// Counts the end of the connection, once.
    fn end(
        &mut self,
        cause: CloseCause,
        now: Timestamp,
        connection: &dyn Fn() -> Option<u64>,
    ) -> Option<String> {
        if self.ended {
            return None;
        }
        let mut summary = SummaryChange::None;
        let Some(driver) = &mut self.driver else {
            self.stats.add(&CONNECTIONS, (Visibility::Off, self.transport.unwrap_or(Transport::Plain)), 1);
            P::closed_unseen(cause, &mut self.stats);
            self.ended = true;
            return None;
        };
        let opaque = Direction::BOTH.into_iter().find_map(|direction| driver.opaque(direction));
        let unseen = opaque.or_else(|| driver.session().unseen());
        let mut lost = None;
        let observation = self.shared.observation(&mut self.stats, now, connection, &mut summary, &mut lost);
        driver.end(cause, now, &mut ObservingSink { protocol: &mut self.protocol, observation });
        // Not before: what panics on the way is made good by `drop`.
        self.ended = true;
        let transport = match opaque {
            Some(OpaqueCause::Starttls) => Transport::Starttls,
            _ => self.transport.unwrap_or(Transport::Plain),
        };
        self.stats.add(&CONNECTIONS, (unseen.map_or(Visibility::Parsed, Visibility::from), transport), 1);
        (self.summary_is_old || summary != SummaryChange::None).then(|| self.protocol.summary())
    }
}

impl<P: Protocol> NetworkFilter for Observer<P> {
    fn on_downstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        self.data(cx, Direction::ToServer, end_stream)
    }

    fn on_upstream_data(&mut self, cx: &mut NetworkContext<'_>, end_stream: bool) -> Result<FilterStatus> {
        self.data(cx, Direction::ToClient, end_stream)
    }

    fn on_downstream_close(&mut self, cx: &mut NetworkContext<'_>, close_type: CloseType) -> Result<()> {
        if self.first_to_end.is_none() {
            self.first_to_end = Some(match close_type {
                CloseType::Remote => CloseCause::Client,
                CloseType::Unknown => CloseCause::Unknown,
                // A reset by the server reaches the client's side as a close by Envoy itself.
                CloseType::Local if cx.stream_info().response().flags()?.intersects(SERVER_FAILED) => {
                    CloseCause::Server
                }
                CloseType::Local => CloseCause::Local,
            });
        }
        Ok(())
    }

    fn on_stream_complete(&mut self, cx: &mut NetworkContext<'_>) -> Result<()> {
        let cause = self.first_to_end.unwrap_or(CloseCause::Unknown);
        let connection = || cx.stream_info().connection().id().ok().flatten();
        // Only events say when the end was.
        let now = if self.shared.config.events.enabled { timestamp(cx)? } else { self.last_seen };
        if let Some(summary) = self.end(cause, now, &connection) {
            self.shared.summarise(cx, &summary);
        }
        // Whoever has closed may look what became of it.
        self.stats.deliver();
        Ok(())
    }
}

impl<P: Protocol> Drop for Observer<P> {
    /// A filter that is dropped before its connection is over has failed: what it knew is counted as it
    /// stands, so that sums still add up.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        self.stats.deliver();
        self.stats.add(&INTERNAL_ERRORS, (), 1);
        self.stats.add(
            &CONNECTIONS,
            (Visibility::InternalError, self.transport.unwrap_or(Transport::Plain)),
            1,
        );
        let Some(driver) = &mut self.driver else {
            P::closed_unseen(CloseCause::Unknown, &mut self.stats);
            return;
        };
        let (mut summary, mut lost) = (SummaryChange::None, None);
        let observation =
            self.shared.observation(&mut self.stats, self.last_seen, &|| None, &mut summary, &mut lost);
        let mut sink = ObservingSink { protocol: &mut self.protocol, observation };
        driver.end(CloseCause::Unknown, self.last_seen, &mut sink);
    }
}

/// The flags that say the server's side failed.
const SERVER_FAILED: ResponseFlags = ResponseFlags::UPSTREAM_REMOTE_RESET
    .union(ResponseFlags::UPSTREAM_CONNECTION_FAILURE)
    .union(ResponseFlags::UPSTREAM_CONNECTION_TERMINATION);

/// Hands a session's events to its protocol.
struct ObservingSink<'a, P> {
    protocol: &'a mut P,
    observation: Observation<'a, Stats>,
}

impl<P: Protocol> Sink<P::Session> for ObservingSink<'_, P> {
    fn event(&mut self, event: <P::Session as Session>::Event<'_>) {
        self.protocol.observe(event, &mut self.observation);
    }

    fn proxy_header(&mut self, version: ProxyVersion) {
        self.observation.metrics.add(&PROXY_HEADERS, version, 1);
    }
}

impl Window for Buffer<'_> {
    type Error = Error;

    fn len(&self) -> usize {
        Buffer::len(self)
    }

    fn read(&self, start: usize, len: usize) -> Result<Cow<'_, [u8]>> {
        let octets = self.chunks(start..start.saturating_add(len))?.into_bytes();
        // With fewer than there are, a driver would not come to an end.
        if octets.len() < len.min(Buffer::len(self).saturating_sub(start)) {
            return Err(Error::new("Envoy gives fewer octets than it has announced"));
        }
        Ok(Cow::Owned(octets))
    }
}

fn timestamp(cx: &NetworkContext<'_>) -> Result<Timestamp> {
    let since_epoch = cx.now()?.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    // Not `as_micros`: 128 bits are emulated on wasm32.
    let seconds = since_epoch.as_secs().saturating_mul(1_000_000);
    Ok(Timestamp(seconds.saturating_add(since_epoch.subsec_micros().into())))
}

fn transport(cx: &NetworkContext<'_>) -> Result<Transport> {
    let connection = cx.stream_info().connection();
    Ok(match connection.tls_version()? {
        None => Transport::Plain,
        Some(_) if connection.mtls()? => Transport::Mtls,
        Some(_) => Transport::Tls,
    })
}
