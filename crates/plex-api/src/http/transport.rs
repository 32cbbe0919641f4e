//! One request over HTTP: headers, time-outs, retries, the circuit breaker, limits, accounting.
//!
//! It does not know what the bytes mean.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Response, redirect};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use crate::calls::{Counters, Endpoint, Sent};
use crate::clock::{Clock, Monotonic, timer_now};
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::breaker::Breaker;
use crate::http::config::Config;
use crate::http::pace::Pace;
use crate::http::redact;
use crate::http::retry::{self, RetryPolicy};
use crate::http::tls;
use crate::privacy::Private;

/// The client closes idle connections before the server does. The server announces 20 s.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// The most redirects to follow, on the same host.
const REDIRECTS: usize = 3;
/// The longest address that HTTP libraries send, in bytes. Servers and proxies may accept less, and
/// their answer says so.
const ADDRESS_LIMIT: usize = 65_534;
/// How many bytes of an error's body are read to find its one line of text.
const ERROR_BODY_LIMIT: usize = 64 * 1024;
/// The largest buffer that is reserved because a `Content-Length` announces it, in bytes.
const TRUSTED_LENGTH: usize = 8 * 1024 * 1024;

/// A request to send.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) endpoint: Endpoint,
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// The body. Empty for most requests.
    pub(crate) body: Bytes,
    /// The first row and the number of rows to request.
    pub(crate) window: Option<(u64, u32)>,
    /// The action, for errors: "listing section 1".
    pub(crate) doing: String,
    /// Whether it may be sent again.
    pub(crate) repeatable: bool,
    /// If the answer would be too large, fewer rows are requested instead of the same request
    /// again.
    pub(crate) divisible: bool,
    /// `/identity` needs no token, so none is sent.
    pub(crate) with_token: bool,
}

impl Call {
    /// Adds to an error what was asked, and where.
    pub(crate) fn explain(&self, error: Error) -> Error {
        error.during(&self.doing, &redact::address(&self.url))
    }
}

/// A successful answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: u16,
    pub(crate) body: Vec<u8>,
    /// The time from sending it to the last byte, without failed attempts.
    pub(crate) took: Duration,
    /// The number of rows in the whole listing, from a header.
    pub(crate) total: Option<u64>,
    /// The position of the first row, from a header.
    pub(crate) offset: Option<u64>,
    /// The answer comes from a Plex Media Server itself, not from a proxy in front of it.
    pub(crate) from_plex: bool,
    /// The answer's place among the requests in flight. It is kept until the body is decoded and
    /// freed. So there are never more bodies in memory than requests may be in flight.
    #[expect(dead_code, reason = "it is held, not read")]
    permit: Option<OwnedSemaphorePermit>,
}

/// Counts one request when it is over, also if nobody waits for it any more: the server received it
/// anyway.
struct Meter<'a> {
    counters: &'a Counters,
    endpoint: Endpoint,
    retry: bool,
    failed: bool,
    bytes: u64,
    begun: Monotonic,
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        let latency = self.begun.elapsed();
        let Self { retry, failed, bytes, .. } = *self;
        self.counters.add(self.endpoint, Sent { retry, failed, bytes, latency });
        let span = tracing::Span::current();
        span.record("bytes", bytes);
        span.record("elapsed_ms", latency.as_millis());
    }
}

/// The shared part of all clones of a client.
#[derive(Debug)]
pub(crate) struct Transport {
    http: reqwest::Client,
    token: HeaderValue,
    base: Url,
    request_timeout: Duration,
    body_limit: usize,
    retry: RetryPolicy,
    pub(crate) clock: Clock,
    in_flight: Arc<Semaphore>,
    pace: Pace,
    breaker: Arc<Breaker>,
    pub(crate) counters: Counters,
}

impl Transport {
    /// The server's address.
    pub(crate) fn base(&self) -> &str {
        self.base.as_str()
    }

