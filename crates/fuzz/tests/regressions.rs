//! What broke something once: a target, the product, or an oracle. The name says what.
//!
//! `xxd -p FILE > crates/fuzz/regressions/TARGET/what_broke.hex` keeps a find; lines that begin with `#` are for people.

use std::fs;
use std::path::Path;

use fuzz_targets::target;

#[test]
fn what_broke_once_breaks_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("regressions");
    let mut inputs = 0;
    for of_target in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let target = target(of_target.file_name().unwrap().to_str().unwrap()).unwrap();
        for file in fs::read_dir(&of_target).unwrap().map(|entry| entry.unwrap().path()) {
            let input = octets(&fs::read_to_string(&file).unwrap());
            assert!(!input.is_empty(), "{}", file.display());
            println!("{}", file.display());
            target.run(&input);
            inputs += 1;
        }
    }
    assert!(inputs > 0, "{} is empty", folder.display());
}

/// Hexadecimal in lines, and what is for people.
fn octets(text: &str) -> Vec<u8> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let digits: Vec<u8> = lines.flat_map(str::bytes).filter(|octet| !octet.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}
