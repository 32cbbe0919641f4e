//! What is sent for each request, and what comes back.

use plex_api::{
    Client, Config, Detail, Endpoint, ErrorKind, Filter, ItemKind, Listing, RatingKey, SectionKey,
    SectionUuid, Sort, UnixSeconds, UnsupportedReason,
};
use serde_json::json;

use crate::support::{Answer, Server, TOKEN, http, movie, movies, not_found, ok};

const SECTION: SectionKey = SectionKey(1);

#[tokio::test]
async fn headers_say_who_asks_and_the_token_is_nowhere_else() {
    let server = Server::start(|_, seen| match seen.target.as_str() {
        "/identity" => ok(json!({"machineIdentifier": "abc", "version": "1.43.3", "claimed": "1"})),
        "/" => ok(json!({"machineIdentifier": "abc", "friendlyName": "box", "version": "1"})),
        _ => ok(json!({"Directory": []})),
    })
    .await;
    let client = server.client();
    let identity = client.identity().await.unwrap();
    assert_eq!((identity.machine_identifier.as_str(), identity.claimed), ("abc", true));
    let root = client.server().await.unwrap();
    assert!(!root.allow_media_deletion, "the server leaves this out if it is off");
    assert_eq!(client.sections().await.unwrap(), []);
    for seen in server.seen() {
        let token = seen.header("x-plex-token");
        assert_eq!(token, (seen.target != "/identity").then_some(TOKEN), "{}", seen.target);
        assert_eq!(seen.header("accept"), Some("application/json"));
        assert_eq!(seen.header("x-plex-client-identifier"), Some("matchbox-plex-api"));
        assert_eq!(seen.header("x-plex-product"), Some("Matchbox"));
        assert!(!seen.target.contains(TOKEN));
    }
}

#[tokio::test]
async fn another_server_is_refused() {
    let server = Server::start(|_, _| ok(json!({"machineIdentifier": "other"}))).await;
    let config = Config { expect_server: Some("mine".to_owned()), ..server.config() };
    let client = Client::new(config).unwrap();
    for error in [client.identity().await.unwrap_err(), client.server().await.unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::WrongServer);
        assert!(error.to_string().contains("expected server mine, found other"), "{error}");
    }
}

#[tokio::test]
async fn a_listing_says_what_it_wants_and_always_pages() {
    let server = Server::start(|_, seen| ok(movies(seen.start(), seen.size(), 1200))).await;
    let client = server.client();
    let listing = Listing {
        filter: Filter::AddedSince(UnixSeconds(1_700_000_000)),
        ..Listing::new(SECTION, ItemKind::Movie)
    };
    assert_eq!(client.total(&listing).await.unwrap(), Some(1200));
    let page = client.page(&listing, 500, 100).await.unwrap();
    assert_eq!((page.rows, page.items.len(), page.offset), (100, 100, 500));
    assert_eq!(page.total, Some(1200));
    let seen = server.seen();
    assert_eq!((seen[0].start(), seen[0].size()), (0, 0));
    assert_eq!((seen[1].start(), seen[1].size()), (500, 100));
    assert!(seen[1].target.starts_with(
        "/library/sections/1/all?type=1&addedAt%3E%3E=1700000000&sort=id&includeGuids=1&exclude"
    ));
    let calls = client.calls();
    assert_eq!((calls.count(Endpoint::Total), calls.count(Endpoint::Page)), (1, 1));
    assert!(calls.total().bytes > 10_000);
}

#[tokio::test]
async fn totals_come_from_the_body_or_a_header_and_are_never_made_up() {
    for (answer, expected) in [
        (ok(json!({"size": 0, "totalSize": "7"})), Some(7)),
        (
            http(200, &[("X-Plex-Container-Total-Size", "8")], r#"{"MediaContainer":{"size":0}}"#),
            Some(8),
        ),
        (ok(json!({"size": 2, "Metadata": [movie(1), movie(2)]})), Some(2)),
        (ok(json!({"size": 0})), None),
    ] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let total = server.client().total(&Listing::new(SECTION, ItemKind::Movie)).await;
        assert_eq!(total.unwrap(), expected);
    }
}

#[tokio::test]
async fn rows_of_another_section_are_refused() {
    let server = Server::start(|_, seen| ok(movies(seen.start(), seen.size(), 3))).await;
    let listing = Listing {
        expect_uuid: Some(SectionUuid("uuid-2".to_owned())),
        ..Listing::new(SECTION, ItemKind::Movie)
    };
    let client = server.client();
    assert_eq!(client.page(&listing, 0, 10).await.unwrap_err().kind(), ErrorKind::WrongSection);
    assert_eq!(client.total(&listing).await.unwrap_err().kind(), ErrorKind::WrongSection);
}

