//! The sweep: reads keys, times and files of every item, and then the items that changed.
//!
//! It costs as many calls as a full listing, and about half the bytes. It proves that nothing is
//! left out. It sees what a delta cannot see: files that were replaced or moved in place, and items
//! that are gone.

use std::collections::HashSet;

use futures::StreamExt;
use plex_api::{Detail, RatingKey, UnixSeconds};

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::revision::latest;
use crate::model::section::{Lookups, SectionState};
use crate::refresh::bisect::Vanished;
use crate::refresh::context::Context;
use crate::refresh::execute::{BATCH, Outcome, changed_meanwhile, instead};
use crate::refresh::listing::{self, unreadable};
use crate::refresh::plan::Plan;
use crate::refresh::reason::PlanReason;
use crate::share::single_flight::Sighting;
use crate::store::apply::update::{Scope, Update};
use crate::store::staging::Spool;

/// What a sweep has seen.
#[derive(Default)]
struct Swept {
    keys: Vec<u64>,
    /// Items to read again completely, because they differ from the cache.
    changed: Vec<RatingKey>,
    /// Items to read again because their short rows cannot be used. Their full rows may be fine.
    unreadable: Vec<u64>,
    /// Rows without a numeric key.
    unsupported: u64,
    total: u64,
    /// How many answers these rows came in.
    pages: u64,
}

impl Context {
    pub(crate) async fn sweep(
        &self,
        state: &SectionState,
        seen: &Sighting,
    ) -> Result<Outcome, Error> {
        let (stamp, now) = (seen.stamp, self.clock.now());
        let limit = latest(now, &stamp);
        self.check_paging(state).await?;
        let mut rows = Spool::new();
        let mut swept = match self.look_at_all(state, &mut rows, limit).await {
            Ok(Some(swept)) => swept,
            Ok(None) => return Ok(instead(Plan::Full, PlanReason::MuchChanged)),
            Err(error) if changed_meanwhile(&error) => {
                return Ok(instead(Plan::Sweep, PlanReason::ChangedWhileSwept));
            }
            Err(error) => return Err(error),
        };
        swept.changed.extend(swept.unreadable.iter().copied().map(RatingKey));
        let again = self.read_again(&swept.changed, &mut rows, limit, None).await?;
        // The opposite also happens: a short row may lack the very field that makes the full row
        // unusable. Such an item counts as one that cannot be kept, as in a listing.
        let (odd, gone): (Vec<u64>, Vec<u64>) =
            again.gone.into_iter().partition(|key| swept.unreadable.contains(key));
        if !gone.is_empty() {
            return Ok(instead(Plan::Sweep, PlanReason::VanishedWhileSwept));
        }
        let unusable: HashSet<u64> = again.unreadable.into_iter().chain(odd).collect();
        swept.keys.extend(swept.unreadable);
        swept.keys.retain(|key| !unusable.contains(key));
        swept.unsupported += unusable.len() as u64;
        let update = Update {
            scope: Scope::Complete(swept.keys),
            unsupported: swept.unsupported,
            total: Some(swept.total),
            complete: true,
            settled: Some(swept.pages <= 1),
            metadata: true,
            lookups: Lookups::default(),
            observed_at: seen.at,
            ..Update::new(state, rows, stamp, now)
        };
        self.apply(update).await
    }

