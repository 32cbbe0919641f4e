//! Checks before a write that an item still has the file to which it was matched.

use std::collections::HashMap;
use std::fmt;

use cache_store::{CachedItem, Error, ItemRead, SectionId, SectionState, Selection, Store};
use plex_api::{Calls, ItemKind, RatingKey};
use serde::Serialize;

use crate::answer::{Answer, Confidence, Match, Reason, as_candidates, list};
use crate::edit::holds_file::{agreement, holds};
use crate::engine::Engine;
use crate::engine::remembered::from_record;
use crate::query::Query;
use crate::rules::Prepared;
use crate::rules::candidates::SectionContext;

/// The result of verifying a match.
///
/// As JSON: `{"verified": "right"}`, `{"verified": "moved", ...}` with the fields of the match,
/// `{"verified": "unclear", "candidates": [7]}`, `{"verified": "gone"}` or `{"verified":
/// "unknown", "kind": "connect", "reason": "..."}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "verified", rename_all = "snake_case")]
pub enum Verified {
    /// The item exists and still has the file.
    Right,
    /// The file now belongs to another item.
    Moved(Box<Match>),
    /// The file may belong to any of these items. A single item is doubtful: for example, it is in
    /// the trash, or its row cannot be read.
    Unclear(#[serde(serialize_with = "as_candidates")] Vec<RatingKey>),
    /// The file no longer belongs to any item.
    Gone,
    /// The server could not be asked.
    Unknown(Reason),
}

impl fmt::Display for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Moved(found) => write!(f, "now {found}"),
            Self::Unclear(keys) => write!(f, "unclear: perhaps {}", list(keys, &|_| None)),
            Self::Gone => f.write_str("gone"),
            Self::Unknown(reason) => write!(f, "unknown: {reason}"),
        }
    }
}

/// What [`Engine::verify`] found.
///
/// As JSON: `{"results": [{"verified": "right"}], "outage": null, "calls": {...}}`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Verification {
    /// One for each match, in the same order.
    pub results: Vec<Verified>,
    pub(crate) outage: Option<Reason>,
    /// Calls that were made, by endpoint.
    pub calls: Calls,
}

impl Verification {
    /// Why the server could not be asked, or why it refused. `None` if it could be asked. This is
    /// the reason for the whole verification: results that need the server are then unknown, with
    /// the same reason.
    pub fn outage(&self) -> Option<&Reason> {
        self.outage.as_ref()
    }
}

impl Engine {
    /// Verifies matches. It reads about 200 items in one call, and makes no other call for matches
    /// that hold. A match that does not hold is dropped, and its file is matched again by its path.
    /// If the path finds nothing and the item is gone, the item's guids are used. The items that
    /// were read are stored, so an edit within the freshness window does not read them again. Items
    /// with a new rating key count in the totals of the runs ([`Engine::lifetime`]). If an item
    /// changed and is still right, its note from [`Engine::match_failed`] ends.
    ///
    /// The results are in the order of the matches. An outage is not an error: see
    /// [`Verification::outage`]. The errors are the same as of [`Engine::match_files`].
    ///
    /// If this future is dropped, the answers are lost. The items read so far, in thousands, are
    /// stored.
    pub async fn verify(
        &self,
        sections: &Selection,
        matches: &[(Query, RatingKey)],
    ) -> Result<Verification, Error> {
        let before = self.library.client().calls();
        let (results, outage) = self.verify_each(sections, matches).await?;
        let calls = self.library.client().calls().minus(&before);
        Ok(Verification { results, outage, calls })
    }