/// The ids in the path of a batch request.
fn ids(target: &str) -> Vec<u64> {
    let path = target.split('?').next().unwrap();
    let list = path.strip_prefix("/library/metadata/").unwrap();
    list.split(',').map(|id| id.parse().unwrap()).collect()
}

#[tokio::test]
async fn items_come_in_batches_with_the_missing_ones_named() {
    let server = Server::start(|_, seen| {
        let rows: Vec<_> =
            ids(&seen.target).into_iter().filter(|id| id % 3 != 0).map(movie).collect();
        if rows.is_empty() {
            not_found()
        } else {
            ok(json!({"totalSize": rows.len(), "Metadata": rows}))
        }
    })
    .await;
    let client = server.client();
    // In descending order, and some of them twice.
    let keys: Vec<RatingKey> = (1..=450).rev().chain(1..=5).map(RatingKey).collect();
    let batch = client.items(&keys).await.unwrap();
    let expected = |missing: bool| (1..=450).rev().filter(move |id| (id % 3 == 0) == missing);
    assert!(batch.items.iter().map(|item| item.rating_key.0).eq(expected(false)));
    assert!(batch.missing.iter().map(|key| key.0).eq(expected(true)));
    assert_eq!(client.calls().count(Endpoint::Items), 3);
    assert!(server.seen().iter().all(|seen| seen.target.contains("?skipRefresh=1&includeGuids=1")));

    let none = client.items(&[RatingKey(3), RatingKey(6)]).await.unwrap();
    assert_eq!((none.items.len(), none.missing), (0, vec![RatingKey(3), RatingKey(6)]));
    client.reset_calls();
    assert_eq!(client.items(&[]).await.unwrap().items, []);
    assert_eq!(client.calls().total().count, 0);
}

#[tokio::test]
async fn request_lines_stay_short_whatever_the_keys() {
    let server = Server::start(|_, seen| {
        ok(json!({"Metadata": ids(&seen.target).into_iter().map(movie).collect::<Vec<_>>()}))
    })
    .await;
    let keys: Vec<RatingKey> = (0..400).map(|n| RatingKey(1_000_000_000_000_000_000 + n)).collect();
    for detail in [Detail::Full, Detail::Lean, Detail::Keys] {
        let batch = server.client().items_with(&keys, detail).await.unwrap();
        assert_eq!(batch.items.len(), 400);
    }
    for seen in server.seen() {
        assert!(seen.head.lines().next().unwrap().len() < 4000);
    }
}

#[tokio::test]
async fn a_batch_that_comes_in_pieces_is_read_to_its_end() {
    let server = Server::start(|_, seen| {
        let asked = ids(&seen.target);
        let (start, total) = (seen.start(), asked.len());
        let rows = asked.into_iter().map(movie).skip(usize::try_from(start).unwrap()).take(50);
        ok(json!({"offset": start, "totalSize": total, "Metadata": rows.collect::<Vec<_>>()}))
    })
    .await;
    let client = server.client();
    let keys: Vec<RatingKey> = (1..=120).map(RatingKey).collect();
    let batch = client.items(&keys).await.unwrap();
    assert_eq!((batch.items.len(), batch.missing.len()), (120, 0));
    assert_eq!(client.calls().count(Endpoint::Items), 3);
}

