//! Folding makes spellings that mean the same equal.
//!
//! Names are converted to Unicode NFC with full case folding, so that `Premie\u{300}re.MKV` from a
//! Mac and `premi\u{e8}re.mkv` from Linux are one name. Folding is idempotent. Folded names are
//! only for comparing: users and servers always get the original spelling.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

use crate::names::spelling::non_utf8::lossy;

/// Folds one name: a path component, a title, a guid.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    if all_apart(text) {
        let folded = fold_case(text);
        if all_apart(&folded) {
            return Cow::Owned(folded);
        }
    }
    // A server lists a name that is not UTF-8 with replacement characters.
    let text = lossy(text);
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    let folded = fold_case(&normalizer.normalize(&text));
    if normalizer.is_normalized(&folded) {
        return Cow::Owned(folded);
    }
    Cow::Owned(normalizer.normalize(&folded).into_owned())
}

/// Whether all letters are below U+0300, the first combining mark. NFC changes no such text: each of
/// these letters has `NFC_Quick_Check=Yes` and combining class 0 in the Unicode data.
fn all_apart(text: &str) -> bool {
    // 0xCC is the first byte of U+0300 in UTF-8, and all bytes of the letters below are less.
    text.bytes().all(|byte| byte < 0xCC)
}

/// Folds the case of each letter. Folding does not depend on the letters around, so ASCII text, the
/// largest part of nearly every name, is folded without a lookup.
fn fold_case(text: &str) -> String {
    let mapper = CaseMapper::new();
    let mut folded = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (ascii, other) =
            rest.split_at(rest.find(|c: char| !c.is_ascii()).unwrap_or(rest.len()));
        push_lowercase(&mut folded, ascii);
        let end = other.find(|c: char| c.is_ascii()).unwrap_or(other.len());
        let (other, after) = other.split_at(end);
        folded.push_str(&mapper.fold_string(other));
        rest = after;
    }
    folded
}

/// Folds a name and appends it to a text.
pub(crate) fn fold_onto(text: &mut String, name: &str) {
    if name.is_ascii() {
        push_lowercase(text, name);
    } else {
        text.push_str(&fold(name));
    }
}

fn push_lowercase(text: &mut String, ascii: &str) {
    let start = text.len();
    text.push_str(ascii);
    if let Some(pushed) = text.get_mut(start..) {
        pushed.make_ascii_lowercase();
    }
}

/// Folds a title: letters and digits stay, every run of anything else is one space, `&` is
/// `and`, and a leading or trailing article is dropped.
pub fn fold_title(title: &str) -> String {
    let folded = fold(title);
    let mut text = String::with_capacity(folded.len());
    let mut ended = false;
    for letter in folded.chars() {
        if letter.is_alphanumeric() || is_mark(letter) {
            if ended && !text.is_empty() {
                text.push(' ');
            }
            ended = false;
            text.push(letter);
        } else if letter == '\'' || letter == '\u{2019}' {
            // An apostrophe joins letters: "don't" and "dont" are one title.
        } else {
            if letter == '&' || letter == '+' {
                text.push_str(if text.is_empty() { "and" } else { " and" });
            }
            ended = true;
        }
    }
    let starts = text.split_once(' ').is_some_and(|(first, _)| is_article(first));
    let ends = text.rsplit_once(' ').is_some_and(|(_, last)| is_article(last));
    if starts || ends { without_articles(&text) } else { text }
}

/// A folded title without the articles at its ends. All leading articles are dropped, so that
/// folding twice equals folding once.
fn without_articles(text: &str) -> String {
    let words: Vec<&str> = text.split(' ').collect();
    // The "a" of "A.I." is a letter like the one beside it.
    let single =
        |at: usize| words.get(at).is_some_and(|word| matches!(word.as_bytes(), [b'b'..=b'z']));
    let initial = |at: usize| {
        words.get(at) == Some(&"a") && (single(at + 1) || at.checked_sub(1).is_some_and(single))
    };
    let tells = |(at, word): (usize, &&str)| (!is_article(word) || initial(at)).then_some(at);
    let first = words.iter().enumerate().find_map(tells);
    let last = words.iter().enumerate().rev().find_map(tells);
    let telling = first.zip(last).and_then(|(first, last)| words.get(first..=last));
    // "The The" consists only of articles, but is a title.
    telling.map_or_else(|| text.to_owned(), |words| words.join(" "))
}

