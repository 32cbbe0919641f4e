//! Which sections a run uses. Within the freshness window, a run chooses as a probe would: the
//! second of two runs has the same answers as the first, or it asks the server.

use std::time::Duration;

use match_core::{Answer, Client, Config, Engine, Error, Query, Run, Selection, Token};
use testbed::budget::{Scale, Stage, to_queries};
use testbed::generate::add_movie;
use testbed::queries::TruthQuery;
use testbed::server::Route;

const SCALE: Scale = Scale::small(200, 50);

async fn two_sections() -> (Stage, Engine, Vec<Query>) {
    let stage = Stage::sections(SCALE, 2).await.unwrap();
    let engine = stage.engine().await.unwrap();
    let asked = to_queries(&stage.present(SCALE.items));
    (stage, engine, asked)
}

fn named(names: &[&str]) -> Selection {
    Selection::Named(names.iter().map(|&name| name.to_owned()).collect())
}

/// Makes two runs with one engine, and checks that the answers are equal. Returns the calls of the
/// second run.
async fn twice(stage: &Stage, engine: &Engine, want: &Selection, asked: &[Query]) -> u64 {
    let first = engine.match_files(want, asked.to_vec()).await.unwrap();
    let found = first.answers.iter().filter(|answer| matches!(answer, Answer::Found(_))).count();
    assert!(found > asked.len() / 4, "{found} of {} found", asked.len());
    let before = stage.calls();
    let second = engine.match_files(want, asked.to_vec()).await.unwrap();
    for ((query, first), second) in asked.iter().zip(&first.answers).zip(&second.answers) {
        let key = |answer: &Answer| match answer {
            Answer::Found(found) => format!("found {}", found.rating_key),
            other => format!("{other:?}"),
        };
        assert_eq!(key(second), key(first), "{}", query.path);
    }
    stage.calls() - before
}

/// Of two sections with one title, the first run asked both, and the next run asked only one.
#[tokio::test]
async fn both_sections_of_one_title_are_asked_again() {
    let (stage, engine, asked) = two_sections().await;
    stage.pms.edit(|library| {
        for section in &mut library.sections {
            section.title = "Movies".to_owned();
        }
    });
    assert_eq!(twice(&stage, &engine, &named(&["Movies"]), &asked).await, 0);
}

/// Within the freshness window no call was made, whoever asked. So answers and edits concerned a
/// server that nobody had asked.
#[tokio::test]
async fn another_token_and_another_server_are_noticed_within_the_freshness_window() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.queries(SCALE.items);
    let ask = async |client: Config| {
        let engine = Engine::open(Client::new(client).unwrap(), stage.config()).await.unwrap();
        let run = engine.match_files(&Selection::All, to_queries(&asked)).await;
        engine.close().await.unwrap();
        run
    };
    ask(stage.client_config()).await.unwrap();
    let before = stage.calls();
    assert!(ask(stage.client_config()).await.unwrap().outage().is_none());
    assert_eq!(stage.calls() - before, 0, "the same host asks");

    let wrong = Config { token: Token::new("wrong"), ..stage.client_config() };
    let run = ask(wrong).await.unwrap();
    assert_eq!(run.report.answers.unknown, asked.len() as u64);

    // A copy of the server has the same sections.
    let copy = Stage::movies(SCALE).await.unwrap();
    copy.pms.edit(|library| "copy".clone_into(&mut library.machine_identifier));
    let error = ask(copy.client_config()).await.unwrap_err();
    assert!(matches!(error, Error::WrongServer { .. }), "{error:?}");

    let before = stage.calls();
    ask(stage.client_config()).await.unwrap();
    assert_eq!(stage.calls() - before, 0, "nobody else got an answer");
}

/// A section that was named twice was asked twice, and its answers tied with themselves.
#[tokio::test]
async fn a_section_named_twice_is_asked_once() {
    let (stage, engine, asked) = two_sections().await;
    assert_eq!(twice(&stage, &engine, &named(&["Movies 0", "1"]), &asked).await, 0);
}

/// A name that no section has is an error, also directly after a call to the server.
#[tokio::test]
async fn a_name_that_nothing_has_is_an_error_each_time() {
    let (_stage, engine, asked) = two_sections().await;
    engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    for _ in 0..2 {
        let run = engine.match_files(&named(&["Movies 0", "Series"]), asked.clone()).await;
        assert!(
            matches!(run, Err(Error::NoSection { .. })),
            "{:?}",
            run.map(|run| run.report.steps)
        );
    }
}

