//! Remembered matches: what was answered, why, and when the answer stops being valid.

use plex_api::{RatingKey, UnixSeconds};
use smallvec::SmallVec;

use crate::model::index::Index;
use crate::model::revision::Revision;

/// blake3 (128 bits) of everything that decides a match; made by the matcher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKey(pub [u8; 16]);

/// A remembered answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchRecord {
    /// What was answered.
    pub outcome: Outcome,
    /// Why.
    pub evidence: RecordedEvidence,
    /// Which index buckets were looked into.
    pub depends: Depends,
    /// The rules that read titles and guids were tried too; if not, the answer is what the
    /// paths say.
    pub all_rules: bool,
    /// The section's revision when the answer was found or last found to hold.
    pub verified_at: Revision,
    /// When the answer was last given, to within a week: dearer precision would make every read
    /// a write.
    pub last_used: UnixSeconds,
    /// When the host said that it applied its metadata to the item, by our clock. A match is
    /// remembered when it is found, so a crash before this cannot count as synced.
    pub applied_at: Option<UnixSeconds>,
    /// The last answer of which the host said that it is wrong.
    pub failed: Option<Failure>,
}

/// A match that failed: the host found that the item is not the file's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The item.
    pub rating_key: RatingKey,
    /// When the host said so, by our clock.
    pub at: UnixSeconds,
    /// Why, in the host's words.
    pub why: String,
}

/// The answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One item.
    Found {
        /// The item.
        rating_key: RatingKey,
        /// Other items that hold the very same file, ascending.
        others: Vec<RatingKey>,
        /// The version (`Media`) of the item the file belongs to, counted from 0.
        version: u16,
        /// High confidence rather than low.
        high: bool,
    },
    /// Several items that nothing tells apart, best first.
    Ambiguous(Vec<RatingKey>),
    /// Not in the section. Stored only from a state that proves it.
    Absent,
}

/// The matcher's reasons as numbers; the matcher gives them their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordedEvidence {
    /// Number of the rule that decided, 0 for none.
    pub rule: u8,
    /// How many path components agreed, counted from the file name.
    pub components: u16,
    /// Score of the answer, in thousandths.
    pub score: u16,
    /// Score of the best other candidate, in thousandths; 0 when there was none.
    pub runner_up: u16,
    /// The best other candidate.
    pub rival: Option<RatingKey>,
    /// Which path mapping of the settings made the paths agree.
    pub mapping: Option<u16>,
}

/// The index buckets an answer was made from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depends {
    /// The buckets, by index and hash; also those that were found empty.
    pub buckets: SmallVec<[(Index, u64); 1]>,
    /// The answer rests on the whole section (fuzzy rules): any change ends it.
    pub whole_section: bool,
}
