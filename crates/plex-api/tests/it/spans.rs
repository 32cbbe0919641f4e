//! Spans: each request has one, which says what it cost. No event of any library has the token in
//! it.

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
    // The subscriber is set for the whole process: `tracing` remembers for each place in the code
    // whether anybody listens, and forgets the subscriber of one thread when another thread asks.
    // So the log also has the events of the other tests, which use the same token. Only this test
    // reads 901 rows.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let server = Server::start(|number, seen| match number {
        0 => http(500, &[], "once"),
        _ => ok(movies(seen.start(), seen.size(), 901)),
    })
    .await;
    // Large enough to be decoded on another thread.
    let listing = Listing::new(SectionKey(1), ItemKind::Movie);
    server.client().page(&listing, 0, 901).await.unwrap();

    let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
    let closed = |line: &&str| line.contains("rows=901") && line.contains("close time");
    let spans: Vec<&str> = log.lines().filter(closed).collect();
    assert_eq!(spans.len(), 1, "{log}");
    for field in
        ["method=GET", "endpoint=\"page\"", "status=200", "rows=901", "bytes=", "elapsed_ms="]
    {
        assert!(spans[0].contains(field), "{field} in {}", spans[0]);
    }
    assert!(log.contains("asking again"), "the log says that it was repeated");
    assert!(!log.contains(TOKEN));
}
