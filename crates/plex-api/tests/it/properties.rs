//! Hostile input: any value in any place, any bytes, any sequence of faults.

use std::time::Duration;

use plex_api::decode::{events, identity, page, payload, sections, server};
use plex_api::{Client, Detail, Error, ItemKind, Listing, RetryPolicy, SectionKey};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::support::{Answer, Server, http, movies, ok};

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        "-?[0-9]{0,25}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map("[a-zA-Z]{1,8}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// An answer with every field that the client reads in any kind of answer.
fn template() -> Value {
    json!({
        "MediaContainer": {
            "size": 2, "totalSize": 2, "offset": 0, "librarySectionID": 1,
            "librarySectionUUID": "u", "parentTitle": "p", "grandparentTitle": "g",
            "parentRatingKey": "1", "grandparentRatingKey": "2", "parentIndex": 1,
            "machineIdentifier": "m", "version": "1", "claimed": true, "friendlyName": "f",
            "allowMediaDeletion": true, "updatedAt": 5,
            "Metadata": [{
                "ratingKey": "1", "type": "movie", "librarySectionID": 1, "title": "t",
                "originalTitle": "o", "titleSort": "s", "year": 1999, "guid": "g",
                "Guid": [{"id": "imdb://tt1"}], "addedAt": 1, "updatedAt": 2, "deletedAt": 3,
                "duration": 4, "grandparentTitle": "g", "parentTitle": "p",
                "grandparentRatingKey": "5", "parentRatingKey": "6", "index": 7, "parentIndex": 8,
                "summary": "s", "tagline": "t", "studio": "s", "contentRating": "c",
                "originallyAvailableAt": "1999-01-01", "userRating": 5.5,
                "Genre": [{"tag": "a"}], "Collection": [{"tag": "a"}], "Role": [{"tag": "a"}],
                "Field": [{"name": "title", "locked": true}],
                "Media": [{"id": 1, "duration": 2, "proxyType": 42, "Part": [
                    {"id": 3, "key": "/library/parts/3/4/f.mkv", "file": "/f", "size": 5, "duration": 6}
                ]}]
            }, {"ratingKey": "2", "title": "untouched"}],
            "Directory": [{
                "key": "1", "uuid": "u", "title": "t", "type": "movie", "agent": "a",
                "Location": [{"id": 1, "path": "/p"}], "refreshing": true, "hidden": 0,
                "createdAt": 1, "updatedAt": 2, "scannedAt": 3, "contentChangedAt": 4
            }],
            "SearchResult": [{"Metadata": {"ratingKey": "9"}}],
            "Hub": [{"Metadata": [{"ratingKey": "8"}]}]
        },
        "TimelineEntry": {
            "identifier": "com.plexapp.plugins.library", "sectionID": 1, "itemID": 2,
            "parentItemID": 3, "rootItemID": 4, "type": 1, "title": "t", "state": 5
        },
        "ActivityNotification": [{"event": "ended", "Activity": {
            "type": "library.update.section", "Context": {"librarySectionID": 1}
        }}],
        "StatusNotification": {"notificationName": "n"}
    })
}

/// Every place in a value, as JSON pointers.
fn places(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| places(value, &format!("{path}/{key}"), into));
        }
        Value::Array(list) => {
            let list = list.iter().enumerate();
            list.for_each(|(index, value)| places(value, &format!("{path}/{index}"), into));
        }
        _ => {}
    }
}

