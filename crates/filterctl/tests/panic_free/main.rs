//! The protocol cores cannot panic: built alone, as they are released, they hold no way to do so.
//!
//! A panic, caught or not, ends in a trap (`unreachable`), in an exception (`throw`), or in a call to the
//! host. A core that is built into a module of its own, with one export per parser, must hold none of these
//! where control can come by, and no call through a table, behind which they could hide. Names of functions
//! play no part in it.

mod flow;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use filterctl::build::{Request, build};
use filterctl::workspace::Workspace;
use wasmparser::{KnownCustom, Name, Operator, Parser, Payload, TypeRef};

use flow::for_each_reachable;

/// A protocol core: a module of a filter, or of what filters share, that is all pure functions.
struct Core {
    /// The package.
    package: &'static str,
    /// The module's file in it.
    module: &'static str,
    /// What the core depends on, beside `common-metrics`.
    dependencies: &'static [&'static str],
    /// The statements that reach all of it, by name; `octets` is what a peer sent, and `black_box` keeps a
    /// result.
    calls: &'static [(&'static str, &'static str)],
}

const SMTP: Core = Core {
    package: "smtp-filter",
    module: "src/protocol/mod.rs",
    dependencies: &["bytemuck", "memchr", "nom"],
    calls: &[
        ("command", "black_box(command::command_line(octets));"),
        ("verb", "black_box(verb::Verb::from_octets(octets));"),
        ("path", "black_box(path::path(octets));"),
        ("parameter", "black_box(parameter::Parameter::from_keyword(octets));"),
        ("auth", "black_box(auth::auth(octets));"),
        ("bdat", "black_box(bdat::bdat(octets));"),
        ("burl", "black_box(bdat::burl_is_last(octets));"),
        (
            "data",
            "let mut scanner = black_box(data::DataScanner::new());
             black_box(scanner.scan(octets));
             black_box(scanner.oddities().iter().count());",
        ),
        (
            "reply",
            "let line = black_box(reply::reply_line(octets));
             black_box(code::ReplyClass::of(line.code));
             black_box(code::CodeLabel::of(line.code));",
        ),
        ("enhanced", "black_box(enhanced::EnhancedCode::at_start_of(octets));"),
        (
            "refusal",
            "let line = reply::reply_line(octets);
             if let Some(code) = line.code {
                 black_box(refusal::RefusalReason::of(code, line.enhanced));
             }",
        ),
        (
            "ehlo",
            "let mut offered = ehlo::KeywordSet::new();
             offered.insert(ehlo::Keyword::of_reply_text(octets));
             black_box(offered).iter().for_each(|keyword| { black_box(keyword); });",
        ),
        ("labels", "black_box(common_metrics::Label::as_str(verb::Verb::from_octets(octets)));"),
    ],
};

/// All of it but `decode/`, which asks rasn-ldap first: rasn allocates, and so can panic.
const LDAP: Core = Core {
    package: "ldap-filter",
    module: "src/protocol/mod.rs",
    dependencies: &[],
    calls: &[
        (
            "message",
            "if let Ok(head) = message::MessageHead::parse(octets)
                 && let Some(body) = black_box(head).body(octets)
             {
                 let _ = black_box(message::Trailer::decode(black_box(body).trailer));
             }",
        ),
        ("abandoned", "let _ = black_box(message::abandoned(octets));"),
        (
            "bind",
            "let bind = black_box(bind::BindRequest::decode(octets));
             let _ = black_box(bind.map(|bind| (bind.kind(), bind.mechanism())));",
        ),
        ("parameters", "let _ = black_box(search::SearchParameters::decode(octets));"),
        (
            "search",
            "let search = black_box(search::SearchRequest::decode(octets, octets.len() as u32));
             let _ = black_box(search.map(|search| search.filter.as_str().len()));",
        ),
        ("extended", "let _ = black_box(extended::ExtendedRequest::decode(octets));"),
        ("notice", "black_box(extended::is_notice_of_disconnection(octets));"),
        (
            "controls",
            "let controls = black_box(control::Controls::decode(octets)).unwrap_or_default();
             black_box(search::SearchKind::of(&controls));
             controls.set.iter().for_each(|control| { black_box(control); });",
        ),
        (
            "result",
            "let _ = black_box(result::result_code(octets));
             for answered in operation::Answered::ALL {
                 if let Ok(result) = result::LdapResult::decode(octets, *answered) {
                     black_box((result.code.label(), result.code.outcome()));
                     let controls = black_box(control::Controls::default());
                     black_box(bind_failure::BindFailure::of(&result, &controls));
                 }
             }",
        ),
        (
            "sasl",
            "let _ = black_box(sasl::Token::parse(octets, octets.len() as u32));
             black_box(sasl::Token::continued(black_box(sasl::Family::Ntlm), octets.len() as u32));",
        ),
        ("labels", "black_box(common_metrics::Label::as_str(mechanism::Mechanism::from_octets(octets)));"),
    ],
};

