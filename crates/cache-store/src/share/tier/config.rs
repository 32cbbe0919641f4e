//! The host's configuration of the shared tier.

use std::fmt;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

/// Where hosts share what one of them listed: an engine that speaks the protocol of Redis 7 or
/// Valkey (`docs/shared-tier.md`).
///
/// The address and the secret never appear in debug output.
#[derive(Clone)]
#[non_exhaustive]
pub struct SharedTier {
    pub(crate) url: SecretString,
    pub(crate) secret: Option<SecretString>,
    /// The server's `machineIdentifier`, as `/identity` shows it. Without it, a host with a new
    /// cache file asks the server for it: one call. Default: none.
    pub server: Option<String>,
    /// The beginning of every key. Default `matchbox:`. It must not contain a brace.
    pub prefix: String,
    /// How long the engine may take to answer before a host goes on without it. Large values get
    /// one more second for every MiB. Default 250 ms.
    pub timeout: Duration,
    /// Whether this host uses stamps that another host observed. Set it to `false` if strangers can
    /// write to the engine. Then each host asks for the stamps itself: one call in a freshness
    /// window. Default `true`.
    pub trust_probe: bool,
    /// How many bytes one section may take in the engine. A larger section is not shared. Default
    /// 256 MiB.
    pub max_bytes: u64,
    /// Whether the engine is a cluster, and the address is one of its nodes. Default `false`.
    pub cluster: bool,
    /// The name of the master that a sentinel knows. The address is then the sentinel's, but its
    /// user, password and database are the master's. Default: none.
    pub sentinel: Option<String>,
    /// A certificate authority, as PEM, to check the engine's certificate with. Default: the
    /// system's authorities.
    pub root_certificate: Option<Vec<u8>>,
    /// How long the other hosts wait for a host that died. Default 30 s. Tests set less, because
    /// they cannot wait so long.
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

    /// Sets a secret that all hosts have. A value that was not sealed with it counts as a miss. Use
    /// one if strangers can write to the engine.
    #[must_use]
    pub fn with_secret(mut self, secret: impl Into<String>) -> Self {
        self.secret = Some(secret.into().into());
        self
    }

    /// The key that seals values.
    pub(crate) fn seal_key(&self) -> [u8; 32] {
        let secret = self.secret.as_ref().map(ExposeSecret::expose_secret).unwrap_or_default();
        blake3::derive_key("matchbox 2026-11 shared tier seal", secret.as_bytes())
    }

    /// The key that hashes tokens. `None` without a secret, because an unkeyed hash of a token
    /// could help to guess the token.
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
