//! Listening to the server, and looking where its events point.

use std::pin::Pin;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use plex_api::{Event, RatingKey};

use crate::apply::{Scope, Update};
use crate::error::Error;
use crate::hints::{Due, Hints};
use crate::library::{Library, Step, latest};
use crate::refresh::plan::Demand;
use crate::section::SectionState;
use crate::spool::Spool;

/// What a watcher saw or did.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Watched {
    /// From now on nothing is missed.
    Live,
    /// The line broke; it is tried again.
    Gap,
    /// What was told of was looked at: items were read, and the stamps compared.
    Looked {
        /// How many items were read.
        items: u64,
        /// What was done to bring the cached sections up to date.
        steps: Vec<Step>,
    },
    /// The server could not be asked; it is tried again.
    Failed {
        /// Why.
        error: plex_api::Error,
    },
}

/// How long until it is tried again when the server could not be asked.
const AGAIN: Duration = Duration::from_secs(15);

type Events = Pin<Box<dyn Stream<Item = Result<Event, plex_api::Error>> + Send>>;

/// Listens until it is dropped; then nobody does.
struct Watcher {
    library: Arc<Library>,
    events: Events,
    /// The last look failed: not at once again.
    failed: bool,
    ended: bool,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.library.hints().stop();
    }
}

impl Library {
    /// Listens to the server's events for as long as the stream is read, and keeps what is
    /// cached up to date with what they point at. While it is live and quiet, refreshes make no
    /// call. It ends after an error that trying again cannot mend.
    pub fn watch(
        self: &Arc<Self>,
    ) -> impl Stream<Item = Result<Watched, Error>> + Send + use<> + 'static {
        let events = Box::pin(self.client().events());
        let listening = Watcher { library: Arc::clone(self), events, failed: false, ended: false };
        stream::unfold(listening, |mut watcher| async move {
            let watched = watcher.next().await?;
            Some((watched, watcher))
        })
    }

    /// Says that items are about to be written to by us: the server tells of that too, and it
    /// is no news.
    pub fn mark_ours(&self, keys: impl IntoIterator<Item = RatingKey>) {
        let now = self.clock().now();
        self.hints().ours(keys, now);
    }

    pub(crate) fn hints(&self) -> MutexGuard<'_, Hints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is due: items first, because they may explain what the stamps show.
    async fn look(&self, due: &Due) -> Result<Watched, Error> {
        let mut items = 0;
        let known = self.blocking(crate::Store::sections).await?;
        for (section, keys) in &due.items {
            let state = known.iter().find(|state| state.key == *section);
            if let Some(state) = state.filter(|state| state.stamp.is_some()) {
                items += keys.len() as u64;
                self.look_at(state, keys).await?;
            }
        }
        let steps = self.compare_stamps(Demand::files(0)).await?;
        Ok(Watched::Looked { items, steps })
    }

    /// Reads items that were told of and writes what is different; those that are gone, the
    /// server itself says so.
    async fn look_at(&self, state: &SectionState, keys: &[RatingKey]) -> Result<(), Error> {
        let _one_at_a_time = self.flights().section(state.id).await;
        let (id, kind) = (state.id, state.kind);
        let read = self.blocking(move |store| store.view()?.section(id)).await?;
        let Some(state) = read else { return Ok(()) };
        let (Some(stamp), Some(observed)) = (state.stamp, state.observed) else { return Ok(()) };
        let now = state.observed_at.unwrap_or(self.clock().now());
        let mut rows = Spool::new();
        let limit = latest(self.clock().now(), &observed);
        let gone = self.read_again(keys, &mut rows, limit, Some(kind)).await?;
        let update = Update {
            observed,
            scope: Scope::Delta(gone),
            complete: state.complete,
            lookups: state.lookups,
            ..Update::new(&state, rows, stamp, now)
        };
        if let Ok((_, changes)) = self.apply(update).await?
            && changes.any()
        {
            self.hints().explain(id);
        }
        Ok(())
    }
}

impl Watcher {
    async fn next(&mut self) -> Option<Result<Watched, Error>> {
        if self.ended {
            return None;
        }
        loop {
            let (now, settle) = (self.library.clock().now(), self.library.policy().settle);
            let due = if self.failed { None } else { self.library.hints().take(now, settle) };
            if let Some(due) = due {
                return Some(self.look(due).await);
            }
            let wait = self.library.hints().wait(now, settle);
            let wait = if self.failed { Some(AGAIN) } else { wait };
            let waited = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                event = self.events.next() => event,
                () = waited => {
                    self.failed = false;
                    continue;
                }
            };
            let event = match event? {
                Ok(event) => event,
                Err(error) => {
                    self.ended = true;
                    self.library.hints().stop();
                    return Some(Err(error.into()));
                }
            };
            let now = self.library.clock().now();
            self.library.hints().told(&event, now, settle);
            match event {
                Event::Live => return Some(Ok(Watched::Live)),
                Event::Gap { .. } => return Some(Ok(Watched::Gap)),
                _ => {}
            }
        }
    }

    async fn look(&mut self, due: Due) -> Result<Watched, Error> {
        let looked = self.library.look(&due).await;
        let now = self.library.clock().now();
        match looked {
            Ok(watched) => {
                self.library.hints().done(None, now);
                Ok(watched)
            }
            Err(Error::Plex(error)) if error.kind().is_outage() => {
                self.failed = true;
                self.library.hints().done(Some(due), now);
                Ok(Watched::Failed { error })
            }
            Err(error) => {
                self.library.hints().done(Some(due), now);
                self.ended = true;
                Err(error)
            }
        }
    }
}