/// How a client's stream opens, for every protocol.
const OPENING: Core = Core {
    package: "session-driver",
    module: "src/opening/mod.rs",
    dependencies: &[],
    calls: &[
        ("opening", "black_box(Opening::of(octets));"),
        ("signature", "black_box(signature_len(octets));"),
        ("proxy_header", "black_box(proxy_header::ProxyHeader::at_start_of(octets));"),
    ],
};

/// What must be found where it is: a bounds check.
const CONTROL: (&str, &str) = ("control", "black_box(octets[3]);");

#[test]
fn the_smtp_core_cannot_panic() {
    let found = ways_to_panic(&SMTP, SMTP.calls, "core");
    assert!(found.is_empty(), "{}: {found:#?}", SMTP.package);
}

#[test]
fn the_ldap_core_cannot_panic() {
    let found = ways_to_panic(&LDAP, LDAP.calls, "core");
    assert!(found.is_empty(), "{}: {found:#?}", LDAP.package);
}

#[test]
fn recognising_how_a_stream_opens_cannot_panic() {
    let found = ways_to_panic(&OPENING, OPENING.calls, "core");
    assert!(found.is_empty(), "{}: {found:#?}", OPENING.package);
}

#[test]
fn a_bounds_check_would_be_found() {
    let found = ways_to_panic(&SMTP, &[SMTP.calls, &[CONTROL]].concat(), "control");
    assert!(found.iter().any(|way| way.starts_with("unreachable in ")), "{found:?}");
}

