//! Builds a tiny module for real, and lets a real Envoy load it.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use envoy_runner::{
    Bootstrap, Envoy, EnvoyBinary, Listener, NEWEST_ENVOY, StartOptions, Upstream, WasmFilter,
};
use filterctl::build::inspect::inspect;
use filterctl::build::{Artifact, BuildError, Panic, Request, build};
use filterctl::workspace::{Workspace, WorkspaceError};

const MANIFEST: &str = r#"
[workspace]

[package]
name = "tiny-filter"
version = "0.1.0"
edition = "2024"

[package.metadata.filterctl]
module = "tiny"

[lib]
crate-type = ["cdylib", "rlib"]

[features]
loud = []

[dependencies]
proxy-wasm = "0.2.5"

[profile.wasm]
inherits = "release"
lto = "fat"
codegen-units = 1
panic = "unwind"
strip = "debuginfo"
"#;

/// Panics when three octets come, and catches that.
const SOURCE: &str = r#"
use proxy_wasm::traits::{Context, RootContext, StreamContext};
use proxy_wasm::types::{Action, ContextType, LogLevel};

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|_| Box::new(Root));
}}

struct Root;
impl Context for Root {}
impl RootContext for Root {
    fn on_vm_start(&mut self, _: usize) -> bool {
        let panic = if cfg!(panic = "unwind") { "unwind" } else { "abort" };
        let loud = if cfg!(feature = "loud") { " and loud" } else { "" };
        proxy_wasm::hostcalls::log(LogLevel::Warn, &format!("panic={panic}{loud}")).is_ok()
    }
    fn create_stream_context(&self, _: u32) -> Option<Box<dyn StreamContext>> { Some(Box::new(Stream)) }
    fn get_type(&self) -> Option<ContextType> { Some(ContextType::StreamContext) }
}

struct Stream;
impl Context for Stream {}
impl StreamContext for Stream {
    fn on_downstream_data(&mut self, size: usize, _: bool) -> Action {
        let counts = std::collections::HashMap::from([(size, 1)]);
        if std::panic::catch_unwind(|| assert_ne!(counts.len() + size, 4)).is_err() {
            let _ = proxy_wasm::hostcalls::log(LogLevel::Warn, "caught");
        }
        Action::Continue
    }
}
"#;

/// One at a time: Cargo would wait for its folder anyway, saying so in between.
static TURN: Mutex<()> = Mutex::new(());

/// The project, in a folder that stays: compiling the standard library takes its time only once.
fn project() -> (Workspace, MutexGuard<'static, ()>) {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tiny-filter");
    write_project(&folder, MANIFEST, SOURCE);
    let mut workspace = Workspace::at(&folder).unwrap();
    // Cargo takes it from the environment of this test.
    workspace.target = folder.canonicalize().unwrap().join("target");
    (workspace, turn)
}

fn write_project(folder: &Path, manifest: &str, source: &str) {
    fs::create_dir_all(folder.join("src")).unwrap();
    for (path, content) in [("Cargo.toml", manifest), ("src/lib.rs", source)] {
        let path = folder.join(path);
        if fs::read_to_string(&path).ok().as_deref() != Some(content) {
            fs::write(path, content).unwrap();
        }
    }
}

fn built(workspace: &Workspace, request: &Request) -> Artifact {
    let mut artifacts = build(workspace, request, &mut |step| eprintln!("{step}")).unwrap();
    assert_eq!(artifacts.len(), 1);
    artifacts.remove(0)
}

