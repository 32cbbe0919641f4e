//! Scripted faults, and how the client handles each.

use std::time::Duration;

use futures::TryStreamExt;
use plex_api::{
    Client, Config, Error, ErrorKind, ItemKind, Listing, Page, RetryPolicy, SectionKey, Token,
};
use testbed::generate::{LibraryKind, Spec, generate};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};

const ITEMS: u64 = 60;
const PAGE: u32 = 10;

async fn start() -> (Pms, Client) {
    let library = generate(&Spec {
        seed: 5,
        items: usize::try_from(ITEMS).unwrap(),
        kind: LibraryKind::Movies,
    });
    let pms = Pms::start(library, Options::default()).await.unwrap();
    let retry = RetryPolicy { base: Duration::from_millis(1), ..RetryPolicy::default() };
    let config =
        Config { page_size: PAGE, retry, ..Config::new(pms.url(), Token::new(pms.token())) };
    (pms, Client::new(config).unwrap())
}

async fn read(client: &Client) -> Result<Vec<Page>, Error> {
    client.pages(Listing::new(SectionKey(1), ItemKind::Movie)).try_collect().await
}

/// One page fails once: the result of the listing, and the number of requests.
#[tokio::test]
async fn a_page_that_goes_wrong_once() {
    const HTML: &[u8] = b"<html><h1>Hello</h1></html>";
    const XML: &[u8] = b"<?xml version=\"1.0\"?><MediaContainer size=\"0\"/>";
    let page = |content_type, body| Fault::Answer { status: 200, content_type, body };
    for (fault, outcome, requests) in [
        (Fault::Outage, Ok(()), 7),
        (Fault::Truncated, Ok(()), 7),
        (Fault::Status(500), Ok(()), 7),
        (Fault::Status(503), Ok(()), 7),
        (Fault::Maintenance, Ok(()), 7),
        (Fault::TooMany(0), Ok(()), 7),
        (Fault::FewRows(4), Ok(()), 7),
        (Fault::BadUtf8, Ok(()), 6),
        (Fault::Latency(Duration::from_millis(1)), Ok(()), 6),
        (Fault::Slow(Duration::from_millis(1)), Ok(()), 6),
        (Fault::Half, Err(ErrorKind::Truncated), 6),
        (page("text/html", HTML), Err(ErrorKind::Decode), 6),
        (page("text/xml", XML), Err(ErrorKind::Decode), 6),
        (page("application/json", b""), Err(ErrorKind::Decode), 6),
        (Fault::Status(400), Err(ErrorKind::BadRequest), 6),
        (Fault::Status(401), Err(ErrorKind::Unauthorized), 6),
        (Fault::Status(403), Err(ErrorKind::Forbidden), 6),
        (Fault::Status(404), Err(ErrorKind::NotFound), 6),
        (Fault::TooMany(3600), Err(ErrorKind::TooManyRequests), 6),
    ] {
        let (pms, client) = start().await;
        // The third page to arrive; several are in flight together.
        pms.script(FaultRule::once(Route::Listing, 3, fault));
        let read = read(&client).await;
        let rows =
            read.as_ref().map(|pages| pages.iter().map(|page| page.items.len()).sum::<usize>());
        match outcome {
            Ok(()) => {
                assert_eq!(rows.unwrap(), usize::try_from(ITEMS).unwrap(), "{fault:?}");
                assert_eq!(pms.requests().total(), requests, "{fault:?}");
                let lossy = read.unwrap().iter().filter(|page| page.lossy).count();
                assert_eq!(lossy, usize::from(fault == Fault::BadUtf8), "{fault:?}");
            }
            Err(kind) => {
                assert_eq!(rows.unwrap_err().kind(), kind, "{fault:?}");
                assert!(pms.requests().total() <= requests, "{fault:?}");
            }
        }
        assert_eq!(client.calls().total().count, pms.requests().total(), "{fault:?}");
        pms.clear_faults();
        client.sections().await.unwrap();
    }
}

/// Tokio's paused clock moves on when all tasks wait.
#[tokio::test]
async fn a_request_that_hangs_is_given_up() {
    for fault in [Fault::Hang, Fault::HangInBody] {
        let (pms, client) = start().await;
        client.sections().await.unwrap(); // connects
        pms.script(FaultRule::next(Route::Sections, 9, fault));
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        let error = client.sections().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Timeout, "{fault:?}: {error}");
        assert_eq!(begun.elapsed().as_secs(), 60, "the deadline of all attempts");
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_fault_of_one_endpoint_leaves_the_others_alone() {
    let (pms, client) = start().await;
    pms.script(FaultRule::next(Route::Listing, u64::MAX, Fault::Status(403)));
    client.sections().await.unwrap();
    client.identity().await.unwrap();
    assert_eq!(read(&client).await.unwrap_err().kind(), ErrorKind::Forbidden);
    client.items(&[plex_api::RatingKey(1)]).await.unwrap();
    pms.clear_faults();
    assert_eq!(read(&client).await.unwrap().len(), 6);
}
