//! Generic names: names that do not tell files apart.
//!
//! `S01E01.mkv`, `movie.mkv` and `IMG_0001.MP4` are in many folders, and `Season 1` is in every
//! show. Two files that agree only in such names are not the same file. Matching
//! `Show B/Season 1/S01E01.mkv` to Show A's first episode is the best known bug of tools that match
//! by file name. A match needs at least one component that is not generic.

use crate::names::spelling::path::FoldedPath;

/// Whether a word only names the kind of a file or folder. In groups of one length, the compiler
/// compares the words as numbers. With a list, each comparison is a call, and these calls were a
/// twentieth of a match.
fn says_nothing(word: &[u8]) -> bool {
    match word.len() {
        1 => matches!(word, b"p" | b"s" | b"e" | b"x" | b"a" | b"b" | b"c" | b"d"),
        2 => matches!(word, b"tv" | b"ep" | b"pt" | b"cd" | b"ts" | b"gh" | b"gx"),
        3 => matches!(
            word,
            b"dvd"
                | b"vts"
                | b"vob"
                | b"img"
                | b"dsc"
                | b"mov"
                | b"vid"
                | b"mvi"
                | b"the"
                | b"new"
                | b"mnt"
                | b"rip"
        ),
        4 => matches!(
            word,
            b"film"
                | b"clip"
                | b"show"
                | b"part"
                | b"disc"
                | b"disk"
                | b"file"
                | b"main"
                | b"bdmv"
                | b"dscn"
                | b"gopr"
                | b"pict"
                | b"dcim"
                | b"mpeg"
                | b"plex"
                | b"data"
                | b"home"
        ),
        5 => matches!(
            word,
            b"movie"
                | b"films"
                | b"video"
                | b"clips"
                | b"shows"
                | b"serie"
                | b"track"
                | b"audio"
                | b"music"
                | b"media"
                | b"files"
                | b"title"
                | b"extra"
                | b"bonus"
                | b"share"
                | b"final"
                | b"index"
        ),
        6 => matches!(
            word,
            b"movies"
                | b"videos"
                | b"series"
                | b"season"
                | b"saison"
                | b"sample"
                | b"extras"
                | b"stream"
                | b"folder"
                | b"volume"
                | b"encode"
                | b"output"
        ),
        7 => matches!(word, b"staffel" | b"episode" | b"trailer" | b"special" | b"feature"),
        8 => matches!(word, b"episodes" | b"untitled" | b"specials" | b"versions"),
        11 => matches!(word, b"featurettes" | b"movieobject"),
        _ => false,
    }
}

/// The digits of a full date and time to the minute.
const MOMENT: usize = 12;

/// Words that number a thing. A year next to them does not make a title.
const NUMBERED: &[&str] = &[
    "season", "staffel", "saison", "episode", "part", "cd", "dvd", "disc", "disk", "track",
    "specials", "extras",
];

/// The fewest letters or digits that make a name telling.
const TELLING: usize = 3;

/// Whether a folded component (a folder, or a file name without its extension) is generic: it
/// consists only of numbers and the words above.
pub(crate) fn is_generic(component: &str) -> bool {
    if component.is_ascii()
        && let Some(generic) = is_generic_ascii(component.as_bytes())
    {
        return generic;
    }
    if let Some((before, after)) = around_year(component) {
        // "Up (2009)", "9 (2009)" and "Home Movies (1985)" are titles, "Season 1 (2009)" is not.
        let nothing = ![before, after].iter().any(|part| part.contains(char::is_alphanumeric));
        let mut pieces = pieces(before).chain(pieces(after)).peekable();
        return nothing || pieces.peek().is_some() && pieces.all(|p| NUMBERED.contains(&p));
    }
    let mut letters = 0;
    for piece in pieces(component).filter(|piece| !says_nothing(piece.as_bytes())) {
        // One ideograph counts as two letters.
        letters += piece.chars().map(|c| if c >= '\u{2e80}' { 2 } else { 1 }).sum::<usize>();
        if letters >= TELLING {
            return false;
        }
    }
    !is_moment(component)
}

