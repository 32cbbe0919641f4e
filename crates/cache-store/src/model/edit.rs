//! Progress of the edits of a run, so that after a crash as little as possible is uncertain.

use std::fmt;

use plex_api::{RatingKey, UnixSeconds};

use crate::model::metadata::Metadata;
use crate::model::section::SectionId;
use crate::random_id::draw;

/// A number that identifies one run of edits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub u64);

impl RunId {
    /// A number that no other run has.
    pub fn draw() -> Self {
        Self(draw())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How far the edit of an item got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// The edit was decided and not sent.
    Planned,
    /// The edit was sent and not confirmed. The server may have applied it or not.
    Sent,
    /// The server confirmed the edit.
    Confirmed,
    /// The server refused the edit, for this reason.
    Failed(String),
}

/// What is known about an item after the server confirmed its edit.
#[derive(Debug, Clone)]
pub struct Confirmed {
    /// The section.
    pub section: SectionId,
    /// The item.
    pub rating_key: RatingKey,
    /// The metadata that the edit was made from.
    pub before: Metadata,
    /// The metadata after it.
    pub after: Metadata,
}

/// The edit of an item in a run that did not end, or ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditProgress {
    /// The section.
    pub section: SectionId,
    /// The item.
    pub rating_key: RatingKey,
    /// The run.
    pub run: RunId,
    /// How far the edit got.
    pub progress: Progress,
    /// When the edit got there, by our clock.
    pub at: UnixSeconds,
}
