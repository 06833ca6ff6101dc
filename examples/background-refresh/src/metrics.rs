//! What the two extensions count.

use envoy_sdk::metrics::{catalogue, label};

label! {
    /// What became of an attempt to fetch the document.
    pub enum Refreshed: "outcome" {
        /// The document was stored.
        Stored = "stored",
        /// Another service has stored one since this one asked: it may be newer and stays.
        Outdated = "outdated",
        /// There was no answer with status 200 in time, or it was too large. The document of before stays.
        Failed = "failed",
    }
}

label! {
    /// How a request for the document was answered.
    pub enum Served: "answer" {
        /// With the document.
        Document = "document",
        /// With 503: none has been fetched yet.
        Missing = "missing",
    }
}

catalogue! {
    /// What the two extensions count.
    pub static DOCUMENT: "document" {
        /// Attempts to fetch the document, by what became of them.
        counter REFRESHES: Refreshed = "refreshes_total", Summary, FromStart;
        /// Requests for the document, by how they were answered.
        counter REQUESTS: Served = "requests_total", Summary, FromStart;
    }
}
