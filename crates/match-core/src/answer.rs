//! Answers and the reasons for them.

use std::fmt;

use cache_store::Depends;
use plex_api::{ErrorKind, RatingKey};
use serde::Serialize;

/// Which Plex item a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This one.
    Found(Match),
    /// One of these, best first, and nothing tells them apart.
    Ambiguous(Vec<RatingKey>),
    /// None, and that is proven.
    Absent,
    /// The server could not be asked. Nothing may be concluded from it.
    Unknown(Reason),
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The item.
    pub rating_key: RatingKey,
    /// Other items that hold the very same file, ascending: a file with episodes 4 to 6 is
    /// listed under all three.
    pub others: Vec<RatingKey>,
    /// Which version (`Media`) of the item the file is, counted from 0.
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

/// Why a match was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The rule that decided.
    pub rule: Rule,
    /// How many path components agree, counted from the file name.
    pub components: u16,
    /// Score, in thousandths.
    pub score: u16,
    /// Score of the best other candidate, in thousandths; 0 when there was none.
    pub runner_up: u16,
}

/// The rules, strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The whole path, after mapping or below a section's folder.
    WholePath,
    /// The file name and the longest run of equal folders above it.
    Folders,
    /// The file name, with size or duration agreeing.
    SizeDuration,
    /// The file name alone.
    FileName,
    /// A guid.
    Guid,
    /// Title and year.
    TitleYear,
    /// A similar title.
    FuzzyTitle,
}

impl Rule {
    /// All rules, strongest first.
    pub const ALL: [Self; 7] = [
        Self::WholePath,
        Self::Folders,
        Self::SizeDuration,
        Self::FileName,
        Self::Guid,
        Self::TitleYear,
        Self::FuzzyTitle,
    ];
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::WholePath => "whole_path",
            Self::Folders => "folders",
            Self::SizeDuration => "size_duration",
            Self::FileName => "file_name",
            Self::Guid => "guid",
            Self::TitleYear => "title_year",
            Self::FuzzyTitle => "fuzzy_title",
        })
    }
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
