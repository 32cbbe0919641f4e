//! Sends edits, a few requests at once. A group that fails is halved until the item that fails is
//! alone. The store notes the progress of each item.
//!
//! Requests are sent in waves. Before each wave one transaction notes it as sent, together with the
//! confirmed edits of the wave before, so a crash leaves at most one wave in doubt.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use cache_store::{Confirmed, EditProgress, Error, Metadata, Progress, RunId, SectionId, Store};
use futures::{StreamExt, stream};
use plex_api::{Class, Error as PlexError, ErrorKind, RatingKey};
use tracing::debug;

use crate::answer::Reason;
use crate::edit::group::PlannedRequest;
use crate::edit::outcome::EditFailure;
use crate::engine::Engine;
use crate::engine::progress::Phase;

/// Requests of a wave. With a larger wave, a crash leaves more edits in doubt. With a smaller one,
/// the store writes to the disk more often. A request takes a few milliseconds, so one transaction
/// for each wave costs little in comparison.
const WAVE: usize = 32;

/// Requests in flight. More would not help, because a server writes one after the other.
const IN_FLIGHT: usize = 4;

/// The run stops after this many failed requests for single items in a row (500), because then the
/// items are not the cause.
const ENOUGH: usize = 10;

/// The result for an item with an edit to send.
#[derive(Debug, Clone)]
pub(super) enum Sent {
    Confirmed,
    Failed(EditFailure),
    /// The run stopped. The edit was not sent, or the server certainly did not apply it.
    Stopped(Reason),
}

/// An item with an edit to send: its section, and its metadata once the edit is confirmed.
pub(super) struct Item {
    pub(super) section: SectionId,
    /// What the edit was made from.
    pub(super) before: Metadata,
    pub(super) after: Metadata,
}

/// The meaning of an answer for the run.
enum Verdict {
    Confirmed,
    /// These items are the cause: halve the group, or give up on a single item.
    Refused(EditFailure),
    /// The cause is the server: stop. This request may or may not have been applied.
    Lost(ErrorKind, String),
    /// The cause is the server: stop. This request was not applied.
    Stop(ErrorKind, String),
}

impl Verdict {
    fn of(answer: &Result<(), PlexError>) -> Self {
        let Err(error) = answer else { return Self::Confirmed };
        let (kind, text) = (error.kind(), error.to_string());
        match kind {
            ErrorKind::NotFound => Self::Refused(EditFailure::Gone),
            // An attempt before this answer may have been applied.
            _ if error.is_in_doubt() && stops(kind) => Self::Lost(kind, text),
            _ if error.is_in_doubt() && kind.class() != Class::Outage => {
                Self::Refused(EditFailure::Unconfirmed(text))
            }
            ErrorKind::Conflict => Self::Refused(EditFailure::Conflict(text)),
            _ if stops(kind) => Self::Stop(kind, text),
            _ if kind.class() == Class::Outage => Self::Lost(kind, text),
            _ => Self::Refused(EditFailure::Rejected(text)),
        }
    }
}

/// Errors of the server as a whole, after which the request was certainly not applied.
pub(super) fn stops(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::CircuitOpen
            | ErrorKind::TooManyRequests
            | ErrorKind::Unauthorized
            | ErrorKind::Forbidden
            | ErrorKind::Tls
            | ErrorKind::Redirect
            | ErrorKind::WrongServer
    )
}

/// The notes of a run that wait for the next transaction.
struct Notes<'a> {
    engine: &'a Engine,
    run: RunId,
    items: &'a HashMap<RatingKey, Item>,
    edits: Vec<EditProgress>,
    confirmed: Vec<Confirmed>,
    /// Items that another run edits at the same time.
    met: BTreeSet<RatingKey>,
}

