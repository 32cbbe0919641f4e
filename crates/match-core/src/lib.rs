#![doc = include_str!("../README.md")]

mod answer;
mod edit;
mod engine;
mod evidence;
mod explain;
#[cfg(test)]
mod held;
#[cfg(test)]
mod json_page;
mod mapping;
mod matcher;
mod names;
#[cfg(feature = "nfo")]
mod nfo;
mod query;
mod report;
mod rules;
mod settings;
#[cfg(test)]
mod testing;

// Names for a host, from this crate.
pub use answer::{Answer, Confidence, Match, Reason};
#[cfg(feature = "shared")]
pub use cache_store::{Miss, SharedCounts, SharedTier};
pub use edit::{
    Change, EditCounts, EditFailure, EditOptions, EditOutcome, EditRun, Fetched, Level, NotTried,
    OnForeign, PlannedRequest, Refusal, Step, Uploaded, Verification, Verified,
};
pub use engine::describe::Described;
pub use engine::progress::{OnProgress, Phase, RunProgress};
pub use engine::run_result::{Run, Stale};
pub use engine::{Engine, EngineConfig};
pub use evidence::{Evidence, Rule, Source};
pub use mapping::{MIN_SUPPORT, MappingSuggestion, PathMapping};
#[cfg(feature = "nfo")]
pub use nfo::Nfo;
pub use query::Query;
pub use report::{AnswerCounts, FailedSection, LookupCounts, Phases, Report, StepReport, Timing};
pub use settings::{ALGORITHM, AlgorithmVersion, Settings};

// What a host needs from the crates below, so that it depends only on this one.
#[doc(inline)]
pub use cache_store::{
    CachedItem, CachedPart, Changes, Checked, Clear, Cleared, Compacted, DiskFault, EditProgress,
    Error, Failure, FileFilter, Lookups, Metadata, NoDisk, Opened, Plan, PlanReason, Policy,
    Progress, Revision, RunId, SectionId, SectionStamp, SectionState, SectionStats, Selection,
    Sharing, Stats, Store, TableStats, Unwritable, Upgrade, Watched,
};
#[doc(inline)]
pub use plex_api::{
    Artwork, BreakerPolicy, Calls, Class, Client, Clock, Config, Edit, Endpoint,
    Error as PlexError, ErrorKind, Field, Identity, ItemKind, Location, MediaId, PartId, Private,
    RatingKey, RetryPolicy, Section, SectionKey, SectionKind, SectionUuid, Server, Tag, TagField,
    Tally, Token, UnixSeconds, reveal_private,
};
// What is needed to read the stream of `Engine::watch`, and the runtime that everything uses.
#[doc(no_inline)]
pub use futures::StreamExt;
#[doc(no_inline)]
pub use tokio;

// The parts that need no server. They are for tools, benchmarks and tests, not for a host.
#[doc(hidden)]
pub use answer::Decision;
#[doc(hidden)]
pub use engine::remembered::{from_record, to_record};
#[doc(hidden)]
pub use explain::Explained;
#[doc(hidden)]
pub use mapping::suggest_mappings;
#[doc(hidden)]
pub use matcher::indexing::INDEXING;
#[doc(hidden)]
pub use matcher::key::match_key;
#[doc(hidden)]
pub use matcher::many::{match_all, match_chunks};
#[doc(hidden)]
pub use matcher::merge::merge;
#[doc(hidden)]
pub use matcher::one::{explain_one, match_one};
#[doc(hidden)]
pub use names::spelling::fold::{fold, fold_title};
#[doc(hidden)]
pub use names::spelling::path::FoldedPath;
#[doc(hidden)]
pub use report::calls_without_cache;
#[doc(hidden)]
pub use rules::Rules;
#[doc(hidden)]
pub use rules::candidates::SectionContext;
