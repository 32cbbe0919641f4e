//! Listening to the server: reported items are looked at, and silence is trusted.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use match_core::{Answer, Change, Confidence, EditOptions, Engine, Error, Selection, Watched};
use plex_api::{Field, RatingKey};
use testbed::budget::{MOUNT, Scale, Stage, quiet_for, to_queries};
use testbed::generate::add_movie;
use testbed::queries::{TruthQuery, check};
use testbed::server::{Fault, FaultRule, Route};

type Watching = Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>>;

const SCALE: Scale = Scale::small(600, 50);

/// A warm engine that listens, beyond the freshness window, and looks at once.
async fn listening() -> (Stage, Engine, Watching, Vec<TruthQuery>) {
    listening_and_settling(Duration::ZERO).await
}

async fn listening_and_settling(settle: Duration) -> (Stage, Engine, Watching, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let mut config = stage.config();
    config.policy.settle = settle;
    let client = plex_api::Client::new(stage.client_config()).unwrap();
    let engine = Engine::open(client, config).await.unwrap();
    let asked = stage.queries(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let mut watching: Watching = Box::pin(engine.watch());
    assert!(matches!(watching.next().await, Some(Ok(Watched::Live))));
    looked(&mut watching).await;
    quiet_for(&stage, &engine, &mut watching, Duration::from_hours(1)).await;
    (stage, engine, watching, asked)
}

/// Waits until the reported items were looked at. Returns how many items were read.
async fn looked(watching: &mut Watching) -> u64 {
    loop {
        match watching.next().await.unwrap().unwrap() {
            Watched::Looked { items, .. } => return items,
            Watched::Failed { error } => panic!("{error}"),
            _ => {}
        }
    }
}

/// Asks. Returns the answers and the number of calls.
async fn ask(stage: &Stage, engine: &Engine, asked: &[TruthQuery]) -> (Vec<Answer>, u64) {
    let before = stage.calls();
    let run = engine.match_files(&Selection::All, to_queries(asked)).await.unwrap();
    (run.answers, stage.calls() - before)
}

#[tokio::test]
async fn silence_costs_nothing() {
    let (stage, engine, _watching, asked) = listening().await;
    let (answers, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 0);
    check(&asked, &answers);
}

/// What was read during silence got the date of the stamp, which may be a day old. So a sweep that
/// was due stayed due, and every run made it again.
#[tokio::test]
async fn a_sweep_that_is_due_while_all_is_quiet_is_made_once() {
    let (stage, engine, mut watching, asked) = listening().await;
    quiet_for(&stage, &engine, &mut watching, Duration::from_hours(25)).await;
    for expected in [SCALE.pages() + 1, 0] {
        let (answers, calls) = ask(&stage, &engine, &asked).await;
        assert_eq!(calls, expected);
        check(&asked, &answers);
    }
}

/// The same for edited items.
#[tokio::test]
async fn metadata_that_are_due_while_all_is_quiet_are_read_once() {
    let (stage, engine, _watching, _) = listening().await;
    for (at, expected) in [1, 0].into_iter().enumerate() {
        let path = format!("{MOUNT}/Never Filmed {at} (1990)/Never Filmed {at} (1990).mkv");
        let asked = [TruthQuery::new(path, None)];
        let (answers, calls) = ask(&stage, &engine, &asked).await;
        assert_eq!(calls, expected, "the {at}. file");
        check(&asked, &answers);
    }
}

#[tokio::test]
async fn a_file_replaced_in_place_is_told_of_and_no_sweep_is_needed() {
    let (stage, engine, mut watching, _) = listening().await;
    let asked = stage.pms.edit(|library| {
        let key = library.sections[0].items()[7].rating_key;
        library.replace_file(
            0,
            key,
            "/data/movies/Quite Another Tale (2021)/Quite Another Tale (2021).mkv",
            5,
        );
        vec![TruthQuery::new(
            format!("{MOUNT}/Quite Another Tale (2021)/Quite Another Tale (2021).mkv"),
            Some(key),
        )]
    });
    let before = stage.calls();
    assert_eq!(looked(&mut watching).await, 1);
    // The item, the stamps, and a delta.
    assert_eq!(stage.calls() - before, 3);
    let (answers, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 0);
    check(&asked, &answers);
}

#[tokio::test]
async fn a_deletion_is_confirmed_and_applied() {
    let (stage, engine, mut watching, mut asked) = listening().await;
    asked.truncate(20);
    let gone = asked[0].expect.unwrap();
    stage.pms.edit(|library| library.remove_item(0, gone));
    assert_eq!(looked(&mut watching).await, 1);
    for query in asked.iter_mut().filter(|query| query.expect == Some(gone)) {
        query.expect = None;
    }
    let (answers, _) = ask(&stage, &engine, &asked).await;
    check(&asked, &answers);
}

#[tokio::test]
async fn a_scan_is_answered_when_it_ends_and_a_gap_at_once() {
    let (stage, engine, mut watching, asked) = listening().await;
    stage.pms.edit(|library| library.scan(0));
    let before = stage.calls();
    assert_eq!(looked(&mut watching).await, 0);
    assert_eq!(stage.calls() - before, 2, "the stamps and the total");

    stage.pms.drop_listeners();
    assert!(matches!(watching.next().await, Some(Ok(Watched::Gap))));
    let (_, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 0, "within the freshness window");
    stage.later(Duration::from_mins(5));
    let (_, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 1, "nobody listens: the stamps are asked for");
}

#[tokio::test]
async fn when_nobody_listens_silence_is_not_trusted() {
    let (stage, engine, watching, asked) = listening().await;
    drop(watching);
    let (answers, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 1, "nobody listens any more");
    check(&asked, &answers);
}

/// The host stopped reading the stream. The server's events stayed unread, but their silence was
/// trusted.
#[tokio::test]
async fn a_stream_that_is_not_read_is_not_silent() {
    let (stage, engine, _watching, _) = listening().await;
    let (key, path) = stage.pms.edit(|library| add_movie(library, 0, "A Late Arrival (2023)"));
    stage.later(Duration::from_mins(10));
    let asked = [TruthQuery::new(path, Some(key))];
    let (answers, calls) = ask(&stage, &engine, &asked).await;
    check(&asked, &answers);
    assert_eq!(calls, 2, "the stamps, and what was added or updated");
}

/// A host matches files in the task that also reads the stream. The stream was in the middle of a
/// look and held locks, but the look went on only if the stream was read.
#[tokio::test]
async fn a_run_does_not_wait_for_a_stream_that_is_not_read() {
    let (stage, engine, mut watching, asked) = listening().await;
    stage.pms.script(FaultRule::once(Route::Sections, 1, Fault::Held));
    stage.pms.edit(|library| library.scan(0));
    tokio::select! {
        () = stage.pms.held() => {}
        seen = watching.next() => panic!("it is looking: {seen:?}"),
    }
    stage.pms.release();
    let (answers, _) = ask(&stage, &engine, &asked).await;
    check(&asked, &answers);
    looked(&mut watching).await;
}

/// A reported title explained a moved counter hours later, when nobody listened any more. So the
/// answer for a file that was replaced in place came from its old path.
#[tokio::test]
async fn what_was_told_explains_no_later_change() {
    let (stage, engine, mut watching, asked) = listening().await;
    let key = asked.iter().find_map(|query| query.expect).unwrap();
    let old: Vec<TruthQuery> =
        asked.iter().filter(|query| query.expect == Some(key)).cloned().collect();
    // This is about another item, because recently edited items are read again anyway.
    let other = asked.iter().find_map(|query| query.expect.filter(|other| *other != key)).unwrap();
    stage.pms.edit(|library| library.edit_title(0, other, "Another Title"));
    assert_eq!(looked(&mut watching).await, 1);
    drop(watching);
    stage.later(Duration::from_mins(10));
    stage.pms.edit(|library| library.replace_file(0, key, "/data/movies/Elsewhere/other.mkv", 5));
    let (answers, _) = ask(&stage, &engine, &old).await;
    for answer in &answers {
        // The item may still be found by its title. What counts is that the path is not found.
        let by_path =
            matches!(answer, Answer::Found(found) if found.confidence == Confidence::High);
        assert!(!by_path, "{answer:?}");
    }
}

/// Every edit of our own was reported, read again, and made the stamps be compared.
#[tokio::test]
async fn a_thousand_edits_of_our_own_are_no_news_and_a_deletion_among_them_is() {
    let scale = Scale::small(1_000, 500);
    let stage = Stage::movies(scale).await.unwrap();
    let mut config = stage.config();
    config.policy.settle = Duration::from_mins(10);
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let asked = stage.present(scale.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let mut watching: Watching = Box::pin(engine.watch());
    assert!(matches!(watching.next().await, Some(Ok(Watched::Live))));
    looked(&mut watching).await;

    let keys: Vec<u64> = stage
        .pms
        .edit(|library| library.sections[0].items().iter().map(|i| i.rating_key).collect());
    let change = |&key: &u64| Change::new(RatingKey(key)).set(Field::Title, format!("Title {key}"));
    let changes = keys.iter().map(change).collect();
    let editing = engine.edit(&Selection::All, changes, EditOptions::default());
    let edited = tokio::select! {
        edited = editing => edited.unwrap(),
        seen = watching.next() => panic!("our own edits are ignored: {seen:?}"),
    };
    assert_eq!(edited.counts().done, 1_000);
    // The end of a scan is reported after all these events. So the watcher has read them all when
    // it looks.
    stage.pms.reset_requests();
    stage.pms.edit(|library| library.scan(0));
    assert_eq!(looked(&mut watching).await, 0);
    assert_eq!(stage.pms.requests().count(Route::Metadata), 0);
    quiet_for(&stage, &engine, &mut watching, Duration::from_mins(2)).await;
    stage.pms.reset_requests();
    let (answers, calls) = ask(&stage, &engine, &asked).await;
    assert_eq!(calls, 0, "{:?}", stage.pms.requests());
    check(&asked, &answers);

    let gone = asked[0].expect.unwrap();
    stage.pms.edit(|library| library.remove_item(0, gone));
    // The host comes back to the stream after a pause. It reads only the first event, or all
    // events.
    stage.later(Duration::from_mins(2));
    while !engine.is_live() {
        let _ = tokio::time::timeout(Duration::from_millis(1), watching.next()).await;
    }
    let of_gone = TruthQuery { expect: None, ..asked[0].clone() };
    let (answers, _) = ask(&stage, &engine, std::slice::from_ref(&of_gone)).await;
    check(&[of_gone], &answers);
}

/// A server works on a new item for a while and reports every step. The test uses tokio's time,
/// which passes at once while all tasks wait. Our clock moves with it.
#[tokio::test]
async fn an_item_that_is_told_of_again_and_again_is_read_once_it_is_quiet() {
    let settle = Duration::from_secs(10);
    let (stage, engine, mut watching, _) = listening_and_settling(settle).await;
    stage.pms.reset_requests();
    tokio::time::pause();
    let clock = stage.clock.clone();
    let ticking = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            clock.advance(Duration::from_secs(1));
        }
    });
    let told = async {
        for step in 0..4 {
            stage.pms.edit(|library| {
                let key = library.sections[0].items()[7].rating_key;
                library.edit_title(0, key, &format!("Step {step}"));
            });
            tokio::time::sleep(Duration::from_secs(6)).await;
            assert_eq!(stage.calls(), 0, "read too early, after report {step}");
        }
        tokio::time::Instant::now()
    };
    // The watcher listens while the server tells.
    let mut early = Box::pin(looked(&mut watching));
    let last = tokio::select! {
        at = told => at - Duration::from_secs(6),
        items = &mut early => panic!("{items} items were read before they were quiet"),
    };
    assert_eq!(early.await, 1);
    let quiet = last.elapsed();
    ticking.abort();
    let tick = Duration::from_secs(1);
    assert!(quiet + tick >= settle, "{quiet:?}");
    assert_eq!(stage.pms.requests().count(Route::Metadata), 1, "four reports are one batch");
    drop(watching);
    engine.close().await.unwrap();
}
