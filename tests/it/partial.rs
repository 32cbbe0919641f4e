//! One section fails while the others answer.

use std::time::Duration;

use match_core::{Answer, Query, Rule, Run, Selection};
use plex_api::ErrorKind;
use testbed::budget::{MOUNT, Scale, Stage, to_queries};
use testbed::library::Quirks;
use testbed::queries::TruthQuery;
use testbed::server::Route;

const SCALE: Scale = Scale::small(90, 10);

/// Three sections. The second one has this quirk.
async fn stage(quirk: fn(&mut Quirks)) -> (Stage, Vec<TruthQuery>) {
    let stage = Stage::sections(SCALE, 3).await.unwrap();
    let mut asked = stage.present(4 * SCALE.items); // some items have several files
    asked.extend(stage.absent(3));
    stage.pms.edit(|library| quirk(&mut library.quirks));
    (stage, asked)
}

/// The answers for files of the second section, for files of the others, and for files that do not
/// exist.
fn split<'a>(
    stage: &Stage,
    asked: &[TruthQuery],
    run: &'a Run,
) -> (Vec<&'a Answer>, Vec<&'a Answer>, Vec<&'a Answer>) {
    let (mut second, mut others, mut none) = (Vec::new(), Vec::new(), Vec::new());
    for (truth, answer) in asked.iter().zip(&run.answers) {
        let Some(key) = truth.expect else {
            none.push(answer);
            continue;
        };
        if stage.pms.edit(|library| library.sections[1].item(key).is_some()) {
            second.push(answer);
        } else {
            let right = answer.found().is_some_and(|found| found.rating_key.0 == key);
            assert!(right, "{}: {answer:?}", truth.path);
            others.push(answer);
        }
    }
    (second, others, none)
}

fn is_500(answer: &Answer) -> bool {
    matches!(answer, Answer::Unknown(reason) if reason.kind() == Some(ErrorKind::Server))
}

#[tokio::test]
async fn a_section_that_fails_leaves_what_is_found_elsewhere() {
    let (stage, asked) = stage(|quirks| quirks.failing_section = Some(1)).await;
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    let (second, others, none) = split(&stage, &asked, &run);
    // Nobody can say now that a name is unique.
    let high = |answer: &&&Answer| {
        answer.high().is_some() == (answer.found().unwrap().evidence.rule < Rule::FileName)
    };
    assert!(others.len() >= 60 && others.iter().all(|answer| high(&answer)), "{others:?}");
    assert!(
        second.iter().chain(&none).all(|answer| is_500(answer)),
        "not absent while one section fails: {second:?}"
    );
    assert!(run.outage().is_none());
    assert_eq!(run.report.failed.len(), 1, "{}", run.report);
    let failed = &run.report.failed[0];
    assert_eq!((failed.section.as_str(), failed.left_out), ("Movies 1", false));
    assert!(failed.reason.contains("500"), "{}", failed.reason);
    assert!(run.report.to_string().contains("Movies 1"), "{}", run.report);
    // When it works again, only that section is listed.
    stage.pms.edit(|library| library.quirks.failing_section = None);
    let before = stage.calls();
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.report.answers.unknown, 0, "{}", run.report);
    assert_eq!(run.report.answers.absent, 3);
    assert!(run.report.failed.is_empty());
    assert!(stage.calls() - before <= 2 + SCALE.pages() / 3 + 1, "{}", run.report);
}

