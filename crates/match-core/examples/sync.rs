//! A whole small host: reads local files with their metadata, matches them, verifies the
//! matches, and writes what is different to the server.
//!
//! ```text
//! cargo run -p match-core --example sync -- FILES.jsonl [--write] [--url URL] [--cache FILE]
//! ```
//!
//! Each line of the file is a query (`path`, and optionally `size`, `title`, `year`, `guids`,
//! ...) with a `metadata` object: fields by their names (`title`, `summary`, `userRating`, ...)
//! and lists of tags to add (`genre`, `collection`, ...). The token is in `PLEX_TOKEN`. Without
//! `--write` nothing is written: the requests that would be sent are shown.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::collections::BTreeMap;
use std::error::Error;

use match_core::{
    Answer, Change, Confidence, EditOptions, EditOutcome, Engine, EngineConfig, Query, Selection,
    Verified,
};
use plex_api::{Client, Config, Field, TagField, Token};
use serde::Deserialize;

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

struct Options {
    files: String,
    write: bool,
    url: String,
    cache: String,
}

fn options() -> Result<Options, Box<dyn Error>> {
    let mut options = Options {
        files: String::new(),
        write: false,
        url: "http://127.0.0.1:32400".to_owned(),
        cache: "sync.matchbox".to_owned(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--write" => options.write = true,
            "--dry-run" => options.write = false,
            "--url" => options.url = value()?,
            "--cache" => options.cache = value()?,
            _ => options.files = argument,
        }
    }
    if options.files.is_empty() {
        return Err("name a file of JSON lines".into());
    }
    Ok(options)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = options()?;
    let mut lines: Vec<Line> = Vec::new();
    for line in std::fs::read_to_string(&options.files)?.lines() {
        lines.push(serde_json::from_str(line)?);
    }
    let token = Token::new(std::env::var("PLEX_TOKEN").unwrap_or_default());
    let client = Client::new(Config::new(&options.url, token))?;
    let engine = Engine::open(client, EngineConfig::new(&options.cache)).await?;

    // Which items are they?
    let queries: Vec<Query> = lines.iter().map(|line| line.query.clone()).collect();
    let run = engine.match_files(&Selection::All, queries).await?;
    let mut matches = Vec::new();
    let mut metadata = Vec::new();
    for (line, answer) in lines.into_iter().zip(run.answers) {
        match answer {
            Answer::Found(found) if found.confidence == Confidence::High => {
                matches.push((line.query, found.rating_key));
                metadata.push(line.metadata);
            }
            other => println!("{}: left alone, {other:?}", line.query.path),
        }
    }

    // Are they still?
    let verified = engine.verify(&Selection::All, &matches).await?;
    let mut changes = Vec::new();
    for (((query, key), metadata), verified) in matches.iter().zip(metadata).zip(verified) {
        let key = match verified {
            Verified::Right => *key,
            Verified::Moved(found) => found.rating_key,
            other => {
                println!("{}: left alone, {other:?}", query.path);
                continue;
            }
        };
        changes.push(change(Change::new(key).of_file(&query.path), metadata)?);
    }

    // Write what is different.
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
    println!("{count} changes: {}{}", edited.counts(), if dry_run { " (dry run)" } else { "" });
    println!("edits: {} calls", edited.calls.total().count);
    engine.close().await?;
    Ok(())
}

/// A change from fields and tags by their names.
fn change(mut change: Change, metadata: BTreeMap<String, Value>) -> Result<Change, Box<dyn Error>> {
    for (name, value) in metadata {
        change = match value {
            Value::Text(text) => {
                let field = Field::ALL.into_iter().find(|field| field.name() == name);
                change.set(field.ok_or_else(|| format!("no field {name}"))?, text)
            }
            Value::Tags(tags) => {
                let field = TagField::ALL.into_iter().find(|field| field.name() == name);
                change.add_tags(field.ok_or_else(|| format!("no tags {name}"))?, tags)
            }
        };
    }
    Ok(change)
}
