//! Doubtful cases before a write: an item still exists, but may not hold the file any more.

use std::time::Duration;

use cache_store::Clear;
use match_core::{
    Answer, Change, EditFailure, EditOptions, EditOutcome, Engine, PathMapping, Query, Refusal,
    Selection, Settings, Verified,
};
use plex_api::{Field, ItemKind, RatingKey, TagField};
use testbed::budget::{Scale, Stage, one};
use testbed::library::{Item, Library, Media, Part, SectionKind};
use testbed::server::Route;

/// One section with these items: their titles, and the files of each.
async fn stage(kind: SectionKind, items: &[(&str, &[&str])]) -> (Stage, Vec<RatingKey>) {
    let mut library = Library::new("0123456789abcdef", 1_700_000_000);
    library.add_section("Section", kind, "tv.plex.agents.movie", &["/data/films", "/data/clips"]);
    let put = |&(title, files): &(&str, &[&str])| {
        let media =
            files.iter().map(|file| Media { parts: vec![part(file, 5)], ..Media::default() });
        let media = media.collect();
        let episode = kind == SectionKind::Show;
        RatingKey(library.put_item(
            0,
            Item {
                title: title.to_owned(),
                grandparent_title: episode.then(|| "Lost".to_owned()),
                parent_index: episode.then_some(1),
                index: title.chars().last().filter(|_| episode).and_then(|n| n.to_digit(10)),
                media,
                ..Item::default()
            },
        ))
    };
    let keys = items.iter().map(put).collect();
    (Stage::start(library, Scale::small(20, 20)).await.unwrap(), keys)
}

fn part(file: &str, size: u64) -> Part {
    Part { file: file.to_owned(), size, ..Part::default() }
}

async fn verify(engine: &Engine, query: &Query, key: RatingKey) -> Verified {
    engine.verify(&Selection::All, &[(query.clone(), key)]).await.unwrap().results.remove(0)
}

async fn edit(engine: &Engine, change: Change) -> EditOutcome {
    let run = engine.edit(&Selection::All, vec![change], EditOptions::default()).await;
    run.unwrap().outcomes.remove(0)
}

fn found(answer: &Answer) -> Option<RatingKey> {
    if let Answer::Found(found) = answer { Some(found.rating_key) } else { None }
}

const FILMS: &[(&str, &[&str])] = &[
    ("A Film", &["/data/films/A Film (2001)/movie.mkv"]),
    ("Third", &["/data/films/Third (2003)/Third (2003).mkv"]),
];

const ANOTHER: &str = "/data/films/Another (2002)/movie.mkv";

#[tokio::test]
async fn under_a_mapping_the_mapped_path_is_held_against_the_item() {
    let (stage, keys) = stage(SectionKind::Movie, FILMS).await;
    let mut config = stage.config();
    let mapping = |local: &str, plex: &str| PathMapping { local: local.into(), plex: plex.into() };
    config.settings = Settings {
        mappings: vec![mapping("/mnt/x/a", "/data/films/A Film (2001)"), mapping("/", "/data")],
        ..Settings::default()
    };
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let query = Query::new("/mnt/x/a/movie.mkv");
    assert_eq!(found(&one(&engine, &query).await), Some(keys[0]));
    assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Right);
    stage.pms.edit(|library| library.replace_file(0, keys[0].0, ANOTHER, 5));
    let verified = verify(&engine, &query, keys[0]).await;
    assert_eq!(verified, Verified::Unclear(vec![keys[0]]));
}

