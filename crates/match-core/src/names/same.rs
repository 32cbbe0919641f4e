//! How similar two spellings of a title are.
//!
//! An index finds all similar titles by their [`key`]: the letters and digits of the words, in the
//! Latin alphabet, with numerals as numbers. The degree of similarity is decided afterwards, so
//! that "Harbour!" finds "Harbour!" before "The Harbour".

use any_ascii::any_ascii;

use super::numbers;
use crate::names::spelling::fold::{fold, fold_title};

/// How similar two titles are, the most similar first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Same {
    /// All letters and signs are equal, except those that replace a space in file names.
    Spelling,
    /// The words are equal, with their articles.
    Words,
    /// The titles are equal after [`fold_title`].
    Folded,
    /// The titles are equal after [`fold_title`] without spaces.
    Letters,
    /// The titles are equal after [`key`].
    Key,
}

impl Same {
    /// How similar a title and the text of a name are. `None`: they are different titles.
    pub(crate) fn of(title: &str, said: &str) -> Option<Self> {
        if spelling(title).eq(spelling(said)) {
            return Some(Self::Spelling);
        }
        let (folded, ours) = (fold_title(title), fold_title(said));
        if folded.is_empty() || ours.is_empty() {
            return None;
        }
        if folded == ours {
            let worded = words(title).eq(words(said));
            return Some(if worded { Self::Words } else { Self::Folded });
        }
        if letters(&folded).eq(letters(&ours)) {
            return Some(Self::Letters);
        }
        (key_of_folded(&folded) == key_of_folded(&ours)).then_some(Self::Key)
    }
}

/// The text of a title that is hashed. It is equal for all titles that [`Same::of`] finds similar.
pub(crate) fn key(title: &str) -> String {
    key_of_folded(&fold_title(title))
}

/// The [`key`] of a title that is already folded.
pub(crate) fn key_of_folded(folded: &str) -> String {
    let mut key = String::with_capacity(folded.len());
    let mut words = folded.split(' ').peekable();
    let mut first = true;
    while let Some(word) = words.next() {
        // "Vol. 2", "Part Two", "Chapter II" and "II" mean the same sequel as "2".
        let number = words.peek().filter(|_| !first && COUNTING.contains(&word));
        let number = number.and_then(|next| numbers::counted(next));
        first = false;
        if let Some(number) = number {
            words.next();
            key.push_str(&number.to_string());
            continue;
        }
        match numbers::of_word(word) {
            Some(number) => key.push_str(&number.to_string()),
            None if word.is_ascii() => key.push_str(shortened(word)),
            None => key.extend(latin(word)),
        }
    }
    // A title of signs that no alphabet has stays as it is.
    if key.is_empty() { folded.replace(' ', "") } else { without_second_letters(without_and(key)) }
}

/// A key without "and", which names leave out if the title has "&". If too little would be left, the
/// key stays as it is: "sandman" is not "sman".
fn without_and(key: String) -> String {
    if !key.contains("and") {
        return key;
    }
    let plain = key.replace("and", "");
    if plain.len() > 4 { plain } else { key }
}

/// Words that may stand before the number of a sequel.
const COUNTING: [&str; 9] =
    ["vol", "volume", "part", "pt", "teil", "episode", "chapter", "chapitre", "kapitel"];

/// A title of address, as people shorten it.
fn shortened(word: &str) -> &str {
    match word {
        "doctor" => "dr",
        "mister" => "mr",
        "saint" => "st",
        "versus" => "vs",
        word => word,
    }
}

/// A word in Latin letters and digits.
fn latin(word: &str) -> impl Iterator<Item = char> {
    let ascii = any_ascii(word).to_ascii_lowercase();
    let letters: Vec<char> = ascii.chars().filter(char::is_ascii_alphanumeric).collect();
    letters.into_iter()
}

