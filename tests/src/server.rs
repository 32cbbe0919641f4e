//! The simulated Plex Media Server: real HTTP on loopback.
//!
//! ```
//! use testbed::generate::{LibraryKind, Spec, generate};
//! use testbed::server::{Route, Fault, Options, Pms, FaultRule};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> anyhow::Result<()> {
//! let library = generate(&Spec { seed: 1, items: 100, kind: LibraryKind::Movies });
//! let pms = Pms::start(library, Options::default()).await?;
//! // The third page breaks off, once; the next two edits are refused.
//! pms.script(FaultRule::once(Route::Listing, 3, Fault::Truncated));
//! pms.script(FaultRule::next(Route::Edit, 2, Fault::Status(503)));
//! // Somebody else edits an item; who listens to the events is told.
//! pms.edit(|library| library.edit_title(0, 7, "Renamed"));
//! reqwest::get(format!("{}/identity", pms.url())).await?;
//! assert_eq!(pms.requests().count(Route::Identity), 1);
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use futures::future::LocalBoxFuture;
use futures::{FutureExt, stream};
use plex_api::Clock;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::events::Notice;
use crate::faults::{self, Script};
use crate::library::Library;
use crate::routes;

pub use crate::faults::{Fault, FaultRule};

/// Real servers send a ping this often.
const PING: Duration = Duration::from_secs(10);

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port on 127.0.0.1. 0 uses a free port.
    pub port: u16,
    /// The token that clients must send.
    pub token: String,
    /// Compresses answers for clients that accept that, like a real server.
    pub gzip: bool,
    /// A manual clock that moves with the library's time when an answer takes time.
    pub clock: Option<Clock>,
}

impl Default for Options {
    /// Without compression, because here it costs more time than it saves on a network.
    fn default() -> Self {
        Self { port: 0, token: "testbed-token".to_owned(), gzip: false, clock: None }
    }
}

/// A running server. It stops when it is dropped.
pub struct Pms {
    url: String,
    token: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

/// The state that the handlers of all requests share.
pub(crate) struct Shared {
    library: Mutex<Library>,
    requests: Mutex<Requests>,
    arrival: Notify,
    script: Script,
    pub(crate) held: faults::Gate,
    down: Arc<AtomicBool>,
    pub(crate) token: String,
    pub(crate) gzip: bool,
    clock: Option<Clock>,
    listeners: Mutex<Vec<mpsc::UnboundedSender<String>>>,
    silent: AtomicBool,
    unnamed: AtomicBool,
}

/// The endpoint of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Route {
    /// `/`
    Server,
    /// `/identity`
    Identity,
    /// `/library/sections`
    Sections,
    /// `/library/sections/{id}/all`
    Listing,
    /// `/library/metadata/{ids}`
    Metadata,
    /// Children or leaves of an item.
    Children,
    /// Any edit of items.
    Edit,
    /// An upload of an image.
    Upload,
    /// A request to scan.
    Scan,
    /// The event stream.
    Events,
    /// Anything else.
    Other,
}

impl Route {
    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        match parts.as_slice() {
            [""] => Self::Server,
            ["identity"] => Self::Identity,
            ["library", "sections"] | ["library", "sections", "all"] => Self::Sections,
            ["library", "sections", _, "all"] | ["library", "metadata", _]
                if method == Method::PUT =>
            {
                Self::Edit
            }
            ["library", "sections", _, "all"] => Self::Listing,
            ["library", "sections", _, "refresh"] => Self::Scan,
            ["library", "metadata", _] => Self::Metadata,
            ["library", "metadata", _, "children" | "allLeaves"] => Self::Children,
            ["library", "metadata", _, "posters" | "arts"] => Self::Upload,
            [":", "eventsource", "notifications"] => Self::Events,
            _ => Self::Other,
        }
    }
}

/// Requests received, by endpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// The counts.
    pub by_endpoint: BTreeMap<Route, u64>,
}

impl Requests {
    /// The requests to all endpoints.
    pub fn total(&self) -> u64 {
        self.by_endpoint.values().sum()
    }

    /// The requests to one endpoint.
    pub fn count(&self, endpoint: Route) -> u64 {
        self.by_endpoint.get(&endpoint).copied().unwrap_or(0)
    }
}

impl Pms {
    /// Starts serving a library.
    pub async fn start(mut library: Library, options: Options) -> anyhow::Result<Self> {
        drop(library.take_notices()); // from before anybody could listen
        let down = Arc::new(AtomicBool::new(false));
        let shared = Arc::new(Shared {
            library: Mutex::new(library),
            requests: Mutex::default(),
            arrival: Notify::new(),
            script: Script::default(),
            held: faults::Gate::default(),
            down: Arc::clone(&down),
            token: options.token.clone(),
            gzip: options.gzip,
            clock: options.clock,
            listeners: Mutex::default(),
            silent: AtomicBool::new(false),
            unnamed: AtomicBool::new(false),
        });
        let inner = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let url = format!("http://{}", inner.local_addr()?);
        let listener = Gate { inner, down };
        let (stop, stopped) = oneshot::channel::<()>();
        let served = axum::serve(listener, routes::router(&shared));
        let running = tokio::spawn(async move {
            let stopping = async {
                let _ = stopped.await;
            };
            let _ = served.with_graceful_shutdown(stopping).await;
        });
        Ok(Self { url, token: options.token, shared, stop: Some(stop), running })
    }

    /// The address: `http://127.0.0.1:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The token that clients must send.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Reads or changes the library between two requests. Listeners are told about changes.
    pub fn edit<R>(&self, change: impl FnOnce(&mut Library) -> R) -> R {
        self.shared.edit(change)
    }

