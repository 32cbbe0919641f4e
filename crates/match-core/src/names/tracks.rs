//! Artist, album, disc, number and title of a track, from its names.

use super::pieces::pieces;
use super::shows::{self, trim};
use crate::names::spelling::generic::stem;
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year::years;

/// One reading of the names of a track.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Track {
    /// The title, as it is spelled in the name.
    pub(crate) title: String,
    pub(crate) disc: Option<u32>,
    pub(crate) number: Option<u32>,
    /// The name says the number and nothing else.
    pub(crate) untitled: bool,
    /// Possible artists, likeliest first.
    pub(crate) artists: Vec<String>,
    /// Possible albums, likeliest first.
    pub(crate) albums: Vec<String>,
}

/// The readings of a file's names.
pub(crate) fn read(path: &FoldedPath) -> Vec<Track> {
    let name = path.file_name().map(stem).unwrap_or_default();
    let mut folders: Vec<&str> = path.folders().rev().take(4).collect();
    let mut disc = None;
    if let Some(of) = folders.first().and_then(|folder| disc_of(folder)) {
        disc = Some(of);
        folders.remove(0);
    }
    // "Album [Disc 2]".
    if let Some(folder) = folders.first_mut()
        && let Some((album, of)) = disc_behind(folder)
    {
        (*folder, disc) = (album, Some(of));
    }
    // "Artist - Album (1998) [FLAC]/02 Title".
    let first = folders.first().map(|folder| shows::without_tags(folder));
    let parted = first.and_then(|folder| folder.split_once(" - "));
    let parted = parted.filter(|(artist, _)| !artist.bytes().all(|digit| digit.is_ascii_digit()));
    let dated: Vec<&str> =
        folders.iter().take(1).copied().filter(|folder| years(folder).next().is_some()).collect();
    let compiled = folders.iter().any(|folder| COMPILATIONS.contains(folder));
    let compiled = compiled.then(|| "various artists".to_owned());
    if let Some((artist, album)) = parted {
        folders.splice(0..0, [album, artist]);
    }
    let folders: Vec<String> = folders.into_iter().map(without_year).collect();
    let mut readings = Vec::new();
    let (numbered, rest) = number_before(name);
    let mut add = |title: &str, number: Option<(Option<u32>, u32)>, said: &[&str]| {
        let title = trim(title);
        if title.is_empty() {
            return;
        }
        let said = || said.iter().map(|part| without_year(part));
        // "Live 1999": the year may be part of the album's title.
        let whole = |part: &&str| trim(part).to_owned();
        let track = Track {
            title: title.to_owned(),
            disc: number.and_then(|(disc, _)| disc).or(disc),
            number: number.map(|(_, number)| number),
            untitled: alone(title).is_some(),
            artists: said().chain(folders.iter().cloned()).chain(compiled.clone()).collect(),
            albums: said()
                .rev()
                .chain(folders.iter().cloned())
                .chain(dated.iter().map(whole))
                .collect(),
        };
        if !readings.contains(&track) {
            readings.push(track);
        }
    };
    // "Artist - Album - 101 - Title", "01 - Artist - Title", "Artist - Title".
    // Releases have "artist-album-01-title", with underscores for spaces.
    let released = rest.contains('_') && !rest.contains(' ') && rest.contains('-');
    let between = if released { "-" } else { " - " };
    let parts: Vec<&str> = rest.split(between).map(|part| part.trim_matches([' ', '_'])).collect();
    if let [before @ .., last] = parts.as_slice() {
        let in_between = before.iter().find_map(|part| whole_number(part));
        let said: Vec<&str> =
            before.iter().copied().filter(|part| whole_number(part).is_none()).collect();
        let (own, title) = number_before(last);
        add(title, numbered.or(in_between).or(own), &said);
        if own.is_some() {
            add(last, numbered.or(in_between), &said);
        }
    }
    // "01-artist-title-grp".
    if let [before @ .., title, _group] = parts.as_slice()
        && released
        && !before.is_empty()
    {
        add(title, numbered, before);
    }
    // A dash may be part of the title.
    if parts.len() > 1 {
        add(rest, numbered, &[]);
    }
    add(name, None, &[]);
    // "Track 07", "07": the place on the album is all there is.
    if let Some(number) = alone(name) {
        add(name, Some((None, number)), &[]);
    }
    // "A2 Title": the side of a record, and the place on it.
    let sided = name
        .strip_prefix(['a', 'b', 'c', 'd'])
        .map(|rest| rest.trim_start_matches(|l: char| l.is_ascii_digit()));
    if let Some(title) =
        sided.filter(|rest| rest.len() + 1 < name.len() && rest.starts_with([' ', '.', '-', '_']))
    {
        add(title, None, &[]);
    }
    readings
}

/// Folders of records by several artists.
const COMPILATIONS: [&str; 6] =
    ["compilations", "various", "va", "samplers", "soundtracks", "various artists"];

/// The number of a name that says nothing else: `07`, `Track 07`.
fn alone(name: &str) -> Option<u32> {
    match pieces(name).as_slice() {
        [number] => number.number,
        [word, number] if word.text == "track" => number.number,
        _ => None,
    }
    .filter(|number| *number < 200)
}

