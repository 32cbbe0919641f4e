//! What a host knows of a file: the path on the first line, and a field on each line after it.

use cache_store::{CachedItem, CachedPart, SectionId, SectionStamp, Store, StoreConfig};
use match_core::{
    Answer, Confidence, INDEXING, Query, Rule, Rules, SectionContext, Settings, match_all,
    match_one,
};
use plex_api::{ItemKind, RatingKey, Section, SectionKey, SectionKind, SectionUuid, UnixSeconds};
use tempfile::TempDir;

use super::{Run, Target, texts};

pub(super) const TARGET: Target = Target {
    name: "name",
    about: "a name: it is read, the file that an item has is found, and no name alone is trusted",
    words: &[
        "S01E02",
        "1x02",
        "102",
        "(1999)",
        "1999",
        " - ",
        ".",
        "2023-11-08",
        "{tmdb-1}",
        "[imdbid-tt1]",
        "{edition-",
        "Season 1/",
        "CD1",
        "1080p",
        "-trailer",
        "Featurettes/",
        "Part 2",
        "Episode IV",
        "01 ",
        ".mkv",
        "/",
        "\n",
        "imdb://tt0000001",
        "E01E02",
        "Specials/",
    ],
    may_die: false,
    seeds: || {
        texts(&[
            "/mnt/films/Meadow (1982) {tmdb-841}/Meadow.1982.Final.Cut.1080p.BluRay.x264-GRP.mkv",
            "/mnt/tv/Willow (2005)/Season 01/Willow - S01E02E03 - The Flood [1080p].mkv\nThe Flood\nWillow",
            "/mnt/tv/Willow/2023/11-08.mkv\n\n\n\n\n2005-11-08",
            "/mnt/music/The Mill/Orchard (1999)/CD1/01 - Quarry.flac\nQuarry\n\nThe Mill\nOrchard",
            "/dl/Mill.Meadow.IV.The.Flood.1977/grp-mmf.mkv\n\n\n\n\n\nimdb://tt7000003",
            "/mnt/films/Quarry (2001)/Trailers/movie-trailer.mkv",
            "/mnt/tv/Willow/[GRP] Willow - 102 (1280x720).mkv",
            "0a1b2c3d4e5f.mkv\n\u{0418}\u{0432}\u{0430}",
        ])
    },
    start: || -> Run {
        let known = Known::new();
        Box::new(move |bytes| known.run(bytes))
    },
};

const NOW: UnixSeconds = UnixSeconds(1_800_000_000);

/// A library with few names, so that many match, and a section for the file of the input.
struct Known {
    store: Store,
    sections: Vec<SectionId>,
    own: SectionId,
    settings: Settings,
    _folder: TempDir,
}

impl Known {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&folder.path().join("cache"), &StoreConfig::new(INDEXING, NOW)).unwrap();
        let kinds =
            [SectionKind::Movie, SectionKind::Show, SectionKind::Artist, SectionKind::Movie];
        let listed: Vec<Section> = (1..)
            .zip(kinds)
            .map(|(key, kind)| {
                let uuid = SectionUuid(format!("uuid-{key}"));
                Section::new(SectionKey(key), uuid, "Section", kind)
            })
            .collect();
        let mut sections: Vec<SectionId> =
            store.note_sections(&listed).unwrap().iter().map(|state| state.id).collect();
        let own = sections.pop().unwrap();
        for (section, items) in sections.iter().zip([films(), episodes(), tracks()]) {
            store.fill(*section, items, stamp(), NOW).unwrap();
        }
        Self { store, sections, own, settings: Settings::default(), _folder: folder }
    }

    fn run(&self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let query = query(&text);
        let same = [&query, &query];
        for section in &self.sections {
            for answer in self.ask(*section, &same) {
                let Answer::Found(found) = answer else { continue };
                let by_name = matches!(found.evidence.rule, Rule::TitleYear | Rule::FuzzyTitle);
                let high = found.confidence == Confidence::High;
                assert!(!(high && by_name), "high confidence by name alone: {found:?}");
            }
        }
        // From now on, an item has exactly this file.
        let item = item(7, ItemKind::Movie, "Another Title", &query.path);
        self.store.fill(self.own, [item], stamp(), NOW).unwrap();
        if !match_core::FoldedPath::new(&query.path).components().any(|_| true) {
            return;
        }
        for answer in self.ask(self.own, &[&Query::new(&query.path)]) {
            let Answer::Found(found) = &answer else { panic!("it has this file: {answer:?}") };
            assert_eq!((found.rating_key, found.confidence), (RatingKey(7), Confidence::High));
        }
    }

    /// Matches the queries together, and each alone. The answers must be equal.
    fn ask(&self, section: SectionId, queries: &[&Query]) -> Vec<Answer> {
        let view = self.store.view().unwrap();
        let state = view.section(section).unwrap().unwrap();
        let all = match_all(&view, &state, queries, &self.settings, Rules::All).unwrap();
        let context = SectionContext::new(&state, &self.settings);
        for (query, one) in queries.iter().zip(&all) {
            let alone = match_one(&view, section, &context, query, Rules::All).unwrap();
            assert_eq!(alone, *one, "alone and together");
        }
        all.into_iter().map(|decision| decision.answer).collect()
    }
}

