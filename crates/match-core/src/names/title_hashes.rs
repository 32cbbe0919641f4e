//! Under which hashes a title is found.
//!
//! Movies and videos are found by their folded title, episodes by show, season and number,
//! tracks by artist and title: "Episode 1" and "Intro" alone would be one bucket for half a
//! library. Spaces count for nothing: "C.H.U.D." is "CHUD", and "20,000" is "20000". Movies are
//! also found by likeness, for titles that were mistyped: two hashes of
//! title and year which a difference in one place leaves at least one of.

use cache_store::ItemRef;
use plex_api::ItemKind;
use xxhash_rust::xxh3::xxh3_64;

use crate::names::fold::{fold_title, loosen};

/// Whether two folded titles are equal but for their spaces.
pub(crate) fn same(left: &str, right: &str) -> bool {
    letters(left).eq(letters(right))
}

fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|letter| *letter != ' ')
}

/// The hash of a folded title.
pub(crate) fn by_title(title: &str) -> u64 {
    hash(1, &[&dense(title)])
}

/// The hash of an episode.
pub(crate) fn by_episode(show: &str, season: u32, episode: u32) -> u64 {
    hash(2, &[&dense(show), &season.to_string(), &episode.to_string()])
}

/// The hash of a track.
pub(crate) fn by_track(artist: &str, title: &str) -> u64 {
    hash(3, &[&dense(artist), &dense(title)])
}

fn dense(title: &str) -> String {
    letters(title).collect()
}

/// The hashes under which titles like this one, of this year, are found.
///
/// Of three words or more: the initials, which a mistyped letter rarely touches; and the
/// longest word, which an added or missing word rarely is. Of a shorter title, its first
/// letters take the place of the initials, and the last ones of a single word that of the
/// longest.
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

/// Letters at the edge of a short title that stand for all of it: with a year, three of them
/// leave a few dozen titles of a large library.
const EDGE: usize = 3;

/// The titles of an item that a reading is compared with, folded.
pub(crate) fn titles(item: &ItemRef<'_>) -> impl Iterator<Item = String> {
    let own = std::iter::once(&item.title).chain(&item.original_title);
    own.map(|title| fold_title(title)).filter(|title| !title.is_empty())
}

/// Show or artist, folded.
pub(crate) fn parent_title(item: &ItemRef<'_>) -> Option<String> {
    item.grandparent_title.map(fold_title).filter(|title| !title.is_empty())
}

/// The hashes under which an item is found by its title.
pub(crate) fn hashes(item: &ItemRef<'_>) -> Vec<u64> {
    match item.kind {
        ItemKind::Episode => {
            let (show, season, episode) = (parent_title(item), item.parent_index, item.index);
            let by = |show: String| Some(by_episode(&show, season?, episode?));
            show.and_then(by).into_iter().collect()
        }
        ItemKind::Track => {
            let artist = parent_title(item).unwrap_or_default();
            titles(item).map(|title| by_track(&artist, &title)).collect()
        }
        _ => {
            let mut hashes = Vec::with_capacity(3);
            for title in titles(item) {
                hashes.push(by_title(&title));
                hashes.extend(item.year.into_iter().flat_map(|year| by_likeness(&title, year)));
            }
            hashes
        }
    }
}

fn hash(kind: u8, parts: &[&str]) -> u64 {
    let mut bytes = Vec::with_capacity(64);
    bytes.push(kind);
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
        bytes.push(0); // no folded title holds it
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
    fn spaces_count_for_nothing() {
        for (left, right) in [("c h u d", "chud"), ("20 000 leagues", "20000 leagues")] {
            assert!(same(left, right));
            assert_eq!(by_title(left), by_title(right));
        }
        assert!(!same("alien", "aliens"));
        assert_ne!(by_episode("a", 11, 1), by_episode("a", 1, 11));
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