/// A key without the second of two letters that stand for one with marks: "muehle" and
/// "m\u{fc}hle" are "muhle", "aa" and "\u{e5}" are "a". A short key stays as it is: "joe" is not
/// "jo".
fn without_second_letters(key: String) -> String {
    let pair = |two: &[u8]| matches!(two, b"ae" | b"oe" | b"ue" | b"aa");
    if key.len() <= 4 || !key.as_bytes().windows(2).any(pair) {
        return key;
    }
    let mut plain = String::with_capacity(key.len());
    let mut last = ' ';
    for letter in key.chars() {
        let second =
            letter == 'e' && matches!(last, 'a' | 'o' | 'u') || (last, letter) == ('a', 'a');
        if !second {
            plain.push(letter);
            last = letter;
        }
    }
    plain
}

/// The letters of a folded title.
fn letters(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|letter| *letter != ' ')
}

/// The words of a text, folded.
fn words(text: &str) -> impl Iterator<Item = String> {
    let text = fold(text).replace(['\'', '\u{2019}'], "");
    let words: Vec<String> = text
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

/// The letters of a text for comparing spellings: a run of dots, underscores and spaces is one
/// space.
fn spelling(text: &str) -> impl Iterator<Item = char> {
    let folded = fold(text).into_owned();
    let mut letters: Vec<char> = Vec::with_capacity(folded.len());
    for letter in folded.chars() {
        let letter = if matches!(letter, '.' | '_' | ' ') { ' ' } else { letter };
        if letter != ' ' || letters.last().is_some_and(|last| *last != ' ') {
            letters.push(letter);
        }
    }
    while letters.last() == Some(&' ') {
        letters.pop();
    }
    letters.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_alike_in_degrees() {
        for (title, said, same) in [
            ("Meadow!", "meadow!", Some(Same::Spelling)),
            ("Meadow and Mill", "meadow.and.mill", Some(Same::Spelling)),
            ("Meadow!", "meadow", Some(Same::Words)),
            ("The Meadow", "meadow", Some(Same::Folded)),
            ("M.E.A.D.O.W.", "meadow", Some(Same::Letters)),
            ("Meadow II", "meadow 2", Some(Same::Key)),
            ("Meadow: Vol. 1", "Meadow Volume 1", Some(Same::Key)),
            ("Meadow Part Two", "meadow 2", Some(Same::Key)),
            ("Meadow\u{b3}", "meadow3", Some(Same::Key)),
            ("The Eleventh Mill", "eleventh mill", Some(Same::Folded)),
            ("Mill Eleven", "mill 11", Some(Same::Key)),
            ("\u{41b}\u{443}\u{433}", "lug", Some(Same::Key)),
            ("\u{c6}bleskiver", "aebleskiver", Some(Same::Key)),
            ("\u{141}\u{105}ka", "laka", Some(Same::Key)),
            ("Mill: Episode IV - Water", "mill 4 water", Some(Same::Key)),
            ("Mill: Part I", "mill 1", Some(Same::Key)),
            ("Mill & Meadow", "mill meadow", Some(Same::Key)),
            ("Mill & Meadow", "mill and meadow", Some(Same::Folded)),
            ("Mill & Meadow", "millandmeadow", Some(Same::Letters)),
            ("Dr. Mill", "doctor mill", Some(Same::Key)),
            ("\u{d6}de M\u{fc}hle", "oede muehle", Some(Same::Key)),
            ("K\u{e6}rlighedens \u{d8}", "kaerlighedens oe", Some(Same::Key)),
            ("Jo", "joe", None),
            ("And", "and", Some(Same::Spelling)),
            ("The A.B.A.", "aba", Some(Same::Letters)),
            ("Meadow", "mill", None),
            ("Meadow", "", None),
            ("Meadow 2", "meadow 3", None),
        ] {
            assert_eq!(Same::of(title, said), same, "{title} / {said}");
            if same.is_some() {
                assert_eq!(key(title), key(said), "{title} / {said}");
            }
        }
        assert_ne!(key("\u{1f3ac}"), key("\u{1f680}x"));
    }
}
