//! The score of each kind of agreement, in thousandths.
//!
//! Scores rank the candidates of one rule, and the evidence shows them. Rules are compared by their
//! order, never by score. A stronger rule still has a higher score, so that readers of reports are
//! not misled.

use crate::names::same::Same;

/// The whole path agrees: nothing is more certain.
pub(super) const WHOLE_PATH: u16 = 1_000;
/// File name and one folder agree. Each further folder adds [`PER_FOLDER`].
pub(super) const FOLDERS: u16 = 800;
/// Each further folder that agrees adds this, up to just below a whole path.
pub(super) const PER_FOLDER: u16 = 25;
/// File name and size in bytes agree: as good as two folders.
pub(super) const SIZE: u16 = 850;
/// File name and duration agree: files of one series often have the same duration.
pub(super) const DURATION: u16 = 700;
/// Only the file name agrees.
pub(super) const FILE_NAME: u16 = 500;

/// One guid agrees: as certain as a path of two folders, but it names the work, not the file.
pub(super) const GUID: u16 = 750;
/// Each further guid that agrees adds this, up to four.
pub(super) const PER_GUID: u16 = 25;
/// The cost of a guid that differs although both sides have one of its scheme.
pub(super) const GUID_DIFFERS: u16 = 300;

/// Title and year agree: there may be two movies of that title in that year.
pub(super) const TITLE_YEAR: u16 = 400;
/// The cost of a year that is off by one: agents and releases differ around New Year.
pub(super) const YEAR_OFF_BY_ONE: u16 = 50;
/// The cost if one side has no year: remakes share their title.
pub(super) const YEAR_UNKNOWN: u16 = 100;
/// The cost if the titles differ in signs that are not letters.
pub(super) const SIGNS_DIFFER: u16 = 1;
/// The cost if the titles differ in an article at the start or the end.
pub(super) const ARTICLES_DIFFER: u16 = 2;
/// The cost if the titles differ in their spaces ("E.T.", "ET"). A title without such a difference
/// comes first, and with it the titles do not count as equal any more.
pub(super) const SPACES_DIFFER: u16 = 5;
/// The cost if the titles differ in their alphabet, or in how a number is written.
pub(super) const LETTERS_DIFFER: u16 = 8;
/// The cost if only one of two shows has a year or a country next to its title.
pub(super) const BESIDE_DIFFERS: u16 = 20;
/// The cost if only a part of the title agrees, with the year.
pub(super) const PART_OF_TITLE: u16 = 60;
/// The cost if an edition is named and the item is of another edition, or of none.
pub(super) const EDITION_DIFFERS: u16 = 20;
/// An album that agrees adds this to a track.
pub(super) const ALBUM_AGREES: u16 = 30;
/// The cost of another disc or track number: tags and folders often count differently.
pub(super) const PLACE_DIFFERS: u16 = 15;
/// The score of a similar title, times its similarity. The best similar title stays below an equal
/// title whose year is off by one.
pub(super) const FUZZY: u16 = 340;

/// An equal size adds this to a title or a guid: sizes in bytes do not agree by chance.
pub(super) const SIZE_AGREES: u16 = 60;
/// An equal duration adds this: another cut of a movie has another duration.
pub(super) const DURATION_AGREES: u16 = 30;

/// Durations agree if they differ by no more than this: players and servers round.
pub(super) const DURATION_SLACK_MS: u64 = 1_500;
/// Smaller sizes may agree by chance: samples, and files that are being copied.
pub(super) const TELLING_SIZE: u64 = 1 << 20;

/// The lowest similarity of similar titles: one letter in eight differs.
pub(super) const SIMILAR: f64 = 0.87;
/// The best title has to be this much more similar than the next.
pub(super) const CLEARLY: u16 = 15;

/// The score of a file name and the folders above it that agree.
pub(super) fn folders(tail: usize) -> u16 {
    if tail < 2 {
        return FILE_NAME;
    }
    let more = u16::try_from(tail - 2).unwrap_or(u16::MAX);
    FOLDERS.saturating_add(more.saturating_mul(PER_FOLDER)).min(WHOLE_PATH - 1)
}

/// What a title loses that is not spelled as the item's.
pub(super) fn spelling(same: Same) -> u16 {
    match same {
        Same::Spelling => 0,
        Same::Words => SIGNS_DIFFER,
        Same::Folded => ARTICLES_DIFFER,
        Same::Letters => SPACES_DIFFER,
        Same::Key => LETTERS_DIFFER,
    }
}
