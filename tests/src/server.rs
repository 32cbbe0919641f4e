//! The simulated Plex Media Server: real HTTP on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::library::Library;
use crate::listing::{Answer, Arguments, answer};
use crate::row::{self, Container, Listing, Row};

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// The token that clients have to send.
    pub token: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { port: 0, token: "testbed-token".to_owned() }
    }
}

/// What goes wrong with every request, until [`Pms::clear_faults`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The server is down: connections are closed without an answer.
    Outage,
    /// 503 with the XML that a server sends while it migrates its database.
    Maintenance,
}

/// A running server. It stops when it is dropped.
pub struct Pms {
    url: String,
    token: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

struct Shared {
    library: Mutex<Library>,
    requests: Mutex<Requests>,
    fault: Mutex<Option<Fault>>,
    down: Arc<AtomicBool>,
    token: String,
}

/// Requests received, by endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// The counts.
    pub by_endpoint: BTreeMap<&'static str, u64>,
}

impl Requests {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_endpoint.values().sum()
    }
}

impl Pms {
    /// Starts serving a library.
    pub async fn start(library: Library, options: Options) -> anyhow::Result<Self> {
        let down = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            library: Mutex::new(library),
            requests: Mutex::default(),
            fault: Mutex::default(),
            down: Arc::clone(&down),
            token: options.token.clone(),
        });
        let inner = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let url = format!("http://{}", inner.local_addr()?);
        let listener = Gate { inner, down };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = axum::serve(listener, router(&shared));
        let running = tokio::spawn(async move {
            let stopping = async {
                let _ = stopped.await;
            };
            let _ = served.with_graceful_shutdown(stopping).await;
        });
        Ok(Self { url, token: options.token, shared, stop: Some(stop), running })
    }

    /// Where it listens: `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token that clients have to send.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Looks at the library or changes it, between two requests.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Library) -> R) -> R {
        change(&mut lock(&self.shared.library))
    }

    /// The requests received so far.
    pub fn requests(&self) -> Requests {
        lock(&self.shared.requests).clone()
    }

    /// Counts from zero again.
    pub fn reset_requests(&self) {
        *lock(&self.shared.requests) = Requests::default();
    }

    /// From now on something goes wrong.
    pub fn set_fault(&self, fault: Fault) {
        self.shared.down.store(fault == Fault::Outage, Ordering::SeqCst);
        *lock(&self.shared.fault) = Some(fault);
    }

    /// All is well again.
    pub fn clear_faults(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
        *lock(&self.shared.fault) = None;
    }

    /// Stops serving.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.running.abort();
        let _ = (&mut self.running).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

/// A listener that closes new connections at once while the server is down.
struct Gate {
    inner: TcpListener,
    down: Arc<AtomicBool>,
}

impl axum::serve::Listener for Gate {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            if let Ok((stream, address)) = self.inner.accept().await {
                if self.down.load(Ordering::SeqCst) {
                    continue; // dropped: the client sees a closed connection
                }
                let _ = stream.set_nodelay(true);
                return (stream, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .route("/", get(root))
        .route("/identity", get(identity))
        .route("/library/sections", get(sections))
        .route("/library/sections/all", get(sections))
        .route("/library/sections/{key}/all", get(listing))
        .route("/library/metadata/{keys}", get(metadata))
        .fallback(async || html(StatusCode::NOT_FOUND, "404 Not Found"))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), gate))
        .with_state(Arc::clone(shared))
}

