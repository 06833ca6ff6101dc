//! What access logs print about a connection.

use std::borrow::Cow;
use std::fmt;

use common_metrics::Label as _;
use session_driver::{Redactor, Visibility};

use crate::bind_summary::{BindOutcome, BindSummary};
use crate::identity::Identity;
use crate::operation_summary::OperationSummary;
use crate::protocol::result_code::ResultOutcome;

/// What access logs print about a connection: `%FILTER_STATE(wasm.ldap:PLAIN)%`. Every word of it is the filter's own,
/// but for a name where the configuration asks for names in full: that is escaped, so it cannot break out of a log line.
#[derive(Debug)]
pub(crate) struct AccessLogSummary {
    /// Binds that were answered for good.
    binds: u64,
    failed_binds: u64,
    /// Operations that have ended.
    operations: u64,
    /// Those whose result was an error.
    errors: u64,
    last_result: &'static str,
    /// As whom the client acts, printable.
    identity: Cow<'static, str>,
    visibility: Visibility,
}

impl Default for AccessLogSummary {
    fn default() -> Self {
        Self {
            binds: 0,
            failed_binds: 0,
            operations: 0,
            errors: 0,
            last_result: "none",
            identity: Cow::Borrowed(Identity::Anonymous.as_str()),
            visibility: Visibility::Parsed,
        }
    }
}

impl AccessLogSummary {
    pub(crate) fn operation_ended(&mut self, operation: &OperationSummary<'_>) {
        self.operations = self.operations.saturating_add(1);
        if let Some(code) = operation.code {
            self.errors = self.errors.saturating_add((code.outcome() == ResultOutcome::Error).into());
            self.last_result = code.label().as_str();
        }
    }

    pub(crate) fn bind_ended(&mut self, bind: &BindSummary<'_>, redactor: &Redactor) {
        match bind.outcome {
            BindOutcome::Succeeded => {
                self.binds = self.binds.saturating_add(1);
                self.identity = printable(bind.identity, redactor);
            }
            BindOutcome::Failed => {
                self.binds = self.binds.saturating_add(1);
                self.failed_binds = self.failed_binds.saturating_add(1);
                self.identity = Cow::Borrowed(Identity::Anonymous.as_str());
            }
            BindOutcome::Unfinished => {}
        }
    }

    /// Something cannot be seen; says whether that is new.
    pub(crate) fn sees_less(&mut self, visibility: Visibility) -> bool {
        std::mem::replace(&mut self.visibility, visibility) != visibility
    }
}

impl fmt::Display for AccessLogSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { binds, failed_binds, operations, errors, last_result, identity, .. } = self;
        let visibility = self.visibility.as_str();
        write!(
            f,
            "binds={binds};failed_binds={failed_binds};operations={operations};errors={errors};last_result={last_result};identity={identity};visibility={visibility}"
        )
    }
}

/// An identity as one word. A name is given as the configuration allows, or not at all.
fn printable(identity: Identity<'_>, redactor: &Redactor) -> Cow<'static, str> {
    match identity {
        Identity::Named(Some(name)) => match redactor.distinguished_name(name) {
            Some(name) => Cow::Owned(format!("name:{}", escaped(&name))),
            None => Cow::Borrowed(identity.as_str()),
        },
        Identity::Sasl(mechanism) => Cow::Owned(format!("sasl:{}", mechanism.as_str())),
        _ => Cow::Borrowed(identity.as_str()),
    }
}

/// A name in which everything is escaped, as in a URI, that could end a word, a value or a line.
fn escaped(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for octet in name.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~@=,+".contains(&octet) {
            text.push(char::from(octet));
        } else {
            text.push_str(&format!("%{octet:02X}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_break_out_of_a_log_line() {
        assert_eq!(escaped("uid=a b,dc=c"), "uid=a%20b,dc=c");
        assert_eq!(escaped("x;visibility=parsed\r\n\"%"), "x%3Bvisibility=parsed%0D%0A%22%25");
        assert_eq!(escaped("é"), "%C3%A9");
    }

    #[test]
    fn without_a_bind_the_client_is_anonymous() {
        assert_eq!(
            AccessLogSummary::default().to_string(),
            "binds=0;failed_binds=0;operations=0;errors=0;last_result=none;identity=anonymous;visibility=parsed"
        );
    }
}