/// [`is_generic`] for ASCII without a year, as nearly every name is: one pass over its words.
/// `None`: a year in brackets may decide.
fn is_generic_ascii(component: &[u8]) -> Option<bool> {
    let mut letters = 0;
    for word in component.split(|byte| !byte.is_ascii_alphabetic()) {
        if !says_nothing(word) {
            letters += word.len();
            if word.len() >= TELLING {
                return Some(false);
            }
        }
    }
    if component.iter().any(|byte| matches!(byte, b'(' | b'[')) {
        return None;
    }
    let digits = component.iter().filter(|byte| byte.is_ascii_digit()).count();
    Some(letters < TELLING && digits < MOMENT)
}

/// Runs of letters, without numbers: "s01e02", "cd1" and "img0001" lose theirs.
fn pieces(name: &str) -> impl Iterator<Item = &str> {
    let between = |letter: char| !letter.is_alphanumeric() || letter.is_numeric();
    name.split(between).filter(|piece| !piece.is_empty())
}

/// The end of a path from its nearest component that is not generic. `None`: all are generic. Two
/// files that agree in less than this do not agree.
pub(crate) fn telling_tail(path: &FoldedPath) -> Option<&str> {
    let text = path.as_str();
    let mut end = text.len();
    for (above, component) in path.components().rev().enumerate() {
        let start = end.checked_sub(component.len())?;
        if !is_generic(if above == 0 { stem(component) } else { component }) {
            return text.get(start..);
        }
        end = start.saturating_sub(1); // the separator
    }
    None
}

/// The nearest folder that is not generic.
pub(crate) fn telling_folder(path: &FoldedPath) -> Option<&str> {
    path.folders().rev().find(|folder| !is_generic(folder))
}

/// Whether a folder's name is a number or code of its own (`00123`, `a1f`) and does not only count
/// (`Season 1`, `cd2`, `2004`). It has no words, but few folders share it.
pub(crate) fn is_code(folder: &str) -> bool {
    let letters = folder.chars().filter(|letter| letter.is_alphanumeric()).count();
    let year = folder.len() == 4 && (folder.starts_with("19") || folder.starts_with("20"));
    letters >= TELLING
        && !year
        && folder.chars().any(char::is_numeric)
        && folder.chars().all(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
        && !pieces(folder).any(|piece| piece.len() > 1 && says_nothing(piece.as_bytes()))
}

/// Longer ends of a path, which tell files apart if many have the same name. One is the name with
/// its folder, unless the folder only repeats the name. If that folder is generic, the other also
/// includes the folder above.
pub(crate) fn longer_tails(path: &FoldedPath) -> impl Iterator<Item = &str> {
    let mut folders = path.folders().rev();
    let name = path.file_name().unwrap_or_default();
    let (near, above) = (folders.next().unwrap_or_default(), folders.next().unwrap_or_default());
    let repeats = stem(name).starts_with(near);
    let text = path.as_str();
    let tail = |components: &[&str]| {
        let length: usize = components.iter().map(|component| component.len() + 1).sum();
        text.get(text.len().checked_sub(length.checked_sub(1)?)?..)
    };
    let two = if near.is_empty() || repeats { None } else { tail(&[near, name]) };
    let says_nothing = is_generic(near) && !is_code(near);
    let three = if above.is_empty() || !says_nothing { None } else { tail(&[above, near, name]) };
    three.into_iter().chain(two)
}

/// The text before and after a year in brackets. `None`: there is no such year.
fn around_year(name: &str) -> Option<(&str, &str)> {
    let year = |open: char, close: char| {
        name.match_indices(open).find_map(|(at, _)| {
            let (inside, after) = name.get(at + 1..)?.split_once(close)?;
            let dated = inside.len() == 4 && inside.bytes().all(|byte| byte.is_ascii_digit());
            dated.then_some((name.get(..at)?, after))
        })
    };
    year('(', ')').or_else(|| year('[', ']'))
}

/// Whether a name has a full date and time (`20210704_153012`), which tells clips apart.
fn is_moment(component: &str) -> bool {
    component.chars().filter(char::is_ascii_digit).count() >= MOMENT
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
        let of_each_length =
            ["x", "tv", "dvd", "film", "movie", "movies", "staffel", "episodes", "featurettes"];
        assert!(NUMBERED.iter().chain(&of_each_length).all(|word| says_nothing(word.as_bytes())));
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
