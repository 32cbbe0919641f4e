//! Which Plex item is this local file? Queries in, answers out.
//!
//! [`Engine`] is what a host embeds: it keeps a cache of a server's sections up to date with
//! as few calls as explain every change, and answers from it. Below it are the parts that need
//! no server: [`match_key`] and the folding behind it, the rules, and [`match_all`], which
//! runs them in parallel.
//!
//! An [`Answer`] is one of four: found, ambiguous, absent (proven), unknown (the server could
//! not be asked). An outage is never read as absence.
//!
//! ```no_run
//! use match_core::{Answer, Engine, EngineConfig, Query, Selection};
//! use plex_api::{Client, Config, Token};
//!
//! # async fn example() -> Result<(), match_core::Error> {
//! let client = Client::new(Config::new("http://nas:32400", Token::new("secret")))?;
//! let engine = Engine::open(client, EngineConfig::new("nas.matchbox")).await?;
//! let queries = vec![Query::new("/mnt/films/Alien (1979)/Alien.mkv")];
//! let run = engine.match_files(&Selection::section("Movies"), queries).await?;
//! if let Answer::Found(found) = &run.answers[0] {
//!     println!("item {}, because of rule {}", found.rating_key, found.evidence.rule);
//! }
//! println!("{}", run.report);
//! engine.close().await
//! # }
//! ```

mod answer;
mod edit;
mod engine;
mod evidence;
mod explain;
#[cfg(test)]
mod held;
mod mapping;
mod matcher;
mod names;
mod query;
mod report;
mod rules;
mod settings;
#[cfg(test)]
mod testing;

// What a host names: our own, and what it needs of the crates below.
pub use answer::{Answer, Confidence, Match, Reason};
pub use cache_store::{
    CachedItem, Changes, Clear, Cleared, EditProgress, Error, Failure, Metadata, Opened, Plan,
    PlanReason, Policy, Progress, RunId, SectionId, SectionState, Selection, Sharing, Store,
    Watched,
};
#[cfg(feature = "shared")]
pub use cache_store::{Miss, SharedCounts, SharedTier};
pub use edit::{
    Change, EditCounts, EditFailure, EditOptions, EditOutcome, EditRun, Fetched, Level, NotTried,
    OnForeign, PlannedRequest, Refusal, Step, Uploaded, Verified,
};
pub use engine::progress::{OnProgress, Phase, RunProgress};
pub use engine::{Engine, EngineConfig, Run, Stale};
pub use evidence::{Evidence, Rule, Source};
pub use mapping::{MIN_SUPPORT, MappingSuggestion, PathMapping};
pub use query::Query;
pub use report::{AnswerCounts, ESTIMATE_RULE, LookupCounts, Phases, Report, StepReport, Timing};
pub use settings::{ALGORITHM, AlgorithmVersion, Settings};

// The parts that need no server, for the tools, benchmarks and tests; for no host.
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
