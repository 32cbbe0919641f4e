//! Rule 7: a similar title, with a year that differs by at most one.

use cache_store::ItemRef;
use rapidfuzz::fuzz::RatioBatchComparator;

use crate::answer::{Answer, Confidence};
use crate::evidence::Rule;
use crate::names::parse::Reading;
use crate::names::spelling::fold::loosen;
use crate::names::title_hashes as titles;
use crate::rules::title::physical_score;
use crate::rules::{Prepared, Verdict, ambiguous, found_item, weight};

/// Decides among items with a similar title. The confidence is never high: a person has to confirm
/// a similar title.
pub(crate) fn decide(
    query: &Prepared<'_>,
    reading: &Reading,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let year = reading.year?;
    let ours = loosen(&reading.title);
    let comparator = RatioBatchComparator::new(ours.chars());
    let mut scored: Vec<(u16, &ItemRef<'_>)> = items
        .iter()
        .filter(|item| item.year.is_some_and(|theirs| theirs.abs_diff(year) <= 1))
        .filter_map(|item| {
            let similar = titles::titles(item)
                .map(|title| loosen(&title))
                .filter(|theirs| numbers(theirs).eq(numbers(&ours)))
                .map(|theirs| comparator.similarity(theirs.chars()))
                .fold(0.0, f64::max);
            (similar >= weight::SIMILAR).then(|| (thousandths(similar), item))
        })
        .map(|(similar, item)| {
            let off = item.year.map_or(0, |theirs| theirs.abs_diff(year)) * weight::YEAR_OFF_BY_ONE;
            let likeness = u32::from(weight::FUZZY) * u32::from(similar) / 1_000;
            let likeness = u16::try_from(likeness).unwrap_or(weight::FUZZY);
            (likeness.saturating_sub(off) + physical_score(query, item), item)
        })
        .collect();
    scored.sort_unstable_by_key(|(score, item)| (std::cmp::Reverse(*score), item.rating_key));
    match scored.as_slice() {
        [] => None,
        [(score, item), rest @ ..]
            if rest.first().is_none_or(|(next, _)| score - next >= weight::CLEARLY) =>
        {
            let verdict = Verdict {
                rule: Rule::FuzzyTitle,
                score: *score,
                confidence: Confidence::Low,
                rival: rest.first().map(|(next, rival)| (rival.rating_key, *next)),
                components: 0,
                mapping: None,
            };
            Some(found_item(query, item, verdict))
        }
        tied => ambiguous(tied.iter().map(|(score, item)| (*score, item.rating_key)).collect()),
    }
}

/// The numbers of a title, in order. They have to be equal: a sequel is not a misspelling of the
/// first part.
fn numbers(title: &str) -> impl Iterator<Item = &str> {
    title.split(|letter: char| !letter.is_ascii_digit()).filter(|digits| !digits.is_empty())
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 1000")]
fn thousandths(similar: f64) -> u16 {
    (similar.clamp(0.0, 1.0) * 1_000.0) as u16
}
