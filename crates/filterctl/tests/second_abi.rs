//! The filters on the SDK's second ABI: the tests of `second-abi`, compiled for it.

use std::path::Path;
use std::process::Command;

use filterctl::workspace::Workspace;

#[test]
fn filters_do_not_know_which_abi_they_run_on() {
    let suite = Workspace::at(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--package", "second-abi", "--target-dir"])
        // Another ABI makes other artefacts of everything: side by side they need not be made again each time.
        .arg(suite.target.join("second-abi"))
        .env("RUSTFLAGS", r#"--cfg envoy_sdk_abi="lending""#)
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .current_dir(&suite.root)
        .output()
        .unwrap();
    let [out, err] = [&output.stdout, &output.stderr].map(|octets| String::from_utf8_lossy(octets));
    assert!(output.status.success(), "{out}\n{err}");
    // Compiled for the first ABI there would be no tests, and all would be well.
    assert!(out.contains("test result: ok. 4 passed"), "{out}\n{err}");
}
