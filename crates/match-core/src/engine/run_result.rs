//! The result of a run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use plex_api::RatingKey;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::answer::{Answer, Reason};
use crate::query::Query;
use crate::report::Report;

/// The answers of a run, in the order of its queries, and what it cost.
///
/// As JSON: `{"files": [{"path": "...", "answer": "found", ...}], "outage": null, "stale": null,
/// "report": {...}}`; `docs/json.md` has every field.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Run {
    /// The queries of the run.
    pub queries: Arc<Vec<Query>>,
    /// One for each query, in the same order.
    pub answers: Vec<Answer>,
    pub(crate) outage: Option<Reason>,
    /// The answers as they were when the server could last be asked. They are given only if the
    /// server cannot be asked now and [`EngineConfig::stale`](crate::EngineConfig::stale) allows
    /// it. The answers themselves are then unknown.
    pub stale: Option<Stale>,
    /// What the run did, and what it cost.
    pub report: Report,
}

impl Run {
    /// Each query with its answer.
    pub fn pairs(&self) -> impl Iterator<Item = (&Query, &Answer)> {
        self.queries.iter().zip(&self.answers)
    }

    /// Why the server could not be asked, or why it refused. `None` if it could be asked. This is
    /// the reason for the whole run: every answer is then unknown, with the same reason.
    pub fn outage(&self) -> Option<&Reason> {
        self.outage.as_ref()
    }

    /// Every item that the answers name, each once, in ascending order.
    /// [`Engine::describe`](crate::Engine::describe) takes this list.
    pub fn keys(&self) -> Vec<RatingKey> {
        let keys: BTreeSet<RatingKey> = self.answers.iter().flat_map(Answer::keys).collect();
        keys.into_iter().collect()
    }
}

/// Answers that were true some time ago.
///
/// As JSON: `{"age_seconds": 600, "answers": [{"answer": "found", ...}]}`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Stale {
    /// One for each query, in the same order. An answer is unknown if the file's absence is not
    /// proven.
    pub answers: Vec<Answer>,
    /// How long ago the server was asked for the stamps of these answers.
    pub age: Duration,
}

impl Serialize for Run {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct File<'a> {
            path: &'a str,
            #[serde(flatten)]
            answer: &'a Answer,
        }
        let files = self.pairs().map(|(query, answer)| File { path: &query.path, answer });
        let files: Vec<File<'_>> = files.collect();
        let mut form = serializer.serialize_struct("Run", 4)?;
        form.serialize_field("files", &files)?;
        form.serialize_field("outage", &self.outage)?;
        form.serialize_field("stale", &self.stale)?;
        form.serialize_field("report", &self.report)?;
        form.end()
    }
}

impl Serialize for Stale {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("Stale", 2)?;
        form.serialize_field("age_seconds", &self.age.as_secs())?;
        form.serialize_field("answers", &self.answers)?;
        form.end()
    }
}
