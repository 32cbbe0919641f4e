//! Faults, and the requests that they affect.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use tokio::sync::Semaphore;

use crate::listing::SIZE;
use crate::server::{Route, Shared};
use crate::wire::html;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before or within the answer. With [`Pms::set_fault`], new connections
    /// are also closed silently: the server is down.
    ///
    /// [`Pms::set_fault`]: crate::server::Pms::set_fault
    Outage,
    /// 503 with the XML that a server sends while it migrates its database.
    Maintenance,
    /// This status, with the HTML that servers send with it.
    Status(u16),
    /// 429 with a `Retry-After` of this many seconds.
    TooMany(u64),
    /// This answer instead of the true one.
    Answer {
        /// The status.
        status: u16,
        /// The `Content-Type`.
        content_type: &'static str,
        /// The body.
        body: &'static [u8],
    },
    /// The true answer, later by this duration.
    Latency(Duration),
    /// The true answer. It takes this many seconds on the clock that the server was started with,
    /// so nobody really waits.
    Takes(u64),
    /// The true answer. It takes time on that clock: the requested rows, at this many rows a
    /// second.
    RowsASecond(u64),
    /// The true answer in pieces of 1 KiB, with a pause before each.
    Slow(Duration),
    /// No answer; the connection stays open.
    Hang,
    /// Half of the true answer. Then the connection stays open, silently.
    HangInBody,
    /// Half of the true answer. Then the connection closes.
    Truncated,
    /// Half of the true answer's body, sent as if it were complete.
    Half,
    /// The true answer with bytes that are not UTF-8: each title begins with 0xBF.
    BadUtf8,
    /// At most this many rows, however many are requested.
    FewRows(u64),
    /// The true answer at the time of the request. It is held back until [`Pms::release`].
    ///
    /// [`Pms::release`]: crate::server::Pms::release
    Held,
    /// The server carries out the request, but the connection breaks and the answer is lost.
    Lost,
}

/// A fault, and the requests that it affects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultRule {
    /// Only requests to this endpoint. `None`: all requests.
    pub route: Option<Route>,
    /// The first of them that fails, counted from 1.
    pub nth: u64,
    /// How many of them fail from then on.
    pub times: u64,
    /// The fault.
    pub fault: Fault,
}

impl FaultRule {
    /// Every request fails.
    pub const fn always(fault: Fault) -> Self {
        Self { route: None, nth: 1, times: u64::MAX, fault }
    }

    /// The next `times` requests fail, to any endpoint.
    pub const fn first(times: u64, fault: Fault) -> Self {
        Self { route: None, nth: 1, times, fault }
    }

    /// The `nth` request (from 1) to an endpoint fails, once.
    pub const fn once(route: Route, nth: u64, fault: Fault) -> Self {
        Self { route: Some(route), nth, times: 1, fault }
    }

    /// All requests to an endpoint fail from the `nth` on (from 1).
    pub const fn since(route: Route, nth: u64, fault: Fault) -> Self {
        Self { route: Some(route), nth, times: u64::MAX, fault }
    }

    /// The next `times` requests to an endpoint fail.
    pub const fn next(route: Route, times: u64, fault: Fault) -> Self {
        Self { route: Some(route), nth: 1, times, fault }
    }
}

/// The active rules. If several apply to a request, the first one acts. Each rule counts the
/// requests to its endpoint by itself.
#[derive(Default)]
pub(crate) struct Script(Mutex<Vec<(FaultRule, u64)>>);

impl Script {
    fn rules(&self) -> MutexGuard<'_, Vec<(FaultRule, u64)>> {
        self.0.lock().unwrap()
    }

    pub(crate) fn add(&self, rule: FaultRule) {
        self.rules().push((rule, 0));
    }

    pub(crate) fn clear(&self) {
        self.rules().clear();
    }

    /// The fault of the next request to an endpoint.
    pub(crate) fn next(&self, route: Route) -> Option<Fault> {
        let mut fault = None;
        for (rule, seen) in self.rules().iter_mut() {
            if rule.route.is_some_and(|wanted| wanted != route) {
                continue;
            }
            *seen += 1;
            if *seen >= rule.nth && *seen - rule.nth < rule.times {
                fault = fault.or(Some(rule.fault));
            }
        }
        fault
    }
}

/// Where held answers wait.
#[derive(Debug)]
pub(crate) struct Gate {
    waiting: Semaphore,
    released: Semaphore,
}

impl Default for Gate {
    fn default() -> Self {
        Self { waiting: Semaphore::new(0), released: Semaphore::new(0) }
    }
}

impl Gate {
    async fn hold(&self) {
        self.waiting.add_permits(1);
        self.released.acquire().await.unwrap().forget();
    }

    /// Waits until an answer is held. Each answer counts once.
    pub(crate) async fn held(&self) {
        self.waiting.acquire().await.unwrap().forget();
    }

