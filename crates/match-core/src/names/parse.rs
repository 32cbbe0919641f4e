//! What a title and a year a file's names may mean.
//!
//! Names are read in more ways than one, and each reading is only looked up: it counts when
//! there is an item of that title and year. So nothing is cut off at words that look like
//! tags. The readings, likeliest first: what the host says; what stands before a year; what
//! the parser makes of the name. The parser is slow beside everything else here, and is asked
//! only when the others found nothing.

use std::panic::catch_unwind;

use crate::names::fold::fold_title;
use crate::names::generic::{is_generic, stem};
use crate::names::path::FoldedPath;

/// One way to read a file's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The title of a movie or a track, or of the show of an episode; folded, never empty.
    pub(crate) title: String,
    /// The year of release.
    pub(crate) year: Option<u16>,
}

/// A season and the episodes that a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Episodes {
    pub(crate) season: u32,
    pub(crate) numbers: Vec<u32>,
}

/// What stands before each year of the file name, the last year first, and then the same of
/// the folder above, if the file name says nothing or says the same.
pub(crate) fn before_years(path: &FoldedPath) -> Vec<Reading> {
    let name = path.file_name().map(stem).unwrap_or_default();
    let mut readings = cut(name);
    if let Some(folder) = telling_folder(path) {
        let words = fold_title(name);
        let same = |reading: &Reading| contains_words(&words, &reading.title);
        let generic = is_generic(name);
        readings.extend(cut(folder).into_iter().filter(|reading| generic || same(reading)));
    }
    readings.dedup();
    readings
}

/// What the parser makes of the names: the title, with the year it saw; before it longer
/// titles that begin with the same words, because the parser takes "Blade Runner 2049" for an
/// episode; and what episodes the file holds.
pub(crate) fn parsed(path: &FoldedPath) -> (Vec<Reading>, Option<Episodes>) {
    let name = path.file_name().map(stem).unwrap_or_default();
    let generic = is_generic(name);
    let mut readings = Vec::new();
    let mut episodes = None;
    if let Some(found) = parse(name) {
        if let Some(reading) = found.title.as_deref().and_then(|title| reading(title, found.year)) {
            if !generic {
                let words = fold_title(name);
                let short = reading.title.split(' ').count();
                readings.extend(beginnings(&words, short));
            }
            readings.push(reading);
        }
        episodes = found.episodes;
    }
    if (readings.is_empty() || generic)
        && let Some(folder) = telling_folder(path)
        && let Some(found) = parse(folder)
        && let Some(reading) = found.title.as_deref().and_then(|title| reading(title, found.year))
    {
        readings.push(reading);
    }
    readings.retain(|reading| reading.year.is_some() || !is_generic(&reading.title));
    readings.dedup();
    (readings, episodes)
}

/// The show that the folders of an episode name, nearest first.
pub(crate) fn shows(path: &FoldedPath) -> Vec<Reading> {
    let telling = path.folders().rev().filter(|folder| !is_generic(folder));
    let read = telling
        .take(2)
        .filter_map(|folder| cut(folder).into_iter().next().or_else(|| reading(folder, None)));
    read.collect()
}

/// The title of a track, and the artists that its names may mean.
pub(crate) fn track(path: &FoldedPath) -> Option<(String, Vec<String>)> {
    let name = path.file_name().map(stem).unwrap_or_default();
    let numbered = |piece: &&str| !piece.chars().all(|c| c.is_numeric() || c == '.' || c == ' ');
    let pieces: Vec<&str> = name.split(" - ").map(str::trim).filter(numbered).collect();
    let (last, before) = pieces.split_last()?;
    // "01 Title", "01. Title"
    let title = last.trim_start_matches(|c: char| c.is_ascii_digit());
    let title = if title.starts_with([' ', '.', '-', '_']) { title } else { last };
    let artists = before.iter().copied().chain(path.folders().rev().take(3));
    let artists = artists.map(fold_title).filter(|artist| !artist.is_empty());
    let title = fold_title(title);
    (!title.is_empty()).then(|| (title, artists.collect()))
}

/// Whether the words of `title` stand in `name` one after the other.
pub(crate) fn contains_words(name: &str, title: &str) -> bool {
    let mut from = 0;
    while let Some(at) = name.get(from..).and_then(|rest| rest.find(title)) {
        let (start, end) = (from + at, from + at + title.len());
        let before = name.get(..start).is_some_and(|text| text.is_empty() || text.ends_with(' '));
        let after = name.get(end..).is_some_and(|text| text.is_empty() || text.starts_with(' '));
        if before && after {
            return true;
        }
        from = start + title.chars().next().map_or(1, char::len_utf8);
    }
    false
}

/// The nearest folder that says something.
fn telling_folder(path: &FoldedPath) -> Option<&str> {
    path.folders().rev().find(|folder| !is_generic(folder))
}

pub(crate) fn reading(title: &str, year: Option<u16>) -> Option<Reading> {
    let title = fold_title(title);
    (!title.is_empty()).then_some(Reading { title, year })
}

