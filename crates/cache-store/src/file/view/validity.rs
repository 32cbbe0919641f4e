//! Decides whether remembered matches still hold.

use plex_api::RatingKey;

use crate::error::Error;
use crate::file::view::View;
use crate::model::index::Index;
use crate::model::remembered::{MatchRecord, Outcome};
use crate::model::section::SectionState;

impl View<'_> {
    /// Whether each of these matches still holds. A match that is not remembered does not hold.
    ///
    /// The cheapest test comes first: a match holds if nothing in the section changed since it was
    /// verified. Otherwise an answer that names items holds if neither its items nor its buckets
    /// changed. If the section has a change that is not explained, only the first test counts.
    ///
    /// Items and buckets are read in the order of the file. This is several times as fast as
    /// reading record by record.
    pub fn hold(
        &self,
        section: &SectionState,
        records: &[Option<MatchRecord>],
    ) -> Result<Vec<bool>, Error> {
        let mut holds = vec![false; records.len()];
        // The items that each answer names, except those that an unchanged bucket covers.
        let mut items: Vec<Vec<RatingKey>> = vec![Vec::new(); records.len()];
        let mut buckets: Vec<(Index, u64, usize)> = Vec::new();
        let each = records.iter().enumerate().zip(&mut holds).zip(&mut items);
        for (((at, record), holds), items) in each {
            let Some(record) = record else { continue };
            if record.verified_at < section.matches_from {
                continue;
            }
            if section.revision <= record.verified_at {
                *holds = true;
                continue;
            }
            let (first, rest) = match &record.outcome {
                _ if section.is_unexplained() || record.depends.whole_section => continue,
                Outcome::Absent => continue,
                Outcome::Found { rating_key, others, .. } => (Some(rating_key), others),
                Outcome::Ambiguous(keys) => (None, keys),
            };
            *holds = true; // unless something it rests on has changed
            // The runner-up may have been alone in its bucket. Without it, the answer may be more
            // certain.
            items.extend(first.into_iter().chain(rest).chain(&record.evidence.rival));
            let rests_on = record.depends.buckets.iter();
            buckets.extend(rests_on.map(|&(index, hash)| (index, hash, at)));
        }
        let mut changed = |at: usize| {
            if let Some(holds) = holds.get_mut(at) {
                *holds = false;
            }
        };
        let verified = |at: usize| {
            let record = records.get(at).and_then(Option::as_ref);
            record.map(|record| record.verified_at).unwrap_or_default()
        };
        for index in Index::ALL {
            let of_index = buckets.iter().filter(|bucket| bucket.0 == index);
            // A bucket is read once, even if many answers use it.
            let mut hashes: Vec<u64> = of_index.clone().map(|bucket| bucket.1).collect();
            hashes.sort_unstable();
            hashes.dedup();
            let found = self.buckets(index, section.id, &hashes)?;
            for &(_, hash, at) in of_index {
                let bucket = hashes.binary_search(&hash).ok().and_then(|nth| found.get(nth));
                // This bucket is empty. The items of the answer did not change, so none of them was
                // in it. Its former items had been rejected, and they stay rejected.
                let Some(Some(bucket)) = bucket else { continue };
                if bucket.changed_at > verified(at) {
                    changed(at);
                } else if let Some(asked) = items.get_mut(at) {
                    // If a bucket did not change, no item in it changed.
                    asked.retain(|key| bucket.rating_keys.binary_search(key).is_err());
                }
            }
        }
        let mut items: Vec<(RatingKey, usize)> = items
            .into_iter()
            .enumerate()
            .flat_map(|(at, keys)| keys.into_iter().map(move |key| (key, at)))
            .collect();
        items.sort_unstable();
        for (key, at) in items {
            match self.item(section.id, key)? {
                Some(kept) if kept.changed_at <= verified(at) => {}
                _ => changed(at),
            }
        }
        Ok(holds)
    }
}
