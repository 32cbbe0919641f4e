//! The hashes under which a title is found.
//!
//! Movies and videos are found by their folded title, episodes by show, season and number, tracks
//! by artist and title: "Episode 1" or "Intro" alone would put half a library into one bucket. Only
//! letters and digits count, as in [`crate::names::same::key`]: "C.H.U.D." is "CHUD", and "II" is
//! "2". For mistyped titles, movies also have two hashes of title and year. A difference in one
//! place leaves at least one of them equal.

use cache_store::{Day, ItemRef};
use plex_api::ItemKind;
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64;

use crate::names::numbers;
use crate::names::same::{key, key_of_folded};
use crate::names::shows;
use crate::names::spelling::fold::{fold, fold_title, loosen};
use crate::names::spelling::generic::{is_generic, stem, telling_tail};
use crate::names::spelling::path::FoldedPath;
use crate::names::tracks::without_guests;

/// The hash of a movie's title.
pub(crate) fn by_title(title: &str) -> u64 {
    by_folded_title(&fold_title(title))
}

fn by_folded_title(folded: &str) -> u64 {
    hash(1, &[&key_of_folded(folded)])
}

/// The hash of an episode. `show` is the [`key`] of its title.
pub(crate) fn by_episode(show: &str, season: u32, episode: u32) -> u64 {
    hash(2, &[show, &season.to_string(), &episode.to_string()])
}

/// The hash of a track. Both are [`key`]s.
pub(crate) fn by_track(artist: &str, title: &str) -> u64 {
    hash(3, &[artist, title])
}

/// The hash of all episodes of a show.
pub(crate) fn by_show(show: &str) -> u64 {
    hash(6, &[show])
}

/// The hash of the episodes of a show that were on air in a month: about twenty of a daily show,
/// about four of any other, so there are few buckets.
pub(crate) fn by_month(show: &str, day: Day) -> u64 {
    hash(7, &[show, &(day.0 / 100).to_string()])
}

/// The hash of the first or last part of a movie's title, with its year.
pub(crate) fn by_part(part: &str, year: u16) -> u64 {
    hash(8, &[&key(part), &year.to_string()])
}

/// The hash of the end of a path without its extension.
pub(crate) fn by_tail(tail: &str) -> u64 {
    hash(10, &[tail])
}

/// The end of a path without its extension, from the nearest telling component or the folder,
/// whichever is higher. Files beside each other share it.
pub(crate) fn beside_tail(path: &FoldedPath) -> Option<String> {
    let tail = telling_tail(path)?;
    let tail = if tail.contains('/') {
        tail
    } else {
        let folder = path.folders().next_back()?;
        let start = path.as_str().len().checked_sub(folder.len() + 1 + tail.len())?;
        path.as_str().get(start..)?
    };
    let name = path.file_name()?;
    let extension = name.len() - stem(name).len();
    tail.get(..tail.len().checked_sub(extension)?).map(str::to_owned)
}

/// The hash of a track by its place on an album. `album` is a [`key`].
pub(crate) fn by_place(album: &str, disc: u32, number: u32) -> u64 {
    hash(9, &[album, &disc.to_string(), &number.to_string()])
}

/// The hashes under which titles similar to this one, of this year, are found.
///
/// The first hash is of the initials of a title of three or more words: a mistyped letter rarely
/// changes them. For a shorter title it is of the first letters. The second hash is of the longest
/// word: an added or missing word is rarely the longest. For a title of one word it is of the last
/// letters.
pub(crate) fn by_likeness(folded_title: &str, year: u16) -> [u64; 2] {
    let loose = loosen(folded_title);
    let words: Vec<&str> = loose.split(' ').filter(|word| !word.is_empty()).collect();
    let letters = || words.iter().flat_map(|word| word.chars());
    let start: String = if words.len() >= 3 {
        words.iter().filter_map(|word| word.chars().next()).collect()
    } else {
        letters().take(EDGE).collect()
    };
    let core = if words.len() >= 2 {
        words.iter().max_by_key(|word| word.chars().count()).copied().unwrap_or_default().to_owned()
    } else {
        letters().rev().take(EDGE).collect()
    };
    let year = year.to_string();
    [hash(4, &[&year, &start]), hash(5, &[&year, &core])]
}

/// The number of letters at each end of a short title that are hashed. With a year, three letters
/// leave a few dozen titles of a large library.
const EDGE: usize = 3;

/// The titles of a movie that are compared with a reading.
pub(crate) fn spelled<'a>(item: &ItemRef<'a>) -> impl Iterator<Item = &'a str> {
    std::iter::once(item.title).chain(item.original_title)
}

/// The same titles, folded.
pub(crate) fn titles(item: &ItemRef<'_>) -> impl Iterator<Item = String> {
    spelled(item).map(fold_title).filter(|title| !title.is_empty())
}

/// The title of the show or the artist, folded.
pub(crate) fn parent_title(item: &ItemRef<'_>) -> Option<String> {
    item.grandparent_title.map(fold_title).filter(|title| !title.is_empty())
}

/// The artists of a track: the artist of its album and, on a compilation, its own.
pub(crate) fn artists<'a>(item: &ItemRef<'a>) -> impl Iterator<Item = &'a str> {
    item.grandparent_title.into_iter().chain(item.original_title)
}

