//! What peers do that RFC 4511 does not foresee.

use common_metrics::label;

label! {
    /// Something that RFC 4511 does not foresee. Most of it the session survives; where it does not, the
    /// description says so.
    pub enum Anomaly: "kind" {
        // --- what costs the framing: the session goes opaque ---
        /// An indefinite length (`30 80`), which RFC 4511, 5.1 forbids.
        IndefiniteLength = "indefinite_length",
        /// A length in more octets than a message can need, or above `max_message_octets`.
        OversizedMessage = "oversized_message",
        /// Octets that are no LDAPMessage where one has to begin, TLS and HTTP excepted.
        NotLdap = "not_ldap",
        /// An HTTP request.
        Http = "http",
        /// A TLS hello where LDAP had been spoken in clear text before.
        TlsHello = "tls_hello",
        /// A SASL buffer longer than RFC 4422 allows, or than `max_message_octets`.
        OversizedSaslBuffer = "oversized_sasl_buffer",
        // --- what the session survives ---
        /// An LDAPMessage whose parts contradict its length; it is skipped.
        MalformedMessage = "malformed_message",
        /// A message ID below 0 or above 2^31-1.
        MessageIdOutOfRange = "message_id_out_of_range",
        /// A request with message ID 0.
        MessageIdZero = "message_id_zero",
        /// A request with the ID of one that is still to be answered.
        MessageIdReused = "message_id_reused",
        /// An operation that RFC 4511 does not know.
        UnknownOperation = "unknown_operation",
        /// A response that came from the client, or a request from the server.
        WrongDirection = "wrong_direction",
        /// A response of another operation than its request.
        MismatchedResponse = "mismatched_response",
        /// More operations wait for an answer than `max_pending_operations`: the next are not paired. Said once per
        /// connection.
        TooManyPending = "too_many_pending",
        /// A search filter nested deeper than `max_filter_depth`.
        DeepFilter = "deep_filter",
        /// A request while a bind waits for its answer (RFC 4511, 4.2.1).
        RequestDuringBind = "request_during_bind",
        /// Octets between a StartTLS request and its answer (RFC 4511, 4.14.1).
        RequestDuringStartTls = "request_during_start_tls",
        /// A message behind an unbind, which nobody listens to any more (RFC 4511, 4.3): it is not counted as a
        /// request. Said once per connection.
        AfterUnbind = "after_unbind",
        /// A SASL buffer that was signed but whose message could not be found in it.
        UnreadableSaslBuffer = "unreadable_sasl_buffer",
        /// The connection ended, or one direction did, inside a message. Said once per direction.
        TruncatedMessage = "truncated_message",
    }
}
