//! Outcomes of changes.

use std::fmt;

use cache_store::RunId;
use plex_api::Calls;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::answer::Reason;
use crate::edit::checks::Refusal;
use crate::edit::group::PlannedRequest;

/// The outcome of a change.
///
/// As JSON: `{"outcome": "done", "fields": [...], "overwritten": [...]}`, `{"outcome":
/// "unchanged"}`, `{"outcome": "failed", "why": "...", "in_doubt": false}` or `{"outcome":
/// "not_tried", "why": "..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum EditOutcome {
    /// The server confirmed the edit.
    Done {
        /// The fields that differed.
        fields: Vec<String>,
        /// The fields of the change that somebody else had edited since the item was last read.
        /// Their values are overwritten.
        overwritten: Vec<String>,
    },
    /// The item already had the values of the change: nothing was sent.
    Unchanged,
    /// The change failed.
    Failed(EditFailure),
    /// Nothing was sent. The change can be tried again.
    NotTried(NotTried),
}

/// Why a change failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditFailure {
    /// The change was refused before anything was sent.
    Refused(Refusal),
    /// The server does not have the item (any more).
    Gone,
    /// The item does not have this file, which the change names ([`Change::file`](crate::Change::file)).
    NoSuchFile(String),
    /// Somebody else edited these fields since the item was last read, and
    /// [`OnForeign::Skip`](crate::OnForeign::Skip) is set.
    EditedByOthers(Vec<String>),
    /// The server already has something of that name, for example a collection.
    Conflict(String),
    /// The server rejected the edit. The text is the server's.
    Rejected(String),
    /// The edit was sent and not confirmed, so the server may have applied it. It is safe to repeat
    /// the change, because the item is read again first.
    Unconfirmed(String),
}

/// Why a change was not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTried {
    /// This is a dry run. Otherwise the edit would have been sent.
    DryRun,
    /// The run stopped, because the server cannot be reached or refuses all requests.
    Stopped(Reason),
}

/// As JSON: `{"why": "...", "in_doubt": false}`. In doubt: the server may have done it.
impl Serialize for EditFailure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("EditFailure", 2)?;
        form.serialize_field("why", &self.to_string())?;
        form.serialize_field("in_doubt", &matches!(self, Self::Unconfirmed(_)))?;
        form.end()
    }
}

/// As JSON: `{"why": "..."}`.
impl Serialize for NotTried {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("NotTried", 1)?;
        form.serialize_field("why", &self.to_string())?;
        form.end()
    }
}

/// The result of a run of edits.
#[derive(Debug, Clone)]
pub struct EditRun {
    /// The id of the run, as in [`Engine::open_edits`](crate::Engine::open_edits).
    pub id: RunId,
    /// One outcome for each change, in the same order.
    pub outcomes: Vec<EditOutcome>,
    /// The planned requests, in the order in which they are sent. A group that fails is halved, so
    /// the run may have sent more requests.
    pub planned: Vec<PlannedRequest>,
    /// Calls that the run made, by endpoint.
    pub calls: Calls,
}

/// As JSON: `{"run": "...", "outcomes": [...], "counts": {...}, "outage": null, "planned": ["PUT
/// ..."], "calls": {...}}`; `docs/json.md` has every field.
impl Serialize for EditRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, outcomes, planned, calls } = self;
        let planned: Vec<String> = planned.iter().map(ToString::to_string).collect();
        let mut form = serializer.serialize_struct("EditRun", 6)?;
        form.serialize_field("run", &id.to_string())?;
        form.serialize_field("outcomes", outcomes)?;
        form.serialize_field("counts", &self.counts())?;
        form.serialize_field("outage", &self.outage())?;
        form.serialize_field("planned", &planned)?;
        form.serialize_field("calls", calls)?;
        form.end()
    }
}

/// How many changes have each outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EditCounts {
    /// Changes that the server confirmed.
    pub done: usize,
    /// Changes whose item already had the values.
    pub unchanged: usize,
    /// Changes that failed.
    pub failed: usize,
    /// Changes that were not tried.
    pub not_tried: usize,
}

impl EditRun {
    /// Counts the changes by outcome.
    pub fn counts(&self) -> EditCounts {
        let mut counts = EditCounts::default();
        for outcome in &self.outcomes {
            match outcome {
                EditOutcome::Done { .. } => counts.done += 1,
                EditOutcome::Unchanged => counts.unchanged += 1,
                EditOutcome::Failed(_) => counts.failed += 1,
                EditOutcome::NotTried(_) => counts.not_tried += 1,
            }
        }
        counts
    }

    /// Why the run stopped, if it did: the server could not be asked, or refused all requests. The
    /// outcomes of the changes that were not sent have the same reason.
    pub fn outage(&self) -> Option<&Reason> {
        self.outcomes.iter().find_map(|outcome| match outcome {
            EditOutcome::NotTried(NotTried::Stopped(why)) => Some(why),
            _ => None,
        })
    }
}

impl fmt::Display for EditCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { done, unchanged, failed, not_tried } = self;
        write!(f, "{done} done, {unchanged} unchanged, {failed} failed, {not_tried} not tried")
    }
}

impl fmt::Display for EditFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => fmt::Display::fmt(refusal, f),
            Self::Gone => f.write_str("there is no such item any more"),
            Self::NoSuchFile(file) => write!(f, "the item does not hold {file}"),
            Self::EditedByOthers(fields) => {
                write!(f, "somebody else edited it: {}", fields.join(", "))
            }
            Self::Conflict(why) | Self::Rejected(why) => f.write_str(why),
            Self::Unconfirmed(why) => write!(f, "sent, and not confirmed: {why}"),
        }
    }
}

impl fmt::Display for NotTried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DryRun => f.write_str("dry run"),
            Self::Stopped(why) => fmt::Display::fmt(why, f),
        }
    }
}

impl fmt::Display for EditOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done { fields, .. } => write!(f, "done: {}", fields.join(", ")),
            Self::Unchanged => f.write_str("unchanged"),
            Self::Failed(why) => write!(f, "failed: {why}"),
            Self::NotTried(why) => write!(f, "not tried: {why}"),
        }
    }
}