/// The first and last part of a title that has several parts: "Meadow: The Mill"; and a title
/// without the number of its part: "Meadow Part One".
pub(crate) fn parts(title: &str) -> impl Iterator<Item = &str> {
    let first = BETWEEN.iter().filter_map(|between| title.split_once(between));
    let first = first.map(|(first, _)| first).min_by_key(|first| first.len());
    let last = BETWEEN.iter().filter_map(|between| title.rsplit_once(between));
    let last = last.map(|(_, last)| last).min_by_key(|last| last.len());
    let whole = without_part(title);
    first.into_iter().chain(last).chain(whole).map(str::trim).filter(|part| !is_generic(part))
}

/// A title without the number of its part at the end.
fn without_part(title: &str) -> Option<&str> {
    let (before, number) = title.rsplit_once(' ')?;
    let (before, word) = before.rsplit_once(' ')?;
    let part = ["part", "pt.", "vol.", "volume", "chapter", "teil"];
    let counted = part.iter().any(|part| word.eq_ignore_ascii_case(part))
        && numbers::counted(&number.to_ascii_lowercase()).is_some();
    counted.then(|| before.trim_end_matches([' ', ':', ',', '-', '\u{2013}']))
}

/// The separators between the parts of a title.
const BETWEEN: [&str; 5] = [": ", " - ", " \u{2013} ", " or ", " / "];

/// The hashes under which an item is found by its title.
pub(crate) fn hashes(item: &ItemRef<'_>) -> Vec<u64> {
    match item.kind {
        ItemKind::Episode => of_episode(item),
        ItemKind::Track => {
            let title = key(without_guests(item.title));
            let by = |artist| by_track(&key(without_guests(artist)), &title);
            let mut hashes: Vec<u64> = artists(item).map(by).collect();
            if let (Some(album), Some(number)) = (item.parent_title, item.index) {
                hashes.push(by_place(&key(album), item.parent_index.unwrap_or(1), number));
            }
            hashes
        }
        _ => {
            let mut hashes = Vec::with_capacity(4);
            for title in spelled(item) {
                let folded = fold_title(title);
                if folded.is_empty() {
                    continue;
                }
                hashes.push(by_folded_title(&folded));
                if let Some(year) = item.year {
                    hashes.extend(by_likeness(&folded, year));
                    hashes.extend(parts(title).map(|part| by_part(part, year)));
                }
            }
            hashes
        }
    }
}

/// The hashes by the show's title as it is, and without the year or country in it.
fn of_episode(item: &ItemRef<'_>) -> Vec<u64> {
    let Some(show) = item.grandparent_title else { return Vec::new() };
    let folded = fold(show);
    let whole = key(&folded);
    if whole.is_empty() {
        return Vec::new();
    }
    let base = key(shows::parts(&folded).0);
    let mut hashes = Vec::with_capacity(6);
    for show in [whole.as_str(), base.as_str()] {
        hashes.push(by_show(show));
        if let (Some(season), Some(episode)) = (item.parent_index, item.index) {
            hashes.push(by_episode(show, season, episode));
        }
        hashes.extend(item.aired.map(|day| by_month(show, day)));
        if whole == base {
            break;
        }
    }
    hashes
}

fn hash(kind: u8, parts: &[&str]) -> u64 {
    let mut bytes: SmallVec<[u8; 128]> = SmallVec::new();
    bytes.push(kind);
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0); // not in any folded title
    }
    xxh3_64(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(left: &str, right: &str) -> bool {
        let (left, right) = (by_likeness(left, 1999), by_likeness(right, 1999));
        left.iter().any(|hash| right.contains(hash))
    }

    #[test]
    fn spaces_and_numerals_count_for_nothing() {
        for (left, right) in
            [("C.H.U.D.", "chud"), ("20,000 Leagues", "20000 leagues"), ("Mill II", "mill 2")]
        {
            assert_eq!(by_title(left), by_title(right));
        }
        assert_ne!(by_title("alien"), by_title("aliens"));
        assert_ne!(by_episode("a", 11, 1), by_episode("a", 1, 11));
    }

    #[test]
    fn titles_have_parts() {
        let of = |title| parts(title).collect::<Vec<_>>();
        assert_eq!(of("Meadow: Part V - The Mill Burns"), ["Meadow", "The Mill Burns"]);
        assert_eq!(of("Meadow or (The Unlikely Miller)"), ["Meadow", "(The Unlikely Miller)"]);
        assert_eq!(of("Meadow"), Vec::<&str>::new());
        assert_eq!(of("Mill Again Part One"), ["Mill Again"]);
        assert_eq!(of("Mill Again, Vol. 2"), ["Mill Again"]);
        assert_eq!(of("Part One"), Vec::<&str>::new());
    }

    #[test]
    fn one_difference_leaves_titles_alike() {
        for (left, right) in [
            ("lord of the rings", "lord of teh rings"),
            ("lord of the rings", "lord of the rigns"),
            ("crocodile dundee", "crocodile dundy"),
            ("crocodile dundee 2", "crocodile dundee ii"),
            ("matrix", "matirx"),
            ("matrix", "mtrix"),
            ("star wars a new hope", "star wars hope"),
            ("am\u{e9}lie", "amelie"),
        ] {
            assert!(alike(left, right), "{left} / {right}");
        }
        assert!(!alike("matrix", "heat"));
        assert!(by_likeness("matrix", 1999) != by_likeness("matrix", 2000));
    }
}
