//! Checks what Matchbox assumes about a server. Each check costs at most two calls.

use std::time::Duration;

use match_core::{Client, PlexError, RatingKey, Section, StreamExt};
use plex_api::{Detail, Event, Item, Listing};

use super::diagnosis::Check;

/// A key that no server has, because servers count keys from 1.
const NOBODY: RatingKey = RatingKey(9_007_199_254_740_991);

/// Rows of the pages that are compared.
const FEW: u32 = 20;

/// How long the check waits for the event stream to start.
const STREAM: Duration = Duration::from_secs(5);

/// Checks the largest section. Returns the time of one whole page.
pub(crate) async fn check(
    client: &Client,
    section: &Section,
    items: u64,
    checks: &mut Vec<Check>,
) -> Result<Duration, PlexError> {
    let mut note = |holds: bool, what: &str, otherwise: &str| {
        checks.push(Check { holds, what: what.to_owned(), otherwise: otherwise.to_owned() });
    };
    note(
        section.content_changed_at.is_some(),
        "sections have a change counter",
        "changes are found by counting, with one or two more calls for each section",
    );
    note(
        section.scanned_at.is_some(),
        "sections say when they were scanned",
        "replaced files are found by sweeps",
    );
    let Some(kind) = section.kind.leaf() else { return Ok(Duration::ZERO) };
    let listing = Listing::new(section.key, kind);

    let started = client.clock().monotonic();
    let page = client.page(&listing, 0, client.page_size()).await?;
    let took = started.elapsed();
    let whole = page.rows >= items.min(u64::from(client.page_size()));
    note(whole, "pages are as large as requested", "listing a section takes more calls");
    note(
        page.total.is_some(),
        "listings say how many rows there are",
        "they are read to their end, and real costs are higher than shown here",
    );
    let keys: Vec<RatingKey> = page.items.iter().map(|item| item.rating_key).collect();
    note(
        keys.is_sorted(),
        "rows come sorted by their ids",
        "a listing that changes while it is read is repeated more often",
    );
    let files = page.items.iter().filter(|item| item.parts().next().is_some()).count();
    note(files * 10 >= keys.len() * 9, "rows name their files", "files are not found by paths");
    let times = page.items.iter().filter(|item| item.updated_at.or(item.added_at).is_some());
    note(
        times.count() == keys.len(),
        "rows say when they changed",
        "a change costs a sweep of the section",
    );
    let guids = page.items.iter().any(|item| !item.guids.is_empty());
    note(guids, "rows have external ids", "ids of other catalogues find nothing; paths still do");
    note(
        page.unsupported.is_empty(),
        "every row can be read",
        "rows that cannot be read are left out, and counted",
    );

    if items > u64::from(FEW) {
        let first = client.page(&listing, 0, FEW).await?;
        let second = client.page(&listing, u64::from(FEW), FEW).await?;
        let apart = second.items.iter().all(|item| first.items.iter().all(|one| one != item));
        note(
            apart && first.total.is_some(),
            "listings can be read in pages",
            "a listing is one large answer",
        );
    }
    let mut asked: Vec<RatingKey> = keys.iter().copied().take(2).collect();
    asked.push(NOBODY);
    let batch = client.items_with(&asked, Detail::Lean).await;
    note(
        batch.is_ok_and(|batch| batch.missing == [NOBODY]),
        "several items are read at once, and unknown ones left out",
        "verifying costs more calls",
    );
    // The longest name, because no other file has it.
    let files = page.items.iter().flat_map(Item::parts);
    let names = files.filter_map(|part| part.file.as_deref()?.rsplit(['/', '\\']).next());
    if let Some(name) = names.max_by_key(|name| name.len()) {
        let found = client.lookup_file(section.key, kind, name, FEW).await;
        let narrow = found.is_ok_and(|page| page.rows > 0 && page.rows < items.min(10));
        note(
            narrow || items < 10,
            "a single file can be looked up",
            "few files are found by title, or their section is listed",
        );
    }
    let mut events = std::pin::pin!(client.events());
    let event = tokio::time::timeout(STREAM, events.next()).await;
    note(
        matches!(event, Ok(Some(Ok(Event::Live)))),
        "the server tells what happens",
        "a run makes one call if the last run was more than 60 s ago",
    );
    Ok(took)
}
