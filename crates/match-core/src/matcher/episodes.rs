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
use crate::rules::Prepared;
use crate::rules::candidates::Few;
use crate::rules::episode::{self, Asked};
use crate::rules::shows::KnownShows;

/// A show of more episodes than this is not counted through: it bounds what one query can cost.
const LONG_SHOW: usize = 2_048;

/// What the names of a file say, of which episode it is.
pub(super) struct Spoken<'q> {
    name: &'q str,
    /// The season that a folder names.
    season: Option<u32>,
    pub(super) readings: Vec<Reading>,
    /// The shows that folders name.
    folders: Vec<Show>,
    /// Where in the name the first number begins that is clear.
    first: Option<usize>,
    strongest: Option<Strength>,
}

impl<'q> Spoken<'q> {
    /// `None`: it is an extra.
    fn of(query: &'q Prepared<'_>) -> Option<Self> {
        let name = query.file_name().map(stem).unwrap_or_default();
        let season = query.path.folders().rev().take(2).find_map(episodes::season_of);
        let told = told(query);
        let mut readings = if told.is_empty() { episodes::read(name) } else { told };
        let is_clear = |reading: &&Reading| reading.strength == Strength::Clear;
        match extras::of(&query.path) {
            Some(Extra::Name) => return None,
            Some(Extra::Folder) if season.is_none() && !readings.iter().any(|r| is_clear(&r)) => {
                return None;
            }
            _ => {}
        }
        let plain = readings.iter().all(|reading| reading.strength >= Strength::Number);
        if plain && let Some((numbers, end)) = episodes::leading(name) {
            let said = Said::Bare(numbers);
            let strength = Strength::Number;
            readings.insert(0, Reading { said, strength, start: 0, end });
        }
        let first = readings.iter().filter(is_clear).map(|reading| reading.start).min();
        let strongest = readings.first().map(|reading| reading.strength);
        let folders = shows::of_folders(&query.path);
        Some(Self { name, season, readings, folders, first, strongest })
    }

    /// The readings that count: what is said more weakly than a number with its word is something
    /// else where there is one.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Reading> {
        let worded = self.strongest <= Some(Strength::Worded);
        self.readings.iter().take_while(move |r| !worded || r.strength <= Strength::Worded)
    }

    /// The shows that a reading may be of.
    pub(super) fn shows_of(&self, query: &Prepared<'_>, reading: &Reading) -> Vec<Show> {
        shows_of(query, self.name, reading, self.first, &self.folders)
    }

    /// The shows that the names may speak of, as they say them.
    pub(super) fn shows(&self, query: &Prepared<'_>) -> Vec<Show> {
        self.counting().flat_map(|reading| self.shows_of(query, reading)).collect()
    }
}

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

    /// What the names say, held against the rows of episodes, and against the section's shows
    /// where they are known: those, and the ids that the names say of a show.
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

    /// One reading, held against the show it may be of.
    pub(super) fn by_reading(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        reading: &Reading,
        asked: &Asked<'_>,
    ) -> Result<Option<Answer>, Error> {
        match (&reading.said, spoken.season) {
            (Said::Numbered(season, numbers) | Said::Compact(season, numbers), _) => {
                self.by_number(query, asked, *season, numbers)
            }
            // The folder says of which season.
            (Said::Bare(numbers), Some(season)) => self.by_number(query, asked, season, numbers),
            (Said::Bare(numbers), None) => self.by_position(query, asked, numbers),
            (Said::Aired(day), _) => self.by_day(query, asked, *day),
        }
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
        numbers: &[u32],
    ) -> Result<Option<Answer>, Error> {
        // "Show S2 - 05" is of that season, however its episodes are counted.
        if let Some(season) = asked.show.season
            && let Some(answer) = self.by_number(query, asked, season, numbers)?
        {
            return Ok(Some(answer));
        }
        let stored = self.of_show(asked)?;
        let items = self.items(&stored)?;
        let answer = episode::absolute(query, asked, numbers, &items);
        let what = || format!("\"{}\", episode {} of all seasons", asked.show.title, list(numbers));
        self.tried.note(what, &items, answer.as_ref());
        Ok(answer)
    }

    /// The title of an episode is the last evidence: behind its show, or below its folder.
    fn by_episode_title(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        known: Option<(&'v KnownShows, &[String])>,
    ) -> Result<Option<Answered>, Error> {
        let Spoken { name, season, folders, .. } = spoken;
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
            let meant = known.map(|(known, ids)| known.meant(&show, ids));
            let asked = Asked { show: &show, meant, by_id: None };
            let stored = self.of_show(&asked)?;
            let items = self.items(&stored)?;
            let title = shows::trim(title);
            let answer = episode::titled(query, &asked, *season, title, &items);
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
    // "Meadow (2005)/S01E02 of Meadow": the folder says which Meadow it is.
    let beside = |show: Show| {
        // "Meadow S2/Meadow - 05" is of that season.
        let of_season =
            |folder: &&Show| folder.season.is_some() && key(&folder.title) == key(&show.title);
        let season = folders.iter().find(of_season).and_then(|folder| folder.season);
        let show = Show { season: show.season.or(season), ..show };
        let same = |folder: &&Show| {
            folder.year.or(folder.country.map(|_| 0)).is_some()
                && key(&folder.base) == key(&show.title)
        };
        match folders.iter().find(same) {
            Some(folder) if show.year.is_none() && show.country.is_none() => {
                Show { year: folder.year, country: folder.country, ..show }
            }
            _ => show,
        }
    };
    shows.extend(own.into_iter().map(beside));
    shows.extend(folders.iter().filter(about).cloned());
    if head.is_empty() && !said_by_host {
        shows.extend(shows::behind(name, reading.end));
    }
    shows
}
