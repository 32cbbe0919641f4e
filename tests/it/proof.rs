//! What proves that a file is not in the library, and what does not.

use std::time::Duration;

use match_core::{Answer, Query, Selection};
use testbed::budget::{MOUNT, Scale, Stage, to_queries};
use testbed::generate::add_movie;
use testbed::library::{FileFilter, Totals};
use testbed::queries::TruthQuery;
use testbed::server::Route;

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
        let run = engine
            .match_files(&Selection::All, to_queries(std::slice::from_ref(truth)))
            .await
            .unwrap();
        let right = matches!(&run.answers[0], Answer::Found(found)
            if Some(found.rating_key.0) == truth.expect);
        assert!(right, "the {at}. file: {:?}", run.answers);
    }
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