/// Prepares a folded title for a comparison by similarity: letters lose their marks, and Roman
/// numerals become numbers. One space separates the words.
pub(crate) fn loosen(folded_title: &str) -> String {
    let mut loose = String::with_capacity(folded_title.len());
    for word in folded_title.split(' ') {
        if !loose.is_empty() {
            loose.push(' ');
        }
        match ROMAN.iter().position(|numeral| *numeral == word) {
            Some(at) => loose.push_str(&(at + 2).to_string()),
            None if word.is_ascii() => loose.push_str(word),
            None => {
                let decomposed = DecomposingNormalizerBorrowed::new_nfd().normalize(word);
                loose.extend(decomposed.chars().filter(|letter| !is_accent(*letter)));
            }
        }
    }
    loose
}

/// II to X. "I" is more often a pronoun than a number.
const ROMAN: [&str; 9] = ["ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x"];

fn is_accent(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}

/// Folds a guid. The form of older agents (`com.plexapp.agents.imdb://tt0078748?lang=en`) becomes
/// the form of newer ones.
pub(crate) fn fold_guid(guid: &str) -> Cow<'_, str> {
    let folded = fold(guid);
    for (older, newer) in OLDER_AGENTS {
        if let Some(id) = folded.strip_prefix(older) {
            let id = id.split(['?', '/']).next().unwrap_or_default();
            return Cow::Owned(format!("{newer}{id}"));
        }
    }
    nfo(&folded).map_or(folded, Cow::Owned)
}

/// The id that a guid of the NFO agent of PMS 1.43 holds: `tv.plex.agents.nfo.movie://movie/tmdb_603`.
/// Guids of seasons and episodes hold ids of their show, so they do not change.
fn nfo(folded: &str) -> Option<String> {
    let (_, rest) = folded.strip_prefix("tv.plex.agents.nfo.")?.split_once("://")?;
    let (_, id) = rest.split_once('/').filter(|(kind, _)| matches!(*kind, "movie" | "show"))?;
    let id = id.split(['?', '/']).next()?;
    let (scheme, id) =
        id.split_once('_').or_else(|| id.starts_with("tt").then_some(("imdb", id)))?;
    let known = matches!(scheme, "imdb" | "tmdb" | "tvdb") && !id.is_empty();
    known.then(|| format!("{scheme}://{id}"))
}

/// Older agents for movies or clips, and their new schemes. The older agent for series uses ids of
/// shows, not of episodes, so its ids do not change.
const OLDER_AGENTS: [(&str, &str); 2] =
    [("com.plexapp.agents.imdb://", "imdb://"), ("com.plexapp.agents.themoviedb://", "tmdb://")];

/// English articles. Libraries move them to the end of a title or drop them.
fn is_article(word: &str) -> bool {
    matches!(word, "the" | "a" | "an")
}

