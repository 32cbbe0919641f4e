//! The client against the simulated server over real HTTP, with the requests that a host sends to a
//! real one.
//!
//! The tests in the client's own crate check the exact bytes of requests, and answers that no
//! server should send.

use std::time::Duration;

use futures::TryStreamExt;
use plex_api::{
    Client, Config, Detail, Endpoint, ErrorKind, Filter, ItemKind, Listing, RatingKey, RetryPolicy,
    Section, SectionUuid, Token, UnixSeconds,
};
use testbed::generate::{LibraryKind, Spec, add_movie, generate};
use testbed::library::FileFilter;
use testbed::server::{self, Fault, Options, Pms};

const ITEMS: usize = 1_200;

async fn start(kind: LibraryKind) -> (Pms, Client, Section) {
    let library = generate(&Spec { seed: 3, items: ITEMS, kind });
    let pms = Pms::start(library, Options::default()).await.unwrap();
    let client = Client::new(config(&pms)).unwrap();
    let section = client.sections().await.unwrap().remove(0);
    client.reset_calls();
    pms.reset_requests();
    (pms, client, section)
}

fn config(pms: &Pms) -> Config {
    let quick = RetryPolicy { base: Duration::from_millis(1), ..RetryPolicy::default() };
    Config { retry: quick, ..Config::new(pms.url(), Token::new(pms.token())) }
}

fn listing(section: &Section) -> Listing {
    let uuid = Some(section.uuid.clone());
    Listing { expect_uuid: uuid, ..Listing::new(section.key, section.kind.leaf().unwrap()) }
}

/// Checks that client and server count the same number of requests.
#[track_caller]
fn counts_agree(pms: &Pms, client: &Client, expected: u64) {
    assert_eq!(client.calls().total().count, expected, "{}", client.calls());
    assert_eq!(pms.requests().total(), expected);
}

#[tokio::test]
async fn a_section_is_read_whole_with_its_files() {
    for kind in [LibraryKind::Movies, LibraryKind::Episodes, LibraryKind::PersonalVideos] {
        let (pms, client, section) = start(kind).await;
        let pages: Vec<_> = client.pages(listing(&section)).try_collect().await.unwrap();
        counts_agree(&pms, &client, 2);
        let items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
        let truth = pms.edit(|library| library.sections[0].items().to_vec());
        assert_eq!(items.len(), truth.len());
        for (item, truth) in items.iter().zip(&truth) {
            assert_eq!(item.rating_key.0, truth.rating_key);
            assert_eq!(item.title, truth.title);
            assert_eq!(item.kind.type_number(), truth.kind);
            let files = item.parts().map(|part| part.file.as_deref().unwrap());
            assert!(files.eq(truth.parts().map(|part| part.file.as_str())));
            assert!(item.parts().all(|part| part.id.is_some() && part.stamp.is_some()));
        }
        assert_eq!(client.total(&listing(&section)).await.unwrap(), Some(ITEMS as u64));
    }
}

#[tokio::test]
async fn a_delta_is_what_was_added_or_updated() {
    let (pms, client, section) = start(LibraryKind::Movies).await;
    let before = pms.edit(|library| {
        let before = library.now();
        library.advance(3600);
        library.edit_title(0, library.sections[0].items()[5].rating_key, "Renamed");
        before
    });
    let (added, _) = pms.edit(|library| add_movie(library, 0, "Brand New (2025)"));
    let since = UnixSeconds(before + 1);
    let read = async |filter| {
        let pages = client.pages(Listing { filter, ..listing(&section) });
        let pages: Vec<_> = pages.try_collect().await.unwrap();
        pages.iter().map(|page| page.items.len()).sum::<usize>()
    };
    let new = Listing { filter: Filter::AddedSince(since), ..listing(&section) };
    assert_eq!(client.page(&new, 0, 9).await.unwrap().items[0].rating_key.0, added);
    assert_eq!(read(Filter::AddedSince(since)).await, 1);
    assert!(read(Filter::UpdatedSince(since)).await >= 1);
    assert_eq!(read(Filter::Trash).await, 0);
}

