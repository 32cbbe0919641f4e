//! Items, verification, edits and uploads through the engine: their results, and the number of
//! requests that the server received.

mod stopped;

use std::time::Duration;

use match_core::{
    Answer, Change, EditFailure, EditOptions, EditOutcome, EditRun, Engine, Fetched, Level,
    NotTried, OnForeign, Query, Refusal, Rule, Selection, Uploaded, Verified,
};
use plex_api::{Artwork, Field, ItemKind, RatingKey, SectionKey, TagField};
use testbed::budget::{MOUNT, Scale, Stage, to_queries};
use testbed::library::Item;
use testbed::server::{Fault, FaultRule, Route};

const SCALE: Scale = Scale::small(60, 20);

/// A rating key that no item has.
const NOBODY: RatingKey = RatingKey(9_999_999);

struct World {
    stage: Stage,
    engine: Engine,
    /// The items by key, each with its file as the client sees it.
    items: Vec<(RatingKey, String)>,
}

impl World {
    /// A world with a known section and no counted requests, still within the freshness window.
    async fn new() -> Self {
        let stage = Stage::movies(SCALE).await.unwrap();
        let engine = stage.engine().await.unwrap();
        let asked = stage.present(SCALE.items);
        engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
        let mut items: Vec<_> = asked
            .into_iter()
            .filter_map(|query| Some((RatingKey(query.expect?), query.query.path)))
            .collect();
        items.sort_unstable();
        items.dedup_by_key(|(key, _)| *key);
        stage.pms.reset_requests();
        Self { stage, engine, items }
    }

    fn key(&self, at: usize) -> RatingKey {
        self.items[at].0
    }

    fn keys(&self, count: usize) -> Vec<RatingKey> {
        self.items.iter().take(count).map(|(key, _)| *key).collect()
    }

    /// The requests since the last call of this function.
    fn requests(&self) -> Vec<(Route, u64)> {
        let requests = self.stage.pms.requests().by_endpoint.into_iter().collect();
        self.stage.pms.reset_requests();
        requests
    }

    async fn edit(&self, changes: Vec<Change>) -> EditRun {
        self.edit_with(changes, EditOptions::default()).await
    }

    async fn edit_with(&self, changes: Vec<Change>, options: EditOptions) -> EditRun {
        self.engine.edit(&Selection::All, changes, options).await.unwrap()
    }

    fn on_server(&self, key: RatingKey) -> Item {
        self.stage.pms.edit(|library| library.sections[0].item(key.0).unwrap().clone())
    }

    fn titles(&self, count: usize) -> Vec<Change> {
        self.keys(count).into_iter().map(|key| titled(key, &format!("Title of {key}"))).collect()
    }
}

fn titled(key: RatingKey, title: &str) -> Change {
    Change::new(key).set(Field::Title, title)
}

fn done(fields: &[&str]) -> EditOutcome {
    let fields = fields.iter().map(|&field| field.to_owned()).collect();
    EditOutcome::Done { fields, overwritten: Vec::new() }
}

#[tokio::test]
async fn items_are_read_once_and_a_key_that_is_not_there_is_an_answer() {
    let world = World::new().await;
    let mut keys = world.keys(5);
    keys.extend([NOBODY, world.key(0)]);
    let fetch = |level| world.engine.items(&Selection::All, &keys, level);
    for (level, calls, stored) in [
        (Level::Matching, 1, true), // the key of no item needs a request
        (Level::Metadata, 1, false),
        (Level::Metadata, 1, true),
    ] {
        let fetched = fetch(level).await.unwrap();
        assert_eq!(world.requests(), [(Route::Metadata, calls)], "{level:?}");
        assert_eq!(fetched[5], Fetched::Missing);
        for (at, fetched) in fetched.iter().enumerate().filter(|(at, _)| *at != 5) {
            let Fetched::Found { item, metadata, from_store } = fetched else {
                panic!("{fetched:?}")
            };
            assert_eq!((item.rating_key, *from_store), (keys[at], stored), "{level:?}");
            assert_eq!(metadata.is_some(), level == Level::Metadata);
        }
    }
    world.engine.items(&Selection::All, &keys[..5], Level::Metadata).await.unwrap();
    assert_eq!(world.requests(), []);
    world.stage.pms.set_fault(Fault::Outage);
    world.engine.items(&Selection::All, &keys, Level::Metadata).await.unwrap_err();
}

