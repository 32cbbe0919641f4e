//! Episode numbers in names, in all the ways in which people write them.
//!
//! A reading has its position in the name, because the show's title ends there, and a strength.
//! Weaker readings are tried only if there are no stronger ones: "Meadow - S02E21 - 94 Ways" does
//! not contain a ninety-fourth episode.

mod bare;
mod numbered;

use cache_store::Day;

use super::pieces::{Piece, pieces};
use super::{dates, numbers, tags};

/// The episodes of a file, as its name gives them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Season and numbers: `S01E02`, `1x02-03`.
    Numbered(u32, Vec<u32>),
    /// Numbers without a season, of the folder's season, of the only one, or counted over all.
    Bare(Vec<u32>),
    /// Digits that may be season and number: `102`.
    Compact(u32, Vec<u32>),
    /// The day on which it was on air.
    Aired(Day),
}

/// The strength of a reading; the first is the strongest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Strength {
    /// Season and number, or a whole date.
    Clear,
    /// A number with a word for an episode: `E07`, `Episode 7`, `3of5`.
    Worded,
    /// A number with a word that is often part of a title: `Part 2`.
    Part,
    /// A number that stands alone, at a place where people write an episode's number.
    Number,
    /// Six digits that may be a date.
    Digits,
}

/// One reading of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) said: Said,
    pub(crate) strength: Strength,
    /// Where it begins in the name: the show's title is before it.
    pub(crate) start: usize,
    /// Where it ends in the name: an episode's title may follow.
    pub(crate) end: usize,
}

/// The readings of a name, the strongest first, and of equal strength the likeliest first. `name`
/// is a folded file name without its extension.
pub(crate) fn read(name: &str) -> Vec<Reading> {
    let pieces = pieces(name);
    let mut readings = Vec::new();
    let mut at = 0;
    while at < pieces.len() {
        if let Some((reading, next)) = numbered::at(&pieces, at).or_else(|| dated(&pieces, at)) {
            readings.push(reading);
            at = next;
        } else {
            at += 1;
        }
    }
    // A number and a day are both clear, but a day may have several episodes: the number comes
    // first.
    readings.sort_by_key(|reading| matches!(reading.said, Said::Aired(_)));
    // A day may be the date of the file and not of the episode, so words for an episode are read
    // too.
    if readings.iter().all(|reading| matches!(reading.said, Said::Aired(_))) {
        readings.extend((0..pieces.len()).filter_map(|at| bare::worded(&pieces, at)));
        readings.sort_by_key(|reading| reading.strength);
    }
    if readings.iter().all(|reading| reading.strength >= Strength::Part) {
        readings.extend(bare::numbers(name, &pieces));
        readings.extend((0..pieces.len()).filter_map(|at| numbered::pointed(name, &pieces, at)));
        let short = (0..pieces.len()).filter_map(|at| dates::short(&pieces, at));
        readings.extend(short.map(|found| of_day(&pieces, found, Strength::Digits)));
        let pairs = (0..pieces.len()).flat_map(|at| dates::pairs(&pieces, at));
        readings.extend(pairs.map(|found| of_day(&pieces, found, Strength::Digits)));
    }
    readings
}

/// The number at the start of a name in a season's folder: `02 - Title`, `7.mkv`.
pub(crate) fn leading(name: &str) -> Option<(Vec<u32>, usize)> {
    let pieces = pieces(name);
    let first = pieces.first().filter(|piece| piece.text.len() <= 4)?;
    let number = first.number?;
    let next = pieces.get(1);
    if next.is_some_and(Piece::is_glued) || tags::is_tag(&pieces, 0) {
        return None;
    }
    let (numbers, next) = numbered::further(&pieces, 1, number, None);
    let end = pieces.get(next.saturating_sub(1)).map_or(name.len(), Piece::end);
    Some((numbers, end))
}