    /// Streams the short rows and compares each with the cached item. `None`: so many differ that
    /// reading them by key costs a quarter of a full listing.
    async fn look_at_all(
        &self,
        state: &SectionState,
        rows: &mut Spool,
        limit: UnixSeconds,
    ) -> Result<Option<Swept>, Error> {
        let id = state.id;
        let mut swept = Swept::default();
        let mut read = 0;
        let mut pages = std::pin::pin!(self.client.pages(listing::files(state)));
        while let Some(page) = pages.next().await {
            let page = page?;
            let keys = unreadable(&page.unsupported);
            swept.unsupported += (page.unsupported.len() - keys.len()) as u64;
            swept.unreadable.extend(keys);
            swept.total = page.total.unwrap_or(swept.total + page.rows);
            read += page.rows;
            swept.pages += u64::from(page.rows > 0);
            self.tell_rows(state.key, read, swept.total);
            let listed: Vec<CachedItem> = page.items.iter().map(CachedItem::from_plex).collect();
            for row in &listed {
                swept.keys.push(row.rating_key.0);
                rows.saw(row, limit);
            }
            let changed = self.blocking(move |store| {
                let view = store.view()?;
                let mut changed = Vec::new();
                for row in listed {
                    let kept = view.item(id, row.rating_key)?;
                    if kept.is_none_or(|kept| differs(&kept.item, &row)) {
                        changed.push(row.rating_key);
                    }
                }
                Ok(changed)
            });
            swept.changed.extend(changed.await?);
            let pages = swept.total.div_ceil(u64::from(self.client.page_size()));
            let again = (swept.changed.len() + swept.unreadable.len()) as u64;
            if again.div_ceil(BATCH) > (pages / 4).max(1) {
                return Ok(None);
            }
        }
        Ok(Some(swept))
    }

    /// Whether reading every row costs less than finding the `count` of `known` items that
    /// vanished, if `total` are left.
    pub(crate) fn is_swept_cheaper(&self, known: u64, count: u64, total: u64) -> bool {
        let page = self.client.page_size();
        count > 0 && Vanished::estimate(known, count, page) >= total.div_ceil(u64::from(page))
    }

    /// The keys that vanished, if the total says that some did, and if finding them is cheaper than
    /// a sweep.
    pub(crate) async fn vanished(
        &self,
        state: &SectionState,
        rows: &Spool,
        total: u64,
    ) -> Result<Result<Vec<u64>, PlanReason>, Error> {
        let id = state.id;
        let mut ours = self.blocking(move |store| store.view()?.keys(id)).await?;
        ours.extend_from_slice(rows.keys());
        ours.sort_unstable();
        ours.dedup();
        let expected = ours.len() as u64 + state.unsupported;
        let Some(count) = expected.checked_sub(total) else {
            return Ok(Err(PlanReason::MoreThanDelta));
        };
        if count == 0 {
            return Ok(Ok(Vec::new()));
        }
        if state.unsupported > 0 {
            return Ok(Err(PlanReason::VanishedAmongUnreadable));
        }
        if self.is_swept_cheaper(ours.len() as u64, count, total) {
            return Ok(Err(PlanReason::ManyVanished));
        }
        let page = self.client.page_size();
        let mut search = Vanished::new(ours, total, page);
        let wanted = listing::keys(state);
        while let Some((offset, size)) = search.wanted() {
            let size = u32::try_from(size).unwrap_or(page);
            let read = self.client.page(&wanted, offset, size).await?;
            // Counts of two moments together show nothing.
            if read.total.is_some_and(|now| now != total) {
                return Ok(Err(PlanReason::ChangedWhileListed));
            }
            let keys: Vec<u64> = read.items.iter().map(|item| item.rating_key.0).collect();
            if search.read(&keys).is_err() {
                return Ok(Err(PlanReason::NotSortedById));
            }
        }
        // The list may have changed during the search. What is found by key has not vanished.
        let gone: Vec<RatingKey> = search.gone().into_iter().map(RatingKey).collect();
        let there = self.client.items_with(&gone, Detail::Keys).await?;
        if there.missing.len() < gone.len() {
            return Ok(Err(PlanReason::ChangedWhileListed));
        }
        Ok(Ok(gone.into_iter().map(|key| key.0).collect()))
    }
}

/// Whether a short row differs from the cached item. If a field changes that a short row leaves out
/// (title, year, guid), `updatedAt` changes too.
fn differs(cached: &CachedItem, row: &CachedItem) -> bool {
    let facts = |item: &CachedItem| (item.kind, item.added_at, item.updated_at, item.trashed);
    facts(cached) != facts(row) || cached.parts != row.parts
}
