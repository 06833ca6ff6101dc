//! Directory operations.

use real_peers::directory::load::DirectoryLoad;
use real_peers::directory::rules::{ADMIN_DN, ADMIN_PASSWORD, PASSWORD, STAFF, USERS, person, staff};
use real_peers::directory::{Scope, message};

use super::load::{Done, Load, Server, Target};
use super::variant::Variant;

/// Generated people of a small directory, and entries of a middling result.
pub(super) const SMALL_DIRECTORY: u32 = 1_000;
/// Generated people of a large directory, and entries of a large result.
pub(super) const LARGE_DIRECTORY: u32 = 100_000;

/// A counter with labels.
type Counter = (&'static str, &'static [(&'static str, &'static str)]);

const SEARCHES: Counter = ("requests_total", &[("operation", "search")]);
const BINDS: Counter = ("requests_total", &[("operation", "bind")]);
const ENTRIES: Counter = ("entries_total", &[]);

const fn summary(at_most: f64) -> Target {
    Target { variant: Variant::Summary, at_most }
}

const OFF: Target = Target { variant: Variant::Off, at_most: 1.01 };
const SMALL: &[Target] = &[summary(1.08), OFF];
const LARGE: &[Target] = &[summary(1.03), OFF];
const CHURN: &[Target] = &[summary(1.10), OFF];

/// All loads of directories.
pub(super) fn loads() -> Vec<Load> {
    let one = message::search(&staff(7), Scope::Base, &message::present("objectClass"), &[]);
    let binds: Vec<Vec<u8>> = USERS.map(|user| message::bind(&person(user), PASSWORD)).into();
    let one_by_one = DirectoryLoad { operations: 600, ..DirectoryLoad::of(one) };
    let binding = DirectoryLoad { operations: 600, work: binds.clone(), ..DirectoryLoad::of(Vec::new()) };
    vec![
        operations("ldap-bind", "simple binds", binding.clone(), &[], BINDS),
        operations("ldap-search", "searches with one entry", one_by_one.clone(), SMALL, SEARCHES),
        operations(
            "ldap-search-pipelined",
            "searches with one entry, 32 at a time",
            DirectoryLoad { operations: 2_000, depth: 32, ..one_by_one },
            SMALL,
            SEARCHES,
        ),
        result("ldap-search-1000", "entries of results with 1,000", Server::Directory, 10),
        result("ldap-search-100000", "entries of results with 100,000", Server::LargeDirectory, 1),
        Load {
            unit: "connection",
            ..operations(
                "ldap-churn",
                "connections with a bind and an unbind",
                DirectoryLoad { operations: 150, reconnect_after: Some(1), ..binding },
                CHURN,
                BINDS,
            )
        },
    ]
}

fn operations(
    name: &'static str,
    title: &'static str,
    load: DirectoryLoad,
    targets: &'static [Target],
    counted_as: Counter,
) -> Load {
    Load {
        name,
        title,
        unit: "operation",
        server: Server::Directory,
        targets,
        counted_as,
        run: Box::new(move |server| {
            let report = load.run(server)?;
            Ok(Done { connections: report.connections, units: report.answered() })
        }),
    }
}

/// Searches for everybody there is.
fn result(name: &'static str, title: &'static str, server: Server, searches: u64) -> Load {
    let everybody = message::search(STAFF, Scope::One, &message::present("uid"), &[]);
    let load = DirectoryLoad {
        operations: searches,
        login: Some(message::bind(ADMIN_DN, ADMIN_PASSWORD)),
        ..DirectoryLoad::of(everybody)
    };
    Load {
        name,
        title,
        unit: "entry",
        server,
        targets: LARGE,
        counted_as: ENTRIES,
        run: Box::new(move |server| {
            let report = load.run(server)?;
            Ok(Done { connections: report.connections, units: report.entries })
        }),
    }
}
