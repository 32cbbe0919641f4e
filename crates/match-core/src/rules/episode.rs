//! Rule 6 for episodes: the show, and a number, a day or a title.

use std::collections::BTreeMap;

use cache_store::{Day, ItemRef};

use super::title::{chosen, physical_score};
use super::{Prepared, choose, guid, weight};
use crate::answer::Answer;
use crate::evidence::Rule;
use crate::names::same::Same;
use crate::names::shows::{self, Agrees, Show};
use crate::names::spelling::fold::fold;
use crate::names::spelling::generic::is_generic;
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year::years;
use crate::rules::shows::{Meant, keys};

/// The show that is asked for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// As a name says it.
    pub(crate) show: &'a Show,
    /// The shows of the section that it may be; `None`: only the rows of episodes are known.
    pub(crate) meant: Option<Meant<'a>>,
    /// It has an id that the names say, and how far that is sure.
    pub(crate) by_id: Option<ById>,
}

impl Asked<'_> {
    /// What its episodes are indexed under.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut all: Vec<String> = keys(&self.show.title).collect();
        if let Some(meant) = &self.meant {
            all.extend(meant.titles().flat_map(keys));
        }
        all.dedup();
        all
    }
}

/// A show that has an id which the names say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ById {
    /// Nothing speaks against it, and something besides the id for it.
    pub(crate) sure: bool,
}

/// Decides among the episodes of a show that bear one of the numbers.
pub(crate) fn numbered(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    season: u32,
    numbers: &[u32],
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let bears = |item: &ItemRef<'_>| {
        item.parent_index == Some(season)
            && item.index.is_some_and(|number| numbers.contains(&number))
    };
    of_show(query, asked, items.iter().filter(|item| bears(item)))
}

/// Decides among the episodes of a show that were on air on a day.
pub(crate) fn aired(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    day: Day,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    of_show(query, asked, items.iter().filter(|item| item.aired == Some(day)))
}

/// Decides among all episodes of a show by numbers that are counted over its regular seasons.
pub(crate) fn absolute(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    numbers: &[u32],
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    // Each show by itself: what is spelled alike may be several.
    let mut shows: BTreeMap<_, Vec<&ItemRef<'_>>> = BTreeMap::new();
    for item in items.iter().filter(|item| score(asked, item).is_some()) {
        shows.entry((item.grandparent, item.grandparent_title)).or_default().push(item);
    }
    let counted = shows.values().flat_map(|items| positions(items));
    let season = asked.show.season;
    let bears = counted.filter(|(position, item)| {
        numbers.contains(position) && season.is_none_or(|said| item.parent_index == Some(said))
    });
    let bears = bears.map(|(_, item)| item);
    of_show(query, asked, bears)
}

/// Decides among all episodes of a show by their titles.
pub(crate) fn titled(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    season: Option<u32>,
    title: &str,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    if is_generic(title) {
        return None;
    }
    let bears = |item: &&ItemRef<'_>| {
        season.is_none_or(|season| item.parent_index == Some(season))
            && Same::of(item.title, title).is_some()
    };
    of_show(query, asked, items.iter().filter(bears))
}

/// The episodes of a show by their number over all regular seasons, as far as it is known: they
/// go on where the season before ends, unless they count on by themselves.
fn positions<'a>(items: &[&'a ItemRef<'a>]) -> Vec<(u32, &'a ItemRef<'a>)> {
    let mut seasons: BTreeMap<u32, Vec<(u32, &ItemRef<'_>)>> = BTreeMap::new();
    for item in items {
        if let (Some(season @ 1..), Some(number)) = (item.parent_index, item.index) {
            seasons.entry(season).or_default().push((number, item));
        }
    }
    let mut positions = Vec::with_capacity(items.len());
    let (mut expected, mut last) = (1, Some(0));
    for (season, episodes) in seasons {
        if season != expected {
            last = None;
        }
        let numbers = || episodes.iter().map(|(number, _)| *number);
        let (first, highest) = (numbers().min().unwrap_or(0), numbers().max().unwrap_or(0));
        let counts_on = match last {
            Some(last) => first > last && season > 1,
            // Of the seasons before too little is known: only a number that no season of its own
            // would have is one of all of them.
            None => first > (season - 1).saturating_mul(SHORTEST_SEASON),
        };
        let offset = match last {
            _ if counts_on || season == 1 => Some(0),
            last => last,
        };
        if let Some(offset) = offset {
            let counted = episodes.iter().map(|&(number, item)| (offset + number, item));
            positions.extend(counted);
        }
        last = offset.map(|offset| offset + highest);
        expected = season + 1;
    }
    positions
}

