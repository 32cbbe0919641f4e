//! Rule 6 for tracks.

use cache_store::{Error, Index};

use crate::answer::Answer;
use crate::matcher::reader::Reader;
use crate::names::same::key;
use crate::names::spelling::fold::fold;
use crate::names::title_hashes as titles;
use crate::names::tracks::{self, Track, without_guests};
use crate::rules::candidates::Few;
use crate::rules::{Prepared, track};

impl Reader<'_> {
    pub(super) fn by_track(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        for reading in readings(query) {
            let title = key(without_guests(&reading.title));
            let mut stored = Few::new();
            for artist in &reading.artists {
                let hash = titles::by_track(&key(without_guests(artist)), &title);
                self.add(Index::Titles, hash, &mut stored)?;
            }
            if let Some(number) = reading.number {
                let disc = reading.disc.unwrap_or(1);
                for album in reading.albums.iter().take(2) {
                    let hash = titles::by_place(&key(album), disc, number);
                    self.add(Index::Titles, hash, &mut stored)?;
                }
            }
            let items = self.items(&stored)?;
            let answer = track::track(query, &reading, &items);
            self.tried.note(|| format!("the track \"{}\"", reading.title), &items, answer.as_ref());
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }
}

/// The host's values, with the missing ones from the names; then the names alone.
fn readings(query: &Prepared<'_>) -> Vec<Track> {
    let mut readings = tracks::read(&query.path);
    let asked = query.query;
    let told = |text: &Option<String>| text.as_deref().map(|text| fold(text).into_owned());
    for reading in &mut readings {
        reading.disc = asked.disc.or(reading.disc);
        reading.number = asked.track.or(reading.number);
        if let Some(artist) = told(&asked.artist) {
            reading.artists.insert(0, artist);
        }
        if let Some(album) = told(&asked.album) {
            reading.albums = vec![album];
        }
    }
    if let Some(title) = told(&asked.title) {
        let mut first = readings.first().cloned().unwrap_or_default();
        first.title = title;
        first.disc = asked.disc.or(first.disc);
        first.number = asked.track.or(first.number);
        readings.insert(0, first);
    }
    readings
}
