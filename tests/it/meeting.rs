//! Tasks that meet: one reads or writes while another one does. Neither may undo what the other
//! knows. Replies are held back, so that the tasks meet at the same point in every run.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use match_core::{
    Answer, Change, EditOptions, Engine, Error, Level, OnProgress, Phase, Progress, Query,
    RunProgress, Selection, Verified, Watched,
};
use plex_api::{Field, RatingKey};
use testbed::budget::{MOUNT, Scale, Stage, edited, one, quiet_for, to_queries};
use testbed::generate::add_movie;
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};

const SCALE: Scale = Scale::small(120, 50);

/// Everything is known and within the freshness window.
async fn known() -> (Stage, Arc<Engine>, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let engine = Arc::new(stage.engine().await.unwrap());
    let asked = stage.present(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    (stage, engine, asked)
}

/// Metadata were read. Before they were written, the item was deleted and a refresh noticed it.
/// Then the rows that had been read brought the item back.
#[tokio::test]
async fn an_item_that_was_deleted_while_its_metadata_were_read_stays_deleted() {
    let (stage, engine, asked) = known().await;
    let key = asked[0].expect.unwrap();
    let keys = [RatingKey(key)];
    let reading = engine.items(&Selection::All, &keys, Level::Metadata);
    let meanwhile = async {
        stage.pms.edit(|library| {
            library.remove_item(0, key);
            library.scan(0);
        });
        stage.later(Duration::from_mins(2));
        assert_eq!(one(&engine, &asked[0]).await, Answer::Absent, "the refresh saw it");
    };
    let (read, ()) = stage.pms.while_held((Route::Metadata, 1), reading, meanwhile).await;
    read.unwrap();
    let before = stage.calls();
    assert_eq!(one(&engine, &asked[0]).await, Answer::Absent);
    assert_eq!(stage.calls() - before, 0, "within the freshness window");
}

/// The same with a file that was moved: the old path came back.
#[tokio::test]
async fn a_file_that_was_moved_while_its_item_was_read_stays_moved() {
    let (stage, engine, asked) = known().await;
    let key = asked[0].expect.unwrap();
    let keys = [RatingKey(key)];
    let reading = engine.items(&Selection::All, &keys, Level::Metadata);
    let new = "Quite Another Place (2021)/Quite Another Place (2021).mkv";
    let meanwhile = async {
        stage.later(Duration::from_mins(2));
        stage.pms.edit(|library| {
            library.move_file(0, key, &format!("/data/movies/{new}"));
            library.edit_title(0, key, "Moved");
        });
        let answer = one(&engine, &Query::new(format!("{MOUNT}/{new}"))).await;
        assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
    };
    let (read, ()) = stage.pms.while_held((Route::Metadata, 1), reading, meanwhile).await;
    read.unwrap();
    let answer = one(&engine, &Query::new(format!("{MOUNT}/{new}"))).await;
    assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
}

/// Sets an item's summary. Returns whether something was sent.
async fn summarise(engine: &Engine, key: RatingKey, text: &str) -> bool {
    edited(engine, Change::new(key).set(Field::Summary, text)).await
}

fn summary(stage: &Stage, key: RatingKey) -> String {
    stage.pms.edit(|library| library.sections[0].item(key.0).unwrap().summary.clone())
}

/// Metadata that were requested before an edit overwrote those of the edit, within one second. So
/// setting the item back was "unchanged", and was never sent.
#[tokio::test]
async fn metadata_from_before_an_edit_do_not_undo_it() {
    let (stage, engine, asked) = known().await;
    let key = RatingKey(asked[0].expect.unwrap());
    let first = summary(&stage, key);
    let keys = [key];
    let reading = engine.items(&Selection::All, &keys, Level::Metadata);
    let editing = summarise(&engine, key, "Ours");
    let (read, sent) = stage.pms.while_held((Route::Metadata, 1), reading, editing).await;
    read.unwrap();
    assert!(sent);
    assert!(summarise(&engine, key, &first).await, "it is not unchanged");
    assert_eq!(summary(&stage, key), first);
}

/// Two runs of edits on one item shared one note and one row of metadata. The note that the first
/// run had sent an edit was lost, and each run knew only about its own field. So setting the other
/// field back was "unchanged", and was never sent.
#[tokio::test]
async fn of_two_runs_of_edits_on_one_item_the_second_waits() {
    let (stage, engine, asked) = known().await;
    let key = RatingKey(asked[0].expect.unwrap());
    let other = asked.iter().filter_map(|query| query.expect).find(|other| *other != key.0);
    let first = summary(&stage, key);
    let title = async |text: &str| {
        let changes = vec![Change::new(key).set(Field::Title, text)];
        engine.edit(&Selection::All, changes, EditOptions::default()).await.unwrap()
    };
    stage.pms.script(FaultRule::once(Route::Edit, 1, Fault::Held));
    let titled = title("A Title of Ours");
    let meanwhile = async {
        stage.pms.held().await;
        let second = summarise(&engine, key, "Ours");
        let others = async {
            // A run on another item does not wait. The second run on this item could overtake the
            // first.
            assert!(summarise(&engine, RatingKey(other.unwrap()), "Theirs").await);
            let open = engine.open_edits().await.unwrap();
            assert_eq!((open.len(), &open[0].progress), (1, &Progress::Sent), "still in doubt");
            assert_eq!(summary(&stage, key), first);
            stage.pms.release();
        };
        tokio::join!(second, others).0
    };
    let (run, sent) = tokio::join!(titled, meanwhile);
    assert_eq!((run.counts().done, sent), (1, true));
    assert_eq!(engine.open_edits().await.unwrap(), []);
    assert_eq!(summary(&stage, key), "Ours");
    let before = stage.calls();
    assert_eq!(title("A Title of Ours").await.counts().unchanged, 1);
    assert!(!summarise(&engine, key, "Ours").await);
    assert_eq!(stage.calls() - before, 0, "both see each other's edit");
    assert!(summarise(&engine, key, &first).await, "it is not unchanged");
    assert_eq!(summary(&stage, key), first);
}

/// While an item was read for an edit, a refresh came first. So the data that were read were not
/// stored, and the change was compared with older data.
#[tokio::test]
async fn a_change_is_held_against_what_was_read_for_it() {
    let (stage, engine, asked) = known().await;
    let key = RatingKey(asked[0].expect.unwrap());
    engine.items(&Selection::All, &[key], Level::Metadata).await.unwrap();
    let first = summary(&stage, key);
    stage.later(Duration::from_mins(20));
    stage.pms.edit(|library| library.edit_item(0, key.0, &[("summary.value", "Theirs")]));
    let editing = summarise(&engine, key, &first);
    let meanwhile = async {
        stage.later(Duration::from_mins(2));
        let (_, path) = stage.pms.edit(|library| add_movie(library, 0, "A Late Arrival (2023)"));
        let answer = one(&engine, &Query::new(path)).await;
        assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
    };
    let (sent, ()) = stage.pms.while_held((Route::Metadata, 1), editing, meanwhile).await;
    assert!(sent, "it is not unchanged");
    assert_eq!(summary(&stage, key), first);
}

/// The server said that an item is gone. This was not stored, because another item was read
/// meanwhile. So the match counted as right, from the cache.
#[tokio::test]
async fn an_item_that_is_gone_is_not_right_because_another_was_read() {
    let (stage, engine, asked) = known().await;
    let gone = asked[0].expect.unwrap();
    let other = asked.iter().filter_map(|query| query.expect).find(|key| *key != gone).unwrap();
    let matched = |key: u64| {
        let truth = asked.iter().find(|query| query.expect == Some(key)).unwrap();
        vec![(truth.query.clone(), RatingKey(key))]
    };
    stage.pms.edit(|library| {
        library.quirks.counter_moves_on_delete = false;
        library.remove_item(0, gone);
        library.edit_title(0, other, "Another Title");
    });
    let (of_gone, of_other) = (matched(gone), matched(other));
    let verifying = engine.verify(&Selection::All, &of_gone);
    let another = engine.verify(&Selection::All, &of_other);
    let (verified, another) = stage.pms.while_held((Route::Metadata, 1), verifying, another).await;
    another.unwrap();
    assert_eq!(verified.unwrap().results, [Verified::Gone]);
}

/// A scan ended while a run asked for the stamps. The watcher heard about the scan and used the
/// answer that the run got, which is from before. Then the stream was silent, and nobody asked
/// again.
#[tokio::test]
async fn a_watcher_asks_for_stamps_after_it_was_told() {
    let (stage, engine, asked) = known().await;
    let mut watching: Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>> =
        Box::pin(engine.watch());
    assert!(matches!(watching.next().await, Some(Ok(Watched::Live))));
    looked(&mut watching).await;
    stage.later(Duration::from_mins(2));
    stage.pms.script(FaultRule::once(Route::Sections, 1, Fault::Held));
    let running = engine.match_files(&Selection::All, to_queries(&asked));
    let meanwhile = async {
        stage.pms.held().await;
        // The server reports only the scan.
        stage.pms.set_silent(true);
        let (key, path) = stage.pms.edit(|library| add_movie(library, 0, "A Late Arrival (2023)"));
        stage.pms.set_silent(false);
        stage.pms.edit(|library| library.scan(0));
        let mut looking = Box::pin(looked(&mut watching));
        // Wait until the watcher has heard about it and waits for the probe.
        let mut waited = 0;
        while !engine.is_live() || waited < 50 {
            waited += u32::from(engine.is_live());
            assert!((&mut looking).now_or_never().is_none());
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
        stage.pms.release();
        looking.await;
        TruthQuery::new(path, Some(key))
    };
    let (run, late) = tokio::join!(running, meanwhile);
    run.unwrap();
    quiet_for(&stage, &engine, &mut watching, Duration::from_mins(10)).await;
    let answer = one(&engine, &late).await;
    assert!(matches!(answer, Answer::Found(_)), "{answer:?}");
}

/// A run inside the freshness window waited for the watcher and then planned with the earlier
/// stamp. So it made a sweep to explain a change that the watcher had already explained.
#[tokio::test]
async fn a_run_that_waited_for_the_watcher_takes_what_the_watcher_saw() {
    let (stage, engine, asked) = known().await;
    let mut watching: Pin<Box<dyn Stream<Item = Result<Watched, Error>> + Send>> =
        Box::pin(engine.watch());
    assert!(matches!(watching.next().await, Some(Ok(Watched::Live))));
    looked(&mut watching).await;
    // The total is the first listing of a delta.
    stage.pms.script(FaultRule::once(Route::Listing, 1, Fault::Held));
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
        // The run waits for the section's lock. Nothing else can happen before the reply is
        // released.
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
    // The watcher's requests: the item, the stamps, the total, and what was added and updated.
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

/// Calls a function once from the progress of a run, in the given phase.
struct Meddler {
    engine: Arc<OnceLock<Weak<Engine>>>,
    progress: OnProgress,
}

impl Meddler {
    fn new(phase: Phase, meddle: impl Fn(Arc<Engine>) + Send + Sync + 'static) -> Self {
        let engine: Arc<OnceLock<Weak<Engine>>> = Arc::default();
        let of_progress = Arc::clone(&engine);
        let progress = OnProgress::new(move |at: RunProgress| {
            // Call it at the end of the phase: everything was read, and nothing is written yet.
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

    /// Starts to call it.
    fn begin(&self, engine: &Arc<Engine>) {
        assert!(self.engine.set(Arc::downgrade(engine)).is_ok());
    }
}

/// The host reported that a match is wrong while a pass computed that match. Then the pass
/// overwrote the report with its own record, which had the marks from before.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_host_says_during_a_pass_is_not_lost() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.present(SCALE.items);
    let (query, key) = (asked[0].query.clone(), RatingKey(asked[0].expect.unwrap()));
    let said = query.clone();
    let meddler = Meddler::new(Phase::Matching, move |engine| {
        let runtime = tokio::runtime::Handle::current();
        runtime.block_on(engine.match_failed(&said, key, "another edition")).unwrap();
    });
    let engine = meddler.open(&stage).await;
    engine.match_files(&Selection::All, to_queries(&asked[..1])).await.unwrap();
    // Everything has to be computed again.
    let store = Arc::clone(engine.store());
    store.clear(cache_store::Clear::Matches).unwrap();
    meddler.begin(&engine);
    engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap();
    let failures = engine.failures(&[query]).await.unwrap();
    assert_eq!(failures[0].as_ref().map(|failure| failure.rating_key), Some(key));
}

/// One pass took the note of damage that another pass had met. So the other pass took a damaged
/// record for a missing one, and answered that the file is absent.
#[tokio::test(flavor = "multi_thread")]
async fn a_pass_knows_of_the_damage_that_it_met_whoever_else_asks() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.present(SCALE.items);
    let query = asked[0].query.clone();
    stage.run(&Selection::All, &asked).await.unwrap();
    stage.damage_item(asked[0].expect.unwrap());
    let (again, done) = (query.clone(), std::sync::atomic::AtomicBool::new(false));
    let meddler = Meddler::new(Phase::Matching, move |engine| {
        // Another task asks for the same file and meets the same damage.
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