impl Notes<'_> {
    fn note(&mut self, keys: &[RatingKey], progress: &Progress) {
        let at = self.engine.library.clock().now();
        for key in keys {
            let Some(item) = self.items.get(key) else { continue };
            let (section, run, progress) = (item.section, self.run, progress.clone());
            if progress == Progress::Confirmed {
                let (before, after) = (item.before.clone(), item.after.clone());
                self.confirmed.push(Confirmed { section, rating_key: *key, before, after });
            }
            self.edits.push(EditProgress { section, rating_key: *key, run, progress, at });
        }
    }

    /// Notes that a request was not sent, or not applied. An item in doubt stays in doubt.
    fn note_unsent(&mut self, keys: &[RatingKey], in_doubt: &HashSet<RatingKey>) {
        let certain = keys.iter().copied().filter(|key| !in_doubt.contains(key));
        self.note(&certain.collect::<Vec<_>>(), &Progress::Planned);
    }

    async fn write(&mut self) -> Result<(), Error> {
        let edits = std::mem::take(&mut self.edits);
        let confirmed = std::mem::take(&mut self.confirmed);
        let note = move |store: &Store| store.note_edits(&edits, &confirmed, &[]);
        self.met.extend(self.engine.with_store(note).await?);
        Ok(())
    }
}

impl Engine {
    /// Sends requests. Returns the result for each item, and the items that another run edited at the
    /// same time: nobody knows what they are now.
    pub(super) async fn send(
        &self,
        run: RunId,
        requests: Vec<PlannedRequest>,
        items: &HashMap<RatingKey, Item>,
    ) -> Result<(HashMap<RatingKey, Sent>, BTreeSet<RatingKey>), Error> {
        let (edits, confirmed, met) = (Vec::new(), Vec::new(), BTreeSet::new());
        let notes = Notes { engine: self, run, items, edits, confirmed, met };
        let mut sending = Sending::new(notes);
        for request in &requests {
            sending.notes.note(&request.keys, &Progress::Planned);
        }
        sending.notes.write().await?;
        let mut queue = VecDeque::from(requests);
        while sending.stopped.is_none() && !queue.is_empty() {
            self.progress.tell(Phase::Send, sending.sent.len() as u64, items.len() as u64);
            let wave: Vec<PlannedRequest> = queue.drain(..queue.len().min(WAVE)).collect();
            for request in &wave {
                sending.notes.note(&request.keys, &Progress::Sent);
            }
            sending.notes.write().await?;
            let mut again = Vec::new();
            for (request, verdict) in self.wave(wave).await {
                again.extend(sending.take(request, verdict));
            }
            if sending.failing >= ENOUGH {
                let text = format!("{} edits failed one after the other", sending.failing);
                sending.stopped.get_or_insert((ErrorKind::Server, text));
            }
            for request in again.into_iter().rev() {
                queue.push_front(request);
            }
        }
        sending.end(queue.iter().flat_map(|request| &request.keys));
        let Sending { mut notes, sent, .. } = sending;
        notes.write().await?;
        self.progress.tell(Phase::Send, sent.len() as u64, items.len() as u64);
        Ok((sent, notes.met))
    }

    /// Sends a wave. The verdict is `None` if the request was not sent, because another answer
    /// stopped the run.
    async fn wave(&self, wave: Vec<PlannedRequest>) -> Vec<(PlannedRequest, Option<Verdict>)> {
        let stopped = &AtomicBool::new(false);
        stream::iter(wave)
            .map(|request| async move {
                if stopped.load(Ordering::Relaxed) {
                    return (request, None);
                }
                let verdict = Verdict::of(&self.put(&request).await);
                if matches!(verdict, Verdict::Lost(..) | Verdict::Stop(..)) {
                    stopped.store(true, Ordering::Relaxed);
                }
                (request, Some(verdict))
            })
            .buffered(IN_FLIGHT)
            .collect()
            .await
    }

    async fn put(&self, request: &PlannedRequest) -> Result<(), PlexError> {
        let client = self.library.client();
        // The event stream may report the edit before the answer comes, and for a while after it.
        self.library.mark_ours(request.keys.iter().copied());
        let sent = match request.keys.as_slice() {
            [key] => client.edit_item(*key, &request.edit).await,
            keys => client.edit_items(request.section, request.kind, keys, &request.edit).await,
        };
        self.library.mark_ours(request.keys.iter().copied());
        sent
    }
}

/// What became of the requests so far.
struct Sending<'a> {
    notes: Notes<'a>,
    sent: HashMap<RatingKey, Sent>,
    /// Why no more requests are sent.
    stopped: Option<(ErrorKind, String)>,
    /// Failed requests for single items in a row.
    failing: usize,
    /// Items of a refused group. The server edited those before the item that it refused.
    in_doubt: HashSet<RatingKey>,
}

