//! How hosts are told of the shared tier.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// Where hosts share what one of them listed: an engine that speaks the protocol of Redis 7 or
/// Valkey (`docs/shared-tier.md`).
///
/// The address and the secret do not print themselves.
#[derive(Clone)]
#[non_exhaustive]
pub struct SharedTier {
    pub(crate) url: SecretString,
    pub(crate) secret: Option<SecretString>,
    /// The server's `machineIdentifier`, as `/identity` shows it. Without it a host whose cache
    /// file is new asks for it: one call. Default: none.
    pub server: Option<String>,
    /// What every key begins with. Default `matchbox:`. It may not hold a brace.
    pub prefix: String,
    /// How long the engine may take to answer before a host goes on without it. Values of many
    /// bytes get a second more for every MiB. Default 250 ms.
    pub timeout: Duration,
    /// Whether stamps that another host observed are taken. Where others can write to the engine,
    /// say no: each host then asks for the stamps itself, one call a freshness window. Default yes.
    pub trust_probe: bool,
    /// How many bytes one section may take in the engine. A larger one is not shared.
    /// Default 256 MiB.
    pub max_bytes: u64,
    /// The engine is a cluster, and the address one of its nodes. Default no.
    pub cluster: bool,
    /// The address is a sentinel's, and this the name of the master that it knows. User, password
    /// and database of the address are the master's. Default: none.
    pub sentinel: Option<String>,
    /// A certificate authority, as PEM, that the engine's certificate is held against instead of
    /// the system's. Default: the system's.
    pub root_certificate: Option<Vec<u8>>,
    /// How long a host that died holds the others up. 30 s; tests cannot wait so long.
    #[doc(hidden)]
    pub lease: Duration,
}

impl SharedTier {
    /// The defaults, for an engine at `redis://[user:password@]host[:port][/database]`, with
    /// `rediss` for TLS.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into().into(),
            secret: None,
            server: None,
            prefix: "matchbox:".to_owned(),
            timeout: Duration::from_millis(250),
            trust_probe: true,
            max_bytes: 256 << 20,
            cluster: false,
            sentinel: None,
            root_certificate: None,
            lease: Duration::from_secs(30),
        }
    }

    /// Names a secret that all hosts have: a value that was not sealed with it is a miss. Give one
    /// where others can write to the engine.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into().into());
        self
    }

    /// The key that values are sealed with.
    pub(crate) fn seal_key(&self) -> [u8; 32] {
        let secret = self.secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        blake3::derive_key("matchbox 2026-11 shared tier seal", secret.as_bytes())
    }

    /// The key that tokens are hashed with; `None` without a secret: a bare hash of a token would
    /// be a hint at it.
    pub(crate) fn token_key(&self) -> Option<[u8; 32]> {
        let secret = self.secret.as_ref()?.expose_secret();
        Some(blake3::derive_key("matchbox 2026-11 shared tier token", secret.as_bytes()))
    }
}

impl fmt::Debug for SharedTier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTier")
            .field("server", &self.server)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("trust_probe", &self.trust_probe)
            .field("max_bytes", &self.max_bytes)
            .field("cluster", &self.cluster)
            .field("sentinel", &self.sentinel)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_the_password_nor_the_secret_is_printed() {
        let config = SharedTier::new("redis://me:hunter2@nas:6379").with_secret("s3cret");
        let text = format!("{config:?}");
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
        assert!(text.contains("matchbox:"), "{text}");
    }

    #[test]
    fn without_a_secret_no_token_is_hashed() {
        let config = SharedTier::new("redis://nas");
        assert_eq!(config.token_key(), None);
        let other = config.clone().with_secret("a");
        assert_ne!(config.seal_key(), other.seal_key());
        assert_ne!(other.token_key(), Some(other.seal_key()));
    }
}
