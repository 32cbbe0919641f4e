//! Before a write: is the item still the file's?

use std::collections::HashSet;

use cache_store::{CachedItem, Error, ItemRead, Selection};
use plex_api::RatingKey;

use super::edit::holds;
use crate::answer::{Answer, Match, Reason};
use crate::engine::Engine;
use crate::query::Query;

/// What became of a match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verified {
    /// The item is there, and still the file's.
    Right,
    /// The file is another item's now.
    Moved(Box<Match>),
    /// The file may be any of these items'.
    Unclear(Vec<RatingKey>),
    /// The file is no item's any more.
    Gone,
    /// The server could not be asked.
    Unknown(Reason),
}

impl Engine {
    /// Verifies matches: about 200 a call, and nothing more for those that hold. A match that
    /// does not hold is dropped, and its file is matched again: by its path, and where that
    /// finds nothing by the guids the item had. What is read is kept, so that an edit within
    /// the freshness window does not read it again. Items that have another rating key now are
    /// counted with the runs ([`Engine::lifetime`]), and that an item is right although it changed
    /// since ends what [`Engine::match_failed`] said of it.
    ///
    /// One for each match, in order.
    pub async fn verify(
        &self,
        sections: &Selection,
        matches: &[(Query, RatingKey)],
    ) -> Result<Vec<Verified>, Error> {
        let keys: Vec<RatingKey> = matches.iter().map(|(_, key)| *key).collect();
        let was = self.known(keys.clone()).await?;
        let was: Vec<Option<CachedItem>> =
            was.into_iter().map(|known| known.and_then(|known| known.item)).collect();
        let read = match self.library.read_full(&keys).await {
            Ok(read) => read,
            Err(Error::Plex(error)) => {
                let unknown = Verified::Unknown(Reason::from(&error));
                return Ok(vec![unknown; matches.len()]);
            }
            Err(error) => return Err(error),
        };
        let mut verified = vec![Verified::Right; matches.len()];
        let mut changed = Vec::new();
        let mut missing = HashSet::new();
        let mut lost = Vec::new();
        let mut queries = Vec::new();
        for (at, (((query, key), was), read)) in matches.iter().zip(was).zip(read).enumerate() {
            let is = match &read {
                ItemRead::Found(item, _) => Some(CachedItem::from_plex(item)),
                ItemRead::Missing | ItemRead::Unreadable => None,
            };
            if let Some(is) = is.filter(|is| still(is, was.as_ref(), query)) {
                if was.is_some_and(|was| was.content_hash() != is.content_hash()) {
                    changed.push((query.clone(), *key));
                }
                continue;
            }
            if read == ItemRead::Missing {
                missing.insert(at);
            }
            let mut query = query.clone();
            query.guids.extend(was.into_iter().flat_map(|was| was.guids));
            lost.push(at);
            queries.push(query);
        }
        if !changed.is_empty() {
            self.end_failures(&changed).await?;
        }
        if lost.is_empty() {
            return Ok(verified);
        }
        let run = self.match_files(sections, queries).await?;
        let mut rekeyed = 0;
        for (at, answer) in lost.into_iter().zip(run.answers) {
            let Some((_, key)) = matches.get(at) else { continue };
            let outcome = match answer {
                Answer::Found(found) if found.rating_key == *key || found.others.contains(key) => {
                    Verified::Right
                }
                Answer::Found(found) => {
                    rekeyed += u64::from(missing.contains(&at));
                    Verified::Moved(Box::new(found))
                }
                Answer::Ambiguous(keys) => Verified::Unclear(keys),
                Answer::Absent => Verified::Gone,
                Answer::Unknown(reason) => Verified::Unknown(reason),
            };
            if let Some(slot) = verified.get_mut(at) {
                *slot = outcome;
            }
        }
        self.count_rekeyed(rekeyed);
        Ok(verified)
    }
}

/// The item holds the file; or, matched by its title or guid, it is what it was then.
fn still(is: &CachedItem, was: Option<&CachedItem>, query: &Query) -> bool {
    if is.trashed {
        return false;
    }
    match was {
        Some(was) if was.content_hash() == is.content_hash() => true,
        _ => holds(is, &query.path),
    }
}
