//! Answers: which Plex item a file is.

use std::fmt;

use cache_store::Depends;
use plex_api::{ErrorKind, RatingKey};
use serde::{Serialize, Serializer};

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

/// As JSON an answer is one flat object: `{"answer": "found", "rating_key": 7, "confidence":
/// "high", "evidence": {...}, ...}`, `{"answer": "ambiguous", "candidates": [7, 9]}`,
/// `{"answer": "absent"}` or `{"answer": "unknown", "reason": "..."}`.
impl Serialize for Answer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(tag = "answer", rename_all = "snake_case")]
        enum Form<'a> {
            Found(&'a Match),
            Ambiguous { candidates: &'a [RatingKey] },
            Absent,
            Unknown { reason: String },
        }
        let form = match self {
            Self::Found(found) => Form::Found(found),
            Self::Ambiguous(candidates) => Form::Ambiguous { candidates },
            Self::Absent => Form::Absent,
            Self::Unknown(reason) => Form::Unknown { reason: reason.to_string() },
        };
        form.serialize(serializer)
    }
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// It rests on the section's shows, too: it is as true as they are known.
    pub rests_on_shows: bool,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Rule, Source};

    #[test]
    fn an_answer_is_one_flat_object() {
        let found = Answer::Found(Match {
            rating_key: RatingKey(7),
            others: vec![RatingKey(8)],
            version: 0,
            confidence: Confidence::High,
            evidence: Evidence {
                rule: Rule::WholePath,
                components: 3,
                score: 1_000,
                runner_up: 0,
                rival: None,
                mapping: None,
                source: Source::Index,
            },
        });
        let json = |answer: &Answer| serde_json::to_value(answer).unwrap();
        let value = json(&found);
        assert_eq!(
            (&value["answer"], &value["rating_key"], &value["confidence"]),
            (&"found".into(), &7.into(), &"high".into())
        );
        assert_eq!(value["evidence"]["rule"], "whole_path");
        let tie = Answer::Ambiguous(vec![RatingKey(7), RatingKey(9)]);
        assert_eq!(json(&tie), serde_json::json!({"answer": "ambiguous", "candidates": [7, 9]}));
        assert_eq!(json(&Answer::Absent), serde_json::json!({"answer": "absent"}));
        let unknown = json(&Answer::Unknown(Reason::NotProven));
        assert_eq!(unknown["answer"], "unknown");
        assert!(unknown["reason"].as_str().unwrap().contains("kept changing"));
    }
}
