//! `cargo xtask fuzz`: plays one target of `tests/fuzz` for as long as you like.
//!
//! With `CARGO_PROFILE_XTASK_OVERFLOW_CHECKS=true` in the environment, a number that overflows is a
//! finding too, as it is in the tests.

use std::path::PathBuf;
use std::time::Duration;

use ::fuzz::{Played, TARGETS, play, replay, target};
use anyhow::{Context, Result, bail};

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The target to play. Without it, all targets are listed.
    name: Option<String>,
    /// How long to play, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// The same seed draws the same inputs. Without this, a seed is chosen and printed.
    #[arg(long)]
    seed: Option<u64>,
    /// Play only the input in this file.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seconds", "seed"])]
    replay: Option<PathBuf>,
}

/// Plays a target, or lists all targets.
///
/// # Errors
/// When an input breaks a promise. The message has the input and how to play it again.
pub(crate) fn run(options: &Options) -> Result<()> {
    let Some(name) = &options.name else {
        for target in &TARGETS {
            println!("{:8} {}", target.name, target.about);
        }
        return Ok(());
    };
    let Some(target) = target(name) else {
        bail!("there is no target {name}: `cargo xtask fuzz` lists them");
    };
    if let Some(path) = &options.replay {
        let input = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        replay(target, &input).map_err(|finding| anyhow::anyhow!("{finding}"))?;
        println!("{name}: nothing is broken");
        return Ok(());
    }
    let seed = options.seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("{name}: seed {seed}");
    match play(target, Duration::from_secs(options.seconds), seed) {
        Ok(Played { executions, took }) => {
            let each = took.as_secs_f64() / 60.0;
            println!("{name}: {executions} executions in {each:.1} minutes, nothing found");
            Ok(())
        }
        Err(finding) => bail!("{}", finding.keep()),
    }
}
