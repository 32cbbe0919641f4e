//! The main scenarios once more, in other libraries.

use anyhow::Result;
use testbed::generate::Spec;
use testbed::server::Fault;

use super::input::{Input, Server};
use super::plan::{Mode, Variant};
use super::progress::Progress;
use super::result::Scenario;
use super::story::{self, Name};

/// Runs the variants.
pub(super) async fn run(
    variants: &[&'static Variant],
    mode: Mode,
    seed: u64,
    progress: &Progress,
) -> Result<Vec<Scenario>> {
    let mut scenarios = Vec::new();
    for variant in variants {
        let items = variant.items(mode);
        let spec = Spec { seed, items, kind: variant.kind };
        let input = Input::generated(&spec, None).await?;
        if let (Server::Simulated(pms), false) = (&input.server, variant.latency.is_zero()) {
            pms.set_fault(Fault::Latency(variant.latency));
        }
        let prefix = format!("{} ", variant.name);
        // The naive client keeps nothing, so once a library says what it costs in each run.
        let far = !variant.latency.is_zero();
        let naive: &[Name] = if far { &[] } else { &[Name::Repeat] };
        scenarios.extend(story::run(&prefix, variant.steps, naive, input, progress).await?);
    }
    Ok(scenarios)
}
