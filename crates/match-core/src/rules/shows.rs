//! The shows of a section, compared with the show in a name.

use std::collections::HashMap;

use cache_store::{CachedShow, ItemRef};
use plex_api::RatingKey;

use super::weight;
use crate::names::ids;
use crate::names::same::key;
use crate::names::shows::{self, Agrees, Show};
use crate::names::spelling::fold::{fold, fold_guid};
use crate::names::spelling::path::FoldedPath;

/// The shows of a section, by title and by guid.
#[derive(Debug, Default)]
pub(crate) struct KnownShows {
    shows: Vec<CachedShow>,
    by_key: HashMap<RatingKey, usize>,
    /// Positions by the [`key`] of each title: the whole title, and the title without year and
    /// country.
    by_title: HashMap<String, Vec<usize>>,
    /// Positions by folded guid.
    by_guid: HashMap<String, Vec<usize>>,
}

impl KnownShows {
    pub(crate) fn new(shows: Vec<CachedShow>) -> Self {
        let mut known = Self::default();
        for (at, show) in shows.iter().enumerate() {
            known.by_key.insert(show.rating_key, at);
            for title in titles(show) {
                for key in keys(title) {
                    let under = known.by_title.entry(key).or_default();
                    if under.last() != Some(&at) {
                        under.push(at);
                    }
                }
            }
            for guid in &show.guids {
                known.by_guid.entry(fold_id(guid)).or_default().push(at);
            }
        }
        known.shows = shows;
        known
    }

    /// The show of an episode. If the title in the episode's row differs from the show's title, the
    /// show counts as unknown: one of the two was edited and not read again since.
    fn of(&self, item: &ItemRef<'_>) -> Option<&CachedShow> {
        let show = self.shows.get(*self.by_key.get(&item.grandparent?)?)?;
        (item.grandparent_title == Some(show.title.as_str())).then_some(show)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.shows.is_empty()
    }

    /// The shows that have one of the ids in a name. The flag says whether the match is sure: a
    /// title or a year of `said` (or a worldwide id) supports it, and nothing contradicts it.
    /// `None`: there is no such show.
    pub(crate) fn with_ids<'a>(
        &'a self,
        ids: &'a [String],
        said: &[Show],
    ) -> Option<(Meant<'a>, bool)> {
        let equal = |id: &String| self.by_guid.get(id).map(Vec::as_slice).unwrap_or_default();
        let mut found: Vec<usize> = ids.iter().flat_map(equal).copied().collect();
        found.sort_unstable();
        found.dedup();
        let found: Vec<&CachedShow> =
            found.into_iter().filter_map(|at| self.shows.get(at)).collect();
        let [first, others @ ..] = found.as_slice() else { return None };
        let worths = || said.iter().filter_map(|said| worth(said, first));
        let against = worths().any(|worth| matches!(worth.year, Year::Differs(_)));
        let worldwide = ids.iter().any(|id| ids::is_worldwide(id) && !equal(id).is_empty());
        let every = ids.iter().all(|id| !equal(id).is_empty() || !is_of_scheme(first, id));
        let sure =
            others.is_empty() && every && !against && (worldwide || worths().next().is_some());
        let lost = Worth { lost: 0, year: Year::Unknown };
        let shows = found.into_iter().map(|show| (show, lost)).collect();
        Some((Meant { known: self, shows, ids }, sure))
    }

    /// The shows that a name with the show `show` and the ids `ids` may mean.
    pub(crate) fn meant<'a>(&'a self, show: &'a Show, ids: &'a [String]) -> Meant<'a> {
        let mut found: Vec<usize> = Vec::new();
        for key in keys(&show.title) {
            found.extend(self.by_title.get(&key).into_iter().flatten());
        }
        found.sort_unstable();
        found.dedup();
        let found = found.into_iter().filter_map(|at| self.shows.get(at));
        let shows = found.filter_map(|known| Some((known, worth(show, known)?))).collect();
        Meant { known: self, shows, ids }
    }
}

