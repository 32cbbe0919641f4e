//! The edition of a movie that a name gives.

use crate::names::parse::contains_words;
use crate::names::spelling::fold::fold_title;

/// How the name of a file agrees with an item's edition. 1: the name gives that edition. 0: neither
/// gives an edition. -1: only one of them does, or they differ.
pub(crate) fn agreement(name: &str, edition: Option<&str>, title: &str) -> i8 {
    let words = fold_title(name);
    let Some(edition) = edition else {
        let titled = fold_title(title);
        let named = |words: &&str| contains_words(&titled, words);
        let says =
            EDITIONS.iter().any(|edition| contains_words(&words, edition) && !named(edition));
        return if says { -1 } else { 0 };
    };
    let edition = fold_title(edition);
    let short = ["edition", "cut", "version"].iter().find_map(|end| {
        edition.strip_suffix(end).map(str::trim_end).filter(|short| !short.is_empty())
    });
    let named = [Some(edition.as_str()), short].into_iter().flatten();
    if named.into_iter().any(|edition| contains_words(&words, edition)) { 1 } else { -1 }
}

/// Editions that people use to tell the files of a movie apart, folded. The cut that was shown in
/// theaters is usually the one without an edition.
const EDITIONS: [&str; 17] = [
    "directors cut",
    "final cut",
    "extended",
    "unrated",
    "uncut",
    "imax",
    "remastered",
    "special edition",
    "ultimate edition",
    "collectors edition",
    "anniversary edition",
    "redux",
    "workprint",
    "fan edit",
    "black and white",
    "open matte",
    "criterion",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edition_is_named_or_is_not() {
        for (name, edition, agrees) in [
            ("meadow.1982.the.final.cut.1080p", Some("Final Cut"), 1),
            ("meadow (1982) {edition-director's cut}", Some("Director's Cut"), 1),
            ("meadow.1982.directors.cut", Some("Director's Cut"), 1),
            ("meadow.1982.extended.720p", Some("Extended Edition"), 1),
            ("meadow.1982.720p", Some("Final Cut"), -1),
            ("meadow.1982.final.cut", None, -1),
            ("meadow.1982.theatrical.cut", None, 0),
            ("meadow.1982.theatrical", Some("Theatrical Cut"), 1),
            ("meadow.1982.720p", None, 0),
        ] {
            assert_eq!(agreement(name, edition, "Meadow"), agrees, "{name} {edition:?}");
        }
        assert_eq!(agreement("final cut (2012)", None, "Final Cut"), 0);
    }
}