/// A file of the failing section was answered with a file of the same name in another section.
#[tokio::test]
async fn what_a_failing_section_had_is_not_found_in_another() {
    let (stage, asked) = stage(|_| {}).await;
    let twin = stage.pms.edit(|library| {
        let mut item = library.sections[1].items()[2].clone();
        let key = item.rating_key;
        item.rating_key = 0;
        let file = item.media[0].parts[0].file.clone();
        item.media[0].parts[0].id = 0;
        item.media[0].parts[0].file = file.replace("-1/", "-0/Other/");
        library.add_item(0, item);
        TruthQuery::new(file.replacen("/data/movies-1", MOUNT, 1), Some(key))
    });
    stage.run(&Selection::All, &asked).await.unwrap();
    let run = stage.run(&Selection::All, std::slice::from_ref(&twin)).await.unwrap();
    let found = |answer: &Answer| answer.found().map(|found| found.rating_key.0);
    assert_eq!(found(&run.answers[0]), twin.expect, "{}: {:?}", twin.path, run.answers);
    stage.later(Duration::from_hours(1));
    stage.pms.edit(|library| {
        library.quirks.failing_section = Some(1);
        for section in 0..3 {
            testbed::generate::add_movie(library, section, "One More (2020)");
            library.scan(section);
        }
    });
    let run = stage.run(&Selection::All, &[twin]).await.unwrap();
    assert!(matches!(run.answers[0], Answer::Unknown(_)), "{:?}", run.answers);
}

/// 403: for this account the section does not exist.
#[tokio::test]
async fn a_section_that_this_token_may_not_see_is_left_out() {
    let (stage, asked) = stage(|quirks| quirks.hidden_section = Some(1)).await;
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    let (second, others, none) = split(&stage, &asked, &run);
    assert!(others.len() >= 60);
    // An item in another section may fit as well by its title.
    let absent = second.iter().filter(|answer| ***answer == Answer::Absent).count();
    assert!(absent + 2 > second.len() && second.iter().all(|answer| answer.found().is_none()));
    assert!(none.iter().all(|answer| **answer == Answer::Absent), "{none:?}");
    let failed = &run.report.failed[0];
    assert_eq!((failed.section.as_str(), failed.left_out), ("Movies 1", true));
    assert!(failed.reason.contains("403"), "{}", failed.reason);
    // A caller who asks only for that section gets the error.
    let only = Selection::section("Movies 1");
    let run = stage.run(&only, &asked[..1]).await.unwrap();
    let kind = run.outage().and_then(match_core::Reason::kind);
    assert_eq!(kind, Some(ErrorKind::Forbidden), "{:?}", run.answers);
}

/// Some servers answer the listing of a section that is gone with 200 and no rows. That is no empty
/// section, and it does not prove that a file is absent.
#[tokio::test]
async fn an_empty_answer_for_a_section_that_is_gone_makes_no_file_absent() {
    let (stage, asked) = stage(|quirks| quirks.empty_for_gone = true).await;
    let engine = stage.engine().await.unwrap();
    let running = engine.match_files(&Selection::All, to_queries(&asked));
    // The answer that is on its way still lists it.
    let meanwhile = async { stage.pms.edit(|library| library.sections.remove(1)) };
    let (run, gone) = stage.pms.while_held((Route::Sections, 1), running, meanwhile).await;
    let run = run.unwrap();
    for (truth, answer) in asked.iter().zip(&run.answers) {
        match truth.expect.filter(|key| gone.item(*key).is_none()) {
            Some(key) => assert_eq!(answer.found().map(|found| found.rating_key.0), Some(key)),
            None => assert!(matches!(answer, Answer::Unknown(_)), "{}: {answer:?}", truth.path),
        }
    }
    let failed = &run.report.failed[0];
    assert_eq!((failed.section.as_str(), failed.left_out), (gone.title.as_str(), false));
    assert!(failed.reason.contains("no rows of any section"), "{}", failed.reason);
}

#[tokio::test]
async fn if_every_section_fails_the_run_fails() {
    let stage = Stage::movies(SCALE).await.unwrap();
    stage.pms.edit(|library| library.quirks.failing_section = Some(0));
    let query = Query::new(format!("{MOUNT}/Anything (2020)/Anything.mkv"));
    let engine = stage.engine().await.unwrap();
    let run = engine.match_files(&Selection::All, vec![query; 20]).await.unwrap();
    assert_eq!(run.report.answers.unknown, 20);
    assert!(run.outage().is_some());
}