#[test]
fn a_module_unwinds_asks_for_nothing_forbidden_and_names_no_path_of_this_machine() {
    let (workspace, _turn) = project();
    let artifact = built(&workspace, &Request::default());
    assert_eq!(artifact.path, workspace.target.join("wasm/tiny-filter.wasm"));
    assert_eq!((artifact.module.as_str(), artifact.package.as_str()), ("tiny", "tiny-filter"));
    let module = fs::read(&artifact.path).unwrap();
    assert_eq!(artifact.size, module.len() as u64);
    assert!(artifact.sha256.len() == 64 && artifact.sha256.bytes().all(|byte| byte.is_ascii_hexdigit()));

    let contents = inspect(&module).unwrap();
    assert_eq!(contents.forbidden_imports().collect::<Vec<_>>(), Vec::<&_>::new());
    assert!(contents.imports.iter().any(|import| import.name == "proxy_log"));
    assert!(contents.exported_functions.iter().any(|name| name == "proxy_on_downstream_data"));
    assert!(contents.has_exceptions);
    if artifact.optimised {
        assert!(artifact.size < artifact.compiled_size);
        assert!(!contents.custom_sections.iter().any(|name| name == "name"));
    }

    let home = std::env::home_dir().unwrap();
    for path in
        [workspace.root.as_path(), &home, Path::new("/rustc-"), Path::new("/rustlib/"), Path::new(".cargo")]
    {
        let path = path.to_str().unwrap().as_bytes();
        assert!(
            !module.windows(path.len()).any(|window| window == path),
            "{}",
            String::from_utf8_lossy(path)
        );
    }
    let panics = b"/rust/library/";
    assert!(
        module.windows(panics.len()).any(|window| window == panics),
        "the check above looks at something"
    );
}

#[test]
fn an_unchanged_module_is_left_alone_and_names_can_be_kept() {
    let (workspace, _turn) = project();
    let first = built(&workspace, &Request::default());
    let written = fs::metadata(&first.path).unwrap().modified().unwrap();
    let second = built(&workspace, &Request { modules: vec!["tiny".to_owned()], ..Request::default() });
    assert_eq!(first, second);
    assert_eq!(fs::metadata(&second.path).unwrap().modified().unwrap(), written);

    let request = Request { names: true, suffix: "-names".to_owned(), ..Request::default() };
    let named = built(&workspace, &request);
    assert_eq!(named.path, workspace.target.join("wasm/tiny-filter-names.wasm"));
    let contents = inspect(&fs::read(&named.path).unwrap()).unwrap();
    assert!(contents.custom_sections.iter().any(|name| name == "name"));
}

#[test]
fn a_real_envoy_runs_both_kinds_and_a_panic_is_caught() {
    let (workspace, _turn) = project();
    for (panic, features, expected) in [
        (Panic::Unwind, vec!["loud".to_owned()], "panic=unwind and loud"),
        (Panic::Abort, vec![], "panic=abort"),
    ] {
        let request =
            Request { suffix: format!("-{}", panic.as_str()), panic, features, ..Request::default() };
        let artifact = built(&workspace, &request);
        let contents = inspect(&fs::read(&artifact.path).unwrap()).unwrap();
        assert_eq!(contents.has_exceptions, panic == Panic::Unwind);

        let envoy = envoy_with(&workspace, &artifact);
        assert!(envoy.log().unwrap().contains(expected), "{}", envoy.log().unwrap());
        if panic == Panic::Unwind {
            assert_eq!(echoed(&envoy, b"123"), b"123");
            assert!(envoy.wait_for_log(": caught", Duration::from_secs(20)).unwrap());
            assert_eq!(echoed(&envoy, b"1234"), b"1234");
        }
        envoy.stop().unwrap();
    }
}

fn envoy_with(workspace: &Workspace, artifact: &Artifact) -> Envoy {
    let installs = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("envoy");
    let binary = EnvoyBinary::install(NEWEST_ENVOY, &installs, &mut |step| eprintln!("{step}")).unwrap();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = Upstream::new("127.0.0.1", server.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            let mut reader = stream.try_clone().unwrap();
            let mut writer = stream;
            let _ = std::io::copy(&mut reader, &mut writer);
            let _ = writer.shutdown(Shutdown::Write);
        }
    });
    let bootstrap = Bootstrap::new()
        .listener(Listener::new("echo", upstream).filter(WasmFilter::new("tiny", &artifact.path)));
    Envoy::start(&binary, &bootstrap, &workspace.target.join("run"), &StartOptions::default()).unwrap()
}

