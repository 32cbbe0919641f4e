//! Rule 6 for episodes: readings of names, compared with the shows of the section.

use cache_store::{Day, Error, Index, StoredItem};

use crate::answer::Answer;
use crate::matcher::reader::Reader;
use crate::matcher::spoken::Spoken;
use crate::names::episodes::{self, Reading, Said, Strength};
use crate::names::shows::{self, Show};
use crate::names::spelling::fold::fold;
use crate::names::spelling::year::years;
use crate::names::title_hashes as titles;
use crate::rules::Prepared;
use crate::rules::candidates::Few;
use crate::rules::episode::{self, Asked};
use crate::rules::shows::KnownShows;

/// Shows with more episodes than this are not counted through. This limits the cost of one query.
const LONG_SHOW: usize = 2_048;

/// An answer, and whether the name says a year of its show.
pub(super) type Answered = (Answer, bool);

impl<'v> Reader<'v> {
    pub(super) fn by_episode(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let Some(spoken) = Spoken::of(query) else { return Ok(None) };
        let by_rows = self.by_spoken(query, &spoken, None)?;
        let ids = query.ids_of_show();
        if self.is_settled(query, &spoken, &ids, by_rows.as_ref())? {
            return Ok(by_rows.map(|(answer, _)| answer));
        }
        self.by_known_shows(query, &spoken, &ids, by_rows)
    }

    /// Compares the readings of the names with the rows of episodes. If the section's shows are
    /// known, it compares with these shows too, and with the ids in the names.
    pub(super) fn by_spoken(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        known: Option<(&'v KnownShows, &[String])>,
    ) -> Result<Option<Answered>, Error> {
        for reading in spoken.counting() {
            for show in spoken.shows_of(query, reading) {
                let meant = known.map(|(known, ids)| known.meant(&show, ids));
                let asked = Asked { show: &show, meant, by_id: None };
                if let Some(answer) = self.by_reading(query, spoken, reading, &asked)? {
                    return Ok(Some((answer, show.year.is_some())));
                }
            }
        }
        if spoken.strongest <= Some(Strength::Worded) && spoken.strongest.is_some() {
            return Ok(None);
        }
        self.by_episode_title(query, spoken, known)
    }

    /// Compares one reading with a show that it may belong to.
    pub(super) fn by_reading(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        reading: &Reading,
        asked: &Asked<'_>,
    ) -> Result<Option<Answer>, Error> {
        match &reading.said {
            Said::Numbered(season, numbers) | Said::Compact(season, numbers) => {
                self.by_number(query, asked, *season, numbers)
            }
            Said::Bare(numbers) => self.by_bare_number(query, spoken, asked, numbers),
            Said::Aired(day) => self.by_day(query, asked, *day),
        }
    }

    /// A number without a season. It belongs to the season of the folder or of the show's name, or
    /// it counts over all seasons.
    fn by_bare_number(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        asked: &Asked<'_>,
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        // "Show 2024 - Round 3": the year may be the season.
        let season = spoken.season_of(asked.show);
        let seasons = season.or(asked.show.year.map(u32::from));
        if let Some(season) = seasons
            && let Some(answer) = self.by_number(query, asked, season, numbers)?
        {
            return Ok(Some(answer));
        }
        // In a season's folder, people count the files in that season. Fan groups count on.
        let of_folder = season.is_some() && asked.show.season.is_none();
        if of_folder && !spoken.name.starts_with('[') {
            return Ok(None);
        }
        self.by_position(query, asked, season, numbers)
    }

    fn by_number(
        &mut self,
        query: &Prepared<'_>,
        asked: &Asked<'_>,
        season: u32,
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        let mut stored = Few::new();
        for title in asked.keys() {
            for &number in numbers {
                let hash = titles::by_episode(&title, season, number);
                self.add(Index::Titles, hash, &mut stored)?;
            }
        }
        let items = self.items(&stored)?;
        let answer = episode::numbered(query, asked, season, numbers, &items);
        let what =
            || format!("\"{}\", season {season}, episode {}", asked.show.title, list(numbers));
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    fn by_day(
        &mut self,
        query: &Prepared<'_>,
        asked: &Asked<'_>,
        day: Day,
    ) -> Result<Option<Answer>, Error> {
        let mut stored = Few::new();
        for title in asked.keys() {
            self.add(Index::Titles, titles::by_month(&title, day), &mut stored)?;
        }
        let items = self.items(&stored)?;
        let answer = episode::aired(query, asked, day, &items);
        let what = || format!("\"{}\", on air on {}", asked.show.title, day.0);
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    fn by_position(
        &mut self,
        query: &Prepared<'_>,
        asked: &Asked<'_>,
        season: Option<u32>,
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        let stored = self.of_show(asked)?;
        let items = self.items(&stored)?;
        let answer = episode::absolute(query, asked, season, numbers, &items);
        let what = || format!("\"{}\", episode {} of all seasons", asked.show.title, list(numbers));
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    /// The title of an episode is the last evidence. It stands after its show, or in its folder.
    fn by_episode_title(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        known: Option<(&'v KnownShows, &[String])>,
    ) -> Result<Option<Answered>, Error> {
        let Spoken { name, season, folders, .. } = spoken;
        let bare = shows::without_tags(shows::without_prefix(name));
        let parted = bare.split_once(" - ");
        let season = *season;
        let mut tried: Vec<(Show, Option<u32>, &str)> = Vec::new();
        if let Some((show, title)) = parted {
            tried.extend(Show::new(show).map(|show| (show, season, title)));
            // "Show - 2023 - Title": the year may be the season.
            if let Some((year, title)) = title.split_once(" - ")
                && let (Some(year), true) = (years(year).next(), year.len() == 4)
            {
                tried.extend(Show::new(show).map(|show| (show, Some(year.into()), title)));
            }
        }
        let behind = episodes::leading(name).and_then(|(_, end)| name.get(end..));
        for folder in folders {
            let titles = [behind, parted.map(|(_, title)| title), Some(bare)];
            let titles = titles.into_iter().flatten();
            tried.extend(titles.map(|title| (folder.clone(), season, title)));
        }
        let told = query.query.title.as_deref();
        let show = query.query.show.as_deref().map(fold).and_then(|show| Show::new(&show));
        if let Some((title, show)) = told.zip(show) {
            tried.insert(0, (show, season, title));
        }
        if parted.is_none() && spoken.readings.is_empty() {
            tried.extend(shows::with_rest(bare).map(|(show, title)| (show, season, title)));
        }
        for (show, season, title) in tried {
            let meant = known.map(|(known, ids)| known.meant(&show, ids));
            let asked = Asked { show: &show, meant, by_id: None };
            let stored = self.of_show(&asked)?;
            let items = self.items(&stored)?;
            let title = shows::trim(title);
            let answer = episode::titled(query, &asked, season, title, &items);
            let what = || format!("\"{}\", an episode called \"{title}\"", show.title);
            self.tried.note(what, &items, answer.as_ref());
            if let Some(answer) = answer {
                return Ok(Some((answer, show.year.is_some())));
            }
        }
        Ok(None)
    }

    /// Every episode of a show, unless there are too many.
    fn of_show(&mut self, asked: &Asked<'_>) -> Result<Few<StoredItem<'v>>, Error> {
        let mut stored = Few::new();
        for title in asked.keys() {
            let keys = self.bucket(Index::Titles, titles::by_show(&title))?;
            if keys.len() <= LONG_SHOW {
                self.read_all(&keys, &mut stored)?;
            }
        }
        Ok(stored)
    }
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}
