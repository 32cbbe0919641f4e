//! What proves that a file is not in the library, and what proves nothing.

use std::time::Duration;

use match_core::{Answer, Confidence, Query, Run, Selection};
use testbed::budget::{MOUNT, Scale, Stage, one, to_queries};
use testbed::generate::add_movie;
use testbed::library::{FileFilter, Totals};
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};

/// A server ignored `file=` and sent no totals, so it answered with its first rows. The file that
/// is known to exist was among them, so the filter counted as honoured.
#[tokio::test]
async fn a_filter_that_is_ignored_proves_nothing_where_no_total_is_told() {
    let scale = Scale::small(50, 50);
    let stage = Stage::movies(scale).await.unwrap();
    stage.pms.edit(|library| {
        library.quirks.totals = Totals::NotTold;
        library.quirks.file_filter = FileFilter::Ignored;
    });
    let engine = stage.engine().await.unwrap();
    let mut asked = stage.present(scale.items);
    asked.sort_by_key(|query| query.expect);
    for (at, truth) in asked.iter().enumerate().rev().step_by(9) {
        let answer = one(&engine, truth).await;
        let right = matches!(&answer, Answer::Found(found)
            if Some(found.rating_key.0) == truth.expect);
        assert!(right, "the {at}. file: {answer:?}");
    }
}

/// In one run, a file's remembered answer was taken, and then a lookup for another file showed that
/// the item has that other file now. The answer that was taken before stayed.
#[tokio::test]
async fn a_lookup_that_changes_an_item_ends_the_answers_of_the_same_run_that_named_it() {
    let stage = Stage::movies(Scale::small(400, 50)).await.unwrap();
    stage.pms.edit(|library| library.quirks.file_filter = FileFilter::Substring);
    let files = stage.present(60);
    let engine = stage.engine().await.unwrap();
    let mut queries = to_queries(&files);
    engine.match_files(&Selection::All, queries.clone()).await.unwrap();
    // Its name has to be one that a lookup can ask for.
    let is_plain = |file: &TruthQuery| !file.query.path.contains([',', '{']);
    let lost = files.iter().rposition(is_plain).unwrap();
    let key = files[lost].expect.unwrap();
    stage.pms.edit(|library| {
        // The addition explains why the counter moved.
        add_movie(library, 0, "Added Beside It (2020)");
        let file = "/data/movies/Put There (1999)/Put There (1999).mkv";
        library.replace_file(0, key, file, 5);
        library.advance(1);
    });
    stage.later(Duration::from_secs(61));
    queries.push(Query::new(format!("{MOUNT}/Put There (1999)/Put There (1999).mkv")));
    let run = engine.match_files(&Selection::All, queries).await.unwrap();
    let mut expected: Vec<Option<u64>> = files.iter().map(|file| file.expect).collect();
    expected[lost] = None;
    expected.push(Some(key));
    for (expected, answer) in expected.iter().zip(&run.answers) {
        let sure = answer.found().filter(|found| found.confidence == Confidence::High);
        assert_eq!(sure.map(|found| found.rating_key.0), *expected, "{answer:?}\n{}", run.report);
    }
    // One for the stamps, one for the delta, one that finds the new path, one that does not find
    // the old path, and one that tests whether this proves anything.
    assert_eq!(run.report.calls.total().count, 5, "{}", run.report);
    assert_eq!(run.report.lookups.computed, 4, "{}", run.report);
}

/// The titles of one section were brought up to date, so its answers were given again, by their paths.
/// A title that both sections have was then looked for in the other section only.
#[tokio::test]
async fn a_title_in_two_sections_is_still_looked_for_in_both_after_one_of_them_changed() {
    let stage = Stage::sections(Scale::small(100, 50), 2).await.unwrap();
    let edited = stage.pms.edit(|library| {
        for section in [0, 1] {
            add_movie(library, section, "Twice There (2011)");
        }
        library.sections[0].items()[7].rating_key
    });
    let engine = stage.engine().await.unwrap();
    let mut queries = to_queries(&stage.present(60));
    queries.push(Query::new("/elsewhere/Twice.There.2011.1080p.mkv"));
    let ask = async || {
        let run = engine.match_files(&Selection::All, queries.clone()).await.unwrap();
        (run.answers[60].clone(), run.report)
    };
    let (before, _) = ask().await;
    stage.pms.edit(|library| library.edit_title(0, edited, "Another Title"));
    stage.later(Duration::from_hours(1));
    let (meanwhile, report) = ask().await;
    assert!(report.steps.iter().any(|step| step.changes.any()), "{report}");
    let (after, _) = ask().await;
    assert!(matches!(before, Answer::Ambiguous(_)), "{before:?}");
    assert_eq!(meanwhile, before, "{report}");
    assert_eq!(after, before);
}