fn echoed(envoy: &Envoy, message: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(envoy.address("echo").unwrap()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(message).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn what_does_not_compile_or_does_not_exist_is_named() {
    let (workspace, _turn) = project();
    let request = |name: &str| Request { modules: vec![name.to_owned()], ..Request::default() };
    let silent = &mut |_: &str| {};
    let error = build(&workspace, &request("nope"), silent).unwrap_err();
    assert!(matches!(error, BuildError::UnknownModule { .. }));
    let expected = format!(
        "there is no Wasm module `nope` in {}; there are: tiny (tiny-filter)",
        workspace.root.display()
    );
    assert_eq!(error.to_string(), expected);

    let broken = Request { features: vec!["no-such-feature".to_owned()], ..request("tiny") };
    let error = build(&workspace, &broken, silent).unwrap_err();
    assert!(error.to_string().starts_with("tiny-filter did not compile (exit status: "), "{error}");
}

fn declared(metadata: &str) -> Result<Workspace, WorkspaceError> {
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), &MANIFEST.replace("module = \"tiny\"", metadata), "");
    Workspace::at(folder.path())
}

#[test]
fn a_wrong_declaration_is_refused_with_its_place() {
    assert!(declared("module = \"tiny\"\ntest-only = true").unwrap().modules[0].test_only);
    for (metadata, expected) in [
        ("modul = \"tiny\"", "unknown field `modul`, expected one of `module`, `kind`, `test-only`"),
        ("test-only = true", "missing field `module`"),
        ("module = \"a b\"", "module = \"a b\": a name is letters, digits, `-` and `_`"),
        (
            "module = \"tiny\"\nkind = \"tcp\"",
            "kind: unknown variant `tcp`, expected one of `http`, `network`, `access-logger`, `background-service`",
        ),
        ("module = 1", "invalid type: integer `1`, expected a string"),
    ] {
        let error = declared(metadata).unwrap_err().to_string();
        assert!(error.contains("Cargo.toml: [package.metadata.filterctl]: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    write_project(folder.path(), &MANIFEST.replace("\"cdylib\", ", ""), "");
    let error = Workspace::at(folder.path()).unwrap_err().to_string();
    assert!(error.contains("a Wasm module is a cdylib"), "{error}");
    let nowhere = tempfile::tempdir().unwrap();
    let error = Workspace::at(nowhere.path()).unwrap_err().to_string();
    assert!(
        error.starts_with("no Cargo workspace at ") && error.contains("could not find `Cargo.toml`"),
        "{error}"
    );
}

#[test]
fn test_only_modules_are_built_only_where_named() {
    let workspace = declared("module = \"tiny\"\ntest-only = true").unwrap();
    let error = build(&workspace, &Request::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, BuildError::UnknownModule { .. }), "{error}");
}

#[test]
fn the_command_line_has_its_exit_codes() {
    let (workspace, _turn) = project();
    built(&workspace, &Request::default());
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_filterctl"))
            .args(arguments)
            .current_dir(&workspace.root)
            .env("CARGO_TARGET_DIR", &workspace.target)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (code, stdout, _) = run(&["build", "--json"]);
    assert_eq!(code, 0);
    let artifacts: serde_json::Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(artifacts[0]["package"], "tiny-filter");
    assert_eq!(artifacts[0]["panic"], "unwind");
    assert!(PathBuf::from(artifacts[0]["path"].as_str().unwrap()).is_file());

    // By folder, as for a project that is not in this workspace.
    let (code, stdout, _) = run(&["build", "."]);
    assert_eq!(code, 0);
    assert!(stdout.contains("tiny-filter.wasm") && stdout.contains("panic=unwind"), "{stdout}");

    let (code, _, stderr) = run(&["build", "nope"]);
    assert_eq!(code, 1);
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("filterctl: there is no Wasm module `nope`"), "{stderr}");

    assert_eq!(run(&["build", "--panic", "maybe"]).0, 2);
    assert_eq!(run(&["build", "--suffix", "a/b"]).0, 2);
    assert_eq!(run(&["--help"]).0, 0);
}