/// The keys of a title: of the whole title, and of the title without year and country.
pub(crate) fn keys(title: &str) -> impl Iterator<Item = String> {
    let folded = fold(title);
    let (whole, base) = (key(&folded), key(shows::parts(&folded).0));
    let other = (base != whole).then_some(base);
    std::iter::once(whole).chain(other)
}

fn titles(show: &CachedShow) -> impl Iterator<Item = &str> {
    std::iter::once(show.title.as_str()).chain(show.original_title.as_deref())
}

/// The shows that a name may mean.
#[derive(Debug)]
pub(crate) struct Meant<'a> {
    known: &'a KnownShows,
    shows: Vec<(&'a CachedShow, Worth)>,
    /// The ids in the name.
    ids: &'a [String],
}

/// How well a show agrees with the show in a name.
#[derive(Debug, Clone, Copy)]
struct Worth {
    /// How much the score is lowered because of the title.
    lost: u16,
    year: Year,
}

/// How the year in a name agrees with a show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Year {
    Agrees,
    OffByOne,
    /// The name or the show has no year.
    Unknown,
    Differs(u16),
}

impl<'a> Meant<'a> {
    /// The titles under which the episodes of these shows are found.
    pub(crate) fn titles(&self) -> impl Iterator<Item = &'a str> {
        self.shows.iter().map(|(show, _)| show.title.as_str())
    }

    /// The score of an episode's show. `Err`: its show is not known, so only the episode's row can
    /// tell.
    pub(crate) fn score(&self, item: &ItemRef<'_>) -> Result<Option<u16>, ()> {
        let Some(show) = self.known.of(item) else { return Err(()) };
        let meant = self.shows.iter().find(|(meant, _)| meant.rating_key == show.rating_key);
        let Some((_, worth)) = meant else { return Ok(None) };
        if has_another_id(show, self.ids, item) {
            return Ok(None);
        }
        let year = match worth.year {
            Year::Agrees => weight::TITLE_YEAR,
            Year::OffByOne => weight::TITLE_YEAR - weight::YEAR_OFF_BY_ONE,
            Year::Unknown => weight::TITLE_YEAR - weight::YEAR_UNKNOWN,
            // People also write the year of an episode.
            Year::Differs(said)
                if item.aired.is_some_and(|day| day.0 / 10_000 == u32::from(said)) =>
            {
                weight::TITLE_YEAR - weight::YEAR_UNKNOWN - weight::BESIDE_DIFFERS
            }
            Year::Differs(_) => return Ok(None),
        };
        Ok(Some(year.saturating_sub(worth.lost)))
    }
}

/// `None`: the titles differ.
fn worth(said: &Show, known: &CachedShow) -> Option<Worth> {
    let original = known.original_title.as_deref();
    let titles = std::iter::once((known.title.as_str(), 0))
        .chain(original.map(|title| (title, weight::LETTERS_DIFFER)));
    let worths = titles.filter_map(|(title, translated)| {
        let agrees = said.agrees(title)?;
        let folded = fold(title);
        let (_, beside, country) = shows::parts(&folded);
        let year = match (said.year, beside.or(known.year)) {
            (Some(ours), Some(theirs)) => match ours.abs_diff(theirs) {
                0 => Year::Agrees,
                1 => Year::OffByOne,
                _ => Year::Differs(ours),
            },
            _ => Year::Unknown,
        };
        let lost = match agrees {
            Agrees::Whole(same) => weight::spelling(same),
            // If only the name has a year, it is the year of the show itself.
            Agrees::Base(same) if year == Year::Agrees && said.country == country => {
                weight::spelling(same)
            }
            Agrees::Base(same) => weight::spelling(same) + weight::BESIDE_DIFFERS,
        };
        Some(Worth { lost: lost + translated, year })
    });
    worths.min_by_key(|worth| worth.lost)
}

/// A show's guid, folded. The agent for series uses the same numbers as the database.
fn fold_id(guid: &str) -> String {
    let folded = fold_guid(guid);
    match folded.strip_prefix("com.plexapp.agents.thetvdb://") {
        Some(id) => format!("tvdb://{}", id.split(['?', '/']).next().unwrap_or_default()),
        None => folded.into_owned(),
    }
}

