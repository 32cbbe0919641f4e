//! `cargo xtask <command>`: checks, benchmarks and tools for Matchbox, one file for each command.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a program for the terminal; its input is checked where it is read"
)]

mod assumptions;
mod bench;
mod cache;
mod conformance;
mod corpus;
mod doctor;
mod explain;
mod fuzz;
mod serve;
mod table;

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_chrome::ChromeLayerBuilder;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// Tools around Matchbox. `RUST_LOG=debug` shows its log.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure Matchbox against a naive client on a simulated server, and check every answer.
    Bench(Box<bench::Options>),
    /// Inspect or clean a cache file: stats, check, clear, compact.
    Cache(cache::Options),
    /// Do the work of one process in a bench with several processes. It has no other use.
    #[command(hide = true)]
    Child,
    /// Decode captured payloads of real servers and check that nothing is lost; run another client
    /// against the simulated server.
    Conformance(conformance::Options),
    /// Match files with known answers: precision and recall by distortion and rule.
    Corpus(corpus::Options),
    /// Look at a server as a new host would, read-only: what this token can see, what a first run
    /// costs, how local files match, and what to put into the configuration.
    Doctor(doctor::Options),
    /// Explain the match of a file from a cache file, without a server.
    Explain(explain::Options),
    /// Give random inputs to code that reads foreign data. Without a name, list the targets.
    Fuzz(fuzz::Options),
    /// Run the simulated Plex Media Server on its own, until it is interrupted.
    Serve(serve::Options),
}

/// The log filter if `RUST_LOG` is not set. The certificate verifier is off, because the commands
/// report a refused certificate themselves.
const QUIET: &str = "error,rustls_platform_verifier=off";

/// Sends the log to stderr, and to a trace and a profile if they are requested. The trace is
/// complete when the returned guard is dropped.
fn log(
    trace: Option<&Path>,
    profile: Option<bench::Profile>,
) -> Option<tracing_chrome::FlushGuard> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(QUIET));
    let ours = || {
        let all = LevelFilter::TRACE;
        let crates = ["plex_api", "cache_store", "match_core"];
        Targets::new().with_targets(crates.map(|name| (name, all)))
    };
    let (chrome, guard) =
        trace.map(|path| ChromeLayerBuilder::new().file(path).include_args(true).build()).unzip();
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_filter(filter))
        .with(chrome.map(|layer| layer.with_filter(ours())))
        .with(profile.map(|layer| layer.with_filter(ours())))
        .init();
    guard
}

fn main() -> ExitCode {
    let options = Options::parse();
    let _trace = match &options.command {
        Command::Bench(options) => log(options.trace(), options.profiler()),
        _ => log(None, None),
    };
    let done = match options.command {
        Command::Bench(options) => bench::run(&options),
        Command::Cache(options) => cache::run(options),
        Command::Child => bench::child(),
        Command::Conformance(options) => conformance::run(&options),
        Command::Corpus(options) => corpus::run(&options),
        Command::Doctor(options) => doctor::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Serve(options) => serve::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One clear line, with the chain of causes.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