/// Answers that could wrongly make a client believe that items are missing.
#[tokio::test]
async fn no_key_is_missing_on_the_word_of_half_an_answer() {
    type Script = fn(u64, u64) -> Answer;
    let table: [(&str, Script, ErrorKind); 6] = [
        ("a proxy's 404", |_, _| http(404, &[], "<h1>404 Not Found</h1>"), ErrorKind::NotFound),
        ("the same rows again", |_, _| ok(movies(0, 50, 120)), ErrorKind::Decode),
        (
            "the same rows again, said to be others",
            |start, _| {
                let mut page = movies(0, 50, 120);
                page["offset"] = json!(start.min(1));
                ok(page)
            },
            ErrorKind::Decode,
        ),
        (
            "a total that falls",
            |start, _| ok(movies(start, 50, 120 - start / 50)),
            ErrorKind::ListingChanged,
        ),
        ("no container", |_, _| http(200, &[], r#"{"MediaContainer":{}}"#), ErrorKind::Decode),
        ("rows lost", |_, _| ok(json!({"size": 12})), ErrorKind::Decode),
    ];
    let keys: Vec<RatingKey> = (1..=120).map(RatingKey).collect();
    for (what, script, kind) in table {
        let server = Server::start(move |_, seen| script(seen.start(), seen.size())).await;
        let error = server.client().items(&keys).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}");
        // The same holds for lists of what is below an item.
        let error = server.client().leaves(RatingKey(7), Detail::Lean).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{what}, leaves");
    }
    for body in [r#"{"MediaContainer":{}}"#, r#"{"MediaContainer":{"size":2}}"#] {
        let server = Server::start(move |_, _| http(200, &[], body)).await;
        assert_eq!(server.client().sections().await.unwrap_err().kind(), ErrorKind::Decode);
    }
}

#[tokio::test]
async fn a_batch_says_when_its_texts_were_guessed() {
    let row = |title: &[u8]| {
        [
            br#"{"MediaContainer":{"size":1,"Metadata":[{"ratingKey":"1","title":""#,
            title,
            br#""}]}}"#,
        ]
        .concat()
    };
    for (title, lossy) in [(&b"Qu\xc3\xa9"[..], false), (b"Qu\xe9", true)] {
        let body = row(title);
        let server = Server::start(move |_, _| http(200, &[], &body)).await;
        let batch = server.client().items(&[RatingKey(1)]).await.unwrap();
        assert_eq!((batch.items.len(), batch.lossy), (1, lossy));
    }
}

/// If a server tells no total, it is asked until an answer has no rows.
#[tokio::test]
async fn lists_without_a_total_are_read_until_no_row_comes() {
    let server = Server::start(|_, seen| {
        let mut page = movies(seen.start(), seen.size().min(10), 25);
        page.as_object_mut().unwrap().remove("totalSize");
        ok(page)
    })
    .await;
    let client = Client::new(Config { page_size: 10, ..server.config() }).unwrap();
    let leaves = client.leaves(RatingKey(7), Detail::Lean).await.unwrap();
    assert_eq!((leaves.rows, leaves.items.len(), leaves.total), (25, 25, None));
    assert_eq!(client.calls().count(Endpoint::Children), 4);
    // If all 25 keys were found, there cannot be more rows. If one is missing, the server is asked
    // again.
    for (asked, missing, calls) in [(25, 0, 3), (26, 1, 4)] {
        client.reset_calls();
        let keys: Vec<RatingKey> = (1..=asked).map(RatingKey).collect();
        let batch = client.items(&keys).await.unwrap();
        assert_eq!((batch.items.len(), batch.missing.len()), (25, missing));
        assert_eq!(client.calls().count(Endpoint::Items), calls);
    }
}

#[tokio::test]
async fn what_was_not_asked_for_is_not_an_answer() {
    let server = Server::start(|_, _| {
        let odd = json!({"ratingKey": "2", "title": ["no", "text"]});
        ok(json!({"Metadata": [movie(1), movie(99), odd]}))
    })
    .await;
    let keys = [RatingKey(1), RatingKey(2), RatingKey(3)];
    let batch = server.client().items(&keys).await.unwrap();
    assert_eq!(batch.items.len(), 1);
    assert_eq!(batch.missing, [RatingKey(3)], "item 2 exists, but its row cannot be read");
    assert_eq!(batch.unsupported.len(), 2);
    assert!(batch.unsupported.iter().any(|row| row.reason == UnsupportedReason::NotAskedFor));
}

#[tokio::test]
async fn lookups_always_send_their_type_and_encode_the_value() {
    let server = Server::start(|_, seen| ok(movies(0, seen.size(), 1))).await;
    let client = server.client();
    client.search_title(SECTION, ItemKind::Movie, &["Am\u{e9}lie & co", "two"], 20).await.unwrap();
    client.lookup_file(SECTION, ItemKind::Episode, "a b+c.mkv", 20).await.unwrap();
    client.lookup_guid(SECTION, ItemKind::Movie, "plex://movie/5d", 20).await.unwrap();
    let seen = server.seen();
    for (seen, expected) in seen.iter().zip([
        "/library/sections/1/all?type=1&title=Am%C3%A9lie%20%26%20co&title=two&",
        "/library/sections/1/all?type=4&file=a%20b%2Bc.mkv&",
        "/library/sections/1/all?type=1&guid=plex%3A%2F%2Fmovie%2F5d&",
    ]) {
        assert!(seen.target.starts_with(expected), "{}", seen.target);
        assert_eq!(seen.size(), 20);
    }
}

#[tokio::test]
async fn children_and_leaves_are_read_to_the_end() {
    let server = Server::start(|_, seen| {
        let mut container = movies(seen.start(), seen.size().min(2), 5);
        container["parentTitle"] = json!("A Show");
        ok(container)
    })
    .await;
    let client = server.client();
    let children = client.children(RatingKey(7), Detail::Lean).await.unwrap();
    assert_eq!((children.rows, children.items.len()), (5, 5));
    assert_eq!(children.items[4].parent_title.as_deref(), Some("A Show"), "the container has it");
    client.leaves(RatingKey(7), Detail::Full).await.unwrap();
    let seen = server.seen();
    assert!(seen[0].target.starts_with("/library/metadata/7/children?excludeAllLeaves=1&"));
    assert_eq!(seen[3].target, "/library/metadata/7/allLeaves?includeGuids=1");
    assert_eq!(client.calls().count(Endpoint::Children), 6);
}

#[tokio::test]
async fn a_path_of_a_proxy_stays_in_front() {
    let server = Server::start(|_, _| ok(movies(0, 1, 1))).await;
    let config = Config { base_url: format!("{}/plex/", server.url()), ..server.config() };
    let client = Client::new(config).unwrap();
    let listing = Listing {
        sort: Sort::ServerDefault,
        detail: Detail::Full,
        ..Listing::new(SECTION, ItemKind::Movie)
    };
    client.page(&listing, 0, 1).await.unwrap();
    assert_eq!(server.seen()[0].target, "/plex/library/sections/1/all?type=1&includeGuids=1");
}

/// A server ignores a filter that it does not know: the answer is 200, and the whole list. So each
/// filter is sent in exactly the bytes that servers are known to read.
#[tokio::test]
async fn every_filter_is_sent_as_servers_read_it() {
    let server = Server::start(|_, seen| ok(movies(seen.start(), seen.size(), 3))).await;
    let client = server.client();
    let at = UnixSeconds(1_700_000_000);
    for filter in
        [Filter::AddedSince(at), Filter::UpdatedSince(at), Filter::ChangedSince(at), Filter::Trash]
    {
        let listing = Listing {
            filter,
            detail: Detail::Full,
            sort: Sort::ServerDefault,
            ..Listing::new(SECTION, ItemKind::Movie)
        };
        client.page(&listing, 0, 5).await.unwrap();
    }
    let recent = Listing {
        sort: Sort::UpdatedLast,
        detail: Detail::Full,
        ..Listing::new(SECTION, ItemKind::Episode)
    };
    client.page(&recent, 0, 5).await.unwrap();
    let movie = ItemKind::Movie;
    client.lookup_file(SECTION, movie, "A & B, \u{e9}=1.mkv", 5).await.unwrap();
    client.search_title(SECTION, movie, &["Blade", "Runner"], 5).await.unwrap();
    client.lookup_guid(SECTION, movie, "plex://movie/5d77", 5).await.unwrap();
    let lean = "&includeGuids=1&excludeElements=Actor%2CRole%2CCollection%2CCountry%2CDirector%2C\
        Genre%2CLabel%2CMood%2CProducer%2CSimilar%2CStyle%2CWriter%2CImage%2CUltraBlurColors%2C\
        Rating%2CExtras&excludeFields=summary%2Ctagline";
    let expected = [
        "type=1&addedAt%3E%3E=1700000000&includeGuids=1".to_owned(),
        "type=1&updatedAt%3E%3E=1700000000&includeGuids=1".to_owned(),
        "type=1&push=1&addedAt%3E%3E=1700000000&or=1&updatedAt%3E%3E=1700000000&pop=1&includeGuids=1"
            .to_owned(),
        "type=1&trash=1&includeGuids=1".to_owned(),
        "type=4&sort=updatedAt%3Adesc&includeGuids=1".to_owned(),
        format!("type=1&file=A%20%26%20B%2C%20%C3%A9%3D1.mkv{lean}"),
        format!("type=1&title=Blade&title=Runner{lean}"),
        format!("type=1&guid=plex%3A%2F%2Fmovie%2F5d77{lean}"),
    ];
    let seen: Vec<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    let expected = expected.map(|query| format!("/library/sections/1/all?{query}"));
    assert_eq!(seen, expected);
}
