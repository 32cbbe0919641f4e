//! Bodies as servers send them, and what they decode to.

use plex_api::decode::{Payload, page, payload, refusal, sections};
use plex_api::{
    Detail, ErrorKind, ItemKind, MediaId, PartId, RatingKey, SectionKey, SectionKind, TagField,
    UnixSeconds, UnsupportedReason,
};
use serde_json::{Value, json};

fn body(container: &Value) -> Vec<u8> {
    json!({ "MediaContainer": container }).to_string().into_bytes()
}

/// The item of a page that has only this row.
fn item(row: &Value, detail: Detail) -> plex_api::Item {
    let mut page = page(&body(&json!({"Metadata": [row]})), detail).unwrap();
    assert_eq!(page.unsupported, []);
    page.items.remove(0)
}

#[test]
fn every_field_of_a_full_item_is_read() {
    let row = json!({
        "ratingKey": "182", "type": "episode", "title": "Pilot", "originalTitle": "Le pilote",
        "titleSort": "Pilot, The", "year": "1999", "guid": "plex://episode/5d",
        "Guid": [{"id": "imdb://tt1"}, {"id": "tvdb://2"}],
        "addedAt": 1, "updatedAt": "2", "deletedAt": 3, "duration": 60000,
        "grandparentTitle": "Show", "parentTitle": "Season 1", "grandparentRatingKey": "1",
        "parentRatingKey": 2, "index": 3, "parentIndex": "4", "librarySectionID": "5",
        "summary": "text", "tagline": "line", "studio": "st", "contentRating": "PG",
        "originallyAvailableAt": "1999-03-31 00:00:00", "userRating": 7.5,
        "Genre": [{"tag": "Drama", "id": 1}, {"tag": "War"}], "Label": [{"tag": "x"}],
        "Role": [{"tag": "Somebody", "role": "Someone"}],
        "Field": [{"locked": true, "name": "title"}, {"locked": "0", "name": "summary"}],
        "Media": [{
            "id": "7", "duration": 61000, "proxyType": 42, "optimizedForStreaming": 1,
            "Part": [{
                "id": 8, "key": "/library/parts/8/1579478991/file.mkv", "file": "/tv/a.mkv",
                "size": "123456789012", "duration": 61001, "optimizedForStreaming": true,
                "Stream": [{"id": 1}]
            }, {"id": 9}]
        }],
        "unknown": {"deep": [[[1]]]}
    });
    let full = item(&row, Detail::Full);
    assert_eq!(full.rating_key, RatingKey(182));
    assert_eq!((full.kind, full.section), (ItemKind::Episode, Some(SectionKey(5))));
    assert_eq!((full.year, full.index, full.parent_index), (Some(1999), Some(3), Some(4)));
    assert_eq!(full.guids, ["imdb://tt1", "tvdb://2"]);
    assert_eq!(full.updated_at, Some(UnixSeconds(2)));
    assert_eq!(full.deleted_at, Some(UnixSeconds(3)));
    assert_eq!(full.parent_rating_key, Some(RatingKey(2)));
    assert_eq!(full.originally_available_at.as_deref(), Some("1999-03-31"));
    assert_eq!(full.user_rating, Some(7.5));
    assert_eq!(full.tags_of(TagField::Genre).collect::<Vec<_>>(), ["Drama", "War"]);
    assert_eq!(full.tags.len(), 4);
    assert!(full.is_locked("title") && !full.is_locked("summary"));
    let media = &full.media[0];
    assert_eq!((media.id, media.optimized), (Some(MediaId(7)), true));
    assert_eq!(media.parts[0].id, Some(PartId(8)));
    assert_eq!(media.parts[0].stamp, Some(1_579_478_991));
    assert_eq!(media.parts[0].size, Some(123_456_789_012));
    assert_eq!(media.parts[1].file, None);

    let lean = item(&row, Detail::Lean);
    assert_eq!((lean.summary, lean.tags.len(), lean.user_rating), (None, 0, None));
    assert_eq!((lean.title, lean.guids, lean.media), (full.title, full.guids, full.media));
}