impl<'a> Sending<'a> {
    fn new(notes: Notes<'a>) -> Self {
        let (sent, in_doubt) = (HashMap::new(), HashSet::new());
        Self { notes, sent, stopped: None, failing: 0, in_doubt }
    }

    /// Notes the verdict on a request. Returns the requests that are to be sent instead.
    fn take(&mut self, request: PlannedRequest, verdict: Option<Verdict>) -> Vec<PlannedRequest> {
        let keys = &request.keys;
        self.failing = match &verdict {
            Some(Verdict::Refused(EditFailure::Rejected(_) | EditFailure::Unconfirmed(_)))
                if keys.len() == 1 =>
            {
                self.failing + 1
            }
            None => self.failing,
            Some(_) => 0,
        };
        match verdict {
            Some(Verdict::Confirmed) => {
                self.notes.note(keys, &Progress::Confirmed);
                self.put(keys, &Sent::Confirmed);
            }
            Some(Verdict::Refused(_)) if keys.len() > 1 => {
                debug!(items = keys.len(), "an edit of a group failed: halved");
                self.in_doubt.extend(keys);
                return halved(request).into();
            }
            Some(Verdict::Refused(failure)) => {
                // The refused group may have edited this item.
                let failure = match failure {
                    EditFailure::Rejected(text) | EditFailure::Conflict(text)
                        if keys.iter().any(|key| self.in_doubt.contains(key)) =>
                    {
                        EditFailure::Unconfirmed(text)
                    }
                    failure => failure,
                };
                if !matches!(failure, EditFailure::Unconfirmed(_)) {
                    self.notes.note(keys, &Progress::Failed(failure.to_string()));
                }
                self.put(keys, &Sent::Failed(failure));
            }
            Some(Verdict::Lost(kind, text)) => {
                self.put(keys, &Sent::Failed(EditFailure::Unconfirmed(text.clone())));
                self.stopped.get_or_insert((kind, text));
            }
            Some(Verdict::Stop(kind, text)) => {
                self.stopped.get_or_insert((kind, text));
                self.notes.note_unsent(keys, &self.in_doubt);
                return vec![request];
            }
            None => {
                self.notes.note_unsent(keys, &self.in_doubt);
                return vec![request];
            }
        }
        Vec::new()
    }

    fn put(&mut self, keys: &[RatingKey], outcome: &Sent) {
        self.sent.extend(keys.iter().map(|key| (*key, outcome.clone())));
    }

    /// Notes the items that were not sent, if something stopped the run.
    fn end<'k>(&mut self, unsent: impl Iterator<Item = &'k RatingKey>) {
        let Some((kind, text)) = &self.stopped else { return };
        let why = Reason::Server(*kind, text.as_str().into());
        for key in unsent {
            let outcome = if self.in_doubt.contains(key) {
                Sent::Failed(EditFailure::Unconfirmed(text.clone()))
            } else {
                Sent::Stopped(why.clone())
            };
            self.sent.insert(*key, outcome);
        }
    }
}

/// Halves a group. Both halves are sent again, because the server edited only the items before the
/// one that failed. This is safe, because the edit has final values.
fn halved(mut request: PlannedRequest) -> [PlannedRequest; 2] {
    let rest = request.keys.split_off(request.keys.len().div_ceil(2));
    let second = PlannedRequest { keys: rest, ..request.clone() };
    [request, second]
}

#[cfg(test)]
mod tests {
    use plex_api::{Edit, Field, ItemKind, SectionKey};

    use super::*;

    /// The budget for one failing item in a hundred: both halves at every level.
    #[test]
    fn a_culprit_in_a_hundred_is_alone_after_fourteen_requests() {
        for culprit in 0..100 {
            let mut group = PlannedRequest {
                section: SectionKey(1),
                kind: ItemKind::Movie,
                keys: (0..100).map(RatingKey).collect(),
                edit: Edit::new().set(Field::Title, "x"),
                fields: Vec::new(),
            };
            let mut requests = 0;
            while group.keys.len() > 1 {
                let [first, second] = halved(group);
                assert!(!first.keys.is_empty() && !second.keys.is_empty());
                requests += 2;
                group = if first.keys.contains(&RatingKey(culprit)) { first } else { second };
            }
            assert_eq!(group.keys, [RatingKey(culprit)]);
            assert!(requests <= 14, "{requests} requests for {culprit}");
        }
    }
}
