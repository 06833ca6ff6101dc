//! What has to add up in the statistics of the filters once no connection is open, whatever peers did.
//!
//! Nothing of it depends on what was sent: so it holds behind attacks, faults and cut connections alike.

use std::fmt;

use envoy_runner::Scrape;

/// A sum that is not what it should be.
#[derive(Clone, Debug, PartialEq)]
pub struct Imbalance {
    /// What was summed up.
    what: String,
    /// What it is.
    found: f64,
    /// What it should be.
    expected: f64,
    /// Where that comes from; `None` where it can only be 0.
    according_to: Option<String>,
}

impl fmt::Display for Imbalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, found, expected, according_to } = self;
        match according_to {
            Some(other) => write!(f, "{what} is {found}, but {other} is {expected}"),
            None => write!(f, "{what} is {found}"),
        }
    }
}

/// What does not add up for one filter: nothing, if all is well.
///
/// `listeners` are all that have the filter. Sums over verbs and operations need `level: detailed`; at `summary` they
/// are left out.
pub fn imbalances(scrape: &Scrape, filter: &str, listeners: &[&str]) -> Vec<Imbalance> {
    let mut sums = Sums { scrape, filter, wrong: Vec::new() };
    sums.connections(listeners);
    sums.octets(listeners);
    sums.failures();
    match filter {
        "smtp" => sums.mails(),
        "ldap" => sums.operations(),
        _ => {}
    }
    sums.wrong
}

/// Commands that have a series of their own among the replies.
const VERBS: [&str; 12] =
    ["HELO", "EHLO", "LHLO", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT", "AUTH", "STARTTLS"];

/// Requests of LDAP that have an answer.
const ANSWERED: [&str; 8] = ["bind", "search", "modify", "add", "delete", "modify_dn", "compare", "extended"];

struct Sums<'a> {
    scrape: &'a Scrape,
    filter: &'a str,
    wrong: Vec<Imbalance>,
}

