//! Rule 6 for episodes: readings of names, held against the shows there are.

use cache_store::{Day, Error, Index, StoredItem};

use crate::answer::Answer;
use crate::matcher::reader::Reader;
use crate::names::episodes::{self, Reading, Said, Strength};
use crate::names::extras::{self, Extra};
use crate::names::parse::contains_words;
use crate::names::same::key;
use crate::names::shows::{self, Show};
use crate::names::spelling::fold::{fold, fold_title};
use crate::names::spelling::generic::{is_generic, stem};
use crate::names::title_hashes as titles;
use crate::rules::candidates::Few;
use crate::rules::{Prepared, episode};

/// A show of more episodes than this is not counted through: it bounds what one query can cost.
const LONG_SHOW: usize = 2_048;

impl<'v> Reader<'v> {
    pub(super) fn by_episode(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let name = query.file_name().map(stem).unwrap_or_default();
        let season = query.path.folders().rev().take(2).find_map(episodes::season_of);
        let told = told(query);
        let mut readings = if told.is_empty() { episodes::read(name) } else { told };
        let clear = readings.first().is_some_and(|reading| reading.strength == Strength::Clear);
        match extras::of(&query.path) {
            Some(Extra::Name) => return Ok(None),
            Some(Extra::Folder) if !clear && season.is_none() => return Ok(None),
            _ => {}
        }
        let plain = readings.iter().all(|reading| reading.strength >= Strength::Number);
        if plain && let Some((numbers, end)) = episodes::leading(name) {
            let said = Said::Bare(numbers);
            let strength = Strength::Number;
            readings.insert(0, Reading { said, strength, start: 0, end });
        }
        let folders = shows::of_folders(&query.path);
        let first = readings.iter().filter(|reading| reading.strength == Strength::Clear);
        let first = first.map(|reading| reading.start).min();
        let strongest = readings.first().map(|reading| reading.strength);
        for reading in &readings {
            // What is said more weakly is something else.
            if strongest <= Some(Strength::Worded) && reading.strength > Strength::Worded {
                break;
            }
            let shows = shows_of(query, name, reading, first, &folders);
            if let Some(answer) = self.by_episode_reading(query, reading, season, &shows)? {
                return Ok(Some(answer));
            }
        }
        if strongest <= Some(Strength::Worded) && strongest.is_some() {
            return Ok(None);
        }
        self.by_episode_title(query, name, season, &folders)
    }

