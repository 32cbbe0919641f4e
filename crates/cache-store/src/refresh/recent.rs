//! Reads what changed lately, in one call. The section is listed by `updatedAt`, the newest item
//! first, until every row is older than the newest known time. The first page also has the total.
//!
//! No server documents this sort, so the order of the rows is checked. Some servers leave
//! `updatedAt` out of some rows. Such rows are the last ones, so only the total, or a listing by
//! `addedAt`, shows an item that is added without `updatedAt`.

use plex_api::{Item, Page, UnixSeconds};

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::section::SectionState;
use crate::refresh::context::Context;
use crate::refresh::listing::{self, unreadable};
use crate::store::staging::Spool;

/// The result of a listing by `updatedAt`.
pub(crate) enum Recent {
    /// Everything that was updated since the newest known time was read. These are the keys of rows
    /// that cannot be used.
    Read(Vec<u64>),
    /// The rows are not sorted by `updatedAt`, or nothing proves that they are.
    Unsorted,
    /// More rows were updated than the limit allows.
    Large,
    /// The section changed meanwhile.
    Moved,
}

impl Context {
    /// The first page, with `size` rows. If a server does not page, its total is the number of rows
    /// that it sent.
    pub(crate) async fn recent_first(
        &self,
        state: &SectionState,
        size: u32,
    ) -> Result<Page, Error> {
        let mut page = self.client.page(&listing::recent(state), 0, size).await?;
        let all = Some(page.rows).filter(|rows| *rows > u64::from(size));
        page.total = page.total.or(all);
        Ok(page)
    }

    /// The number of rows at which a delta costs about as much as a listing. It is at least one
    /// page, because one page is always read.
    pub(crate) fn large_delta(&self, state: &SectionState) -> u64 {
        (state.items / 2).max(self.client.page_size().into())
    }

    /// Reads on from the first page until every row is older than the newest known time, or until
    /// more than `at_most` rows were read.
    pub(crate) async fn recent(
        &self,
        state: &SectionState,
        first: Page,
        rows: &mut Spool,
        limit: UnixSeconds,
        at_most: u64,
    ) -> Result<Recent, Error> {
        let known = state.changed_until.unwrap_or_default();
        let since = known.saturating_sub(self.policy.overlap);
        let total = first.total;
        let mut order = Order::default();
        let mut keys = Vec::new();
        let (mut page, mut read) = (first, 0);
        loop {
            if page.total != total || page.rows == 0 {
                return Ok(Recent::Moved);
            }
            if !page.items.iter().all(|item| order.follows(item.updated_at)) {
                return Ok(Recent::Unsorted);
            }
            read += page.rows;
            keys.extend(unreadable(&page.unsupported));
            let is_recent = |item: &Item| item.updated_at.is_some_and(|at| at >= since);
            let (new, rest): (Vec<_>, Vec<_>) = page.items.into_iter().partition(is_recent);
            self.spool(rows, new, limit).await?;
            for item in &rest {
                rows.saw(&CachedItem::from_plex(item), limit);
            }
            if !rest.is_empty() || total.is_some_and(|total| read >= total) {
                break;
            }
            if read > at_most {
                return Ok(Recent::Large);
            }
            page = self.client.page(&listing::recent(state), read, self.client.page_size()).await?;
        }
        Ok(if order.is_sure(known) { Recent::Read(keys) } else { Recent::Unsorted })
    }
}

/// The order of rows by `updatedAt`.
#[derive(Default)]
struct Order {
    newest: Option<UnixSeconds>,
    last: Option<UnixSeconds>,
    /// How many different times there were.
    times: u64,
    /// A row without a time was seen. All rows after it must have none either.
    ended: bool,
}

impl Order {
    /// The number of different times that proves the order. Rows in another order would look sorted
    /// by chance only once in 40,320 cases.
    const SURE: u64 = 8;

    /// Takes the next row. `false`: it cannot follow the rows before it.
    fn follows(&mut self, at: Option<UnixSeconds>) -> bool {
        let Some(at) = at else {
            self.ended = true;
            return true;
        };
        if self.ended || self.last.is_some_and(|last| at > last) {
            return false;
        }
        self.times += u64::from(self.last != Some(at));
        self.newest = self.newest.max(Some(at));
        self.last = Some(at);
        true
    }

    /// Whether the rows have this order: the first row is as new as the newest known item, or many
    /// rows in a row were sorted.
    fn is_sure(&self, known: UnixSeconds) -> bool {
        self.times >= Self::SURE || self.newest.is_some_and(|newest| newest >= known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_in_another_order_are_found_out() {
        let many: Vec<i64> = (100..110).rev().collect();
        // (times of the rows, 0 for none; the newest known; whether they follow; whether it is sure)
        let table: [(&[i64], i64, bool, bool); 9] = [
            (&[30, 20, 20, 10], 30, true, true),
            (&[40, 20], 30, true, true),
            (&[29, 20], 30, true, false), // the newest is gone, or this is another order
            (&many, 500, true, true),
            (&[30, 10, 20], 30, false, true),
            (&[30, 0, 0], 30, true, true),
            (&[30, 0, 20], 30, false, true),
            (&[0, 0], 30, true, false),
            (&[7, 7, 7, 7, 7, 7, 7, 7, 7, 7], 30, true, false),
        ];
        for (times, known, follows, sure) in table {
            let mut order = Order::default();
            let time = |at: &i64| Some(UnixSeconds(*at)).filter(|at| at.0 > 0);
            assert_eq!(times.iter().all(|at| order.follows(time(at))), follows, "{times:?}");
            assert_eq!(order.is_sure(UnixSeconds(known)), sure, "{times:?}");
        }
    }
}
