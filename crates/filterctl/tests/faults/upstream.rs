//! Servers that are not there: refused, silent, gone in the middle, and back again.

use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use envoy_runner::{Listener, Upstream};
use real_peers::instance::free_port;
use real_peers::wait_until;
use serde_json::json;
use socket2::{Domain, Socket, Type};

use crate::both_ends::bridge::{Bridge, LISTENER, listen};
use crate::both_ends::script::Script;
use crate::both_ends::subject::{Ground, Test};
use crate::both_ends::wire::End;
use crate::crowd::{Reached, as_far_as_it_goes, everybody, opened};

pub(crate) const TESTS: &[Test] = &[
    (
        "servers that refuse, or do not answer: the client's connection ends, and is accounted for",
        nobody_there,
    ),
    (
        "a server that goes in the middle and comes back: what is lost is counted, what is sent again arrives",
        restarts,
    ),
];

/// A listener's idle time-out where a server does not answer.
const IDLE: Duration = Duration::from_millis(500);

fn nobody_there(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let full = full_server()?;
    let listener = |name: &str, upstream: &Upstream| -> Result<Listener> {
        let filter = ground.filter(&json!({"reporter": "gateway", "stat_prefix": name}))?;
        // A VM each would compile the module anew.
        Ok(Listener::new(name, upstream.clone()).filter(filter))
    };
    let refusing = Upstream::new("127.0.0.1", free_port()?);
    let unreachable = Upstream::new("127.0.0.1", full.address.port());
    let bridge = Bridge::start(ground, |upstream| {
        Ok(vec![
            listener("refused", &refusing)?,
            listener("unreachable", &unreachable)?,
            listener("silent", upstream)?.idle_timeout(IDLE),
        ])
    })?;
    // Nobody listens; and nobody takes the connection, until Envoy's connect time-out.
    for name in ["refused", "unreachable"] {
        let mut client = bridge.connect(name)?;
        let mut octets = Vec::new();
        let _end = client.read_to_end(&mut octets);
        ensure!(octets.is_empty(), "{name}: {}", octets.escape_ascii());
    }
    // The connection is taken, and nobody answers: the idle time-out ends it.
    let mut silent = bridge.open("silent")?;
    let question = client_side(&(subject.opening)()?);
    silent.say(End::Client, &question)?;
    ensure!(silent.read_to_end(End::Client)?.is_empty(), "an answer");
    silent.read_to_end(End::Server)?;
    bridge.counts(&format!(
        "{}
         *_connections_opened_total 3
         *_connections_closed_total 3
         *_connections_total{{visibility=parsed}} 3
         *_connections_closed_total{{stat_prefix=refused,ending=server}} 1
         *_connections_closed_total{{stat_prefix=unreachable,ending=server}} 1
         *_connections_closed_total{{stat_prefix=silent,ending=local}} 1
         *_bytes_total{{stat_prefix=silent,direction=to_server}} {}
         *_bytes_total{{direction=to_client}} 0
         *_bytes_total{{stat_prefix=refused}} 0
         *_bytes_total{{stat_prefix=unreachable}} 0
         *_internal_errors_total 0
         envoy_cluster_upstream_cx_connect_fail 2
         envoy_cluster_upstream_cx_connect_timeout 1
         envoy_listener_downstream_cx_active 0",
        subject.silent.map_or(String::new(), |missing| format!("{missing} 3")),
        question.len(),
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}

/// A server whose queue of connections is full: the kernel does not answer any more.
struct FullServer {
    address: SocketAddr,
    _listener: TcpListener,
    _waiting: Vec<Socket>,
}

fn full_server() -> Result<FullServer> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(0)?;
    let listener = TcpListener::from(socket);
    let address = listener.local_addr()?;
    let mut waiting = Vec::new();
    // One that does not get through says that the queue is full.
    wait_until("a full queue", || {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        let connected = socket.connect_timeout(&address.into(), Duration::from_millis(100));
        waiting.push(socket);
        Ok(connected.is_err().then_some(()))
    })?;
    Ok(FullServer { address, _listener: listener, _waiting: waiting })
}

/// What the client says of a script.
fn client_side(script: &Script) -> Vec<u8> {
    let parts = script.parts().filter(|(end, _)| *end == End::Client);
    parts.flat_map(|(_, octets)| octets.to_vec()).collect()
}

/// Pooled connections, half of them in the middle of an exchange.
const POOL: usize = 12;

fn restarts(ground: &Ground) -> Result<()> {
    let subject = ground.subject;
    let (opening, exchange, farewell) = ((subject.opening)()?, (subject.exchange)()?, (subject.farewell)()?);
    let mut bridge = Bridge::with(ground, &json!({"reporter": "gateway"}))?;
    let address = bridge.server.local_addr()?;
    let mut idle = opened(&bridge, LISTENER, POOL / 2, &opening.clone().then(exchange.clone()))?;
    let middle = exchange.parts().count() * 2 / 3;
    let (first, rest) = exchange.parts().enumerate().fold(
        (Script::new(), Script::new()),
        |(first, rest), (number, (end, octets))| {
            if number < middle { (first.says(end, octets), rest) } else { (first, rest.says(end, octets)) }
        },
    );
    let busy = opened(&bridge, LISTENER, POOL / 2, &opening.clone().then(first))?;
    // Those that are busy break off, the others end in order, as of a server that is stopped. Their clients see it at once.
    busy.into_iter().try_for_each(|wire| wire.reset(End::Server))?;
    for wire in &mut idle {
        wire.finish(End::Server)?;
        let reached = as_far_as_it_goes(wire, &rest)?;
        ensure!(reached == Reached::Closed, "a connection without a server goes on");
    }
    drop(idle);
    drop(std::mem::replace(&mut bridge.server, listen()?));
    // While it is away, clients are refused.
    let mut refused = 0;
    for _ in 0..3 {
        let mut octets = Vec::new();
        let _end = bridge.connect(LISTENER)?.read_to_end(&mut octets);
        ensure!(octets.is_empty(), "{}", octets.escape_ascii());
        refused += 1;
    }
    // It is back, with the same address; the clients open their pool anew and say what was lost again.
    bridge.server = wait_until("the server's old address", || Ok(TcpListener::bind(address).ok()))?;
    let mut again = opened(&bridge, LISTENER, POOL, &opening.then(exchange)).context("after the restart")?;
    everybody(&mut again, |_, wire| wire.play(&farewell))?;
    again.into_iter().try_for_each(|wire| wire.close(End::Server))?;
    let all = 2 * POOL + refused;
    let cut_short = match subject.name {
        "smtp" => format!("*_transactions_total{{outcome=aborted}} {}", POOL / 2),
        _ => format!("*_unanswered_operations_total {}\n*_operations_in_flight 0", POOL / 2),
    };
    bridge.counts(&format!(
        "{} {}
         {cut_short}
         *_connections_opened_total {all}
         *_connections_closed_total {all}
         *_connections_closed_total{{ending={}}} {POOL}
         *_connections_total{{visibility=parsed}} {all}
         *_internal_errors_total 0
         envoy_listener_downstream_cx_active 0",
        subject.exchanged,
        POOL / 2 + POOL,
        subject.farewell_ending,
    ))?;
    bridge.envoy.stop()?;
    Ok(())
}
