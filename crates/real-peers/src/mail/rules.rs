//! What every server here accepts and refuses. The same rules for all, in each one's own words.

/// The only domain that mail is accepted for: `alice@good.test`, `bob@good.test` and so on. RFC 2606 keeps
/// `.test` from ever being a real domain.
pub const DOMAIN: &str = "good.test";

/// The name that the servers greet with and that their certificate is for.
pub const HOST: &str = "mx.good.test";

/// Recipients whose mail is delivered by every server. All but the LMTP server take any other name too.
pub const KNOWN: [&str; 2] = ["alice@good.test", "bob@good.test"];

/// Refused with 550 5.1.1.
pub const UNKNOWN_USER: &str = "nobody@good.test";

/// Refused with 450 4.7.1 (Exim's access lists can only say 451 4.7.1; the LMTP server says 451 4.2.0, and
/// that after the content).
pub const GREYLISTED: &str = "greylist@good.test";

/// Refused with 552 5.2.2 (Exim: 550 5.2.2; the LMTP server after the content).
pub const MAILBOX_FULL: &str = "full@good.test";

/// Accepted at RCPT; after the content refused for this recipient alone, where the client asked for PRDR
/// (Exim).
pub const REFUSED_AFTER_CONTENT: &str = "prdr-refused@good.test";

/// The longest message that is accepted, in octets. The LMTP server knows no limit.
pub const MESSAGE_SIZE_LIMIT: usize = 1_048_576;

/// The one user who can log in.
pub const USER: &str = "tester@good.test";

/// That user's password. It opens nothing but these servers.
pub const PASSWORD: &str = "secret";