#[tokio::test]
async fn what_nobody_remembers_is_matched_again_if_the_name_says_nothing() {
    let (stage, keys) = stage(SectionKind::Movie, FILMS).await;
    let engine = stage.engine().await.unwrap();
    let query = Query::new("/mnt/x/A Film (2001)/movie.mkv");
    let third = Query::new("/mnt/x/3/Third (2003).mkv");
    assert_eq!(found(&one(&engine, &query).await), Some(keys[0]));
    stage.pms.edit(|library| library.replace_file(0, keys[0].0, ANOTHER, 5));
    engine.store().clear(Clear::All).unwrap();
    assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Unclear(vec![keys[0]]));
    assert_eq!(verify(&engine, &third, keys[1]).await, Verified::Right);
    let change = |query: &Query| Change::new(keys[0]).set(Field::Summary, "x").of_file(&query.path);
    for _ in 0..2 {
        let edited = edit(&engine, change(&query)).await;
        assert_eq!(edited, EditOutcome::Failed(EditFailure::NoSuchFile(query.path.clone())));
    }
    let edited = edit(&engine, change(&Query::new("/mnt/x/Another (2002)/movie.mkv"))).await;
    assert!(matches!(edited, EditOutcome::Done { .. }), "{edited:?}");
}

#[tokio::test]
async fn a_size_that_decided_decides_again() {
    let files: &[(&str, &[&str])] = &[
        ("Clip", &["/data/clips/2020/IMG_0001.mp4"]),
        ("Other clip", &["/data/clips/2021/IMG_0001.mp4"]),
    ];
    let (stage, keys) = stage(SectionKind::Movie, files).await;
    stage.pms.edit(|library| library.replace_file(0, keys[0].0, files[0].1[0], 5 << 30));
    let engine = stage.engine().await.unwrap();
    let query = Query { size: Some(5 << 30), ..Query::new("/mnt/phone/IMG_0001.mp4") };
    let answer = one(&engine, &query).await;
    assert_eq!(found(&answer), Some(keys[0]), "{answer:?}");
    assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Right);
    let change = Change::new(keys[0]).set(Field::Summary, "x").of_file(&query.path);
    let edited = edit(&engine, change).await;
    assert!(matches!(edited, EditOutcome::Done { .. }), "{edited:?}");
    stage.later(Duration::from_mins(2));
    stage.pms.edit(|library| library.replace_file(0, keys[0].0, files[0].1[0], 6 << 30));
    let verified = verify(&engine, &query, keys[0]).await;
    assert!(matches!(verified, Verified::Unclear(_)), "{verified:?}");
}

#[tokio::test]
async fn an_item_in_the_trash_is_not_right() {
    let (stage, keys) = stage(SectionKind::Movie, FILMS).await;
    let engine = stage.engine().await.unwrap();
    let query = Query::new("/mnt/x/A Film (2001)/movie.mkv");
    assert_eq!(found(&one(&engine, &query).await), Some(keys[0]));
    stage.pms.edit(|library| library.trash_item(0, keys[0].0));
    for _ in 0..2 {
        assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Unclear(vec![keys[0]]));
        let change = Change::new(keys[0]).set(Field::Summary, "x").of_file(&query.path);
        let edited = edit(&engine, change).await;
        assert_eq!(edited, EditOutcome::Failed(EditFailure::NoSuchFile(query.path.clone())));
    }
    stage.pms.edit(|library| library.restore_item(0, keys[0].0));
    assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Right);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_is_not_right() {
    let (stage, keys) = stage(SectionKind::Movie, FILMS).await;
    let engine = stage.engine().await.unwrap();
    let query = Query::new("/mnt/x/A Film (2001)/movie.mkv");
    assert_eq!(found(&one(&engine, &query).await), Some(keys[0]));
    let row = serde_json::json!({ "ratingKey": keys[0].to_string(), "type": "movie", "Media": 7 });
    stage.pms.edit(|library| library.item_at(0, keys[0].0).captured = Some(row));
    assert_eq!(verify(&engine, &query, keys[0]).await, Verified::Unclear(vec![keys[0]]));
}