/// Fewer episodes than nearly every season of a show whose seasons count on.
const SHORTEST_SEASON: u32 = 10;

/// Decides among episodes whose show agrees. A file that holds several is one candidate.
fn of_show<'a>(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    items: impl Iterator<Item = &'a ItemRef<'a>>,
) -> Option<Answer> {
    let fitting = items.filter_map(|item| Some((item, score(asked, item)?)));
    let fitting = one_a_file(fitting.collect());
    match asked.by_id {
        Some(ById { sure }) => {
            of_one_with_an_id(query, fitting.into_iter().map(|(item, _)| item), sure)
        }
        None => chosen(query, fitting),
    }
}

/// Decides among the episodes that have the number which is asked for, of a show that has an id
/// which the names say. It is sure only where `sure` says so of the show and the number.
fn of_one_with_an_id<'a>(
    query: &Prepared<'_>,
    fitting: impl IntoIterator<Item = &'a ItemRef<'a>>,
    sure: bool,
) -> Option<Answer> {
    let scored = fitting.into_iter().map(|item| (weight::GUID + physical_score(query, item), item));
    choose(query, Rule::Guid, scored, |item, _, rival| {
        sure && rival.is_none() && guid::beside(query, item)
    })
}

/// What the show's title and year are worth; `None` when they speak against the item.
fn score(asked: &Asked<'_>, item: &ItemRef<'_>) -> Option<u16> {
    match asked.meant.as_ref().map(|meant| meant.score(item)) {
        Some(Ok(score)) => score,
        Some(Err(())) | None => score_of_row(asked.show, item),
    }
}

/// The same by the row of the episode, which says the title of its show.
fn score_of_row(show: &Show, item: &ItemRef<'_>) -> Option<u16> {
    let title = item.grandparent_title?;
    let agrees = show.agrees(title)?;
    let known = match show.year {
        Some(year) if shows::parts(&fold(title)).1 == Some(year) => Some(true),
        Some(year) => years_beside(item, year)?,
        None => None,
    };
    let lost = match agrees {
        Agrees::Whole(same) => weight::spelling(same),
        Agrees::Base(same) => weight::BESIDE_DIFFERS + weight::spelling(same),
    };
    let score = if known == Some(true) {
        weight::TITLE_YEAR
    } else {
        weight::TITLE_YEAR - weight::YEAR_UNKNOWN
    };
    Some(score.saturating_sub(lost))
}

/// Whether an answer by the rows of episodes knows that the show is of the year that was said.
pub(crate) fn knows_the_year(answer: &Answer) -> bool {
    // All that a title may lose is less than what an unknown year costs.
    let least = weight::TITLE_YEAR - weight::YEAR_UNKNOWN;
    matches!(answer, Answer::Found(found) if found.evidence.score > least)
}

/// Whether the paths of an episode name the year of its show, which is not in its record: `None`
/// when they name another one, and no year is neither.
#[expect(clippy::option_option, reason = "against, unknown, or agreeing")]
fn years_beside(item: &ItemRef<'_>, year: u16) -> Option<Option<bool>> {
    let paths: Vec<FoldedPath> = item.parts.iter().map(|part| FoldedPath::new(part.file)).collect();
    let mut theirs = paths.iter().flat_map(FoldedPath::components).flat_map(years);
    match theirs.next() {
        None => Some(None),
        Some(first) if first == year || theirs.any(|other| other == year) => Some(Some(true)),
        Some(_) => None,
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
