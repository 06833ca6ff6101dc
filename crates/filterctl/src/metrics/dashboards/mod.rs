//! Grafana's dashboards, made from the catalogue.
//!
//! What a panel shows is declared here, in Rust, with the constants of the catalogues: a metric that is renamed changes the
//! files, one that is gone does not compile. The declaration goes as JSON to `build_dashboards.py`, which builds the
//! dashboards with Grafana's own library for that (`grafana-foundation-sdk`, from PyPI) and decides how they look.

mod build;
mod ldap;
mod observer;
mod overview;
mod panel;
mod query;
mod sdk;
mod smtp;
mod variables;

pub use build::{files, install};
pub use variables::Variables;

use panel::Dashboard;

/// An expression of a panel, ready to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expression {
    /// The dashboard: `smtp`.
    pub dashboard: &'static str,
    /// The panel's title.
    pub panel: String,
    /// The expression, without variables.
    pub expr: String,
    /// Why there is nothing to see even where everything happens that filters count.
    pub expected_empty: Option<&'static str>,
}

/// Every expression of every panel, in the order in which they are shown, and every selector of a variable.
#[must_use]
pub fn expressions(variables: &Variables) -> Vec<Expression> {
    let mut expressions = Vec::new();
    for dashboard in dashboards() {
        for variable in &dashboard.variables {
            expressions.push(Expression {
                dashboard: dashboard.name,
                panel: format!("the variable {}", variable.name),
                expr: variables
                    .substitute(&format!("group by ({}) ({})", variable.values_of, variable.series)),
                expected_empty: None,
            });
        }
        for panel in dashboard.rows.iter().flat_map(|row| &row.panels) {
            expressions.extend(panel.queries().iter().map(|query| Expression {
                dashboard: dashboard.name,
                panel: panel.title.clone(),
                expr: variables.substitute(&query.expr),
                expected_empty: query.expected_empty,
            }));
        }
    }
    expressions
}

/// All dashboards, the one to look at first in front.
fn dashboards() -> [Dashboard; 4] {
    [overview::dashboard(), smtp::dashboard(), ldap::dashboard(), sdk::dashboard()]
}

#[cfg(test)]
mod tests;