/// Counts the request, lets faults happen, and checks the token.
async fn gate(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    *lock(&shared.requests).by_endpoint.entry(endpoint(path)).or_default() += 1;
    let fault = *lock(&shared.fault);
    match fault {
        Some(Fault::Outage) => {
            // An answer that breaks off: on a connection that was open before the outage.
            let broken = futures_error();
            return Response::new(Body::from_stream(broken));
        }
        Some(Fault::Maintenance) => {
            let xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response code=\"503\" \
                title=\"Maintenance\" status=\"Plex Media Server is currently running database \
                migrations.\"/>";
            return (StatusCode::SERVICE_UNAVAILABLE, [(header::CONTENT_TYPE, "text/xml")], xml)
                .into_response();
        }
        None => {}
    }
    let header = request.headers().get("X-Plex-Token").and_then(|value| value.to_str().ok());
    let arguments = Arguments::parse(request.uri().query().unwrap_or_default());
    let token = header.or_else(|| arguments.get("X-Plex-Token"));
    if path != "/identity" && token != Some(shared.token.as_str()) {
        return html(StatusCode::UNAUTHORIZED, "401 Unauthorized");
    }
    next.run(request).await
}

fn futures_error() -> impl futures::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    futures::stream::once(async { Err(std::io::Error::other("the server is down")) })
}

fn endpoint(path: &str) -> &'static str {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [""] => "server",
        ["identity"] => "identity",
        ["library", "sections"] | ["library", "sections", "all"] => "sections",
        ["library", "sections", _, "all"] => "listing",
        ["library", "metadata", _] => "metadata",
        _ => "other",
    }
}

/// Error bodies are HTML whatever the client accepts.
fn html(status: StatusCode, title: &str) -> Response {
    let body =
        format!("<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>");
    (status, [(header::CONTENT_TYPE, "text/html")], body).into_response()
}

fn json<T: serde::Serialize>(value: &T) -> Response {
    let body = serde_json::to_vec(value).unwrap();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, [("x-plex-protocol", "1.0")], body).into_response()
}

async fn root(State(shared): State<Arc<Shared>>) -> Response {
    let library = lock(&shared.library);
    json(&serde_json::json!({ "MediaContainer": {
        "size": 0,
        "friendlyName": "testbed",
        "machineIdentifier": library.machine_identifier,
        "version": library.version,
    }}))
}

async fn identity(State(shared): State<Arc<Shared>>) -> Response {
    let library = lock(&shared.library);
    json(&serde_json::json!({ "MediaContainer": {
        "size": 0,
        "claimed": true,
        "machineIdentifier": library.machine_identifier,
        "version": library.version,
    }}))
}

async fn sections(State(shared): State<Arc<Shared>>) -> Response {
    let library = lock(&shared.library);
    let rows: Vec<_> = library.sections.iter().map(row::section).collect();
    json(&serde_json::json!({ "MediaContainer": {
        "size": rows.len(),
        "allowSync": false,
        "title1": "Plex Library",
        "Directory": rows,
    }}))
}

async fn listing(
    State(shared): State<Arc<Shared>>,
    Path(key): Path<String>,
    headers: HeaderMap,
    request: Request,
) -> Response {
    let arguments = Arguments::parse(request.uri().query().unwrap_or_default());
    let library = lock(&shared.library);
    let section = library.sections.iter().find(|section| section.key.to_string() == key);
    let Some(section) = section else { return html(StatusCode::NOT_FOUND, "404 Not Found") };
    match answer(&library, section, &arguments, &headers) {
        Answer::Page(page) => json(&page),
        Answer::Broken => html(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error"),
    }
}

/// Several keys at once: unknown ones are left out, and only if all are unknown it is 404.
async fn metadata(
    State(shared): State<Arc<Shared>>,
    Path(keys): Path<String>,
    request: Request,
) -> Response {
    let arguments = Arguments::parse(request.uri().query().unwrap_or_default());
    let mut shape = arguments.shape();
    shape.guids = true; // a single item has them, asked for or not
    let library = lock(&shared.library);
    let keys = keys.split(',').filter_map(|key| key.parse().ok());
    let rows: Vec<Row<'_>> = keys
        .filter_map(|key| library.sections.iter().find_map(|section| section.item(key)))
        .map(|item| Row::new(item, shape))
        .collect();
    if rows.is_empty() {
        return html(StatusCode::NOT_FOUND, "404 Not Found");
    }
    json(&Listing {
        container: Container {
            size: rows.len(),
            total_size: None,
            offset: None,
            section_id: None,
            section_title: None,
            section_uuid: None,
            metadata: rows,
        },
    })
}