/// Builds the core into a module that exports these calls, and lists what in it could be a panic.
fn ways_to_panic(core: &Core, calls: &[(&str, &str)], variant: &str) -> Vec<String> {
    let suite = Workspace::at(Path::new(env!("CARGO_MANIFEST_DIR"))).unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{variant}", core.package));
    fs::create_dir_all(folder.join("src")).unwrap();
    write_if_changed(&folder.join("Cargo.toml"), &manifest(core, variant, &suite.root));
    write_if_changed(&folder.join("src/lib.rs"), &source(core, calls, &suite.root));
    // The versions that the filter is built with; Cargo leaves out of it what is not needed.
    fs::copy(suite.root.join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    // With the suite's own folders the standard library need not be compiled once more.
    let probe = Workspace { root: suite.root, target: suite.target, ..Workspace::at(&folder).unwrap() };
    let request = Request { names: true, ..Request::default() };
    let artifacts = build(&probe, &request, &mut |step| eprintln!("{step}")).unwrap();
    scan(&fs::read(&artifacts[0].path).unwrap(), calls.len())
}

fn manifest(core: &Core, variant: &str, root: &Path) -> String {
    let suite = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let of_dependency = |name: &&str| {
        let declared = suite.lines().find(|line| line.starts_with(&format!("{name} = ")));
        declared.unwrap_or_else(|| panic!("{name} is not in the workspace's dependencies")).to_owned()
    };
    let dependencies: Vec<String> = core.dependencies.iter().map(of_dependency).collect();
    // As released: the profile's own tables, up to the next one that is not part of it.
    let start = suite.find("[profile.wasm]").expect("the profile of released modules");
    let profile: Vec<&str> = suite[start..]
        .lines()
        .take_while(|line| !line.starts_with('[') || line.starts_with("[profile.wasm"))
        .collect();
    format!(
        r#"
[workspace]

[package]
name = "{package}-{variant}"
version = "0.0.0"
edition = "2024"

[package.metadata.filterctl]
module = "protocol"

[lib]
crate-type = ["cdylib"]

[dependencies]
common-metrics = {{ path = {metrics:?} }}
{dependencies}

{profile}
"#,
        package = core.package,
        metrics = root.join("crates/common-metrics"),
        dependencies = dependencies.join("\n"),
        // What is said of the package is said of its core.
        profile = profile.join("\n").replace(
            &format!("[profile.wasm.package.{}]", core.package),
            &format!("[profile.wasm.package.{}-{variant}]", core.package)
        ),
    )
}

fn source(core: &Core, calls: &[(&str, &str)], root: &Path) -> String {
    let protocol = root.join("crates").join(core.package).join(core.module);
    let mut source =
        format!("#[path = {protocol:?}]\npub mod protocol;\nuse std::hint::black_box;\nuse protocol::*;\n");
    for (name, call) in calls {
        // Not plain "C": the check that nothing unwinds out of it would be panic machinery itself.
        source += &format!(
            r#"
#[unsafe(no_mangle)]
pub unsafe extern "C-unwind" fn {name}_probe(start: *const u8, length: usize) {{
    let octets: &[u8] = unsafe {{ std::slice::from_raw_parts(start, length) }};
    {call}
}}
"#
        );
    }
    source
}

fn write_if_changed(path: &Path, content: &str) {
    if fs::read_to_string(path).ok().as_deref() != Some(content) {
        fs::write(path, content).unwrap();
    }
}

/// What in a module could be a panic, or hide one. It has so many probes.
fn scan(module: &[u8], probes: usize) -> Vec<String> {
    let mut found = Vec::new();
    let mut names: BTreeMap<u32, String> = BTreeMap::new();
    let mut suspicious: Vec<(u32, &str)> = Vec::new();
    let mut exports = 0;
    let mut function = 0;
    for payload in Parser::new(0).parse_all(module) {
        match payload.unwrap() {
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import.unwrap();
                    found.push(format!("import of {}.{}", import.module, import.name));
                    function += u32::from(matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::ExportSection(section) => {
                let names = section.into_iter().map(|export| export.unwrap().name);
                exports += names.filter(|name| name.ends_with("_probe")).count();
            }
            Payload::CodeSectionEntry(body) => {
                let look = |operator: &Operator<'_>| {
                    let kind = match operator {
                        Operator::Unreachable => "unreachable",
                        Operator::Throw { .. } | Operator::ThrowRef | Operator::Rethrow { .. } => "throw",
                        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => {
                            "indirect call"
                        }
                        Operator::CallRef { .. } | Operator::ReturnCallRef { .. } => "indirect call",
                        _ => return,
                    };
                    suspicious.push((function, kind));
                };
                for_each_reachable(&body, look).unwrap();
                function += 1;
            }
            Payload::CustomSection(section) => {
                let KnownCustom::Name(subsections) = section.as_known() else { continue };
                for subsection in subsections {
                    let Name::Function(functions) = subsection.unwrap() else { continue };
                    names.extend(functions.into_iter().map(|naming| {
                        let naming = naming.unwrap();
                        (naming.index, naming.name.to_owned())
                    }));
                }
            }
            _ => {}
        }
    }
    assert_eq!(exports, probes, "every probe is in the module");
    found.extend(suspicious.into_iter().map(|(function, kind)| {
        let name = names.get(&function).map_or("a function without a name", String::as_str);
        format!("{kind} in {name}")
    }));
    found
}
