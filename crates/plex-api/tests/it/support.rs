//! A server that answers each request with exactly the bytes that a script gives.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use plex_api::{BreakerPolicy, Client, Config, RetryPolicy, Token};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "s3cret-token";

/// A request as the server saw it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) head: String,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        });
        found.map(str::trim)
    }

    pub(crate) fn start(&self) -> u64 {
        self.header("x-plex-container-start").unwrap().parse().unwrap()
    }

    pub(crate) fn size(&self) -> u64 {
        self.header("x-plex-container-size").unwrap().parse().unwrap()
    }
}

/// How the server answers a request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Sends these bytes, keeps the connection open, and sends nothing more.
    Open(Vec<u8>),
    /// Closes the connection and sends nothing.
    Close,
}

/// An answer with these headers and this body.
pub(crate) fn http(status: u16, headers: &[(&str, &str)], body: impl AsRef<[u8]>) -> Answer {
    let body = body.as_ref();
    let mut head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    head.push_str("connection: close\r\n\r\n");
    Answer::Bytes([head.as_bytes(), body].concat())
}

/// A successful answer. It says how many rows are in it, if the container does not say it.
pub(crate) fn ok(container: impl Into<Value>) -> Answer {
    let mut container = container.into();
    let rows = |name: &str| container[name].as_array().map_or(0, Vec::len);
    let size = rows("Metadata") + rows("Directory");
    if container.get("size").is_none() {
        container["size"] = json!(size);
    }
    http(200, &[], json!({ "MediaContainer": container }).to_string())
}

/// The 404 of a Plex Media Server itself.
pub(crate) fn not_found() -> Answer {
    http(404, &[("X-Plex-Protocol", "1.0")], "<h1>404 Not Found</h1>")
}

/// A movie as a row.
pub(crate) fn movie(key: u64) -> Value {
    json!({
        "ratingKey": key.to_string(), "type": "movie", "title": format!("Movie {key}"),
        "Media": [{"id": key, "Part": [{
            "id": key, "key": format!("/library/parts/{key}/1700000000/file.mkv"),
            "file": format!("/movies/{key}.mkv"), "size": 1000 + key % 1000,
        }]}],
    })
}

/// Rows `start..start + size` of a section with `total` movies, cut at its end.
pub(crate) fn movies(start: u64, size: u64, total: u64) -> Value {
    let rows: Vec<Value> = (start..total.min(start + size)).map(|n| movie(n + 1)).collect();
    json!({
        "size": rows.len(), "totalSize": total, "offset": start,
        "librarySectionUUID": "uuid-1", "librarySectionID": 1, "Metadata": rows,
    })
}

type Script = Box<dyn Fn(usize, &Seen) -> Answer + Send + Sync>;

#[derive(Default)]
struct Log {
    seen: Mutex<Vec<Seen>>,
    open: AtomicUsize,
    peak: AtomicUsize,
}

/// The server. It stops when this is dropped.
pub(crate) struct Server {
    address: String,
    log: Arc<Log>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts it. The script gets the number of the request, from 0, and the request.
    pub(crate) async fn start(
        script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let script: Arc<Script> = Arc::new(Box::new(script));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let log = Arc::new(Log::default());
        let for_task = Arc::clone(&log);
        let task = tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, Arc::clone(&script), Arc::clone(&for_task)));
            }
        });
        Self { address, log, task }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client configuration for this server, without long waits.
    pub(crate) fn config(&self) -> Config {
        let base = Duration::from_millis(1);
        let default = RetryPolicy::default();
        Config {
            retry: RetryPolicy { base, cap: 2 * base, ..default },
            breaker: BreakerPolicy { failures: 0, ..BreakerPolicy::default() },
            request_timeout: Duration::from_secs(5),
            ..Config::new(self.url(), Token::new(TOKEN))
        }
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.config()).unwrap()
    }

    /// The requests so far, in the order in which they arrived.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.log.seen.lock().unwrap().clone()
    }

    /// The most requests that were open at the same time.
    pub(crate) fn peak(&self) -> usize {
        self.log.peak.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut socket: TcpStream, script: Arc<Script>, log: Arc<Log>) {
    let mut head = Vec::new();
    let mut buffer = [0; 4096];
    while !head.ends_with(b"\r\n\r\n") {
        match socket.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(count) => head.extend_from_slice(&buffer[..count]),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut words = head.split(' ');
    let method = words.next().unwrap().to_owned();
    let target = words.next().unwrap().to_owned();
    let seen = Seen { method, target, head };
    let number = {
        let mut all = log.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    let open = log.open.fetch_add(1, Ordering::SeqCst) + 1;
    log.peak.fetch_max(open, Ordering::SeqCst);
    // Lets other requests arrive, so that they are counted as open at the same time.
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
    log.open.fetch_sub(1, Ordering::SeqCst);
    match script(number, &seen) {
        Answer::Bytes(bytes) => {
            let _ = socket.write_all(&bytes).await;
            let _ = socket.shutdown().await;
        }
        Answer::Open(bytes) => {
            let _ = socket.write_all(&bytes).await;
            // Waits until the client closes the connection.
            let _ = socket.read(&mut buffer).await;
        }
        Answer::Close => {}
    }
}
