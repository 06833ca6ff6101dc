//! A registry that images are sent to (OCI distribution-spec).

use std::future::Future;
use std::io;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::errors::{OciDistributionError, OciErrorCode};
use oci_client::{Reference, RegistryOperation};
use tokio::runtime::{Builder, Runtime};

use super::credentials::{Credentials, PASSWORD, USERNAME};
use crate::package::oci::{Image, MANIFEST};

/// How often something is tried that may go better the next time.
const TRIES: u32 = 4;
/// What is waited before the second try; doubled before each other.
const PAUSE: Duration = Duration::from_millis(500);
const CONNECT: Duration = Duration::from_secs(20);
/// Without an octet.
const SILENCE: Duration = Duration::from_secs(120);

/// How a registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// With TLS; whom to trust says the system.
    Https,
    /// Without.
    PlainHttp,
}

/// A registry.
pub(super) struct Registry {
    host: String,
    client: Client,
    credentials: Credentials,
    runtime: Runtime,
}

impl Registry {
    /// The registry at this host and port.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(host: &str, transport: Transport, credentials: Credentials) -> Result<Self> {
        // Fails only where there is one already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: match transport {
                Transport::Https => ClientProtocol::Https,
                Transport::PlainHttp => ClientProtocol::Http,
            },
            // The modules are small, and not every registry takes pieces.
            use_monolithic_push: true,
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("filterctl/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client = Client::try_from(config).context("setting up the registry's client")?;
        let runtime = Builder::new_current_thread().enable_all().build()?;
        Ok(Self { host: host.to_owned(), client, credentials, runtime })
    }

    /// Sends an image, and gives back the digest that the registry has under its tag.
    ///
    /// # Errors
    /// When the registry refuses, cannot be reached, or has something else afterwards.
    pub(super) fn push(&self, repository: &str, image: &Image) -> Result<String> {
        let tag = image.tag.clone();
        let reference = Reference::with_tag(self.host.clone(), repository.to_owned(), tag);
        let auth = &self.credentials.auth;
        let push = RegistryOperation::Push;
        self.tried(repository, || self.client.auth(&reference, auth, push))?;
        for (descriptor, blob) in &image.blobs {
            let digest = descriptor.digest.as_str();
            if !self.tried(repository, || self.client.blob_exists(&reference, digest))? {
                self.tried(repository, || self.client.push_blob(&reference, blob.clone(), digest))?;
            }
        }
        // As it is: written anew it might have another digest.
        let manifest = || {
            let media_type = MANIFEST.parse().map_err(|_| OciDistributionError::GenericError(None));
            async { self.client.push_manifest_raw(&reference, image.manifest.clone(), media_type?).await }
        };
        self.tried(repository, manifest)?;
        let digest = self.tried(repository, || self.client.fetch_manifest_digest(&reference, auth))?;
        ensure!(
            digest == image.descriptor.digest,
            "{reference} is {digest} now, not {}: somebody else pushes there, or the registry changes manifests",
            image.descriptor.digest
        );
        Ok(digest)
    }

    /// The answer, asked for again when the network or the registry may be better the next time.
    fn tried<T, F>(&self, repository: &str, ask: impl Fn() -> F) -> Result<T>
    where
        F: Future<Output = Result<T, OciDistributionError>>,
    {
        self.runtime.block_on(async {
            let mut pause = PAUSE;
            for _ in 1..TRIES {
                match ask().await {
                    Err(error) if is_passing(&error) => {}
                    other => return other.map_err(|error| self.explained(repository, error)),
                }
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let last = ask().await;
            last.map_err(|error| self.explained(repository, error).context(format!("tried {TRIES} times")))
        })
    }

    fn explained(&self, repository: &str, error: OciDistributionError) -> anyhow::Error {
        let place = format!("{}/{repository}", self.host);
        if is_refusal(&error) {
            let who = match self.credentials.from {
                "nobody" => "there are no credentials for it".to_owned(),
                from => format!("the credentials are those of {from}"),
            };
            let remedy = format!("`docker login {}`, or set {USERNAME} and {PASSWORD}", self.host);
            return anyhow!("{place}: the registry lets nobody in so, and {who}: {remedy}");
        }
        if is_tls(&error) {
            let hint = "if it has no TLS, say --plain-http";
            return anyhow::Error::new(error).context(format!("{place}: {hint}"));
        }
        anyhow::Error::new(error).context(place)
    }
}

/// Whether it may go better the next time.
fn is_passing(error: &OciDistributionError) -> bool {
    const TOO_MANY_REQUESTS: u16 = 429;
    match error {
        OciDistributionError::RequestError(error) => match error.status() {
            Some(status) => status.is_server_error() || status.as_u16() == TOO_MANY_REQUESTS,
            None => {
                (error.is_connect() && !is_certificate(error)) || error.is_timeout() || error.is_request()
            }
        },
        OciDistributionError::ServerError { code, .. } => *code >= 500 || *code == TOO_MANY_REQUESTS,
        _ => false,
    }
}

/// Whether the registry wants somebody else.
fn is_refusal(error: &OciDistributionError) -> bool {
    let refuses = |code: u16| matches!(code, 401 | 403);
    match error {
        OciDistributionError::UnauthorizedError { .. } | OciDistributionError::AuthenticationFailure(_) => {
            true
        }
        OciDistributionError::ServerError { code, .. } => refuses(*code),
        OciDistributionError::RequestError(error) => {
            error.status().is_some_and(|status| refuses(status.as_u16()))
        }
        OciDistributionError::RegistryError { envelope, .. } => {
            let refuses =
                |code: &OciErrorCode| matches!(code, OciErrorCode::Denied | OciErrorCode::Unauthorized);
            envelope.errors.iter().any(|error| refuses(&error.code))
        }
        _ => false,
    }
}

/// Whether TLS was tried where there may be none.
fn is_tls(error: &OciDistributionError) -> bool {
    matches!(error, OciDistributionError::RequestError(error) if error.is_connect() && is_certificate(error))
}

/// Whether the other side's certificate, or that it has none, is what is wrong: that stays so.
fn is_certificate(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let wrapped = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => inner.downcast_ref::<rustls::Error>(),
            None => error.downcast_ref(),
        };
        if wrapped.is_some() {
            return true;
        }
        cause = error.source();
    }
    false
}