    /// One reading, held against each of the shows it may be of.
    fn by_episode_reading(
        &mut self,
        query: &Prepared<'_>,
        reading: &Reading,
        season: Option<u32>,
        shows: &[Show],
    ) -> Result<Option<Answer>, Error> {
        for show in shows {
            let answer = match (&reading.said, season) {
                (Said::Numbered(season, numbers) | Said::Compact(season, numbers), _) => {
                    self.by_number(query, show, *season, numbers)?
                }
                // The folder says of which season.
                (Said::Bare(numbers), Some(season)) => {
                    self.by_number(query, show, season, numbers)?
                }
                (Said::Bare(numbers), None) => self.by_position(query, show, numbers)?,
                (Said::Aired(day), _) => self.by_day(query, show, *day)?,
            };
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    fn by_number(
        &mut self,
        query: &Prepared<'_>,
        show: &Show,
        season: u32,
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        let mut stored = Few::new();
        for title in keys(show) {
            for &number in numbers {
                let hash = titles::by_episode(&title, season, number);
                self.add(Index::Titles, hash, &mut stored)?;
            }
        }
        let items = self.items(&stored)?;
        let answer = episode::numbered(query, show, season, numbers, &items);
        let what = || format!("\"{}\", season {season}, episode {}", show.title, list(numbers));
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    fn by_day(
        &mut self,
        query: &Prepared<'_>,
        show: &Show,
        day: Day,
    ) -> Result<Option<Answer>, Error> {
        let mut stored = Few::new();
        for title in keys(show) {
            self.add(Index::Titles, titles::by_month(&title, day), &mut stored)?;
        }
        let items = self.items(&stored)?;
        let answer = episode::aired(query, show, day, &items);
        let what = || format!("\"{}\", on air on {}", show.title, day.0);
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    fn by_position(
        &mut self,
        query: &Prepared<'_>,
        show: &Show,
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        // "Show S2 - 05" is of that season, however its episodes are counted.
        if let Some(season) = show.season
            && let Some(answer) = self.by_number(query, show, season, numbers)?
        {
            return Ok(Some(answer));
        }
        let stored = self.of_show(show)?;
        let items = self.items(&stored)?;
        let answer = episode::absolute(query, show, numbers, &items);
        let what = || format!("\"{}\", episode {} of all seasons", show.title, list(numbers));
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    /// The title of an episode is the last evidence: behind its show, or below its folder.
    fn by_episode_title(
        &mut self,
        query: &Prepared<'_>,
        name: &str,
        season: Option<u32>,
        folders: &[Show],
    ) -> Result<Option<Answer>, Error> {
        let bare = shows::without_prefix(name);
        let parted = bare.split_once(" - ");
        let mut tried: Vec<(Show, &str)> = Vec::new();
        if let Some((show, title)) = parted {
            tried.extend(Show::new(show).map(|show| (show, title)));
        }
        let behind = episodes::leading(name).and_then(|(_, end)| name.get(end..));
        for folder in folders {
            let titles = [behind, parted.map(|(_, title)| title), Some(bare)];
            tried.extend(titles.into_iter().flatten().map(|title| (folder.clone(), title)));
        }
        let told = query.query.title.as_deref();
        let show = query.query.show.as_deref().map(fold).and_then(|show| Show::new(&show));
        if let Some((title, show)) = told.zip(show) {
            tried.insert(0, (show, title));
        }
        for (show, title) in tried {
            let stored = self.of_show(&show)?;
            let items = self.items(&stored)?;
            let title = shows::trim(title);
            let answer = episode::titled(query, &show, season, title, &items);
            let what = || format!("\"{}\", an episode called \"{title}\"", show.title);
            self.tried.note(what, &items, answer.as_ref());
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    /// Every episode of a show, unless there are too many.
    fn of_show(&mut self, show: &Show) -> Result<Few<StoredItem<'v>>, Error> {
        let mut stored = Few::new();
        for title in keys(show) {
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

/// What a show is indexed under: all of its title, and without its year and country.
fn keys(show: &Show) -> impl Iterator<Item = String> {
    let (whole, base) = (key(&show.title), key(&show.base));
    let other = (base != whole).then_some(base);
    std::iter::once(whole).chain(other)
}

/// What the host says.
fn told(query: &Prepared<'_>) -> Vec<Reading> {
    let query = query.query;
    let reading = |said| Reading { said, strength: Strength::Clear, start: 0, end: 0 };
    let mut readings = Vec::new();
    if let (Some(season), Some(episode)) = (query.season, query.episode) {
        readings.push(reading(Said::Numbered(season, vec![episode])));
    }
    let day = query.aired.as_deref().and_then(Day::read);
    readings.extend(day.map(|day| reading(Said::Aired(day))));
    readings.extend(query.absolute.map(|number| reading(Said::Bare(vec![number]))));
    readings
}

/// The shows that a reading may be of: the host's, those that stand before the number, and those
/// of the folders where the name does not say another.
fn shows_of(
    query: &Prepared<'_>,
    name: &str,
    reading: &Reading,
    first: Option<usize>,
    folders: &[Show],
) -> Vec<Show> {
    let told = [&query.query.show, &query.query.title].into_iter().flatten();
    let told = told.filter_map(|title| Show::new(&fold(title)));
    let year = query.query.year;
    let told = told.map(|show| Show { year: show.year.or(year), ..show });
    let mut shows: Vec<Show> = told.collect();
    let said_by_host = reading.end == 0;
    let start = if said_by_host {
        episodes::read(name).first().map_or(0, |reading| reading.start)
    } else {
        reading.start
    };
    let mut starts = vec![start];
    starts.extend(first.filter(|first| *first < start));
    let own = shows::before(name, &starts);
    let head = fold_title(shows::without_prefix(name.get(..start).unwrap_or_default()));
    let about = |folder: &&Show| {
        let titled = fold_title(&folder.title);
        let initials: String = titled.split(' ').filter_map(|word| word.chars().next()).collect();
        head.is_empty()
            || is_generic(&head)
            || contains_words(&titled, &head)
            || contains_words(&head, &fold_title(&folder.base))
            || head.replace(' ', "") == initials
    };
    shows.extend(own);
    shows.extend(folders.iter().filter(about).cloned());
    shows
}
