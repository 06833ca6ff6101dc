//! `unsafe` stands in `envoy-sdk/src/abi/` alone: not in another crate, not in a test, not in what a macro expands to.
//!
//! The crates forbid it too, each for itself; a lint sees neither a crate that forgot to, nor a macro's body. Here
//! every Rust file of the repository is cut into tokens, so that comments and strings are not mistaken for code.

mod repository;

use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};

/// Where it belongs.
const ABI: &str = "crates/envoy-sdk/src/abi";

/// The one exception: a module's entry point has to have its name, which is `#[unsafe(no_mangle)]` since edition
/// 2024. It is written in the SDK, and expands in whatever crate is a module.
const ENTRY_POINT: (&str, &str) = ("crates/envoy-sdk/src", "entry_point");

/// A place where the word stands as code.
#[derive(Debug, PartialEq, Eq)]
struct Unsafe {
    line: usize,
    /// The `macro_rules!` that it stands in.
    in_macro: Option<String>,
    /// Whether it is `#[unsafe(no_mangle)]` and nothing else.
    only_keeps_a_name: bool,
}

#[test]
fn unsafe_code_stands_in_the_abi_alone() {
    let root = repository::root();
    let (mut elsewhere, mut in_the_abi, mut entry_points) = (Vec::new(), 0, 0);
    for file in repository::files("rs") {
        let source = fs::read_to_string(&file).expect("a readable source file");
        let file = file.strip_prefix(&root).expect("a file of the repository").to_owned();
        for found in unsafe_in(&source).unwrap_or_else(|error| panic!("{}: {error}", file.display())) {
            if file.starts_with(ABI) {
                in_the_abi += 1;
            } else if is_the_entry_point(&file, &found) {
                entry_points += 1;
            } else {
                elsewhere.push(format!("{}:{}", file.display(), found.line));
            }
        }
    }
    assert!(elsewhere.is_empty(), "unsafe outside of {ABI}: {elsewhere:#?}");
    assert!(in_the_abi > 0, "no unsafe in {ABI} either: this test looks in the wrong place");
    assert_eq!(entry_points, 1, "macro_rules! entry_point keeps one name");
}

fn is_the_entry_point(file: &Path, found: &Unsafe) -> bool {
    let (folder, name) = ENTRY_POINT;
    file.starts_with(folder) && found.in_macro.as_deref() == Some(name) && found.only_keeps_a_name
}

#[test]
fn code_is_told_from_comments_and_strings() {
    let source = r##"
        //! unsafe
        #![allow(unsafe_code)] /* unsafe */
        const TEXT: &str = r#"unsafe {}"#;
        fn f() { g(|| [unsafe { h() }]) }
        macro_rules! entry { () => { #[unsafe(no_mangle)] fn f() {} } }
        macro_rules! other { () => { #[unsafe(no_mangle, naked)] unsafe fn f() {} } }
        #[unsafe(no_mangle)] fn i() {}
    "##;
    let found = |line, in_macro: Option<&str>, only_keeps_a_name| Unsafe {
        line,
        in_macro: in_macro.map(str::to_owned),
        only_keeps_a_name,
    };
    let expected = [
        found(5, None, false),
        found(6, Some("entry"), true),
        found(7, Some("other"), false),
        found(7, Some("other"), false),
        found(8, None, true),
    ];
    assert_eq!(unsafe_in(source).expect("Rust"), expected);
}

fn unsafe_in(source: &str) -> Result<Vec<Unsafe>, proc_macro2::LexError> {
    let mut found = Vec::new();
    look(source.parse()?, None, &mut found);
    Ok(found)
}

fn look(tokens: TokenStream, in_macro: Option<&Ident>, found: &mut Vec<Unsafe>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (position, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "unsafe" => found.push(Unsafe {
                line: word.span().start().line,
                in_macro: in_macro.map(ToString::to_string),
                only_keeps_a_name: tokens.get(position + 1).is_some_and(is_no_mangle),
            }),
            TokenTree::Group(group) => {
                let defined = defined_macro(&tokens[..position]);
                look(group.stream(), defined.or(in_macro), found);
            }
            _ => {}
        }
    }
}

/// Whether this is `(no_mangle)`.
fn is_no_mangle(token: &TokenTree) -> bool {
    let TokenTree::Group(group) = token else { return false };
    group.delimiter() == Delimiter::Parenthesis && group.stream().to_string() == "no_mangle"
}

/// The name of the macro whose rules follow: behind `macro_rules! name`.
fn defined_macro(before: &[TokenTree]) -> Option<&Ident> {
    match before {
        [.., TokenTree::Ident(word), TokenTree::Punct(mark), TokenTree::Ident(name)]
            if word == "macro_rules" && mark.as_char() == '!' =>
        {
            Some(name)
        }
        _ => None,
    }
}
