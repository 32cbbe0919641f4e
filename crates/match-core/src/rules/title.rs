//! Rule 6 for movies and videos: title and year.

use cache_store::ItemRef;

use super::edition::edition;
use super::{Physical, Prepared, choose, guid, weight};
use crate::answer::Answer;
use crate::evidence::Rule;
use crate::names::parse::Reading;
use crate::names::same::{Same, key};
use crate::names::spelling::generic::stem;
use crate::names::spelling::year::contradict;
use crate::names::title_hashes as titles;

/// Decides among items that were found by the title of a reading.
pub(crate) fn movie(
    query: &Prepared<'_>,
    reading: &Reading,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let fitting = items.iter().filter_map(|item| {
        let same =
            titles::spelled(item).filter_map(|title| Same::of(title, &reading.said)).min()?;
        Some((item, year_score(query, reading, item)?.saturating_sub(weight::spelling(same))))
    });
    chosen(query, of_an_edition(query, fitting.collect()))
}

/// Decides among items whose title has a first or last part equal to a reading, and begins with
/// `first`, the [`key`] of what the name says before it. This is enough if only one movie of the
/// year has such a part.
pub(crate) fn part(
    query: &Prepared<'_>,
    reading: &Reading,
    first: &str,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let year = reading.year?;
    let fitting = items.iter().filter_map(|item| {
        let spelled = titles::spelled(item).filter(|title| key(title).starts_with(first));
        let mut parts = spelled.flat_map(titles::parts);
        let same = parts.any(|part| Same::of(part, &reading.said).is_some());
        let score = weight::TITLE_YEAR - weight::PART_OF_TITLE;
        (same && item.year == Some(year)).then_some((item, score))
    });
    chosen(query, of_an_edition(query, fitting.collect()))
}

/// Among items of one title, lowers the scores of those that are of another edition.
fn of_an_edition<'a>(
    query: &Prepared<'_>,
    mut fitting: Vec<(&'a ItemRef<'a>, u16)>,
) -> Vec<(&'a ItemRef<'a>, u16)> {
    // With a single item there is no choice to make, and most movies have no edition.
    if fitting.len() > 1 {
        for (item, score) in &mut fitting {
            if edition(query, item) < 0 {
                *score = score.saturating_sub(weight::EDITION_DIFFERS);
            }
        }
    }
    fitting
}

/// The best item among those whose title and year fit. Items are left out if the path names another
/// id than theirs.
pub(super) fn chosen<'a>(
    query: &Prepared<'_>,
    fitting: impl IntoIterator<Item = (&'a ItemRef<'a>, u16)>,
) -> Option<Answer> {
    let fitting = fitting.into_iter().filter(|(item, _)| !guid::another(query, item));
    let scored = fitting.map(|(item, score)| (score + physical_score(query, item), item));
    choose(query, Rule::TitleYear, scored, |item, score, rival| {
        let same_size = query.query.size.is_some_and(|size| size >= weight::TELLING_SIZE)
            && item.parts.iter().any(|part| query.compare(part, item).size == Some(true));
        let exact = score > weight::TITLE_YEAR - weight::SPACES_DIFFER;
        exact && (same_size || query.trust_titles && rival.is_none())
    })
}

/// The score for title and year. `None`: the years contradict the item.
fn year_score(query: &Prepared<'_>, reading: &Reading, item: &ItemRef<'_>) -> Option<u16> {
    let asked = reading.year.or(query.query.year);
    match (asked, item.year) {
        (Some(ours), Some(theirs)) => match ours.abs_diff(theirs) {
            0 => Some(weight::TITLE_YEAR),
            1 => Some(weight::TITLE_YEAR - weight::YEAR_OFF_BY_ONE),
            _ => None,
        },
        (None, Some(theirs)) => {
            let name = query.file_name().map(stem);
            let folders = query.path.folders().rev().take(2);
            let against = contradict(name.into_iter().chain(folders), theirs, &reading.title);
            (!against).then_some(weight::TITLE_YEAR - weight::YEAR_UNKNOWN)
        }
        (_, None) => Some(weight::TITLE_YEAR - weight::YEAR_UNKNOWN),
    }
}

/// The score that size and duration add.
pub(super) fn physical_score(query: &Prepared<'_>, item: &ItemRef<'_>) -> u16 {
    let mut parts = item.parts.iter().map(|part| query.compare(part, item));
    if parts.clone().any(|Physical { size, .. }| size == Some(true)) {
        weight::SIZE_AGREES
    } else if parts.any(|Physical { duration, .. }| duration == Some(true)) {
        weight::DURATION_AGREES
    } else {
        0
    }
}
