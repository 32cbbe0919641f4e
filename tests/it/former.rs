//! A cache file that an earlier version wrote, through the engine.

use std::io::Read;
use std::time::Duration;

use cache_store::Opened;
use match_core::{Answer, Confidence, Engine, EngineConfig, Query, Selection};
use plex_api::{Client, Clock, Config, Token, UnixSeconds};
use testbed::library::{Item, Library, Media, Part, SectionKind};
use testbed::server::{Options, Pms, Route};

/// The file that version ca72f8f wrote for [`library`]: file format 2, items of schema 2 (without
/// editions and days), sections of schema 2, no shows. It remembers four answers.
const FORMER: &[u8] = include_bytes!("../data/former.redb.gz");

fn library() -> Library {
    let mut library = Library::new("f0e1d2c3b4a59687f0e1d2c3b4a59687f0e1d2c3", 1_700_000_000);
    let section = library.add_section("Films", SectionKind::Movie, "films", &["/data/films"]);
    for (at, (title, year, edition, file)) in (1_u64..).zip([
        ("Meadow", 1982_u16, Some("Final Cut"), "a1/x9.mkv"),
        ("Meadow", 1982, None, "a2/y8.mkv"),
        ("Mill & Meadow: Episode IV - The Flood", 1977, None, "a3/z7.mkv"),
        ("Orchard", 1999, None, "Orchard (1999)/movie.mkv"),
        ("Quarry", 2001, None, "Quarry (2001)/movie.mkv"),
    ]) {
        let part = Part {
            file: format!("/data/films/{file}"),
            size: (at + 1) << 30,
            duration_ms: 5_400_000,
            mtime: 1_600_000_000,
            ..Part::default()
        };
        let mut item = Item {
            title: title.to_owned(),
            year: Some(year),
            guid: format!("plex://movie/{at:024x}"),
            guids: vec![format!("imdb://tt{:07}", 7_000_000 + at)],
            added_at: 1_600_000_000,
            updated_at: 1_600_000_000,
            duration_ms: 5_400_000,
            media: vec![Media { parts: vec![part], ..Media::default() }],
            ..Item::default()
        };
        if let Some(edition) = edition {
            item.details.fields.insert("editionTitle".to_owned(), edition.into());
        }
        library.put_item(section, item);
    }
    library
}

/// Answers of the earlier version are not used. Fields that the earlier version did not store
/// (here: the edition) are listed once.
#[tokio::test]
async fn a_file_of_a_former_version_is_listed_once_and_answers_as_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cache.matchbox");
    let mut former = Vec::new();
    flate2::read::GzDecoder::new(FORMER).read_to_end(&mut former).unwrap();
    std::fs::write(&path, former).unwrap();

    let library = library();
    let clock = Clock::manual(UnixSeconds(library.now()));
    let pms = Pms::start(library, Options::default()).await.unwrap();
    let asked = [
        // The file remembers answers for the first three; that of the second was "ambiguous".
        ("/mnt/films/Orchard (1999)/movie.mkv", Some((4, Confidence::High))),
        ("/dl/Meadow.1982.Final.Cut.mkv", Some((1, Confidence::Low))),
        ("/dl/Nobody.Filmed.1990.mkv", None),
        ("/data/films/a1/x9.mkv", Some((1, Confidence::High))),
        ("/dl/Mill.Meadow.IV.The.Flood.1977.mkv", Some((3, Confidence::Low))),
        ("/mnt/films/Quarry (2001)/Trailers/movie.mkv", None),
    ];
    for calls in [[1, 1], [1, 0]] {
        clock.advance(Duration::from_mins(5));
        pms.edit(|library| library.advance(300));
        pms.reset_requests();
        let client = Client::new(Config::new(pms.url(), Token::new(pms.token()))).unwrap();
        let mut config = EngineConfig::new(&path);
        config.clock = clock.clone();
        let engine = Engine::open(client, config).await.unwrap();
        let upgraded = matches!(engine.store().opened(), Opened::Upgraded(_));
        assert_eq!(upgraded, calls[1] == 1, "{:?}", engine.store().opened());
        let wanted: Vec<Query> = asked.iter().map(|(path, _)| Query::new(*path)).collect();
        let run = engine.match_files(&Selection::All, wanted).await.unwrap();
        for ((path, right), answer) in asked.iter().zip(&run.answers) {
            let found = answer.found().map(|found| (found.rating_key.0, found.confidence));
            assert_eq!(found, *right, "{path}: {answer:?}");
            assert!(right.is_some() || *answer == Answer::Absent, "{path}: {answer:?}");
        }
        let seen = pms.requests();
        assert_eq!([seen.count(Route::Sections), seen.count(Route::Listing)], calls, "{seen:?}");
        assert_eq!(seen.total(), calls.iter().sum::<u64>(), "{seen:?}");
        // Nothing that the earlier version remembered was used. Afterwards, all of it is.
        let remembered = if upgraded { 0 } else { asked.len() as u64 };
        assert_eq!(run.report.lookups.remembered, remembered);
        assert!(engine.store().check().unwrap().is_sound());
        engine.close().await.unwrap();
    }
}
