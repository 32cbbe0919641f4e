//! The whole path: a simulated server, a real file, the engine. Each test first checks the number
//! of calls, then the answers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use cache_store::{Clear, Store};
use match_core::{
    Answer, Engine, EngineConfig, Error, MIN_SUPPORT, OnProgress, PathMapping, Phase, Query, Run,
    Selection, Source,
};
use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use testbed::generate::{LibraryKind, Spec, add_movie, generate};
use testbed::queries::{TruthQuery, absent_queries, check, queries};
use testbed::server::{Fault, FaultRule, Options, Pms, Route};

const ITEMS: usize = 1_200;
const MOUNT: &str = "/mnt/elsewhere";
/// The number of pages of 1,000 for [`ITEMS`].
const PAGES: u64 = 2;

/// A server, a cache file, and the clock of both.
struct World {
    pms: Pms,
    clock: Clock,
    folder: tempfile::TempDir,
    queries: Vec<TruthQuery>,
}

impl World {
    async fn new() -> Self {
        let library = generate(&Spec { seed: 7, items: ITEMS, kind: LibraryKind::Movies });
        let mut asked = queries(&library, ITEMS, 7, MOUNT);
        asked.extend(absent_queries(&library, 20, 7, MOUNT));
        let clock = Clock::manual(UnixSeconds(library.now()));
        let pms = Pms::start(library, Options::default()).await.unwrap();
        Self { pms, clock, folder: tempfile::tempdir().unwrap(), queries: asked }
    }

    fn cache(&self) -> std::path::PathBuf {
        self.folder.path().join("cache.matchbox")
    }

    fn client(&self) -> Client {
        let mut config = Config::new(self.pms.url(), Token::new(self.pms.token()));
        config.retry.attempts = 1;
        Client::new(config).unwrap()
    }

    async fn engine(&self) -> Engine {
        let mut config = EngineConfig::new(self.cache());
        config.clock = self.clock.clone();
        Engine::open(self.client(), config).await.unwrap()
    }

    /// Moves the clock by one hour, for the server and for the engine.
    fn later(&self) {
        self.clock.advance(Duration::from_hours(1));
        self.pms.edit(|library| library.advance(3_600));
    }

    /// One run as a host does it: open, match, close. Returns the number of calls that the server
    /// received.
    async fn run(&self, asked: &[TruthQuery]) -> (Run, u64) {
        let before = self.pms.requests().total();
        let engine = self.engine().await;
        let wanted = asked.iter().map(to_query).collect();
        let run = engine.match_files(&Selection::All, wanted).await.unwrap();
        engine.close().await.unwrap();
        let seen = self.pms.requests().total() - before;
        (run, seen)
    }
}

fn to_query(truth: &TruthQuery) -> Query {
    let mut query = Query::new(truth.path.as_str());
    query.size = truth.size;
    query.duration_ms = truth.duration_ms;
    query
}

