//! The event stream: what a server reports without being asked.
//!
//! Events are hints. The server sends none for some edits, repeats others, and keeps none for a
//! listener who was away. Only stamps and sweeps are the truth. So the stream says when it listens
//! and when it did not, and its reader compares stamps after each gap.

use std::collections::VecDeque;
use std::time::Duration;

use futures::{Stream, stream};
use reqwest::Response;
use tokio::time::Instant;
use tracing::Instrument;

use crate::calls::Endpoint;
use crate::client::{Client, span};
use crate::clock::timer_now;
use crate::domain::event::Event;
use crate::error::Error;
use crate::error::kind::{Class, ErrorKind};
use crate::http::retry::{self, RetryPolicy};
use crate::http::transport::Call;
use crate::json::decode;
use crate::json::sse::Frames;
use crate::privacy::Private;
use crate::query::Query;

/// Servers send a ping every 10 to 15 seconds. After three missed pings the connection is dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(45);
/// Bounds of the wait before a new attempt to listen.
const RECONNECT: RetryPolicy = RetryPolicy {
    attempts: u32::MAX,
    base: Duration::from_secs(1),
    cap: Duration::from_mins(1),
    retry_after_cap: Duration::from_hours(1),
    deadline: Duration::MAX,
};
/// A connection that lived this long starts a new count of failures when it breaks.
const STEADY: Duration = Duration::from_mins(1);

impl Client {
    /// Listens to the server as long as the caller reads the stream.
    ///
    /// An outage does not end the stream. The stream gives [`Event::Gap`], tries again with growing
    /// waits, and gives [`Event::Live`] when it listens again. It ends only after an error that a
    /// new attempt cannot solve, such as a wrong token or a server without an event stream.
    pub fn events(&self) -> impl Stream<Item = Result<Event, Error>> + Send + use<> {
        let listener = Listener {
            client: self.clone(),
            line: None,
            ready: VecDeque::new(),
            attempts: 0,
            retry_after: None,
            gap_told: true,
            ended: false,
        };
        stream::unfold(listener, |mut listener| async move {
            let event = listener.next().await?;
            Some((event, listener))
        })
    }
}

/// An open connection to the event stream.
struct Line {
    response: Response,
    frames: Frames,
    since: Instant,
}

struct Listener {
    client: Client,
    line: Option<Line>,
    /// Events that were received and not yet read.
    ready: VecDeque<Event>,
    /// How many attempts were made since a connection was steady, the present one included. Only
    /// the first attempt (0) begins without a wait. A connection that breaks after each ping must
    /// not be opened again and again without a pause.
    attempts: u32,
    /// How long the server asked the client to wait.
    retry_after: Option<Duration>,
    /// The reader knows that nobody listens. This is true at first, because there was no `Live`
    /// yet.
    gap_told: bool,
    ended: bool,
}

impl Listener {
    async fn next(&mut self) -> Option<Result<Event, Error>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(Ok(event));
            }
            if self.ended {
                return None;
            }
            let outcome = match self.line.take() {
                Some(line) => self.receive(line).await,
                None => self.connect().await,
            };
            let Err(error) = outcome else { continue };
            if error.kind().class() == Class::Final && error.kind() != ErrorKind::TooLarge {
                self.ended = true;
                return Some(Err(error));
            }
            tracing::debug!(kind = ?error.kind(), error = %Private(&error), "not listening to the server");
            self.retry_after = error.retry_after();
            if !std::mem::replace(&mut self.gap_told, true) {
                return Some(Ok(Event::Gap { kind: error.kind() }));
            }
        }
    }

    async fn connect(&mut self) -> Result<(), Error> {
        let wait = RECONNECT.jitter(self.attempts, retry::random());
        if self.attempts > 0 {
            let asked = self.retry_after.take().unwrap_or_default();
            tokio::time::sleep(asked.min(RECONNECT.retry_after_cap).saturating_add(wait)).await;
        }
        self.attempts = self.attempts.saturating_add(1);
        let call = self.call();
        let response = self.client.shared.transport.open(&call).instrument(span(&call)).await?;
        let kind = response.headers().get("content-type").and_then(|kind| kind.to_str().ok());
        if !kind.is_some_and(|kind| kind.trim_start().starts_with("text/event-stream")) {
            let text = format!("{} in place of an event stream", kind.unwrap_or("an unknown type"));
            return Err(call.explain(Error::new(ErrorKind::Decode, text)));
        }
        self.line = Some(Line { response, frames: Frames::default(), since: timer_now() });
        self.gap_told = false;
        self.ready.push_back(Event::Live);
        Ok(())
    }

    async fn receive(&mut self, mut line: Line) -> Result<(), Error> {
        let broken = |kind, text: &str| Err(self.call().explain(Error::new(kind, text)));
        let bytes = match tokio::time::timeout(SILENCE_LIMIT, line.response.chunk()).await {
            Err(_) => return broken(ErrorKind::Timeout, "the server sent no ping"),
            Ok(Err(_)) => return broken(ErrorKind::Truncated, "the connection broke"),
            Ok(Ok(None)) => return broken(ErrorKind::Truncated, "the server disconnected"),
            Ok(Ok(Some(bytes))) => bytes,
        };
        let mut complete = Vec::new();
        line.frames.push(&bytes, &mut complete)?;
        if line.since.elapsed() >= STEADY {
            self.attempts = 1;
        }
        self.ready.extend(complete.into_iter().flat_map(decode::of_frame));
        self.line = Some(line);
        Ok(())
    }

    fn call(&self) -> Call {
        let mut query = Query::default();
        query.pair("filters", "timeline,activity,status");
        self.client.get(
            Endpoint::Events,
            "/:/eventsource/notifications",
            query,
            "listening to the server's events",
        )
    }
}
