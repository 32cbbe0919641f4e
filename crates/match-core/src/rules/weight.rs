//! What each kind of agreement is worth, in thousandths.
//!
//! Scores rank candidates of one rule and are shown as evidence; rules are compared by their
//! order, never by score. A stronger rule scores higher all the same, so that a reader of
//! reports is not misled.

use crate::names::same::Same;

/// The whole path agrees: nothing is surer.
pub(super) const WHOLE_PATH: u16 = 1_000;
/// File name and one folder; each further folder adds [`PER_FOLDER`].
pub(super) const FOLDERS: u16 = 800;
/// What another agreeing folder adds, up to just below a whole path.
pub(super) const PER_FOLDER: u16 = 25;
/// File name and size in bytes: as good as two folders.
pub(super) const SIZE: u16 = 850;
/// File name and duration: files of one series are often equally long.
pub(super) const DURATION: u16 = 700;
/// File name alone.
pub(super) const FILE_NAME: u16 = 500;

/// One guid agrees: as sure as a path of two folders, but of the work, not of the file.
pub(super) const GUID: u16 = 750;
/// Each further guid that agrees, up to four.
pub(super) const PER_GUID: u16 = 25;
/// What a guid of a scheme loses that both have and that differs.
pub(super) const GUID_DIFFERS: u16 = 300;

/// Title and year agree: there may be two movies of that title in that year.
pub(super) const TITLE_YEAR: u16 = 400;
/// What a year that is off by one costs: agents and releases differ around New Year.
pub(super) const YEAR_OFF_BY_ONE: u16 = 50;
/// What it costs when one side knows no year: remakes share their title.
pub(super) const YEAR_UNKNOWN: u16 = 100;
/// What it costs when titles differ in signs that are no letters.
pub(super) const SIGNS_DIFFER: u16 = 1;
/// What it costs when they differ in an article before or behind.
pub(super) const ARTICLES_DIFFER: u16 = 2;
/// What it costs when titles differ in their spaces ("E.T.", "ET"): enough to stand back behind
/// one that does not, and to be no equal title any more.
pub(super) const SPACES_DIFFER: u16 = 5;
/// What it costs when they differ in their alphabet, or in how a number is written.
pub(super) const LETTERS_DIFFER: u16 = 8;
/// What it costs when only one of two shows has a year or a country beside its title.
pub(super) const BESIDE_DIFFERS: u16 = 20;
/// What it costs when only a part of the title agrees, with the year.
pub(super) const PART_OF_TITLE: u16 = 60;
/// What it costs when an edition is named and the item is of another, or of none.
pub(super) const EDITION_DIFFERS: u16 = 20;
/// What an album that agrees adds to a track.
pub(super) const ALBUM_AGREES: u16 = 30;
/// What another disc or number costs a track: tags and folders often count differently.
pub(super) const PLACE_DIFFERS: u16 = 15;
/// A similar title is worth this much of its similarity, so that the best of them stays
/// below an equal title whose year is off by one.
pub(super) const FUZZY: u16 = 340;

/// What an equal size adds to a title or a guid: bytes do not agree by chance.
pub(super) const SIZE_AGREES: u16 = 60;
/// What an equal duration adds: another cut of the same movie has another.
pub(super) const DURATION_AGREES: u16 = 30;

/// Durations agree when they differ by no more than this: players and servers round.
pub(super) const DURATION_SLACK_MS: u64 = 1_500;
/// Sizes below this may agree by chance: samples, and files that are being copied.
pub(super) const TELLING_SIZE: u64 = 1 << 20;

/// Similarity below this is no similarity: one letter in eight.
pub(super) const SIMILAR: f64 = 0.87;
/// How much more similar the best title has to be than the next.
pub(super) const CLEARLY: u16 = 15;

/// The score of a file name with the folders that agree above it.
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