/// A deleted section was used for answers, because its own stamp was young enough.
#[tokio::test]
async fn a_section_that_the_server_does_not_list_any_more_is_not_answered_from() {
    let (stage, engine, asked) = two_sections().await;
    let gone = named(&["Movies 0"]);
    engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    stage.pms.edit(|library| drop(library.sections.remove(0)));
    stage.clock.advance(Duration::from_secs(50));
    // A run of the other section gets the list without the deleted one.
    engine.invalidate_sections(&named(&["Movies 1"])).await.unwrap();
    engine.match_files(&named(&["Movies 1"]), asked.clone()).await.unwrap();
    let run = engine.match_files(&gone, asked).await;
    assert!(matches!(run, Err(Error::NoSection { .. })), "{:?}", run.map(|run| run.report.steps));
}

/// If an unreadable row of a section forbids an answer, it also does so after another run.
#[tokio::test]
async fn an_unreadable_section_is_an_error_after_a_run_of_the_others() {
    let (stage, engine, asked) = two_sections().await;
    stage.pms.edit(|library| library.sections[1].uuid.clear());
    engine.match_files(&named(&["Movies 0"]), asked.clone()).await.unwrap();
    for _ in 0..2 {
        let run = engine.match_files(&Selection::All, asked.clone()).await;
        assert!(
            matches!(run, Err(Error::UnreadableSection { .. })),
            "{:?}",
            run.map(|run| run.report.steps)
        );
    }
}

/// One of two sections with one title has an unreadable row: files in that section are not absent.
#[tokio::test]
async fn a_name_that_an_unreadable_section_has_too_is_an_error() {
    let (stage, engine, asked) = two_sections().await;
    stage.pms.edit(|library| {
        for section in &mut library.sections {
            section.title = "Movies".to_owned();
        }
        library.sections[1].uuid.clear();
    });
    for _ in 0..2 {
        let run = engine.match_files(&named(&["Movies"]), asked.clone()).await;
        assert!(
            matches!(&run, Err(Error::UnreadableSection { title }) if title == "Movies"),
            "{:?}",
            run.map(|run| run.report.steps)
        );
    }
}

/// While a section cannot be read, runs of other sections do not repeat the call for the list.
#[tokio::test]
async fn an_unreadable_section_does_not_make_the_others_dearer() {
    let (stage, engine, asked) = two_sections().await;
    stage.pms.edit(|library| library.sections[1].uuid.clear());
    assert_eq!(twice(&stage, &engine, &named(&["Movies 0"]), &asked).await, 0);
}

/// A stamp counted as observed after the listing of the other sections, but was observed before.
#[tokio::test]
async fn a_stamp_is_as_old_as_the_probe_that_showed_it() {
    let (stage, engine, _) = two_sections().await;
    let all = to_queries(&stage.present(SCALE.items));
    engine.match_files(&named(&["Movies 0"]), all.clone()).await.unwrap();
    stage.later(Duration::from_mins(2));
    // The first section does not change at first. While the second one is listed, ten minutes pass
    // and the first section gets a new file.
    let running = engine.match_files(&Selection::All, all.clone());
    let meanwhile = async {
        stage.later(Duration::from_mins(10));
        let (key, path) = stage.pms.edit(|library| add_movie(library, 0, "A Late Arrival (2023)"));
        TruthQuery::new(path, Some(key))
    };
    let (run, late) = stage.pms.while_held((Route::Listing, 1), running, meanwhile).await;
    run.unwrap();
    let run = engine.match_files(&named(&["Movies 0"]), to_queries(&[late])).await.unwrap();
    assert!(matches!(run.answers[0], Answer::Found(_)), "{:?}", run.answers);
}

/// A section that was removed on the server stayed in the file for ever. Now it leaves the file a
/// month after it was last seen. If it comes back before that, it costs nothing.
#[tokio::test]
async fn a_section_that_is_gone_for_a_month_leaves_the_file() {
    let (stage, engine, asked) = two_sections().await;
    let first = engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    let found = |run: &Run| run.answers.iter().filter(|is| matches!(is, Answer::Found(_))).count();
    let items = || engine.store().stats().unwrap().sections.len();
    let removed = stage.pms.edit(|library| library.sections.remove(1));
    let day = Duration::from_hours(24);
    for days in [1, 28] {
        stage.later(day * days);
        engine.match_files(&Selection::All, asked.clone()).await.unwrap();
        assert_eq!(items(), 2);
    }
    stage.pms.edit(|library| library.sections.push(removed));
    stage.later(Duration::from_mins(10));
    let run = engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    assert_eq!(found(&run), found(&first));
    let added: u64 = run.report.steps.iter().map(|step| step.changes.added).sum();
    assert_eq!(added, 0, "it comes back unchanged");
    stage.pms.edit(|library| library.sections.remove(1));
    stage.later(day * 31);
    engine.match_files(&Selection::All, asked.clone()).await.unwrap();
    assert_eq!(items(), 1);
    assert!(engine.store().check().unwrap().is_sound());
}
