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
mod bytes;
mod candidates;
mod engine;
mod evidence;
mod explain;
mod fold;
mod generic;
#[cfg(test)]
mod held;
mod index;
mod key;
mod mapping;
mod matcher;
mod names;
mod parallel;
mod parse;
mod path;
mod progress;
mod query;
mod recorded;
mod report;
mod rules;
mod sections;
mod settings;
mod sync;
#[cfg(test)]
mod testing;
mod titles;
mod year;

pub use answer::{Answer, Confidence, Decision, Match, Reason};
pub use cache_store::{
    CachedItem, EditProgress, Error, Failure, Metadata, Policy, Progress, RunId, Selection,
    Sharing, Watched,
};
pub use candidates::SectionContext;
pub use engine::{Engine, EngineConfig, Run, Stale};
pub use evidence::{Evidence, Rule, Source};
pub use explain::Explained;
pub use fold::{fold, fold_title};
pub use index::INDEXING;
pub use key::match_key;
pub use mapping::{MIN_SUPPORT, MappingSuggestion, PathMapping, suggest_mappings};
pub use matcher::{explain_one, match_one};
pub use parallel::{match_all, match_chunks};
pub use path::FoldedPath;
pub use progress::{OnProgress, Phase, RunProgress};
pub use query::Query;
pub use recorded::{from_record, to_record};
pub use report::{
    AnswerCounts, ESTIMATE_RULE, LookupCounts, Phases, Report, StepReport, Timing,
    calls_without_cache,
};
pub use rules::Rules;
pub use sections::merge;
pub use settings::{ALGORITHM, AlgorithmVersion, Settings};
pub use sync::{
    Change, EditCounts, EditFailure, EditOptions, EditOutcome, EditRun, Fetched, Level, NotTried,
    OnForeign, PlannedRequest, Refusal, Step, Uploaded, Verified,
};