    pub(crate) fn token(&self) -> &[u8] {
        self.token.as_bytes()
    }

    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let base = config.validate()?;
        let mut token = header_value(config.token.expose(), "the token")?;
        token.set_sensitive(true);
        Ok(Self {
            http: http_client(config)?,
            token,
            base,
            request_timeout: config.request_timeout,
            body_limit: config.body_limit,
            retry: config.retry.clone(),
            clock: config.clock.clone(),
            in_flight: Arc::new(Semaphore::new(config.max_in_flight.min(Semaphore::MAX_PERMITS))),
            pace: Pace::new(config.requests_per_second),
            breaker: Arc::new(Breaker::new(config.breaker.clone())),
            counters: Counters::default(),
        })
    }

    /// The URL of a path (which begins with `/`) below the server's own address.
    pub(crate) fn url(&self, path: &str, query: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        url
    }

    /// Sends a request, repeats it if necessary, and returns the complete answer.
    pub(crate) async fn send(&self, call: &Call) -> Result<Reply, Error> {
        let outcome = self.send_until_answered(call).await;
        // The status of the final outcome, not of an earlier attempt.
        let status = outcome.as_ref().map_or_else(Error::status, |reply| Some(reply.status));
        if let Some(status) = status {
            tracing::Span::current().record("status", status);
        }
        outcome
    }

    async fn send_until_answered(&self, call: &Call) -> Result<Reply, Error> {
        let length = call.url.as_str().len();
        if length > ADDRESS_LIMIT {
            let text = format!("an address of {length} bytes; {ADDRESS_LIMIT} can be sent");
            return Err(call.explain(Error::new(ErrorKind::Config, text)));
        }
        // The permit is kept during the wait before a new attempt. So in an outage, the queue
        // behind it stands still until the circuit opens. Then all callers are told at once, and
        // none of them has to try for itself. Time counts from the first attempt, not from joining
        // the queue.
        let permit = Arc::clone(&self.in_flight).acquire_owned().await.ok();
        let admission = self.breaker.admit(timer_now()).map_err(|error| call.explain(error))?;
        self.pace.wait().await;
        let begun = timer_now();
        let mut failed = 0;
        let mut previous = None;
        // The server may have carried out an attempt of a write, whatever the next attempts return.
        let writes = call.method != Method::GET;
        let mut in_doubt = false;
        loop {
            let left = self.retry.deadline.saturating_sub(begun.elapsed());
            let error = match self.attempt(call, failed > 0, left).await {
                Ok(reply) => {
                    admission.answered();
                    return Ok(Reply { permit, ..reply });
                }
                Err(error) => call.explain(error),
            };
            // An attempt with too little time says less than the attempt before it.
            let hurried = error.kind() == ErrorKind::Timeout && left < self.request_timeout;
            let error = previous.take().filter(|_| hurried).unwrap_or(error);
            failed += 1;
            in_doubt |= writes && error.kind().leaves_in_doubt();
            let divided = call.divisible && error.is_too_much();
            let again =
                call.repeatable && !divided && !admission.is_probe() && !self.breaker.is_open();
            let wait = self.retry.wait(&error, failed, begun.elapsed(), retry::random());
            let Some(wait) = wait.filter(|_| again) else {
                admission.failed(error.kind(), timer_now());
                return Err(error.with_doubt(in_doubt));
            };
            previous = Some(error.clone());
            let (kind, error_text) = (error.kind(), Private(&error));
            tracing::debug!(?kind, error = %error_text, wait_ms = wait.as_millis(), "asking again");
            tokio::time::sleep(wait).await;
            let left = self.retry.deadline.saturating_sub(begun.elapsed());
            if tokio::time::timeout(left, self.pace.wait()).await.is_err() {
                admission.failed(error.kind(), timer_now());
                drop(previous); // an error that is shared cannot be added to
                return Err(error.with_doubt(in_doubt));
            }
        }
    }

    async fn attempt(&self, call: &Call, retry: bool, left: Duration) -> Result<Reply, Error> {
        let mut meter = Meter {
            counters: &self.counters,
            endpoint: call.endpoint,
            retry,
            failed: true,
            bytes: 0,
            begun: self.clock.monotonic(),
        };
        let began = self.clock.now();
        let allowed = self.request_timeout.min(left);
        let exchange = self.exchange(call, &mut meter.bytes);
        let outcome = tokio::time::timeout(allowed, exchange).await.unwrap_or_else(|_| {
            let text = format!("no complete answer within {} ms", allowed.as_millis());
            Err(Error::new(ErrorKind::Timeout, text))
        });
        meter.failed = outcome.is_err();
        let took = self.clock.took(meter.begun, began);
        outcome.map(|reply| Reply { took, ..reply })
    }

    async fn exchange(&self, call: &Call, bytes: &mut u64) -> Result<Reply, Error> {
        let response = self.answer(call).await?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(self.refusal(response, bytes).await);
        }
        let from_plex = is_from_plex(response.headers());
        let total = number(response.headers(), "x-plex-container-total-size");
        let offset = number(response.headers(), "x-plex-container-start");
        let body = read_body(response, self.body_limit, bytes).await?;
        let took = Duration::ZERO; // of the whole attempt: only that knows it
        Ok(Reply { status, body, took, total, offset, from_plex, permit: None })
    }

    /// Opens a connection whose answer has no end. It needs no permit and has no deadline, because
    /// it stays open.
    pub(crate) async fn open(&self, call: &Call) -> Result<Response, Error> {
        let mut meter = Meter {
            counters: &self.counters,
            endpoint: call.endpoint,
            retry: false,
            failed: true,
            bytes: 0,
            begun: self.clock.monotonic(),
        };
        let response = tokio::time::timeout(self.request_timeout, self.answer(call)).await;
        if let Ok(Ok(response)) = &response {
            tracing::Span::current().record("status", response.status().as_u16());
        }
        let outcome = match response {
            Err(_) => Err(Error::new(ErrorKind::Timeout, "no answer")),
            Ok(Err(error)) => Err(error),
            Ok(Ok(response)) if response.status().is_success() => Ok(response),
            Ok(Ok(response)) => Err(self.refusal(response, &mut meter.bytes).await),
        };
        meter.failed = outcome.is_err();
        outcome.map_err(|error| call.explain(error))
    }

    /// Sends a request, follows redirects on this host, and waits for the head of the answer.
    async fn answer(&self, call: &Call) -> Result<Response, Error> {
        let mut url = call.url.clone();
        let mut followed = 0;
        loop {
            let sent = self.request(call, &url).send().await;
            let response = sent.map_err(|error| network_error(error, false))?;
            match next_address(call, &url, &response).filter(|_| followed < REDIRECTS) {
                Some(next) => url = next,
                None => return Ok(response),
            }
            followed += 1;
        }
    }

    fn request(&self, call: &Call, url: &Url) -> reqwest::RequestBuilder {
        let mut request = self.http.request(call.method.clone(), url.clone());
        if !call.body.is_empty() {
            request = request.body(call.body.clone());
        }
        if call.with_token {
            request = request.header("x-plex-token", self.token.clone());
        }
        if call.endpoint == Endpoint::Events {
            // With compression, frames would wait until a block is full.
            request =
                request.header("accept", "text/event-stream").header("accept-encoding", "identity");
        }
        if let Some((start, size)) = call.window {
            request = request
                .header("x-plex-container-start", start)
                .header("x-plex-container-size", size);
        }
        request
    }

    /// The error for an answer that is not a success.
    async fn refusal(&self, response: Response, bytes: &mut u64) -> Error {
        let status = response.status().as_u16();
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| retry::retry_after(value, self.clock.now()));
        let from_plex = is_from_plex(response.headers());
        let location = response.headers().get("location").and_then(|value| value.to_str().ok());
        let location = location.and_then(|location| self.base.join(location).ok());
        // The body only explains the error. Whatever happens to the body, the status counts.
        let limit = ERROR_BODY_LIMIT.min(self.body_limit);
        let body = read_body(response, limit, bytes).await.unwrap_or_default();
        let line = match location {
            Some(location) => redact::address(&location),
            None => redact::one_line(&body),
        };
        let kind = ErrorKind::of_status(status, redact::is_maintenance(&body))
            .unwrap_or(ErrorKind::Server);
        Error::new(kind, self.without_token(line))
            .with_status(status, retry_after)
            .with_origin(from_plex)
    }

    /// A text that may come from the server, without the token: a server may repeat the headers
    /// that it received.
    pub(crate) fn without_token(&self, text: String) -> String {
        redact::without_secret(text, &String::from_utf8_lossy(self.token.as_bytes()))
    }
}

