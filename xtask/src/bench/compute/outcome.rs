//! The measurements as plain data, for the terminal, the JSON, the page and the comparison.
//! `docs/bench-json.md` describes the JSON.

use std::time::Duration;

use match_core::Timing;
use serde::{Deserialize, Serialize};
use testbed::corpus::Tally;

use super::scenario::Scenario;

/// Version of the JSON. It goes up when a field changes its meaning or is removed.
pub(crate) const SCHEMA: u32 = 1;

/// A whole run of the bench.
#[derive(Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) schema: u32,
    /// The machine of the run.
    pub(crate) machine: Machine,
    /// Seed of the generated library and of its queries.
    pub(crate) seed: u64,
    /// Items on the server of `scenarios`.
    pub(crate) items: usize,
    /// The main scenarios, one after the other with one library and one cache.
    pub(crate) scenarios: Vec<Scenario>,
    /// The rows of the call budget.
    #[serde(default)]
    pub(crate) budget: Vec<Scenario>,
    /// The main scenarios with other sizes, kinds of library, latencies and faults.
    #[serde(default)]
    pub(crate) matrix: Vec<Scenario>,
    /// Measurements over many runs or many single files.
    #[serde(default)]
    pub(crate) series: Option<Series>,
    /// The results of the rules for files whose true item is known, by distortion of their names.
    #[serde(default)]
    pub(crate) accuracy: Vec<Accuracy>,
    /// How long the whole bench took, in seconds.
    #[serde(default)]
    pub(crate) seconds: f64,
    /// How a real server behaved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<Seen>,
}

impl Outcome {
    /// A run without measurements.
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

/// The results for the files of one distortion.
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

/// The machine of the run.
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
    /// The time of one file, by the source of its answer.
    pub(crate) one_file: Vec<OneFile>,
}

/// One run of a series.
#[derive(Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) items: u64,
    pub(crate) calls: u64,
    /// The share of lookups that a remembered match answered, 0 to 1.
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

/// One assumption and what the server did.
#[derive(Serialize, Deserialize)]
pub(crate) struct Assumption {
    pub(crate) question: String,
    pub(crate) seen: String,
    /// Whether the assumption holds. If not, Matchbox makes more calls, but no wrong answers.
    pub(crate) holds: bool,
}

/// The time in all spans with one name, without the spans inside them.
#[derive(Default, Clone, Copy)]
pub(crate) struct Busy {
    pub(crate) times: u64,
    pub(crate) busy: Duration,
}
