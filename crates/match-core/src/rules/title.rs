//! Rule 6: title and year, of a movie, an episode or a track.

use cache_store::ItemRef;

use crate::answer::Answer;
use crate::evidence::Rule;
use crate::names::generic::stem;
use crate::names::parse::{Episodes, Reading};
use crate::names::path::FoldedPath;
use crate::names::title_hashes as titles;
use crate::names::year::{contradict, years};
use crate::rules::{Physical, Prepared, choose, weight};

/// Decides among items that were found under the title of a reading.
pub(crate) fn movie(
    query: &Prepared<'_>,
    reading: &Reading,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let fitting = items.iter().filter_map(|item| {
        let spelled = spelled(titles::titles(item), &reading.title)?;
        Some((item, year_score(query, reading, item)?.saturating_sub(spelled)))
    });
    chosen(query, fitting)
}

/// Decides among the episodes of a show that bear one of the numbers. A file that holds
/// several episodes was merged into one candidate by whoever looked them up.
pub(crate) fn episode(
    query: &Prepared<'_>,
    show: &Reading,
    episodes: &Episodes,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let fitting = items.iter().filter_map(|item| {
        let numbered = item.parent_index == Some(episodes.season)
            && item.index.is_some_and(|number| episodes.numbers.contains(&number));
        let spelled = spelled(titles::parent_title(item), &show.title).filter(|_| numbered)?;
        Some((item, show_year_score(show, item)?.saturating_sub(spelled)))
    });
    chosen(query, one_a_file(fitting.collect()))
}

/// Decides among the tracks of an artist.
pub(crate) fn track(query: &Prepared<'_>, title: &str, items: &[ItemRef<'_>]) -> Option<Answer> {
    let score = weight::TITLE_YEAR - weight::YEAR_UNKNOWN;
    let fitting = items.iter().filter_map(|item| {
        Some((item, score.saturating_sub(spelled(titles::titles(item), title)?)))
    });
    chosen(query, fitting)
}

/// What a title loses that is one of these: nothing, or a little when the spaces differ; `None`
/// when it is none of them.
fn spelled(titles: impl IntoIterator<Item = String>, title: &str) -> Option<u16> {
    let same = titles.into_iter().filter(|own| titles::same(own, title));
    same.map(|own| if own == title { 0 } else { weight::SPACES_DIFFER }).min()
}

fn chosen<'a>(
    query: &Prepared<'_>,
    fitting: impl IntoIterator<Item = (&'a ItemRef<'a>, u16)>,
) -> Option<Answer> {
    let scored =
        fitting.into_iter().map(|(item, score)| (score + physical_score(query, item), item));
    choose(query, Rule::TitleYear, scored, |item, score, rival| {
        let same_size = query.query.size.is_some_and(|size| size >= weight::TELLING_SIZE)
            && item.parts.iter().any(|part| query.compare(part, item).size == Some(true));
        let exact = score >= weight::TITLE_YEAR;
        exact && (same_size || query.trust_titles && rival.is_none())
    })
}

/// What title and year are worth; `None` when the years speak against the item.
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

/// The year beside a show's name is the show's, which is not in the episode's record but
/// often in its path.
fn show_year_score(show: &Reading, item: &ItemRef<'_>) -> Option<u16> {
    let unknown = Some(weight::TITLE_YEAR - weight::YEAR_UNKNOWN);
    let Some(year) = show.year else { return unknown };
    let paths: Vec<FoldedPath> = item.parts.iter().map(|part| FoldedPath::new(part.file)).collect();
    let mut theirs = paths.iter().flat_map(FoldedPath::components).flat_map(years);
    match theirs.next() {
        None => unknown,
        Some(first) if first == year || theirs.any(|other| other == year) => {
            Some(weight::TITLE_YEAR)
        }
        Some(_) => None,
    }
}

/// What size and duration add.
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

/// Of several episodes in one file the first: the file is one candidate.
fn one_a_file<'a>(mut fitting: Vec<(&'a ItemRef<'a>, u16)>) -> Vec<(&'a ItemRef<'a>, u16)> {
    fitting.sort_unstable_by_key(|(item, _)| item.rating_key);
    let mut kept: Vec<(&ItemRef<'_>, u16)> = Vec::with_capacity(fitting.len());
    for (item, score) in fitting {
        let file = item.parts.first().map(|part| &part.file);
        if file.is_none() || kept.iter().all(|(k, _)| k.parts.first().map(|p| &p.file) != file) {
            kept.push((item, score));
        }
    }
    kept
}