/// Whether the show has an id of the same kind.
fn is_of_scheme(show: &CachedShow, id: &str) -> bool {
    show.guids.iter().any(|other| ids::scheme(&fold_id(other)) == ids::scheme(id))
}

/// Whether the name has an id of a kind of which the show has another id, while no id agrees.
fn has_another_id(show: &CachedShow, ids: &[String], item: &ItemRef<'_>) -> bool {
    let agrees = |id: &String| show.guids.iter().any(|other| fold_id(other) == *id);
    if ids.iter().any(agrees) || !ids.iter().any(|id| is_of_scheme(show, id)) {
        return false;
    }
    // If the episode's own path has the id, the server knows the id and did not follow it.
    let borne = |file: &str| {
        let theirs = ids::of(&FoldedPath::new(file));
        ids.iter().any(|id| theirs.contains(id))
    };
    !item.parts.iter().any(|part| borne(part.file))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> KnownShows {
        let show = |key, title: &str, original: Option<&str>, year, id: &str| CachedShow {
            rating_key: RatingKey(key),
            title: title.to_owned(),
            original_title: original.map(str::to_owned),
            year: Some(year),
            guids: vec![id.to_owned()],
        };
        KnownShows::new(vec![
            show(1, "Willow", None, 1978, "tvdb://1"),
            show(2, "Willow", None, 2003, "tvdb://2"),
            show(3, "The Paper House", Some("La casa de papel"), 2017, "tvdb://3"),
            show(4, "Harbour (US)", None, 2005, "tvdb://4"),
            show(5, "Harbour", None, 2001, "tvdb://5"),
            show(6, "The Harbour", None, 2010, "tvdb://6"),
        ])
    }

    /// The shows that a name means, best first. Shows whose years contradict the name are left out.
    fn meant(name: &str) -> Vec<u64> {
        let known = known();
        let said = Show::new(name).unwrap();
        let meant = known.meant(&said, &[]);
        let mut shows: Vec<(u16, u64)> = meant
            .shows
            .iter()
            .filter(|(_, worth)| !matches!(worth.year, Year::Differs(_)))
            .map(|(show, worth)| (worth.lost, show.rating_key.0))
            .collect();
        shows.sort_unstable();
        shows.into_iter().map(|(_, key)| key).collect()
    }

    #[test]
    fn years_countries_and_original_titles_choose_among_shows() {
        assert_eq!(meant("willow"), [1, 2]);
        assert_eq!(meant("willow.2003"), [2]);
        assert_eq!(meant("willow (2002)"), [2], "off by one");
        assert_eq!(meant("willow (1990)"), Vec::<u64>::new());
        assert_eq!(meant("la casa de papel"), [3]);
        assert_eq!(meant("la.casa.de.papel.2017"), [3]);
        assert_eq!(meant("harbour.us"), [4, 5, 6]);
        assert_eq!(meant("harbour"), [5, 6, 4], "the same title, folded, with a country");
        assert_eq!(meant("harbour.2005"), [4]);
    }

    #[test]
    fn ids_are_the_shows_own() {
        let known = known();
        let found = |ids: &[&str], said: &str| {
            let ids: Vec<String> = ids.iter().map(|id| (*id).to_owned()).collect();
            let found = known.with_ids(&ids, &[Show::new(said).unwrap()]);
            found.map(|(meant, sure)| (meant.shows[0].0.rating_key.0, meant.shows.len(), sure))
        };
        assert_eq!(found(&["tvdb://2"], "willow"), Some((2, 1, true)));
        assert_eq!(found(&["tvdb://2"], "willow 1978"), Some((2, 1, false)), "of another year");
        assert_eq!(found(&["tvdb://2"], "oak"), Some((2, 1, false)), "nothing but a number");
        assert_eq!(found(&["imdb://tt1", "tvdb://3"], "the paper house"), Some((3, 1, true)));
        assert_eq!(found(&["tvdb://2", "tvdb://3"], "willow"), Some((2, 2, false)));
        assert_eq!(found(&["tvdb://9"], "willow"), None);
    }
}
