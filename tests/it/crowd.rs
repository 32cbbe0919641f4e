//! Very many files of one name, which only their folders tell apart.

use match_core::{Answer, Confidence, Query, Selection};
use testbed::budget::{Scale, Stage};
use testbed::library::{Item, Library, Media, Part, SectionKind};

const FILES: u64 = 2_000;

/// A section of videos with the same name, each in its own folder.
fn videos(name: &str, folder: impl Fn(u64) -> String) -> Library {
    let mut library = Library::new("0123456789abcdef0123456789abcdef01234567", 1_700_000_000);
    library.add_section("Videos", SectionKind::Movie, "tv.plex.agents.none", &["/data/videos"]);
    for number in 0..FILES {
        let part = Part {
            file: format!("/data/videos/{}/{name}", folder(number)),
            size: 1_000_000_000 + number % 3,
            duration_ms: 60_000,
            ..Part::default()
        };
        let media = vec![Media { parts: vec![part], ..Media::default() }];
        let title = format!("Video {number}");
        library.put_item(0, Item { title, media, ..Item::default() });
    }
    library
}

/// Checks that every file is found under another mount, as its own item and without doubt.
async fn check(name: &str, folder: impl Fn(u64) -> String + Copy) {
    let scale = Scale::small(FILES, 500);
    let stage = Stage::start(videos(name, folder), scale).await.unwrap();
    let engine = stage.engine().await.unwrap();
    let queries: Vec<Query> =
        (0..FILES).map(|n| Query::new(format!("/mnt/nas/{}/{name}", folder(n)))).collect();
    let run = engine.match_files(&Selection::All, queries.clone()).await.unwrap();
    assert_eq!(stage.calls(), 2 + scale.pages());
    for (number, answer) in (0..FILES).zip(&run.answers) {
        let right = matches!(answer, Answer::Found(found)
            if found.rating_key.0 == number + 1 && found.confidence == Confidence::High);
        assert!(right, "{}/{name}: {answer:?}", folder(number));
    }
    let run = engine.match_files(&Selection::All, queries).await.unwrap();
    assert_eq!((run.report.lookups.remembered, run.report.lookups.computed), (FILES, 0));
    // A folder that does not exist gets no guess.
    let stranger = Query::new(format!("/mnt/nas/{}/{name}", folder(FILES + 7)));
    let run = engine.match_files(&Selection::All, vec![stranger]).await.unwrap();
    assert!(!matches!(run.answers[0], Answer::Found(_)), "{:?}", run.answers);
}

#[tokio::test]
async fn videos_of_one_name_are_told_apart_by_numbered_folders() {
    check("holiday.mp4", |number| format!("{}/{number:05}", number / 100)).await;
}

#[tokio::test]
async fn names_that_say_nothing_are_told_apart_by_folders_of_codes() {
    check("movie.mkv", |number| format!("scenes/{:06x}", 0xa00_000 + number * 17)).await;
}

#[tokio::test]
async fn names_that_say_nothing_are_told_apart_by_titles_of_folders() {
    check("movie.mkv", |number| format!("Tape of Summer {number}")).await;
}