#[test]
fn odd_values_cost_a_value_and_not_the_item() {
    for (field, value) in [
        ("type", json!("hologram")),
        ("year", json!(99_999)),
        ("year", json!(0)),
        ("index", json!(-1)),
        ("duration", json!("")),
        ("addedAt", json!(null)),
        ("Media", json!(null)),
        ("Guid", json!([{}])),
        ("parentRatingKey", json!("opaque")),
        ("userRating", json!("many")),
    ] {
        let mut row = json!({"ratingKey": "1", "title": "x"});
        row[field] = value.clone();
        let item = item(&row, Detail::Full);
        assert_eq!(item.title, "x", "{field} {value}");
        assert_eq!((item.year, item.index, item.duration_ms), (None, None, None));
        assert_eq!((item.media.len(), item.guids.len()), (0, 0));
        assert_eq!(item.kind, ItemKind::Other(0));
    }
}

#[test]
fn rows_that_cannot_be_used_are_kept_with_the_reason() {
    let malformed =
        |path: &str| UnsupportedReason::Malformed { path: path.to_owned(), message: String::new() };
    for (row, key, title, reason) in [
        (
            json!({"title": "All episodes"}),
            None,
            Some("All episodes"),
            UnsupportedReason::NoRatingKey,
        ),
        (
            json!({"ratingKey": "5d776b59"}),
            Some("5d776b59"),
            None,
            UnsupportedReason::RatingKeyNotNumeric,
        ),
        (json!({"ratingKey": "-1"}), Some("-1"), None, UnsupportedReason::RatingKeyNotNumeric),
        (json!({"ratingKey": 1.5, "title": "t"}), Some("1.5"), Some("t"), malformed("ratingKey")),
        (json!({"ratingKey": "7", "title": {}}), Some("7"), None, malformed("title")),
        (
            json!({"ratingKey": "7", "title": "t", "Media": [{"Part": [{}, {"size": [1]}]}]}),
            Some("7"),
            Some("t"),
            malformed("Media[0].Part[1].size"),
        ),
        (json!("text"), None, None, malformed(".")),
        (json!([5]), None, None, malformed(".")),
        (json!({"ratingKey": "+5"}), Some("+5"), None, UnsupportedReason::RatingKeyNotNumeric),
        (json!({"ratingKey": "007"}), Some("007"), None, UnsupportedReason::RatingKeyNotNumeric),
    ] {
        let good = json!({"ratingKey": "1", "title": "good"});
        let page = page(&body(&json!({"size": 2, "Metadata": [row, good]})), Detail::Lean).unwrap();
        assert_eq!((page.rows, page.items.len(), page.unsupported.len()), (2, 1, 1), "{row}");
        let found = &page.unsupported[0];
        assert_eq!(found.rating_key.as_deref(), key, "{row}");
        assert_eq!(found.title.as_deref(), title, "{row}");
        match (&found.reason, &reason) {
            (
                UnsupportedReason::Malformed { path, message },
                UnsupportedReason::Malformed { path: expected, .. },
            ) => {
                assert_eq!(path, expected, "{row}: {message}");
                assert!(!message.is_empty());
            }
            (found, expected) => assert_eq!(found, expected, "{row}"),
        }
    }
}

#[test]
fn what_the_container_says_holds_for_its_rows() {
    let container = json!({
        "librarySectionID": 3, "librarySectionUUID": "u", "parentTitle": "Show", "parentIndex": 2,
        "offset": 7, "totalSize": 9,
        "Metadata": [{"ratingKey": "1"}, {"ratingKey": "2", "parentTitle": "Own", "parentIndex": 5}],
        "Directory": [{"title": "All episodes"}],
    });
    let page = page(&body(&container), Detail::Lean).unwrap();
    assert_eq!((page.offset, page.total, page.rows), (7, Some(9), 3));
    assert_eq!(page.section_uuid.unwrap().0, "u");
    let titles: Vec<_> = page.items.iter().map(|item| item.parent_title.as_deref()).collect();
    assert_eq!(titles, [Some("Show"), Some("Own")]);
    let indexes: Vec<_> = page.items.iter().map(|item| item.parent_index).collect();
    assert_eq!(indexes, [Some(2), Some(5)]);
    assert!(page.items.iter().all(|item| item.section == Some(SectionKey(3))));
}