#[tokio::test]
async fn every_item_of_a_file_with_several_episodes_is_verified() {
    let file = "/data/films/Lost/Season 1/Lost - S01E01-E02.mkv";
    let (stage, keys) = stage(
        SectionKind::Show,
        &[("Episode 1", &[file]), ("Episode 2", &[file]), ("Episode 3", &["/data/films/x3.mkv"])],
    )
    .await;
    let engine = stage.engine().await.unwrap();
    // The first match is by title. Then the section is listed, and its titles are known.
    let paths = ["/mnt/x/Lost.S01E01E02.1080p.WEB.x264-GRP.mkv", "/mnt/x/Lost - S01E01-E02.mkv"];
    for path in paths {
        let query = Query::new(path);
        let told = one(&engine, &query).await;
        let Answer::Found(first) = told else { panic!("{path} {told:?}") };
        assert_eq!((first.rating_key, first.others.as_slice()), (keys[0], &keys[1..2]), "{path}");
        for key in &keys[..2] {
            assert_eq!(verify(&engine, &query, *key).await, Verified::Right, "{path} {key}");
        }
        stage.later(Duration::from_mins(20));
        for key in &keys[..2] {
            assert_eq!(verify(&engine, &query, *key).await, Verified::Right, "{path} {key}");
        }
    }
}

#[tokio::test]
async fn a_folder_that_is_renamed_on_both_sides_and_a_version_that_goes() {
    let (stage, keys) = stage(
        SectionKind::Movie,
        &[("A Film", &["/data/films/A Film (2001)/movie.mkv", "/data/films/Cut/movie.mkv"])],
    )
    .await;
    let engine = stage.engine().await.unwrap();
    let (first, cut) =
        (Query::new("/mnt/x/A Film (2001)/movie.mkv"), Query::new("/mnt/x/Cut/movie.mkv"));
    for query in [&first, &cut] {
        assert_eq!(found(&one(&engine, query).await), Some(keys[0]));
    }
    stage.pms.edit(|library| {
        library.item_at(0, keys[0].0).media.truncate(1);
        library.move_file(0, keys[0].0, "/data/films/Heat/movie.mkv");
    });
    stage.later(Duration::from_mins(2));
    let renamed = Query::new("/mnt/x/Heat/movie.mkv");
    assert_eq!(verify(&engine, &renamed, keys[0]).await, Verified::Right);
    assert_ne!(verify(&engine, &cut, keys[0]).await, Verified::Right, "no version is there");
}

/// Two changes of one item. A missing file, an invalid value or a field that the item cannot have
/// fails only the change with it, and no other.
#[tokio::test]
async fn a_change_that_fails_leaves_the_others_of_its_item() {
    let (stage, keys) = stage(SectionKind::Movie, FILMS).await;
    let engine = stage.engine().await.unwrap();
    let change = || Change::new(keys[0]);
    let gone = "/mnt/x/Gone (2009)/Gone (2009).mkv";
    let there = "/mnt/x/A Film (2001)/movie.mkv";
    for again in [false, true] {
        let changes = vec![
            change().set(Field::Summary, "of the one that is gone").of_file(gone),
            change().set(Field::Studio, "S").of_file(there),
            change().set(Field::Title, ""),
            change().add_tags(TagField::Style, ["Baroque"]),
            change().set(Field::Tagline, "T"),
        ];
        let run = engine.edit(&Selection::All, changes, EditOptions::default()).await.unwrap();
        let fields = vec!["tagline".to_owned(), "studio".to_owned()];
        let made = EditOutcome::Done { fields, overwritten: Vec::new() };
        let made = if again { EditOutcome::Unchanged } else { made };
        let refused = |refusal| EditOutcome::Failed(EditFailure::Refused(refusal));
        let style = Refusal::NoSuchField("style".to_owned(), ItemKind::Movie);
        let expected = [
            EditOutcome::Failed(EditFailure::NoSuchFile(gone.to_owned())),
            made.clone(),
            refused(Refusal::EmptyTitle),
            refused(style),
            made,
        ];
        assert_eq!(run.outcomes, expected, "{again}");
        let says = format!("failed: the item does not hold {gone}");
        assert_eq!(run.outcomes[0].to_string(), says);
    }
    assert_eq!(stage.pms.requests().count(Route::Edit), 1);
}
