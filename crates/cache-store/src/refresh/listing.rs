//! Reads listings into a spool.

use futures::StreamExt;
use plex_api::{Detail, Filter, Item, Listing, Sort, UnixSeconds, UnsupportedRow};

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::section::SectionState;
use crate::refresh::context::Context;
use crate::store::Store;
use crate::store::staging::Spool;

/// What a listing brought.
pub(crate) struct Read {
    /// The number of rows that cannot be kept (no numeric rating key, or a field in an unknown
    /// form).
    pub(crate) unsupported: u64,
    /// The keys of those rows that have one.
    pub(crate) unreadable: Vec<u64>,
    /// How many rows the server said the listing has.
    pub(crate) total: u64,
    /// How many answers these rows came in.
    pub(crate) pages: u64,
}

/// The request for a section's items. They are sorted by id. So rows do not shift between pages
/// when somebody edits titles, and they can be written in order.
pub(crate) fn request(section: &SectionState, filter: Filter) -> Listing {
    Listing {
        section: section.key,
        expect_uuid: Some(section.uuid.clone()),
        kind: section.kind,
        filter,
        sort: Sort::Id,
        detail: Detail::Lean,
    }
}

/// The request for a section's items, the last updated first.
pub(crate) fn recent(section: &SectionState) -> Listing {
    Listing { sort: Sort::UpdatedLast, ..request(section, Filter::None) }
}

/// The request for only a section's keys, sorted by id.
pub(crate) fn keys(section: &SectionState) -> Listing {
    Listing { detail: Detail::Keys, ..request(section, Filter::None) }
}

/// The request for a section's keys, times and files.
pub(crate) fn files(section: &SectionState) -> Listing {
    Listing { detail: Detail::Files, ..request(section, Filter::None) }
}

/// Streams a listing into `spool`, page by page. `None`: the listing has more than `at_most` rows,
/// and only its first page was read.
pub(crate) async fn read(
    context: &Context,
    listing: Listing,
    at_most: u64,
    limit: UnixSeconds,
    spool: &mut Spool,
) -> Result<Option<Read>, Error> {
    let section = listing.section;
    let mut pages = std::pin::pin!(context.client.pages(listing));
    let mut rows = 0;
    let mut read = Read { unsupported: 0, unreadable: Vec::new(), total: 0, pages: 0 };
    while let Some(page) = pages.next().await {
        let page = page?;
        read.pages += u64::from(page.rows > 0);
        read.unsupported += page.unsupported.len() as u64;
        read.unreadable.extend(unreadable(&page.unsupported));
        read.total = page.total.unwrap_or(read.total + page.rows);
        if read.total > at_most {
            return Ok(None);
        }
        rows += page.rows;
        context.spool(spool, page.items, limit).await?;
        context.tell_rows(section, rows, read.total);
    }
    Ok(Some(read))
}

impl Context {
    /// Adds items to a spool, outside the async threads.
    pub(crate) async fn spool(
        &self,
        rows: &mut Spool,
        items: Vec<Item>,
        limit: UnixSeconds,
    ) -> Result<(), Error> {
        let mut spool = std::mem::replace(rows, Spool::new());
        let extend = move |_: &Store| {
            spool.extend(items, |item| CachedItem::from_plex(&item), limit)?;
            Ok(spool)
        };
        *rows = self.blocking(extend).await?;
        Ok(())
    }
}

/// The keys of rows that cannot be used. Some of these rows have no key.
pub(crate) fn unreadable(rows: &[UnsupportedRow]) -> Vec<u64> {
    rows.iter().filter_map(|row| row.rating_key.as_ref()?.parse().ok()).collect()
}