/// Reads a whole body of at most `limit` bytes.
async fn read_body(
    mut response: Response,
    limit: usize,
    bytes: &mut u64,
) -> Result<Vec<u8>, Error> {
    let too_large = || Error::new(ErrorKind::TooLarge, format!("more than {limit} bytes"));
    let announced =
        response.content_length().map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if announced > limit {
        return Err(too_large());
    }
    let mut body = Vec::with_capacity(announced.min(TRUSTED_LENGTH));
    while let Some(chunk) = response.chunk().await.map_err(|error| network_error(error, true))? {
        *bytes = bytes.saturating_add(chunk.len() as u64);
        if body.len().saturating_add(chunk.len()) > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn http_client(config: &Config) -> Result<reqwest::Client, Error> {
    let builder = reqwest::Client::builder()
        .default_headers(headers(config)?)
        .connect_timeout(config.connect_timeout)
        .pool_idle_timeout(POOL_IDLE_TIMEOUT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .no_proxy();
    let builder = tls::set_up(builder, config)?;
    builder.build().map_err(|error| config_error("the HTTP client cannot be set up", error))
}

fn config_error(what: &str, error: reqwest::Error) -> Error {
    Error::new(ErrorKind::Config, what).with_source(error.without_url())
}

/// The address to send a redirected request to. Only reads follow a redirect, because other
/// requests would lose their method or their body. The query must be the same: without its filter,
/// a read lists other rows, and a scan covers other folders.
fn next_address(call: &Call, from: &Url, response: &Response) -> Option<Url> {
    if call.method != Method::GET || !response.status().is_redirection() {
        return None;
    }
    let location = response.headers().get("location")?.to_str().ok()?;
    let to = from.join(location).ok()?;
    (may_follow(from, &to) && to.query() == call.url.query()).then_some(to)
}

/// Custom headers are sent with a redirected request, so another host would get the token. After a
/// step from https to http, anybody on the network could read it.
fn may_follow(from: &Url, to: &Url) -> bool {
    let same = from.host_str() == to.host_str();
    let weaker = from.scheme() == "https" && to.scheme() != "https";
    same && !weaker
}

fn headers(config: &Config) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("accept", "application/json"),
        ("x-plex-client-identifier", config.client_identifier.as_str()),
        ("x-plex-product", config.product.as_str()),
        ("x-plex-version", config.version.as_str()),
        ("x-plex-platform", std::env::consts::OS),
        ("x-plex-device", std::env::consts::ARCH),
        ("x-plex-device-name", config.device_name.as_str()),
    ] {
        headers.insert(HeaderName::from_static(name), header_value(value, name)?);
    }
    Ok(headers)
}

/// A header value may be any UTF-8 without control characters.
fn header_value(value: &str, name: &str) -> Result<HeaderValue, Error> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| {
        Error::new(ErrorKind::Config, format!("{name} cannot be sent: it has control characters"))
    })
}

