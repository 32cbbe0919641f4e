//! Rule 6 for tracks: title and artist, and album, disc and number to tell tracks apart.

use cache_store::ItemRef;

use super::title::chosen;
use super::{Prepared, weight};
use crate::answer::Answer;
use crate::names::same::Same;
use crate::names::title_hashes as titles;
use crate::names::tracks::{Track, without_guests};

/// Decides among tracks that were found by title and artist, or by their place on an album.
pub(crate) fn track(
    query: &Prepared<'_>,
    reading: &Track,
    items: &[ItemRef<'_>],
) -> Option<Answer> {
    let fitting = items.iter().filter_map(|item| Some((item, score(reading, item)?)));
    chosen(query, fitting)
}

/// How similar two names are, if need be without their guests: "Title (feat. Somebody)" is "Title".
fn same(title: &str, said: &str) -> Option<Same> {
    Same::of(title, said).or_else(|| {
        let same = Same::of(without_guests(title), without_guests(said));
        same.map(|same| same.max(Same::Letters))
    })
}

fn score(reading: &Track, item: &ItemRef<'_>) -> Option<u16> {
    let title = same(item.title, &reading.title);
    let album = item
        .parent_title
        .and_then(|album| reading.albums.iter().filter_map(|said| Same::of(album, said)).min());
    let placed = reading.untitled
        && album.is_some()
        && reading.number == item.index
        && reading.disc.unwrap_or(1) == item.parent_index.unwrap_or(1);
    let title = title.or(placed.then_some(Same::Key))?;
    let by = |artist: &str| reading.artists.iter().filter_map(|said| same(artist, said)).min();
    let artist = titles::artists(item).filter_map(by).min()?;
    let mut score = weight::TITLE_YEAR - weight::YEAR_UNKNOWN;
    score -= weight::spelling(title).max(weight::spelling(artist));
    if album.is_some() {
        score += weight::ALBUM_AGREES;
    }
    let differs = |ours: Option<u32>, theirs: Option<u32>| {
        ours.zip(theirs).is_some_and(|(ours, theirs)| ours != theirs)
    };
    let disc = differs(reading.disc, item.parent_index);
    if disc || differs(reading.number, item.index) {
        score -= weight::PLACE_DIFFERS;
    }
    Some(score)
}