#[tokio::test]
async fn a_cold_run_costs_identity_sections_and_the_pages() {
    let world = World::new().await;
    let (run, seen) = world.run(&world.queries).await;
    assert_eq!(seen, 2 + PAGES + 1, "some are absent, so the stamps are compared again");
    assert_eq!(run.report.calls.total().count, seen);
    assert_eq!(run.report.lookups.remembered, 0);
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn an_unchanged_library_costs_one_call_and_nothing_is_computed() {
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    let (run, seen) = world.run(&world.queries).await;
    assert_eq!(seen, 1);
    assert_eq!(run.report.lookups.remembered, world.queries.len() as u64);
    assert_eq!(run.report.lookups.computed, 0);
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn within_the_freshness_window_nothing_is_asked() {
    let world = World::new().await;
    let engine = world.engine().await;
    let wanted: Vec<Query> = world.queries.iter().map(to_query).collect();
    let movies = Selection::section("Movies");
    engine.match_files(&movies, wanted.clone()).await.unwrap();
    let before = world.pms.requests().total();
    let run = engine.match_files(&movies, wanted).await.unwrap();
    assert_eq!(world.pms.requests().total(), before);
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn an_added_item_is_found_with_a_delta() {
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    let (key, path) = world.pms.edit(|library| {
        let added = add_movie(library, 0, "A Film Just Added (2026)");
        library.scan(0);
        added
    });
    let mut asked: Vec<_> =
        world.queries.iter().filter(|query| query.expect.is_some()).cloned().collect();
    asked.push(TruthQuery::new(path, Some(key)));
    let (run, seen) = world.run(&asked).await;
    assert_eq!(seen, 2);
    assert_eq!(run.report.steps.len(), 1);
    assert_eq!(run.report.steps[0].changes.added, 1);
    assert_eq!(run.report.lookups.computed, 1, "an unrelated addition invalidates nothing");
    check(&asked, &run.answers);
}

#[tokio::test]
async fn an_absence_after_a_delta_is_proven_by_one_listing() {
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    world.pms.edit(|library| {
        add_movie(library, 0, "A Film Just Added (2026)");
        library.scan(0);
    });
    let (run, seen) = world.run(&world.queries).await;
    // The delta (2), the pages, which prove every absence at once, and the stamps again.
    assert_eq!(seen, 2 + PAGES + 1);
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn a_scan_that_changed_nothing_costs_two_calls() {
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    world.pms.edit(|library| library.scan(0));
    let (run, seen) = world.run(&world.queries).await;
    assert_eq!(seen, 2);
    assert_eq!(run.report.lookups.computed, 0);
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn a_removed_item_is_absent_afterwards() {
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    let mut asked = world.queries.clone();
    let gone = asked[0].expect.unwrap();
    world.pms.edit(|library| {
        library.remove_item(0, gone);
        library.scan(0);
    });
    for query in &mut asked {
        if query.expect == Some(gone) {
            query.expect = None;
        }
    }
    let (run, _) = world.run(&asked).await;
    check(&asked, &run.answers);
}

#[tokio::test]
async fn an_outage_answers_unknown_and_leaves_the_store_alone() {
    let world = World::new().await;
    world.run(&world.queries).await;
    let before = digest(&world.cache());
    world.later();
    world.pms.set_fault(Fault::Outage);
    let (run, _) = world.run(&world.queries).await;
    assert!(run.answers.iter().all(|answer| matches!(answer, Answer::Unknown(_))));
    assert_eq!(digest(&world.cache()), before);

    world.pms.clear_faults();
    let (run, seen) = world.run(&world.queries).await;
    assert_eq!((seen, run.report.lookups.computed), (1, 0), "the outage cost nothing afterwards");
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn maintenance_answers_unknown_with_the_servers_own_words() {
    let world = World::new().await;
    world.pms.set_fault(Fault::Maintenance);
    let (run, _) = world.run(&world.queries[..1]).await;
    let Answer::Unknown(reason) = &run.answers[0] else { panic!("{:?}", run.answers[0]) };
    assert!(reason.to_string().contains("database migrations"), "{reason}");
}

#[tokio::test]
async fn a_wrong_token_is_unknown_and_says_so() {
    let world = World::new().await;
    let config = Config::new(world.pms.url(), Token::new("not the token"));
    let mut options = EngineConfig::new(world.cache());
    options.clock = world.clock.clone();
    let engine = Engine::open(Client::new(config).unwrap(), options).await.unwrap();
    let asked = world.queries[..1].iter().map(to_query).collect();
    let run = engine.match_files(&Selection::All, asked).await.unwrap();
    let Answer::Unknown(reason) = &run.answers[0] else { panic!("{:?}", run.answers[0]) };
    assert!(reason.to_string().contains("token"), "{reason}");
    assert!(!format!("{reason:?}").contains("not the token"));
}

/// Somebody clears the store once, in the middle of a run.
#[tokio::test]
async fn a_store_that_is_cleared_during_a_run_costs_calls_and_no_answer() {
    let cold = 2 + PAGES + 1; // some are absent: the stamps are compared again
    for (phase, calls) in [
        (Phase::Refresh, cold + PAGES), // the engine does not trust the listing
        // The absences are proven after that, so the section is listed again.
        (Phase::Remember, cold + 1 + PAGES),
    ] {
        let world = World::new().await;
        let asked = &world.queries[ITEMS - 100..]; // these include all absent ones
        let store: Arc<OnceLock<Weak<Store>>> = Arc::default();
        let (told, cleared) = (Arc::clone(&store), AtomicBool::new(false));
        let mut config = EngineConfig::new(world.cache());
        config.clock = world.clock.clone();
        config.progress = Some(OnProgress::new(move |progress| {
            if progress.phase == phase && progress.done > 0 && !cleared.swap(true, SeqCst) {
                let store = told.get().and_then(Weak::upgrade).unwrap();
                store.clear(Clear::All).unwrap();
            }
        }));
        let engine = Engine::open(world.client(), config).await.unwrap();
        assert!(store.set(Arc::downgrade(engine.store())).is_ok());
        let wanted: Vec<Query> = asked.iter().map(to_query).collect();
        let run = engine.match_files(&Selection::All, wanted).await.unwrap();
        check(asked, &run.answers);
        assert_eq!(world.pms.requests().total(), calls, "{phase:?}");
        assert!(engine.store().check().unwrap().is_sound());
        engine.close().await.unwrap();
        let (again, _) = world.run(asked).await;
        check(asked, &again.answers);
    }
}

#[tokio::test]
async fn a_missing_section_is_an_error_that_names_the_others() {
    let world = World::new().await;
    let engine = world.engine().await;
    let asked = world.queries[..1].iter().map(to_query).collect();
    let error = engine.match_files(&Selection::section("Filme"), asked).await.unwrap_err();
    assert!(matches!(&error, Error::NoSection { .. }), "{error:?}");
    assert!(error.to_string().contains("Movies"), "{error}");
}

/// Otherwise every file of that section would look absent.
#[tokio::test]
async fn a_section_whose_row_cannot_be_read_is_not_taken_for_removed() {
    const ROWS: &[u8] = br#"{"MediaContainer":{"size":1,"Directory":[
        {"key":"1","type":"movie","title":"Movies"}]}}"#;
    let world = World::new().await;
    world.run(&world.queries).await;
    world.later();
    let before = digest(&world.cache());
    let rows = Fault::Answer { status: 200, content_type: "application/json", body: ROWS };
    world.pms.script(FaultRule::next(Route::Sections, 1, rows));
    let engine = world.engine().await;
    let asked = world.queries[..1].iter().map(to_query).collect();
    let error = engine.match_files(&Selection::All, asked).await.unwrap_err();
    assert!(matches!(&error, Error::UnreadableSection { title } if title == "Movies"), "{error:?}");
    engine.close().await.unwrap();
    assert_eq!(digest(&world.cache()), before);
    let (run, seen) = world.run(&world.queries).await;
    assert_eq!((seen, run.report.lookups.computed), (1, 0), "nothing was lost");
    check(&world.queries, &run.answers);
}

#[tokio::test]
async fn another_server_at_the_same_address_is_refused() {
    let world = World::new().await;
    world.run(&world.queries).await;
    let before = digest(&world.cache());
    world.later();
    let other = generate(&Spec { seed: 8, items: 10, kind: LibraryKind::Movies });
    let pms = Pms::start(other, Options::default()).await.unwrap();
    let mut options = EngineConfig::new(world.cache());
    options.clock = world.clock.clone();
    let config = Config::new(pms.url(), Token::new(pms.token()));
    let engine = Engine::open(Client::new(config).unwrap(), options).await.unwrap();
    let asked = world.queries[..1].iter().map(to_query).collect();
    let error = engine.match_files(&Selection::All, asked).await.unwrap_err();
    assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");
    engine.close().await.unwrap();
    assert_eq!(digest(&world.cache()), before);
}

fn digest(cache: &Path) -> u64 {
    let config = cache_store::StoreConfig::new(match_core::INDEXING, UnixSeconds(0));
    let store = Store::open(cache, &config).unwrap();
    store.digest().unwrap()
}

#[tokio::test]
async fn mappings_are_suggested_and_adopted_if_the_host_wants_that() {
    let world = World::new().await;
    let mut config = EngineConfig::new(world.cache());
    config.clock = world.clock.clone();
    config.adopt_mappings = Some(MIN_SUPPORT);
    let engine = Engine::open(world.client(), config).await.unwrap();
    let run = || {
        let asked = world.queries.iter().map(to_query).collect();
        engine.match_files(&Selection::All, asked)
    };
    let mapping = PathMapping { local: MOUNT.to_owned(), plex: "/data/movies".to_owned() };
    let first = run().await.unwrap();
    let suggested = &first.report.suggested_mappings;
    assert_eq!(suggested[0].mapping, mapping, "{suggested:?}");
    assert!(suggested[0].support > 400, "{suggested:?}");
    assert_eq!(engine.settings().mappings, [mapping]);

    let calls = world.pms.requests().total();
    let second = run().await.unwrap();
    assert_eq!(world.pms.requests().total(), calls, "other keys, but nothing to ask");
    assert_eq!(second.report.suggested_mappings, [], "it is no suggestion any more");
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
    let mut config = EngineConfig::new(world.cache());
    config.clock = world.clock.clone();
    config.settings.mappings = wrong.to_vec();
    let engine = Engine::open(world.client(), config).await.unwrap();
    let asked = world.queries.iter().map(to_query).collect();
    let third = engine.match_files(&Selection::All, asked).await.unwrap();
    assert_eq!(third.report.unused_mappings, wrong);
    assert_eq!(third.report.answers, first.report.answers);
    engine.close().await.unwrap();
}

#[tokio::test]
async fn an_answer_says_that_the_server_was_asked_for_it() {
    let world = World::new().await;
    let source = |run: &Run| match &run.answers[0] {
        Answer::Found(found) => found.evidence.source,
        other => panic!("{other:?}"),
    };
    let (first, _) = world.run(&world.queries[..1]).await;
    assert_eq!(source(&first), Source::LookedUp);
    let (second, _) = world.run(&world.queries[..1]).await;
    assert_eq!(source(&second), Source::Remembered);
}
