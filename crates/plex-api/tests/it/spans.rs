//! Spans: each request has one, with what it cost; no event of any library holds the token.

use std::io;
use std::sync::{Arc, Mutex};

use plex_api::{ItemKind, Listing, SectionKey};
use tracing_subscriber::fmt::format::FmtSpan;

use crate::support::{Server, TOKEN, http, movies, ok};

/// Where the log goes.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_request_has_one_span_and_no_event_holds_the_token() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::CLOSE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let server = Server::start(|number, seen| match number {
        0 => http(500, &[], "once"),
        _ => ok(movies(seen.start(), seen.size(), 900)),
    })
    .await;
    // Large enough to be decoded on another thread.
    let listing = Listing::new(SectionKey(1), ItemKind::Movie);
    server.client().page(&listing, 0, 900).await.unwrap();
    drop(guard);

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let closed = |line: &&str| line.contains("plex_request{") && line.contains("close time");
    let spans: Vec<&str> = log.lines().filter(closed).collect();
    assert_eq!(spans.len(), 1, "{log}");
    for field in
        ["method=GET", "endpoint=\"page\"", "status=200", "rows=900", "bytes=", "elapsed_ms="]
    {
        assert!(spans[0].contains(field), "{field} in {}", spans[0]);
    }
    assert!(log.contains("asking again"), "the first attempt failed");
    assert!(!log.contains(TOKEN));
}
