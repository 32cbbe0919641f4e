//! Dates in names.

use cache_store::Day;

use super::pieces::Piece;

/// A day that a name gives, and the pieces that give it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dated {
    pub(crate) day: Day,
    /// The first piece of the date.
    pub(crate) from: usize,
    /// The piece after the last one of the date.
    pub(crate) to: usize,
}

/// The date that starts at a piece: `2023.11.08`, `08.11.2023`, `8th Nov 2023`, `Nov 8 2023`,
/// `20231108`.
pub(crate) fn at(pieces: &[Piece<'_>], at: usize) -> Option<Dated> {
    let first = pieces.get(at)?;
    let found = |day: Option<Day>, length| Some(Dated { day: day?, from: at, to: at + length });
    if let Some(number) = first.number
        && first.text.len() == 8
        && !first.is_glued()
    {
        return found(sane(number / 10_000, number / 100 % 100, number % 100), 1);
    }
    let near = |ahead: usize| pieces.get(at + ahead).filter(|piece| is_between(piece.gap));
    let number = |piece: Option<&Piece<'_>>| piece.and_then(|piece| piece.number);
    if let (Some(a), Some(b), Some(c)) = (first.number, number(near(1)), number(near(2))) {
        // The year or the day comes first. Day and month change places if only that gives a date.
        let day = if first.text.len() == 4 {
            sane(a, b, c).or_else(|| sane(a, c, b))
        } else if pieces.get(at + 2).is_some_and(|last| last.text.len() == 4) {
            sane(c, b, a).or_else(|| sane(c, a, b))
        } else {
            None
        };
        return found(day, 3);
    }
    named_month(pieces, at)
}

/// A date of six digits, `231108`. Six digits are more often not a date.
pub(crate) fn short(pieces: &[Piece<'_>], at: usize) -> Option<Dated> {
    let piece = pieces.get(at)?;
    let number = piece.number.filter(|_| piece.text.len() == 6 && !piece.is_glued())?;
    let year = number / 10_000;
    let century = if year < 70 { 2_000 } else { 1_900 };
    let day = sane(century + year, number / 100 % 100, number % 100)?;
    Some(Dated { day, from: at, to: at + 1 })
}

/// The dates of three pairs of digits: `23.11.08`, and where the year comes last `08.11.23`.
pub(crate) fn pairs(pieces: &[Piece<'_>], at: usize) -> Vec<Dated> {
    let Some([a, b, c]) = pieces.get(at..at + 3).and_then(|three| three.first_chunk::<3>()) else {
        return Vec::new();
    };
    let apart = matches!(b.gap, "." | "-") && b.gap == c.gap && !a.is_glued();
    let pair = |piece: &Piece<'_>| piece.number.filter(|_| apart && piece.text.len() == 2);
    let (Some(a), Some(b), Some(c)) = (pair(a), pair(b), pair(c)) else { return Vec::new() };
    let days = [sane(2_000 + a, b, c), sane(2_000 + c, b, a)].into_iter().flatten();
    days.map(|day| Dated { day, from: at, to: at + 3 }).collect()
}

/// A date with a named month: `8th Nov 2023`, `8 November 2023`, `Nov 8 2023`.
fn named_month(pieces: &[Piece<'_>], at: usize) -> Option<Dated> {
    let mut rest = pieces.iter().enumerate().skip(at);
    let (_, first) = rest.next()?;
    let mut next = || rest.next().map(|(at, piece)| (at, *piece));
    let (day, month, year, last);
    if let Some(number) = first.number.filter(|_| first.text.len() == 4) {
        // "2023-Nov-08".
        (year, month) = (number, month_of(next()?.1.text)?);
        let (end, of) = next()?;
        (day, last) = (of.number?, end);
    } else if let Some(number) = first.number {
        let (_, mut word) = next()?;
        if word.text == "de" {
            word = next()?.1;
        }
        if word.is_glued() && matches!(word.text, "st" | "nd" | "rd" | "th") {
            word = next()?.1;
        }
        let (mut end, mut of) = next()?;
        if of.text == "de" {
            (end, of) = next()?;
        }
        (day, month, year, last) = (number, month_of(word.text)?, of.number?, end);
    } else {
        month = month_of(first.text)?;
        let (_, number) = next()?;
        let (mut end, mut of) = next()?;
        if of.is_glued() && matches!(of.text, "st" | "nd" | "rd" | "th") {
            (end, of) = next()?;
        }
        (day, year, last) = (number.number?, of.number?, end);
    }
    Some(Dated { day: sane(year, month, day)?, from: at, to: last + 1 })
}

fn month_of(word: &str) -> Option<u32> {
    if let Some(at) = OTHER_MONTHS.iter().position(|months| months.contains(&word)) {
        return u32::try_from(at + 1).ok();
    }
    let short = word.get(..3)?;
    let at = MONTHS.iter().position(|month| month.starts_with(short))?;
    let month = MONTHS.get(at)?;
    let whole = word.len() == 3 || *month == word || word == "sept";
    whole.then(|| u32::try_from(at + 1).ok()).flatten()
}

/// Months in German, Spanish, French and Italian, as far as they differ.
const OTHER_MONTHS: [&[&str]; 12] = [
    &["januar", "enero", "janvier", "gennaio"],
    &["februar", "febrero", "f\u{e9}vrier", "fevrier", "febbraio"],
    &["m\u{e4}rz", "maerz", "marzo", "mars"],
    &["abril", "avril", "aprile"],
    &["mai", "mayo", "maggio"],
    &["juni", "junio", "juin", "giugno"],
    &["juli", "julio", "juillet", "luglio"],
    &["agosto", "ao\u{fb}t", "aout"],
    &["septiembre", "septembre", "settembre"],
    &["oktober", "octubre", "octobre", "ottobre"],
    &["noviembre", "novembre"],
    &["dezember", "diciembre", "d\u{e9}cembre", "decembre", "dicembre"],
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// A day, if something may have been on air then.
fn sane(year: u32, month: u32, day: u32) -> Option<Day> {
    (1_930..=2_100).contains(&year).then(|| Day::new(year, month, day)).flatten()
}

fn is_between(gap: &str) -> bool {
    matches!(gap, "." | "-" | "_" | " " | "/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::pieces::pieces;

    #[test]
    fn days_are_read_as_people_write_them() {
        for name in [
            "news 2023.11.08 x",
            "news 2023-11-08",
            "news_2023_11_08_1080p",
            "news 08.11.2023",
            "news 2023.08.11 x", // the year comes first: 11 August
            "news 8th nov 2023",
            "news nov 8 2023",
            "news november 8th 2023",
            "news 20231108",
            "news 8. november 2023",
            "news 8 de noviembre de 2023",
            "news 8 novembre 2023",
            "news 2023-nov-08",
        ] {
            let pieces = pieces(name);
            let found = at(&pieces, 1).map(|dated| dated.day.0);
            let day = if name.contains("08.11 x") { 20_230_811 } else { 20_231_108 };
            assert_eq!(found, Some(day), "{name}");
        }
        // There is no month 13, so the day comes before the month.
        let pieces_ = pieces("news 2012.13.02");
        assert_eq!(at(&pieces_, 1).map(|dated| dated.day.0), Some(20_120_213));
        for name in ["news 2023.11", "news 12.13.14", "news 1080", "news 5 mice 2023", "news may 5"]
        {
            assert_eq!(at(&pieces(name), 1), None, "{name}");
        }
        assert_eq!(short(&pieces("news 231108"), 1).map(|dated| dated.day.0), Some(20_231_108));
        assert_eq!(short(&pieces("news 721332"), 1), None);
        let days = |name| -> Vec<u32> {
            pairs(&pieces(name), 1).iter().map(|dated| dated.day.0).collect()
        };
        assert_eq!(days("news 23.11.08"), [20_231_108, 20_081_123]);
        assert_eq!(days("news 24.02.13"), [20_240_213, 20_130_224]);
        assert_eq!(days("news 12.13.14"), [0; 0]);
        assert_eq!(days("news 5.1.2"), [0; 0]);
    }
}
