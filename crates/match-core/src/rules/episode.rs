//! Rule 6 for episodes: the show, and a number, a day or a title.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use cache_store::{Day, ItemRef};

use super::title::{chosen, physical_score};
use super::{Prepared, choose, guid, weight};
use crate::answer::{Answer, Confidence};
use crate::evidence::Rule;
use crate::names::same::Same;
use crate::names::shows::{self, Agrees, Show};
use crate::names::spelling::fold::fold;
use crate::names::spelling::generic::is_generic;
use crate::names::spelling::path::FoldedPath;
use crate::names::spelling::year::years;
use crate::rules::shows::{Meant, keys};

/// The show to look for.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    /// The show as a name gives it.
    pub(crate) show: &'a Show,
    /// The shows of the section that this may be. `None`: only the rows of episodes are known.
    pub(crate) meant: Option<Meant<'a>>,
    /// Set if the show has an id that is in the names. It says how sure that is.
    pub(crate) by_id: Option<ById>,
}

impl Asked<'_> {
    /// The keys under which the show's episodes are indexed.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut all: Vec<String> = keys(&self.show.title).collect();
        if let Some(meant) = &self.meant {
            all.extend(meant.titles().flat_map(keys));
        }
        all.dedup();
        all
    }
}

/// A show that has an id that is in the names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ById {
    /// Something besides the id supports the show, and nothing contradicts it.
    pub(crate) sure: bool,
}

/// Decides among the episodes of a show that have one of the numbers.
pub(crate) fn numbered(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    season: u32,
    numbers: &[u32],
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let bears = |item: &ItemRef<'_>| {
        let rank = numbers.iter().position(|number| item.index == Some(*number));
        rank.filter(|_| item.parent_index == Some(season))
    };
    let bearing = items.iter().filter_map(|item| Some((bears(item)?, item)));
    of_show(query, asked, numbers.len(), bearing)
}

/// Decides among the episodes of a show that were on air on a day.
pub(crate) fn aired(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    day: Day,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let aired = items.iter().filter(|item| item.aired == Some(day));
    of_show(query, asked, 1, aired.map(|item| (0, item)))
}

/// Decides among all episodes of a show, by numbers that count through its regular seasons. If a
/// season is given too, the episode is in that season.
pub(crate) fn absolute(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    season: Option<u32>,
    numbers: &[u32],
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    // Each show is counted by itself, because several shows may have the same title.
    let mut shows: BTreeMap<_, Vec<&ItemRef<'_>>> = BTreeMap::new();
    for item in items.iter().filter(|item| score(asked, item).is_some()) {
        shows.entry((item.grandparent, item.grandparent_title)).or_default().push(item);
    }
    let counted: Vec<(u32, &ItemRef<'_>)> =
        shows.values().flat_map(|items| positions(items)).collect();
    let of_season = |item: &ItemRef<'_>| season.is_none_or(|said| item.parent_index == Some(said));
    let ranked = |position: u32| numbers.iter().position(|number| *number == position);
    let bears = counted.iter().filter(|(_, item)| of_season(item));
    let bears = bears.filter_map(|&(position, item)| Some((ranked(position)?, item)));
    let answer = of_show(query, asked, numbers.len(), bears);
    // "Show S2 - 06" is the sixth of a season whose numbers count on from the season before.
    let (Some(season), None) = (season, &answer) else { return answer };
    let within = shows.values().flat_map(|items| within(items, season));
    let bears = within.filter_map(|(place, item)| Some((ranked(place)?, item)));
    of_show(query, asked, numbers.len(), bears)
}

/// The episodes of a season that counts on from the season before, with their place in the season.
fn within<'a>(items: &[&'a ItemRef<'a>], season: u32) -> Vec<(u32, &'a ItemRef<'a>)> {
    let of = |season| items.iter().filter(move |item| item.parent_index == Some(season));
    let before = season.checked_sub(1).filter(|before| *before > 0);
    let last = before.and_then(|before| of(before).filter_map(|item| item.index).max());
    let first = of(season).filter_map(|item| item.index).min();
    let (Some(last), Some(first)) = (last, first) else { return Vec::new() };
    if first != last + 1 {
        return Vec::new();
    }
    of(season).filter_map(|item| Some((item.index?.checked_sub(last)?, *item))).collect()
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
    of_show(query, asked, 1, items.iter().filter(bears).map(|item| (0, item)))
}

/// The episodes of a show with their number over all regular seasons, if it can be known. A season
/// continues where the season before ends, unless its own numbers already count on.
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
            // Too little is known about the seasons before. A number counts over all seasons only
            // if it is higher than any number within a season.
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

