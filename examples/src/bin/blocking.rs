//! Shows which Plex items files are, without async code. A runtime with one thread waits for each
//! result of the engine.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::{Server, asked, end};
use match_core::tokio::runtime::{Builder, Runtime};
use match_core::{Engine, Query, Run, Selection};

/// Shows which Plex items the files are. Ends with 3 if the server cannot be asked.
#[derive(Parser)]
struct Options {
    /// The files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    #[command(flatten)]
    server: Server,
}

/// An engine with blocking functions.
struct Blocking {
    runtime: Runtime,
    engine: Engine,
}

impl Blocking {
    fn open(server: &Server) -> anyhow::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let engine = runtime.block_on(Engine::open(server.client()?, server.config()))?;
        Ok(Self { runtime, engine })
    }

    fn match_files(&self, queries: Vec<Query>) -> anyhow::Result<Run> {
        Ok(self.runtime.block_on(self.engine.match_files(&Selection::All, queries))?)
    }

    fn close(self) -> anyhow::Result<()> {
        Ok(self.runtime.block_on(self.engine.close())?)
    }
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

fn run(options: &Options) -> anyhow::Result<()> {
    let mut queries = Vec::with_capacity(options.files.len());
    for file in &options.files {
        queries.push(Query::from_file(file)?);
    }
    let engine = Blocking::open(&options.server)?;
    let run = engine.match_files(queries)?;
    for (query, answer) in run.pairs() {
        println!("{}: {answer}", query.path);
    }
    println!("{}", run.report);
    engine.close()?;
    asked(run.outage())
}