#[tokio::test]
async fn a_match_is_right_or_moved_or_gone_or_unknown() {
    let world = World::new().await;
    let mut matches: Vec<(Query, RatingKey)> =
        world.items.iter().take(6).map(|(key, path)| (Query::new(path.as_str()), *key)).collect();
    matches.push(matches[0].clone()); // two files of one item
    let verify = || world.engine.verify(&Selection::All, &matches);
    assert_eq!(verify().await.unwrap().results, vec![Verified::Right; 7]);
    assert_eq!(world.requests(), [(Route::Metadata, 1)]);

    let (same_file, same_guid) = world.stage.pms.edit(|library| {
        let mut again = |at: usize, change: fn(&mut Item)| {
            let key = world.key(at).0;
            let mut item = Item { rating_key: 0, ..library.sections[0].item(key).unwrap().clone() };
            library.remove_item(0, key);
            change(&mut item);
            library.add_item(0, item)
        };
        let same_file = again(1, |_| {});
        let same_guid = again(2, |item| {
            item.media.truncate(1);
            item.media[0].parts.truncate(1);
            "/data/movies/Quite Another (2021)/Cut.mkv"
                .clone_into(&mut item.media[0].parts[0].file);
        });
        library.remove_item(0, world.key(3).0);
        library.edit_title(0, world.key(4).0, "Renamed");
        library.scan(0);
        (same_file, same_guid)
    });
    world.stage.later(Duration::from_mins(2));
    let verified = verify().await.unwrap().results;
    for at in [0, 4, 5, 6] {
        assert_eq!(verified[at], Verified::Right, "{at}");
    }
    let Verified::Moved(found) = &verified[1] else { panic!("{:?}", verified[1]) };
    assert_eq!(found.rating_key, RatingKey(same_file));
    let Verified::Moved(found) = &verified[2] else { panic!("{:?}", verified[2]) };
    assert_eq!((found.rating_key, found.evidence.rule), (RatingKey(same_guid), Rule::Guid));
    assert_eq!(verified[3], Verified::Gone);
    // One read covers all items. The three lost ones are matched again, and the one that is in no
    // section needs a sweep, a delta, and the stamps once more.
    let requests = world.requests();
    assert_eq!(requests.iter().find(|(at, _)| *at == Route::Metadata).unwrap().1, 1);
    assert_eq!(requests.iter().find(|(at, _)| *at == Route::Sections).unwrap().1, 2);
    assert!(
        requests.iter().map(|(_, count)| count).sum::<u64>() <= 2 + 4 + 2 * SCALE.pages(),
        "{requests:?}"
    );
    assert_eq!(world.engine.lifetime().await.unwrap().lookups.rekeyed, 2);

    world.stage.pms.set_fault(Fault::Outage);
    let verified = verify().await.unwrap().results;
    assert!(verified.iter().all(|verified| matches!(verified, Verified::Unknown(_))));
}

