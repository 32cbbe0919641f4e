//! Titles of movies in names without a year, or with the year at an unusual place.
//!
//! [`crate::names::parse::before_years`] reads the usual form of a name: a title and a year. This
//! module reads the other forms. Each reading is only looked up.

use super::pieces::{Piece, pieces};
use super::shows::{trim, without_prefix};
use super::tags;
use crate::names::parse::{Reading, cut, reading};
use crate::names::spelling::generic::{is_generic, stem, telling_folder};
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year;

/// Possible titles in the file name, or in the folder above if the file name is generic.
pub(crate) fn read(path: &FoldedPath) -> Vec<Reading> {
    let name = path.file_name().map(stem).unwrap_or_default();
    let said = if is_generic(name) { telling_folder(path).unwrap_or(name) } else { name };
    let bare = without_prefix(said);
    let mut readings = if bare == said { Vec::new() } else { cut(bare) };
    // "Meadow 3 Extended 2014": an edition stands before the year.
    for dated in cut(bare) {
        // "Meadow aka Mill 2014", "Meadow (Mill) 2014".
        let names = dated.said.split(" aka ").chain(dated.said.split(".aka."));
        let names = names.chain(dated.said.split(['(', '[']).take(1)).map(trim);
        let names = names.filter(|name| *name != dated.said);
        readings.extend(names.filter_map(|name| reading(name, dated.year)));
        let found = pieces(&dated.said);
        for &end in ends(&found).iter().skip(1) {
            let text =
                found.get(end.saturating_sub(1)).and_then(|last| dated.said.get(..last.end()));
            readings.extend(text.and_then(|text| reading(text, dated.year)));
        }
    }
    let found = pieces(bare);
    for end in ends(&found) {
        let text = found.get(end.saturating_sub(1)).and_then(|last| bare.get(..last.end()));
        readings.extend(text.map(trim).and_then(|text| reading(text, None)));
    }
    // "1982 - Somebody - Meadow - 1080p".
    let years: Vec<u16> = year::years(said).collect();
    if let [year] = years.as_slice()
        && said.matches(" - ").count() > 1
    {
        let parts = said.split(" - ").filter(|part| year::years(part).next().is_none());
        readings.extend(parts.filter_map(|part| reading(trim(part), Some(*year))));
    }
    // "Meadow 1 (1982)": the first of a row was not counted when it came out.
    for dated in cut(bare) {
        let first =
            [" 1", ".1", "_1", " i", ".i"].iter().find_map(|one| dated.said.strip_suffix(one));
        readings.extend(first.and_then(|first| reading(first, dated.year)));
    }
    // "03. Meadow (1982)": the place in a row stands before it.
    let digits = said.bytes().take_while(u8::is_ascii_digit).count();
    let behind = said.get(digits..).filter(|_| (1..=3).contains(&digits)).unwrap_or_default();
    let behind = [". ", " - ", "_-_"].iter().find_map(|between| behind.strip_prefix(between));
    readings.extend(behind.map(cut).unwrap_or_default());
    readings.retain(|reading| reading.year.is_some() || !says_nothing(&reading.title));
    readings.dedup();
    readings
}

/// Where a title may end, as numbers of pieces, longest first: before the first tag, and before
/// words in front of it that may or may not belong to the title.
fn ends(pieces: &[Piece<'_>]) -> Vec<usize> {
    let tag = tags::first_tag(pieces).filter(|&tag| tag > 0).unwrap_or(pieces.len());
    let mut ends = vec![tag];
    let mut end = tag;
    while let Some(last) = end.checked_sub(1).and_then(|at| pieces.get(at)) {
        let before = end.checked_sub(2).and_then(|at| pieces.get(at));
        // "cd1", "v2".
        let numbered = last.number.is_some()
            && before.is_some_and(|word| matches!(word.text, "cd" | "disc" | "disk" | "pt" | "v"));
        let shorter = if numbered {
            end - 2
        } else if tags::is_hint(last.text) {
            end - 1
        } else {
            break;
        };
        if shorter == 0 {
            break;
        }
        end = shorter;
        ends.push(end);
    }
    // "Meadow (anything) 1080p".
    let bracket =
        pieces.iter().take(tag).skip(1).position(|piece| piece.gap.contains(['(', '[', '{']));
    ends.extend(bracket.map(|at| at + 1).filter(|&at| at < end));
    ends.dedup();
    ends
}

/// Whether a title consists only of words for the kind of file. A number is a title: the year is
/// elsewhere, or there is none.
fn says_nothing(title: &str) -> bool {
    is_generic(title) && !title.chars().any(|letter| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_end_where_tags_begin() {
        for (path, title) in [
            ("Meadow 2049 1080p.mkv", "meadow 2049"),
            ("The.Webmaster.2160p.WEB-DL.mkv", "webmaster"),
            ("Meadow.2.German.DL.720p.BluRay.mkv", "meadow 2"),
            ("Das.Meadow.Extended.Cut.German.720p.mkv", "das meadow"),
            ("The.Good.German.720p.mkv", "good german"),
            (
                "[grp] Meadow - Miller's Crown [BD 1080p FLAC] [0a1b2c3d].mkv",
                "meadow millers crown",
            ),
            ("www.example.com - Meadow.720p.mkv", "meadow"),
            ("Meadow.mkv", "meadow"),
            ("1917.1080p.mkv", "1917"),
            ("meadow.cd1.avi", "meadow"),
            ("Meadow v2 (1080p BD).mkv", "meadow"),
            ("Meadow Brook/movie.mkv", "meadow brook"),
            ("Meadow (Kinofassung) 1080p.mkv", "meadow"),
        ] {
            let readings = read(&FoldedPath::new(path));
            assert!(readings.iter().any(|reading| reading.title == title), "{path}: {readings:?}");
        }
        let path = FoldedPath::new("1982 - Miller, Jo & Baker, Al - Meadow - 1080p.mkv");
        assert!(read(&path).iter().any(|r| (r.title.as_str(), r.year) == ("meadow", Some(1982))));
        assert!(read(&FoldedPath::new("movie.mkv")).is_empty());
        for (name, title) in [
            ("Meadow.Special.Edition.2014.720p.mkv", "meadow"),
            ("Meadow.Director's.Cut.2014.mkv", "meadow"),
            ("Meadow AKA Wiese (2014).mkv", "wiese"),
            ("Meadow.aka.Wiese.2014.mkv", "meadow"),
            ("Meadow (Wiese) 2014.mkv", "meadow"),
            ("03. Meadow (2014).mkv", "meadow"),
            ("Meadow 1 (2014).mkv", "meadow"),
            ("Meadow.1.2014.720p.mkv", "meadow"),
            ("3 - Meadow (2014).mkv", "meadow"),
        ] {
            let readings = read(&FoldedPath::new(name));
            let dated = |r: &Reading| (r.title.as_str(), r.year) == (title, Some(2014));
            assert!(readings.iter().any(dated), "{name}: {readings:?}");
        }
    }
}
