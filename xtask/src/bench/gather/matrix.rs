//! Plays the main scenarios again, with other libraries, latencies and faults.

use anyhow::Result;
use testbed::generate::Spec;

use super::input::Input;
use super::plan::{Mode, Variant};
use super::progress::Progress;
use super::story::Story;
use crate::bench::compute::scenario::Scenario;

/// Runs the variants.
pub(crate) async fn run(
    variants: &[&'static Variant],
    mode: Mode,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for variant in variants {
        let spec = Spec { seed, items: variant.items(mode), kind: variant.kind };
        let input = Input::generated(&spec).await?;
        let prefix = format!("{} ", variant.name);
        let story = Story { prefix, wanted: variant.steps, trouble: variant.trouble, python: None };
        for mut scenario in story.play(input, progress).await? {
            scenario.situation = format!("{}: {}", variant.what, scenario.situation);
            scenarios.push(scenario);
        }
    }
    Ok(scenarios)
}