/// Two files of one name in a known section were the answer, although the whole path was in another
/// section, which was not known yet.
#[tokio::test]
async fn a_tie_in_one_section_does_not_hide_the_file_in_another() {
    let scale = Scale::small(100, 50);
    let stage = Stage::sections(scale, 2).await.unwrap();
    let (name, key) = stage.pms.edit(|library| {
        let (key, path) = add_movie(library, 1, "Twice Told (2011)");
        for folder in ["Old", "New"] {
            let mut item = library.sections[1].item(key).unwrap().clone();
            item.rating_key = 0;
            let name = path.rsplit('/').next().unwrap();
            item.media[0].parts[0].file = format!("/data/movies-0/{folder}/{name}");
            item.media[0].parts[0].id = 0;
            item.media[0].parts[0].size += 7;
            library.add_item(0, item);
        }
        (path, key)
    });
    let engine = stage.engine().await.unwrap();
    let first = Selection::section("Movies 0");
    let known: Vec<TruthQuery> = stage.present(60);
    engine.match_files(&first, to_queries(&known)).await.unwrap();
    let query = Query::new(name.replace(MOUNT, "/data/movies-1"));
    let run = engine.match_files(&Selection::All, vec![query]).await.unwrap();
    assert!(
        matches!(&run.answers[0], Answer::Found(found) if found.rating_key.0 == key),
        "expected {key}: {:?}",
        run.answers
    );
}

/// A row could be read without its guids, but not with them, so every sweep saw it as changed. The
/// totals never agreed, and a day after the listing every run failed.
#[tokio::test]
async fn a_row_with_a_malformed_guid_does_not_end_every_sweep() {
    let scale = Scale::small(100, 50);
    let stage = Stage::movies(scale).await.unwrap();
    let spoiled = stage.pms.edit(|library| {
        let key = library.sections[0].items()[7].rating_key;
        library.item_at(0, key).malformed_guid = true;
        key
    });
    let engine = stage.engine().await.unwrap();
    let asked: Vec<TruthQuery> = stage
        .present(scale.items)
        .into_iter()
        .filter(|query| query.expect != Some(spoiled))
        .collect();
    for day in 0..3 {
        let run = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
        for (truth, answer) in asked.iter().zip(&run.answers) {
            assert!(
                matches!(answer, Answer::Found(found) if Some(found.rating_key.0) == truth.expect),
                "day {day}: {}: {answer:?}",
                truth.path
            );
        }
        stage.later(Duration::from_hours(25));
    }
}

/// The opposite case: a sweep dropped an item because its trimmed row could not be read. The whole
/// row can be read, so the answer "absent" for its file was wrong.
#[tokio::test]
async fn an_item_whose_trimmed_row_is_malformed_is_read_whole() {
    let scale = Scale::small(100, 50);
    let stage = Stage::movies(scale).await.unwrap();
    let asked = stage.present(scale.items);
    let spoiled = asked[7].expect.unwrap();
    stage.pms.edit(|library| library.item_at(0, spoiled).malformed_trimmed = true);
    // The listing, and two sweeps that each read the one item again.
    for calls in [2 + scale.pages(), 1 + scale.pages() + 1, 1 + scale.pages() + 1] {
        let before = stage.calls();
        let run = stage.run(&Selection::All, &asked).await.unwrap();
        assert_eq!(run.report.answers.found(), asked.len() as u64, "{:?}", run.report.steps);
        assert_eq!(stage.calls() - before, calls, "{:?}", run.report.steps);
        stage.later(Duration::from_hours(25));
    }
}

/// A sweep found a damaged item and listed the section again. The note of the damage stayed, and
/// the next pass dropped the section that had just been listed.
#[tokio::test]
async fn damage_that_a_sweep_met_is_healed_by_one_listing() {
    let scale = Scale::small(100, 50);
    let stage = Stage::movies(scale).await.unwrap();
    let asked = stage.present(scale.items);
    stage.run(&Selection::All, &asked).await.unwrap();
    stage.damage_item(asked[0].expect.unwrap());
    stage.later(Duration::from_hours(25));
    stage.pms.reset_requests();
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.report.answers.found(), asked.len() as u64);
    // The sweep and the listing.
    let listings = stage.pms.requests().count(Route::Listing);
    assert_eq!(listings, 2 * scale.pages(), "{:?}", run.report.steps);
}

/// While pages are read, an item of the first page is removed and another one is added. The total
/// stays the same, the later rows move up, and the first row of the second page is on no page.
async fn listed_while_it_changes(stage: &Stage, held: u64) -> (Run, Vec<TruthQuery>, TruthQuery) {
    let mut asked = stage.present(stage.scale.items);
    asked.sort_by_key(|query| query.expect);
    let engine = stage.engine().await.unwrap();
    let running = engine.match_files(&Selection::All, to_queries(&asked));
    let meanwhile = async {
        let first = asked[3].expect.unwrap();
        stage.pms.edit(|library| {
            library.remove_item(0, first);
            let (key, path) = add_movie(library, 0, "A Late Arrival (2023)");
            library.advance(1);
            library.scan(0);
            TruthQuery::new(path, Some(key))
        })
    };
    let (run, new) = stage.pms.while_held((Route::Listing, held), running, meanwhile).await;
    engine.close().await.unwrap();
    (run.unwrap(), asked, new)
}

