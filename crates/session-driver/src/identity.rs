//! What an event may say about people.

use envoy_sdk::{Result, SharedData, random};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::{HmacKey, Identities};

/// Where the random key is kept for all workers.
const SHARED_KEY: &str = "enterprise-filters.identity-key";
/// The id that events carry when the key is random.
const RANDOM_KEY_ID: &str = "random";

/// Turns an identity into what the configuration allows to be said about it.
#[derive(Clone)]
pub struct Redactor {
    identities: Identities,
    /// Present with `hmac` only.
    key: Option<(String, Hmac<Sha256>)>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({:?})", self.identities)
    }
}

impl Redactor {
    /// A redactor; with `hmac` and no key, one with a random key that all workers share.
    ///
    /// # Errors
    /// When a random key is needed and Envoy gives no randomness or no shared data.
    pub fn new(identities: Identities, key: Option<&HmacKey>, shared: &SharedData) -> Result<Self> {
        let key = match (identities, key) {
            (Identities::Hmac, Some(key)) => {
                Some((key.id.as_str().to_owned(), Hmac::new_from_slice(key.secret.as_bytes())?))
            }
            (Identities::Hmac, None) => {
                Some((RANDOM_KEY_ID.to_owned(), Hmac::new_from_slice(&shared_random_key(shared)?)?))
            }
            _ => None,
        };
        Ok(Self { identities, key })
    }

    /// A redactor that says nothing.
    pub fn off() -> Self {
        Self { identities: Identities::Off, key: None }
    }

    /// Whether there is anything to say: a session need not remember identities otherwise.
    pub fn wants_identities(&self) -> bool {
        self.identities != Identities::Off
    }

    /// The id of the key, with `hmac`.
    pub fn key_id(&self) -> Option<&str> {
        self.key.as_ref().map(|(id, _)| id.as_str())
    }

    /// What may be said about a mail address, the null sender included.
    pub fn mail_address(&self, address: &[u8]) -> Option<String> {
        match self.identities {
            Identities::Domain => Some(domain(address)),
            _ => self.name(&address.to_ascii_lowercase()),
        }
    }

    /// What may be said about a directory name: a DN, or what a client gives in its place. Names that differ in case or
    /// in the spaces around their parts only are the same.
    pub fn distinguished_name(&self, name: &[u8]) -> Option<String> {
        match self.identities {
            Identities::Hmac => self.name(&normalised(name)),
            _ => self.name(name),
        }
    }

    /// What may be said about a name that has no domain part.
    pub fn name(&self, name: &[u8]) -> Option<String> {
        match self.identities {
            Identities::Off | Identities::Domain => None,
            Identities::Full => Some(String::from_utf8_lossy(name).into_owned()),
            Identities::Hmac => self.key.as_ref().map(|(_, key)| {
                let hash = key.clone().chain_update(name).finalize().into_bytes();
                hash.iter().map(|octet| format!("{octet:02x}")).collect()
            }),
        }
    }
}

/// A DN in lower case, without the spaces that mean nothing (RFC 4514, 2.4 and 4; RFC 2253, 4): those at its ends and
/// beside `=`, `+`, `,` and `;`, unless escaped.
fn normalised(name: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(name.len());
    // Spaces that are dropped if nothing follows them but a separator.
    let mut spaces: usize = 0;
    let mut part_begins = true;
    let mut escaped = false;
    for octet in name.iter().map(u8::to_ascii_lowercase) {
        let separates = !escaped && b"=+,;".contains(&octet);
        if octet == b' ' && !escaped {
            spaces = if part_begins { 0 } else { spaces.saturating_add(1) };
            continue;
        }
        if !separates {
            octets.extend(std::iter::repeat_n(b' ', spaces));
        }
        octets.push(octet);
        spaces = 0;
        part_begins = separates;
        escaped = octet == b'\\' && !escaped;
    }
    octets
}

