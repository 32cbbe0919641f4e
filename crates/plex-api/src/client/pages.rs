//! A whole listing as a stream of pages, several of them in flight.

use std::collections::VecDeque;

use futures::{Stream, StreamExt, TryStreamExt, stream};

use crate::client::Client;
use crate::client::paging::{Progress, Step, stopped};
use crate::domain::listing::Listing;
use crate::domain::page::Page;
use crate::error::{Error, ErrorKind};

impl Client {
    /// Reads a whole listing: pages in order, fetched concurrently once the first has told the
    /// total. At most [`Config::max_in_flight`](crate::Config::max_in_flight) pages are in
    /// memory, whatever the total.
    ///
    /// The stream ends after the last page, or after its first error. It is complete only if it
    /// ends without an error: a total that changes, rows that stop early, or rows of another
    /// section are errors and never the end of the list. Where the server does not tell the
    /// total, pages are read one after the other until one has no rows.
    ///
    /// What it cannot see is a row that is deleted while another is added during the reading:
    /// the total stays, and the rows behind the deleted one move up, so that one of them may be
    /// on no page. A caller who deletes by absence has to compare
    /// [`Section::content_changed_at`](crate::Section::content_changed_at) before and after.
    pub fn pages(
        &self,
        listing: Listing,
    ) -> impl Stream<Item = Result<Page, Error>> + Send + use<> {
        let client = self.clone();
        stream::once(async move {
            let size = client.shared.page_size;
            let first = client.page(&listing, 0, size).await?;
            Ok(Reading::begin(client, listing, first)?.into_pages())
        })
        .try_flatten()
        .scan(false, |failed, page| {
            // Pages behind the first error are in flight or out of reach: nobody gets them.
            let ended = std::mem::replace(failed, page.is_err());
            futures::future::ready((!ended).then_some(page))
        })
    }
}

/// A listing after its first page.
struct Reading {
    client: Client,
    listing: Listing,
    progress: Progress,
    first: Page,
    /// What there is to do after it.
    step: Step,
}

/// Rows `start..end` of a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Window {
    start: u64,
    end: u64,
}

impl Reading {
    fn begin(client: Client, mut listing: Listing, first: Page) -> Result<Self, Error> {
        // From here on every page has to come from the section the first one came from.
        listing.expect_uuid = listing.expect_uuid.or_else(|| first.section_uuid.clone());
        let mut progress = Progress::default();
        let step = progress
            .take(&first, client.shared.page_size.into())
            .map_err(|error| about(&listing, error))?;
        Ok(Self { client, listing, progress, first, step })
    }

    fn into_pages(self) -> impl Stream<Item = Result<Page, Error>> + Send {
        let Self { client, listing, progress, first, step } = self;
        let (size, in_flight) = (client.shared.page_size, client.shared.max_in_flight);
        // A server that gives less than was asked for has its pages fit into the windows. One
        // short page among longer ones costs nothing more.
        let piece = u32::try_from(first.rows).unwrap_or(size).clamp(1, size);
        let stride = size - size % piece;
        let rest = match first.total {
            _ if step != Step::More => stream::empty().left_stream(),
            Some(total) => stream::iter(windows(first.rows, total, stride))
                .map(move |window| read_window(client.clone(), listing.clone(), total, window))
                .buffered(in_flight)
                .map_ok(|pages| stream::iter(pages.into_iter().map(Ok)))
                .try_flatten()
                .left_stream()
                .right_stream(),
            None => one_by_one(client, listing, progress).right_stream().right_stream(),
        };
        stream::once(async { Ok(first) }).chain(rest)
    }
}

/// The pages after the first of a listing without a total, one after the other.
fn one_by_one(
    client: Client,
    listing: Listing,
    progress: Progress,
) -> impl Stream<Item = Result<Page, Error>> + Send {
    stream::try_unfold((client, listing, progress, Step::More), |state| async move {
        let (client, listing, mut progress, step) = state;
        if step == Step::Last {
            return Ok(None);
        }
        let size = client.shared.page_size;
        let page = client.page(&listing, progress.rows(), size).await?;
        let step = progress.take(&page, size.into()).map_err(|error| about(&listing, error))?;
        let next = (step != Step::Ended).then_some((page, (client, listing, progress, step)));
        Ok(next)
    })
}

/// Rows `received..total` in steps of `stride`.
fn windows(received: u64, total: u64, stride: u32) -> impl Iterator<Item = Window> + Send {
    let next = move |start: u64| Some(start).filter(|start| *start < total);
    std::iter::successors(next(received), move |start| next(start.saturating_add(stride.into())))
        .map(move |start| Window { start, end: start.saturating_add(stride.into()).min(total) })
}

/// Reads one window, in several requests if the server sends it in pieces.
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
        let page = client.page(&listing, start, u32::try_from(wanted).unwrap_or(u32::MAX)).await?;
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
    use super::*;

    #[test]
    fn windows_cover_the_rest_once() {
        let list = |received, total, stride| {
            windows(received, total, stride).map(|w| (w.start, w.end)).collect::<Vec<_>>()
        };
        assert_eq!(list(500, 1200, 500), [(500, 1000), (1000, 1200)]);
        assert_eq!(list(50, 120, 50), [(50, 100), (100, 120)]);
        assert_eq!(list(120, 120, 500), []);
        assert_eq!(list(130, 120, 500), []);
        assert_eq!(list(0, 0, 1), []);
        assert_eq!(list(u64::MAX - 1, u64::MAX, 5), [(u64::MAX - 1, u64::MAX)]);
    }
}
