//! The layers of every request and answer, from the outside in: counters, faults, the token, the
//! format (JSON or XML), compression. A fault changes the bytes that are really sent.

use std::io::Write as _;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::listing::Arguments;
use crate::server::{Route, Shared};
use crate::{faults, xml};

/// Counts the request and applies a fault, if one is due.
pub(crate) async fn gate(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let endpoint = Route::of(request.method(), request.uri().path());
    match shared.arrived(endpoint) {
        Some(fault) => faults::answer(fault, request, next, &shared).await,
        None => next.run(request).await,
    }
}

/// Checks the token, converts answers to XML unless the client asks for JSON, and compresses.
pub(crate) async fn spell(
    State(shared): State<Arc<Shared>>,
    request: Request,
    next: Next,
) -> Response {
    let Wishes { allowed, json, zipped } = Wishes::of(&shared, &request);
    let response = if allowed { next.run(request).await } else { html(StatusCode::UNAUTHORIZED) };
    let response = if json { response } else { in_xml(response).await };
    if zipped { in_gzip(response).await } else { response }
}

/// The wishes in the head of a request.
struct Wishes {
    allowed: bool,
    json: bool,
    zipped: bool,
}

impl Wishes {
    fn of(shared: &Shared, request: &Request) -> Self {
        let endpoint = Route::of(request.method(), request.uri().path());
        let header = |name: HeaderName| request.headers().get(name)?.to_str().ok();
        let named = |name, text| header(name).is_some_and(|value: &str| value.contains(text));
        let arguments = Arguments::parse(request.uri().query().unwrap_or_default());
        let token = header(HeaderName::from_static("x-plex-token"));
        let token = token.or_else(|| arguments.get("X-Plex-Token"));
        Self {
            allowed: endpoint == Route::Identity || token == Some(shared.token.as_str()),
            json: named(header::ACCEPT, "application/json"),
            // The event stream does not end, so it cannot be compressed as a whole.
            zipped: shared.gzip
                && endpoint != Route::Events
                && named(header::ACCEPT_ENCODING, "gzip"),
        }
    }
}

/// Converts a JSON answer to XML. Other answers stay as they are.
async fn in_xml(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind != "application/json") {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let answer: Value = serde_json::from_slice(&body).unwrap();
    head.headers.remove(header::CONTENT_LENGTH);
    let kind = HeaderValue::from_static("text/xml;charset=utf-8");
    head.headers.insert(header::CONTENT_TYPE, kind);
    Response::from_parts(head, Body::from(xml::document(&answer)))
}

async fn in_gzip(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let mut zipped = GzEncoder::new(Vec::new(), Compression::fast());
    zipped.write_all(&body).unwrap();
    head.headers.remove(header::CONTENT_LENGTH);
    head.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    Response::from_parts(head, Body::from(zipped.finish().unwrap()))
}

/// An error as a real server sends it: the body is HTML, whatever the client accepts.
pub(crate) fn html(status: StatusCode) -> Response {
    let title = status.to_string();
    let body =
        format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
    let headers = [
        (header::CONTENT_TYPE, "text/html"),
        // This header tells a server's errors from those of a proxy.
        (HeaderName::from_static("x-plex-protocol"), "1.0"),
    ];
    (status, headers, body).into_response()
}