/// The guid, the title and the place in the library stay the same, so only the file shows the
/// change. Many files have the name `movie.mkv`: one in another folder is another file.
#[tokio::test]
async fn a_file_that_was_replaced_in_place_is_not_the_items_any_more() {
    for (first, second) in [
        ("A Film (2001)/A Film.mkv", "Another (2002)/Another.mkv"),
        ("A Film (2001)/movie.mkv", "Another (2002)/movie.mkv"),
    ] {
        let world = World::new().await;
        let key = world.key(0);
        let place = |file: &str| {
            world.stage.pms.edit(|library| {
                let item = library.item_at(0, key.0);
                item.media.truncate(1);
                item.media[0].parts.truncate(1);
                library.replace_file(0, key.0, &format!("/data/movies/{file}"), 5);
                library.scan(0);
            });
        };
        place(first);
        world.stage.later(Duration::from_mins(2));
        let query = Query::new(format!("{MOUNT}/{first}"));
        let run = world.engine.match_files(&Selection::All, vec![query.clone()]).await.unwrap();
        let found = matches!(&run.answers[0], Answer::Found(found) if found.rating_key == key);
        assert!(found, "{:?}", run.answers[0]);

        place(second);
        let matches = [(query, key)];
        let verify = || world.engine.verify(&Selection::All, &matches);
        let change = titled(key, "Of the file that was there").of_file(&matches[0].0.path);
        let edited = world.edit(vec![change]).await;
        assert_eq!(
            edited.outcomes,
            [EditOutcome::Failed(EditFailure::NoSuchFile(matches[0].0.path.clone()))],
            "{second}"
        );
        // The result is the same once the store knows the new file. If its name is `movie.mkv`, it
        // may be the old file.
        for _ in 0..2 {
            let verified = verify().await.unwrap().results.remove(0);
            let unclear = Verified::Unclear(vec![key]);
            let expected = if second.ends_with("movie.mkv") { unclear } else { Verified::Gone };
            assert_eq!(verified, expected, "{second}");
        }
    }
}

#[tokio::test]
async fn what_failed_once_is_believed_again_after_the_item_changed_and_was_verified() {
    let world = World::new().await;
    let matches = [(Query::new(world.items[0].1.as_str()), world.key(0))];
    let failed =
        || async { world.engine.failures(&[matches[0].0.clone()]).await.unwrap()[0].clone() };
    let fail = || world.engine.match_failed(&matches[0].0, matches[0].1, "another edition");

    fail().await.unwrap();
    world.engine.verify(&Selection::All, &matches).await.unwrap();
    assert!(failed().await.is_some(), "the item did not change");
    world.stage.pms.edit(|library| library.edit_title(0, world.key(0).0, "The other edition"));
    world.engine.verify(&Selection::All, &matches).await.unwrap();
    assert_eq!(failed().await, None);

    fail().await.unwrap();
    let queries = vec![matches[0].0.clone()];
    world.engine.match_files(&Selection::All, queries).await.unwrap();
    world.engine.mark_applied(&matches).await.unwrap();
    assert_eq!(failed().await, None, "the host says that it is the item");
}

#[tokio::test]
async fn a_dry_run_is_the_plan_and_the_run_is_the_dry_run() {
    let world = World::new().await;
    let mut changes = world.titles(3);
    let tagged = |key: &RatingKey| Change::new(*key).add_tags(TagField::Label, ["mine"]);
    changes.extend(world.keys(30)[3..].iter().map(tagged));
    let dry = EditOptions { dry_run: true, ..EditOptions::default() };
    let planned = world.edit_with(changes.clone(), dry).await;
    assert_eq!(world.requests(), [(Route::Metadata, 1)], "items that must be read are read");
    assert_eq!(planned.planned.len(), 4);
    assert_eq!(planned.planned[3].keys, world.keys(30)[3..]);
    assert_eq!(planned.planned[3].fields, ["label"]);
    assert!(planned.outcomes.iter().all(|is| *is == EditOutcome::NotTried(NotTried::DryRun)));
    assert!(world.engine.open_edits().await.unwrap().is_empty());
    assert_ne!(world.on_server(world.key(0)).title, format!("Title of {}", world.key(0)));

    let run = world.edit(changes.clone()).await;
    assert_eq!(run.planned, planned.planned);
    assert_eq!(world.requests(), [(Route::Edit, 4)], "and nothing is read again");
    assert_eq!(run.counts().done, 30);
    let again = world.edit(changes).await;
    assert_eq!((again.counts().unchanged, again.planned.len()), (30, 0));
    assert_eq!(world.requests(), []);
}

