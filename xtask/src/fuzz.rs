//! `cargo xtask fuzz`: plays one target of `tests/fuzz` for as long as you like.
//!
//! With `CARGO_PROFILE_XTASK_OVERFLOW_CHECKS=true` in the environment, a number that overflows is a
//! finding too, as it is in the tests.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

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
    if target.may_die && options.seconds > TURN {
        return play_in_turns(name, options.seconds, seed);
    }
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

/// How long one process plays a target that may end its process, in seconds.
const TURN: u64 = 20;

/// Plays a target in one process after the other, each with the next seed. An end that is a known
/// defect of redb (see `docs/testing.md`) is counted, and the next process goes on.
#[expect(clippy::disallowed_methods, reason = "processes are played for some wall time")]
fn play_in_turns(name: &str, seconds: u64, first: u64) -> Result<()> {
    let (started, program) = (Instant::now(), std::env::current_exe()?);
    let (mut executions, mut died) = (0_u64, 0);
    for seed in first.. {
        let left = seconds.saturating_sub(started.elapsed().as_secs());
        if left == 0 {
            break;
        }
        let mut child = Command::new(&program);
        child.args(["fuzz", name, "--seconds", &left.min(TURN).to_string()]);
        let played = child.args(["--seed", &seed.to_string()]).output()?;
        let (told, errors) =
            (String::from_utf8_lossy(&played.stdout), String::from_utf8_lossy(&played.stderr));
        if played.status.success() {
            executions += executions_in(&told).with_context(|| told.clone().into_owned())?;
        } else if played.status.code().is_none() && errors.contains(TWICE) {
            died += 1;
        } else {
            bail!("seed {seed}:\n{told}{errors}");
        }
    }
    let minutes = started.elapsed().as_secs_f64() / 60.0;
    println!(
        "{name}: {executions} executions in {minutes:.1} minutes, nothing found; redb ended {died} \
         processes"
    );
    Ok(())
}

/// What Rust prints before it ends a process because redb panicked while it handled a panic.
const TWICE: &str = "panic in a destructor during cleanup";

/// The number before the word "executions".
fn executions_in(told: &str) -> Option<u64> {
    let (before, _) = told.split_once(" executions")?;
    before.rsplit(' ').next()?.parse().ok()
}
