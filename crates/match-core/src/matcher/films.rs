//! Rules 6 and 7 for movies and videos.

use cache_store::{Error, Index, ItemRef};

use crate::answer::Answer;
use crate::matcher::reader::Reader;
use crate::names::extras::{self, Extra};
use crate::names::films;
use crate::names::parse::{self, Reading};
use crate::names::same::key;
use crate::names::spelling::generic::stem;
use crate::names::title_hashes as titles;
use crate::rules::candidates::Few;
use crate::rules::reading;
use crate::rules::{Prepared, fuzzy, title};

impl Reader<'_> {
    pub(super) fn by_movie(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let told: Vec<Reading> = reading::told(query.query).into_iter().collect();
        if let Some(answer) = self.by_readings(query, &told)? {
            return Ok(Some(answer));
        }
        let extra = extras::of(&query.path);
        match extra {
            Some(Extra::Name) => return self.by_whole_name(query),
            Some(Extra::Folder) => return self.extra_of(query),
            _ => {}
        }
        let mut readings = parse::before_years(&query.path);
        let mut answer = self.by_readings(query, &readings)?;
        if answer.is_none() {
            // Reading names without a year takes as long as a few lookups, so it is done second.
            let further = films::read(&query.path);
            answer = self.by_readings(query, &further)?;
            readings.extend(further);
        }
        if let Some(found) = answer {
            // A file in a folder below the movie's folder, with the movie's title, belongs to the
            // movie.
            let below = extra == Some(Extra::Below);
            if below {
                self.tried.say(|| "it is below the movie's folder, so it is an extra".to_owned());
            }
            return Ok(Some(found).filter(|_| !below));
        }
        readings.splice(0..0, told);
        // "Meadow - The Mill" is the first and the last part of "Meadow IV: The Mill".
        let ended = readings.iter().filter_map(|whole| {
            let (first, last) = whole.said.rsplit_once(" - ")?;
            Some((parse::reading(last, whole.year)?, key(first)))
        });
        let ended: Vec<(Reading, String)> = ended.collect();
        let whole = readings.iter().map(|reading| (reading, ""));
        let parts = whole.chain(ended.iter().map(|(last, first)| (last, first.as_str())));
        for (reading, first) in parts {
            let Some(year) = reading.year else { continue };
            let mut stored = Few::new();
            self.add(Index::Titles, titles::by_part(&reading.said, year), &mut stored)?;
            let items = self.items(&stored)?;
            let answer = title::part(query, reading, first, &items);
            let what = || format!("\"{}\" ({year}) as a part of a title", reading.said);
            self.tried.note(what, &items, answer.as_ref());
            if answer.is_some() {
                return Ok(answer);
            }
        }
        // A new item may have a more similar title, so the answer depends on the whole section.
        self.depends.whole_section = true;
        for reading in &readings {
            let Some(year) = reading.year else { continue };
            let mut stored = Few::new();
            for near in [year, year.saturating_sub(1), year.saturating_add(1)] {
                for hash in titles::by_likeness(&reading.title, near) {
                    self.add(Index::Titles, hash, &mut stored)?;
                }
            }
            let items = self.items(&stored)?;
            let answer = fuzzy::decide(query, reading, &items);
            let what = || format!("titles similar to \"{}\" ({year})", reading.title);
            self.tried.note(what, &items, answer.as_ref());
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    fn by_readings(
        &mut self,
        query: &Prepared<'_>,
        readings: &[Reading],
    ) -> Result<Option<Answer>, Error> {
        for reading in readings {
            let mut stored = Few::new();
            self.add(Index::Titles, titles::by_title(&reading.said), &mut stored)?;
            let items = self.items(&stored)?;
            let answer = title::movie(query, reading, &items);
            let year = || reading.year.map(|year| format!(" ({year})")).unwrap_or_default();
            let what = || format!("the title \"{}\"{}", reading.said, year());
            self.tried.note(what, &items, answer.as_ref());
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    /// A name that ends like an extra's is the item's only if the whole name is the title.
    fn by_whole_name(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let whole = query.file_name().map(stem).and_then(|name| parse::reading(name, None));
        let Some(reading) = whole else { return Ok(None) };
        let mut stored = Few::new();
        self.add(Index::Titles, titles::by_title(&reading.said), &mut stored)?;
        let mut items: Few<ItemRef<'_>> = self.items(&stored)?;
        // A name of one word only says which kind of extra it is.
        items.retain(|item| {
            reading.title.contains(' ') && titles::titles(item).any(|title| title == reading.title)
        });
        let answer = title::movie(query, &reading, &items);
        let what = || format!("an extra by its name, unless \"{}\" is a title", reading.said);
        self.tried.note(what, &items, answer.as_ref());
        if answer.is_none() {
            return self.extra_of(query);
        }
        Ok(answer)
    }

    /// An extra gets no answer, but the explanation names the movie to which it belongs.
    fn extra_of(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        if self.tried.is_written() {
            let folders = query.path.folders().rev().take(2).flat_map(parse::cut);
            let readings: Vec<Reading> = folders.collect();
            self.tried.say(|| "it is an extra of the movie that its folders name".to_owned());
            self.by_readings(query, &readings)?;
        }
        Ok(None)
    }
}
