//! The event stream: what it tells, how it connects again, and when it ends.

use std::time::Duration;

use futures::StreamExt;
use plex_api::{
    Endpoint, ErrorKind, Event, ItemChange, ItemEvent, ItemKind, RatingKey, ScanPhase, SectionKey,
};

use crate::support::{Answer, Server, http};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n";

fn stream(frames: &str) -> Vec<u8> {
    format!("{HEAD}{frames}").into_bytes()
}

/// The test uses tokio's time, which passes at once while all tasks wait.
#[tokio::test(start_paused = true)]
async fn the_stream_tells_what_happened_and_when_it_was_not_listening() {
    let first = "event: ping\ndata: {}\n\n\
        event: timeline\ndata: {\"TimelineEntry\": {\"identifier\": \"com.plexapp.plugins.library\", \
        \"sectionID\": \"2\", \"itemID\": 77, \"type\": 4, \"state\": 0}}\n\n";
    let second = "event: activity\ndata: {\"ActivityNotification\": {\"event\": \"ended\", \
        \"Activity\": {\"type\": \"library.update.section\", \"Context\": {\"librarySectionID\": \"2\"}}}}\n\n\
        event: odd\ndata: no json\n\n";
    let server = Server::start(move |number, _| match number {
        0 => Answer::Bytes(stream(first)),
        1 => http(503, &[], "starting"),
        _ => Answer::Open(stream(second)),
    })
    .await;
    let client = server.client();
    let events: Vec<Event> = client.events().take(7).map(Result::unwrap).collect().await;
    let created = ItemEvent {
        change: ItemChange::Created,
        section: Some(SectionKey(2)),
        rating_key: RatingKey(77),
        kind: Some(ItemKind::Episode),
        parent: None,
        root: None,
        title: None,
    };
    assert_eq!(
        events,
        [
            Event::Live,
            Event::Ping,
            Event::Item(created),
            Event::Gap { kind: ErrorKind::Truncated },
            Event::Live,
            Event::Scan { phase: ScanPhase::Ended, section: Some(SectionKey(2)) },
            Event::Other { name: "odd".to_owned() },
        ]
    );
    let seen = server.seen();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].target, "/:/eventsource/notifications?filters=timeline%2Cactivity%2Cstatus");
    assert_eq!(seen[0].header("accept"), Some("text/event-stream"));
    assert_eq!(client.calls().count(Endpoint::Events), 3);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_breaks_after_each_ping_is_not_asked_for_without_a_pause() {
    let server = Server::start(|_, _| Answer::Bytes(stream("event: ping\ndata: {}\n\n"))).await;
    let client = server.client();
    let begun = tokio::time::Instant::now();
    let events: Vec<Event> = client.events().take(30).map(Result::unwrap).collect().await;
    for line in events.chunks(3) {
        assert_eq!(line, [Event::Live, Event::Ping, Event::Gap { kind: ErrorKind::Truncated }]);
    }
    assert_eq!(server.seen().len(), 10);
    // There were nine random waits.
    let waited = begun.elapsed();
    assert!(waited > Duration::from_millis(100), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn the_wait_grows_from_loss_to_loss() {
    let server = Server::start(|_, _| Answer::Bytes(stream("event: ping\ndata: {}\n\n"))).await;
    let client = server.client();
    let begun = tokio::time::Instant::now();
    let events: Vec<Event> = client.events().take(120).map(Result::unwrap).collect().await;
    assert_eq!(events.iter().filter(|event| **event == Event::Live).count(), 40);
    // There were 39 random waits. All but six of them may last up to a minute: 16 minutes together
    // on average. If the wait did not grow beyond a second, they would last at most 39 seconds.
    assert!(begun.elapsed() > Duration::from_mins(2), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_be_left_alone_is() {
    let server = Server::start(|number, _| match number {
        0 => http(503, &[("Retry-After", "600")], ""),
        _ => Answer::Open(stream("")),
    })
    .await;
    let begun = tokio::time::Instant::now();
    let client = server.client();
    let first = std::pin::pin!(client.events()).next().await.unwrap().unwrap();
    assert_eq!(first, Event::Live);
    let waited = begun.elapsed();
    assert!((Duration::from_mins(10)..Duration::from_secs(602)).contains(&waited), "{waited:?}");
}

/// A proxy's page is not an event stream, whatever its status.
#[tokio::test]
async fn only_an_event_stream_is_listened_to() {
    for headers in [&[("content-type", "text/html")][..], &[]] {
        let headers = headers.to_vec();
        let server = Server::start(move |_, _| http(200, &headers, "<h1>Log in</h1>")).await;
        let events: Vec<_> = server.client().events().collect().await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].as_ref().unwrap_err().kind(), ErrorKind::Decode);
    }
}

#[tokio::test]
async fn what_asking_again_cannot_mend_ends_the_stream() {
    for (status, kind) in [(401, ErrorKind::Unauthorized), (404, ErrorKind::NotFound)] {
        let server = Server::start(move |_, _| http(status, &[], "")).await;
        let events: Vec<_> = server.client().events().collect().await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0].as_ref().unwrap_err().kind(), kind);
    }
}

