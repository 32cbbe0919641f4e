//! A whole listing as a stream of pages. Several pages are in flight at once.

use std::collections::{HashSet, VecDeque};

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::client::Client;
use crate::client::paging::{Progress, Step, stopped};
use crate::client::rows::Rows;
use crate::domain::id::RatingKey;
use crate::domain::listing::Listing;
use crate::domain::page::{Page, UnsupportedRow};
use crate::error::Error;
use crate::error::kind::ErrorKind;

impl Client {
    /// Reads a whole listing: pages in order. After the first page has told the total, the others
    /// are fetched concurrently. At most [`Config::max_in_flight`](crate::Config::max_in_flight)
    /// pages are in memory, whatever the total.
    ///
    /// The stream ends after the last page, or after its first error. It is complete only if it
    /// ends without an error. A total that changes, rows that stop early, or rows of another
    /// section are errors and never the end of the list. If the server does not tell the total,
    /// pages are read one after the other until one has no rows.
    ///
    /// It cannot detect one case: a row is deleted and another one is added during the reading. The
    /// total stays the same, and the rows after the deleted one move up. So one of them may be on
    /// no page. A caller who treats missing items as deleted has to compare
    /// [`Section::content_changed_at`](crate::Section::content_changed_at) before and after.
    pub fn pages(
        &self,
        listing: Listing,
    ) -> impl Stream<Item = Result<Page, Error>> + Send + use<> {
        let client = self.clone();
        stream::once(async move { Ok(Reading::begin(client, listing).await?.into_pages()) })
            .try_flatten()
            .scan(false, |failed, page| {
                // Pages after the first error may be in flight or not yet requested. Nobody gets
                // them.
                let ended = std::mem::replace(failed, page.is_err());
                futures::future::ready((!ended).then_some(page))
            })
    }
}

/// A listing after its first page and the few pages after it that show how large pages may be.
struct Reading {
    client: Client,
    listing: Listing,
    progress: Progress,
    first: Vec<Page>,
    /// How many rows the last of these pages had, and how many were requested.
    piece: (u64, u32),
    /// What to do after these pages.
    step: Step,
}

/// Rows `start..end` of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    start: u64,
    end: u64,
}

impl Reading {
    async fn begin(client: Client, mut listing: Listing) -> Result<Self, Error> {
        let mut progress = Progress::default();
        let mut first = Vec::with_capacity(1);
        loop {
            let read = client.rows(&listing, progress.rows(), client.page_size()).await?;
            let Rows { page, answered, .. } = read;
            // From here on, every page has to come from the same section as the first one.
            listing.expect_uuid = listing.expect_uuid.or_else(|| page.section_uuid.clone());
            let step = progress.take(&page, answered.asked.into());
            let step = step.map_err(|error| about(&listing, error))?;
            let alone = client.shared.page_size.judge(answered);
            let again = alone && step == Step::More && page.total.is_some();
            let piece = (page.rows, answered.asked);
            first.push(page);
            if !again {
                return Ok(Self { client, listing, progress, first, piece, step });
            }
        }
    }

    fn into_pages(self) -> impl Stream<Item = Result<Page, Error>> + Send {
        let Self { client, listing, progress, first, piece, step } = self;
        let in_flight = client.shared.max_in_flight;
        let sized = client.clone();
        let size = move || sized.page_size();
        let total = first.last().and_then(|page| page.total);
        let rest = match total {
            _ if step != Step::More => stream::empty().left_stream(),
            Some(total) => stream::iter(windows(progress.rows(), total, piece, size))
                .map(move |window| read_window(client.clone(), listing.clone(), total, window))
                .buffered(in_flight)
                .map_ok(|pages| stream::iter(pages.into_iter().map(Ok)))
                .try_flatten()
                .left_stream()
                .right_stream(),
            None => {
                let last = first.last().cloned().unwrap_or_default();
                one_by_one(client, listing, progress, last).right_stream().right_stream()
            }
        };
        stream::iter(first.into_iter().map(Ok)).chain(rest)
    }
}

/// The pages after the first, in a listing without a total, one after the other. If a row is
/// deleted meanwhile, the others move up, and only the rows themselves show that. So each page
/// begins with the last row of the page before it.
fn one_by_one(
    client: Client,
    listing: Listing,
    progress: Progress,
    last: Page,
) -> impl Stream<Item = Result<Page, Error>> + Send {
    stream::try_unfold((client, listing, progress, last, Step::More), |state| async move {
        let (client, listing, mut progress, last, step) = state;
        if step == Step::Last {
            return Ok(None);
        }
        // If the first row came again, that would look like a server that does not page.
        let overlaps = progress.rows() > 1;
        let start = progress.rows() - u64::from(overlaps);
        let read = client.rows(&listing, start, client.page_size()).await?;
        let Rows { mut page, answered, .. } = read;
        client.shared.page_size.judge(answered);
        let pages = overlaps && !progress.is_first(&page);
        if pages && !take_overlap(&last, &mut page) {
            let text = format!("the row before row {} is another now", start + 1);
            return Err(fault(&listing, ErrorKind::ListingChanged, text));
        }
        let mut asked = answered.asked;
        if pages && page.rows == 0 {
            // The page had that row and no other. So the list ends here, or the server sends few
            // rows at once.
            let read = client.rows(&listing, progress.rows(), client.page_size()).await?;
            (page, asked) = (read.page, read.answered.asked);
        }
        let step = progress.take(&page, asked.into());
        let step = step.map_err(|error| about(&listing, error))?;
        let (next, last) = (page.clone(), page);
        let next = (step != Step::Ended).then_some((next, (client, listing, progress, last, step)));
        Ok(next)
    })
}