impl Sums<'_> {
    /// The sum over all series of a metric of this filter that have these labels.
    fn of(&self, metric: &str, labels: &[(&str, &str)]) -> f64 {
        self.scrape.counter(&format!("{}_{metric}", self.filter), labels)
    }

    fn same(&mut self, what: &str, found: f64, other: &str, expected: f64) {
        if found != expected {
            let (what, according_to) = (format!("{}_{what}", self.filter), Some(other.to_owned()));
            self.wrong.push(Imbalance { what, found, expected, according_to });
        }
    }

    fn none(&mut self, what: String, found: f64) {
        if found != 0.0 {
            self.wrong.push(Imbalance { what, found, expected: 0.0, according_to: None });
        }
    }

    fn none_of(&mut self, metric: &str) {
        self.none(format!("{}_{metric}", self.filter), self.of(metric, &[]));
    }

    /// Each connection has one ending and one visibility, and Envoy counts as many.
    fn connections(&mut self, listeners: &[&str]) {
        let opened = self.of("connections_opened_total", &[]);
        let envoy: f64 = listeners.iter().map(|name| self.proxied("downstream_cx_total", name)).sum();
        self.same("connections_opened_total", opened, "Envoy's downstream_cx_total", envoy);
        let closed = self.of("connections_closed_total", &[]);
        // One on which the filter has failed has no ending, only a visibility.
        let unended = self.of("connections_total", &[("visibility", "internal_error")]);
        self.same("connections_opened_total", opened, "endings and internal errors", closed + unended);
        let seen = self.of("connections_total", &[]);
        self.same("connections_opened_total", opened, "connections_total", seen);
    }

    /// Each octet that Envoy has read from the peers has one visibility.
    fn octets(&mut self, listeners: &[&str]) {
        let received: f64 =
            listeners.iter().map(|name| self.proxied("downstream_cx_rx_bytes_total", name)).sum();
        let counted = self.of("bytes_total", &[("direction", "to_server")]);
        let what = "bytes_total{direction=to_server}";
        self.same(what, counted, "Envoy's downstream_cx_rx_bytes_total", received);
        // What the server says when the client has gone is read, but not passed on.
        let sent: f64 = listeners.iter().map(|name| self.proxied("downstream_cx_tx_bytes_total", name)).sum();
        let read = |name: &&str| {
            let cluster = format!("{name}_upstream");
            let labels = [("envoy_cluster_name", cluster.as_str())];
            self.scrape.counter("envoy_cluster_upstream_cx_rx_bytes_total", &labels)
        };
        let read: f64 = listeners.iter().map(read).sum();
        let counted = self.of("bytes_total", &[("direction", "to_client")]);
        let what = "bytes_total{direction=to_client}";
        if counted < sent {
            self.same(what, counted, "Envoy's downstream_cx_tx_bytes_total", sent);
        }
        if counted > read {
            self.same(what, counted, "Envoy's upstream_cx_rx_bytes_total", read);
        }
    }

    /// What `tcp_proxy` counts for a listener.
    fn proxied(&self, metric: &str, listener: &str) -> f64 {
        self.scrape.counter(&format!("envoy_tcp_{metric}"), &[("envoy_tcp_prefix", listener)])
    }

    fn failures(&mut self) {
        self.none_of("internal_errors_total");
        for metric in ["envoy_sdk_panics_total", "envoy_sdk_errors_total"] {
            let found = self.scrape.counter(metric, &[("extension", self.filter)]);
            self.none(format!("{metric}{{extension={}}}", self.filter), found);
        }
    }

    /// Each transaction has one outcome, each command one reply or none.
    fn mails(&mut self) {
        let started = self.of("transactions_started_total", &[]);
        let ended = self.of("transactions_total", &[]);
        self.same("transactions_started_total", started, "transactions_total", ended);
        for (outcome, detail) in
            [("accepted", "accepted_transactions_total"), ("rejected", "rejected_transactions_total")]
        {
            let (ended, detailed) =
                (self.of("transactions_total", &[("outcome", outcome)]), self.of(detail, &[]));
            self.same(&format!("transactions_total{{outcome={outcome}}}"), ended, detail, detailed);
        }
        if !self.has("reply_codes_total") {
            return;
        }
        let unanswered = self.of("unanswered_commands_total", &[]);
        let by_request = self.of("unanswered_requests_total", &[]);
        self.same("unanswered_commands_total", unanswered, "unanswered_requests_total", by_request);
        for verb in VERBS {
            let verb = ("verb", verb);
            let commands = self.of("commands_total", &[verb]) + self.synonyms(verb.1);
            let over = self.of("replies_total", &[verb]) + self.of("unanswered_requests_total", &[verb]);
            let name = format!("commands_total{{verb={}}}", verb.1);
            self.same(&name, commands, "replies and unanswered requests", over);
        }
    }

    /// Commands whose replies are counted as those of this verb.
    fn synonyms(&self, verb: &str) -> f64 {
        let synonym = match verb {
            "AUTH" => "X-EXPS",
            "STARTTLS" => "X-ANONYMOUSTLS",
            _ => return 0.0,
        };
        self.of("commands_total", &[("verb", synonym)])
    }

    /// Nothing is in flight, and each operation was answered, abandoned, left unanswered or not paired.
    fn operations(&mut self) {
        self.none_of("operations_in_flight");
        self.none_of("persistent_searches");
        let requests: f64 =
            ANSWERED.iter().map(|operation| self.of("requests_total", &[("operation", operation)])).sum();
        let persistent = self.of("search_kinds_total", &[("kind", "persistent")]);
        // Each answer has a latency, unless the clock was put back.
        let answered = self.of("operation_latency_microseconds", &[]);
        let (abandoned, unanswered, unpaired) = (
            self.of("abandoned_operations_total", &[]),
            self.of("unanswered_operations_total", &[]),
            self.of("unpaired_requests_total", &[]),
        );
        if persistent == 0.0 && self.of("clock_anomalies_total", &[]) == 0.0 {
            let over = answered + abandoned + unanswered + unpaired;
            self.same("requests_total of operations with an answer", requests, "what became of them", over);
        }
        let (results, responses) = (self.of("results_total", &[]), self.of("responses_total", &[]));
        self.same("responses_total", responses, "results_total", results);
        if self.has("controls_total") || self.has("operation_results_total") {
            let by_operation = self.of("unanswered_by_operation_total", &[]);
            self.same("unanswered_operations_total", unanswered, "unanswered_by_operation", by_operation);
            let detailed = self.of("operation_results_total", &[]);
            self.same("responses_total", responses, "operation_results_total", detailed);
        }
    }

    fn has(&self, metric: &str) -> bool {
        self.scrape.samples(&format!("{}_{metric}", self.filter)).next().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A mail that was accepted, as the statistics of one listener say it.
    const ONE_MAIL: &str = r#"
smtp_connections_opened_total{stat_prefix="default"} 2
smtp_connections_closed_total{ending="quit"} 1
smtp_connections_closed_total{ending="client"} 1
smtp_connections_total{visibility="parsed"} 2
smtp_bytes_total{direction="to_server",visibility="parsed"} 70
smtp_bytes_total{direction="to_server",visibility="lost_sync"} 30
smtp_bytes_total{direction="to_client",visibility="parsed"} 50
smtp_transactions_started_total{} 1
smtp_transactions_total{outcome="accepted"} 1
smtp_accepted_transactions_total{method="data"} 1
smtp_commands_total{verb="MAIL"} 1
smtp_replies_total{verb="MAIL",class="2xx"} 1
smtp_reply_codes_total{code="250"} 1
envoy_tcp_downstream_cx_total{envoy_tcp_prefix="mail"} 2
envoy_tcp_downstream_cx_rx_bytes_total{envoy_tcp_prefix="mail"} 100
envoy_tcp_downstream_cx_tx_bytes_total{envoy_tcp_prefix="mail"} 49
envoy_cluster_upstream_cx_rx_bytes_total{envoy_cluster_name="mail_upstream"} 51
"#;

    fn wrong(filter: &str, text: &str) -> Vec<String> {
        let scrape = Scrape::parse(text.trim_start()).unwrap();
        imbalances(&scrape, filter, &["mail"]).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_adds_up_is_nothing_to_complain_of() {
        assert_eq!(wrong("smtp", ONE_MAIL), [""; 0]);
    }

    #[test]
    fn whatever_is_missing_or_too_much_is_named() {
        for (from, to, said) in [
            ("{ending=\"quit\"} 1", "{ending=\"quit\"} 0", "endings and internal errors is 1"),
            ("{visibility=\"parsed\"} 2", "{visibility=\"parsed\"} 1", "connections_total is 1"),
            (
                "rx_bytes_total{envoy_tcp_prefix=\"mail\"} 100",
                "rx_bytes_total{envoy_tcp_prefix=\"mail\"} 101",
                "is 101",
            ),
            (
                "_client\",visibility=\"parsed\"} 50",
                "_client\",visibility=\"parsed\"} 48",
                "tx_bytes_total is 49",
            ),
            (
                "_client\",visibility=\"parsed\"} 50",
                "_client\",visibility=\"parsed\"} 52",
                "rx_bytes_total is 51",
            ),
            ("{outcome=\"accepted\"} 1", "{outcome=\"accepted\"} 2", "smtp_transactions_started_total is 1"),
            ("{method=\"data\"} 1", "{method=\"data\"} 0", "accepted_transactions_total is 0"),
            (
                "smtp_commands_total{verb=\"MAIL\"} 1",
                "smtp_commands_total{verb=\"MAIL\"} 2",
                "{verb=MAIL} is 2",
            ),
            (
                "smtp_connections_opened_total",
                "smtp_internal_errors_total{} 3\nsmtp_connections_opened_total",
                "is 3",
            ),
            (
                "smtp_connections_opened_total",
                "envoy_sdk_panics_total{extension=\"smtp\"} 1\nsmtp_connections_opened_total",
                "panics",
            ),
        ] {
            let changed = ONE_MAIL.replacen(from, to, 1);
            assert_ne!(changed, ONE_MAIL, "{from}");
            let wrong = wrong("smtp", &changed);
            assert!(wrong.iter().any(|one| one.contains(said)), "{said}: {wrong:?}");
        }
    }

    #[test]
    fn an_operation_that_is_lost_is_named() {
        let text = "ldap_requests_total{operation=\"search\"} 3\nldap_abandoned_operations_total{} 1\n\
                    ldap_unanswered_operations_total{} 1\nldap_operations_in_flight{} 1\n";
        let wrong = wrong("ldap", text);
        assert_eq!(
            wrong,
            [
                "ldap_operations_in_flight is 1",
                "ldap_requests_total of operations with an answer is 3, but what became of them is 2",
            ]
        );
    }
}
