//! The whole path: a simulated server, a real file, the engine. Each test first checks the number
//! of calls, then the answers.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use cache_store::{Clear, Store};
use match_core::{
    Answer, Engine, Error, MIN_SUPPORT, OnProgress, PathMapping, Phase, Run, Selection, Source,
};
use plex_api::{Client, Config, Token};
use testbed::budget::{MOUNT, Scale, Stage, to_queries};
use testbed::generate::{LibraryKind, Spec, add_movie, generate};
use testbed::queries::{TruthQuery, check};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};

/// Each page has a thousand rows.
const SCALE: Scale = Scale::new(1_200);

const HOUR: Duration = Duration::from_hours(1);

/// A server, and queries for its files and for 20 that it does not have.
async fn world() -> (Stage, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let all = [stage.present(SCALE.items), stage.absent(20)].concat();
    (stage, all)
}

/// One run as a host does it: open, match, close. Returns the number of calls that the server
/// received.
async fn ask(stage: &Stage, asked: &[TruthQuery]) -> (Run, u64) {
    let before = stage.calls();
    let run = stage.run(&Selection::All, asked).await.unwrap();
    (run, stage.calls() - before)
}

#[tokio::test]
async fn a_cold_run_costs_identity_sections_and_the_pages() {
    let (stage, all) = world().await;
    let (run, seen) = ask(&stage, &all).await;
    assert_eq!(seen, 2 + SCALE.pages() + 1, "some are absent, so the stamps are compared again");
    assert_eq!(run.report.calls.total().count, seen);
    assert_eq!(run.report.lookups.remembered, 0);
    check(&all, &run.answers);
}

#[tokio::test]
async fn an_unchanged_library_costs_one_call_and_nothing_is_computed() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    let (run, seen) = ask(&stage, &all).await;
    assert_eq!(seen, 1);
    assert_eq!(run.report.lookups.remembered, all.len() as u64);
    assert_eq!(run.report.lookups.computed, 0);
    check(&all, &run.answers);
}

#[tokio::test]
async fn within_the_freshness_window_nothing_is_asked() {
    let (stage, all) = world().await;
    let engine = stage.engine().await.unwrap();
    let wanted = to_queries(&all);
    let movies = Selection::section("Movies");
    engine.match_files(&movies, wanted.clone()).await.unwrap();
    let before = stage.calls();
    let run = engine.match_files(&movies, wanted).await.unwrap();
    assert_eq!(stage.calls(), before);
    check(&all, &run.answers);
}

#[tokio::test]
async fn an_added_item_is_found_with_a_delta() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    let (key, path) = stage.pms.edit(|library| {
        let added = add_movie(library, 0, "A Film Just Added (2026)");
        library.scan(0);
        added
    });
    let mut asked: Vec<_> = all.iter().filter(|query| query.expect.is_some()).cloned().collect();
    asked.push(TruthQuery::new(path, Some(key)));
    let (run, seen) = ask(&stage, &asked).await;
    assert_eq!(seen, 2);
    assert_eq!(run.report.steps.len(), 1);
    assert_eq!(run.report.steps[0].changes.added, 1);
    assert_eq!(run.report.lookups.computed, 1, "an unrelated addition invalidates nothing");
    check(&asked, &run.answers);
}

#[tokio::test]
async fn an_absence_after_a_delta_is_proven_by_one_listing() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    stage.pms.edit(|library| {
        add_movie(library, 0, "A Film Just Added (2026)");
        library.scan(0);
    });
    let (run, seen) = ask(&stage, &all).await;
    // The delta (2), the pages, which prove every absence at once, and the stamps again.
    assert_eq!(seen, 2 + SCALE.pages() + 1);
    check(&all, &run.answers);
}

#[tokio::test]
async fn a_scan_that_changed_nothing_costs_two_calls() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    stage.pms.edit(|library| library.scan(0));
    let (run, seen) = ask(&stage, &all).await;
    assert_eq!(seen, 2);
    assert_eq!(run.report.lookups.computed, 0);
    check(&all, &run.answers);
}