/// Plex servers name their protocol in every answer. A proxy's own answers do not.
fn is_from_plex(headers: &HeaderMap) -> bool {
    headers.contains_key("x-plex-protocol")
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// Converts an error of the HTTP client. Its text contains the URL, so the URL is removed.
fn network_error(error: reqwest::Error, in_body: bool) -> Error {
    let error = error.without_url();
    let kind = if error.is_timeout() {
        ErrorKind::Timeout
    } else if in_body {
        ErrorKind::Truncated
    } else if causes(&error).any(tls::is_about) {
        ErrorKind::Tls
    } else if error.is_builder() {
        // Nothing was sent.
        ErrorKind::Config
    } else {
        ErrorKind::Connect
    };
    // The cause is named only once. Otherwise, a program that prints the chain of causes would show
    // it twice.
    Error::new(kind, causes(&error).last().map(ToString::to_string).unwrap_or_default())
}

/// An error and its causes, the outermost first. The error inside an I/O error is not its
/// `source()`, so it is looked up separately.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    fn cause<'a>(error: &&'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
        let error: &'a (dyn StdError + 'static) = *error;
        match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_goes_to_no_other_host_and_on_no_weaker_line() {
        for (from, to, expected) in [
            ("http://pms:32400/a", "http://pms:32400/b", true),
            ("http://pms/a", "https://pms:32400/a", true),
            ("https://pms/a", "https://PMS/b", true),
            ("https://pms/a", "http://pms/a", false),
            ("http://pms/a", "http://other/a", false),
            ("http://pms/a", "http://pms.other/a", false),
            ("http://pms/a", "http://pms@other/a", false),
            ("http://1-2-3-4.hash.plex.direct/a", "http://1-2-3-5.hash.plex.direct/a", false),
        ] {
            let url = |text: &str| Url::parse(text).unwrap();
            assert_eq!(may_follow(&url(from), &url(to)), expected, "{from} {to}");
        }
    }
}
