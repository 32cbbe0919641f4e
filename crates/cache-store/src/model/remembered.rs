//! Remembered matches: the answer, its reason, and when it stops being valid.

use plex_api::{RatingKey, UnixSeconds};
use smallvec::SmallVec;

use crate::model::index::Index;
use crate::model::revision::Revision;

/// blake3 (128 bits) of everything that decides a match. The matcher computes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchKey(pub [u8; 16]);

/// A remembered answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatchRecord {
    /// The answer.
    pub outcome: Outcome,
    /// The reason for the answer.
    pub evidence: RecordedEvidence,
    /// The index buckets that were read for the answer.
    pub depends: Depends,
    /// The rules for titles and guids were tried, too. If not, the answer rests on paths alone.
    pub all_rules: bool,
    /// The section's revision when the answer was found, or last checked and still valid.
    pub verified_at: Revision,
    /// When the answer was last given, to within a week. Better precision would make every read a
    /// write.
    pub last_used: UnixSeconds,
    /// When the host reported that it applied its metadata to the item, by our clock. A match is
    /// remembered as soon as it is found. So after a crash before this report, the match does not
    /// count as synced.
    pub applied_at: Option<UnixSeconds>,
    /// The last answer that the host reported as wrong.
    pub failed: Option<Failure>,
}

/// A failed match: the host found that the item does not belong to the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The item.
    pub rating_key: RatingKey,
    /// When the host reported it, by our clock.
    pub at: UnixSeconds,
    /// The reason, in the host's words.
    pub why: String,
}

/// The answer itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One item.
    Found {
        /// The item.
        rating_key: RatingKey,
        /// Other items with the very same file, ascending.
        others: Vec<RatingKey>,
        /// The version (`Media`) of the item that the file belongs to, counted from 0.
        version: u16,
        /// The confidence is high and not low.
        high: bool,
    },
    /// Several items that no rule can tell apart, best first.
    Ambiguous(Vec<RatingKey>),
    /// The file is not in the section. This is stored only when the state proves it.
    Absent,
}

/// The matcher's reasons as numbers. The matcher gives them their names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordedEvidence {
    /// Number of the rule that decided, or 0 for none.
    pub rule: u8,
    /// How many path components agreed, counting from the file name.
    pub components: u16,
    /// Score of the answer, in thousandths.
    pub score: u16,
    /// Score of the best other candidate, in thousandths. 0 when there was none.
    pub runner_up: u16,
    /// The best other candidate.
    pub rival: Option<RatingKey>,
    /// The path mapping of the settings that made the paths agree.
    pub mapping: Option<u16>,
}

/// The index buckets that an answer depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Depends {
    /// The buckets, by index and hash, including empty ones.
    pub buckets: SmallVec<[(Index, u64); 1]>,
    /// The answer depends on the whole section (fuzzy rules), so any change ends it.
    pub whole_section: bool,
}
