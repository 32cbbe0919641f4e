//! Checks what Matchbox assumes about servers on a real server, read-only. Each check costs at most
//! two calls. The result has no title, path or address, so it can be pasted into an issue.

use std::time::Duration;

use match_core::StreamExt;
use plex_api::{Client, Detail, Error, Event, Item, Listing, Page, RatingKey, Section};
use serde::Serialize;

/// An assumption, and how the server behaved. If it does not hold, Matchbox makes more calls, but
/// gives no wrong answers.
#[derive(Debug, Serialize)]
pub(crate) struct Check {
    pub(crate) holds: bool,
    pub(crate) what: String,
    pub(crate) seen: String,
    /// What it means if the assumption does not hold.
    pub(crate) otherwise: String,
}

/// A key that no server has, because servers count keys from 1.
const NOBODY: RatingKey = RatingKey(9_007_199_254_740_991);

/// Rows of the pages that are compared.
const FEW: u32 = 20;

/// How long the check waits for the event stream to start.
const STREAM: Duration = Duration::from_secs(5);

/// Notes a check.
type Note<'a> = &'a mut dyn FnMut(bool, &str, String, &str);

/// Checks a section. Adds each check when it is done, and returns the time of one whole page.
pub(crate) async fn check(
    client: &Client,
    section: &Section,
    checks: &mut Vec<Check>,
) -> Result<Duration, Error> {
    let mut note = |holds: bool, what: &str, seen: String, otherwise: &str| {
        checks.push(Check { holds, what: what.to_owned(), seen, otherwise: otherwise.to_owned() });
    };
    let there = section.content_changed_at.is_some();
    note(
        there,
        "sections have a change counter",
        yes_or_no(there),
        "changes are found by counting, with one or two more calls for each section",
    );
    let there = section.scanned_at.is_some();
    note(
        there,
        "sections say when they were scanned",
        yes_or_no(there),
        "replaced files are found by sweeps",
    );
    let Some(kind) = section.kind.leaf() else { return Ok(Duration::ZERO) };
    let listing = Listing::new(section.key, kind);

    let started = client.clock().monotonic();
    let page = client.page(&listing, 0, client.page_size()).await?;
    let took = started.elapsed();
    let items = page.total.unwrap_or(page.rows);
    note(
        page.rows >= items.min(u64::from(client.page_size())),
        "pages are as large as requested",
        format!("{} of {} rows", page.rows, client.page_size()),
        "listing a section takes more calls",
    );
    note(
        page.total.is_some(),
        "listings say how many rows there are",
        page.total.map_or_else(|| "no".to_owned(), |total| total.to_string()),
        "they are read to their end, and real costs are higher than shown here",
    );
    check_rows(&page, &mut note);

    if items > u64::from(FEW) {
        let first = client.page(&listing, 0, FEW).await?;
        let second = client.page(&listing, u64::from(FEW), FEW).await?;
        let apart = second.items.iter().all(|item| first.items.iter().all(|one| one != item));
        note(
            apart && first.total.is_some(),
            "listings can be read in pages",
            format!("pages of {} and {} rows", first.rows, second.rows),
            "a listing is one large answer",
        );
    }
    let mut asked: Vec<RatingKey> = page.items.iter().map(|item| item.rating_key).take(2).collect();
    asked.push(NOBODY);
    let batch = client.items_with(&asked, Detail::Lean).await;
    note(
        batch.as_ref().is_ok_and(|batch| batch.missing == [NOBODY]),
        "several items are read at once, and unknown ones left out",
        match &batch {
            Ok(batch) => format!("{} of {} left out", batch.missing.len(), asked.len()),
            Err(error) => error.kind().to_string(),
        },
        "verifying costs more calls",
    );
    // The longest name, because no other file has it.
    let files = page.items.iter().flat_map(Item::parts);
    let names = files.filter_map(|part| part.file.as_deref()?.rsplit(['/', '\\']).next());
    if let Some(name) = names.max_by_key(|name| name.len()) {
        let found = client.lookup_file(section.key, kind, name, FEW).await;
        let narrow = found.as_ref().is_ok_and(|page| page.rows > 0 && page.rows < items.min(10));
        note(
            narrow || items < 10,
            "a single file can be looked up",
            match &found {
                Ok(page) => format!("{} rows for one file", page.rows),
                Err(error) => error.kind().to_string(),
            },
            "few files are found by title, or their section is listed",
        );
    }
    let mut events = std::pin::pin!(client.events());
    let event = tokio::time::timeout(STREAM, events.next()).await;
    let live = matches!(event, Ok(Some(Ok(Event::Live))));
    note(
        live,
        "the server tells what happens",
        yes_or_no(live),
        "a run makes one call if the last run was more than 60 s ago",
    );
    Ok(took)
}

fn yes_or_no(is: bool) -> String {
    if is { "yes" } else { "no" }.to_owned()
}

/// Checks what the rows of a page have.
fn check_rows(page: &Page, note: Note<'_>) {
    let keys: Vec<RatingKey> = page.items.iter().map(|item| item.rating_key).collect();
    let of = |count: usize| format!("{count} of {}", keys.len());
    note(
        keys.is_sorted(),
        "rows come sorted by their ids",
        yes_or_no(keys.is_sorted()),
        "a listing that changes while it is read is repeated more often",
    );
    let files = page.items.iter().filter(|item| item.parts().next().is_some()).count();
    note(
        files * 10 >= keys.len() * 9,
        "rows name their files",
        of(files),
        "files are not found by paths",
    );
    let times = page.items.iter().filter(|item| item.updated_at.or(item.added_at).is_some());
    let times = times.count();
    note(
        times == keys.len(),
        "rows say when they changed",
        of(times),
        "a change costs a sweep of the section",
    );
    let guids = page.items.iter().filter(|item| !item.guids.is_empty()).count();
    note(
        guids > 0,
        "rows have external ids",
        of(guids),
        "ids of other catalogues find nothing; paths still do",
    );
    note(
        page.unsupported.is_empty(),
        "every row can be read",
        format!("{} cannot", page.unsupported.len()),
        "rows that cannot be read are left out, and counted",
    );
}
