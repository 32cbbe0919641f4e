//! Shows are known by their original title, year and id. They are read only when names need them.

use std::time::Duration;

use match_core::{Answer, Confidence, Plan, Query, Rule, Run, Selection};
use serde_json::json;
use testbed::budget::{Scale, Stage};
use testbed::library::{Item, Library, Media, Part, SectionKind};

/// A show with two episodes of a season. The names of the files do not contain its year. Returns
/// the key of the first episode.
fn put(library: &mut Library, key: u64, title: &str, original: Option<&str>, year: u16) -> u64 {
    let mut show = Item {
        rating_key: key,
        title: title.to_owned(),
        year: Some(year),
        guid: format!("plex://show/{key:024x}"),
        guids: vec![format!("tvdb://{}", 7_000 + key), format!("imdb://tt{:07}", 9_000 + key)],
        ..Item::default()
    };
    let original = original.map(|original| ("originalTitle".to_owned(), json!(original)));
    show.details.fields.extend(original);
    library.put_show(0, show);
    let episode = |index: u32| {
        let file = format!("/data/tv/{key}/Season 1/{key} - S01E{index:02}.mkv");
        let part = Part { file, size: 1 << 30, duration_ms: 1_000, ..Part::default() };
        Item {
            title: format!("Chapter {key} {index}"),
            grandparent: Some(key),
            grandparent_title: Some(title.to_owned()),
            parent_index: Some(1),
            index: Some(index),
            media: vec![Media { parts: vec![part], ..Media::default() }],
            ..Item::default()
        }
    };
    let first = library.put_item(0, episode(1));
    library.put_item(0, episode(2));
    first
}

/// The library, and the first episode of each show.
struct Shows {
    stage: Stage,
    willow_1978: u64,
    willow_2003: u64,
    paper_house: u64,
}

async fn shows() -> Shows {
    let mut library = Library::new("0123456789abcdef0123456789abcdef01234567", 1_700_000_000);
    library.add_section("Shows", SectionKind::Show, "tv.plex.agents.series", &["/data/tv"]);
    let willow_1978 = put(&mut library, 101, "Willow", None, 1978);
    let willow_2003 = put(&mut library, 201, "Willow", None, 2003);
    let paper_house = put(&mut library, 301, "The Paper House", Some("La casa de papel"), 2017);
    let stage = Stage::start(library, Scale::small(6, 50)).await.unwrap();
    Shows { stage, willow_1978, willow_2003, paper_house }
}

async fn ask(stage: &Stage, path: &str) -> Run {
    let engine = stage.engine().await.unwrap();
    let run = engine.match_files(&Selection::All, vec![Query::new(path)]).await.unwrap();
    engine.close().await.unwrap();
    run
}

#[track_caller]
fn assert_found(run: &Run, key: u64, rule: Rule, confidence: Confidence) {
    let Answer::Found(found) = &run.answers[0] else { panic!("{:?}", run.answers) };
    assert_eq!(
        (found.rating_key.0, found.evidence.rule, found.confidence),
        (key, rule, confidence)
    );
}

#[tokio::test]
async fn the_original_title_is_the_shows() {
    let Shows { stage, paper_house, .. } = shows().await;
    let run = ask(&stage, "/dl/La.Casa.de.Papel.S01E01.720p.mkv").await;
    assert_found(&run, paper_house, Rule::TitleYear, Confidence::Low);
}

#[tokio::test]
async fn the_year_tells_two_shows_of_one_title_apart() {
    let Shows { stage, willow_1978, willow_2003, .. } = shows().await;
    let run = ask(&stage, "/dl/Willow.2003.S01E01.720p.mkv").await;
    assert_found(&run, willow_2003, Rule::TitleYear, Confidence::Low);
    let run = ask(&stage, "/tv/Willow (1978)/Season 1/Willow - S01E01.mkv").await;
    assert_found(&run, willow_1978, Rule::TitleYear, Confidence::Low);
    let run = ask(&stage, "/dl/Willow.1990.S01E01.720p.mkv").await;
    assert_eq!(run.answers, [Answer::Absent]);
}

#[tokio::test]
async fn an_id_in_a_folder_is_the_shows() {
    let Shows { stage, willow_1978, willow_2003, .. } = shows().await;
    let run = ask(&stage, "/tv/Willow {tvdb-7201}/Season 1/Willow - S01E01.mkv").await;
    assert_found(&run, willow_2003, Rule::Guid, Confidence::Low);
    // The folder is on the server too.
    let run = ask(&stage, "/tv/101 {imdb-tt0009101}/Season 1/S01E01 again.mkv").await;
    assert_found(&run, willow_1978, Rule::Guid, Confidence::Low);
    // No show has this id, and both shows have another one.
    let run = ask(&stage, "/tv/Willow {tvdb-9999}/Season 1/Willow - S01E01.mkv").await;
    assert_eq!(run.answers, [Answer::Absent]);
    // The show has no such episode, and the name does not mean the other Willow.
    let run = ask(&stage, "/tv/Willow {tvdb-7201}/Season 1/Willow - S01E07.mkv").await;
    assert_eq!(run.answers, [Answer::Absent]);
}

