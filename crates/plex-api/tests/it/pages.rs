//! Whole listings: every row once, or an error.

use futures::{StreamExt, TryStreamExt};
use plex_api::{
    Client, Config, Endpoint, ErrorKind, ItemKind, Listing, Page, SectionKey, SectionUuid,
};
use serde_json::{Value, json};

use crate::support::{Answer, Seen, Server, http, movies, ok};

fn listing() -> Listing {
    Listing::new(SectionKey(1), ItemKind::Movie)
}

/// How a server changes a page. It gets the page and the number of its first row.
type Change = Box<dyn Fn(Value, u64) -> Answer + Send + Sync>;

/// Reads a listing with pages of `page_size` rows from a scripted server.
async fn read(
    page_size: u32,
    script: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
) -> (Vec<Result<Page, ErrorKind>>, u64) {
    let server = Server::start(script).await;
    let client = Client::new(Config { page_size, ..server.config() }).unwrap();
    let pages = client.pages(listing()).map(|page| page.map_err(|error| error.kind()));
    (pages.collect().await, client.calls().count(Endpoint::Page))
}

fn keys(pages: &[Result<Page, ErrorKind>]) -> Vec<u64> {
    let pages = pages.iter().map(|page| page.as_ref().unwrap());
    pages.flat_map(|page| page.items.iter().map(|item| item.rating_key.0)).collect()
}

fn every(total: u64) -> Vec<u64> {
    (1..=total).collect()
}

#[tokio::test]
async fn every_row_comes_once_and_in_order() {
    for (total, page_size, calls) in
        [(0, 10, 1), (1, 10, 1), (10, 10, 1), (11, 10, 2), (95, 10, 10)]
    {
        let script = move |_: usize, seen: &Seen| ok(movies(seen.start(), seen.size(), total));
        let (pages, made) = read(page_size, script).await;
        assert_eq!(keys(&pages), every(total));
        assert_eq!(made, calls, "{total} rows");
    }
}

#[tokio::test]
async fn a_server_that_gives_less_than_asked_is_read_in_its_own_steps() {
    let (pages, made) = read(10, |_, seen| ok(movies(seen.start(), seen.size().min(4), 30))).await;
    assert_eq!(keys(&pages), every(30));
    assert_eq!(made, 8);
}

/// One short page does not make the next ones short, even if it is the first one.
#[tokio::test]
async fn one_short_first_page_costs_one_request() {
    let script = |number: usize, seen: &Seen| {
        ok(movies(seen.start(), if number == 0 { 1 } else { seen.size() }, 1000))
    };
    let (pages, made) = read(100, script).await;
    assert_eq!(keys(&pages), every(1000));
    assert_eq!(made, 11);
}

#[tokio::test]
async fn a_short_page_is_completed_from_where_it_stopped() {
    let script = |_: usize, seen: &Seen| {
        let size = if seen.start() == 20 { 3 } else { seen.size() };
        ok(movies(seen.start(), size, 40))
    };
    let (pages, made) = read(10, script).await;
    assert_eq!(keys(&pages), every(40));
    assert_eq!(made, 5);
}

#[tokio::test]
async fn a_server_without_paging_sends_everything_at_once() {
    let everything = |total: u64| {
        let mut container = movies(0, total, total);
        container.as_object_mut().unwrap().retain(|key, _| key != "totalSize" && key != "offset");
        container
    };
    // If fewer rows came than were requested, the server is asked once more.
    for (total, calls) in [(0, 1), (3, 2), (25, 1)] {
        let (pages, made) = read(10, move |_, _| ok(everything(total))).await;
        assert_eq!((keys(&pages), made), (every(total), calls));
    }
    let (pages, _) = read(10, move |_, _| ok(everything(10))).await;
    assert_eq!(pages[1], Err(ErrorKind::Decode), "there may be more rows after a full page");
}

/// A page of a server that pages, but does not say how many rows there are.
fn without_total(start: u64, size: u64, total: u64) -> Value {
    let mut container = movies(start, size, total);
    container.as_object_mut().unwrap().remove("totalSize");
    container
}

#[tokio::test]
async fn a_server_that_tells_no_total_is_read_until_no_row_comes() {
    // The pages have at most 4 rows although 10 are requested, so a short page is not the end.
    let short = |_: usize, seen: &Seen| ok(without_total(seen.start(), seen.size().min(4), 10));
    // Each page begins with the last row of the one before it.
    let (pages, made) = read(10, short).await;
    assert_eq!((keys(&pages), made), (every(10), 5));
    let (pages, made) = read(10, |_, seen| ok(without_total(seen.start(), seen.size(), 30))).await;
    assert_eq!((keys(&pages), made), (every(30), 6));
    let single = |_: usize, seen: &Seen| ok(without_total(seen.start(), seen.size().min(1), 5));
    let (pages, _) = read(10, single).await;
    assert_eq!(keys(&pages), every(5));
}

/// Without a total, nothing else shows that rows moved up and that one of them is on no page.
#[tokio::test]
async fn a_row_that_is_deleted_during_a_listing_without_a_total_shows() {
    let (pages, _) = read(10, |at, seen| {
        // The first row is deleted after the first page was read.
        let moved = seen.start() + u64::from(at > 0);
        let mut container = without_total(moved, seen.size(), 30);
        container["offset"] = seen.start().into();
        ok(container)
    })
    .await;
    assert_eq!(pages.last().unwrap(), &Err(ErrorKind::ListingChanged));
    assert_eq!(pages.len(), 2);
}

