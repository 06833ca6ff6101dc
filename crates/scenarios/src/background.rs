//! Scenarios with background services.

use serde_json::json;

use crate::Scenario;
use crate::scenario::Oracle;

pub(crate) fn all() -> Vec<Scenario> {
    vec![
        Scenario::background(
            "background-timers",
            "A service that wakes up twice, and counts",
            json!({"rules": [
                {"on": "configure", "do": [{"timer": 1000}]},
                {"on": "plugin_timer", "nth": 1, "do": [{"log": "first"}, {"count": 1}, {"timer": 100}]},
                {"on": "plugin_timer", "nth": 2, "do": [{"log": "second"}, {"property": "plugin_name"}]},
            ]}),
        )
        .pass(1000)
        .pass(100),
        Scenario::background(
            "background-failing",
            "A panic in a timer is counted; the service stays",
            json!({"rules": [
                {"on": "configure", "do": [{"timer": 1000}]},
                {"on": "plugin_timer", "nth": 1, "do": [{"timer": 100}, {"panic": "as told"}]},
                {"on": "plugin_timer", "nth": 2, "do": [{"log": "still here"}]},
            ]}),
        )
        .pass(1000)
        .pass(100),
        Scenario::background(
            "background-call",
            "A service that asks somebody, and shares the answer",
            json!({"rules": [
                {"on": "configure", "do": [{"timer": 1000}]},
                {"on": "plugin_timer", "do": [{"http_call": {
                    "cluster": "background-call", "path": "/refresh", "body": "", "milliseconds": 60000,
                }}]},
                {"on": "call_done", "do": [{"shared_set": ["fresh", "1"]}, {"shared_get": "fresh"}]},
            ]}),
        )
        .with_oracle(Oracle::Answers)
        .pass(1000)
        .oracle_answers(1, 200, &[("x-answer", "yes")], "news"),
    ]
}
