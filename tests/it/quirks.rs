//! How real servers treat unusual requests. Each case comes from a public report.

use std::collections::BTreeSet;
use std::time::Duration;

use match_core::{Answer, Change, EditOptions, EditOutcome, Engine, Selection};
use plex_api::{RatingKey, TagField};
use testbed::budget::{Scale, Stage, edited, to_queries};
use testbed::generate::add_movie;
use testbed::library::{FileFilter, Updated};
use testbed::queries::TruthQuery;
use testbed::server::{Fault, FaultRule, Route};

const SCALE: Scale = Scale::small(100, 50);

/// A comma in a filter's value separates values, and an operator may begin in the value. So an
/// empty answer to `file=` was wrongly taken as proof that the file is absent.
#[tokio::test]
async fn a_file_name_that_a_filter_reads_otherwise_is_not_absent() {
    for name in ["Me, Myself And Nobody (2011)", "=Equal (2012)", "!Not (2013)", "<Less (2014)"] {
        let stage = Stage::movies(SCALE).await.unwrap();
        let truth = stage.pms.edit(|library| {
            library.quirks.file_filter = FileFilter::Exact;
            let (key, path) = add_movie(library, 0, name);
            // The item has another title, so only its file leads to it.
            library.edit_title(0, key, "Quite Another Title");
            TruthQuery::new(path, Some(key))
        });
        let run = stage.run(&Selection::All, std::slice::from_ref(&truth)).await.unwrap();
        let found = run.answers[0].found().map(|found| found.rating_key.0);
        assert_eq!(found, truth.expect, "{name}: {:?}", run.answers);
    }
}

/// A server ignores an unknown filter: 200, and the whole list.
#[tokio::test]
async fn filters_that_are_not_known_cost_a_listing_and_no_answer() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let mut asked = stage.present(SCALE.items);
    stage.pms.edit(|library| {
        let quirks = &mut library.quirks;
        quirks.unknown_filters = &["addedAt", "updatedAt", "title", "file", "trash"];
        quirks.updated = Updated::NotBySome;
    });
    stage.run(&Selection::All, &asked).await.unwrap();
    stage.later(Duration::from_mins(20));
    let (gone, new) = stage.pms.edit(|library| {
        let gone = library.sections[0].items()[5].rating_key;
        library.remove_item(0, gone);
        let (key, path) = add_movie(library, 0, "Only Just Added (2026)");
        library.scan(0);
        (gone, TruthQuery::new(path, Some(key)))
    });
    asked.push(new);
    let before = stage.calls();
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    for (truth, answer) in asked.iter().zip(&run.answers) {
        let expect = truth.expect.filter(|key| *key != gone);
        let right = match answer {
            Answer::Found(found) => Some(found.rating_key.0) == expect,
            Answer::Absent => expect.is_none(),
            _ => false,
        };
        assert!(right, "{}: {answer:?}", truth.path);
    }
    // The probe, what changed last, one page of each filter, the listing, and the stamps again.
    assert!(stage.calls() - before <= 2 + 2 + SCALE.pages() + 2, "{}", run.report);
}

/// Rows with a very old `updatedAt` are treated like rows without one.
#[tokio::test]
async fn an_item_is_found_that_says_it_was_updated_long_ago() {
    let stage = Stage::movies(Scale::small(400, 50)).await.unwrap();
    stage.pms.edit(|library| library.quirks.updated = Updated::OldBySome);
    let mut asked = stage.present(400);
    stage.run(&Selection::All, &asked).await.unwrap();
    for at in 0..6 {
        stage.later(Duration::from_hours(1));
        let (key, path) = stage.pms.edit(|library| {
            let added = add_movie(library, 0, &format!("Added Without A Time {at} (2026)"));
            library.scan(0);
            added
        });
        asked.push(TruthQuery::new(path, Some(key)));
        let before = stage.calls();
        let run = stage.run(&Selection::All, &asked).await.unwrap();
        assert_eq!(run.report.answers.found(), asked.len() as u64, "{}", run.report);
        assert!(stage.calls() - before <= 3, "{}", run.report);
    }
}

