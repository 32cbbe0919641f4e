//! What a host does every day.

use std::sync::Arc;
use std::time::Duration;

use match_core::{
    Answer, Change, Client, EditOptions, Engine, Error, ErrorKind, Field, ItemKind, Query,
    SectionKind, Selection, StreamExt, Verified,
};
use testbed::budget::{Scale, Stage, to_queries};
use testbed::generate::{LibraryKind, generate_all};
use testbed::server::Fault;

const SCALE: Scale = Scale::small(60, 10);

/// A server with films, episodes and music.
async fn household() -> Stage {
    let kinds = [(LibraryKind::Movies, 30), (LibraryKind::Episodes, 20), (LibraryKind::Music, 10)];
    Stage::start(generate_all(7, None, &kinds), SCALE).await.unwrap()
}

#[tokio::test]
async fn the_sections_are_told_with_kind_folders_and_counts() {
    let stage = household().await;
    let engine = stage.engine().await.unwrap();
    let told = |states: &[match_core::SectionState]| -> Vec<(String, ItemKind, String, u64, bool)> {
        let tell = |state: &match_core::SectionState| {
            let folder = state.locations.join(",");
            (state.title.clone(), state.kind, folder, state.items, state.complete)
        };
        states.iter().map(tell).collect()
    };
    let sections = engine.sections().await.unwrap();
    assert_eq!(
        told(&sections),
        [
            ("Movies".into(), ItemKind::Movie, "/data/movies".into(), 0, false),
            ("TV Shows".into(), ItemKind::Episode, "/data/tv".into(), 0, false),
            ("Music".into(), ItemKind::Track, "/data/music".into(), 0, false),
        ]
    );
    assert_eq!(stage.calls(), 1, "nothing is listed");
    engine.sections().await.unwrap();
    assert_eq!(stage.calls(), 1, "asked a moment ago");
    let asked = to_queries(&stage.present(60));
    engine.match_files(&Selection::All, asked).await.unwrap();
    let before = stage.calls();
    let counts: Vec<u64> =
        engine.sections().await.unwrap().iter().map(|state| state.items).collect();
    assert_eq!((counts, stage.calls() - before), (vec![30, 20, 10], 0));

    // Later it is one call, and what it showed counts for a run, too.
    stage.later(Duration::from_mins(10));
    engine.sections().await.unwrap();
    assert_eq!(stage.calls() - before, 1);
    let run = engine.match_files(&Selection::All, Vec::new()).await.unwrap();
    assert_eq!(run.report.calls.total().count, 0);
}

#[tokio::test]
async fn sections_are_selected_by_kind() {
    let stage = household().await;
    let engine = stage.engine().await.unwrap();
    let asked = stage.present(60);
    let shows = Selection::Kind(SectionKind::Show);
    let run = engine.match_files(&shows, to_queries(&asked)).await.unwrap();
    // Its episodes, and its shows, because the names of the movies may be of shows.
    let titles: Vec<&str> = run.report.steps.iter().map(|step| step.section.as_str()).collect();
    assert_eq!(titles, ["TV Shows", "TV Shows"], "no other section is read");
    assert_eq!(run.report.answers.found(), 20);
    let before = stage.calls();
    let run = engine.match_files(&shows, to_queries(&asked)).await.unwrap();
    assert_eq!((run.report.answers.found(), stage.calls() - before), (20, 0));
    let error = engine.match_files(&Selection::Kind(SectionKind::Photo), Vec::new()).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::NoSectionOfKind { kind: SectionKind::Photo }), "{error:?}");
}

#[tokio::test]
async fn what_was_found_is_described_without_a_call() {
    let stage = household().await;
    let engine = stage.engine().await.unwrap();
    let asked = stage.present(60);
    let run = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let before = stage.calls();
    let items = engine.describe(&run.keys()).await.unwrap();
    assert_eq!(stage.calls(), before);
    let mut kinds = std::collections::BTreeMap::<(String, ItemKind), usize>::new();
    for (query, answer) in run.pairs() {
        let found = answer.high().unwrap_or_else(|| panic!("{}: {answer}", query.path));
        let item = &items[&found.rating_key];
        *kinds.entry((item.section.clone(), item.kind)).or_default() += 1;
        let name = query.path.rsplit('/').next().unwrap();
        assert!(item.files.iter().any(|file| file.ends_with(name)), "{item:?}");
        match item.kind {
            ItemKind::Episode => {
                let number = format!("S{:02}E{:02}", item.season.unwrap(), item.episode.unwrap());
                assert!(item.to_string().contains(&number), "{item}");
                assert!(item.show.is_some());
            }
            _ => assert!(item.to_string().contains(&item.title), "{item}"),
        }
    }
    assert_eq!(kinds.values().copied().collect::<Vec<_>>(), [30, 10, 20], "{kinds:?}");
}

