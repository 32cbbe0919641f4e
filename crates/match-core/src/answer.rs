//! Answers: which Plex item a file is.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use cache_store::Depends;
use plex_api::{ErrorKind, RatingKey};
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::evidence::Evidence;

/// Which Plex item a file is.
///
/// As JSON an answer is one flat object: `{"answer": "found", "rating_key": 7, "confidence":
/// "high", "evidence": {...}, ...}`, `{"answer": "ambiguous", "candidates": [7, 9]}`,
/// `{"answer": "absent"}` or `{"answer": "unknown", "kind": "connect", "reason": "..."}`.
/// `docs/json.md` has every field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// This item.
    Found(Match),
    /// One of these items, best first: nothing tells them apart. If it is a single item, the
    /// evidence for it is too weak.
    Ambiguous(#[serde(serialize_with = "as_candidates")] Vec<RatingKey>),
    /// No item, and that is proven.
    Absent,
    /// The server could not be asked. Conclude nothing from this.
    Unknown(Reason),
}

impl Answer {
    /// The match, whatever its confidence.
    pub fn found(&self) -> Option<&Match> {
        match self {
            Self::Found(found) => Some(found),
            _ => None,
        }
    }

    /// The match, if it is safe to write to.
    pub fn high(&self) -> Option<&Match> {
        self.found().filter(|found| found.confidence == Confidence::High)
    }

    /// Every item of the answer, best first.
    pub fn keys(&self) -> impl Iterator<Item = RatingKey> {
        let (found, candidates) = match self {
            Self::Found(found) => (Some(found), &[][..]),
            Self::Ambiguous(candidates) => (None, candidates.as_slice()),
            Self::Absent | Self::Unknown(_) => (None, &[][..]),
        };
        let found = found.into_iter();
        found
            .flat_map(|found| std::iter::once(found.rating_key).chain(found.others.iter().copied()))
            .chain(candidates.iter().copied())
    }

    /// The kind of the answer, in one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Found(_) => "found",
            Self::Ambiguous(_) => "ambiguous",
            Self::Absent => "absent",
            Self::Unknown(_) => "unknown",
        }
    }
}

/// Items as JSON: `{"candidates": [7, 9]}`.
pub(crate) fn as_candidates<S: Serializer>(
    keys: &[RatingKey],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut form = serializer.serialize_struct("Candidates", 1)?;
    form.serialize_field("candidates", keys)?;
    form.end()
}

/// As one line: `item 7, with high confidence: the whole path agrees (...)`. [`Answer::named`] also
/// says what the items are.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(&|_| None))
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line(&|_| None))
    }
}

/// What an item is, if that is known.
type Name<'a> = dyn Fn(RatingKey) -> Option<String> + 'a;

impl Answer {
    /// The answer as one line with what the items are, from
    /// [`Engine::describe`](crate::Engine::describe): `Alien (1979) (item 7), with high confidence:
    /// ...`. An item that is not described is shown by its key.
    pub fn named(&self, items: &BTreeMap<RatingKey, impl fmt::Display>) -> String {
        self.line(&|key| items.get(&key).map(|item| format!("{item} (item {key})")))
    }

    fn line(&self, name: &Name<'_>) -> String {
        match self {
            Self::Found(found) => found.line(name),
            Self::Ambiguous(keys) if keys.len() == 1 => {
                let item = keys.iter().map(|key| one(*key, name)).next().unwrap_or_default();
                format!("perhaps {item}, and too little speaks for it")
            }
            Self::Ambiguous(keys) => format!("one of the items {}", list(keys, name)),
            Self::Absent => "not on the server".to_owned(),
            Self::Unknown(reason) => format!("unknown: {reason}"),
        }
    }
}

impl Match {
    fn line(&self, name: &Name<'_>) -> String {
        let (item, confidence, evidence) =
            (one(self.rating_key, name), self.confidence, self.evidence);
        let others = match self.others.as_slice() {
            [] => String::new(),
            others => format!(" (and {})", list(others, name)),
        };
        format!("{item}{others}, with {confidence} confidence: {evidence}")
    }
}

fn one(key: RatingKey, name: &Name<'_>) -> String {
    name(key).unwrap_or_else(|| format!("item {key}"))
}

/// Items with commas between them. If there are many, only the first few.
pub(crate) fn list(keys: &[RatingKey], name: &Name<'_>) -> String {
    const SHOWN: usize = 8;
    let shown = keys.iter().take(SHOWN).map(|&key| name(key).unwrap_or_else(|| key.to_string()));
    let shown = shown.collect::<Vec<_>>().join(", ");
    match keys.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ => shown,
    }
}

