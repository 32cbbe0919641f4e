//! Feedback of the host: an item or a section changed, a match is wrong, or its metadata were
//! applied.

use cache_store::{
    Clear, Error, Failure, MatchKey, MatchRecord, Outcome, Revision, SectionId, SectionState,
    Selection, View,
};
use plex_api::{RatingKey, UnixSeconds};

use crate::engine::Engine;
use crate::matcher::key::match_key;
use crate::query::Query;

impl Engine {
    /// Tells the engine that cached items are not valid any more. They are read again now, 200 in a
    /// call. If the server cannot be asked, they are forgotten.
    ///
    /// If this future is dropped, some of the items may not have been read again: repeat it.
    pub async fn invalidate_items(&self, keys: &[RatingKey]) -> Result<(), Error> {
        let wanted = keys.to_vec();
        let held = self.with_store(move |store| {
            let view = store.view()?;
            let mut held: Vec<(SectionId, Vec<RatingKey>)> = Vec::new();
            for section in view.sections()? {
                let mut keys = Vec::new();
                for &key in &wanted {
                    if view.item(section.id, key)?.is_some() {
                        keys.push(key);
                    }
                }
                held.push((section.id, keys));
            }
            Ok(held)
        });
        for (section, keys) in held.await? {
            match self.library.read_items(section, &keys).await {
                Err(error) if error.is_outage() => {
                    self.with_store(move |store| {
                        keys.iter()
                            .try_for_each(|&key| store.clear(Clear::Item(section, key)).map(drop))
                    })
                    .await?;
                }
                read => read?,
            }
        }
        Ok(())
    }

    /// Tells the engine that cached sections are not valid any more. This makes no call. The next
    /// run lists the sections again, and writes only the differences.
    ///
    /// If this future is dropped, the note is made for some of the sections, or for all.
    pub async fn invalidate_sections(&self, sections: &Selection) -> Result<(), Error> {
        let known = self.library.known(sections).await?;
        self.with_store(move |store| known.iter().try_for_each(|state| store.invalidate(state.id)))
            .await
    }

    /// Tells the engine that an item does not hold a file. The answer is dropped and the reason is
    /// remembered. If the rules find the same item again, the answer has low confidence.
    /// [`Engine::mark_applied`] ends this, and so does [`Engine::verify`] if the item changed since
    /// and holds the file.
    ///
    /// If this future is dropped, the note is either complete or not made.
    pub async fn match_failed(
        &self,
        query: &Query,
        item: RatingKey,
        why: impl Into<String>,
    ) -> Result<(), Error> {
        let failure = Failure { rating_key: item, at: self.library.clock().now(), why: why.into() };
        self.revise(std::slice::from_ref(query), move |view, section, _, record| {
            if view.item(section.id, item)?.is_none() {
                return Ok(None);
            }
            let mut record = record.unwrap_or_else(|| MatchRecord {
                outcome: Outcome::Absent,
                evidence: cache_store::RecordedEvidence::default(),
                depends: cache_store::Depends::default(),
                all_rules: false,
                verified_at: Revision::default(),
                last_used: failure.at,
                applied_at: None,
                failed: None,
            });
            doubt(&mut record);
            record.applied_at = None;
            record.failed = Some(failure.clone());
            Ok(Some(record))
        })
        .await
    }

    /// Ends what [`Engine::match_failed`] noted about these items.
    pub(crate) async fn end_failures(&self, matches: &[(Query, RatingKey)]) -> Result<(), Error> {
        let (queries, items): (Vec<Query>, Vec<RatingKey>) = matches.iter().cloned().unzip();
        self.revise(&queries, move |_, _, at, record| {
            Ok(record
                .and_then(|mut record| end_failure(&mut record, items.get(at)).then_some(record)))
        })
        .await
    }

    /// Tells the engine that metadata were applied to the matched items. Until then, a remembered
    /// match counts as found but not as done. So a crash in between loses nothing.
    ///
    /// If this future is dropped, the note is either complete or not made.
    pub async fn mark_applied(&self, matches: &[(Query, RatingKey)]) -> Result<(), Error> {
        let now = self.library.clock().now();
        let (queries, items): (Vec<Query>, Vec<RatingKey>) = matches.iter().cloned().unzip();
        self.revise(&queries, move |_, _, at, record| {
            let item = items.get(at);
            Ok(record.and_then(|mut record| match &record.outcome {
                Outcome::Found { rating_key, .. } if Some(rating_key) == item => {
                    record.applied_at = Some(now);
                    end_failure(&mut record, item);
                    Some(record)
                }
                _ => None,
            }))
        })
        .await
    }

    /// The time of the last [`Engine::mark_applied`] of each file. `None`: there was none, or the
    /// file is answered with another item now.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn applied(&self, queries: &[Query]) -> Result<Vec<Option<UnixSeconds>>, Error> {
        self.recorded(queries, |record| record.applied_at).await
    }

    /// The last [`Engine::match_failed`] of each file.
    ///
    /// Dropping this future costs nothing: it only reads the cache.
    pub async fn failures(&self, queries: &[Query]) -> Result<Vec<Option<Failure>>, Error> {
        self.recorded(queries, |record| record.failed.clone()).await
    }

    /// Reads a value from the record of each file, in any section.
    pub(crate) async fn recorded<T: Send + 'static>(
        &self,
        queries: &[Query],
        read: impl Fn(&MatchRecord) -> Option<T> + Send + 'static,
    ) -> Result<Vec<Option<T>>, Error> {
        let keys = self.keys(queries);
        self.with_store(move |store| {
            let view = store.view()?;
            let sections = view.sections()?;
            let mut all = Vec::with_capacity(keys.len());
            for key in keys {
                let mut found = None;
                for section in &sections {
                    let record = view.remembered(section.id, &key)?;
                    found = found.or(record.as_ref().and_then(&read));
                }
                all.push(found);
            }
            Ok(all)
        })
        .await
    }

    /// Changes the records of files in every section, and writes them at once.
    async fn revise(
        &self,
        queries: &[Query],
        revise: impl Fn(&View<'_>, &SectionState, usize, Option<MatchRecord>) -> Revised
        + Send
        + 'static,
    ) -> Result<(), Error> {
        let keys = self.keys(queries);
        self.with_store(move |store| {
            store.revise(|view| {
                let mut changed = Vec::new();
                for section in view.sections()? {
                    let mut records = Vec::new();
                    for (at, key) in keys.iter().enumerate() {
                        let record = view.remembered(section.id, key)?;
                        let revised = revise(view, &section, at, record)?;
                        records.extend(revised.map(|record| (*key, record)));
                    }
                    changed.push((section.id, records));
                }
                Ok(changed)
            })
        })
        .await
    }

    fn keys(&self, queries: &[Query]) -> Vec<MatchKey> {
        let settings = self.settings();
        queries.iter().map(|query| match_key(query, &settings)).collect()
    }
}

/// A changed record. `None`: it stays as it was.
type Revised = Result<Option<MatchRecord>, Error>;

/// Makes a record invalid for every purpose: it counts as verified before the first revision.
fn doubt(record: &mut MatchRecord) {
    record.verified_at = Revision::default();
    record.depends.whole_section = true;
}

/// Ends a failure that was noted against an item, and invalidates the answer that was given because
/// of it. `false`: there was no failure.
fn end_failure(record: &mut MatchRecord, item: Option<&RatingKey>) -> bool {
    let said = record.failed.as_ref().is_some_and(|failed| Some(&failed.rating_key) == item);
    if said {
        record.failed = None;
        doubt(record);
    }
    said
}