/// Without the second look, its file was "absent", in this run and in every run within the
/// freshness window.
#[tokio::test]
async fn a_row_that_moved_up_during_a_listing_is_not_absent() {
    let scale = Scale::small(150, 50);
    let stage = Stage::movies(scale).await.unwrap();
    let (run, asked, new) = listed_while_it_changes(&stage, 1).await;
    let gone = asked[3].expect;
    for (truth, answer) in asked.iter().zip(&run.answers) {
        match answer {
            Answer::Found(found) => assert_eq!(Some(found.rating_key.0), truth.expect),
            other => assert_eq!((other, truth.expect), (&Answer::Absent, gone), "{}", truth.path),
        }
    }
    // Probe, identity, listing; the stamps again, what was added, the sweep, and the stamps again.
    assert!(stage.calls() <= 2 + 3 + 1 + 1 + 3 + 1 + 1, "{:?}", stage.pms.requests());
    let before = stage.calls();
    let run = stage.run(&Selection::All, &[new]).await.unwrap();
    assert!(matches!(&run.answers[0], Answer::Found(_)), "{:?}", run.answers);
    assert_eq!(stage.calls(), before, "within the freshness window");
}

/// While a deleted item was searched, another one was deleted. The search took the second for the
/// first, and the first was answered as found.
#[tokio::test]
async fn a_deletion_during_the_search_for_another_one_does_not_hide_it() {
    let scale = Scale::small(400, 50);
    let stage = Stage::movies(scale).await.unwrap();
    stage.pms.edit(|library| library.quirks.counter_moves_on_delete = false);
    let mut asked = stage.present(scale.items);
    asked.sort_by_key(|query| query.expect);
    let engine = stage.engine().await.unwrap();
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let [before, meanwhile] = [350, 10].map(|at| asked[at].expect);
    let delete = |key: Option<u64>| {
        stage.pms.edit(|library| {
            library.remove_item(0, key.unwrap());
            library.advance(1);
            library.scan(0);
        });
    };
    delete(before);
    stage.later(Duration::from_secs(61));
    let running = engine.match_files(&Selection::All, to_queries(&asked));
    let deleting = async { delete(meanwhile) };
    let (run, ()) = stage.pms.while_held((Route::Listing, 1), running, deleting).await;
    let run = run.unwrap();
    for (truth, answer) in asked.iter().zip(&run.answers) {
        // Both answers are right for the file that went during the run.
        if truth.expect != meanwhile {
            assert_eq!(answer.found().is_some(), truth.expect != before, "{answer:?}");
        }
    }
}

/// If everything is found, nothing is asked again. The first absence costs one call, and the next
/// ones cost none.
#[tokio::test]
async fn stamps_are_compared_again_once_and_only_where_an_absence_is_said() {
    let scale = Scale::small(150, 50);
    let stage = Stage::movies(scale).await.unwrap();
    stage.run(&Selection::All, &stage.present(scale.items)).await.unwrap();
    assert_eq!(stage.calls(), 2 + scale.pages());
    let absent = stage.absent(20);
    let run = stage.run(&Selection::All, &absent).await.unwrap();
    assert_eq!(run.report.answers.absent, 20);
    assert_eq!(stage.calls(), 2 + scale.pages() + 1, "within the freshness window");
    stage.run(&Selection::All, &absent).await.unwrap();
    stage.run(&Selection::All, &stage.absent(30)).await.unwrap();
    assert_eq!(stage.calls(), 2 + scale.pages() + 1, "they were compared");
}

/// A section that changes during every listing: nobody can say what is absent.
#[tokio::test]
async fn a_section_that_changes_during_every_listing_has_no_absent_files() {
    let scale = Scale::small(150, 50);
    let stage = Stage::movies(scale).await.unwrap();
    let asked = stage.absent(20);
    stage.pms.script(FaultRule::next(Route::Listing, u64::MAX, Fault::Held));
    let engine = stage.engine().await.unwrap();
    let running = engine.match_files(&Selection::All, to_queries(&asked));
    let changing = async {
        loop {
            stage.pms.held().await;
            stage.pms.edit(|library| {
                let gone = library.sections[0].items()[3].rating_key;
                library.remove_item(0, gone);
                add_movie(library, 0, "Yet Another (2023)");
                library.advance(1);
                library.scan(0);
            });
            stage.pms.release();
        }
    };
    let run = tokio::select! {
        run = running => run.unwrap(),
        () = changing => unreachable!(),
    };
    assert_eq!(run.report.answers.unknown, 20, "{:?}", run.report.steps);
}