/// Removes the row that the page before ended with from this page. `false`: the page does not begin
/// with that row, or it has other rows of the page before.
fn take_overlap(before: &Page, page: &mut Page) -> bool {
    if page.rows == 0 {
        return false;
    }
    let named = |row: &UnsupportedRow| row.rating_key.is_some();
    page.rows -= 1;
    if !before.unsupported.iter().all(named) || !page.unsupported.iter().all(named) {
        // Rows without a key cannot be told apart.
        let first = page.items.first().map(|item| item.rating_key);
        if before.items.iter().any(|item| Some(item.rating_key) == first) {
            page.items.remove(0);
        } else if !page.unsupported.is_empty() {
            page.unsupported.remove(0);
        }
        return true;
    }
    let items: HashSet<RatingKey> = before.items.iter().map(|item| item.rating_key).collect();
    let others: HashSet<&Option<String>> =
        before.unsupported.iter().map(|row| &row.rating_key).collect();
    let count = page.items.len() + page.unsupported.len();
    page.items.retain(|item| !items.contains(&item.rating_key));
    page.unsupported.retain(|row| !others.contains(&row.rating_key));
    count - page.items.len() - page.unsupported.len() == 1
}

/// Rows `received..total` in windows. `size` gives the size of each window when it begins. If a
/// server sends fewer rows than requested (`piece`: rows sent, rows requested), the windows are
/// made to fit its pages. A single short page among longer ones costs no more.
fn windows(
    received: u64,
    total: u64,
    (rows, asked): (u64, u32),
    size: impl Fn() -> u32 + Send,
) -> impl Iterator<Item = Window> + Send {
    let mut start = received;
    std::iter::from_fn(move || {
        let size = size();
        let piece = u32::try_from(rows).ok().filter(|rows| *rows < asked).unwrap_or(size);
        let stride = size - size % piece.clamp(1, size);
        let end = start.saturating_add(stride.into()).min(total);
        let window = Window { start: std::mem::replace(&mut start, end), end };
        (window.start < total).then_some(window)
    })
}

/// Reads one window, in several requests if the server sends it in parts.
async fn read_window(
    client: Client,
    listing: Listing,
    total: u64,
    window: Window,
) -> Result<VecDeque<Page>, Error> {
    let mut pages = VecDeque::new();
    let mut start = window.start;
    while start < window.end {
        let wanted = window.end - start;
        let size = u32::try_from(wanted).unwrap_or(u32::MAX).min(client.page_size());
        let Rows { page, answered, .. } = client.rows(&listing, start, size).await?;
        client.shared.page_size.came(answered);
        if let Some(now) = page.total.filter(|now| *now != total) {
            let text = format!("{total} rows at first, {now} rows at row {start}");
            return Err(fault(&listing, ErrorKind::ListingChanged, text));
        }
        if page.rows > wanted {
            let text = format!("asked for {wanted} rows from {start}, got {}", page.rows);
            return Err(fault(&listing, ErrorKind::Decode, text));
        }
        if page.rows == 0 {
            return Err(about(&listing, stopped(total, start)));
        }
        start += page.rows;
        pages.push_back(page);
    }
    Ok(pages)
}

fn fault(listing: &Listing, kind: ErrorKind, text: String) -> Error {
    about(listing, Error::new(kind, text))
}

fn about(listing: &Listing, error: Error) -> Error {
    error.doing(format!("listing {} items of section {}", listing.kind, listing.section))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn windows_cover_the_rest_once() {
        let list = |received, total, size: u32| {
            let windows = windows(received, total, (size.into(), size), || size);
            windows.map(|w| (w.start, w.end)).collect::<Vec<_>>()
        };
        assert_eq!(list(500, 1200, 500), [(500, 1000), (1000, 1200)]);
        assert_eq!(list(50, 120, 50), [(50, 100), (100, 120)]);
        assert_eq!(list(120, 120, 500), []);
        assert_eq!(list(130, 120, 500), []);
        assert_eq!(list(0, 0, 1), []);
        assert_eq!(list(u64::MAX - 1, u64::MAX, 5), [(u64::MAX - 1, u64::MAX)]);
        let pieces = windows(40, 130, (40, 100), || 100);
        assert_eq!(pieces.map(|w| w.end - w.start).collect::<Vec<_>>(), [80, 10]);
        let size = AtomicU32::new(100);
        let mut smaller = windows(0, 250, (100, 100), || size.load(Ordering::SeqCst));
        assert_eq!(smaller.next(), Some(Window { start: 0, end: 100 }));
        size.store(50, Ordering::SeqCst);
        let rest: Vec<Window> = smaller.collect();
        assert_eq!(rest.iter().map(|w| w.end).collect::<Vec<_>>(), [150, 200, 250]);
    }
}