    /// Releases one answer.
    pub(crate) fn release(&self) {
        self.released.add_permits(1);
    }
}

/// Answers a request that has a fault.
pub(crate) async fn answer(
    fault: Fault,
    mut request: Request,
    next: Next,
    shared: &Shared,
) -> Response {
    match fault {
        Fault::Outage => body_of(stream::once(async { broken() })),
        Fault::Maintenance => {
            let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response code=\"503\" \
                title=\"Maintenance\" status=\"Plex Media Server is currently running database \
                migrations.\"/>";
            (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/xml")], xml)
                .into_response()
        }
        Fault::Status(status) => html(StatusCode::from_u16(status).unwrap()),
        Fault::TooMany(seconds) => {
            let mut response = html(StatusCode::TOO_MANY_REQUESTS);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            response
        }
        Fault::Answer { status, content_type, body } => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, content_type)], body).into_response()
        }
        Fault::Latency(time) => {
            tokio::time::sleep(time).await;
            next.run(request).await
        }
        Fault::Takes(seconds) => {
            shared.pass(seconds);
            next.run(request).await
        }
        Fault::RowsASecond(rows) => {
            shared.pass(rows_asked(&request).unwrap_or_default() / rows);
            next.run(request).await
        }
        Fault::Hang => std::future::pending().await,
        Fault::Held => {
            let response = next.run(request).await;
            shared.held.hold().await;
            response
        }
        Fault::Lost => {
            drop(next.run(request).await);
            body_of(stream::once(async { broken() }))
        }
        Fault::FewRows(rows) => {
            let rows = rows_asked(&request).map_or(rows, |asked| asked.min(rows));
            request.headers_mut().insert(SIZE, HeaderValue::from(rows));
            next.run(request).await
        }
        Fault::Slow(_) | Fault::HangInBody | Fault::Truncated | Fault::Half | Fault::BadUtf8 => {
            let (head, body) = next.run(request).await.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            let body = spoiled(fault, &body);
            Response::from_parts(head, body)
        }
    }
}

fn rows_asked(request: &Request) -> Option<u64> {
    request.headers().get(SIZE)?.to_str().ok()?.parse().ok()
}

/// A body that is spoiled by a fault.
fn spoiled(fault: Fault, body: &Bytes) -> Body {
    let half = body.slice(..body.len() / 2);
    let first = stream::once(async move { Ok(half) });
    match fault {
        Fault::Slow(pause) => {
            let pieces: Vec<Bytes> = body.chunks(1024).map(Bytes::copy_from_slice).collect();
            Body::from_stream(stream::iter(pieces).then(move |piece| async move {
                tokio::time::sleep(pause).await;
                Ok::<_, std::io::Error>(piece)
            }))
        }
        Fault::HangInBody => Body::from_stream(first.chain(stream::pending())),
        Fault::Truncated => Body::from_stream(first.chain(stream::once(async { broken() }))),
        Fault::Half => Body::from(body.slice(..body.len() / 2)),
        _ => Body::from(with_bad_titles(body)),
    }
}

fn with_bad_titles(body: &[u8]) -> Vec<u8> {
    const TITLE: &[u8] = b"\"title\":\"";
    let mut spoiled = Vec::with_capacity(body.len() + 64);
    for (at, byte) in body.iter().enumerate() {
        if body[..at].ends_with(TITLE) {
            spoiled.push(0xbf);
        }
        spoiled.push(*byte);
    }
    spoiled
}

fn broken() -> Result<Bytes, std::io::Error> {
    Err(std::io::Error::other("the connection breaks"))
}

fn body_of(pieces: impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static) -> Response {
    Response::new(Body::from_stream(pieces))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_counts_the_requests_to_its_endpoint() {
        let script = Script::default();
        script.add(FaultRule::once(Route::Listing, 3, Fault::Truncated));
        script.add(FaultRule::next(Route::Sections, 2, Fault::Status(503)));
        script.add(FaultRule { nth: 6, ..FaultRule::always(Fault::Hang) });
        let listing = [(); 3].map(|()| script.next(Route::Listing));
        assert_eq!(listing, [None, None, Some(Fault::Truncated)]);
        let sections = [(); 3].map(|()| script.next(Route::Sections));
        assert_eq!(
            sections,
            [Some(Fault::Status(503)), Some(Fault::Status(503)), Some(Fault::Hang)]
        );
        script.clear();
        assert_eq!(script.next(Route::Listing), None);
    }

    #[test]
    fn bad_titles_are_no_utf8() {
        let spoiled = with_bad_titles(b"{\"title\":\"a\",\"title\":\"\"}");
        assert_eq!(spoiled, b"{\"title\":\"\xbfa\",\"title\":\"\xbf\"}");
    }
}
