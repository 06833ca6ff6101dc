//! What is logged, on FakeEnvoy, whose clock stands still.

use envoy_sdk_test::{FakeEnvoy, LogLevel};
use scanning_filter::module;

#[test]
fn a_line_tells_of_each_round() {
    let envoy = FakeEnvoy::new(module).configure(r#"{"rounds": 2, "octets": 65537}"#).expect("configured");
    let said = envoy.messages(LogLevel::Info);
    assert_eq!(said.len(), 4, "{said:?}");
    for (line, kind) in
        said.iter().zip(["lines_of_text", "lines_of_text", "bare_line_feeds", "bare_line_feeds"])
    {
        let numbers = line.split_once(&format!("measured {kind}: 131072 octets, copied in "));
        let (copied, scanned) =
            numbers.and_then(|(_, numbers)| numbers.split_once(", scanned in ")).expect(line);
        assert!(copied.parse::<u64>().is_ok() && scanned.parse::<u64>().is_ok(), "{line}");
    }
}