#[tokio::test]
async fn an_outage_is_said_once() {
    let stage = household().await;
    let engine = stage.engine().await.unwrap();
    let asked = to_queries(&stage.present(60));
    let run = engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    assert_eq!(run.outage(), None);
    stage.later(Duration::from_mins(10));
    stage.pms.set_fault(Fault::Outage);
    let run = engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    let why = run.outage().unwrap();
    assert!(why.kind().unwrap().is_outage(), "{why:?}");
    assert!(run.answers.iter().all(|answer| *answer == Answer::Unknown(why.clone())));
    let json = serde_json::to_value(&run).unwrap();
    assert_eq!(json["outage"]["kind"], json["files"][0]["kind"]);
    assert_eq!(json["files"][0]["path"], asked[0].path.as_str());

    // A refused token is not an outage of the server, but it is reported in the same place.
    stage.pms.set_fault(Fault::Status(401));
    let run = engine.match_files(&Selection::All, asked).await.unwrap();
    assert_eq!(run.outage().unwrap().kind(), Some(ErrorKind::Unauthorized));

    // The results of verifying and editing report it too.
    let matches: Vec<(Query, _)> = (1..=200)
        .map(|key| (Query::new("/a.mkv"), match_core::RatingKey(1_000_000 + key)))
        .collect();
    let verified = engine.verify(&Selection::All, &matches).await.unwrap();
    let why = verified.outage().unwrap();
    assert_eq!(why.kind(), Some(ErrorKind::Unauthorized));
    assert_eq!(verified.results, vec![Verified::Unknown(why.clone()); 200]);
    assert_eq!(verified.calls.total().count, 1);
    let text = why.to_string();
    assert!(text.contains("unauthorized") && text.len() < 300, "{} letters: {text}", text.len());
    let change = Change::new(match_core::RatingKey(1_000_001)).set(Field::Summary, "x");
    let edited = engine.edit(&Selection::All, vec![change], EditOptions::default()).await.unwrap();
    let why = edited.outage().unwrap();
    assert_eq!(why.kind(), Some(ErrorKind::Unauthorized));
    assert_eq!(serde_json::to_value(&edited).unwrap()["outage"]["kind"], "unauthorized");
}

#[tokio::test]
async fn a_shared_engine_is_closed_for_all_and_the_file_is_free() {
    let stage = household().await;
    let engine = Arc::new(stage.engine().await.unwrap());
    let asked = to_queries(&stage.present(60));
    engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    let (other, store) = (Arc::clone(&engine), Arc::clone(engine.store()));
    let mut events = std::pin::pin!(engine.watch());
    assert!(events.next().await.unwrap().is_ok());
    engine.close().await.unwrap();
    engine.close().await.unwrap();

    let again = stage.engine().await.unwrap();
    assert_eq!(again.opened().to_string(), "the cache was opened as it was");
    assert_eq!(again.lifetime().await.unwrap().runs, 1, "the totals were written");
    let error = other.match_files(&Selection::All, asked.clone()).await.unwrap_err();
    assert!(matches!(error, Error::Closed { .. }), "{error:?}");
    assert!(matches!(store.sections(), Err(Error::Closed { .. })));
    drop((other, store));
    let run = again.match_files(&Selection::All, asked).await.unwrap();
    assert_eq!((run.report.lookups.computed, run.report.damaged), (0, 0));
}

/// The engine is closed while runs are under way in several tasks. Each run ends with its answers
/// or with an error, and the file is complete.
#[tokio::test(flavor = "multi_thread")]
async fn runs_under_way_end_when_the_engine_is_closed() {
    let stage = household().await;
    let asked = to_queries(&stage.present(60));
    for round in 0..8 {
        let engine = Arc::new(stage.engine().await.unwrap());
        let runs: Vec<_> = (0..4)
            .map(|_| {
                let (engine, asked) = (Arc::clone(&engine), asked.clone());
                tokio::spawn(async move { engine.match_files(&Selection::All, asked).await })
            })
            .collect();
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        engine.close().await.unwrap();
        for run in runs {
            match run.await.unwrap() {
                Ok(run) => assert_eq!(run.report.answers.found(), 60),
                Err(error) => assert!(matches!(error, Error::Closed { .. }), "{error:?}"),
            }
        }
        let opened = stage.engine().await.unwrap();
        let text = opened.opened().to_string();
        assert!(!text.contains("damaged"), "{text}");
        opened.close().await.unwrap();
        stage.later(Duration::from_mins(10));
    }
    let client = Client::new(stage.client_config()).unwrap();
    let engine = Engine::open(client, stage.config()).await.unwrap();
    let checked = engine.store().check().unwrap();
    assert!(checked.is_sound(), "{checked:?}");
}
