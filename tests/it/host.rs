//! Feedback of the host, and answers for the host while the server is not available.

use std::time::Duration;

use match_core::{Answer, Confidence, Engine, Error, Selection};
use plex_api::{Client, RatingKey, UnixSeconds};
use testbed::budget::{Scale, Stage, one, to_queries};
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};

const SCALE: Scale = Scale::small(60, 10);

/// A warm cache, older than the freshness window, and an engine with it.
async fn warm() -> (Stage, Engine, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let engine = stage.engine().await.unwrap();
    let asked = stage.queries(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    stage.later(Duration::from_mins(10));
    (stage, engine, asked)
}

fn found(answer: &Answer) -> (RatingKey, Confidence) {
    let Answer::Found(found) = answer else { panic!("{answer:?}") };
    (found.rating_key, found.confidence)
}

#[tokio::test]
async fn a_match_that_failed_is_doubted_and_the_reason_is_kept() {
    let (_stage, engine, asked) = warm().await;
    let query = to_queries(&asked[..1]).remove(0);
    let (key, confidence) = found(&one(&engine, &query).await);
    assert_eq!(confidence, Confidence::High);
    engine.match_failed(&query, key, "another edition").await.unwrap();
    assert_eq!(found(&one(&engine, &query).await), (key, Confidence::Low));
    let failures = engine.failures(&[query]).await.unwrap();
    assert_eq!(failures[0].as_ref().unwrap().why, "another edition");
}

#[tokio::test]
async fn applied_is_what_the_host_says_and_ends_with_the_item() {
    let (stage, engine, asked) = warm().await;
    let query = to_queries(&asked[..1]).remove(0);
    let (key, _) = found(&one(&engine, &query).await);
    let applied = || async { engine.applied(std::slice::from_ref(&query)).await.unwrap()[0] };
    assert_eq!(applied().await, None, "found is not applied");
    engine.mark_applied(&[(query.clone(), RatingKey(key.0 + 1))]).await.unwrap();
    assert_eq!(applied().await, None, "another item was meant");
    engine.mark_applied(&[(query.clone(), key)]).await.unwrap();
    assert_eq!(applied().await, Some(stage.clock.now()));

    // The same file belongs to a new item, to which nothing was applied.
    stage.pms.edit(|library| {
        let item = library.sections[0].item(key.0).unwrap().clone();
        library.remove_item(0, key.0);
        library.add_item(0, testbed::library::Item { rating_key: 0, ..item });
        library.scan(0);
    });
    stage.later(Duration::from_mins(10));
    let run = engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap();
    assert_ne!(found(&run.answers[0]).0, key);
    assert_eq!(run.report.lookups.rekeyed, 1);
    assert_eq!(applied().await, None);
}

#[tokio::test]
async fn an_invalidated_item_is_read_again_and_a_section_is_listed_again() {
    let (stage, engine, asked) = warm().await;
    let key = RatingKey(asked[0].expect.unwrap());
    let before = stage.calls();
    engine.invalidate_items(&[key]).await.unwrap();
    assert_eq!(stage.calls() - before, 1);
    engine.invalidate_sections(&Selection::section("Movies")).await.unwrap();
    assert_eq!(stage.calls() - before, 1, "this makes no call");
    let run = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    // The probe, the listing, and the stamps again, because some are absent.
    assert_eq!(stage.calls() - before, 1 + 1 + SCALE.pages() + 1);
    assert_eq!(run.report.steps[0].changes.unchanged, SCALE.items);
}

#[tokio::test]
async fn stale_answers_are_shown_to_those_who_allow_them() {
    let (stage, engine, asked) = warm().await;
    engine.close().await.unwrap();
    let before = stage.digest().unwrap();
    stage.pms.script(FaultRule::always(Fault::Outage));
    for (allowed, shown) in [(None, false), (Some(9), false), (Some(10), true)] {
        let mut config = stage.config();
        config.stale = allowed.map(Duration::from_mins);
        let client = Client::new(stage.client_config()).unwrap();
        let engine = Engine::open(client, config).await.unwrap();
        let run = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
        assert!(run.answers.iter().all(|answer| matches!(answer, Answer::Unknown(_))));
        assert_eq!(run.stale.is_some(), shown, "{allowed:?}");
        if let Some(stale) = run.stale {
            assert_eq!(stale.age, Duration::from_mins(10));
            for (truth, answer) in asked.iter().zip(&stale.answers) {
                match truth.expect {
                    Some(key) => assert_eq!(found(answer).0, RatingKey(key)),
                    None => assert_eq!(*answer, Answer::Absent),
                }
            }
        }
        engine.close().await.unwrap();
    }
    assert_eq!(stage.digest().unwrap(), before);
}

/// Opens an engine that accepts answers a day old, on a server that is down.
async fn while_away(stage: &Stage) -> Engine {
    stage.pms.script(FaultRule::always(Fault::Outage));
    let mut config = stage.config();
    config.stale = Some(Duration::from_hours(24));
    Engine::open(Client::new(stage.client_config()).unwrap(), config).await.unwrap()
}

/// If nothing is cached for a section, no file in it can be called absent.
#[tokio::test]
async fn a_stale_answer_is_not_absent_where_a_section_is_not_known() {
    let stage = Stage::sections(SCALE, 2).await.unwrap();
    let asked = stage.present(SCALE.items);
    stage.run(&Selection::section("Movies 0"), &asked).await.unwrap();
    stage.later(Duration::from_mins(10));
    let engine = while_away(&stage).await;
    for want in [Selection::All, Selection::Named(vec!["Movies 0".into(), "Movies 1".into()])] {
        let run = engine.match_files(&want, to_queries(&asked)).await.unwrap();
        let then = run.stale.unwrap().answers;
        let found = then.iter().filter(|answer| matches!(answer, Answer::Found(_))).count();
        assert!(found > asked.len() / 4, "{found} of {} found", asked.len());
        assert!(!then.contains(&Answer::Absent), "{want:?}");
    }
}

/// A removed section stays in the cache for a while. It gave answers together with the new section
/// that replaced it.
#[tokio::test]
async fn a_stale_answer_is_of_sections_that_the_server_listed() {
    let (stage, engine, _) = warm().await;
    engine.close().await.unwrap();
    stage.pms.edit(|library| library.recreate_section(0));
    let asked = stage.present(SCALE.items);
    stage.run(&Selection::All, &asked).await.unwrap();
    let engine = while_away(&stage).await;
    stage.later(Duration::from_mins(10));
    for want in [Selection::All, Selection::section("Movies")] {
        let run = engine.match_files(&want, to_queries(&asked)).await.unwrap();
        for (truth, answer) in asked.iter().zip(&run.stale.unwrap().answers) {
            assert_eq!(found(answer).0, RatingKey(truth.expect.unwrap()), "{want:?}");
        }
    }
}

#[tokio::test]
async fn a_sweep_that_fails_for_good_changes_nothing() {
    let (stage, engine, asked) = warm().await;
    engine.close().await.unwrap();
    stage.later(Duration::from_hours(25));
    let before = stage.digest().unwrap();
    stage.pms.script(FaultRule::since(Route::Listing, 3, Fault::Status(503)));
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert!(run.answers.iter().all(|answer| matches!(answer, Answer::Unknown(_))));
    assert_eq!(stage.digest().unwrap(), before);
    stage.pms.clear_faults();
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.report.calls.total().count, 1 + SCALE.pages() + 1);
    assert_eq!(run.report.answers.unknown, 0);
}