#[tokio::test]
async fn nothing_or_too_little_never_passes_as_a_whole_listing() {
    let one = || movies(0, 1, 1)["Metadata"].clone();
    for container in [
        json!({}),
        json!([]),
        json!({"size": 12}),
        json!({"size": 3, "Metadata": one()}),
        json!({"size": 1, "totalSize": 1}),
        json!({"totalSize": 1, "Metadata": one()}),
    ] {
        let body = json!({ "MediaContainer": container }).to_string();
        let (pages, _) = read(10, move |_, _| http(200, &[], &body)).await;
        assert_eq!(pages, [Err(ErrorKind::Decode)], "{container}");
    }
}

#[tokio::test]
async fn rows_from_another_place_than_asked_for_are_refused() {
    let (pages, _) = read(10, |_, seen| {
        let mut page = movies(seen.start() + 5, seen.size(), 40);
        page["offset"] = json!(5);
        ok(page)
    })
    .await;
    assert_eq!(pages, [Err(ErrorKind::Decode)]);
}

#[tokio::test]
async fn what_breaks_a_listing_is_an_error_and_its_end() {
    let with = |mut container: Value, key: &str, value: Value| {
        container[key] = value;
        container
    };
    let table: [(&str, Change, ErrorKind); 7] = [
        (
            "the total moves",
            Box::new(move |page, start| {
                ok(with(page, "totalSize", json!(40 - u64::from(start == 20))))
            }),
            ErrorKind::ListingChanged,
        ),
        (
            "rows stop",
            Box::new(move |page, start| {
                ok(if start == 20 {
                    json!({"size": 0, "totalSize": 40, "offset": 20})
                } else {
                    page
                })
            }),
            ErrorKind::ListingChanged,
        ),
        (
            "another section",
            Box::new(move |page, start| {
                let uuid = if start == 20 { "uuid-2" } else { "uuid-1" };
                ok(with(page, "librarySectionUUID", json!(uuid)))
            }),
            ErrorKind::WrongSection,
        ),
        (
            "paging ignored",
            Box::new(move |page, start| {
                ok(with(page, "offset", json!(if start == 20 { 0 } else { start })))
            }),
            ErrorKind::Decode,
        ),
        (
            "too many rows",
            Box::new(|page, start| ok(if start == 20 { movies(20, 15, 40) } else { page })),
            ErrorKind::Decode,
        ),
        (
            "a truncated body",
            Box::new(|page, start| {
                let body = json!({"MediaContainer": page}).to_string();
                let end = if start == 20 { body.len() / 2 } else { body.len() };
                http(200, &[], &body[..end])
            }),
            ErrorKind::Truncated,
        ),
        (
            "not found",
            Box::new(|page, start| if start == 20 { http(404, &[], "") } else { ok(page) }),
            ErrorKind::NotFound,
        ),
    ];
    for (what, change, kind) in table {
        let script = move |_: usize, seen: &Seen| {
            change(movies(seen.start(), seen.size(), 40), seen.start())
        };
        let (pages, _) = read(10, script).await;
        assert_eq!(pages.len(), 3, "{what}");
        assert_eq!(keys(&pages[..2]), every(20), "{what}");
        assert_eq!(pages[2].as_ref().unwrap_err(), &kind, "{what}");
    }
}

#[tokio::test]
async fn a_page_that_fails_once_is_asked_for_again() {
    let failed = std::sync::atomic::AtomicBool::new(false);
    let (pages, made) = read(10, move |_, seen| {
        if seen.start() == 20 && !failed.swap(true, std::sync::atomic::Ordering::SeqCst) {
            return http(503, &[], "busy");
        }
        ok(movies(seen.start(), seen.size(), 40))
    })
    .await;
    assert_eq!((keys(&pages), made), (every(40), 5));
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_allowed() {
    let server = Server::start(|_, seen| ok(movies(seen.start(), seen.size(), 400))).await;
    let config = Config { page_size: 10, max_in_flight: 3, ..server.config() };
    let client = Client::new(config).unwrap();
    let listings = futures::future::join_all((0..4).map(|_| {
        client.pages(listing()).try_fold(0, |rows, page| async move { Ok(rows + page.rows) })
    }));
    for rows in listings.await {
        assert_eq!(rows.unwrap(), 400);
    }
    assert!((2..=3).contains(&server.peak()), "{} requests at once", server.peak());
}

/// This limits the memory: pages are requested only a few ahead of the reader, whatever the total
/// is.
#[tokio::test]
async fn the_reading_stays_close_to_the_reader() {
    let total = 5000;
    let server = Server::start(move |_, seen| ok(movies(seen.start(), seen.size(), total))).await;
    let config = Config { page_size: 10, max_in_flight: 3, ..server.config() };
    let client = Client::new(config).unwrap();
    let expected = Listing { expect_uuid: Some(SectionUuid("uuid-1".to_owned())), ..listing() };
    let mut pages = std::pin::pin!(client.pages(expected));
    let mut read = 0;
    while let Some(page) = pages.next().await {
        page.unwrap();
        read += 1;
        let ahead = client.calls().count(Endpoint::Page) - read;
        assert!(ahead <= 3, "{ahead} pages ahead after {read}");
    }
    assert_eq!(read, 500);
}
