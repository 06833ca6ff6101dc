//! Every place at which a filter can fail, and what that costs.

/// A fault, of the connections of one client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Where: a place of `crates/panicking-filters`.
    pub(crate) at: &'static str,
    /// At which call there.
    pub(crate) call: u32,
    /// How.
    pub(crate) how: &'static str,
    /// Behind the filter's own work.
    pub(crate) after: bool,
    /// The callback that it is counted as; [`FIRST_DATA`] depends on who speaks first.
    pub(crate) callback: &'static str,
    /// When.
    pub(crate) when: When,
}

/// When a fault comes in the life of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before there is a filter: nothing has been counted.
    Unborn,
    /// Before the connection to the server is made.
    Opening,
    /// Before the first exchange is over.
    Talking,
    /// At the end of the first transaction, which has been counted: of a mail the exchange, of LDAP the bind before it.
    Summary,
    /// When the server has ended its side.
    Ending,
    /// When there is no connection left that could be closed.
    Over,
    /// When everything has been counted.
    Counted,
}

/// The callback of the first data: a mail server speaks first, a directory's client does.
pub(crate) const FIRST_DATA: &str = "first data";

const fn case(at: &'static str, callback: &'static str, when: When) -> Case {
    Case { at, call: 1, how: "panic", after: false, callback, when }
}

const fn later(case: Case, call: u32) -> Case {
    Case { call, ..case }
}

const fn after(case: Case) -> Case {
    Case { after: true, ..case }
}

const fn how(how: &'static str) -> Case {
    Case { how, ..case("on_downstream_data", "on_downstream_data", When::Talking) }
}

/// The callbacks of every network filter, and every way to fail in one of them.
pub(crate) const CALLBACKS: [Case; 17] = [
    case("new_filter", "new_filter", When::Unborn),
    case("on_new_connection", "on_new_connection", When::Opening),
    after(case("on_new_connection", "on_new_connection", When::Opening)),
    how("panic"),
    how("formatted_panic"),
    how("bad_panic"),
    how("error"),
    how("bad_error"),
    after(how("panic")),
    later(how("panic"), 2),
    case("on_upstream_data", "on_upstream_data", When::Talking),
    after(case("on_upstream_data", "on_upstream_data", When::Talking)),
    case("on_timer", "on_timer", When::Talking),
    case("on_upstream_close", "on_upstream_close", When::Ending),
    case("on_downstream_close", "on_downstream_close", When::Over),
    case("on_stream_complete", "on_stream_complete", When::Over),
    case("drop", "drop", When::Counted),
];

/// Inside the driver, the session and what observes it.
pub(crate) const INSIDE: [Case; 9] = [
    case("session", "new_filter", When::Unborn),
    later(case("need", FIRST_DATA, When::Talking), 5),
    case("opens", "on_downstream_data", When::Talking),
    case("feed", FIRST_DATA, When::Talking),
    case("observe", FIRST_DATA, When::Talking),
    later(case("observe", "on_downstream_data", When::Talking), 2),
    case("summary", "on_upstream_data", When::Summary),
    case("half_close", "on_upstream_data", When::Ending),
    case("end", "on_stream_complete", When::Over),
];

/// In the SDK's own code, where it calls what an extension has brought.
pub(crate) const IN_THE_SDK: [Case; 2] =
    [case("logging", FIRST_DATA, When::Talking), case("counting", FIRST_DATA, When::Talking)];
