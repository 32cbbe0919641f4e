//! `cargo xtask <command>`: the product's proof and its tools, one file a command.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::indexing_slicing,
    reason = "a program for the terminal; its input is checked where it is read"
)]

mod bench;
mod cache;
mod conformance;
mod corpus;
mod explain;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Tools around Matchbox. `RUST_LOG=debug` shows what happens inside.
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
    /// Look at a cache file: stats, check, clear, compact.
    Cache(cache::Options),
    /// Decode captured payloads of real servers and check that nothing in them is lost; let
    /// another client use the simulated server.
    Conformance(conformance::Options),
    /// Play files whose truth is known: precision and recall by distortion and rule.
    Corpus(corpus::Options),
    /// Say why a file is matched as it is, from a cache file alone.
    Explain(explain::Options),
    /// Run the simulated Plex Media Server on its own, until interrupted.
    Serve(serve::Options),
}

fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error")),
        )
        .with_writer(std::io::stderr)
        .init();
    let done = match options.command {
        Command::Bench(options) => bench::run(&options),
        Command::Cache(options) => cache::run(options),
        Command::Conformance(options) => conformance::run(&options),
        Command::Corpus(options) => corpus::run(&options),
        Command::Explain(options) => explain::run(&options),
        Command::Serve(options) => serve::run(options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One clear line; the chain of causes is part of it.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
