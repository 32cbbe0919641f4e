//! Finds the episodes of a folder on the server. It shows files that have several episodes, and
//! episodes that have several files.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use examples::{Server, asked, end, media_files};
use match_core::{Engine, Query, RatingKey, SectionKind, Selection};

/// Shows which episodes the files of a folder are. Ends with 3 if the server cannot be asked.
#[derive(Parser)]
struct Options {
    /// A folder of episodes.
    folder: PathBuf,
    #[command(flatten)]
    server: Server,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let files = media_files(&options.folder)?;
    let queries: Result<Vec<Query>, _> = files.iter().map(Query::from_file).collect();
    let engine = Engine::open(options.server.client()?, options.server.config()).await?;
    // The run does not read sections of films and music.
    let shows = Selection::Kind(SectionKind::Show);
    let run = engine.match_files(&shows, queries?).await?;
    asked(run.outage())?;
    let items = engine.describe(&run.keys()).await?;

    // A file may have several episodes, and an episode may have several files.
    let mut files_of: BTreeMap<RatingKey, Vec<&str>> = BTreeMap::new();
    for (query, answer) in run.pairs() {
        match answer.high() {
            Some(found) => {
                for key in answer.keys() {
                    files_of.entry(key).or_default().push(&query.path);
                }
                if !found.others.is_empty() {
                    println!("{} episodes in {}", 1 + found.others.len(), query.path);
                }
            }
            None => println!("{}: {answer}", query.path),
        }
    }
    let mut episodes: Vec<_> = files_of
        .iter()
        .filter_map(|(key, files)| Some((items.get(key)?, files)))
        .map(|(item, files)| ((&item.show, item.season, item.episode), item, files))
        .collect();
    episodes.sort_by(|one, other| one.0.cmp(&other.0));
    let count = episodes.len();
    for (_, item, files) in episodes {
        match files.as_slice() {
            [_] => println!("{item}"),
            several => println!("{item}, in {} versions", several.len()),
        }
    }
    let calls = run.report.calls.total().count;
    println!("{} files, {count} episodes, {calls} calls", files.len());
    engine.close().await?;
    Ok(())
}