/// For a section that is gone, the server answered 200 and no rows. So every file in it would be
/// absent.
#[tokio::test]
async fn an_answer_without_a_section_is_no_empty_section() {
    for body in [&br#"{"MediaContainer":{"size":0}}"#[..], b"{}", b"{\"MediaContainer\":{}}"] {
        let answer = Fault::Answer { status: 200, content_type: "application/json", body };
        for known in [false, true] {
            let stage = Stage::movies(SCALE).await.unwrap();
            let asked = stage.present(SCALE.items);
            if known {
                stage.run(&Selection::All, &asked).await.unwrap();
                stage.later(Duration::from_hours(25));
            }
            stage.pms.script(FaultRule::next(Route::Listing, u64::MAX, answer));
            let run = stage.run(&Selection::All, &asked).await.unwrap();
            let unknown = run.report.answers.unknown;
            assert_eq!(unknown, asked.len() as u64, "{known}: {}", run.report);
            let one = stage.run(&Selection::All, &asked[..1]).await.unwrap();
            assert_eq!(one.report.answers.unknown, 1, "{known}: {}", one.report);
            stage.pms.clear_faults();
            let run = stage.run(&Selection::All, &asked).await.unwrap();
            assert_eq!(run.report.answers.found(), asked.len() as u64, "{known}: {}", run.report);
        }
    }
}

async fn known() -> (Stage, Engine, RatingKey) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let engine = stage.engine().await.unwrap();
    let asked = stage.present(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let key = RatingKey(asked[0].expect.unwrap());
    (stage, engine, key)
}

fn tags(stage: &Stage, key: RatingKey, field: &str) -> Vec<String> {
    stage.pms.edit(|library| library.item_at(0, key.0).details.tags_of(field).to_vec())
}

fn locks(stage: &Stage, key: RatingKey) -> Vec<String> {
    stage.pms.edit(|library| library.item_at(0, key.0).details.locked.iter().cloned().collect())
}

/// The server stores "overlay" as "Overlay". So it was sent again in every run, and never removed.
#[tokio::test]
async fn a_label_is_sent_once_and_can_be_removed() {
    let (stage, engine, key) = known().await;
    let add = || Change::new(key).add_tags(TagField::Label, ["overlay"]);
    assert!(edited(&engine, add()).await);
    assert_eq!(tags(&stage, key, "label"), ["Overlay"]);
    for pause in [0, 90, 3_600] {
        stage.later(Duration::from_secs(pause));
        assert!(!edited(&engine, add()).await, "after {pause} s");
    }
    assert!(edited(&engine, Change::new(key).remove_tags(TagField::Label, ["overlay"])).await);
    assert!(tags(&stage, key, "label").is_empty());
}

/// Nothing reports that somebody removed a label or a collection, or unlocked a field. So for a day
/// the item counted as "already right".
#[tokio::test]
async fn what_no_stamp_tells_of_is_read_again() {
    let (stage, engine, key) = known().await;
    let changes = || {
        [
            (Change::new(key).add_tags(TagField::Label, ["Mine"]), "label"),
            (Change::new(key).add_tags(TagField::Collection, ["Ours"]), "collection"),
        ]
    };
    for (change, field) in changes() {
        assert!(edited(&engine, change).await);
        assert_eq!(tags(&stage, key, field).len(), 1);
    }
    assert!(edited(&engine, Change::new(key).lock("title", true)).await);
    stage.pms.edit(|library| {
        let details = &mut library.item_at(0, key.0).details;
        details.tags.clear();
        details.locked.clear();
    });
    stage.later(Duration::from_mins(16));
    for (change, field) in changes() {
        assert!(edited(&engine, change).await, "{field} was removed by somebody else");
        assert_eq!(tags(&stage, key, field).len(), 1);
    }
    assert!(edited(&engine, Change::new(key).lock("title", true)).await);
    assert!(locks(&stage, key).contains(&"title".to_owned()));
}

