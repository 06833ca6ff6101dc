//! A filter's own configuration.

use crate::{assert_found, findings};

fn smtp(source: &str) -> Vec<String> {
    findings("f", source, None, Some("smtp"))
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_would_be_right() {
    let json = r#"{
  "levle": "summary",
  "mode": "on",
  "stat_prefix": "corp.relay",
  "max_reply_line": 600,
  "identities": "off",
  "events": {"enabled": "yes", "sampel": 1, "sample": 2, "log_level": "warning"},
  "limits": {
    "max_command_line": 1,
    "enabled": true
  }
}"#;
    assert_found(
        &smtp(json),
        &[
            "2:3 error: levle: unknown field `levle`, expected one of `stat_prefix`…(did you mean `level`?)",
            "3:3 error: mode: unknown variant `on`, expected `observe` or `off` (it is `observe` or `off`)",
            "4:3 error: stat_prefix: \"corp.relay\" cannot be a label: use 1 to 64 of A-Z a-z 0-9 _ -",
            "5:3 error: max_reply_line: unknown field…(`max_reply_line` belongs into `limits`)",
            "6:3 error: identities: unknown field…(`identities` belongs into `events`)",
            "7:14 error: events.enabled: invalid type: string \"yes\", expected a boolean (write enabled: true or enabled: false)",
            "7:32 error: events.sampel: unknown field…(did you mean `sample`?)",
            "7:45 error: events.sample: 2 is not between 0 and 1",
            "7:58 error: events.log_level: unknown variant `warning`…(did you mean `warn`?)",
            "9:5 error: limits.max_command_line: 1 is not a whole number from 512 to 65536",
            "10:5 error: limits.enabled: unknown field…(`enabled` belongs into `events`)",
        ],
    );
}

#[test]
fn words_that_yaml_takes_for_booleans_are_explained() {
    let yaml = "mode: off\nevents:\n  enabled: yes\n  identities: no\nstat_prefix: 25\nlevel: ~\n";
    assert_found(
        &smtp(yaml),
        &[
            "1:1 error: mode: invalid type: boolean `false`…(YAML reads off without quotes as a boolean: write mode: \"off\")",
            "3:3 warning: events.enabled: yes is a boolean in YAML 1.1 only (write enabled: true)",
            "4:3 error: events.identities: invalid type: boolean `false`…(YAML reads no without quotes as a boolean: write \
             identities: \"no\")",
            "5:1 error: stat_prefix: invalid type: integer `25`, expected a string (a number is no string: write stat_prefix: \
             \"25\")",
            "6:1 error: level: invalid type: null…(it is `summary` or `detailed`)",
        ],
    );
    assert_found(&smtp("mode: \"off\"\nevents: {enabled: true, identities: 'off'}\n"), &[]);
}

#[test]
fn what_is_allowed_may_still_be_doubtful() {
    let yaml = "\
strict: false
events:
  identities: hmac
";
    assert_found(
        &smtp(yaml),
        &[
            "1:1 warning: strict: fields that the module does not know are ignored",
            "3:3 warning: events.identities: no events are written",
            "3:3 warning: events.identities: no hmac_key: each Envoy makes a random key",
        ],
    );
    let key = "hmac_key: {id: a, secret: 0123456789abcdef}";
    let yaml = format!("events:\n  enabled: true\n  {key}\n  identities: full\n");
    assert_found(
        &smtp(&yaml),
        &[
            "3:3 warning: events.hmac_key: nothing uses the key",
            "4:3 warning: events.identities: events hold identities",
        ],
    );
    assert_found(&smtp(&format!("events:\n  enabled: true\n  {key}\n  identities: hmac\n")), &[]);
}

#[test]
fn a_field_that_is_missing_points_at_what_lacks_it() {
    let json = r#"{"events": {"enabled": true, "identities": "hmac", "hmac_key": {"id": "a", "secrte": "0123456789abcdef"}}}"#;
    assert_found(
        &smtp(json),
        &["1:76 error: events.hmac_key.secrte: unknown field `secrte`, expected `id` or `secret` (did you mean `secret`?)"]
            .iter()
            .copied()
            .chain(["1:52 error: events.hmac_key: missing field `secret`"])
            .rev()
            .collect::<Vec<_>>(),
    );
}

#[test]
fn what_is_no_json_is_told_as_the_module_tells_it() {
    assert_found(
        &smtp(r#"{"mode": "off""#),
        &["1:14 error: not valid JSON: EOF while parsing an object at line 1 column 14"],
    );
    assert_found(&smtp("{\n\"mode\": off\n}"), &["2:9 error: not valid JSON: expected value"]);
    assert_found(&smtp("mode: [\n"), &["…error: "]);
    assert_found(&smtp("level: summary\nlevel: detailed\n"), &["2:1 error: …duplicate"]);
    assert_found(&smtp("[]"), &["1:1 error: a configuration is an object, not a list"]);
}

#[test]
fn json_with_tabs_has_places_too() {
    assert_found(&smtp("{\n\t\"levle\": \"\\ud83d\\ude00\"\n}"), &["…error: levle: unknown field"]);
    assert_found(&smtp("{\n\t\"levle\": 1\n}"), &["2:2 error: levle: unknown field"]);
}

#[test]
fn the_filter_is_found_out_where_the_file_says_it() {
    let domain = "events: {enabled: true, identities: domain}\n";
    assert_found(&findings("x.yaml", domain, None, None), &[]);
    assert_found(
        &findings("ldap.yaml", domain, None, None),
        &["1:25 error: events.identities: `domain` is for mail; ldap knows `off`, `hmac` and `full`"],
    );
    let limits = format!("limits: {{max_filter_depth: 3}}\n{domain}");
    assert_found(
        &findings("x.yaml", &limits, None, None),
        &["2:25 error: events.identities: `domain` is for mail"],
    );
}
