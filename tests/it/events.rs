//! The event stream of the simulated server, read by the client.

use std::pin::Pin;

use futures::{Stream, StreamExt};
use plex_api::{
    Client, Config, Edit, ErrorKind, Event, Field, ItemChange, ItemKind, RatingKey, ScanPhase,
    SectionKey, Token,
};
use testbed::generate::{LibraryKind, Spec, add_movie, generate};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};

type Events = Pin<Box<dyn Stream<Item = Result<Event, plex_api::Error>> + Send>>;

async fn start() -> (Pms, Client, Events) {
    let library = generate(&Spec { seed: 5, items: 50, kind: LibraryKind::Movies });
    let pms = Pms::start(library, Options::default()).await.unwrap();
    let client = Client::new(Config::new(pms.url(), Token::new(pms.token()))).unwrap();
    let mut events: Events = Box::pin(client.events());
    assert_eq!(next(&mut events).await, Event::Live);
    assert_eq!(pms.listeners(), 1);
    (pms, client, events)
}

async fn next(events: &mut Events) -> Event {
    events.next().await.unwrap().unwrap()
}

/// The next event after a pause. The pause takes no time: tokio's paused clock moves on when all
/// tasks wait.
async fn live_again(events: &mut Events) -> Event {
    tokio::time::pause();
    let event = next(events).await;
    tokio::time::resume();
    event
}

/// The next event, which has to be about an item.
async fn item(events: &mut Events) -> (ItemChange, RatingKey, Option<ItemKind>) {
    match next(events).await {
        Event::Item(item) => {
            assert_eq!(item.section, Some(SectionKey(1)));
            (item.change, item.rating_key, item.kind)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn changes_of_the_library_are_heard_in_order() {
    let (pms, client, mut events) = start().await;
    let movie = Some(ItemKind::Movie);
    let key = RatingKey(pms.edit(|library| add_movie(library, 0, "A Film Just Added (2026)").0));
    assert_eq!(item(&mut events).await, (ItemChange::Created, key, movie));
    assert_eq!(item(&mut events).await, (ItemChange::Processed, key, movie));

    client.edit_item(key, &Edit::new().set(Field::Title, "Renamed")).await.unwrap();
    assert_eq!(item(&mut events).await, (ItemChange::Processed, key, movie));

    pms.ping();
    assert_eq!(next(&mut events).await, Event::Ping);
    client.scan(SectionKey(1), None).await.unwrap();
    let section = Some(SectionKey(1));
    assert_eq!(next(&mut events).await, Event::Scan { phase: ScanPhase::Started, section });
    assert_eq!(next(&mut events).await, Event::Scan { phase: ScanPhase::Ended, section });

    pms.edit(|library| library.remove_item(0, key.0));
    assert_eq!(item(&mut events).await, (ItemChange::Deleted, key, None));
}

/// A server refreshes items when they are read, unless the request forbids it.
#[tokio::test]
async fn reading_items_has_no_side_effects() {
    let (pms, client, mut events) = start().await;
    client.items(&[RatingKey(1), RatingKey(2)]).await.unwrap();
    client.scan(SectionKey(1), None).await.unwrap();
    let section = Some(SectionKey(1));
    let started = Event::Scan { phase: ScanPhase::Started, section };
    assert_eq!(next(&mut events).await, started, "and nothing before it");
    next(&mut events).await;

    let url = format!("{}/library/metadata/1?X-Plex-Token={}", pms.url(), pms.token());
    reqwest::get(url).await.unwrap();
    let refreshed = Event::Other { name: "library.refresh.items".to_owned() };
    assert_eq!(next(&mut events).await, refreshed, "not forbidden");
}

#[tokio::test]
async fn what_happens_in_a_gap_is_lost_and_the_gap_is_told() {
    let (pms, _, mut events) = start().await;
    pms.drop_listeners();
    pms.edit(|library| add_movie(library, 0, "Nobody Heard Of It (2026)"));
    assert_eq!(next(&mut events).await, Event::Gap { kind: ErrorKind::Truncated });
    assert_eq!(live_again(&mut events).await, Event::Live);
    let key = pms.edit(|library| add_movie(library, 0, "Heard Of (2026)").0);
    assert_eq!(item(&mut events).await.1, RatingKey(key));
}

/// Tokio's paused clock moves on when all tasks wait.
#[tokio::test]
async fn a_silent_line_is_taken_for_dead() {
    let (pms, _, mut events) = start().await;
    pms.set_silent(true);
    pms.edit(|library| add_movie(library, 0, "Nobody Heard Of It (2026)"));
    tokio::time::pause();
    assert_eq!(next(&mut events).await, Event::Gap { kind: ErrorKind::Timeout });
    tokio::time::resume();
    pms.set_silent(false);
    assert_eq!(live_again(&mut events).await, Event::Live);
    assert_eq!(pms.listeners(), 1, "the client closed the dead connection");
}

/// Some servers send everything without a name, in the container of the web socket.
#[tokio::test]
async fn frames_without_a_name_are_heard() {
    let (pms, _, mut events) = start().await;
    pms.set_unnamed(true);
    let movie = Some(ItemKind::Movie);
    let key = RatingKey(pms.edit(|library| add_movie(library, 0, "A Film Just Added (2026)").0));
    assert_eq!(item(&mut events).await, (ItemChange::Created, key, movie));
    assert_eq!(item(&mut events).await, (ItemChange::Processed, key, movie));
    pms.ping();
    assert_eq!(next(&mut events).await, Event::Ping);
    pms.edit(|library| library.scan(0));
    let section = Some(SectionKey(1));
    assert_eq!(next(&mut events).await, Event::Scan { phase: ScanPhase::Started, section });
}

/// A connection was seen that stays without an answer. Tokio's paused clock moves on when all tasks
/// wait.
#[tokio::test]
async fn a_stream_that_does_not_open_is_tried_again() {
    let library = generate(&Spec { seed: 5, items: 50, kind: LibraryKind::Movies });
    let pms = Pms::start(library, Options::default()).await.unwrap();
    pms.script(FaultRule::next(Route::Events, 2, Fault::Hang));
    let client = Client::new(Config::new(pms.url(), Token::new(pms.token()))).unwrap();
    let mut events: Events = Box::pin(client.events());
    assert_eq!(live_again(&mut events).await, Event::Live);
    assert_eq!(pms.requests().count(Route::Events), 3);
    assert_eq!(client.calls().total().failures, 2);
}
