//! Reads local files with their metadata, matches them, verifies the matches, and writes what is
//! different to the server.
//!
//! Each line of the file is a query (`path`, and optionally `size`, `title`, `year`, `guids`,
//! ...) with a `metadata` object: fields by name (`title`, `summary`, `userRating`, ...), and lists
//! of tags to add (`genre`, `collection`, ...). Without `--write` the program only shows the
//! requests.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Parser;
use examples::{Server, asked, end};
use match_core::{
    Change, EditOptions, EditOutcome, Engine, Field, Query, Selection, TagField, Verified,
};
use serde::Deserialize;

/// Matches files to Plex items, and writes metadata. Ends with 3 if the server cannot be asked.
#[derive(Parser)]
struct Options {
    /// A file with JSON lines: queries with their metadata.
    files: PathBuf,
    /// Send the requests. Without this, they are only shown.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    server: Server,
}

/// A line of the file.
#[derive(Deserialize)]
struct Line {
    #[serde(flatten)]
    query: Query,
    metadata: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Value {
    Text(String),
    Tags(Vec<String>),
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let lines = read(&options.files)?;
    let engine = Engine::open(options.server.client()?, options.server.config()).await?;

    // Find the items.
    let queries: Vec<Query> = lines.iter().map(|line| line.query.clone()).collect();
    let run = engine.match_files(&Selection::All, queries).await?;
    asked(run.outage())?;
    let mut matches = Vec::new();
    let mut wanted = Vec::new();
    for (line, answer) in lines.into_iter().zip(&run.answers) {
        match answer.high() {
            Some(found) => {
                matches.push((line.query, found.rating_key));
                wanted.push((found.evidence.rule, line.metadata));
            }
            None => println!("{}: left alone, {answer}", line.query.path),
        }
    }

    // Verify that the items still have the files.
    let verified = engine.verify(&Selection::All, &matches).await?;
    asked(verified.outage())?;
    let mut changes = Vec::new();
    let all = matches.iter().zip(wanted).zip(verified.results);
    for (((query, key), (rule, metadata)), verified) in all {
        let (key, rule) = match verified {
            Verified::Right => (*key, rule),
            Verified::Moved(found) => (found.rating_key, found.evidence.rule),
            other => {
                println!("{}: left alone, {other}", query.path);
                continue;
            }
        };
        let mut change = Change::new(key);
        // An item that was found by a title or an id has its file by another name.
        if rule.is_path() {
            change = change.of_file(&query.path);
        }
        let change = with_values(change, metadata);
        changes.push(change.with_context(|| query.path.clone())?);
    }

    // Write the values that are different.
    let count = changes.len();
    let dry_run = !options.write;
    let edit_options = EditOptions { dry_run, ..EditOptions::default() };
    let keys: Vec<_> = changes.iter().map(|change| change.rating_key).collect();
    let edited = engine.edit(&Selection::All, changes, edit_options).await?;
    if dry_run {
        for request in &edited.planned {
            println!("{request}");
        }
    }
    for (key, outcome) in keys.iter().zip(&edited.outcomes) {
        if matches!(outcome, EditOutcome::Failed(_)) {
            println!("item {key}: {outcome}");
        }
    }
    println!("{}", run.report);
    let counts = edited.counts();
    println!("{count} changes: {counts}{}", if dry_run { " (dry run)" } else { "" });
    println!("edits: {} calls", edited.calls.total().count);
    engine.close().await?;
    asked(edited.outage())?;
    if counts.failed > 0 || (counts.not_tried > 0 && !dry_run) {
        bail!("{} of {count} changes were not made", counts.failed + counts.not_tried);
    }
    Ok(())
}

/// Reads the lines, and skips empty ones.
fn read(file: &Path) -> anyhow::Result<Vec<Line>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let mut lines = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let line = serde_json::from_str(line);
        lines.push(line.with_context(|| format!("{}, line {}", file.display(), at + 1))?);
    }
    Ok(lines)
}

/// Adds fields and tags to a change, by name.
fn with_values(mut change: Change, metadata: BTreeMap<String, Value>) -> anyhow::Result<Change> {
    for (name, value) in metadata {
        change = match value {
            Value::Text(text) => {
                let field = Field::ALL.into_iter().find(|field| field.name() == name);
                change.set(field.with_context(|| format!("there is no field {name}"))?, text)
            }
            Value::Tags(tags) => {
                let field = TagField::ALL.into_iter().find(|field| field.name() == name);
                change.add_tags(field.with_context(|| format!("there are no tags {name}"))?, tags)
            }
        };
    }
    Ok(change)
}