/// The server locks the field of collections by itself when membership changes.
#[tokio::test]
async fn a_collection_may_be_unlocked_in_the_request_that_fills_it() {
    let (stage, engine, key) = known().await;
    let add = |name: &str| Change::new(key).add_tags(TagField::Collection, [name]);
    assert!(edited(&engine, add("Ours")).await);
    assert_eq!(locks(&stage, key), ["collection"]);
    let options = EditOptions::default();
    let change = add("Theirs").lock("collection", false);
    let run = engine.edit(&Selection::All, vec![change], options).await.unwrap();
    let EditOutcome::Done { overwritten, .. } = &run.outcomes[0] else { panic!("{run:?}") };
    assert!(overwritten.is_empty(), "nobody else changed it: {overwritten:?}");
    assert!(locks(&stage, key).is_empty());
    assert_eq!(tags(&stage, key, "collection").len(), 2);
    assert!(!edited(&engine, Change::new(key).lock("collection", false)).await);
}

/// The guids of the NFO agent hold the id of the film.
#[tokio::test]
async fn a_guid_of_the_nfo_agent_is_the_id_that_it_holds() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let key = stage.pms.edit(|library| {
        let key = library.sections[0].items()[3].rating_key;
        let item = library.item_at(0, key);
        "tv.plex.agents.nfo.movie://movie/imdb_tt0133093".clone_into(&mut item.guid);
        item.guids.clear();
        key
    });
    let mut truth = TruthQuery::new("/mnt/unsorted/x1.mkv", Some(key));
    truth.query.guids = vec!["imdb://tt0133093".to_owned()];
    stage.run(&Selection::All, &stage.present(SCALE.items)).await.unwrap();
    let run = stage.run(&Selection::All, &[truth]).await.unwrap();
    let found = run.answers[0].found().map(|found| found.rating_key.0);
    assert_eq!(found, Some(key), "{:?}", run.answers);
}

/// A database was restored, and the counter came to the value that it had at the last look. So the
/// stamp did not change. The total shows the change, after at most an hour.
#[tokio::test]
async fn a_stamp_that_repeats_is_found_out_by_the_total() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.present(SCALE.items);
    stage.run(&Selection::All, &asked).await.unwrap();
    let gone = asked[9].expect.unwrap();
    stage.pms.edit(|library| {
        let section = &library.sections[0];
        let stamp = (section.content_changed_at, section.scanned_at, section.updated_at);
        library.remove_item(0, gone);
        let section = &mut library.sections[0];
        (section.content_changed_at, section.scanned_at, section.updated_at) = stamp;
    });
    stage.later(Duration::from_mins(61));
    let before = stage.calls();
    let run = stage.run(&Selection::All, &asked).await.unwrap();
    assert_eq!(run.answers[9], Answer::Absent, "{}", run.report);
    // The stamps, the total, the search for the one that is gone, and the stamps again.
    assert!(stage.calls() - before <= 1 + 1 + 2 + SCALE.pages() + 1, "{}", run.report);
    assert_eq!(run.report.totals_moved, 1, "{}", run.report);
}

/// On some servers a deletion moves the counter, on others it does not. Each run counts how often
/// only the total showed a deletion.
#[tokio::test]
async fn a_total_that_moves_under_a_counter_that_stands_is_counted() {
    for told in [true, false] {
        // A few that vanish are searched for, and many are swept.
        for gone in [1, 60] {
            let stage = Stage::movies(SCALE).await.unwrap();
            let asked = stage.present(SCALE.items);
            let first = stage.run(&Selection::All, &asked).await.unwrap().report;
            let removed: BTreeSet<u64> =
                asked.iter().filter_map(|truth| truth.expect).take(gone).collect();
            stage.pms.edit(|library| {
                library.quirks.counter_moves_on_delete = told;
                for key in &removed {
                    library.remove_item(0, *key);
                }
                library.advance(1);
                library.scan(0);
            });
            stage.later(Duration::from_mins(2));
            let second = stage.run(&Selection::All, &asked).await.unwrap().report;
            let absent = asked.iter().filter(|truth| removed.contains(&truth.expect.unwrap()));
            assert_eq!(second.answers.absent, absent.count() as u64, "{second}");
            stage.later(Duration::from_mins(2));
            let third = stage.run(&Selection::All, &asked).await.unwrap().report;
            let moved = [&first, &second, &third].map(|report| report.totals_moved);
            assert_eq!(moved, [0, u64::from(!told), 0], "{gone} gone, told {told}: {second}");
            let says = second.summary().contains("while the change counter stood");
            assert_eq!(says, !told, "{}", second.summary());
            assert_eq!((first + second + third).totals_moved, u64::from(!told));
        }
    }
}
