//! Season and number together.

use super::{Reading, Said, Strength, is_episode, is_season};
use crate::names::numbers;
use crate::names::pieces::Piece;

/// The most episodes that a file holds.
const MOST: u32 = 60;

/// The season and numbers that start at a piece, and the piece after them.
pub(super) fn at(pieces: &[Piece<'_>], at: usize) -> Option<(Reading, usize)> {
    crossed(pieces, at).or_else(|| worded(pieces, at)).or_else(|| glued(pieces, at))
}

/// Season and numbers with a cross: `1x02`, `2010x15`, `02x01x02`, `3x[1, 2, 3]`.
fn crossed(pieces: &[Piece<'_>], at: usize) -> Option<(Reading, usize)> {
    let [season, cross, episode] = pieces.get(at..at + 3)?.first_chunk::<3>()?;
    let number = season.number.filter(|_| !season.is_glued())?;
    let listed = episode.gap == "[";
    if cross.text != "x" || !cross.is_glued() || !(episode.is_glued() || listed) {
        return None;
    }
    let first = episode.number?;
    // A resolution is not a season: 1920x800.
    let sane = number <= 99 || (1_900..=2_100).contains(&number) && first <= 366;
    let whole = pieces.get(at + 3).is_none_or(|next| !next.is_glued() || next.text == "x");
    (sane && episode.text.len() <= 5 && whole).then_some(())?;
    let (numbers, next) = further(pieces, at + 3, first, Some(number));
    Some(reading(pieces, season.start, next, number, numbers))
}

/// Season and number with a point or a dash, where nothing else is beside them: `[2.04]`, `- 2-04 -`.
/// A decimal number looks alike, so this is weaker.
pub(super) fn pointed(name: &str, pieces: &[Piece<'_>], at: usize) -> Option<Reading> {
    let [season, episode] = pieces.get(at..at + 2)?.first_chunk::<2>()?;
    let behind = name.get(episode.end()..).unwrap_or_default().trim_start();
    let alone = season.gap.ends_with(['[', '(']) && behind.starts_with([']', ')'])
        || season.gap == " - " && (behind.is_empty() || behind.starts_with("- "));
    let joined = episode.gap == "." || episode.gap == "-" && season.text.len() == 1;
    let sane = season.text.len() <= 2 && joined && episode.text.len() == 2;
    let said = Said::Numbered(season.number?, vec![episode.number?]);
    let (start, end) = (season.start, episode.end());
    (alone && sane).then_some(Reading { said, strength: Strength::Number, start, end })
}

/// Season and numbers with words: `S01E02`, `s01.e02`, `Season 1 Episode 2`, `Se.1 afl.2`.
fn worded(pieces: &[Piece<'_>], at: usize) -> Option<(Reading, usize)> {
    let word = pieces.get(at).filter(|word| is_season(word.text) && !word.is_glued())?;
    let season = pieces.get(at + 1)?;
    let apart = word.text.len() > 1;
    let joined = season.is_glued() || apart && season.is_near();
    let spelled = || numbers::of_word(season.text).filter(|_| word.text.len() > 3);
    let digits = season.number.filter(|_| season.text.len() <= 4);
    let number = digits.or_else(spelled).filter(|_| joined)?;
    let (first, next) = episode(pieces, at + 2)?;
    let (numbers, next) = further(pieces, next, first, Some(number));
    Some(reading(pieces, word.start, next, number, numbers))
}

/// The same directly after a word, without a space: `grp-meadows01e02`.
fn glued(pieces: &[Piece<'_>], at: usize) -> Option<(Reading, usize)> {
    let [word, season, e, number] = pieces.get(at..at + 4)?.first_chunk::<4>()?;
    let compact = season.is_glued() && e.is_glued() && e.text == "e" && number.is_glued();
    let two = season.text.len() == 2 && number.text.len() == 2;
    (compact && two && word.text.len() > 1 && word.text.ends_with('s')).then_some(())?;
    let (numbers, next) = further(pieces, at + 4, number.number?, season.number);
    let start = word.end().saturating_sub(1);
    Some(reading(pieces, start, next, season.number?, numbers))
}

/// An episode's number after its season, and the piece after it.
fn episode(pieces: &[Piece<'_>], at: usize) -> Option<(u32, usize)> {
    let (word, number) = (pieces.get(at)?, pieces.get(at + 1)?);
    let apart = word.text.len() > 1;
    let joined = number.is_glued() || number.gap == "." || apart && number.is_near();
    let near = word.is_near() || word.gap == ", ";
    // "S02F03": alone it would be a number of something else.
    let of_season = is_episode(word.text) || word.text == "f" && word.is_glued();
    (near && of_season && joined && number.text.len() <= 5).then_some(())?;
    let spelled = || numbers::of_word(number.text).filter(|_| word.text.len() > 3);
    Some((number.number.or_else(spelled)?, at + 2))
}

/// The further numbers of a file with several episodes, and the piece after the last one: `E01E02`,
/// `E01-E03`, `E01-03`, `1x01-1x02`, `x01x02`, `8x01_02`, `[1, 2, 3]`.
pub(super) fn further(
    pieces: &[Piece<'_>],
    mut at: usize,
    first: u32,
    season: Option<u32>,
) -> (Vec<u32>, usize) {
    let mut numbers = vec![first];
    while let Some((number, next, range)) = one_more(pieces, at, season) {
        let last = numbers.last().copied().unwrap_or(first);
        let sane = number > last && number - last < MOST && (range || number - last < 20);
        if !sane {
            break;
        }
        if range {
            numbers.extend(last + 1..number);
        }
        numbers.push(number);
        at = next;
    }
    (numbers, at)
}

/// One further number, the piece after it, and whether it ends a range.
fn one_more(pieces: &[Piece<'_>], at: usize, season: Option<u32>) -> Option<(u32, usize, bool)> {
    let piece = pieces.get(at)?;
    let gap = piece.gap;
    let range = gap.contains(['-', '~', '\u{2013}']);
    let short = gap.len() <= 3;
    // The season is repeated: "1x01-1x02", "S01E01-S01E02".
    if let Some(season) = season
        && short
    {
        let again = match pieces.get(at..at + 3).and_then(|three| three.first_chunk::<3>()) {
            Some([s, x, number]) if s.number == Some(season) && x.is_glued() && x.text == "x" => {
                number.number.filter(|_| number.is_glued()).map(|number| (number, at + 3))
            }
            _ => None,
        };
        let worded = || {
            let [s, number] = pieces.get(at..at + 2)?.first_chunk::<2>()?;
            (s.text == "s" && number.number == Some(season)).then(|| episode(pieces, at + 2))?
        };
        if let Some((number, next)) = again.or_else(worded) {
            return Some((number, next, range));
        }
    }
    if let Some(number) = piece.number {
        let whole = pieces.get(at + 1).is_none_or(|next| !next.is_glued() || next.text == "x");
        let close = matches!(gap, "-" | "_" | "+" | "&" | "," | ", " | "~");
        return (close && whole && piece.text.len() <= 5).then_some((number, at + 1, gap == "-"));
    }
    // "E02" or "x02", after any separator.
    let number = pieces.get(at + 1).filter(|next| next.is_glued())?;
    let word = is_episode(piece.text) || piece.text == "x" && (gap.is_empty() || gap == "-");
    let between = gap.is_empty()
        || short && gap.bytes().all(|sign| matches!(sign, b' ' | b'-' | b'.' | b'_' | b'+' | b'&'));
    (word && between && number.text.len() <= 5).then_some((number.number?, at + 2, range))
}

fn reading(
    pieces: &[Piece<'_>],
    start: usize,
    next: usize,
    season: u32,
    numbers: Vec<u32>,
) -> (Reading, usize) {
    let end = pieces.get(next.saturating_sub(1)).map_or(start, Piece::end);
    let said = Said::Numbered(season, numbers);
    (Reading { said, strength: Strength::Clear, start, end }, next)
}