#[tokio::test]
async fn items_by_key_come_with_the_missing_ones_named() {
    let (pms, client, section) = start(LibraryKind::Movies).await;
    let known: Vec<RatingKey> = pms.edit(|library| {
        library.sections[0]
            .items()
            .iter()
            .take(450)
            .map(|item| RatingKey(item.rating_key))
            .collect()
    });
    let mut asked = known.clone();
    asked.extend([RatingKey(9_999_998), RatingKey(9_999_999)]);
    let batch = client.items_with(&asked, Detail::Lean).await.unwrap();
    assert!(batch.items.iter().map(|item| item.rating_key).eq(known));
    assert_eq!(batch.missing, asked[450..]);
    counts_agree(&pms, &client, 3);
    let none = client.items(&asked[450..]).await.unwrap();
    assert_eq!(none.missing, asked[450..]);
    assert_eq!(section.kind.leaf(), Some(ItemKind::Movie));
}

#[tokio::test]
async fn a_file_lookup_is_a_hint_that_some_servers_ignore() {
    let (pms, client, section) = start(LibraryKind::Movies).await;
    let file =
        pms.edit(|library| library.sections[0].items()[77].parts().next().unwrap().file.clone());
    let name = file.rsplit('/').next().unwrap();
    for (filter, total) in
        [(FileFilter::Ignored, ITEMS as u64), (FileFilter::Exact, 1), (FileFilter::Substring, 1)]
    {
        pms.edit(|library| library.quirks.file_filter = filter);
        let page = client.lookup_file(section.key, ItemKind::Movie, name, 20).await.unwrap();
        assert_eq!(page.total, Some(total), "{filter:?}");
        let there = page
            .items
            .iter()
            .any(|item| item.parts().any(|part| part.file.as_deref() == Some(file.as_str())));
        assert_eq!(there, total == 1, "{filter:?}");
    }
}

#[tokio::test]
async fn searches_find_by_title_and_by_guid() {
    let (pms, client, section) = start(LibraryKind::Movies).await;
    let (title, guid) = pms.edit(|library| {
        let item = &library.sections[0].items()[42];
        (item.title.clone(), item.guid.clone())
    });
    let found = client.search_title(section.key, ItemKind::Movie, &[&title], 50).await.unwrap();
    assert!(found.items.iter().any(|item| item.title == title));
    let found = client.lookup_guid(section.key, ItemKind::Movie, &guid, 50).await.unwrap();
    assert!(found.items.iter().all(|item| item.guid.as_deref() == Some(guid.as_str())));
    assert!(!found.items.is_empty());
    counts_agree(&pms, &client, 2);
}

#[tokio::test]
async fn each_trouble_has_its_kind_and_ends_when_it_ends() {
    let (pms, client, section) = start(LibraryKind::Movies).await;
    for (fault, kinds) in [
        (Fault::Maintenance, &[ErrorKind::Maintenance][..]),
        (Fault::Outage, &[ErrorKind::Connect, ErrorKind::Truncated]),
    ] {
        pms.set_fault(fault);
        let error = client.sections().await.unwrap_err();
        assert!(kinds.contains(&error.kind()) && error.kind().is_outage(), "{error}");
        let pages: Result<Vec<_>, _> = client.pages(listing(&section)).try_collect().await;
        assert!(pages.unwrap_err().kind().is_outage());
        pms.clear_faults();
        client.sections().await.unwrap();
    }

    let mut stranger = config(&pms);
    stranger.token = Token::new("wrong");
    let stranger = Client::new(stranger).unwrap();
    assert_eq!(stranger.sections().await.unwrap_err().kind(), ErrorKind::Unauthorized);
    stranger.identity().await.unwrap();
    assert_eq!(stranger.calls().count(Endpoint::Sections), 1, "not repeated");

    let gone = Listing { section: plex_api::SectionKey(99), ..listing(&section) };
    assert_eq!(client.total(&gone).await.unwrap_err().kind(), ErrorKind::NotFound);
    let other = Some(SectionUuid("another".to_owned()));
    let other = Listing { expect_uuid: other, ..listing(&section) };
    assert_eq!(client.total(&other).await.unwrap_err().kind(), ErrorKind::WrongSection);
}

/// Servers announce that they will refuse lists without paging, and some already do.
#[tokio::test]
async fn every_list_is_asked_for_in_pages() {
    let (pms, client, section) = start(LibraryKind::Episodes).await;
    pms.edit(|library| library.quirks.needs_paging = true);
    let (key, kind) = (section.key, ItemKind::Episode);
    let all: Vec<_> = client.pages(listing(&section)).try_collect().await.unwrap();
    let show = all[0].items[0].grandparent_rating_key.unwrap();
    client.total(&listing(&section)).await.unwrap();
    client.children(show, Detail::Lean).await.unwrap();
    client.leaves(show, Detail::Keys).await.unwrap();
    client.search_title(key, kind, &["a"], 5).await.unwrap();
    client.lookup_file(key, kind, "a.mkv", 5).await.unwrap();
    client.lookup_guid(key, kind, "plex://episode/1", 5).await.unwrap();
    let url = format!("{}/library/sections/{key}/all?X-Plex-Token={}", pms.url(), pms.token());
    assert_eq!(reqwest::get(url).await.unwrap().status(), 400);
}

