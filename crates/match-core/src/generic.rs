//! Names that say nothing by themselves.
//!
//! `S01E01.mkv`, `movie.mkv` and `IMG_0001.MP4` are in many folders, and `Season 1` in every
//! show. Two files that agree in such names alone are not the same file: matching `Show
//! B/Season 1/S01E01.mkv` to Show A's first episode is the best known bug of tools that match
//! by file name. A match needs at least one component that is not generic.

use std::borrow::Cow;

use crate::path::FoldedPath;

/// Words that only say what kind of file or folder it is.
const WORDS: &[&str] = &[
    "movie",
    "movies",
    "film",
    "films",
    "video",
    "videos",
    "clip",
    "clips",
    "tv",
    "shows",
    "show",
    "series",
    "season",
    "staffel",
    "saison",
    "serie",
    "episode",
    "episodes",
    "ep",
    "part",
    "pt",
    "cd",
    "dvd",
    "disc",
    "disk",
    "track",
    "audio",
    "music",
    "media",
    "file",
    "files",
    "title",
    "untitled",
    "sample",
    "trailer",
    "extras",
    "extra",
    "featurettes",
    "specials",
    "special",
    "bonus",
    "main",
    "feature",
    "ts",
    "vts",
    "vob",
    "bdmv",
    "stream",
    "img",
    "dsc",
    "dscn",
    "mov",
    "vid",
    "gopr",
    "gh",
    "gx",
    "mvi",
    "pict",
    "p",
    "dcim",
    "mpeg",
    "plex",
    "versions",
    "the",
    "new",
    "folder",
    "data",
    "mnt",
    "volume",
    "home",
    "share",
    "rip",
    "encode",
    "output",
    "final",
    "s",
    "e",
    "x",
    "a",
    "b",
    "c",
    "d",
];

/// Words that number a thing, whatever year stands beside them.
const NUMBERED: &[&str] = &[
    "season", "staffel", "saison", "episode", "part", "cd", "dvd", "disc", "disk", "track",
    "specials", "extras",
];

/// Fewest letters or digits that make a name say something.
const TELLING: usize = 3;

/// Whether a folded component (a folder, or a file name without its extension) says nothing:
/// nothing is left of it but numbers and the words above.
pub(crate) fn is_generic(component: &str) -> bool {
    let (rest, dated) = without_year(component);
    let words = || rest.split(|letter: char| !letter.is_alphanumeric());
    // "s01e02", "cd1", "img0001": letters and numbers are looked at apart.
    let pieces =
        || words().flat_map(|word| word.split(char::is_numeric)).filter(|piece| !piece.is_empty());
    if dated {
        // "Up (2009)", "9 (2009)" and "Home Movies (1985)" are titles, "Season 1 (2009)" is not.
        let nothing = words().all(str::is_empty);
        let numbered = pieces().next().is_some() && pieces().all(|p| NUMBERED.contains(&p));
        return nothing || numbered;
    }
    let mut letters = 0;
    for piece in pieces().filter(|piece| !WORDS.contains(piece)) {
        // One ideograph says about as much as two letters.
        letters += piece.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
        if letters >= TELLING {
            return false;
        }
    }
    !is_moment(component)
}

/// The end of a path from its nearest component that says something; `None` when none does.
/// Files that agree in less than this do not agree in anything.
pub(crate) fn telling_tail(path: &FoldedPath) -> Option<&[String]> {
    let components = path.components();
    let last = components.len().checked_sub(1)?;
    let telling =
        |at: usize, name: &String| !is_generic(if at == last { stem(name) } else { name });
    let at = (0..components.len())
        .rev()
        .find(|&at| components.get(at).is_some_and(|component| telling(at, component)))?;
    components.get(at..)
}

/// The name without a year in brackets, and whether there was one.
fn without_year(name: &str) -> (Cow<'_, str>, bool) {
    let year = |open: char, close: char| {
        name.match_indices(open).find_map(|(at, _)| {
            let rest = name.get(at + 1..)?;
            let (inside, _) = rest.split_once(close)?;
            (inside.len() == 4 && inside.bytes().all(|byte| byte.is_ascii_digit())).then_some(at)
        })
    };
    match year('(', ')').or_else(|| year('[', ']')) {
        Some(at) => {
            let (before, after) = name.split_at(at);
            (Cow::Owned(format!("{before} {}", after.get(6..).unwrap_or_default())), true)
        }
        None => (Cow::Borrowed(name), false),
    }
}

/// A full date and time in a name (`20210704_153012`) tells one clip from another.
fn is_moment(component: &str) -> bool {
    component.chars().filter(char::is_ascii_digit).count() >= 12
}

/// A file name without its extension. An extension is short and has no space.
pub(crate) fn stem(file_name: &str) -> &str {
    match file_name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && (1..=5).contains(&extension.len())
                && extension.bytes().all(|byte| byte.is_ascii_alphanumeric()) =>
        {
            stem
        }
        _ => file_name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_names_are_told_from_telling_ones() {
        for name in [
            "s01e01",
            "1x02",
            "movie",
            "video_ts",
            "vts_01_1",
            "img_0001",
            "dsc00012",
            "gopr0042",
            "season 1",
            "season 01",
            "specials",
            "cd1",
            "disc 2",
            "01",
            "track 01",
            "2020",
            "a",
            "title_t00",
            "season 1 (2009)",
            "part1",
            "tv shows",
            "episode 3",
            "",
        ] {
            assert!(is_generic(name), "{name}");
        }
        for name in [
            "alien (1979)",
            "heat",
            "up (2009)",
            "open season (2011)",
            "x2 (2008)",
            "10,000 b.c. (2013)",
            "home movies (1985)",
            "9 (2009)",
            "300 [2007]",
            "v (2009)",
            "20210704_153012",
            "lost - s01e01",
            "the office",
            "et cetera",
            "\u{5343}\u{3068}\u{5343}\u{5c0b}",
            "vid_20200101_120000",
        ] {
            assert!(!is_generic(name), "{name}");
        }
    }

    #[test]
    fn stems() {
        for (name, expect) in [
            ("alien.mkv", "alien"),
            ("alien", "alien"),
            (".mkv", ".mkv"),
            ("mr. nobody", "mr. nobody"),
            ("a.b.mkv", "a.b"),
        ] {
            assert_eq!(stem(name), expect);
        }
    }
}