#[tokio::test]
async fn a_removed_item_is_absent_afterwards() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    let mut asked = all.clone();
    let gone = asked[0].expect.unwrap();
    stage.pms.edit(|library| {
        library.remove_item(0, gone);
        library.scan(0);
    });
    for query in &mut asked {
        if query.expect == Some(gone) {
            query.expect = None;
        }
    }
    let (run, _) = ask(&stage, &asked).await;
    check(&asked, &run.answers);
}

#[tokio::test]
async fn an_outage_answers_unknown_and_leaves_the_store_alone() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    let before = stage.digest().unwrap();
    stage.later(HOUR);
    stage.pms.set_fault(Fault::Outage);
    let (run, _) = ask(&stage, &all).await;
    assert!(run.answers.iter().all(|answer| matches!(answer, Answer::Unknown(_))));
    assert_eq!(stage.digest().unwrap(), before);

    stage.pms.clear_faults();
    let (run, seen) = ask(&stage, &all).await;
    assert_eq!((seen, run.report.lookups.computed), (1, 0), "the outage cost nothing afterwards");
    check(&all, &run.answers);
}

#[tokio::test]
async fn maintenance_answers_unknown_with_the_servers_own_words() {
    let (stage, all) = world().await;
    stage.pms.set_fault(Fault::Maintenance);
    let (run, _) = ask(&stage, &all[..1]).await;
    let Answer::Unknown(reason) = &run.answers[0] else { panic!("{:?}", run.answers[0]) };
    assert!(reason.to_string().contains("database migrations"), "{reason}");
}

#[tokio::test]
async fn a_wrong_token_is_unknown_and_says_so() {
    let (stage, all) = world().await;
    let config = Config::new(stage.pms.url(), Token::new("not the token"));
    let engine = Engine::open(Client::new(config).unwrap(), stage.config()).await.unwrap();
    let asked = to_queries(&all[..1]);
    let run = engine.match_files(&Selection::All, asked).await.unwrap();
    let Answer::Unknown(reason) = &run.answers[0] else { panic!("{:?}", run.answers[0]) };
    assert!(reason.to_string().contains("token"), "{reason}");
    assert!(!format!("{reason:?}").contains("not the token"));
}

/// Somebody clears the store once, in the middle of a run.
#[tokio::test]
async fn a_store_that_is_cleared_during_a_run_costs_calls_and_no_answer() {
    let cold = 2 + SCALE.pages() + 1; // some are absent: the stamps are compared again
    for (phase, calls) in [
        (Phase::Refresh, cold + SCALE.pages()), // the engine does not trust the listing
        // The absences are proven after that, so the section is listed again.
        (Phase::Remember, cold + 1 + SCALE.pages()),
    ] {
        let (stage, all) = world().await;
        let asked = &all[all.len() - 120..]; // these include all absent ones
        let store: Arc<OnceLock<Weak<Store>>> = Arc::default();
        let (told, cleared) = (Arc::clone(&store), AtomicBool::new(false));
        let mut config = stage.config();
        config.progress = Some(OnProgress::new(move |progress| {
            if progress.phase == phase && progress.done > 0 && !cleared.swap(true, SeqCst) {
                let store = told.get().and_then(Weak::upgrade).unwrap();
                store.clear(Clear::All).unwrap();
            }
        }));
        let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
        assert!(store.set(Arc::downgrade(engine.store())).is_ok());
        let wanted = to_queries(asked);
        let run = engine.match_files(&Selection::All, wanted).await.unwrap();
        check(asked, &run.answers);
        assert_eq!(stage.calls(), calls, "{phase:?}");
        assert!(engine.store().check().unwrap().is_sound());
        engine.close().await.unwrap();
        let (again, _) = ask(&stage, asked).await;
        check(asked, &again.answers);
    }
}

#[tokio::test]
async fn a_missing_section_is_an_error_that_names_the_others() {
    let (stage, all) = world().await;
    let engine = stage.engine().await.unwrap();
    let asked = to_queries(&all[..1]);
    let error = engine.match_files(&Selection::section("Filme"), asked).await.unwrap_err();
    assert!(matches!(&error, Error::NoSection { .. }), "{error:?}");
    assert!(error.to_string().contains("Movies"), "{error}");
}

