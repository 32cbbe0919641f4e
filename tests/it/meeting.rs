//! Tasks that meet: one reads or writes while another does, and neither may undo what the other
//! knows. Replies are kept back, so that each meets the other at the same point in every run.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use match_core::{
    Answer, Engine, Error, Level, OnProgress, Phase, Query, RunProgress, Selection, Watched,
};
use plex_api::RatingKey;
use testbed::budget::{MOUNT, Scale, Stage, to_queries};
use testbed::generate::add_movie;
use testbed::queries::TruthQuery;
use testbed::server::{Endpoint, Fault, Rule};

const SCALE: Scale = Scale::small(120, 50);

/// Everything is known, and within the freshness window.
async fn known() -> (Stage, Arc<Engine>, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let engine = Arc::new(stage.engine().await.unwrap());
    let asked = stage.present(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    (stage, engine, asked)
}

async fn one(engine: &Engine, query: &Query) -> Answer {
    let run = engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap();
    run.answers[0].clone()
}

/// Metadata were read, and before they were written the item was deleted and a refresh saw it.
/// The rows that had been read came back as a ghost.
#[tokio::test]
async fn an_item_that_was_deleted_while_its_metadata_were_read_stays_deleted() {
    let (stage, engine, asked) = known().await;
    let key = asked.iter().find_map(|query| query.expect).unwrap();
    let of_key: Vec<TruthQuery> =
        asked.iter().filter(|query| query.expect == Some(key)).cloned().collect();
    stage.pms.script(Rule::once(Endpoint::Metadata, 1, Fault::Held));
    let keys = [RatingKey(key)];
    let reading = engine.items(&Selection::All, &keys, Level::Metadata);
    let meanwhile = async {
        stage.pms.held().await;
        stage.pms.edit(|library| {
            library.remove_item(0, key);
            library.scan(0);
        });
        stage.later(Duration::from_mins(2));
        let answer = one(&engine, &to_queries(&of_key)[0]).await;
        assert_eq!(answer, Answer::Absent, "the refresh saw it");
        stage.pms.release();
    };
    let (read, ()) = tokio::join!(reading, meanwhile);
    read.unwrap();
    let before = stage.calls();
    assert_eq!(one(&engine, &to_queries(&of_key)[0]).await, Answer::Absent);
    assert_eq!(stage.calls() - before, 0, "within the freshness window");
}

/// The same with a file that was moved: the old path came back.
#[tokio::test]
async fn a_file_that_was_moved_while_its_item_was_read_stays_moved() {
    let (stage, engine, asked) = known().await;
    let old = asked.iter().find(|query| query.expect.is_some()).unwrap().clone();
    let key = old.expect.unwrap();
    stage.pms.script(Rule::once(Endpoint::Metadata, 1, Fault::Held));
    let keys = [RatingKey(key)];
    let reading = engine.items(&Selection::All, &keys, Level::Metadata);
    let new = "Quite Another Place (2021)/Quite Another Place (2021).mkv";
    let meanwhile = async {
        stage.pms.held().await;
        stage.later(Duration::from_mins(2));
        stage.pms.edit(|library| {
            library.move_file(0, key, &format!("/data/movies/{new}"));
            library.edit_title(0, key, "Moved");
        });
        let answer = one(&engine, &Query::new(format!("{MOUNT}/{new}"))).await;
        assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
        stage.pms.release();
    };
    let (read, ()) = tokio::join!(reading, meanwhile);
    read.unwrap();
    let answer = one(&engine, &Query::new(format!("{MOUNT}/{new}"))).await;
    assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
}

/// A run inside the freshness window waited for the watcher, and then planned with the stamp from
/// before: it swept the section to explain a change that the watcher had explained.
#[tokio::test]
async fn a_run_that_waited_for_the_watcher_takes_what_the_watcher_saw() {
    let (stage, engine, asked) = known().await;
    let mut watching: Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>> =
        Box::pin(engine.watch());
    assert!(matches!(watching.next().await, Some(Ok(Watched::Live))));
    looked(&mut watching).await;
    // The total is the first listing of a delta.
    stage.pms.script(Rule::once(Endpoint::Listing, 1, Fault::Held));
    stage.pms.edit(|library| {
        library.advance(1);
        add_movie(library, 0, "A Late Arrival (2023)");
        library.scan(0);
    });
    let queries = to_queries(&asked);
    let before = stage.calls();
    let matching = async {
        stage.pms.held().await;
        let running = engine.match_files(&Selection::All, queries.clone());
        let mut running = std::pin::pin!(running);
        // It stands at the section's lock: nothing else can happen before the reply is let go.
        assert!((&mut running).now_or_never().is_none());
        for _ in 0..50 {
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            assert!((&mut running).now_or_never().is_none());
        }
        stage.pms.release();
        running.await.unwrap()
    };
    let (run, ()) = tokio::join!(matching, looked(&mut watching));
    let plans: Vec<_> = run.report.steps.iter().map(|step| step.plan).collect();
    assert_eq!(plans, [match_core_plan("fresh")]);
    // What the watcher asked: the item, the stamps, the total, what was added and updated.
    assert!(stage.calls() - before <= 5, "{:?}", stage.pms.requests());
}

fn match_core_plan(name: &str) -> cache_store::Plan {
    serde_json::from_value(name.into()).unwrap()
}

async fn looked(watching: &mut Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>>) {
    loop {
        match watching.next().await.unwrap().unwrap() {
            Watched::Looked { .. } => return,
            Watched::Failed { error } => panic!("{error}"),
            _ => {}
        }
    }
}

/// Calls something from the progress of a run, once, in a phase.
struct Meddler {
    engine: Arc<OnceLock<Weak<Engine>>>,
    progress: OnProgress,
}

impl Meddler {
    fn new(phase: Phase, meddle: impl Fn(Arc<Engine>) + Send + Sync + 'static) -> Self {
        let engine: Arc<OnceLock<Weak<Engine>>> = Arc::default();
        let of_progress = Arc::clone(&engine);
        let progress = OnProgress::new(move |at: RunProgress| {
            // When the phase is over: what was read was read, and nothing is written.
            if at.phase == phase
                && at.done == at.total
                && let Some(engine) = of_progress.get().and_then(Weak::upgrade)
            {
                meddle(engine);
            }
        });
        Self { engine, progress }
    }

    async fn open(&self, stage: &Stage) -> Arc<Engine> {
        let mut config = stage.config();
        config.progress = Some(self.progress.clone());
        let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
        Arc::new(engine)
    }

    /// From now on.
    fn begin(&self, engine: &Arc<Engine>) {
        assert!(self.engine.set(Arc::downgrade(engine)).is_ok());
    }
}

/// The host said that a match is wrong while a pass computed it; the pass wrote its own record
/// over that, with the marks that it had read before.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_says_during_a_pass_is_not_lost() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.present(SCALE.items);
    let (query, key) = {
        let truth = asked.iter().find(|query| query.expect.is_some()).unwrap();
        (to_queries(std::slice::from_ref(truth)).remove(0), RatingKey(truth.expect.unwrap()))
    };
    let said = query.clone();
    let meddler = Meddler::new(Phase::Matching, move |engine| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(engine.match_failed(&said, key, "another edition")).unwrap();
    });
    let engine = meddler.open(&stage).await;
    engine.match_files(&Selection::All, to_queries(&asked[..1])).await.unwrap();
    // Everything has to be computed anew.
    let store = Arc::clone(engine.store());
    store.clear(cache_store::Clear::Matches).unwrap();
    meddler.begin(&engine);
    engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap();
    let failures = engine.failures(&[query]).await.unwrap();
    assert_eq!(failures[0].as_ref().map(|failure| failure.rating_key), Some(key));
}

