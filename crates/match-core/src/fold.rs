//! Folding: spellings that mean the same become equal.
//!
//! Names are brought to Unicode NFC with full case folding, so that `Premie\u{300}re.MKV` from
//! a Mac and `premi\u{e8}re.mkv` from Linux are one name. Folding is idempotent. It is used
//! for comparing only: what is shown or sent is always the original spelling.

use std::borrow::Cow;

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizerBorrowed;

/// Folds one name: a path component, a title, a guid.
pub fn fold(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(text.to_ascii_lowercase())
        } else {
            Cow::Borrowed(text)
        };
    }
    // Case folding can undo composition and composition can enable folding, so: decompose and
    // compose, fold, compose again. That is stable for every string the tests tried.
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    let composed = normalizer.normalize(text);
    let folded = CaseMapper::new().fold_string(&composed);
    Cow::Owned(normalizer.normalize(&folded).into_owned())
}

/// Folds a title: letters and digits stay, every run of anything else is one space, `&` is
/// `and`, and a leading or trailing article is dropped.
pub fn fold_title(title: &str) -> String {
    let folded = fold(title);
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    for letter in folded.chars() {
        if letter.is_alphanumeric() || is_mark(letter) {
            word.push(letter);
        } else if letter == '\'' || letter == '\u{2019}' {
            // An apostrophe joins: "don't" and "dont" are one title.
        } else {
            if !word.is_empty() {
                words.push(std::mem::take(&mut word));
            }
            if letter == '&' || letter == '+' {
                words.push("and".to_owned());
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    if words.len() > 1 && words.first().is_some_and(|word| is_article(word)) {
        words.remove(0);
    } else if words.len() > 1 && words.last().is_some_and(|word| is_article(word)) {
        words.pop();
    }
    words.join(" ")
}

/// English articles, which libraries move to the end or drop.
fn is_article(word: &str) -> bool {
    matches!(word, "the" | "a" | "an")
}

/// A combining mark belongs to the letter before it.
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
    fn titles_fold_to_their_words() {
        for (title, folded) in [
            ("The Matrix", "matrix"),
            ("Matrix, The", "matrix"),
            ("AC/DC: Let There Be Rock", "ac dc let there be rock"),
            ("AC+DC Let There Be Rock", "ac and dc let there be rock"),
            ("Don't Look Now", "dont look now"),
            ("21 & Over", "21 and over"),
            ("The", "the"),
            ("...", ""),
            ("2001: A Space Odyssey", "2001 a space odyssey"),
        ] {
            assert_eq!(fold_title(title), folded);
        }
    }
}
