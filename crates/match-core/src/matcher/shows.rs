//! Rule 6 for episodes whose rows do not settle which show is meant. It uses the section's shows.
//!
//! The shows are read in three cases: the names have an id of the show; the names have a year of
//! the show that no row confirms; or no show that they may mean has an episode in the section.

use cache_store::{Error, Index};

use crate::answer::Answer;
use crate::matcher::episodes::Answered;
use crate::matcher::reader::Reader;
use crate::matcher::spoken::Spoken;
use crate::names::episodes::Strength;
use crate::names::shows::Show;
use crate::names::spelling::fold::fold;
use crate::names::title_hashes as titles;
use crate::rules::Prepared;
use crate::rules::episode::{self, Asked, ById};
use crate::rules::shows::{KnownShows, keys};

impl<'v> Reader<'v> {
    /// Whether the rows of episodes settle a name.
    pub(super) fn is_settled(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        ids: &[String],
        by_rows: Option<&Answered>,
    ) -> Result<bool, Error> {
        if spoken.readings.is_empty() {
            return Ok(true); // the names show no episode
        }
        if !ids.is_empty() {
            return Ok(false);
        }
        if let Some((answer, says_year)) = by_rows {
            return Ok(!says_year || episode::knows_the_year(answer));
        }
        let mut there = false;
        for show in spoken.shows(query) {
            if show.year.is_some() {
                return Ok(false);
            }
            for key in keys(&show.title) {
                there = there || !self.bucket(Index::Titles, titles::by_show(&key))?.is_empty();
            }
        }
        Ok(there)
    }

    /// The answer from the section's shows. While the shows are not known, the answer is the one
    /// from the rows.
    pub(super) fn by_known_shows(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        ids: &[String],
        by_rows: Option<Answered>,
    ) -> Result<Option<Answer>, Error> {
        // Any show that is added or edited may be the right one.
        self.rests_on_shows = true;
        self.depends.whole_section = true;
        let known = self.known_shows()?;
        if known.is_empty() {
            return Ok(by_rows.map(|(answer, _)| answer));
        }
        self.tried.say(|| "the episodes alone do not settle it: the shows are asked".to_owned());
        if let Some(answer) = self.by_id_of_show(query, spoken, ids, known)? {
            return Ok(Some(answer));
        }
        let answered = self.by_spoken(query, spoken, Some((known, ids)))?;
        Ok(answered.map(|(answer, _)| answer))
    }

    fn by_id_of_show(
        &mut self,
        query: &Prepared<'_>,
        spoken: &Spoken<'_>,
        ids: &[String],
        known: &'v KnownShows,
    ) -> Result<Option<Answer>, Error> {
        let said = spoken.shows(query);
        for reading in spoken.counting() {
            let Some((meant, sure)) = known.with_ids(ids, &said) else { break };
            let title = meant.titles().next().map(fold).unwrap_or_default();
            let Some(show) = Show::new(&title) else { break };
            let sure = sure && reading.strength == Strength::Clear;
            let asked = Asked { show: &show, meant: Some(meant), by_id: Some(ById { sure }) };
            let answer = self.by_reading(query, spoken, reading, &asked)?;
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }

    /// The section's shows. They are read once for all queries that are matched together.
    fn known_shows(&self) -> Result<&'v KnownShows, Error> {
        let context = self.context;
        if let Some(known) = context.shows.get() {
            return Ok(known);
        }
        let known = KnownShows::new(self.view.shows(self.section)?);
        Ok(context.shows.get_or_init(|| known))
    }
}