/// Nearly every season has more episodes than this, in shows whose seasons count on.
const SHORTEST_SEASON: u32 = 10;

/// Decides among episodes whose show agrees. Each has its place among the given numbers. A file
/// with several episodes is one candidate.
///
/// If the library has the episodes of a file one by one, the answer is the first of them: a host
/// has to name one item, and people look for such a file there. The evidence names another of the
/// episodes as the rival. The confidence is low, because the item is only a part of the file.
/// `said` is the number of episodes in the file.
fn of_show<'a>(
    query: &Prepared<'_>,
    asked: &Asked<'_>,
    said: usize,
    items: impl Iterator<Item = (usize, &'a ItemRef<'a>)>,
) -> Option<Answer> {
    let fitting = items.filter_map(|(place, item)| Some((place, item, score(asked, item)?)));
    let fitting: Vec<(usize, &ItemRef<'_>, u16)> = fitting.collect();
    let first = fitting.iter().min_by_key(|(place, _, score)| (Reverse(*score), *place))?.0;
    let starting = fitting.iter().filter(|(place, ..)| *place == first);
    let starting = one_a_file(starting.map(|&(_, item, score)| (item, score)).collect());
    let mut answer = match asked.by_id {
        Some(ById { sure }) => {
            of_one_with_an_id(query, starting.into_iter().map(|(item, _)| item), sure)
        }
        None => chosen(query, starting),
    };
    if let Some(Answer::Found(found)) = &mut answer
        && said > 1
    {
        let of = |key| fitting.iter().find(|(_, item, _)| item.rating_key == key);
        let holds = of(found.rating_key).and_then(|(_, item, _)| file(item));
        let (inside, apart): (Vec<_>, Vec<_>) =
            fitting.iter().partition(|(_, item, _)| holds.is_some() && file(item) == holds);
        if inside.len() < said {
            found.confidence = Confidence::Low;
        }
        let other = apart.iter().min_by_key(|(place, item, _)| (*place, item.rating_key));
        if let Some((_, item, score)) = other {
            found.evidence.rival = Some(item.rating_key);
            found.evidence.runner_up = *score;
        }
    }
    answer
}

/// Decides among the episodes with the requested number, of a show with an id that is in the names.
/// The confidence is high only if `sure` is true for the show and the number.
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

/// The score of the show's title and year. `None`: they contradict the item.
fn score(asked: &Asked<'_>, item: &ItemRef<'_>) -> Option<u16> {
    match asked.meant.as_ref().map(|meant| meant.score(item)) {
        Some(Ok(score)) => score,
        Some(Err(())) | None => score_of_row(asked.show, item),
    }
}

/// The same score from the row of the episode, which has the title of its show.
fn score_of_row(show: &Show, item: &ItemRef<'_>) -> Option<u16> {
    let title = item.grandparent_title?;
    let agrees = show.agrees(title)?;
    let known = match show.year {
        Some(year) if shows::parts(&fold(title)).1 == Some(year) => true,
        Some(year) => years_beside(item, year)?,
        None => false,
    };
    let lost = match agrees {
        Agrees::Whole(same) => weight::spelling(same),
        Agrees::Base(same) => weight::BESIDE_DIFFERS + weight::spelling(same),
    };
    let score = if known { weight::TITLE_YEAR } else { weight::TITLE_YEAR - weight::YEAR_UNKNOWN };
    Some(score.saturating_sub(lost))
}

/// Whether an answer from the rows of episodes confirms the year of the show that the name gives.
pub(crate) fn knows_the_year(answer: &Answer) -> bool {
    // A title lowers the score by less than an unknown year does.
    let least = weight::TITLE_YEAR - weight::YEAR_UNKNOWN;
    matches!(answer, Answer::Found(found) if found.evidence.score > least)
}

/// Whether the paths of an episode name the year of its show, which its record does not have.
/// `None`: they name another year.
fn years_beside(item: &ItemRef<'_>, year: u16) -> Option<bool> {
    let paths: Vec<FoldedPath> = item.parts.iter().map(|part| FoldedPath::new(part.file)).collect();
    let mut theirs = paths.iter().flat_map(FoldedPath::components).flat_map(years);
    match theirs.next() {
        None => Some(false),
        Some(first) if first == year || theirs.any(|other| other == year) => Some(true),
        Some(_) => None,
    }
}

/// Keeps the first of several episodes in one file, because the file is one candidate.
fn one_a_file<'a>(mut fitting: Vec<(&'a ItemRef<'a>, u16)>) -> Vec<(&'a ItemRef<'a>, u16)> {
    fitting.sort_unstable_by_key(|(item, _)| item.rating_key);
    let mut kept: Vec<(&ItemRef<'_>, u16)> = Vec::with_capacity(fitting.len());
    for (item, score) in fitting {
        if file(item).is_none() || kept.iter().all(|(kept, _)| file(kept) != file(item)) {
            kept.push((item, score));
        }
    }
    kept
}

fn file<'a>(item: &'a ItemRef<'_>) -> Option<&'a str> {
    item.parts.first().map(|part| part.file)
}

#[cfg(test)]
mod tests {
    use cache_store::CachedItem;
    use plex_api::ItemKind;

    use super::*;
    use crate::query::Query;
    use crate::rules::candidates::SectionContext;
    use crate::settings::Settings;
    use crate::testing::{OneSection, movie};

    fn episode(key: u64, number: u32, file: &str) -> CachedItem {
        CachedItem {
            kind: ItemKind::Episode,
            grandparent_title: Some("Willow (2010)".to_owned()),
            parent_index: Some(2),
            index: Some(number),
            ..movie(key, "Chapter", None, file)
        }
    }

    #[test]
    fn a_file_of_several_episodes_is_the_first_of_them_and_is_not_certain() {
        use Confidence::{High, Low};
        let one = OneSection::new();
        let settings = Settings { trust_titles: true, ..Settings::default() };
        let context = SectionContext::new(&one.state(), &settings);
        let show = Show::new("willow (2010)").unwrap();
        let asked = Asked { show: &show, meant: None, by_id: None };
        let query = Query::new("/dl/Willow (2010) - S02E03E04.mkv");
        let query = Prepared::new(&query, &context);
        // The key, number and file of each episode in the library; then the found episode and its
        // rival.
        let apart = [(24, 3, "a"), (23, 4, "b"), (25, 5, "c")];
        let together = [(24, 3, "a"), (23, 4, "a")];
        for (library, numbers, found) in [
            (&apart[..], &[3, 4][..], Some((24, Low, Some(23)))),
            (&apart[..], &[4, 5], Some((23, Low, Some(25)))),
            // The library has a part of the file.
            (&apart[1..], &[3, 4], Some((23, Low, None))),
            (&apart[..1], &[3, 4], Some((24, Low, None))),
            (&apart[..], &[3], Some((24, High, None))),
            (&together, &[3, 4], Some((24, High, None))),
            (&together, &[3, 4, 5], Some((24, Low, None))),
            (&apart, &[6, 7], None),
        ] {
            let items: Vec<CachedItem> =
                library.iter().map(|&(key, number, file)| episode(key, number, file)).collect();
            let items: Vec<ItemRef<'_>> = items.iter().map(CachedItem::borrowed).collect();
            let answer = numbered(&query, &asked, 2, numbers, &items);
            let answer = answer.as_ref().and_then(Answer::found);
            let said =
                answer.map(|f| (f.rating_key.0, f.confidence, f.evidence.rival.map(|r| r.0)));
            assert_eq!(said, found, "{numbers:?} of {library:?}");
        }
    }

    #[test]
    fn a_number_in_a_season_that_counts_on_is_its_place_there() {
        let one = OneSection::new();
        let context = SectionContext::new(&one.state(), &Settings::default());
        let show = Show::new("willow (2010)").unwrap();
        let asked = Asked { show: &show, meant: None, by_id: None };
        let query = Query::new("/dl/[Grp] Willow (2010) S3 - 02.mkv");
        let query = Prepared::new(&query, &context);
        // The first number of the third season, and the result for its second. The second season
        // ends at 4.
        for (first, found) in [(5, Some(32)), (6, None), (1, None)] {
            let second = (3..=4).map(|number| episode(20 + u64::from(number), number, "x"));
            let third = (0..3).map(|at| {
                let file = format!("{at}");
                let number = first + at;
                let item = episode(31 + u64::from(at), number, &file);
                CachedItem { parent_index: Some(3), ..item }
            });
            let items: Vec<CachedItem> = second.chain(third).collect();
            let items: Vec<ItemRef<'_>> = items.iter().map(CachedItem::borrowed).collect();
            let answer = absolute(&query, &asked, Some(3), &[2], &items);
            let key = answer.as_ref().and_then(Answer::found).map(|found| found.rating_key.0);
            assert_eq!(key, found, "{first}");
        }
    }
}
