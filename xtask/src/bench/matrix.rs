//! The main scenarios once more, in other libraries.

use anyhow::Result;
use testbed::generate::Spec;

use super::input::Input;
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
        let prefix = format!("{} ", variant.name);
        // The naive client keeps nothing, so once a library says what it costs in each run.
        let naive = &[Name::Repeat];
        scenarios.extend(story::run(&prefix, variant.steps, naive, input, progress).await?);
    }
    Ok(scenarios)
}