#[tokio::test]
async fn what_somebody_else_edited_is_overwritten_or_skipped_or_told() {
    let world = World::new().await;
    let keys = world.keys(3);
    world.engine.items(&Selection::All, &keys, Level::Metadata).await.unwrap();
    world.stage.later(Duration::from_mins(20));
    world.stage.pms.edit(|library| {
        for key in &keys {
            library.edit_title(0, key.0, "By somebody else");
        }
    });
    let theirs = || vec!["title".to_owned()];
    for (key, on_foreign, outcome, writes) in [
        (keys[0], OnForeign::Skip, EditOutcome::Failed(EditFailure::EditedByOthers(theirs())), 0),
        (keys[1], OnForeign::Overwrite, done(&["title"]), 1),
        (
            keys[2],
            OnForeign::Report,
            EditOutcome::Done { fields: theirs(), overwritten: theirs() },
            1,
        ),
    ] {
        world.requests();
        let options = EditOptions { on_foreign, ..EditOptions::default() };
        let run = world.edit_with(vec![titled(key, "Ours")], options).await;
        assert_eq!(run.outcomes, [outcome], "{on_foreign:?}");
        let requests = world.requests();
        let sent = requests.iter().find(|(at, _)| *at == Route::Edit).map_or(0, |(_, n)| *n);
        assert_eq!(sent, writes, "{on_foreign:?}");
        let title = if writes > 0 { "Ours" } else { "By somebody else" };
        assert_eq!(world.on_server(key).title, title);
    }
    // A field that is not in the change does not count.
    world.stage.pms.edit(|library| library.edit_title(0, keys[0].0, "Once more"));
    let skip = EditOptions { on_foreign: OnForeign::Skip, ..EditOptions::default() };
    let run = world.edit_with(vec![Change::new(keys[0]).set(Field::Summary, "Ours")], skip).await;
    assert_eq!(run.outcomes, [done(&["summary"])]);
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let key = world.key(0);
    let long = "x".repeat(9_000);
    let elsewhere = format!("{MOUNT}/Elsewhere/Else.mkv");
    let run = world
        .edit(vec![
            Change::new(key).set(Field::Summary, long),
            Change::new(world.key(1)).add_tags(TagField::Style, ["Baroque"]),
            titled(world.key(2), ""),
            Change::new(world.key(3)).set(Field::UserRating, "11"),
            Change::new(world.key(4)).raw("id", "1"),
            titled(NOBODY, "Nobody"),
            titled(world.key(5), "Somebody").of_file(&elsewhere),
        ])
        .await;
    let refused = |at: usize| match &run.outcomes[at] {
        EditOutcome::Failed(EditFailure::Refused(refusal)) => refusal.clone(),
        other => panic!("{other:?}"),
    };
    assert!(matches!(refused(0), Refusal::TooLong { ref field, .. } if field == "summary"));
    assert_eq!(refused(1), Refusal::NoSuchField("style".to_owned(), ItemKind::Movie));
    assert_eq!(refused(2), Refusal::EmptyTitle);
    assert_eq!(refused(3), Refusal::NotAValue(Field::UserRating, "11".to_owned()));
    assert_eq!(refused(4), Refusal::ChoosesItems("id".to_owned()));
    assert_eq!(run.outcomes[5], EditOutcome::Failed(EditFailure::Gone));
    assert_eq!(run.outcomes[6], EditOutcome::Failed(EditFailure::NoSuchFile(elsewhere)));
    assert_eq!(world.requests(), [(Route::Metadata, 1)]);

    let nothing = world.edit(Vec::new()).await;
    assert!(nothing.outcomes.is_empty());
    let no_steps = world.edit(vec![Change::new(key)]).await;
    assert_eq!(no_steps.outcomes, [EditOutcome::Unchanged]);
    assert_eq!(world.requests(), [], "nothing to ask");
}