/// The simulated server does the same as a real one. `cargo xtask conformance --python` checks that
/// an independent client can use it.
#[tokio::test]
async fn who_does_not_ask_for_json_gets_xml() {
    let (pms, _, section) = start(LibraryKind::Movies).await;
    let get = async |path: &str| {
        let request = reqwest::Client::new().get(format!("{}{path}", pms.url()));
        let response = request.header("X-Plex-Token", pms.token()).send().await.unwrap();
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (kind, response.text().await.unwrap())
    };
    let xml = "text/xml;charset=utf-8";
    let (kind, body) = get("/library/sections").await;
    assert_eq!(kind, xml);
    assert!(body.contains("<Directory ") && body.contains("<Location "), "{body}");
    let page = format!("/library/sections/{}/all?X-Plex-Container-Size=2", section.key);
    let (kind, body) = get(&page).await;
    assert_eq!((kind.as_str(), body.matches("<Video ").count()), (xml, 2));
    assert!(body.contains(&format!("totalSize=\"{ITEMS}\"")) && body.contains("<Part "), "{body}");
    let (kind, _) = get("/library/sections/99/all").await;
    assert_eq!(kind, "text/html", "errors are HTML");
}

#[tokio::test]
async fn compressed_answers_are_read_and_limited_as_what_they_unfold_to() {
    let library = generate(&Spec { seed: 3, items: ITEMS, kind: LibraryKind::Movies });
    let pms = Pms::start(library, Options { gzip: true, ..Options::default() }).await.unwrap();
    let client = Client::new(config(&pms)).unwrap();
    let section = client.sections().await.unwrap().remove(0);
    let page = client.page(&listing(&section), 0, 500).await.unwrap();
    assert_eq!(page.items.len(), 500);
    let unfolded = client.calls().by_endpoint[&Endpoint::Page].bytes;
    let limit = usize::try_from(unfolded).unwrap() - 1;
    let small = Client::new(Config { body_limit: limit, ..config(&pms) }).unwrap();
    // A page that is too large comes in parts. An answer that is not a page cannot.
    let page = small.page(&listing(&section), 0, 500).await.unwrap();
    assert_eq!((page.rows, small.calls().total().count), (250, 2));
    let tiny = Client::new(Config { body_limit: 100, ..config(&pms) }).unwrap();
    let error = tiny.sections().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");

    let raw = reqwest::Client::builder().gzip(false).build().unwrap();
    let page = format!("{}/library/sections/1/all?X-Plex-Container-Size=500", pms.url());
    let request = raw.get(page).header("X-Plex-Token", pms.token());
    let request = request.header("Accept", "application/json").header("Accept-Encoding", "gzip");
    let sent = request.send().await.unwrap().bytes().await.unwrap().len();
    assert!(sent as u64 * 3 < unfolded, "{sent} of {unfolded} bytes on the wire");
}

/// The memory of a listing is bounded, because only a few pages are read ahead. Ten times as many
/// items do not change this.
#[tokio::test]
async fn the_pages_in_memory_are_few_whatever_the_total() {
    let mut ahead = Vec::new();
    for items in [2_000, 20_000] {
        let library = generate(&Spec { seed: 3, items, kind: LibraryKind::PersonalVideos });
        let pms = Pms::start(library, Options::default()).await.unwrap();
        let client = Client::new(Config { page_size: 100, ..config(&pms) }).unwrap();
        let section = client.sections().await.unwrap().remove(0);
        let mut pages = std::pin::pin!(client.pages(listing(&section)));
        let (mut read, mut most) = (0, 0);
        while pages.try_next().await.unwrap().is_some() {
            read += 1;
            // Requests in flight may arrive first, so that only the reader limits the pages.
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            most = most.max(pms.requests().count(server::Route::Listing) - read);
        }
        assert_eq!(read, items as u64 / 100);
        ahead.push(most);
    }
    let in_flight = Config::new("http://x", Token::new("x")).max_in_flight as u64;
    assert!(ahead.iter().all(|pages| (1..=in_flight).contains(pages)), "{ahead:?} pages ahead");
}