fn query(text: &str) -> Query {
    let mut lines = text.lines();
    let mut query = Query::new(lines.next().unwrap_or_default());
    let mut next = || lines.next().map(str::to_owned).filter(|line| !line.is_empty());
    query.title = next();
    query.show = next();
    query.artist = next();
    query.album = next();
    query.aired = next();
    query.guids.extend(next());
    query.edition = next();
    let mut number = || next().and_then(|line| line.parse().ok());
    query.season = number();
    query.episode = number();
    query.absolute = number();
    query.year = number().and_then(|year| u16::try_from(year).ok());
    query
}

fn stamp() -> SectionStamp {
    SectionStamp { content_changed_at: Some(1), scanned_at: None, updated_at: None }
}

fn films() -> Vec<CachedItem> {
    let titles = [
        "Meadow",
        "Mill & Meadow: Episode IV - The Flood",
        "Orchard",
        "Quarry",
        "2001",
        "The Quarry",
    ];
    let films = (1..).zip(titles).map(|(key, title)| {
        let file = format!("/data/films/{title} (1982)/{title}.mkv");
        let mut movie = item(key, ItemKind::Movie, title, &file);
        movie.year = Some(1977 + u16::try_from(key).unwrap());
        movie.guids = vec![format!("imdb://tt700000{key}"), format!("tmdb://84{key}")];
        movie
    });
    films.collect()
}

fn episodes() -> Vec<CachedItem> {
    let numbers = (1..=3_u32).flat_map(|season| (1..=4_u32).map(move |index| (season, index)));
    let episodes = (1..).zip(numbers).map(|(key, (season, index))| {
        let file =
            format!("/data/tv/Willow (2005)/Season {season:02}/willow {season}x{index:02}.mkv");
        let mut episode = item(key, ItemKind::Episode, &format!("Chapter {index}"), &file);
        episode.grandparent_title = Some("Willow".to_owned());
        episode.grandparent = Some(RatingKey(4_709));
        (episode.parent_index, episode.index) = (Some(season), Some(index));
        episode.aired = cache_store::Day::new(2004 + season, 11, index);
        episode
    });
    episodes.collect()
}

fn tracks() -> Vec<CachedItem> {
    let titles = ["Quarry", "Flood", "Orchard", "102"];
    let tracks = (1..).zip(titles).map(|(key, title)| {
        let file = format!("/data/music/The Mill/Orchard/{key:02} - {title}.flac");
        let mut track = item(key, ItemKind::Track, title, &file);
        track.grandparent_title = Some("The Mill".to_owned());
        track.parent_title = Some("Orchard".to_owned());
        track.index = u32::try_from(key).ok();
        track
    });
    tracks.collect()
}

fn item(key: u64, kind: ItemKind, title: &str, file: &str) -> CachedItem {
    CachedItem {
        parts: vec![CachedPart {
            id: Some(key),
            version: 0,
            file: file.to_owned(),
            size: None,
            duration_ms: None,
            stamp: None,
            optimized: false,
        }],
        ..CachedItem::new(RatingKey(key), kind, title)
    }
}