/// Otherwise every file of that section would look absent.
#[tokio::test]
async fn a_section_whose_row_cannot_be_read_is_not_taken_for_removed() {
    const ROWS: &[u8] = br#"{"MediaContainer":{"size":1,"Directory":[
        {"key":"1","type":"movie","title":"Movies"}]}}"#;
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    stage.later(HOUR);
    let before = stage.digest().unwrap();
    let rows = Fault::Answer { status: 200, content_type: "application/json", body: ROWS };
    stage.pms.script(FaultRule::next(Route::Sections, 1, rows));
    let engine = stage.engine().await.unwrap();
    let asked = to_queries(&all[..1]);
    let error = engine.match_files(&Selection::All, asked).await.unwrap_err();
    assert!(matches!(&error, Error::UnreadableSection { title } if title == "Movies"), "{error:?}");
    engine.close().await.unwrap();
    assert_eq!(stage.digest().unwrap(), before);
    let (run, seen) = ask(&stage, &all).await;
    assert_eq!((seen, run.report.lookups.computed), (1, 0), "nothing was lost");
    check(&all, &run.answers);
}

#[tokio::test]
async fn another_server_at_the_same_address_is_refused() {
    let (stage, all) = world().await;
    ask(&stage, &all).await;
    let before = stage.digest().unwrap();
    stage.later(HOUR);
    let other = generate(&Spec { seed: 8, items: 10, kind: LibraryKind::Movies });
    let pms = Pms::start(other, Options::default()).await.unwrap();
    let config = Config::new(pms.url(), Token::new(pms.token()));
    let engine = Engine::open(Client::new(config).unwrap(), stage.config()).await.unwrap();
    let asked = to_queries(&all[..1]);
    let error = engine.match_files(&Selection::All, asked).await.unwrap_err();
    assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");
    engine.close().await.unwrap();
    assert_eq!(stage.digest().unwrap(), before);
}

#[tokio::test]
async fn mappings_are_suggested_and_adopted_if_the_host_wants_that() {
    let (stage, all) = world().await;
    let mut config = stage.config();
    config.adopt_mappings = Some(MIN_SUPPORT);
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let run = || engine.match_files(&Selection::All, to_queries(&all));
    let mapping = PathMapping { local: MOUNT.to_owned(), plex: "/data/movies".to_owned() };
    let first = run().await.unwrap();
    let suggested = &first.report.suggested_mappings;
    assert_eq!(suggested[0].mapping, mapping, "{suggested:?}");
    assert!(suggested[0].support > 400, "{suggested:?}");
    assert_eq!(engine.settings().mappings, [mapping]);

    let calls = stage.calls();
    let second = run().await.unwrap();
    assert_eq!(stage.calls(), calls, "the keys change, but no call is made");
    assert_eq!(second.report.suggested_mappings, [], "it is not suggested any more");
    let whole = |run: &Run| {
        let whole = |answer: &&Answer| match answer {
            Answer::Found(found) => found.evidence.score == 1_000,
            _ => false,
        };
        run.answers.iter().filter(whole).count()
    };
    assert_eq!(whole(&first), 0);
    assert!(whole(&second) > 900, "the whole path agrees, mapped");
    assert_eq!(second.report.unused_mappings, []);
    engine.close().await.unwrap();

    // Files are found without a mapping that is wrong, and the report names it.
    let wrong = [PathMapping::new(MOUNT, "/wrong"), PathMapping::new("a/relative/folder", "/data")];
    let mut config = stage.config();
    config.settings.mappings = wrong.to_vec();
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let asked = to_queries(&all);
    let third = engine.match_files(&Selection::All, asked).await.unwrap();
    assert_eq!(third.report.unused_mappings, wrong);
    assert_eq!(third.report.answers, first.report.answers);
    engine.close().await.unwrap();
}

#[tokio::test]
async fn an_answer_says_that_the_server_was_asked_for_it() {
    let (stage, all) = world().await;
    let source = |run: &Run| match &run.answers[0] {
        Answer::Found(found) => found.evidence.source,
        other => panic!("{other:?}"),
    };
    let (first, _) = ask(&stage, &all[..1]).await;
    assert_eq!(source(&first), Source::LookedUp);
    let (second, _) = ask(&stage, &all[..1]).await;
    assert_eq!(source(&second), Source::Remembered);
}
