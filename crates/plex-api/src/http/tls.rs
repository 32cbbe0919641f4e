//! Secure connections, with the TLS that the features of this crate select. Without such a feature
//! there are none.

use std::error::Error as StdError;

use reqwest::ClientBuilder;

use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::config::Config;

/// Sets up the certificates of the configuration.
#[cfg(any(feature = "tls", feature = "tls-ring", feature = "tls-native"))]
pub(crate) fn set_up(builder: ClientBuilder, config: &Config) -> Result<ClientBuilder, Error> {
    // If the process has a provider already, that one is used: the first one stays.
    #[cfg(all(feature = "tls-ring", not(feature = "tls")))]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let roots = config
        .extra_root_certificates
        .iter()
        .map(Vec::as_slice)
        .map(reqwest::Certificate::from_pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| {
            Error::new(ErrorKind::Config, "extra_root_certificates are not PEM")
                .with_source(error.without_url())
        })?;
    let builder = builder.tls_certs_merge(roots);
    if config.danger_accept_any_certificate {
        tracing::warn!("certificates are not verified: anybody in between can read the token");
        return Ok(builder.tls_danger_accept_invalid_certs(true));
    }
    Ok(builder)
}

/// Without any of the features, only plain connections are possible.
#[cfg(not(any(feature = "tls", feature = "tls-ring", feature = "tls-native")))]
pub(crate) fn set_up(builder: ClientBuilder, config: &Config) -> Result<ClientBuilder, Error> {
    if config.base_url.trim_start().starts_with("https:") {
        let text = "this program was built without TLS: use an http:// address, or build it with \
                    one of the features tls, tls-ring and tls-native";
        return Err(Error::new(ErrorKind::Config, text));
    }
    Ok(builder)
}

/// Whether an error is about a handshake, that is, about its certificate or its protocol.
pub(crate) fn is_about(error: &(dyn StdError + 'static)) -> bool {
    #[cfg(any(feature = "tls", feature = "tls-ring"))]
    if error.is::<rustls::Error>() {
        return true;
    }
    #[cfg(feature = "tls-native")]
    if error.is::<native_tls::Error>() {
        return true;
    }
    let _ = error;
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::token::Token;

    /// Run this test with each set of features: `cargo test -p plex-api --no-default-features
    /// --features ...`.
    #[test]
    fn a_secure_address_needs_one_of_the_features() {
        let config = Config::new("https://pms:32400", Token::new("s3cret"));
        let built = set_up(ClientBuilder::new(), &config).and_then(|builder| {
            builder.build().map_err(|error| Error::new(ErrorKind::Config, error.to_string()))
        });
        let tls = cfg!(any(feature = "tls", feature = "tls-ring", feature = "tls-native"));
        match built {
            Ok(_) => assert!(tls),
            Err(error) => {
                assert!(!tls, "{error}");
                assert!(error.to_string().contains("built without TLS"), "{error}");
            }
        }
    }
}
