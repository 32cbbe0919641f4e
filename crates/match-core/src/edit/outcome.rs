//! What became of each change.

use std::fmt;

use cache_store::RunId;
use plex_api::{Calls, ErrorKind};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::edit::checks::Refusal;
use crate::edit::group::PlannedRequest;

/// What became of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EditOutcome {
    /// The server confirmed it.
    Done {
        /// What was different.
        fields: Vec<String>,
        /// Those of the change's fields that somebody else had edited since they were last
        /// read: what they wrote is overwritten.
        overwritten: Vec<String>,
    },
    /// Everything is as it shall be: nothing was sent.
    Unchanged,
    /// It is not done, and why.
    Failed(EditFailure),
    /// Nothing was sent, and it can be tried again.
    NotTried(NotTried),
}

/// As JSON: `{"outcome": "done", "fields": [...], "overwritten": [...]}`, `{"outcome":
/// "unchanged"}`, `{"outcome": "failed", "why": "...", "in_doubt": false}` or `{"outcome":
/// "not_tried", "why": "..."}`.
impl Serialize for EditOutcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "outcome", rename_all = "snake_case")]
        enum Form<'a> {
            Done { fields: &'a [String], overwritten: &'a [String] },
            Unchanged,
            Failed { why: String, in_doubt: bool },
            NotTried { why: String },
        }
        let form = match self {
            Self::Done { fields, overwritten } => Form::Done { fields, overwritten },
            Self::Unchanged => Form::Unchanged,
            Self::Failed(why) => Form::Failed {
                why: why.to_string(),
                in_doubt: matches!(why, EditFailure::Unconfirmed(_)),
            },
            Self::NotTried(why) => Form::NotTried { why: why.to_string() },
        };
        form.serialize(serializer)
    }
}

/// Why a change is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EditFailure {
    /// It was refused before anything was sent.
    Refused(Refusal),
    /// There is no such item (any more).
    Gone,
    /// The item does not hold the file any more by which it was matched.
    FileGone,
    /// Somebody else edited these fields since they were last read, and the options say to
    /// leave such an item alone.
    EditedByOthers(Vec<String>),
    /// The server has something of that name already: a collection, for one.
    Conflict(String),
    /// The server refused it, in its words.
    Rejected(String),
    /// It was sent, and no answer came: it may be applied or not. Repeating the change does no
    /// harm; the item is read again before.
    Unconfirmed(String),
}

/// Why a change was not tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotTried {
    /// A dry run: it would have been sent.
    DryRun,
    /// The run stopped: the server cannot be asked, or refuses everything.
    Stopped(ErrorKind, String),
}

/// A run of edits.
#[derive(Debug, Clone)]
pub struct EditRun {
    /// The run, as [`Engine::open_edits`](crate::Engine::open_edits) names it.
    pub id: RunId,
    /// One for each change, in the same order.
    pub outcomes: Vec<EditOutcome>,
    /// The requests that were planned, in the order in which they are sent. A group that fails
    /// is halved, so more may have been sent.
    pub planned: Vec<PlannedRequest>,
    /// Calls made, by endpoint.
    pub calls: Calls,
}

/// As JSON: `{"run": "...", "outcomes": [...], "counts": {...}, "planned": ["PUT ..."], "calls":
/// {...}}`; `docs/json.md` has every field.
impl Serialize for EditRun {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, outcomes, planned, calls } = self;
        let planned: Vec<String> = planned.iter().map(ToString::to_string).collect();
        let mut form = serializer.serialize_struct("EditRun", 5)?;
        form.serialize_field("run", &id.to_string())?;
        form.serialize_field("outcomes", outcomes)?;
        form.serialize_field("counts", &self.counts())?;
        form.serialize_field("planned", &planned)?;
        form.serialize_field("calls", calls)?;
        form.end()
    }
}

/// How many changes came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct EditCounts {
    /// Confirmed by the server.
    pub done: usize,
    /// As they shall be.
    pub unchanged: usize,
    /// Failed.
    pub failed: usize,
    /// Not tried.
    pub not_tried: usize,
}

impl EditRun {
    /// How many changes came to what.
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
            Self::FileGone => f.write_str("the item does not hold the file any more"),
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
            Self::Stopped(_, why) => f.write_str(why),
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
