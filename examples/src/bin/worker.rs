//! One of several workers that share a server. Each matches its part of the files and has its own
//! cache file. What one of them asks the server, the others read from a Valkey or Redis
//! (`docs/shared-tier.md`). `docker-compose.yml` beside this package starts eight of them.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use examples::{Server, asked, end, media_files};
use match_core::{Engine, Query, Selection, SharedTier};

/// Matches every n-th media file of a folder. Ends with 3 if the server cannot be asked.
///
/// The engine's address is read from `TIER_URL`, and the secret of all workers from `TIER_SECRET`.
/// On a command line, other users of this machine could read them.
#[derive(Parser)]
struct Options {
    /// A folder of media files.
    folder: PathBuf,
    /// The number of this worker, from 1.
    #[arg(long, default_value_t = 1, env = "WORKER")]
    worker: usize,
    /// How many workers there are.
    #[arg(long, default_value_t = 1, env = "WORKERS")]
    of: usize,
    /// The server's `machineIdentifier`, as `URL/identity` shows it. It saves a new worker one
    /// call.
    #[arg(long, env = "PLEX_SERVER")]
    machine: Option<String>,
    /// Seconds until the next run. Without it, there is only one run.
    #[arg(long)]
    every: Option<f64>,
    #[command(flatten)]
    server: Server,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let Options { worker, of, .. } = *options;
    ensure!((1..=of).contains(&worker), "there is no worker {worker} of {of}");
    let address = std::env::var("TIER_URL").context("TIER_URL is not set")?;
    let secret = std::env::var("TIER_SECRET").context("TIER_SECRET is not set")?;
    let mut tier = SharedTier::new(address).with_secret(secret);
    tier.server.clone_from(&options.machine);
    let mut config = options.server.config();
    config.shared = Some(tier);
    let engine = Engine::open(options.server.client()?, config).await?;
    loop {
        let mut queries = Vec::new();
        for file in media_files(&options.folder)?.iter().skip(worker - 1).step_by(of) {
            queries.push(Query::from_file(file)?);
        }
        let count = queries.len();
        let run = engine.match_files(&Selection::All, queries).await?;
        let found = run.answers.iter().filter(|answer| answer.found().is_some()).count();
        println!("worker {worker}: {found} of {count} files found\n{}", run.report);
        let Some(seconds) = options.every else {
            asked(run.outage())?;
            break;
        };
        let pause = Duration::try_from_secs_f64(seconds).context("--every")?;
        // Killing a worker loses nothing: what it read is in its cache file, and in the engine.
        tokio::time::sleep(pause).await;
    }
    engine.close().await?;
    Ok(())
}
