//! Pages that are too large for a server: the next ones are smaller, and every row still comes
//! once.

use std::time::Duration;

use futures::TryStreamExt;
use plex_api::{
    Client, Clock, Config, Endpoint, ErrorKind, ItemKind, Listing, Page, Paging, SectionKey,
    UnixSeconds,
};

use crate::support::{Answer, Seen, Server, http, movies, ok};

/// What was read, how many calls it took, and what the client learned about page sizes.
struct Read {
    keys: Vec<u64>,
    calls: u64,
    paging: Paging,
}

/// Reads a listing with pages of the default size. Only the script moves the clock.
async fn read(
    clock: &Clock,
    paging: Option<Paging>,
    script: impl Fn(&Seen) -> Answer + Send + Sync + 'static,
) -> Result<Read, (ErrorKind, u64, Paging)> {
    let server = Server::start(move |_, seen| script(seen)).await;
    let client = Client::new(Config { clock: clock.clone(), ..server.config() }).unwrap();
    if let Some(paging) = paging {
        client.set_paging(paging);
    }
    let pages = client.pages(Listing::new(SectionKey(1), ItemKind::Movie)).try_collect().await;
    let (calls, paging) = (client.calls().count(Endpoint::Page), client.paging());
    let pages: Vec<Page> = pages.map_err(|error| (error.kind(), calls, paging))?;
    let keys = pages.iter().flat_map(|page| page.items.iter().map(|item| item.rating_key.0));
    Ok(Read { keys: keys.collect(), calls, paging })
}

fn clock() -> Clock {
    Clock::manual(UnixSeconds(1_700_000_000))
}

fn page(seen: &Seen, total: u64) -> Answer {
    ok(movies(seen.start(), seen.size(), total))
}

#[tokio::test]
async fn what_is_refused_is_asked_for_in_smaller_pages() {
    for status in [400, 413] {
        let script = move |seen: &Seen| match seen.size() {
            0..=100 => page(seen, 4_000),
            _ => http(status, &[], "too many"),
        };
        let read = read(&clock(), None, script).await.unwrap();
        assert!(read.keys.into_iter().eq(1..=4_000), "{status}");
        // 1,000, 500 and 250 are refused, each once.
        assert_eq!((read.calls, read.paging), (3 + 40, Paging { rows: 100, at_most: 100 }));
        // The next client starts with this size.
        let again = self::read(&clock(), Some(read.paging), script).await.unwrap();
        assert_eq!((again.calls, again.paging), (40, read.paging));
    }
}

/// Then the size of the pages is not the reason.
#[tokio::test]
async fn what_is_refused_in_every_size_teaches_nothing() {
    let refused = read(&clock(), None, |_| http(400, &[], "no")).await.err().unwrap();
    let paging = Paging { rows: 1_000, at_most: u32::MAX };
    assert_eq!(refused, (ErrorKind::BadRequest, 5, paging));
    let missing = read(&clock(), None, |_| http(404, &[], "no")).await.err().unwrap();
    assert_eq!(missing, (ErrorKind::NotFound, 1, paging));
}

/// The server takes 2 ms for each row: 2 s for the first page of 1,000, and 1 s for a page of 500.
#[tokio::test]
async fn a_page_that_takes_long_makes_the_next_ones_smaller() {
    let clock = clock();
    let hand = clock.clone();
    let script = move |seen: &Seen| {
        hand.advance(Duration::from_millis(2 * seen.size()));
        page(seen, 10_000)
    };
    let read = read(&clock, None, script).await.unwrap();
    assert!(read.keys.into_iter().eq(1..=10_000));
    assert_eq!((read.calls, read.paging), (2 + 17, Paging { rows: 500, at_most: u32::MAX }));
}

/// The server takes 2 s for a page of any size, so smaller pages would only mean more requests.
#[tokio::test]
async fn a_server_that_is_slow_at_any_size_is_asked_for_as_much_as_before() {
    let clock = clock();
    let hand = clock.clone();
    let script = move |seen: &Seen| {
        hand.advance(Duration::from_secs(2));
        page(seen, 10_000)
    };
    let read = read(&clock, None, script).await.unwrap();
    assert!(read.keys.into_iter().eq(1..=10_000));
    assert_eq!((read.calls, read.paging), (2 + 9, Paging { rows: 1_000, at_most: u32::MAX }));
}

#[tokio::test]
async fn an_answer_that_is_too_large_is_asked_for_in_pieces() {
    let server = Server::start(|_, seen| page(seen, 1_000)).await;
    let client = Client::new(Config { body_limit: 60_000, ..server.config() }).unwrap();
    let page = client.page(&Listing::new(SectionKey(1), ItemKind::Movie), 0, 1_000).await.unwrap();
    assert_eq!((page.rows, page.total), (250, Some(1_000)));
    assert_eq!(client.paging(), Paging { rows: 250, at_most: u32::MAX });
    assert_eq!(client.calls().total().count, 3);
}

/// If a page is not answered in time, a smaller one is requested. The test uses tokio's time, which
/// passes at once while all tasks wait.
#[tokio::test]
async fn a_page_that_times_out_is_asked_for_in_pieces() {
    let server = Server::start(|_, seen| match seen.size() {
        0..=250 => page(seen, 600),
        _ => Answer::Open(Vec::new()),
    })
    .await;
    let client = server.client();
    tokio::time::pause();
    let pages = client.pages(Listing::new(SectionKey(1), ItemKind::Movie));
    let pages: Vec<Page> = pages.try_collect().await.unwrap();
    assert_eq!(pages.iter().map(|page| page.rows).sum::<u64>(), 600);
    let Paging { rows, at_most } = client.paging();
    assert!(rows <= 250 && at_most == u32::MAX, "{rows} rows, {at_most} at most");
}
