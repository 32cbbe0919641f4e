//! Numbers as words and as Roman numerals.

/// The number that a folded word of a title means. "I" does not count: it is more often a pronoun.
pub(crate) fn of_word(word: &str) -> Option<u32> {
    let numeral = ROMAN.iter().position(|numeral| *numeral == word).map(|at| at + 2);
    let at = numeral.or_else(|| WORDS.iter().position(|number| *number == word).map(|at| at + 1));
    at.and_then(|number| u32::try_from(number).ok())
}

/// A number in digits, as a word or as a numeral. "I" counts here.
pub(crate) fn counted(word: &str) -> Option<u32> {
    if word == "i" {
        return Some(1);
    }
    let digits = || word.parse().ok().filter(|_| word.len() <= 5);
    of_word(word).or_else(digits)
}

/// The number of an ordinal word, in English and German: "second", "zweite".
pub(crate) fn of_ordinal(word: &str) -> Option<u32> {
    let stem = word.strip_suffix(['n', 'r', 's']).filter(|stem| stem.ends_with("te"));
    let at = ORDINALS.iter().position(|words| {
        words.contains(&word) || stem.is_some_and(|stem| words.contains(&stem))
    })?;
    u32::try_from(at + 1).ok()
}

/// First to tenth.
const ORDINALS: [[&str; 2]; 10] = [
    ["first", "erste"],
    ["second", "zweite"],
    ["third", "dritte"],
    ["fourth", "vierte"],
    ["fifth", "f\u{fc}nfte"],
    ["sixth", "sechste"],
    ["seventh", "siebte"],
    ["eighth", "achte"],
    ["ninth", "neunte"],
    ["tenth", "zehnte"],
];

/// II to XX.
const ROMAN: [&str; 19] = [
    "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii", "xiii", "xiv", "xv",
    "xvi", "xvii", "xviii", "xix", "xx",
];

/// One to twenty.
const WORDS: [&str; 20] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_numbers() {
        for (word, number) in
            [("ii", Some(2)), ("xx", Some(20)), ("one", Some(1)), ("i", None), ("seven", Some(7))]
        {
            assert_eq!(of_word(word), number, "{word}");
        }
        assert_eq!((counted("i"), counted("07"), counted("x7")), (Some(1), Some(7), None));
        assert_eq!(counted("1234567"), None);
        assert_eq!((of_ordinal("second"), of_ordinal("zweiter")), (Some(2), Some(2)));
        assert_eq!(of_ordinal("two"), None);
    }
}