    async fn verify_each(
        &self,
        sections: &Selection,
        matches: &[(Query, RatingKey)],
    ) -> Result<(Vec<Verified>, Option<Reason>), Error> {
        let keys: Vec<RatingKey> = matches.iter().map(|(_, key)| *key).collect();
        let was = self.known(keys.clone()).await?;
        let was: Vec<Option<CachedItem>> =
            was.into_iter().map(|known| known.and_then(|known| known.item)).collect();
        let take = |read| match read {
            ItemRead::Found(item, section) => {
                Read { item: Some(CachedItem::from_plex(&item)), section, missing: false }
            }
            other => Read { item: None, section: None, missing: other == ItemRead::Missing },
        };
        let read = match self.read_items(&keys, take).await {
            Ok(read) => read,
            Err(Error::Plex(error)) => {
                let reason = Reason::from(&error);
                let unknown = vec![Verified::Unknown(reason.clone()); matches.len()];
                return Ok((unknown, Some(reason)));
            }
            Err(error) => return Err(error),
        };
        let remembered = self.remembered(matches).await?;
        let contexts = self.contexts().await?;
        let unknown = SectionContext::unknown(ItemKind::Movie, &self.settings());
        let mut verified = vec![Verified::Right; matches.len()];
        let mut changed = Vec::new();
        let mut lost = Vec::new();
        let all = matches.iter().zip(remembered).zip(was).zip(read).enumerate();
        for (at, ((((query, key), remembered), was), read)) in all {
            let Read { item: is, section, missing } = read;
            let is = is.filter(|is| !is.trashed);
            let section = section.and_then(|id| contexts.get(&id)).unwrap_or(&unknown);
            let prepared = Prepared::new(query, section);
            let hash = |item: &CachedItem| item.content_hash();
            let differs = was.as_ref().map(hash) != is.as_ref().map(hash);
            let before = was.as_ref().map_or(0, |was| agreement(was, &prepared));
            let before = before.max(remembered.agreement);
            let right = is.as_ref().is_some_and(|is| holds(is, before, &prepared, section));
            if right && !remembered.unclear {
                if was.is_some() && differs {
                    changed.push((query.clone(), *key));
                }
                continue;
            }
            let doubtful = is.is_none() && !missing;
            // Only a missing item needs its guids. Guids of an existing item do not prove the file.
            let guids = was.filter(|_| missing).map(|was| was.guids).unwrap_or_default();
            // A match by title or guid stays right while the item does not change.
            let by_title = remembered.by_title;
            if differs || !by_title {
                lost.push(Lost { at, key: *key, missing, doubtful, guids, by_title });
            }
        }
        if !changed.is_empty() {
            self.end_failures(&changed).await?;
        }
        if lost.is_empty() {
            return Ok((verified, None));
        }
        let queries = lost.iter().filter_map(|lost| {
            let mut query = matches.get(lost.at)?.0.clone();
            query.guids.extend(lost.guids.iter().cloned());
            Some(query)
        });
        let queries = queries.collect();
        let run = self.match_files(sections, queries).await?;
        let outage = run.outage().cloned();
        let mut rekeyed = 0;
        for (lost, answer) in lost.into_iter().zip(run.answers) {
            let outcome = lost.outcome(answer);
            rekeyed += u64::from(lost.missing && matches!(outcome, Verified::Moved(_)));
            if let Some(slot) = verified.get_mut(lost.at) {
                *slot = outcome;
            }
        }
        self.count_rekeyed(rekeyed);
        Ok((verified, outage))
    }

    /// The data of each section for the rules.
    pub(super) async fn contexts(&self) -> Result<HashMap<SectionId, SectionContext>, Error> {
        let settings = self.settings();
        let sections = self.with_store(Store::sections).await?;
        let context = |state: &SectionState| (state.id, SectionContext::new(state, &settings));
        Ok(sections.iter().map(context).collect())
    }

    /// Reads how the items were matched.
    async fn remembered(&self, matches: &[(Query, RatingKey)]) -> Result<Vec<Remembered>, Error> {
        let queries: Vec<Query> = matches.iter().map(|(query, _)| query.clone()).collect();
        let answers = self.recorded(&queries, |record| {
            let answer = from_record(record);
            answer.filter(|answer| matches!(answer, Answer::Found(_) | Answer::Ambiguous(_)))
        });
        let answers = answers.await?.into_iter().zip(matches);
        Ok(answers.map(|(answer, (_, key))| Remembered::of(answer, *key)).collect())
    }
}

/// How an item was matched, as far as it is remembered.
#[derive(Debug, Clone, Copy, Default)]
struct Remembered {
    /// The match was made by title or guid, not by path.
    by_title: bool,
    /// How many path components agreed.
    agreement: usize,
    /// A later check found that the file may belong to another item.
    unclear: bool,
}

impl Remembered {
    fn of(answer: Option<Answer>, key: RatingKey) -> Self {
        let found = match answer {
            Some(Answer::Found(found))
                if found.rating_key == key || found.others.contains(&key) =>
            {
                found
            }
            Some(Answer::Ambiguous(_)) => return Self { unclear: true, ..Self::default() },
            _ => return Self::default(),
        };
        let by_title = !found.evidence.rule.is_path();
        let agreement = if by_title { 0 } else { usize::from(found.evidence.components) };
        Self { by_title, agreement, unclear: false }
    }
}

/// What a verification needs of an item that was read.
#[derive(Clone)]
struct Read {
    /// `None`: the server has no such item, or its row cannot be read.
    item: Option<CachedItem>,
    section: Option<SectionId>,
    missing: bool,
}

/// A match whose item does not have the file.
struct Lost {
    /// Position of the match.
    at: usize,
    key: RatingKey,
    /// The server has no such item.
    missing: bool,
    /// The item is in the trash, or its row cannot be read.
    doubtful: bool,
    /// Guids of an item that is gone.
    guids: Vec<String>,
    by_title: bool,
}

impl Lost {
    /// What the file's new answer says about the match.
    fn outcome(&self, answer: Answer) -> Verified {
        match answer {
            Answer::Found(found)
                if found.rating_key == self.key || found.others.contains(&self.key) =>
            {
                let sure = found.evidence.rule.is_path() || found.confidence == Confidence::High;
                let right = !self.doubtful && (sure || self.by_title);
                if right { Verified::Right } else { Verified::Unclear(vec![self.key]) }
            }
            Answer::Found(found) => Verified::Moved(Box::new(found)),
            Answer::Ambiguous(keys) => Verified::Unclear(keys),
            Answer::Absent => Verified::Gone,
            Answer::Unknown(reason) => Verified::Unknown(reason),
        }
    }
}