/// Readings of a name at its years, the last year first: what stands before it, or, if
/// nothing does, what stands behind it up to a bracket.
fn cut(name: &str) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (at, year) in crate::names::year::positions(name) {
        let before = name.get(..at).unwrap_or_default();
        let behind = || {
            let rest = name.get(at + 4..)?.trim_start_matches([')', ']', '}']);
            rest.split(['(', '[', '{']).next()
        };
        readings.extend(
            reading(before, Some(year))
                .or_else(|| reading(behind().unwrap_or_default(), Some(year))),
        );
    }
    readings.reverse();
    readings
}

/// The first words of a name, longest first, down to `short` words; a title is rarely longer
/// than [`LONG`] words.
fn beginnings(words: &str, short: usize) -> Vec<Reading> {
    let words: Vec<&str> = words.split(' ').take(LONG).collect();
    let longer = (short + 1..=words.len()).rev();
    longer
        .filter_map(|count| Some(Reading { title: words.get(..count)?.join(" "), year: None }))
        .collect()
}

/// Words of a name that are tried as a title.
const LONG: usize = 12;

struct Parsed {
    title: Option<String>,
    year: Option<u16>,
    episodes: Option<Episodes>,
}

/// Asks the parser. It is other people's code and gets names from anywhere, so a panic in it
/// is a name that it cannot read. Names are at most 255 bytes on any file system; what is
/// longer is no name.
fn parse(name: &str) -> Option<Parsed> {
    if name.is_empty() || name.len() > 1_024 {
        return None;
    }
    let found = catch_unwind(|| hunch::hunch(name)).ok()?;
    let numbers = found.all(hunch::Property::Episode);
    let numbers: Vec<u32> = numbers.iter().filter_map(|number| number.parse().ok()).collect();
    let season = found.season().and_then(|season| u32::try_from(season).ok());
    Some(Parsed {
        title: found.title().map(str::to_owned),
        year: found.year().and_then(|year| u16::try_from(year).ok()),
        episodes: season.filter(|_| !numbers.is_empty()).map(|season| Episodes { season, numbers }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Vec<(String, Option<u16>)> {
        let path = FoldedPath::new(path);
        let mut all = before_years(&path);
        all.extend(parsed(&path).0);
        all.into_iter().map(|reading| (reading.title, reading.year)).collect()
    }

    #[test]
    fn the_title_is_among_the_readings() {
        for (path, title, year) in [
            ("Alien.1979.1080p.BluRay.x264-SPARKS.mkv", "alien", Some(1979)),
            ("Blade.Runner.2049.2017.2160p.UHD.mkv", "blade runner 2049", Some(2017)),
            ("Blade Runner 2049 1080p.mkv", "blade runner 2049", None),
            ("2001.A.Space.Odyssey.1968.mkv", "2001 a space odyssey", Some(1968)),
            ("2001 A Space Odyssey.mkv", "2001 a space odyssey", None),
            ("1917.2019.mkv", "1917", Some(2019)),
            ("(1979) Alien [1080p].mkv", "alien", Some(1979)),
            ("Adventure.Park.2005.720p.WEB-DL.mkv", "adventure park", Some(2005)),
            ("The.Webmaster.2160p.WEB-DL.mkv", "webmaster", None),
            ("Adventure.Park.mkv", "adventure park", None),
            ("Alien (1979)/movie.mkv", "alien", Some(1979)),
            ("Alien (1979)/CD1/cd1.avi", "alien", Some(1979)),
            ("Heat.avi", "heat", None),
        ] {
            let readings = read(path);
            assert!(readings.contains(&(title.to_owned(), year)), "{path}: {readings:?}");
        }
    }

    #[test]
    fn the_folder_of_another_title_is_not_read() {
        let readings = read("/films/Alien (1979)/Making of the monster.mkv");
        assert!(readings.iter().all(|(title, _)| title != "alien"), "{readings:?}");
    }

    #[test]
    fn episodes_and_tracks_are_read() {
        let path = FoldedPath::new("Lost (2004)/Season 1/Lost.S01E04-E06.720p.HDTV.mkv");
        let (readings, episodes) = parsed(&path);
        assert!(readings.iter().any(|reading| reading.title == "lost"), "{readings:?}");
        assert_eq!(episodes, Some(Episodes { season: 1, numbers: vec![4, 5, 6] }));
        let shows = shows(&FoldedPath::new("/tv/The Office (2005)/Season 1/S01E04.mkv"));
        assert_eq!(shows.first().map(|show| show.title.as_str()), Some("office"));
        let (title, artists) =
            track(&FoldedPath::new("/m/Queen/A Day/01 - Mustapha.flac")).unwrap();
        assert_eq!((title.as_str(), artists.contains(&"queen".to_owned())), ("mustapha", true));
    }

    #[test]
    fn words_are_found_as_words() {
        assert!(contains_words("the alien 1979", "alien"));
        assert!(!contains_words("aliens 1986", "alien"));
        assert!(contains_words("aliens alien", "alien"));
    }
}
