//! What the libraries log, for tests of logs.

use std::io;
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::format::FmtSpan;

/// A log in memory.
#[derive(Debug, Clone, Default)]
pub struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// A subscriber that writes everything to this log, at the finest level.
    pub fn subscriber(&self, spans: FmtSpan) -> impl tracing::Subscriber + Send + Sync + use<> {
        let writer = self.clone();
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(spans)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish()
    }

    /// What was logged since the last time.
    pub fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

/// The lines of a log that are of Matchbox, and not of a library below.
pub fn ours(log: &str) -> String {
    let ours = ["plex_api", "cache_store", "match_core"];
    let lines = log.lines().filter(|line| ours.iter().any(|name| line.contains(name)));
    lines.collect::<Vec<_>>().join("\n")
}