#[test]
fn bodies_that_are_not_utf8_are_read_and_flagged() {
    let row = |title: &[u8]| {
        [br#"{"MediaContainer":{"Metadata":[{"ratingKey":"1","title":""#, title, br#""}]}}"#]
            .concat()
    };
    for (title, expected, lossy) in [
        (&b"\xc2\xbfQu\xc3\xa9?"[..], "\u{bf}Qu\u{e9}?", false),
        (b"\xbfQu\xc3\xa9?", "\u{bf}Qu\u{e9}?", true),
        (b"\xbfQu\xe9?", "\u{bf}Qu\u{e9}?", true),
        (b"a\x93b", "a\u{fffd}b", true),
        (b"\xf0\x9f\x98", "\u{f0}\u{fffd}\u{fffd}", true),
    ] {
        let page = page(&row(title), Detail::Lean).unwrap();
        assert_eq!((page.items[0].title.as_str(), page.lossy), (expected, lossy));
    }
    let marked = [&b"\xef\xbb\xbf"[..], &row(b"x")].concat();
    assert!(!page(&marked, Detail::Lean).unwrap().lossy);
}

#[test]
fn bodies_that_are_no_answer_are_errors_with_a_place() {
    let deep = format!("{{\"MediaContainer\": {}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, text) in [
        ("", "the answer is empty"),
        (" \n", "the answer is empty"),
        ("<html><body><h1>Hello</h1></body></html>", "XML or HTML in place of JSON: Hello"),
        ("{\"MediaContainer\": {\"Metadata\": [}", "at MediaContainer.Metadata"),
        ("{\"MediaContainer\": [0]}", "at MediaContainer"),
        ("{\"MediaContainer\": {}} trailing", "trailing characters"),
        ("{\"_elementType\": \"MediaContainer\", \"_children\": []}", "PMS 0.9"),
        ("{}", "no MediaContainer"),
        ("[]", "at ."),
        ("{\"MediaContainer\": 5}", "at MediaContainer"),
        (&deep, "at MediaContainer"),
    ] {
        let error = page(body.as_bytes(), Detail::Lean).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Decode);
        assert!(error.to_string().contains(text), "{error}");
    }
}

/// The rest is still on its way, or lost. Unlike a wrong answer, this may succeed at the next
/// attempt.
#[test]
fn a_body_that_ends_in_the_middle_broke_off() {
    let whole = body(&json!({"size": 1, "Metadata": [{"ratingKey": "1"}]}));
    for end in [5, 30, whole.len() - 1] {
        for error in [page(&whole[..end], Detail::Full).err(), sections(&whole[..end]).err()] {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Truncated, "{end}: {error}");
        }
    }
}

/// In memory, a row can take a hundred times as many bytes as in the body.
#[test]
fn lists_without_end_are_refused() {
    let many = format!("[{}{{}}]", "{},".repeat(100_000));
    for body in [
        format!("{{\"MediaContainer\":{{\"size\":1,\"Metadata\":{many}}}}}"),
        format!("{{\"MediaContainer\":{{\"size\":1,\"Directory\":{many}}}}}"),
    ] {
        for error in
            [page(body.as_bytes(), Detail::Full).err(), page(body.as_bytes(), Detail::Lean).err()]
        {
            let error = error.unwrap();
            assert_eq!(error.kind(), ErrorKind::Decode);
            assert!(error.to_string().contains("more than 100000"), "{error}");
        }
    }
    // If such a list is within a row, only that row is unreadable.
    let body = format!(
        "{{\"MediaContainer\":{{\"Metadata\":[{{\"ratingKey\":\"1\",\"Guid\":{many}}}]}}}}"
    );
    let page = page(body.as_bytes(), Detail::Lean).unwrap();
    assert_eq!((page.items.len(), page.unsupported.len()), (0, 1));
}

#[test]
fn reasons_do_not_repeat_what_was_sent_at_length() {
    let long = "x".repeat(1_000_000);
    let row = json!({"ratingKey": "1", "Media": [{"Part": long}]});
    let page = page(&body(&json!({"Metadata": [row]})), Detail::Lean).unwrap();
    assert!(page.unsupported[0].reason.to_string().len() < 500);
    let error = sections(&body(&json!({"Directory": long}))).unwrap_err();
    assert!(error.to_string().len() < 500);
}