/// The number at the start of a name, with its disc, and the text after it: `01 Title`,
/// `1-01. Title`, `101 - Title`.
fn number_before(name: &str) -> (Option<(Option<u32>, u32)>, &str) {
    let found = pieces(name);
    let Some(first) = found.first().filter(|first| first.gap.is_empty()) else {
        return (None, name);
    };
    let Some(number) = first.number.filter(|_| first.text.len() <= 3) else { return (None, name) };
    let behind = |at: usize| match found.get(at) {
        Some(next) if next.is_glued() => None,
        Some(next) => name.get(next.start..),
        None => None,
    };
    if let Some(second) = found.get(1)
        && let Some(track) = second.number.filter(|_| second.text.len() == 2)
        && matches!(second.gap, "-" | "." | "_")
        && first.text.len() < 3
        && let Some(rest) = behind(2)
    {
        return (Some((Some(number), track)), rest);
    }
    match behind(1) {
        Some(rest) => (Some(split(number, first.text.len())), rest),
        None => (None, name),
    }
}

/// The number of a part that contains only a number.
fn whole_number(part: &str) -> Option<(Option<u32>, u32)> {
    let number = part.parse().ok().filter(|_| part.len() <= 3)?;
    Some(split(number, part.len()))
}

/// "101" is track 1 of disc 1.
fn split(number: u32, length: usize) -> (Option<u32>, u32) {
    if length == 3 && number >= 100 { (Some(number / 100), number % 100) } else { (None, number) }
}

/// The disc that a folder's name gives: `CD2`, `Disc 1`.
fn disc_of(folder: &str) -> Option<u32> {
    match pieces(folder).as_slice() {
        [word, number] if matches!(word.text, "cd" | "disc" | "disk" | "disque" | "lp") => {
            number.number
        }
        _ => None,
    }
}

/// An album and the disc that its folder's name gives behind it.
fn disc_behind(folder: &str) -> Option<(&str, u32)> {
    let pieces = pieces(folder);
    let [_, .., word, number] = pieces.as_slice() else { return None };
    let disc = matches!(word.text, "cd" | "disc" | "disk" | "disque") && !word.is_glued();
    let number = number.number.filter(|_| disc && (number.is_glued() || number.is_near()))?;
    Some((trim(folder.get(..word.start)?), number))
}

/// An album or artist without the year next to it: `Album (1975)`, `1975 - Album`, `[1975] Album`.
fn without_year(name: &str) -> String {
    let Some((at, _)) = crate::names::spelling::year::positions(name).next() else {
        return trim(name).to_owned();
    };
    let (before, behind) = (name.get(..at), name.get(at + 4..));
    let text = |part: Option<&str>| part.map(trim).unwrap_or_default().to_owned();
    let (before, behind) = (text(before), text(behind));
    match (before.is_empty(), behind.is_empty()) {
        (true, false) => trim(behind.trim_start_matches([')', ']', ' ', '-'])).to_owned(),
        (false, true) => before,
        _ => trim(name).to_owned(),
    }
}

/// A title or an artist without guests.
pub(crate) fn without_guests(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let ends = GUESTS.iter().filter_map(|guests| lower.find(guests));
    let end = ends.min().filter(|&end| end > 0).unwrap_or(text.len());
    text.get(..end).unwrap_or(text)
}

const GUESTS: [&str; 8] =
    [" (feat", " [feat", " feat.", " feat ", " ft.", " (ft", " featuring ", " (with "];

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn first(path: &str) -> Track {
        read(&FoldedPath::new(path)).into_iter().next().unwrap()
    }

    #[test]
    fn names_of_tracks() {
        for (path, title, disc, number) in [
            ("/m/The Millers/Stones (1975)/11 Running Water.flac", "running water", None, Some(11)),
            ("/m/The Millers/Stones/1-01 Running Water.m4a", "running water", Some(1), Some(1)),
            ("/m/The Millers/Stones/CD2/01 Running Water.mp3", "running water", Some(2), Some(1)),
            (
                "/m/The Millers - Stones - 101 - Running Water.mp3",
                "running water",
                Some(1),
                Some(1),
            ),
            ("/m/x/07. Running Water.mp3", "running water", None, Some(7)),
            ("/m/x/The Millers - Running Water.mp3", "running water", None, None),
            ("/m/x/99 Stones.mp3", "stones", None, Some(99)),
        ] {
            let track = first(path);
            assert_eq!(
                (track.title.as_str(), track.disc, track.number),
                (title, disc, number),
                "{path}"
            );
        }
        let track = first("/m/The Millers/Stones (1975)/11 Running Water.flac");
        assert_eq!(track.albums.first().map(String::as_str), Some("stones"));
        assert!(track.artists.contains(&"the millers".to_owned()));
        let track = first("/m/The Millers - Stones - 101 - Running Water.mp3");
        assert_eq!(track.artists.first().map(String::as_str), Some("the millers"));
        assert_eq!(track.albums.first().map(String::as_str), Some("stones"));
        let track = first("/m/The Millers/Stones [Disc 2]/02 Coda.flac");
        assert_eq!(
            (track.disc, track.albums.first().map(String::as_str)),
            (Some(2), Some("stones"))
        );
        let track = first("/m/x/the_millers-stones-02-running_water.mp3");
        assert_eq!((track.title.as_str(), track.number), ("running_water", Some(2)));
        let all = read(&FoldedPath::new("/m/The Millers/Stones/Track 07.mp3"));
        assert!(all.iter().any(|track| track.untitled && track.number == Some(7)), "{all:?}");
        let all = read(&FoldedPath::new("/m/The Millers/Stones/A2 Running Water.mp3"));
        assert!(all.iter().any(|track| track.title == "running water"), "{all:?}");
        // The number may be part of the title.
        let all = read(&FoldedPath::new("/m/x/99 Stones.mp3"));
        assert!(all.iter().any(|track| track.title == "99 stones"));
    }
}
