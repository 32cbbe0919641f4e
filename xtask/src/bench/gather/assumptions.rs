//! Checks what Matchbox assumes about servers on a real server, in a few calls and read-only. The
//! result has no title, path or address, so it can be pasted into an issue.

use anyhow::{Context, Result};
use plex_api::{Client, Detail, Filter, Listing, RatingKey, Section, Sort};

use crate::bench::compute::outcome::Assumption;

/// Page sizes to try, in ascending order.
const PAGES: [u32; 3] = [500, 1_000, 2_000];

/// A key that no server has, because servers count keys from 1.
const NOBODY: RatingKey = RatingKey(9_007_199_254_740_991);

/// Checks the assumptions.
pub(crate) async fn check(client: &Client, section: &Section) -> Result<Vec<Assumption>> {
    let kind = section.kind.leaf().context("the section has no files")?;
    let listing = Listing {
        section: section.key,
        expect_uuid: Some(section.uuid.clone()),
        kind,
        filter: Filter::None,
        sort: Sort::Id,
        detail: Detail::Lean,
    };
    let mut found = Vec::new();
    let mut note = |question: &str, holds: bool, seen: String| {
        found.push(Assumption { question: question.to_owned(), seen, holds });
    };

    let (content, scanned) = (section.content_changed_at, section.scanned_at);
    let there = |there: bool| if there { "yes" } else { "no" }.to_owned();
    note("contentChangedAt is there", content.is_some(), there(content.is_some()));
    note("scannedAt is there", scanned.is_some(), there(scanned.is_some()));

    let total = client.total(&listing).await;
    let seen = match &total {
        Ok(Some(total)) => total.to_string(),
        Ok(None) => there(false),
        Err(error) => format!("{:?}", error.kind()),
    };
    let total = total.ok().flatten();
    note("Size=0 gives a total", total.is_some(), seen);
    let total = total.unwrap_or(u64::MAX);

    let mut largest = 0;
    let mut keys: Vec<RatingKey> = Vec::new();
    let mut guids = 0;
    for size in PAGES {
        let page = client.page(&listing, 0, size).await?;
        largest = largest.max(page.rows);
        if page.rows >= keys.len() as u64 {
            guids = page.items.iter().filter(|item| !item.guids.is_empty()).count();
            keys = page.items.iter().map(|item| item.rating_key).collect();
        }
        if page.rows < u64::from(size) {
            break; // the section ends here, or the server gives no larger page
        }
    }
    let whole = largest >= total.min(u64::from(PAGES[0]));
    note("pages of 500 are honoured", whole, format!("largest page {largest} of {total} rows"));
    let sorted = keys.is_sorted();
    note("sort=id is sorted", sorted, format!("{} keys looked at", keys.len()));
    note("items carry Guid[]", guids > 0, format!("{guids} of {}", keys.len()));

    let mut asked: Vec<RatingKey> = keys.iter().copied().take(2).collect();
    asked.push(NOBODY);
    let batch = client.items_with(&asked, Detail::Lean).await;
    let (holds, seen) = match &batch {
        Ok(batch) => (
            batch.missing == [NOBODY],
            format!("{} asked, {} left out", asked.len(), batch.missing.len()),
        ),
        Err(error) => (false, format!("{:?}", error.kind())),
    };
    note("a batch leaves out unknown ids", holds, seen);
    Ok(found)
}