    /// The requests received so far.
    pub fn requests(&self) -> Requests {
        lock(&self.shared.requests).clone()
    }

    /// Waits until an endpoint has received this many requests.
    pub async fn arrived(&self, endpoint: Route, count: u64) {
        loop {
            let arrival = self.shared.arrival.notified();
            if self.requests().count(endpoint) >= count {
                return;
            }
            arrival.await;
        }
    }

    /// Sets all counts to zero.
    pub fn reset_requests(&self) {
        *lock(&self.shared.requests) = Requests::default();
    }

    /// Adds a rule for faults. Earlier rules stay.
    pub fn script(&self, rule: FaultRule) {
        self.shared.script.add(rule);
    }

    /// From now on, every request fails in this way.
    pub fn set_fault(&self, fault: Fault) {
        self.clear_faults();
        self.shared.down.store(fault == Fault::Outage, Ordering::SeqCst);
        self.script(FaultRule::always(fault));
    }

    /// Removes all rules. Requests succeed again.
    pub fn clear_faults(&self) {
        self.shared.down.store(false, Ordering::SeqCst);
        self.shared.script.clear();
    }

    /// Waits until an answer is held by [`Fault::Held`].
    pub async fn held(&self) {
        self.shared.held.held().await;
    }

    /// Releases one answer that is held by [`Fault::Held`].
    pub fn release(&self) {
        self.shared.held.release();
    }

    /// Waits for two tasks. The reply to the `nth` request of a route is held back until the second
    /// one is done, which begins when that request has come.
    pub fn while_held<'a, T: 'a, U: 'a>(
        &'a self,
        (route, nth): (Route, u64),
        running: impl Future<Output = T> + 'a,
        meanwhile: impl Future<Output = U> + 'a,
    ) -> LocalBoxFuture<'a, (T, U)> {
        self.script(FaultRule::once(route, nth, Fault::Held));
        let meanwhile = async move {
            self.held().await;
            let outcome = meanwhile.await;
            self.release();
            outcome
        };
        // Boxed, because a run of the engine is large.
        futures::future::join(running, meanwhile).boxed_local()
    }

    /// How many clients listen to the event stream.
    pub fn listeners(&self) -> usize {
        let mut listeners = lock(&self.shared.listeners);
        listeners.retain(|listener| !listener.is_closed());
        listeners.len()
    }

    /// Closes the connections of all listeners.
    pub fn drop_listeners(&self) {
        lock(&self.shared.listeners).clear();
    }

    /// Sends a ping to all listeners now, in addition to the ping every 10 s.
    pub fn ping(&self) {
        self.shared.tell(&ping());
    }

    /// If set, listeners get no events and no pings. They never learn what happens meanwhile.
    pub fn set_silent(&self, silent: bool) {
        self.shared.silent.store(silent, Ordering::SeqCst);
    }

    /// If set, listeners get every event in a container without a name, as some servers send it.
    pub fn set_unnamed(&self, unnamed: bool) {
        self.shared.unnamed.store(unnamed, Ordering::SeqCst);
    }

    /// Stops serving.
    pub async fn stop(mut self) {
        drop(self.stop.take());
        self.drop_listeners();
        self.running.abort();
        let _ = (&mut self.running).await;
    }
}

impl Drop for Pms {
    fn drop(&mut self) {
        self.drop_listeners(); // otherwise their connections would stay open
    }
}

impl Shared {
    /// Counts a request. Returns the fault that it has, if any.
    pub(crate) fn arrived(&self, endpoint: Route) -> Option<Fault> {
        *lock(&self.requests).by_endpoint.entry(endpoint).or_default() += 1;
        self.arrival.notify_waiters();
        self.script.next(endpoint)
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        if let Some(clock) = &self.clock {
            clock.advance(Duration::from_secs(seconds));
        }
        self.edit(|library| library.advance(i64::try_from(seconds).unwrap()));
    }

    pub(crate) fn library(&self) -> MutexGuard<'_, Library> {
        lock(&self.library)
    }

    /// Changes the library and tells listeners what happened.
    pub(crate) fn edit<R>(&self, change: impl FnOnce(&mut Library) -> R) -> R {
        let mut library = self.library();
        let done = change(&mut library);
        for notice in library.take_notices() {
            self.tell(&notice);
        }
        done
    }

    /// Sends a notice to all listeners.
    pub(crate) fn tell(&self, notice: &Notice) {
        if self.silent.load(Ordering::SeqCst) {
            return;
        }
        let frame = self.frame(notice);
        lock(&self.listeners).retain(|listener| listener.send(frame.clone()).is_ok());
    }

    fn frame(&self, notice: &Notice) -> String {
        notice.frame(!self.unnamed.load(Ordering::SeqCst))
    }

    /// An event stream. It ends when the server closes the connection.
    pub(crate) fn listen(self: &Arc<Self>) -> Response {
        let (sender, receiver) = mpsc::unbounded_channel();
        lock(&self.listeners).push(sender);
        let shared = Arc::clone(self);
        let frames = stream::unfold(receiver, move |mut receiver| {
            let shared = Arc::clone(&shared);
            async move {
                loop {
                    let frame = match tokio::time::timeout(PING, receiver.recv()).await {
                        Ok(frame) => frame?,
                        Err(_) if shared.silent.load(Ordering::SeqCst) => continue,
                        Err(_) => shared.frame(&ping()),
                    };
                    return Some((Ok::<_, Infallible>(frame), receiver));
                }
            }
        });
        ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(frames)).into_response()
    }
}

fn ping() -> Notice {
    Notice { name: "ping", data: Value::Object(serde_json::Map::new()) }
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