#[tokio::test]
async fn shows_are_read_when_the_episodes_do_not_settle_it_and_once() {
    let Shows { stage, .. } = shows().await;
    // Two shows with one title are a tie, whatever else is known about them.
    let run = ask(&stage, "/dl/Willow.S01E01.720p.mkv").await;
    assert!(matches!(&run.answers[0], Answer::Ambiguous(keys) if keys.len() == 2), "{run:?}");
    // The show exists, but has no such episode.
    let run = ask(&stage, "/dl/The.Paper.House.S07E01.720p.mkv").await;
    assert_eq!(run.answers, [Answer::Absent]);
    let before = stage.calls();
    ask(&stage, "/dl/La.Casa.de.Papel.S01E01.720p.mkv").await;
    assert_eq!(stage.calls() - before, 1, "the shows");
    let before = stage.calls();
    ask(&stage, "/dl/La.Casa.de.Papel.S01E02.720p.mkv").await;
    let run = ask(&stage, "/dl/La.Casa.de.Papel.S01E01.720p.mkv").await;
    assert_eq!(stage.calls() - before, 0);
    assert_eq!((run.report.lookups.remembered, run.report.lookups.computed), (1, 0));
}

/// How many times shows were read in a run.
fn readings(run: &Run) -> u64 {
    let steps = run.report.steps.iter();
    steps.filter(|step| step.plan == Plan::Shows).map(|step| step.times).sum()
}

#[tokio::test]
async fn a_new_show_is_seen_and_a_new_episode_of_a_known_one_costs_nothing() {
    let Shows { stage, .. } = shows().await;
    let asked = "/dl/Nobody.Aired.This.S01E01.mkv";
    assert_eq!(readings(&ask(&stage, asked).await), 1);
    stage.later(Duration::from_mins(2));
    stage.pms.edit(|library| {
        let mut item = library.sections[0].items()[0].clone();
        (item.rating_key, item.index) = (0, Some(9));
        item.media[0].parts[0].file = "/data/tv/101/Season 1/101 - S01E09.mkv".to_owned();
        library.add_item(0, item);
    });
    let run = ask(&stage, asked).await;
    assert_eq!((run.answers.as_slice(), readings(&run)), (&[Answer::Absent][..], 0));
    stage.later(Duration::from_mins(2));
    let mut first = 0;
    stage.pms.edit(|library| {
        first = put(library, 401, "Nobody Has Aired", Some("Nobody Aired This"), 2020);
        // The counter moves with an item that is added.
        let item = library.sections[0].item(first).unwrap().clone();
        library.add_item(0, item);
    });
    let run = ask(&stage, asked).await;
    assert_found(&run, first, Rule::TitleYear, Confidence::Low);
    assert_eq!(readings(&run), 1);
    // An edit of a show moves no stamp. It is seen after a day.
    stage.pms.edit(|library| {
        let show = library.item_at(0, 401);
        show.details.fields.insert("originalTitle".to_owned(), json!("Another Name"));
    });
    stage.later(Duration::from_hours(25));
    let run = ask(&stage, "/dl/Another.Name.S01E01.mkv").await;
    assert_found(&run, first, Rule::TitleYear, Confidence::Low);
    assert_eq!(readings(&run), 1);
}

#[tokio::test]
async fn an_id_with_the_same_folder_is_sure() {
    let Shows { stage, willow_2003, .. } = shows().await;
    stage.pms.edit(|library| {
        let item = library.item_at(0, willow_2003);
        "/data/tv/Willow (2003) {tvdb-7201}/Season 1/w.mkv"
            .clone_into(&mut item.media[0].parts[0].file);
    });
    let folder = "/mnt/tv/Willow (2003) {tvdb-7201}/Season 1";
    let run = ask(&stage, &format!("{folder}/Willow S01E01 1080p.mkv")).await;
    assert_found(&run, willow_2003, Rule::Guid, Confidence::High);
    // The number may count in the season or over all seasons, or it may be something else.
    let run = ask(&stage, &format!("{folder}/Willow - 1.mkv")).await;
    assert_found(&run, willow_2003, Rule::Guid, Confidence::Low);
    // The folder's year contradicts the show with that id.
    let run = ask(&stage, "/mnt/tv/Willow (1978) {tvdb-7201}/Season 1/Willow S01E01.mkv").await;
    assert_found(&run, willow_2003, Rule::Guid, Confidence::Low);
}
