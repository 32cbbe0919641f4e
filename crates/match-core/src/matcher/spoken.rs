//! What the names of a file say about its episode.

use cache_store::Day;

use crate::names::dates;
use crate::names::episodes::{self, Reading, Said, Strength};
use crate::names::extras::{self, Extra};
use crate::names::parse::{contains_words, is_short};
use crate::names::pieces::pieces;
use crate::names::same::key;
use crate::names::shows::{self, Show};
use crate::names::spelling::fold::{fold, fold_title};
use crate::names::spelling::generic::{is_generic, stem};
use crate::rules::Prepared;

/// What the names of a file say about its episode.
pub(super) struct Spoken<'q> {
    pub(super) name: &'q str,
    /// The season that a folder names.
    pub(super) season: Option<u32>,
    /// The season of a folder that is only a number. It counts only for the number of an episode.
    numbered: Option<u32>,
    pub(super) readings: Vec<Reading>,
    /// The shows that folders name.
    pub(super) folders: Vec<Show>,
    /// The position in the name where the first clear number begins.
    first: Option<usize>,
    pub(super) strongest: Option<Strength>,
}

impl<'q> Spoken<'q> {
    /// Reads the names. `None`: the file is an extra.
    pub(super) fn of(query: &'q Prepared<'_>) -> Option<Self> {
        let mut name = query.file_name().map(stem).unwrap_or_default();
        let mut above = query.path.folders().rev();
        let (near, above) = (above.next().unwrap_or_default(), above.next().unwrap_or_default());
        let season = query.path.folders().rev().take(2).find_map(episodes::season_of);
        let counts = near.len() <= 4 && near.bytes().all(|digit| digit.is_ascii_digit());
        let numbered = near.parse::<u32>().ok().filter(|_| counts && !is_generic(above));
        let told = told(query);
        let is_clear = |reading: &&Reading| reading.strength == Strength::Clear;
        // "Show.S01E02.1080p-GRP/grp-sh102.mkv": the folder of a single episode names it.
        if is_short(name, near) && episodes::read(near).first().is_some_and(is_of_one_file) {
            name = near;
        }
        let mut readings = if told.is_empty() { episodes::read(name) } else { told };
        if !readings.first().is_some_and(|first| is_clear(&first)) {
            readings.splice(0..0, split_date(name, near, above));
        }
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
        Some(Self { name, season, numbered, readings, folders, first, strongest })
    }

    /// The season for a reading without one: that of a folder or of the show's name.
    pub(super) fn season_of(&self, show: &Show) -> Option<u32> {
        self.season.or(self.numbered).or(show.season)
    }

    /// The readings that count. If there is a number with a word for it, weaker readings mean
    /// something else and do not count.
    pub(super) fn counting(&self) -> impl Iterator<Item = &Reading> {
        let worded = self.strongest <= Some(Strength::Worded);
        self.readings.iter().take_while(move |r| !worded || r.strength <= Strength::Worded)
    }

    /// The shows that a reading may belong to: the host's show, the shows before the number, and, if
    /// the name gives no other show, the shows of the folders.
    pub(super) fn shows_of(&self, query: &Prepared<'_>, reading: &Reading) -> Vec<Show> {
        let Self { name, first, folders, .. } = self;
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
        if matches!(reading.said, Said::Aired(_)) {
            starts.extend(shows::before_weekday(name, start));
        }
        starts.extend(first.filter(|first| *first < start));
        let own = shows::before(name, &starts);
        let head = fold_title(shows::without_prefix(name.get(..start).unwrap_or_default()));
        let about = |folder: &&Show| {
            let titled = fold_title(&folder.title);
            let initials: String =
                titled.split(' ').filter_map(|word| word.chars().next()).collect();
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

    /// The shows that the names may mean, as the names give them.
    pub(super) fn shows(&self, query: &Prepared<'_>) -> Vec<Show> {
        self.counting().flat_map(|reading| self.shows_of(query, reading)).collect()
    }
}

/// Whether a folder names the episode of a single file, and not the episodes of all its files.
fn is_of_one_file(reading: &Reading) -> bool {
    let few = !matches!(&reading.said, Said::Numbered(_, numbers) if numbers.len() > 2);
    reading.strength == Strength::Clear && few
}

/// The day that folders and the name give together: `2023/11-08.mkv`, `2023/11/08.mkv`,
/// `2023-11/08.mkv`.
fn split_date(name: &str, near: &str, above: &str) -> Option<Reading> {
    let year = |folder: &str| folder.get(..4).is_some_and(|year| year.parse::<u16>().is_ok());
    let folders = match (year(above), year(near)) {
        (true, _) if above.len() == 4 => format!("{above}-{near}-"),
        (_, true) => format!("{near}-"),
        _ => return None,
    };
    let whole = format!("{folders}{name}");
    let pieces = pieces(&whole);
    let found = dates::at(&pieces, 0)?;
    let end = pieces.get(found.to.checked_sub(1)?)?.end().checked_sub(folders.len())?;
    let said = Said::Aired(found.day);
    Some(Reading { said, strength: Strength::Clear, start: 0, end })
}

/// The host's own values as readings.
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