#[test]
fn messages_are_read_in_every_form() {
    let item = |change, key, section: Option<u32>, kind| {
        Event::Item(ItemEvent {
            change,
            section: section.map(SectionKey),
            rating_key: RatingKey(key),
            kind,
            parent: None,
            root: None,
            title: None,
        })
    };
    let other = |name: &str| vec![Event::Other { name: name.to_owned() }];
    let entry = |fields: &str| {
        format!(r#"{{"TimelineEntry": {{"identifier": "com.plexapp.plugins.library", {fields}}}}}"#)
    };
    let activity = |event: &str, rest: &str| {
        format!(
            r#"{{"ActivityNotification": {{"event": "{event}", "Activity":
            {{"type": "library.update.section"{rest}}}}}}}"#
        )
    };
    let movie = Some(ItemKind::Movie);
    let table = [
        ("ping", "{}".to_owned(), vec![Event::Ping]),
        ("timeline", entry(r#""itemID": 5, "sectionID": 1, "type": 1, "state": 0"#), vec![item(ItemChange::Created, 5, Some(1), movie)]),
        ("timeline", entry(r#""itemID": "5", "sectionID": "1", "type": "1", "state": "5""#), vec![item(ItemChange::Processed, 5, Some(1), movie)]),
        ("timeline", entry(r#""itemID": 5, "state": 5, "mediaState": "analyzing""#), vec![item(ItemChange::Updated, 5, None, None)]),
        ("timeline", entry(r#""itemID": 5, "state": 5, "metadataState": "loading""#), vec![item(ItemChange::Updated, 5, None, None)]),
        ("timeline", entry(r#""itemID": 5, "state": 5, "queueSize": 2"#), vec![item(ItemChange::Updated, 5, None, None)]),
        ("timeline", entry(r#""itemID": 5, "type": -1, "sectionID": -1, "state": 3"#), vec![item(ItemChange::Updated, 5, None, None)]),
        ("timeline", entry(r#""itemID": 5, "state": 9, "metadataState": "deleted""#), vec![item(ItemChange::Deleted, 5, None, None)]),
        ("timeline", entry(r#""itemID": "abc", "state": 9"#), other("timeline")),
        ("timeline", r#"{"TimelineEntry": {"identifier": "tv.plex.providers.epg.cloud:2", "itemID": 5}}"#.to_owned(), vec![]),
        ("timeline", r#"{"TimelineEntry": [{"itemID": 1, "state": 5}, {"itemID": 2, "state": 9}]}"#.to_owned(), vec![item(ItemChange::Processed, 1, None, None), item(ItemChange::Deleted, 2, None, None)]),
        ("", r#"{"NotificationContainer": {"type": "timeline", "size": 1, "TimelineEntry": [{"itemID": 1, "state": 5}]}}"#.to_owned(), vec![item(ItemChange::Processed, 1, None, None)]),
        ("activity", activity("started", ""), vec![Event::Scan { phase: ScanPhase::Started, section: None }]),
        ("activity", activity("updated", r#", "Context": {"librarySectionID": 3}"#), vec![Event::Scan { phase: ScanPhase::Running, section: Some(SectionKey(3)) }]),
        ("activity", activity("ended", r#", "Context": {"librarySectionID": "3"}"#), vec![Event::Scan { phase: ScanPhase::Ended, section: Some(SectionKey(3)) }]),
        ("activity", r#"{"ActivityNotification": {"event": "ended", "Activity": {"type": "library.refresh.items"}}}"#.to_owned(), other("library.refresh.items")),
        ("status", r#"{"StatusNotification": {"notificationName": "LIBRARY_UPDATE", "title": "x"}}"#.to_owned(), other("LIBRARY_UPDATE")),
        ("status", r#"{"StatusNotification": {"notificationName": "SERVER_SHUTDOWN"}}"#.to_owned(), vec![Event::ServerStopping]),
        ("playing", r#"{"PlaySessionStateNotification": {}}"#.to_owned(), other("playing")),
        ("", r#"{"NotificationContainer": {"type": "reachability", "size": 1}}"#.to_owned(), other("reachability")),
    ];
    for (name, data, expected) in table {
        assert_eq!(plex_api::decode::events(name, data.as_bytes()).unwrap(), expected, "{data}");
    }
    let error = plex_api::decode::events("x", br#"{"TimelineEntry": 5}"#).unwrap_err();
    assert!(error.to_string().contains("at TimelineEntry"), "{error}");
}