/// Whether a letter is a combining mark, which belongs to the letter before it.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{900}'..='\u{dff}' | '\u{e00}'..='\u{eff}' | '\u{1ab0}'..='\u{1aff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_that_mean_the_same_fold_equal() {
        for (left, right) in [
            ("Alien.MKV", "alien.mkv"),
            ("Premie\u{300}re", "premi\u{e8}re"),
            ("STRASSE", "stra\u{df}e"),
            ("\u{130}stanbul", "i\u{307}stanbul"),
            (
                "\u{3a3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c2}",
                "\u{3c3}\u{3af}\u{3c3}\u{3c5}\u{3c6}\u{3bf}\u{3c3}",
            ),
        ] {
            assert_eq!(fold(left), fold(right));
            assert_eq!(fold(&fold(left)), fold(left), "idempotent");
        }
        assert_ne!(fold("Alien"), fold("Aliens"));
    }

    #[test]
    fn every_letter_folds_once() {
        // Ideographs and syllables are left out: there are many, and none of them folds.
        let letters = (0..0x3100).chain(0xA600..0xAC00).chain(0xF900..0x1_F000);
        for letter in letters.filter_map(char::from_u32) {
            for text in [format!("{letter}\u{345}"), format!("\u{3b1}{letter}\u{301}\u{323}")] {
                let once = fold(&text).into_owned();
                assert_eq!(fold(&once), once, "{text:?}");
                let whole = CaseMapper::new().fold_string(&text).into_owned();
                assert_eq!(fold_case(&text), whole, "{text:?}");
                assert_eq!(once.contains(['/', '\\']), text.contains(['/', '\\']), "{text:?}");
            }
        }
    }

    #[test]
    fn letters_without_marks_fold_as_through_the_normalizer() {
        let normalizer = ComposingNormalizerBorrowed::new_nfc();
        let mut apart = 0;
        for letter in (0x80..0x300).filter_map(char::from_u32) {
            for text in [format!("{letter}"), format!("A{letter}{letter}z")] {
                apart += usize::from(all_apart(&text));
                let folded = fold_case(&normalizer.normalize(&text));
                assert_eq!(fold(&text), normalizer.normalize(&folded), "{text:?}");
            }
        }
        assert_eq!(apart, 2 * (0x300 - 0x80));
        assert!(!all_apart("e\u{301}"));
    }

    #[test]
    fn similar_titles_loosen_to_the_same() {
        for (left, right) in [
            ("Am\u{e9}lie", "Amelie"),
            ("Rocky II", "Rocky 2"),
            ("Star Wars: Episode IV", "star wars episode 4"),
        ] {
            assert_eq!(loosen(&fold_title(left)), loosen(&fold_title(right)));
        }
        assert_ne!(loosen("rocky 2"), loosen("rocky 3"));
    }

    #[test]
    fn guids_of_older_agents_are_those_of_newer_ones() {
        for (guid, expect) in [
            ("com.plexapp.agents.imdb://tt0078748?lang=en", "imdb://tt0078748"),
            ("com.plexapp.agents.themoviedb://348?lang=de", "tmdb://348"),
            ("IMDB://TT0078748", "imdb://tt0078748"),
            ("com.plexapp.agents.none://0af3?lang=xn", "com.plexapp.agents.none://0af3?lang=xn"),
            ("tv.plex.agents.nfo.movie://movie/tmdb_603", "tmdb://603"),
            ("tv.plex.agents.nfo.movie://movie/imdb_tt0133093", "imdb://tt0133093"),
            ("tv.plex.agents.nfo.movie://movie/tt0133093?lang=en", "imdb://tt0133093"),
            ("tv.plex.agents.nfo.series://show/tvdb_73141", "tvdb://73141"),
            (
                "tv.plex.agents.nfo.series://episode/tvdb_7",
                "tv.plex.agents.nfo.series://episode/tvdb_7",
            ),
            ("tv.plex.agents.nfo.movie://movie/tmdb_", "tv.plex.agents.nfo.movie://movie/tmdb_"),
            (
                "tv.plex.agents.nfo.movie://movie/other_5",
                "tv.plex.agents.nfo.movie://movie/other_5",
            ),
        ] {
            assert_eq!(fold_guid(guid), expect);
        }
    }

    #[test]
    fn titles_fold_to_their_words() {
        for (title, folded) in [
            ("The Matrix", "matrix"),
            ("Matrix, The", "matrix"),
            ("AC/DC: Let There Be Rock", "ac dc let there be rock"),
            ("AC+DC Let There Be Rock", "ac and dc let there be rock"),
            ("Don't Look Now", "dont look now"),
            ("21 & Over", "21 and over"),
            ("The", "the"),
            ("A.I. Robots", "a i robots"),
            ("The E.T.A.", "e t a"),
            ("Plan 9, A", "plan 9"),
            ("...", ""),
            ("2001: A Space Odyssey", "2001 a space odyssey"),
        ] {
            assert_eq!(fold_title(title), folded);
        }
    }
}