/// One pass took the note of the damage that another had met: that one believed a damaged record
/// to be missing, and the file to be absent.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_knows_of_the_damage_that_it_met_whoever_else_asks() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.present(SCALE.items);
    let truth = asked.iter().find(|query| query.expect.is_some()).unwrap();
    let query = to_queries(std::slice::from_ref(truth)).remove(0);
    stage.run(&Selection::All, &asked).await.unwrap();
    stage.damage_item(truth.expect.unwrap());
    let (again, done) = (query.clone(), std::sync::atomic::AtomicBool::new(false));
    let meddler = Meddler::new(Phase::Matching, move |engine| {
        // Another task asks for the same file, and is told of the same damage.
        if !done.swap(true, std::sync::atomic::Ordering::SeqCst) {
            let asked = vec![again.clone()];
            let runtime = tokio::runtime::Handle::current();
            runtime.block_on(engine.match_files(&Selection::All, asked)).unwrap();
        }
    });
    let engine = meddler.open(&stage).await;
    engine.store().clear(cache_store::Clear::Matches).unwrap();
    meddler.begin(&engine);
    let run = engine.match_files(&Selection::All, vec![query]).await.unwrap();
    assert!(matches!(run.answers[0], Answer::Found(_)), "{:?}", run.answers);
}