/// A match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Match {
    /// The item.
    pub rating_key: RatingKey,
    /// Other items that have the same file, ascending. For example, a file with episodes 4 to 6
    /// belongs to three items.
    pub others: Vec<RatingKey>,
    /// The number of the item's version (`Media`) that has the file, from 0. If nothing tells
    /// versions apart, it is the first by path.
    pub version: u16,
    /// How sure the answer is.
    pub confidence: Confidence,
    /// Why the item matches.
    pub evidence: Evidence,
}

/// How sure an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Likely, but there is evidence against it, or too little for it. Ask a person before a write.
    Low,
    /// Safe to write to.
    High,
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::High => "high",
        })
    }
}

/// An answer and the data that it depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The answer; never [`Answer::Unknown`].
    pub answer: Answer,
    /// The index buckets that were read.
    pub depends: Depends,
    /// The answer also depends on the section's shows, as far as they are known.
    pub rests_on_shows: bool,
}

/// Why nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The server could not be asked, or refused: the kind of the error, and a message that says
    /// what to do. All answers of a run share the text.
    Server(ErrorKind, Arc<str>),
    /// The section changed during each attempt to prove an absence.
    NotProven,
}

impl From<&plex_api::Error> for Reason {
    fn from(error: &plex_api::Error) -> Self {
        Self::Server(error.kind(), error.to_string().into())
    }
}

impl Reason {
    /// The kind of the server's error. `None` if the server answered, but the section kept
    /// changing.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Server(kind, _) => Some(*kind),
            Self::NotProven => None,
        }
    }
}

/// As JSON: `{"kind": "connect", "reason": "..."}`.
impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Reason", 2)?;
        form.serialize_field("kind", &self.kind())?;
        form.serialize_field("reason", &self.to_string())?;
        form.end()
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

    fn found() -> Answer {
        Answer::Found(Match {
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
        })
    }

    #[test]
    fn an_answer_is_one_line_for_people() {
        let tie = |count: u64| Answer::Ambiguous((1..=count).map(RatingKey).collect());
        for (answer, line) in [
            (
                found(),
                "item 7 (and 8), with high confidence: the whole path agrees (rule whole_path, score \
                 1000; no other candidate; computed from the local index)",
            ),
            (tie(1), "perhaps item 1, and too little speaks for it"),
            (tie(2), "one of the items 1, 2"),
            (tie(10), "one of the items 1, 2, 3, 4, 5, 6, 7, 8 and 2 more"),
            (Answer::Absent, "not on the server"),
        ] {
            assert_eq!(answer.to_string(), line);
        }
    }

    #[test]
    fn an_answer_names_the_items_that_are_described() {
        let items = BTreeMap::from([(RatingKey(7), "Alien (1979)"), (RatingKey(9), "Heat (1995)")]);
        let line = found().named(&items);
        assert!(
            line.starts_with("Alien (1979) (item 7) (and 8), with high confidence: "),
            "{line}"
        );
        let tie = |keys: &[u64]| Answer::Ambiguous(keys.iter().copied().map(RatingKey).collect());
        assert_eq!(
            tie(&[9]).named(&items),
            "perhaps Heat (1995) (item 9), and too little speaks for it"
        );
        let line = tie(&[9, 1]).named(&items);
        assert_eq!(line, "one of the items Heat (1995) (item 9), 1");
        assert_eq!(Answer::Absent.named(&items), Answer::Absent.to_string());
    }

    #[test]
    fn the_common_case_is_one_call() {
        let found = found();
        let Answer::Found(it) = &found else { unreachable!() };
        assert_eq!((found.found(), found.high()), (Some(it), Some(it)));
        assert_eq!(found.keys().collect::<Vec<_>>(), [RatingKey(7), RatingKey(8)]);
        let low = Answer::Found(Match { confidence: Confidence::Low, ..it.clone() });
        assert!(low.found().is_some() && low.high().is_none());
        let tie = Answer::Ambiguous(vec![RatingKey(9)]);
        assert_eq!((tie.found(), tie.keys().next()), (None, Some(RatingKey(9))));
        assert_eq!(Answer::Absent.keys().count(), 0);
    }

    #[test]
    fn an_answer_is_one_flat_object() {
        let found = found();
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
