//! How far the edits of a run got, so that a crash leaves nothing in doubt that could be known.

use std::fmt;

use plex_api::{RatingKey, UnixSeconds};

use crate::model::section::SectionId;
use crate::random_id::draw;

/// Tells one run of edits from every other.
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
    /// It was decided, and not sent.
    Planned,
    /// It was sent, and the server did not confirm it: it may be applied or not.
    Sent,
    /// The server confirmed it.
    Confirmed,
    /// The server refused it, and said why.
    Failed(String),
}

/// The edit of an item, whose run did not end or ended early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EditProgress {
    /// The section.
    pub section: SectionId,
    /// The item.
    pub rating_key: RatingKey,
    /// The run.
    pub run: RunId,
    /// How far it got.
    pub progress: Progress,
    /// When, by our clock.
    pub at: UnixSeconds,
}