#[tokio::test]
async fn an_item_of_another_section_is_left_alone() {
    let stage = Stage::sections(SCALE, 2).await.unwrap();
    let engine = stage.engine().await.unwrap();
    let asked = stage.present(SCALE.items);
    engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
    let other = RatingKey(stage.pms.edit(|library| library.sections[1].items()[0].rating_key));
    let first = Selection::section("Movies 0");
    let edit = || async {
        let run = engine.edit(&first, vec![titled(other, "New")], EditOptions::default()).await;
        run.unwrap().outcomes.remove(0)
    };
    let refused =
        |section| EditOutcome::Failed(EditFailure::Refused(Refusal::OtherSection(section)));
    assert_eq!(edit().await, refused(None));
    // The store does not know the section, so the server gives it.
    engine.store().clear(cache_store::Clear::All).unwrap();
    assert_eq!(edit().await, refused(Some(SectionKey(2))));
    assert_eq!(stage.pms.requests().count(Route::Edit), 0);
}

#[tokio::test]
async fn a_collections_name_that_is_taken_is_a_conflict() {
    let world = World::new().await;
    let second = world.stage.pms.edit(|library| {
        library.add_collection(0, "First");
        RatingKey(library.add_collection(0, "Second"))
    });
    let run = world.edit(vec![titled(second, "First"), titled(world.key(0), "A film")]).await;
    assert!(
        matches!(run.outcomes[0], EditOutcome::Failed(EditFailure::Conflict(_))),
        "{:?}",
        run.outcomes[0]
    );
    assert_eq!(run.outcomes[1], done(&["title"]));
}

#[tokio::test]
async fn of_two_changes_of_an_item_the_later_one_counts() {
    let world = World::new().await;
    let key = world.key(0);
    let run = world
        .edit(vec![
            titled(key, "First").add_tags(TagField::Label, ["a", "b"]),
            titled(world.key(1), "Another"),
            titled(key, "Second").remove_tags(TagField::Label, ["a"]),
        ])
        .await;
    assert_eq!(run.counts().done, 3);
    assert_eq!(world.requests(), [(Route::Metadata, 1), (Route::Edit, 2)]);
    let item = world.on_server(key);
    assert_eq!(
        (item.title.as_str(), item.details.tags_of("label")),
        ("Second", &["B".to_owned()][..])
    );
    // Of two runs the later one counts.
    world.edit(vec![titled(key, "Third")]).await;
    world.edit(vec![titled(key, "Fourth")]).await;
    assert_eq!(world.on_server(key).title, "Fourth");
    assert_eq!(world.requests(), [(Route::Edit, 2)]);
}

#[tokio::test]
async fn an_image_is_uploaded_once() {
    let world = World::new().await;
    let upload = |kind, image: &[u8]| world.engine.upload(world.key(0), kind, image.to_vec());
    assert_eq!(upload(Artwork::Poster, b"one").await.unwrap(), Uploaded::Done);
    assert_eq!(upload(Artwork::Poster, b"one").await.unwrap(), Uploaded::Unchanged);
    assert_eq!(world.requests(), [(Route::Upload, 1)]);
    assert_eq!(upload(Artwork::Background, b"one").await.unwrap(), Uploaded::Done);
    assert_eq!(upload(Artwork::Poster, b"two").await.unwrap(), Uploaded::Done);
    assert_eq!(upload(Artwork::Poster, b"one").await.unwrap(), Uploaded::Done, "two was the last");
    assert_eq!(world.requests(), [(Route::Upload, 3)]);
    let gone = world.engine.upload(NOBODY, Artwork::Poster, vec![1]).await.unwrap();
    assert_eq!(gone, Uploaded::Failed(EditFailure::Gone));
    world.stage.pms.script(FaultRule::always(Fault::Status(503)));
    let failed = upload(Artwork::Poster, b"three").await.unwrap();
    assert!(matches!(failed, Uploaded::Failed(EditFailure::Unconfirmed(_))), "{failed:?}");
    world.stage.pms.clear_faults();
    assert_eq!(upload(Artwork::Poster, b"three").await.unwrap(), Uploaded::Done);
}
