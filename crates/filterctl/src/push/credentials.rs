//! Who one is to a registry.

use std::env;

use anyhow::{Result, bail};
use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential, get_podman_credential};
use oci_client::secrets::RegistryAuth;

/// The two variables; both or none.
pub(super) const USERNAME: &str = "REGISTRY_USERNAME";
pub(super) const PASSWORD: &str = "REGISTRY_PASSWORD";

/// Docker Hub's name in `docker login`'s file.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// Who one is, and who says so.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    /// For the client.
    pub(super) auth: RegistryAuth,
    /// For an error message.
    pub(super) from: &'static str,
}

impl Credentials {
    /// For this registry, from the environment or from where other tools keep them.
    ///
    /// # Errors
    /// When there are some and they cannot be used; having none is no error.
    pub(super) fn of(registry: &str) -> Result<Self> {
        let found = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
        match (found(USERNAME), found(PASSWORD)) {
            (Some(user), Some(password)) => {
                let auth = RegistryAuth::Basic(user, password);
                return Ok(Self { auth, from: "the environment" });
            }
            (None, None) => {}
            _ => bail!("{USERNAME} and {PASSWORD} go together: one of them is not set"),
        }
        let server = match registry {
            "docker.io" | "index.docker.io" | "registry-1.docker.io" => DOCKER_HUB,
            other => other,
        };
        for (from, credential) in
            [("docker login", get_credential(server)), ("podman login", get_podman_credential(server))]
        {
            match credential {
                Ok(credential) => return Ok(Self { auth: auth(credential), from }),
                // There is none for this registry.
                Err(
                    CredentialRetrievalError::ConfigNotFound
                    | CredentialRetrievalError::ConfigReadError
                    | CredentialRetrievalError::NoCredentialConfigured,
                ) => {}
                Err(error) => bail!("the credentials that {from} keeps for {registry}: {error}"),
            }
        }
        Ok(Self { auth: RegistryAuth::Anonymous, from: "nobody" })
    }
}

fn auth(credential: DockerCredential) -> RegistryAuth {
    match credential {
        DockerCredential::UsernamePassword(user, password) => RegistryAuth::Basic(user, password),
        DockerCredential::IdentityToken(token) => RegistryAuth::Bearer(token),
    }
}