fn decode_all_ways(body: &[u8]) {
    let rows = page(body, Detail::Full).map(|page| {
        assert_eq!(page.rows, (page.items.len() + page.unsupported.len()) as u64);
        page.rows
    });
    let lean = page(body, Detail::Lean).map(|page| page.rows);
    assert_eq!(rows.ok(), lean.ok(), "both levels of detail count the same rows");
    let _ = (sections(body), identity(body), server(body), events("x", body), payload(body));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_value_in_place_of_any_field_never_panics(
        value in any_json(),
        place in any::<prop::sample::Index>(),
    ) {
        let mut document = template();
        let mut all = Vec::new();
        places(&document, "", &mut all);
        let place = place.get(&all);
        *document.pointer_mut(place).unwrap() = value;
        let body = document.to_string();
        decode_all_ways(body.as_bytes());
        // A bad value within a row makes at most that row unreadable.
        if place.starts_with("/MediaContainer/Metadata/0") {
            let page = page(body.as_bytes(), Detail::Full).unwrap();
            prop_assert!(page.items.iter().any(|item| item.title == "untouched"));
            prop_assert_eq!(page.rows, 5);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        decode_all_ways(&bytes);
    }

    #[test]
    fn any_damage_to_a_body_never_panics(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cut in any::<bool>(),
    ) {
        let mut body = template().to_string().into_bytes();
        let at = at.index(body.len());
        if cut {
            body.truncate(at);
            prop_assert!(page(&body, Detail::Full).is_err(), "a cut body is no shorter list");
        } else {
            body[at] = byte;
        }
        decode_all_ways(&body);
    }
}

/// What a server can do to a request for a page.
#[derive(Debug, Clone, Copy)]
enum Fault {
    None,
    Status(u16),
    RetryAfter(&'static str),
    Close,
    Hang,
    HangInBody,
    Cut,
    NotJson,
    Empty,
    Short,
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        4 => Just(Fault::None),
        2 => prop::sample::select(vec![500_u16, 502, 503, 429]).prop_map(Fault::Status),
        1 => prop::sample::select(vec![400_u16, 401, 403, 404]).prop_map(Fault::Status),
        2 => prop::sample::select(vec!["0", "7", "29", "3600", "soon"]).prop_map(Fault::RetryAfter),
        1 => Just(Fault::Close),
        1 => Just(Fault::Hang),
        1 => Just(Fault::HangInBody),
        1 => Just(Fault::Cut),
        1 => Just(Fault::NotJson),
        1 => Just(Fault::Empty),
        2 => Just(Fault::Short),
    ]
}

fn answer(fault: Fault, start: u64, size: u64) -> Answer {
    let good = || ok(movies(start, size, 30));
    let bytes = || match good() {
        Answer::Bytes(bytes) => bytes,
        _ => Vec::new(),
    };
    match fault {
        Fault::None => good(),
        Fault::Status(status) => http(status, &[], "<h1>no</h1>"),
        Fault::RetryAfter(time) => http(503, &[("retry-after", time)], ""),
        Fault::Close => Answer::Close,
        Fault::Hang => Answer::Open(Vec::new()),
        Fault::HangInBody => Answer::Open(bytes()[..100].to_vec()),
        Fault::Cut => Answer::Bytes(bytes()[..bytes().len() / 2].to_vec()),
        Fault::NotJson => http(200, &[], "<html></html>"),
        Fault::Empty => http(200, &[], ""),
        Fault::Short => ok(movies(start, size.min(3), 30)),
    }
}

/// Asks a server that answers each request with the next of the faults. Returns the outcome and how
/// long it took.
///
/// The test uses tokio's time, which passes at once while all tasks wait. So waits and time-outs
/// have their real lengths, but cost no real time.
fn ask<T>(
    faults: Vec<Fault>,
    question: impl AsyncFnOnce(Client) -> Result<T, Error>,
) -> (Result<T, Error>, Duration) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let server = Server::start(move |number, seen| {
            let fault = faults.get(number).copied().unwrap_or(Fault::None);
            answer(fault, seen.start(), seen.size())
        })
        .await;
        let mut config = server.config();
        config.page_size = 10;
        config.request_timeout = Duration::from_secs(30);
        config.retry = RetryPolicy::default();
        let client = Client::new(config).unwrap();
        let begun = tokio::time::Instant::now();
        let outcome = question(client).await;
        (outcome, begun.elapsed())
    })
}

fn listing() -> Listing {
    Listing::new(SectionKey(1), ItemKind::Movie)
}

/// The longest time from the first attempt to the end of the last one, with the timer's own
/// inaccuracy.
fn deadline() -> Duration {
    RetryPolicy::default().deadline + Duration::from_millis(2)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_faults_ends_within_the_deadline(
        faults in prop::collection::vec(fault(), 1..8),
    ) {
        let (outcome, elapsed) = ask(faults, async |client| client.page(&listing(), 0, 10).await);
        match outcome {
            Ok(page) => prop_assert!(matches!(page.items.len(), 3 | 10)),
            Err(error) => prop_assert!(error.to_string().starts_with("listing movie"), "{error}"),
        }
        prop_assert!(elapsed <= deadline(), "{elapsed:?}");
    }

    #[test]
    fn any_sequence_of_faults_ends_in_the_whole_list_or_an_error(
        faults in prop::collection::vec(fault(), 1..12),
    ) {
        let (outcome, elapsed) = ask(faults, async |client| {
            futures::TryStreamExt::try_collect::<Vec<_>>(client.pages(listing())).await
        });
        match outcome {
            Ok(pages) => {
                let keys = pages.iter().flat_map(|page| &page.items).map(|item| item.rating_key.0);
                prop_assert!(keys.eq(1..=30), "the list is complete and in order");
            }
            // The error has a kind, and says what was being done.
            Err(error) => prop_assert!(error.to_string().starts_with("listing movie"), "{error}"),
        }
        // Each request has its own deadline. A page has at least 3 rows, so at most 10 requests
        // follow one another.
        prop_assert!(elapsed <= 10 * deadline(), "{elapsed:?}");
    }
}
