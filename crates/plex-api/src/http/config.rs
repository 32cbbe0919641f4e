//! How to reach a server, and how much load to put on it. [`Client::new`](crate::Client::new)
//! checks it once.

use std::num::NonZeroU32;
use std::time::Duration;

use url::Url;

use crate::clock::Clock;
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::breaker::BreakerPolicy;
use crate::http::retry::RetryPolicy;
use crate::http::token::Token;

/// The configuration of a [`Client`](crate::Client). Start from [`Config::new`].
///
/// The client ignores proxies of the environment (`HTTP_PROXY` and similar), because a server on
/// the local network must not be asked through a proxy.
#[derive(Debug, Clone)]
pub struct Config {
    /// Address of the server, `http://host:32400`. The path prefix of a proxy may follow.
    pub base_url: String,
    /// The access token.
    pub token: Token,
    /// Stable identity of the host application, best a UUID of its own. The owner's list of devices
    /// groups by it. Default: one name for every host that does not set it.
    pub client_identifier: String,
    /// Name of the host application, shown to the owner. Default: `Matchbox`.
    pub product: String,
    /// Version of the host application. Default: the version of this crate.
    pub version: String,
    /// Name of the machine, shown to the owner. Default: `Matchbox`.
    pub device_name: String,
    /// How long a connection may take to open. Default: 5 s.
    pub connect_timeout: Duration,
    /// How long one attempt may take, from sending to the last byte of the answer. Default: 30 s,
    /// because servers answer slowly while they scan.
    pub request_timeout: Duration,
    /// The most rows to request at once. Default: 1,000, because the server's own log announces
    /// that more will be refused one day. If that is too much for a server, or too slow, the client
    /// requests fewer ([`Client::page_size`](crate::Client::page_size)), down to 50.
    pub page_size: u32,
    /// The most requests in flight at once, over all clones of the client. A request that waits to
    /// be repeated keeps its place, so that in an outage the others wait too. Default: 4.
    pub max_in_flight: usize,
    /// The most requests to begin in one second. Default: no limit.
    pub requests_per_second: Option<NonZeroU32>,
    /// The largest answer to accept, in bytes after decompression. Default: 64 MiB.
    pub body_limit: usize,
    /// When failed requests are repeated.
    pub retry: RetryPolicy,
    /// When the client stops asking a server that does not answer.
    pub breaker: BreakerPolicy,
    /// Machine identifier of the expected server. [`Client::identity`](crate::Client::identity) and
    /// [`Client::server`](crate::Client::server) refuse any other server. Default: any server.
    pub expect_server: Option<String>,
    /// More certificates (PEM) to trust, in addition to the system's.
    pub extra_root_certificates: Vec<Vec<u8>>,
    /// DANGER: accept any certificate. Then anybody between client and server can read and change
    /// everything, also the token. Default: false.
    pub danger_accept_any_certificate: bool,
    /// Where the time of day comes from.
    pub clock: Clock,
}

impl Config {
    /// A configuration with the defaults named at each field.
    pub fn new(base_url: impl Into<String>, token: Token) -> Self {
        Self {
            base_url: base_url.into(),
            token,
            client_identifier: "matchbox-plex-api".to_owned(),
            product: "Matchbox".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device_name: "Matchbox".to_owned(),
            connect_timeout: Duration::from_secs(5),
            request_timeout: Duration::from_secs(30),
            page_size: 1_000,
            max_in_flight: 4,
            requests_per_second: None,
            body_limit: 64 * 1024 * 1024,
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            expect_server: None,
            extra_root_certificates: Vec::new(),
            danger_accept_any_certificate: false,
            clock: Clock::System,
        }
    }

    /// Checks the numbers and parses the address.
    pub(crate) fn validate(&self) -> Result<Url, Error> {
        let refuse = |why: &str| Err(Error::new(ErrorKind::Config, why));
        if self.page_size == 0 {
            return refuse("page_size must be at least 1");
        }
        if self.max_in_flight == 0 {
            return refuse("max_in_flight must be at least 1");
        }
        if self.body_limit == 0 {
            return refuse("body_limit must be at least 1 byte");
        }
        if self.retry.attempts == 0 {
            return refuse("retry.attempts must be at least 1");
        }
        if self.connect_timeout.is_zero() || self.request_timeout.is_zero() {
            return refuse("timeouts must be longer than zero");
        }
        let refuse = |why: &str| refuse(&format!("{:?} {why}", self.shown_address()));
        let Ok(url) = Url::parse(self.base_url.trim().trim_end_matches('/')) else {
            return refuse("is not an address; it looks like http://host:32400");
        };
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
            return refuse(
                "is not an address of a server: it must begin with http:// or https:// and name a \
                 host",
            );
        }
        if !url.username().is_empty() || url.password().is_some() {
            return refuse("is given with a user or a password: leave them out");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return refuse("is given with a query: leave it out, and give the token as the Token");
        }
        Ok(url)
    }

    /// The address without the parts that may hold a secret.
    fn shown_address(&self) -> &str {
        let address = self.base_url.split(['?', '#']).next().unwrap_or_default();
        address.rsplit('@').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_configurations_are_refused_without_secrets() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::new("http://pms:32400", Token::new("s3cret"));
            change(&mut config);
            config
        };
        let table: [(Config, Option<&str>); 10] = [
            (with(|_| ()), None),
            (with(|c| c.base_url = "https://pms/plex/".to_owned()), None),
            (with(|c| c.base_url = "pms".to_owned()), Some("\"pms\" is not an address")),
            (with(|c| c.base_url = "ftp://pms".to_owned()), Some("\"ftp://pms\" is not")),
            (with(|c| c.base_url = "http://me:s3cret@pms".to_owned()), Some("password")),
            (
                with(|c| c.base_url = "http://pms?X-Plex-Token=s3cret".to_owned()),
                Some("\"http://pms\" is given with a query"),
            ),
            (with(|c| c.page_size = 0), Some("page_size")),
            (with(|c| c.max_in_flight = 0), Some("max_in_flight")),
            (with(|c| c.retry.attempts = 0), Some("attempts")),
            (with(|c| c.request_timeout = Duration::ZERO), Some("timeouts")),
        ];
        for (config, expected) in table {
            match (config.validate(), expected) {
                (Ok(_), None) => {}
                (Err(error), Some(part)) => {
                    assert!(error.to_string().contains(part), "{error}");
                    assert!(!error.to_string().contains("s3cret"), "{error}");
                }
                (outcome, _) => panic!("{outcome:?} for {config:?}"),
            }
        }
    }

    #[test]
    fn debug_hides_the_token() {
        let config = Config::new("http://pms", Token::new("s3cret"));
        assert!(!format!("{config:?}").contains("s3cret"));
    }
}
