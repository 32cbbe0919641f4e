//! Extras: trailers, samples and other files that are about an item but are not the item.
//!
//! Servers recognize an extra by the end of its name or by its folder. A title may end with the
//! same words. The library shows the difference: callers first look up the whole name as a title.

use crate::names::parse::contains_words;
use crate::names::spelling::fold::fold_title;
use crate::names::spelling::generic::{is_generic, stem};
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year;

/// Why a file is an extra.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extra {
    /// Its name ends with a word for an extra, or is such a word.
    Name,
    /// Its folder is a folder of extras.
    Folder,
    /// It is in a folder of its own below a movie's folder.
    Below,
}

/// Whether a path is that of an extra, and why.
pub(crate) fn of(path: &FoldedPath) -> Option<Extra> {
    let name = path.file_name().map(stem)?;
    if is_named(name) {
        return Some(Extra::Name);
    }
    // "Featurettes/Disc 1/clip.mkv".
    let numbered = |folder: &&str| is_generic(folder) && FOLDERS.binary_search(folder).is_err();
    let mut folders = path.folders().rev().skip_while(numbered);
    let (folder, above) = (folders.next()?, folders.next()?);
    // Clips with years of their own do not belong to the movie of the folder above.
    let own = year::years(name).any(|year| year::years(above).all(|other| other != year));
    if own || is_generic(above) {
        return None;
    }
    if FOLDERS.binary_search(&folder).is_ok() {
        return Some(Extra::Folder);
    }
    // "Movie (2006)/anything/clip.mkv", but not "Movie (2006)/Director's Cut/Movie.mkv".
    let titled = year::positions(above).last().and_then(|(at, _)| above.get(..at));
    let title = fold_title(titled.unwrap_or_default());
    let words = fold_title(folder);
    let another = !title.is_empty()
        && !contains_words(&words, &title)
        && !is_version(folder)
        && year::years(folder).next().is_none();
    another.then_some(Extra::Below)
}

/// Whether a folder is for a disc or a version of a movie.
fn is_version(folder: &str) -> bool {
    is_generic(folder)
        || VERSIONS.iter().any(|word| contains_words(&fold_title(folder), word))
        || crate::names::tags::first_tag(&crate::names::pieces::pieces(folder)).is_some()
}

const VERSIONS: [&str; 13] = [
    "cut",
    "edition",
    "version",
    "extended",
    "unrated",
    "theatrical",
    "remastered",
    "imax",
    "4k",
    "3d",
    "disc",
    "cd",
    "bdmv",
];

/// Whether a name ends with a word for an extra, or is one: `x-trailer`, `x_sample2`, `trailer`.
fn is_named(name: &str) -> bool {
    let plain = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    // "x-trailer 2", "x-trailer-2".
    let name =
        if plain.len() < name.len() { plain.trim_end_matches([' ', '-', '_']) } else { name };
    if ALONE.contains(&name.trim_matches([' ', '-', '_', '.'])) {
        return true;
    }
    if name.strip_prefix("sample").is_some_and(|rest| rest.starts_with(['-', '.', '_'])) {
        return true;
    }
    let ends = |word: &str| {
        let before = name.strip_suffix(word)?;
        // Dots and underscores usually separate words, but servers accept them before these two
        // words.
        let looser = matches!(word, "trailer" | "sample") || word.contains(' ');
        let apart = before.ends_with('-')
            || before.ends_with("- ")
            || looser && before.ends_with(['.', '_'])
            || looser && (before.ends_with(") ") || before.ends_with("] "));
        (apart && before.contains(char::is_alphanumeric)).then_some(())
    };
    SUFFIXES.iter().any(|word| ends(word).is_some())
}

/// Words at the end of an extra's name.
const SUFFIXES: [&str; 28] = [
    "behind the scenes",
    "making of",
    "the making of",
    "deleted scene",
    "deleted scenes",
    "gag reel",
    "official trailer",
    "official teaser",
    "theatrical trailer",
    "teaser trailer",
    "trailer",
    "sample",
    "behindthescenes",
    "deleted",
    "deletedscene",
    "featurette",
    "interview",
    "scene",
    "short",
    "other",
    "extra",
    "clip",
    "bts",
    "teaser",
    "promo",
    "theme",
    "backdrop",
    "making-of",
];

/// Words that are the whole name of an extra.
const ALONE: [&str; 10] = [
    "trailer",
    "sample",
    "theme",
    "teaser",
    "featurette",
    "interview",
    "deleted scene",
    "deleted scenes",
    "behind the scenes",
    "backdrop",
];

/// Folders of extras, sorted.
const FOLDERS: [&str; 29] = [
    "backdrops",
    "behind the scenes",
    "bonus",
    "clips",
    "deleted",
    "deleted scenes",
    "extra",
    "extras",
    "featurette",
    "featurettes",
    "interview",
    "interviews",
    "other",
    "others",
    "promos",
    "sample",
    "samples",
    "scene",
    "scenes",
    "short",
    "shorts",
    "special",
    "special features",
    "specials",
    "teasers",
    "theme-music",
    "themes",
    "trailer",
    "trailers",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extras_are_told_from_films() {
        assert!(FOLDERS.is_sorted());
        for (path, extra) in [
            ("/films/Meadow (1982)/trailer.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow-trailer.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow_sample.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow - trailer.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow-scene2.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/theme.mp3", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow (1982) trailer.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow (1982)-trailer 2.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Movie Trailer.mp4", None),
            ("/films/Meadow (1982)/Meadow (1982) - Behind the Scenes.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow (1982) Making of.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Meadow - Official Trailer 2.mp4", Some(Extra::Name)),
            ("/films/Meadow (1982)/Specials/Meadow.mkv", Some(Extra::Folder)),
            ("/dl/The Making of Meadow (1982).mkv", None),
            ("/dl/meadow.1982.1080p-grp-sample.mkv", Some(Extra::Name)),
            ("/dl/sample-meadow.1982.1080p-grp.mkv", Some(Extra::Name)),
            ("/films/Meadow (1982)/Trailers/Theatrical.mkv", Some(Extra::Folder)),
            ("/films/Meadow (1982)/shorts/Meadow.mkv", Some(Extra::Folder)),
            ("/films/Meadow (1982)/anything/Meadow.mkv", Some(Extra::Below)),
            ("/films/Meadow (1982)/Featurettes/Disc 1/Making.mkv", Some(Extra::Folder)),
            ("/films/Meadow (1982)/Meadow (1982).mkv", None),
            ("/films/Meadow (1982)/CD1/meadow.cd1.avi", None),
            ("/films/Meadow (1982)/VIDEO_TS/VTS_01_1.VOB", None),
            ("/films/Meadow (1982)/Director's Cut/Meadow.mkv", None),
            ("/films/Meadow (1982)/Meadow 1080p/Meadow.mkv", None),
            ("/films/Shorts/Meadow (1982).mkv", None),
            ("/films/Kids Films/Shorts/Meadow (1982).mkv", None),
            ("/films/The Sample (2011)/The Sample (2011).mkv", None),
            ("/dl/Trailer.Meadow.2001.mkv", None),
            ("/dl/Short.Scene.2001.mkv", None),
            ("/dl/Interview with a Miller (1994).mkv", None),
        ] {
            assert_eq!(of(&FoldedPath::new(path)), extra, "{path}");
        }
    }
}
