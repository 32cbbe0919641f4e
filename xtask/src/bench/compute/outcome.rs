//! What was measured: plain data, for the terminal, the JSON, the page and the comparison. The
//! JSON is described in `docs/bench-json.md`.

use std::time::Duration;

use match_core::Timing;
use serde::{Deserialize, Serialize};
use testbed::corpus::Tally;

use super::scenario::Scenario;

/// Version of the JSON: goes up when a field changes its meaning or goes away.
pub(crate) const SCHEMA: u32 = 1;

/// A whole run of the bench.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) schema: u32,
    /// What it ran on.
    pub(crate) machine: Machine,
    /// Seed of what was generated.
    pub(crate) seed: u64,
    /// Items on the server of `scenarios`.
    pub(crate) items: usize,
    /// What happens to a library, one after the other, on one cache.
    pub(crate) scenarios: Vec<Scenario>,
    /// The rows of the call budget.
    #[serde(default)]
    pub(crate) budget: Vec<Scenario>,
    /// Other sizes, kinds of library, distances and troubles.
    #[serde(default)]
    pub(crate) matrix: Vec<Scenario>,
    /// What is measured over many runs or many single files.
    #[serde(default)]
    pub(crate) series: Option<Series>,
    /// What the rules make of files whose truth is known, by what is done to their names.
    #[serde(default)]
    pub(crate) accuracy: Vec<Accuracy>,
    /// How long all of it took, in seconds.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// How a real server behaved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Seen>,
}

impl Outcome {
    /// A run that has measured nothing yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            schema: SCHEMA,
            machine: Machine::here(),
            seed,
            items: 0,
            scenarios: Vec::new(),
            budget: Vec::new(),
            matrix: Vec::new(),
            series: None,
            accuracy: Vec::new(),
            seconds: 0.0,
            server: None,
        }
    }

    /// The groups with their titles.
    pub(crate) fn groups(&self) -> [(&'static str, &[Scenario]); 3] {
        [
            ("What happens to a library", &self.scenarios),
            ("The call budget", &self.budget),
            ("Sizes, kinds, distances, troubles", &self.matrix),
        ]
    }

    /// Every scenario of every group.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Scenario> {
        self.scenarios.iter().chain(&self.budget).chain(&self.matrix)
    }
}

/// What came of the files of one distortion.
#[derive(Serialize, Deserialize)]
pub(crate) struct Accuracy {
    pub(crate) distortion: String,
    #[serde(flatten)]
    pub(crate) tally: Tally,
}

/// How a real server behaved against our assumptions.
#[derive(Serialize, Deserialize)]
pub(crate) struct Seen {
    pub(crate) version: String,
    pub(crate) assumptions: Vec<Assumption>,
}

/// What it ran on.
#[derive(Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) os: String,
    pub(crate) arch: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        Self {
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
        }
    }
}

/// Measurements over many runs or many single files.
#[derive(Serialize, Deserialize)]
pub(crate) struct Series {
    /// A library that grows by one in a hundred between runs.
    pub(crate) runs: Vec<Run>,
    /// How long one file takes, by where its answer comes from.
    pub(crate) one_file: Vec<OneFile>,
}

/// One run of a series.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) items: u64,
    pub(crate) calls: u64,
    /// Part of the lookups that a remembered match answered, 0 to 1.
    pub(crate) hit_rate: f64,
}

/// Files asked for one at a time.
#[derive(Serialize, Deserialize)]
pub(crate) struct OneFile {
    pub(crate) name: String,
    pub(crate) what: String,
    pub(crate) calls: u64,
    pub(crate) timing: Timing,
}

/// One assumption and what was seen.
#[derive(Serialize, Deserialize)]
pub(crate) struct Assumption {
    pub(crate) question: String,
    pub(crate) seen: String,
    /// Whether it is as assumed. Where it is not, Matchbox is dearer, and not wrong.
    pub(crate) holds: bool,
}

/// The time in spans of one name, without the spans inside them.
#[derive(Default, Clone, Copy)]
pub(crate) struct Busy {
    pub(crate) times: u64,
    pub(crate) busy: Duration,
}