/// The season that a folder's name gives: `Season 1`, `S01`, `Staffel 2`, `Book 2`, `Specials`.
pub(crate) fn season_of(folder: &str) -> Option<u32> {
    if matches!(folder, "specials" | "special" | "extras") {
        return Some(0);
    }
    let pieces = pieces(folder);
    if let [word, number] = pieces.as_slice()
        && BOOKS.contains(&word.text)
        && number.is_near()
    {
        return numbers::counted(number.text).filter(|_| number.end() == folder.len());
    }
    let (number, after) = season_at(&pieces, 0)?;
    let whole = pieces.first().is_some_and(|first| first.gap.is_empty());
    let year = |text: &str| text.len() == 4;
    let alone = pieces.get(after).is_none_or(|next| {
        next.gap.contains(['(', '[', '-', ' ']) && next.number.is_none_or(|_| year(next.text))
    });
    (whole && alone && number <= 2_100).then_some(number)
}

/// The season that is said at a piece, and the piece after it: `Season 2`, `S2`, `Season Two`,
/// `2nd Season`, `Second Season`, `2. Staffel`.
pub(super) fn season_at(pieces: &[Piece<'_>], at: usize) -> Option<(u32, usize)> {
    let (first, second) = (pieces.get(at)?, pieces.get(at + 1)?);
    let worded = |word: &Piece<'_>| word.text.len() > 3 && is_season(word.text);
    if let Some(number) = numbers::of_ordinal(first.text).filter(|_| second.is_near()) {
        return worded(second).then_some((number, at + 2));
    }
    if let Some(number) = first.number.filter(|_| first.text.len() <= 2) {
        // "2nd", "2a", "2\u{ba}": what makes an ordinal of a number is glued to it.
        let ordinal = second.is_glued() && second.number.is_none() && second.text.len() <= 3;
        let word = if ordinal { pieces.get(at + 2)? } else { second };
        let spelled = word.text.len() > 2 && is_season(word.text) && !word.is_glued();
        let near = word.is_near() || matches!(word.gap, ". " | "\u{aa} " | "\u{ba} " | ".\u{aa} ");
        return (spelled && near).then_some((number, at + 2 + usize::from(ordinal)));
    }
    let apart = first.text.len() > 1 && second.is_near();
    let said = is_season(first.text) && (second.is_glued() || apart);
    let number = match second.number {
        Some(number) => number,
        None => numbers::of_word(second.text).filter(|_| worded(first) && apart)?,
    };
    said.then_some((number, at + 2))
}

fn dated(pieces: &[Piece<'_>], at: usize) -> Option<(Reading, usize)> {
    let found = dates::at(pieces, at)?;
    Some((of_day(pieces, found, Strength::Clear), found.to))
}

fn of_day(pieces: &[Piece<'_>], found: dates::Dated, strength: Strength) -> Reading {
    let place = |at: usize| pieces.get(at);
    Reading {
        said: Said::Aired(found.day),
        strength,
        start: place(found.from).map_or(0, |piece| piece.start),
        end: place(found.to.saturating_sub(1)).map_or(0, Piece::end),
    }
}

/// Whether a word means a season, in the languages that people use for folders.
fn is_season(word: &str) -> bool {
    matches!(
        word,
        "s" | "se"
            | "t"
            | "s\u{e4}song"
            | "serie"
            | "s\u{e9}rie"
            | "season"
            | "saison"
            | "staffel"
            | "temporada"
            | "temp"
            | "stagione"
            | "series"
            | "seizoen"
            | "sezon"
            | "sezona"
            | "sesong"
            | "s\u{e6}son"
            | "kausi"
            | "\u{441}\u{435}\u{437}\u{43e}\u{43d}"
    )
}

/// Words that mean a season only as the name of a folder.
const BOOKS: [&str; 8] = ["book", "volume", "vol", "part", "buch", "libro", "livre", "bok"];

/// Whether a word means an episode.
fn is_episode(word: &str) -> bool {
    matches!(
        word,
        "e" | "xe"
            | "ep"
            | "eps"
            | "episode"
            | "episodes"
            | "episodio"
            | "\u{e9}pisode"
            | "folge"
            | "cap"
            | "capitulo"
            | "cap\u{ed}tulo"
            | "afl"
            | "aflevering"
            | "odcinek"
            | "bolum"
            | "b\u{f6}l\u{fc}m"
            | "avsnitt"
            | "jakso"
            | "puntata"
            | "afsnit"
            | "epis\u{f3}dio"
            | "\u{44d}\u{43f}\u{438}\u{437}\u{43e}\u{434}"
            | "\u{441}\u{435}\u{440}\u{438}\u{44f}"
    )
}

#[cfg(test)]
mod tests;
