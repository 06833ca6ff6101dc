//! The Wasm modules that the tests load, each built when the first test asks for it.

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, anyhow};
use filterctl::build::{Artifact, Panic, Request, build};
use filterctl::workspace::Workspace;

/// A module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Module {
    /// The smtp-filter as it is released.
    Smtp,
    /// The ldap-filter as it is released.
    Ldap,
    /// Both, failing where and how their configuration says: `crates/panicking-filters`.
    Panicking,
    /// The same without unwinding.
    PanickingAborting,
    /// The filter that panics at a word.
    PanicOnDemand,
    /// The same without unwinding.
    PanicOnDemandAborting,
}

impl Module {
    /// The module, built.
    pub(crate) fn artifact(self) -> Result<&'static Artifact> {
        static BUILT: [OnceLock<Result<Artifact, String>>; 6] = [const { OnceLock::new() }; 6];
        let built = BUILT[self as usize].get_or_init(|| self.build().map_err(|error| format!("{error:#}")));
        built.as_ref().map_err(|error| anyhow!("{error}"))
    }

    fn build(self) -> Result<Artifact> {
        let (module, suffix) = match self {
            Self::Smtp => ("smtp", ""),
            Self::Ldap => ("ldap", ""),
            Self::Panicking => ("panicking", ""),
            Self::PanickingAborting => ("panicking", "-aborting"),
            Self::PanicOnDemand => ("panic-on-demand", ""),
            Self::PanicOnDemandAborting => ("panic-on-demand", "-aborting"),
        };
        let panic = match self {
            Self::PanickingAborting | Self::PanicOnDemandAborting => Panic::Abort,
            _ => Panic::Unwind,
        };
        let request = Request {
            modules: vec![module.to_owned()],
            suffix: suffix.to_owned(),
            panic,
            ..Request::default()
        };
        build_one(&Workspace::find()?, &request)
    }
}

/// Builds the one module that is asked for.
pub(crate) fn build_one(workspace: &Workspace, request: &Request) -> Result<Artifact> {
    /// Two variants of one package leave the compiler under one file name.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let artifacts = build(workspace, request, &mut |step| eprintln!("{step}"))?;
    artifacts.into_iter().next().with_context(|| format!("{:?} was not built", request.modules))
}
