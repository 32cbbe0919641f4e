//! Answers: which Plex item a file is.

use std::fmt;

use cache_store::Depends;
use plex_api::{ErrorKind, RatingKey};
use serde::Serialize;

use crate::evidence::Evidence;

/// Which Plex item a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This one.
    Found(Match),
    /// One of these, best first, and nothing tells them apart; or it may be this one, and too
    /// little speaks for it.
    Ambiguous(Vec<RatingKey>),
    /// None, and that is proven.
    Absent,
    /// The server could not be asked. Nothing may be concluded from it.
    Unknown(Reason),
}

impl Answer {
    /// Its kind in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Ambiguous(_) => "ambiguous",
            Self::Absent => "absent",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The item.
    pub rating_key: RatingKey,
    /// Other items that hold the very same file, ascending: a file with episodes 4 to 6 is
    /// listed under all three.
    pub others: Vec<RatingKey>,
    /// Which version (`Media`) of the item the file is, counted from 0. Of versions that nothing
    /// tells apart it is the first by path.
    pub version: u16,
    /// How sure the answer is.
    pub confidence: Confidence,
    /// Why.
    pub evidence: Evidence,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Likely, but something speaks against it or too little for it: ask before writing.
    Low,
    /// Safe to write to.
    High,
}

/// An answer and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer; never [`Answer::Unknown`].
    pub answer: Answer,
    /// The index buckets that were looked into.
    pub depends: Depends,
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The server could not be asked, or refused: kind, and a message that says what to do.
    Server(ErrorKind, String),
    /// The section kept changing while an absence was to be proven.
    NotProven,
}

impl From<&plex_api::Error> for Reason {
    fn from(error: &plex_api::Error) -> Self {
        Self::Server(error.kind(), error.to_string())
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(_, message) => f.write_str(message),
            Self::NotProven => {
                f.write_str("the section kept changing while an absence was to be proven")
            }
        }
    }
}
