//! Episode numbers without a season.

use super::numbered::further;
use super::{Reading, Said, Strength, is_episode};
use crate::names::numbers::counted;
use crate::names::pieces::Piece;
use crate::names::tags::{first_tag, is_tag};

/// A number next to a word for it: `E07`, `Episode 7`, `60. Bölüm`, `3of5`, `Part 2`, `Cap.408`.
pub(super) fn worded(pieces: &[Piece<'_>], at: usize) -> Option<Reading> {
    let piece = pieces.get(at)?;
    let next = pieces.get(at + 1);
    // "第07話", "7화".
    let before = at.checked_sub(1).and_then(|before| pieces.get(before));
    let ordinal = before.is_some_and(|before| before.text == "\u{7b2c}");
    if let Some(number) = piece.number.filter(|_| !piece.is_glued() || ordinal)
        && let Some(word) = next.filter(|next| next.is_glued() && COUNTERS.contains(&next.text))
    {
        let start = before.filter(|_| ordinal).map_or(piece.start, |before| before.start);
        return Some(bare(vec![number], Strength::Worded, start, word.end()));
    }
    if let Some(number) = piece.number.filter(|_| !piece.is_glued()) {
        let next = next?;
        let of =
            next.text == "of" && pieces.get(at + 2).is_some_and(|of| of.number >= Some(number));
        // "60. Folge": the number comes first.
        let ordinal = matches!(next.gap, "." | ". " | " ")
            && next.text.chars().count() > 2
            && is_episode(next.text)
            && pieces.get(at + 2).is_none_or(|after| after.number.is_none() || !after.is_near());
        if of {
            let end = pieces.get(at + 2).map_or(next.end(), Piece::end);
            // "Part 4 of 6".
            let worded = before.filter(|word| piece.is_near() && is_part(word.text));
            let start = worded.map_or(piece.start, |word| word.start);
            return Some(bare(vec![number], Strength::Worded, start, end));
        }
        return ordinal.then(|| bare(vec![number], Strength::Worded, piece.start, next.end()));
    }
    if piece.is_glued() {
        return None;
    }
    let number = next?;
    if matches!(piece.text, "sp" | "special") && number.is_near() && number.text.len() <= 2 {
        // "SP01" is the first special.
        let said = Said::Numbered(0, vec![number.number?]);
        let (start, end) = (piece.start, number.end());
        return Some(Reading { said, strength: Strength::Worded, start, end });
    }
    let part = is_part(piece.text);
    let episode = is_episode(piece.text);
    let joined = number.is_glued() || piece.text.chars().count() > 1 && number.is_near();
    if !joined || !(part || episode) || is_tag(pieces, at + 1) {
        return None;
    }
    let strength = if part { Strength::Part } else { Strength::Worded };
    let Some(first) = number.number.filter(|_| number.text.len() <= 5) else {
        // "Part Two".
        let spelled = part || piece.text.len() > 3;
        let first = counted(number.text).filter(|_| spelled)?;
        return Some(bare(vec![first], strength, piece.start, number.end()));
    };
    // "E07v2" and "E07b" are numbers; the letters and digits of a checksum are not.
    let glued = pieces.get(at + 2).filter(|after| after.is_glued());
    if glued.is_some_and(|after| after.text.len() > 1 && !is_episode(after.text)) {
        return None;
    }
    let (numbers, next) = further(pieces, at + 2, first, None);
    let end = pieces.get(next.saturating_sub(1)).map_or(number.end(), Piece::end);
    // "Cap.408" is the eighth of the fourth season.
    if piece.text.starts_with("cap") && number.text.len() >= 3 && numbers.len() == 1 {
        let said = Said::Compact(first / 100, vec![first % 100]);
        return Some(Reading { said, strength, start: piece.start, end });
    }
    Some(bare(numbers, strength, piece.start, end))
}

/// Whether a word may mean an episode, but is as often part of a title.
fn is_part(word: &str) -> bool {
    matches!(word, "part" | "pt" | "teil" | "parte" | "partie" | "del" | "deel" | "round")
        || matches!(word, "chapter" | "chapitre" | "kapitel" | "vol" | "volume" | "matchday")
}

/// Words after an episode's number, in scripts without a space between the two.
const COUNTERS: [&str; 6] =
    ["\u{8a71}", "\u{8bdd}", "\u{96c6}", "\u{56de}", "\u{d654}", "\u{d68c}"];

/// Numbers that stand alone before the first tag, the likeliest first: after a dash, in brackets,
/// last. Numbers of three or four digits are also read as season and number.
pub(super) fn numbers(name: &str, pieces: &[Piece<'_>]) -> Vec<Reading> {
    let tag = first_tag(pieces).unwrap_or(pieces.len());
    let mut found: Vec<(u8, Reading)> = Vec::new();
    for at in 0..tag {
        let Some((rank, numbers, end)) = standing(name, pieces, at, tag) else { continue };
        let start = pieces.get(at).map_or(0, |piece| piece.start);
        found.push((rank, bare(numbers, Strength::Number, start, end)));
    }
    // Of equal ones the last is likeliest: "Meadow 2 05".
    found.reverse();
    found.sort_by_key(|(rank, _)| *rank);
    let counted: Vec<Reading> = found.into_iter().map(|(_, reading)| reading).collect();
    let compact = (0..pieces.len()).rev().filter_map(|at| compact(pieces, at, tag));
    // Fan groups count their episodes; people who write dots put season and number together.
    let fans = name.starts_with('[') || name.contains(" - ") || name.contains("_-_");
    let (counted, compact) = (counted.into_iter(), compact.collect::<Vec<_>>().into_iter());
    if fans { counted.chain(compact).collect() } else { compact.chain(counted).collect() }
}

/// A number that stands alone, with its likelihood of being an episode's, and its end.
fn standing(
    name: &str,
    pieces: &[Piece<'_>],
    at: usize,
    tag: usize,
) -> Option<(u8, Vec<u32>, usize)> {
    let piece = pieces.get(at).filter(|piece| !piece.is_glued() && piece.text.len() <= 4)?;
    let number = piece.number?;
    let (numbers, mut next) = further(pieces, at + 1, number, None);
    // "05v2".
    if let Some([v, version]) = pieces.get(next..next + 2).and_then(|two| two.first_chunk::<2>())
        && v.is_glued()
        && v.text == "v"
        && version.is_glued()
    {
        next += 2;
    }
    let after = pieces.get(next);
    if after.is_some_and(Piece::is_glued) {
        return None;
    }
    // "12.5" is not a whole number if spaces separate the words.
    let decimal = |piece: &Piece<'_>| piece.gap == "." && piece.number.is_some();
    let spaced = name.contains([' ', '_']);
    if spaced
        && (decimal(piece) || after.is_some_and(|after| decimal(after) && after.text.len() < 3))
    {
        return None;
    }
    let end = pieces.get(next.saturating_sub(1)).map_or(0, Piece::end);
    let behind = after.map_or_else(|| name.get(end..).unwrap_or_default(), |after| after.gap);
    // "1-02" is one sign, whatever it means.
    let before = at.checked_sub(1).and_then(|before| pieces.get(before));
    if spaced && piece.gap == "-" && before.is_some_and(|before| before.number.is_some()) {
        return None;
    }
    let dashed = piece.gap.contains('-') && (piece.gap.len() > 1 || !spaced);
    let closed = behind.trim_start_matches([' ', '_', '.']).starts_with(['[', '(', '-', '{', ']'])
        || behind.is_empty()
        || next >= tag;
    let counted = piece.gap.ends_with('#');
    let boxed = counted || piece.gap.ends_with(['[', '{']) && behind.starts_with([']', '}']);
    let round = piece.gap.ends_with('(');
    // "Show 3-4" may as well be the third of four, and "1-05" is season and number.
    let last = next.checked_sub(1).and_then(|last| pieces.get(last));
    let alike = last.is_some_and(|last| last.text.len() == piece.text.len());
    if numbers.len() > 1 && (!(dashed || boxed) || !alike) {
        return None;
    }
    let rank = match (dashed, closed, boxed) {
        (true, true, _) => 0,
        (_, _, true) => 1,
        (true, false, _) => 2,
        _ if round || at == 0 => return None,
        (false, true, _) => 3,
        (false, false, false) => 4,
    };
    Some((rank, numbers, end))
}

/// Three or four digits as season and number, also several in a row: `102`, `101.102`, `010910`.
fn compact(pieces: &[Piece<'_>], at: usize, tag: usize) -> Option<Reading> {
    let piece = pieces.get(at).filter(|piece| !piece.is_glued())?;
    let after = pieces.get(at + 1);
    if after.is_some_and(Piece::is_glued) || at > tag && after.is_some() {
        return None;
    }
    // "h.264".
    if at.checked_sub(1).is_some_and(|before| piece.gap == "." && is_tag(pieces, before)) {
        return None;
    }
    let number = piece.number?;
    let (season, mut numbers) = match piece.text.len() {
        3 | 4 => (number / 100, vec![number % 100]),
        6 => (number / 10_000, vec![number / 100 % 100, number % 100]),
        _ => return None,
    };
    let year = piece.text.len() == 4 && (1_900..=2_100).contains(&number);
    let neighbours = numbers.windows(2).all(|two| matches!(two, [a, b] if *b == a + 1));
    if year || !neighbours || season == 0 || numbers.contains(&0) {
        return None;
    }
    let mut end = piece.end();
    if let (Some(after), [first]) = (after, numbers.as_slice())
        && piece.text.len() == after.text.len()
        && after.number == Some(number + 1)
        && after.gap.len() == 1
    {
        numbers = vec![*first, first + 1];
        end = after.end();
    }
    let said = Said::Compact(season, numbers);
    Some(Reading { said, strength: Strength::Number, start: piece.start, end })
}

fn bare(numbers: Vec<u32>, strength: Strength, start: usize, end: usize) -> Reading {
    Reading { said: Said::Bare(numbers), strength, start, end }
}