/// The part behind the last `@`, in lower case; a fixed word when that is not a plain domain, because it
/// could then be anything.
fn domain(address: &[u8]) -> String {
    let Some(at) = memchr::memrchr(b'@', address) else {
        return if address.is_empty() { "null_sender".to_owned() } else { "no_domain".to_owned() };
    };
    let domain = address.get(at.saturating_add(1)..).unwrap_or_default();
    let plain = |octet: &u8| octet.is_ascii_alphanumeric() || b".-".contains(octet);
    if (1..=255).contains(&domain.len()) && domain.iter().all(plain) {
        String::from_utf8_lossy(domain).to_ascii_lowercase()
    } else {
        "not_a_domain".to_owned()
    }
}

/// The key that the first plugin of this Envoy made. Envoy configures its main thread's VM before the
/// workers', so they find it.
fn shared_random_key(shared: &SharedData) -> Result<Vec<u8>> {
    if let Some((key, _)) = shared.get(SHARED_KEY)? {
        return Ok(key);
    }
    let key = random::<32>()?;
    shared.set(SHARED_KEY, &key)?;
    // Another thread may have been quicker in between: the value that stands is the one that all use.
    Ok(shared.get(SHARED_KEY)?.map_or_else(|| key.to_vec(), |(key, _)| key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor(identities: Identities) -> Redactor {
        let key = (identities == Identities::Hmac)
            .then(|| ("k1".to_owned(), Hmac::new_from_slice(b"0123456789abcdef").unwrap()));
        Redactor { identities, key }
    }

    #[test]
    fn domain_says_no_more_than_a_domain() {
        let domain = redactor(Identities::Domain);
        for (address, said) in [
            (&b"Alice@Example.TEST"[..], "example.test"),
            (b"\"a@b\"@example.test", "example.test"),
            (b"", "null_sender"),
            (b"alice", "no_domain"),
            (b"hunter2@my secret", "not_a_domain"),
            (b"a@", "not_a_domain"),
        ] {
            assert_eq!(domain.mail_address(address).as_deref(), Some(said));
        }
        assert_eq!(domain.name(b"uid=alice"), None);
    }

    #[test]
    fn hmac_is_the_published_function() {
        // RFC 4231, test case 2.
        let key = Some(("k".to_owned(), Hmac::new_from_slice(b"Jefe").unwrap()));
        let hashed = Redactor { identities: Identities::Hmac, key }.name(b"what do ya want for nothing?");
        assert_eq!(
            hashed.as_deref(),
            Some("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        );
    }

    #[test]
    fn addresses_hash_alike_whatever_their_case() {
        let hmac = redactor(Identities::Hmac);
        assert_eq!(hmac.mail_address(b"A@B.test"), hmac.mail_address(b"a@b.TEST"));
        assert_ne!(hmac.mail_address(b"a@b.test"), hmac.mail_address(b"c@b.test"));
        assert_eq!(hmac.key_id(), Some("k1"));
    }

    #[test]
    fn directory_names_hash_alike_whatever_their_case_and_spaces() {
        let hmac = redactor(Identities::Hmac);
        let hash = |name: &str| hmac.distinguished_name(name.as_bytes());
        let name = hash("uid=alice smith,ou=people,dc=example");
        assert_eq!(hash(" UID = Alice Smith , OU=people,  dc=EXAMPLE "), name);
        for other in ["uid=alicesmith,ou=people,dc=example", "uid=alice  smith,ou=people,dc=example", ""] {
            assert_ne!(hash(other), name, "{other}");
        }
        // An escaped space or comma is part of the value (RFC 4514, 2.4).
        assert_eq!(hash("cn=a\\, b"), hash("CN=a\\, B"));
        assert_ne!(hash("cn=a\\, b"), hash("cn=a\\,b"));
        assert_ne!(hash("cn=a\\ ,dc=b"), hash("cn=a,dc=b"));
        assert_eq!(hash("EXAMPLE\\Alice"), hash("example\\alice"));
        let full = redactor(Identities::Full);
        assert_eq!(full.distinguished_name(b"CN = A").as_deref(), Some("CN = A"), "as it was sent");
    }

    #[test]
    fn off_says_nothing() {
        let off = Redactor::off();
        assert!(!off.wants_identities());
        assert_eq!(
            (off.mail_address(b"a@b"), off.name(b"a"), off.distinguished_name(b"a")),
            (None, None, None)
        );
    }
}