/// Drops a run after each possible number of steps, until the run ends before the drop.
#[tokio::test]
async fn a_run_that_is_dropped_leaves_the_file_as_it_was_or_as_it_becomes() {
    let (stage, engine, asked) = warm().await;
    engine.close().await.unwrap();
    stage.later(Duration::from_hours(25));
    let before = stage.digest().unwrap();
    let (mut dropped, mut polls) = (0, 1);
    loop {
        let engine = stage.engine().await.unwrap();
        let mut run = Box::pin(engine.match_files(&Selection::All, to_queries(&asked)));
        let mut left = polls;
        let done = std::future::poll_fn(|context| {
            left -= 1;
            match run.as_mut().poll(context) {
                std::task::Poll::Ready(run) => std::task::Poll::Ready(Some(run)),
                std::task::Poll::Pending if left == 0 => std::task::Poll::Ready(None),
                std::task::Poll::Pending => std::task::Poll::Pending,
            }
        })
        .await;
        drop(run);
        if let Some(run) = done {
            assert_eq!(run.unwrap().report.answers.unknown, 0);
            break;
        }
        drop(engine);
        let now = stage.digest().unwrap();
        if now != before {
            break; // the transaction had begun and is complete, so nothing is left to drop
        }
        dropped += 1;
        polls += 1;
    }
    assert!(dropped > 3, "{dropped} runs were dropped before anything was written");
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.report.answers.unknown, 0);
}

#[tokio::test]
async fn each_profile_has_a_cache_of_its_own() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.queries(SCALE.items);
    for profile in [None, Some("kids"), Some("guests")] {
        let mut config = stage.config();
        config.profile = profile.map(str::to_owned);
        let client = Client::new(stage.client_config()).unwrap();
        let before = stage.calls();
        let engine = Engine::open(client, config).await.unwrap();
        engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
        engine.close().await.unwrap();
        assert_eq!(stage.calls() - before, 3 + SCALE.pages(), "{profile:?}");
    }
    // A cache file that was moved still belongs to the other profile.
    let mut config = stage.config();
    let server = config.cache.clone();
    let mut kids =
        std::fs::read_dir(server.parent().unwrap()).unwrap().map(|at| at.unwrap().path());
    let other = kids.find(|path| *path != server).unwrap();
    std::fs::rename(other, &server).unwrap();
    config.clock = plex_api::Clock::manual(UnixSeconds(stage.clock.now().0 + 600));
    stage.pms.edit(|library| library.recreate_section(0));
    let client = Client::new(stage.client_config()).unwrap();
    let engine = Engine::open(client, config).await.unwrap();
    let error = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap_err();
    assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");
}