/// Deep nesting needs no stack in a field that is skipped, and is refused in a field that is read.
#[test]
fn deep_nesting_is_harmless() {
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    for field in ["unknown", "summary", "title", "Media", "ratingKey"] {
        let body = format!(
            "{{\"MediaContainer\":{{\"Metadata\":[{{\"ratingKey\":\"1\",\"{field}\":{deep}}}]}}}}"
        );
        let page = page(body.as_bytes(), Detail::Lean).unwrap();
        assert_eq!(page.rows, 1, "{field}");
        assert_eq!(
            page.items.len(),
            usize::from(matches!(field, "unknown" | "summary")),
            "{field}"
        );
    }
}

#[test]
fn sections_are_read_with_their_stamps() {
    let directories = json!([
        {
            "key": "1", "uuid": "u1", "title": "Movies", "type": "movie", "refreshing": "1",
            "hidden": 2, "scannedAt": 5, "contentChangedAt": 8_457_612_157_631_014_061_u64,
            "Location": [{"id": 4, "path": "/movies"}, {"id": 5}]
        },
        {"key": 2, "uuid": "u2", "title": "Mixed", "type": "mixed", "contentChangedAt": "9"},
        {"key": "watch", "uuid": "u3", "title": "Bad key"},
        {"key": "4", "title": "No uuid"},
        {"key": "5", "uuid": ["u5"], "title": "Bad uuid"},
    ]);
    let (found, unsupported) = sections(&body(&json!({"Directory": directories}))).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!((found[0].key, found[0].hidden, found[0].refreshing), (SectionKey(1), 2, true));
    assert_eq!(found[0].content_changed_at, Some(8_457_612_157_631_014_061));
    assert_eq!(found[0].locations.len(), 1);
    assert_eq!(found[0].kind.leaf(), Some(ItemKind::Movie));
    assert_eq!(found[1].kind, SectionKind::Other("mixed".to_owned()));
    assert_eq!((found[1].kind.leaf(), found[1].content_changed_at), (None, Some(9)));
    let titles: Vec<_> = unsupported.iter().map(|row| row.title.as_deref()).collect();
    assert_eq!(titles, [Some("Bad key"), Some("No uuid"), Some("Bad uuid")]);
}

#[test]
fn payloads_are_known_by_their_shape() {
    let movie = json!({"ratingKey": "1", "title": "x"});
    for (container, shape) in [
        (json!({"size": 0, "machineIdentifier": "m", "version": "1"}), "server"),
        (json!({"Directory": [{"key": "1", "uuid": "u", "type": "movie"}]}), "sections"),
        (json!({"Directory": [{"key": "all", "title": "All"}]}), "page of 1"),
        (json!({"Metadata": [movie]}), "page of 1"),
        (json!({"size": 0}), "page of 0"),
        (
            json!({"SearchResult": [{"score": 1, "Metadata": movie}, {"Directory": {"tag": "t"}}]}),
            "page of 2",
        ),
        (json!({"Hub": [{"Metadata": [movie, movie]}, {"title": "empty"}]}), "page of 2"),
    ] {
        let found = match payload(&body(&container)).unwrap() {
            Payload::Server(_) => "server".to_owned(),
            Payload::Sections { .. } => "sections".to_owned(),
            Payload::Page(page) => format!("page of {}", page.rows),
            other => format!("{other:?}"),
        };
        assert_eq!(found, shape, "{container}");
    }
    let messages = br#"[{"type": "activity", "ActivityNotification": [{"event": "started"}]}]"#;
    assert!(matches!(payload(messages).unwrap(), Payload::Events(events) if events.len() == 1));
    assert_eq!(payload(b"\xff<html>").unwrap_err().kind(), ErrorKind::Decode);
    assert_eq!(refusal(401, b"<h1>401 Unauthorized</h1>").kind(), ErrorKind::Unauthorized);
    assert_eq!(refusal(503, b"<Response title=\"Maintenance\"/>").kind(), ErrorKind::Maintenance);
}
