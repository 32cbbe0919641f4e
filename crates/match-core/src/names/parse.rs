//! Possible titles and years of a movie, from the names of its file.
//!
//! A name has several readings, and each is only looked up: it counts if an item has that title and
//! year. So no name is cut at words that only look like tags. The likeliest reading is what the
//! host gives; then comes the text before a year. Other modules of [`crate::names`] read the other
//! forms.

use crate::names::pieces::pieces;
use crate::names::shows::trim;
use crate::names::spelling::fold::fold_title;
use crate::names::spelling::generic::{is_generic, stem, telling_folder};
use crate::names::spelling::path::FoldedPath;
use crate::names::tags::first_tag;

/// One reading of a file's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    /// The title of a movie, folded and never empty.
    pub(crate) title: String,
    /// The same title as it is spelled in the name.
    pub(crate) said: String,
    /// The year of release.
    pub(crate) year: Option<u16>,
}

/// The text before each year of the file name, the last year first. Then the same for the folder
/// above, if the file name is generic or names the same title.
pub(crate) fn before_years(path: &FoldedPath) -> Vec<Reading> {
    let name = path.file_name().map(stem).unwrap_or_default();
    let mut readings = cut(name);
    if let Some(folder) = telling_folder(path) {
        let words = fold_title(name);
        let same = |reading: &Reading| contains_words(&words, &reading.title);
        let generic = is_generic(name) || is_short(name, folder);
        readings.extend(cut(folder).into_iter().filter(|reading| generic || same(reading)));
    }
    readings.dedup();
    readings
}

/// Whether a name only repeats the folder of its release in short, or says nothing in letters and
/// digits by chance: `Meadow.1982.1080p.BluRay-GRP/grp-mdw.mkv`, `…/0a1b2c3d4e.mkv`.
pub(crate) fn is_short(name: &str, folder: &str) -> bool {
    if first_tag(&pieces(folder)).is_none() {
        return false;
    }
    let Some((_, group)) = folder.rsplit_once('-').filter(|(_, group)| group.len() > 1) else {
        return false;
    };
    let rest = name.strip_prefix(group).and_then(|rest| rest.strip_prefix('-'));
    let rest = rest.or_else(|| name.strip_suffix(group).and_then(|rest| rest.strip_suffix('-')));
    rest.is_some_and(|rest| !rest.contains(' ')) || is_random(name)
}

/// Whether a name is one long word in which digits are between letters again and again.
fn is_random(name: &str) -> bool {
    let digit = |letter: &u8| letter.is_ascii_digit();
    let changes =
        name.as_bytes().windows(2).filter(|two| two.iter().filter(|l| digit(l)).count() == 1);
    name.len() >= 10
        && name.bytes().all(|letter| letter.is_ascii_alphanumeric())
        && changes.count() > 3
}

/// Whether the words of `title` follow each other in `name`.
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

/// A reading of a title. `None`: no text is left of it.
pub(crate) fn reading(said: &str, year: Option<u16>) -> Option<Reading> {
    let said = trim(said);
    let title = fold_title(said);
    (!title.is_empty()).then(|| Reading { title, said: said.to_owned(), year })
}

/// The readings of a name at its years, the last year first: the text before the year, or, if there
/// is none, the text after it up to a bracket.
pub(crate) fn cut(name: &str) -> Vec<Reading> {
    let mut readings = Vec::new();
    for (at, year) in crate::names::spelling::year::positions(name) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Vec<(String, Option<u16>)> {
        let path = FoldedPath::new(path);
        let mut all = before_years(&path);
        all.extend(crate::names::films::read(&path));
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
            ("Heat.1995.1080p.BluRay.x264-GRP/grp-ht1080.mkv", "heat", Some(1995)),
            ("Heat.1995.1080p.BluRay.x264-GRP/heat95-grp.mkv", "heat", Some(1995)),
            ("Heat.1995.1080p.BluRay.x264-GRP/0a1b2c3d4e5f.mkv", "heat", Some(1995)),
        ] {
            let readings = read(path);
            assert!(readings.contains(&(title.to_owned(), year)), "{path}: {readings:?}");
        }
    }

    #[test]
    fn the_folder_of_another_title_is_not_read() {
        let readings = read("/films/Alien (1979)/Making of the monster.mkv");
        assert!(readings.iter().all(|(title, _)| title != "alien"), "{readings:?}");
        let readings = read("/dl/Alien.1979.1080p.BluRay.x264-GRP/making.of.the.monster.mkv");
        assert!(readings.iter().all(|(title, _)| title != "alien"), "{readings:?}");
    }

    #[test]
    fn words_are_found_as_words() {
        assert!(contains_words("the alien 1979", "alien"));
        assert!(!contains_words("aliens 1986", "alien"));
        assert!(contains_words("aliens alien", "alien"));
    }
}
