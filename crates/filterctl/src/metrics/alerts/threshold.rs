//! The numbers that alerts compare with, all in one place.
//!
//! Prometheus knows each as a recording rule, `envoy_filters:threshold{of="…"}`: an operator who wants another number loads
//! a `thresholds.yaml` of his own, and leaves the alerts as they are.

use std::fmt;

/// The record that all thresholds are series of.
pub(super) const RECORD: &str = "envoy_filters:threshold";

/// A number that alerts compare with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// What it is a threshold of: the value of the label `of`.
    pub of: &'static str,
    /// The number as it is shipped.
    pub value: f64,
    /// What it means, with its unit.
    pub help: &'static str,
}

/// As PromQL: the number that Prometheus knows.
impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "scalar({RECORD}{{of=\"{}\"}})", self.of)
    }
}

macro_rules! thresholds {
    ($($name:ident: $of:literal = $value:literal, $help:literal;)*) => {
        $(#[doc = $help] pub(super) const $name: Threshold = Threshold { of: $of, value: $value, help: $help };)*

        /// All of them, in the order of the file.
        pub const THRESHOLDS: &[Threshold] = &[$($name),*];
    };
}

thresholds! {
    // --- volume: below it an alert says nothing ---
    SMTP_TRANSACTIONS: "smtp_transactions_min" = 50.0, "mails of one listener in 15 minutes, below which shares and latencies of mails say nothing";
    SMTP_REFUSALS: "smtp_refusals_min" = 20.0, "refusals of one listener in 15 minutes, below which they are no news";
    SMTP_CONNECTIONS: "smtp_connections_min" = 20.0, "connections of one SMTP listener in 15 minutes, below which shares of connections say nothing";
    SMTP_COMMANDS: "smtp_commands_min" = 200.0, "commands of one listener in 15 minutes, below which shares of commands say nothing";
    SMTP_AUTH: "smtp_auth_min" = 30.0, "AUTH exchanges of one listener in 15 minutes, below which their share of failures says nothing";
    LDAP_BINDS: "ldap_binds_min" = 30.0, "binds of one listener in 15 minutes, below which their share of failures says nothing";
    LDAP_BIND_FAILURES: "ldap_bind_failures_min" = 20.0, "failed binds of one listener and reason in 30 minutes, below which they are no news";
    LDAP_OPERATIONS: "ldap_operations_min" = 50.0, "operations of one listener in 15 minutes, below which shares and latencies say nothing";
    ANOMALIES: "anomalies_min" = 20.0, "anomalies of one listener and kind in 30 minutes, below which they are no news";
    BYTES: "bytes_min" = 100000.0, "octets of one listener in 30 minutes, below which the visible share says nothing";
    USUAL: "usual_min" = 20.0, "mails or binds of one listener in the same 30 minutes of a day ago, below which silence is no news";


    // --- SMTP ---
    SMTP_REJECTED_SHARE: "smtp_rejected_share_max" = 0.25, "share of mails that are rejected for good";
    SMTP_TEMPORARY_SHARE: "smtp_temporary_refusals_share_max" = 0.10, "share of replies that refuse with 4xx, greylisting left out";
    SMTP_RISE: "smtp_refusals_rise_max" = 3.0, "refusals of one reason in 30 minutes, as a multiple of the mean of the six hours before";
    SMTP_STORAGE: "smtp_storage_refusals_max" = 5.0, "refusals in 15 minutes because the server's storage is full";
    SMTP_AUTH_FAILED_SHARE: "smtp_auth_failed_share_max" = 0.5, "share of AUTH exchanges that fail";
    SMTP_END_OF_DATA: "smtp_end_of_data_p95_seconds_max" = 30.0, "95th percentile of the time from the end of a mail to its reply, seconds";
    SMTP_REPLY: "smtp_reply_p95_seconds_max" = 5.0, "95th percentile of the time from a command to its reply, seconds";
    SMTP_GREETING: "smtp_greeting_p95_seconds_max" = 10.0, "95th percentile of the time from the connection to the greeting, seconds";
    SMTP_NO_GREETING_SHARE: "smtp_greetings_missing_share_max" = 0.2, "share of connections that end before the server says anything";
    SMTP_CLOSING_SHARE: "smtp_closing_replies_per_connection_max" = 0.1, "replies with 421 per connection";
    SMTP_UNANSWERED_SHARE: "smtp_unanswered_share_max" = 0.01, "share of commands that are never answered";

    // --- LDAP ---
    LDAP_BIND_FAILED_SHARE: "ldap_bind_failed_share_max" = 0.5, "share of binds that fail";
    LDAP_BIND_RISE: "ldap_bind_failures_rise_max" = 3.0, "failed binds of one reason in 30 minutes, as a multiple of the mean of the six hours before";
    LDAP_LOCKED: "ldap_locked_binds_max" = 5.0, "binds in 30 minutes to accounts that are locked";
    LDAP_EXPIRED: "ldap_expired_binds_max" = 20.0, "binds in an hour that fail because a password or an account has expired";
    LDAP_UNAVAILABLE_SHARE: "ldap_unavailable_share_max" = 0.05, "share of results that are busy or unavailable";
    LDAP_ERROR_SHARE: "ldap_error_share_max" = 0.5, "share of the results of one operation that are errors";
    LDAP_LIMITED_SHARE: "ldap_limited_searches_share_max" = 0.05, "share of searches that a limit ends";
    LDAP_LATENCY: "ldap_operation_p95_seconds_max" = 1.0, "95th percentile of the time from an operation to its final answer, seconds";
    LDAP_UNANSWERED_SHARE: "ldap_unanswered_share_max" = 0.01, "share of operations that are never answered";
    LDAP_IN_FLIGHT: "ldap_operations_in_flight_max" = 500.0, "operations of one listener that wait for their answer";
    LDAP_DISCONNECTIONS: "ldap_disconnections_max" = 5.0, "notices of disconnection in 15 minutes";
    LDAP_UNDECODED_SHARE: "ldap_undecoded_share_max" = 0.01, "messages that could not be understood, per request";

    // --- both ---
    CLEAR_TEXT: "credentials_in_clear_text_max" = 0.0, "logins in an hour whose password could be read on the network";
    INJECTIONS: "injections_max" = 0.0, "connections in an hour with commands injected behind STARTTLS or StartTLS";
    SMUGGLING: "smtp_smuggling_max" = 0.0, "ends of a mail in an hour that some servers see and others do not";
    ANOMALY_RISE: "anomalies_rise_max" = 3.0, "anomalies of one kind in 30 minutes, as a multiple of the mean of the six hours before";
    VISIBLE: "visible_share_of_yesterday_min" = 0.5, "share of octets that are seen, as a share of what it was a day ago";
    EVENTS_DROPPED: "events_dropped_max" = 0.0, "events in 15 minutes that the rate limit kept out of the log";
    FIELDS_IGNORED: "config_fields_ignored_max" = 0.0, "fields of configurations in an hour that the module does not know";
    CLOCK: "clock_anomalies_max" = 10.0, "intervals in an hour that were dropped because the clock had been set";
    INTERNAL_ERRORS: "internal_errors_max" = 0.0, "connections in an hour on which a filter itself failed";

    // --- SDK and Envoy ---
    PANICS: "panics_max" = 0.0, "panics of an extension in an hour";
    ERRORS: "errors_max" = 0.0, "errors of an extension in an hour, configuration left out";
    BYPASSED: "bypassed_connections_max" = 0.0, "connections in an hour that went on without their filter";
    CLOSED_ON_ERROR: "closed_on_error_max" = 0.0, "connections in 15 minutes that were closed because their filter failed";
    REFUSED: "refused_filters_max" = 0.0, "connections in 15 minutes that got no filter because too many had panicked";
    STATS_REFUSED: "stats_refused_max" = 0.0, "host calls for statistics in an hour that Envoy refused";
    VM_STARTS: "vm_starts_max" = 200.0, "plugins started in one hour in one Envoy; a change of configuration starts one for each worker and two more";
    VM_RELOADS: "vm_reloads_max" = 0.0, "VMs in an hour that were lost to a trap and made anew";
    VM_RELOAD_FAILURES: "vm_reload_failures_max" = 0.0, "VMs in 15 minutes that were lost and could not be made anew";
    REJECTED: "rejected_configurations_max" = 0.0, "configurations in an hour that Envoy or a filter refused";
    FETCH_FAILURES: "fetch_failures_max" = 0.0, "modules in an hour that Envoy could not fetch";
    CONFIGURATION_MISSING: "missing_configuration_connections_max" = 0.0, "connections in 15 minutes that were closed because a filter had no configuration yet";
    VERSIONS: "instances_without_the_common_version_max" = 0.0, "Envoys that lack the module version which most of them have";
    UNLABELLED: "unlabelled_series_max" = 0.0, "series of one Envoy whose labels are still in their names";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = THRESHOLDS.iter().map(|threshold| threshold.of).collect();
        assert_eq!(names.len(), THRESHOLDS.len());
        for threshold in THRESHOLDS {
            assert!(threshold.of.ends_with("_min") || threshold.of.ends_with("_max"), "{threshold:?}");
        }
    }
}
