//! Listens to the server's events, and looks where they point.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt, stream};
use plex_api::{Event, RatingKey};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::error::Error;
use crate::library::Library;
use crate::library::refreshed::Step;
use crate::model::revision::latest;
use crate::model::section::SectionState;
use crate::refresh::context::Context;
use crate::refresh::execute::unmoved;
use crate::refresh::hints::Due;
use crate::store::apply::update::Update;
use crate::store::staging::Spool;

/// Something that a watcher saw or did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Watched {
    /// From now on no event is missed.
    Live,
    /// The connection broke. The watcher tries again.
    Gap,
    /// The watcher looked at what was reported: it read items and compared the stamps.
    Looked {
        /// How many items were read.
        items: u64,
        /// What was done to bring the cached sections up to date.
        steps: Vec<Step>,
    },
    /// The server could not be asked. The watcher tries again.
    Failed {
        /// Why.
        error: plex_api::Error,
    },
}

impl fmt::Display for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("listening"),
            Self::Gap => f.write_str("the connection broke; trying again"),
            Self::Looked { items, steps } => {
                let changed = steps.iter().filter(|step| step.changes.any()).count();
                let plural = |count| if count == 1 { "" } else { "s" };
                let (s, t) = (plural(*items), plural(changed as u64));
                write!(
                    f,
                    "changes reported: {items} item{s} read again, {changed} section{t} changed"
                )
            }
            Self::Failed { error } => write!(f, "not listening, trying again: {error}"),
        }
    }
}

/// How long the watcher waits before it tries again, after the server could not be asked.
const AGAIN: Duration = Duration::from_secs(15);

type Events = Pin<Box<dyn Stream<Item = Result<Event, plex_api::Error>> + Send>>;

/// Listens until it is dropped. Then the store knows that nobody listens.
struct Watcher {
    library: Arc<Library>,
    events: Events,
    /// What was seen but not yet handed to the host.
    seen: VecDeque<Result<Watched, Error>>,
    /// The last look failed, so the next one waits.
    failed: bool,
    ended: bool,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.context().hints().stop();
    }
}

/// Listens to the server's events as long as the host reads the stream, and keeps the cache up to
/// date where the events point. While the stream is live and quiet, refreshes make no call. The
/// stream ends after an error that another attempt cannot repair.
pub fn watch(
    library: &Arc<Library>,
) -> impl Stream<Item = Result<Watched, Error>> + Send + use<> + 'static {
    let events = Box::pin(library.client().events());
    let listening = Watcher {
        library: Arc::clone(library),
        events,
        seen: VecDeque::new(),
        failed: false,
        ended: false,
    };
    stream::unfold(listening, |mut watcher| async move {
        let watched = watcher.next().await?;
        Some((watched, watcher))
    })
}

impl Watcher {
    fn context(&self) -> &Context {
        self.library.context()
    }

    async fn next(&mut self) -> Option<Result<Watched, Error>> {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return Some(seen);
            }
            if self.ended {
                return None;
            }
            let (now, settle) = (self.library.clock().now(), self.library.policy().settle);
            let due = if self.failed { None } else { self.context().hints().take(now, settle) };
            if let Some(due) = due {
                return Some(self.look(due).await);
            }
            let wait = self.context().hints().wait(now, settle);
            let wait = if self.failed { Some(AGAIN) } else { wait };
            let waited = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.events.next() => self.hear(event),
                () = waited => self.failed = false,
            }
        }
    }

    /// Notes what the stream brought.
    fn hear(&mut self, event: Option<Result<Event, plex_api::Error>>) {
        let event = match event {
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                self.seen.push_back(Err(error.into()));
                return self.end();
            }
            None => return self.end(),
        };
        let (now, settle) = (self.library.clock().now(), self.library.policy().settle);
        self.context().hints().told(&event, now, settle);
        match event {
            Event::Live => self.seen.push_back(Ok(Watched::Live)),
            Event::Gap { .. } => self.seen.push_back(Ok(Watched::Gap)),
            _ => {}
        }
    }

    fn end(&mut self) {
        self.ended = true;
        self.context().hints().stop();
    }

    async fn look(&mut self, due: Due) -> Result<Watched, Error> {
        // This runs as a task of its own, because it holds locks during calls. A host may leave the
        // stream unread meanwhile to match files. Without the task, that host would wait for these
        // locks for ever.
        let (library, asked) = (Arc::clone(&self.library), due.clone());
        let mut looking = JoinSet::new();
        looking.spawn(async move { look(&library, &asked).await }.in_current_span());
        let looked = match looking.join_next().await {
            Some(Ok(looked)) => looked,
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The runtime is shutting down, so nobody listens any more.
            Some(Err(_)) | None => std::future::pending().await,
        };
        let now = self.library.clock().now();
        match looked {
            Ok(watched) => {
                // Events that came during the look are taken before the host hears that the look is
                // done.
                while !self.ended
                    && let Some(event) = self.events.next().now_or_never()
                {
                    self.hear(event);
                }
                self.context().hints().done(None, now);
                Ok(watched)
            }
            Err(Error::Plex(error)) if error.kind().is_outage() => {
                self.failed = true;
                self.context().hints().done(Some(due), now);
                Ok(Watched::Failed { error })
            }
            Err(error) => {
                self.context().hints().done(Some(due), now);
                self.ended = true;
                Err(error)
            }
        }
    }
}

/// Looks at what is due. Items come first, because they may explain what the stamps show.
async fn look(library: &Library, due: &Due) -> Result<Watched, Error> {
    let mut items = 0;
    let mut explained = BTreeSet::new();
    let known = library.context().blocking(crate::Store::sections).await?;
    for (section, keys) in due {
        let state = known.iter().find(|state| state.key == *section);
        if let Some(state) = state.filter(|state| state.stamp.is_some()) {
            items += keys.len() as u64;
            if look_at(library.context(), state, keys).await? {
                explained.insert(state.id);
            }
        }
    }
    let steps = library.compare_stamps(explained).await?;
    Ok(Watched::Looked { items, steps })
}

/// Reads the reported items and writes what changed, if anything did. It removes an item only if
/// the server itself says that the item is gone.
async fn look_at(
    context: &Context,
    state: &SectionState,
    keys: &[RatingKey],
) -> Result<bool, Error> {
    let _one_at_a_time = context.flights.section(state.id).await;
    let (id, kind) = (state.id, state.kind);
    let read = context.blocking(move |store| store.view()?.section(id)).await?;
    let Some(state) = read else { return Ok(false) };
    let (Some(stamp), Some(observed)) = (state.stamp, state.observed) else {
        return Ok(false);
    };
    let now = state.observed_at.unwrap_or(context.clock.now());
    let mut rows = Spool::new();
    let limit = latest(context.clock.now(), &observed);
    let again = context.read_again(keys, &mut rows, limit, Some(kind)).await?;
    let update = Update {
        unreadable: again.unreadable,
        ..unmoved(&state, rows, again.gone, stamp, observed, now)
    };
    Ok(context.apply(update).await?.is_ok_and(|(_, changes)| changes.any()))
}
