//! Writes metadata from `.nfo` files to Plex. The program finds the items with the help of the
//! `.nfo` files beside the media, and then writes the metadata to them. Without `--write` it only
//! shows the requests.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use examples::{Server, asked, end, media_files};
use match_core::{
    Change, EditOptions, EditOutcome, Engine, Field, Nfo, Query, RatingKey, Rule, Selection,
    TagField, Verified,
};

/// Writes metadata from .nfo files to Plex. Ends with 3 if the server cannot be asked.
#[derive(Parser)]
struct Options {
    /// A folder of media files with .nfo files beside them.
    folder: PathBuf,
    /// Send the requests. Without this, they are only shown.
    #[arg(long)]
    write: bool,
    #[command(flatten)]
    server: Server,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    let mut queries = Vec::new();
    let mut described = Vec::new();
    for file in media_files(&options.folder)? {
        let nfos = Nfo::beside(&file)?;
        let Some(first) = nfos.first() else { continue };
        queries.push(Query::from_file(&file)?.nfo(first));
        described.push(nfos);
    }
    let engine = Engine::open(options.server.client()?, options.server.config()).await?;
    let run = engine.match_files(&Selection::All, queries).await?;
    asked(run.outage())?;
    let items = engine.describe(&run.keys()).await?;

    // Find the nfo of each item. A file with several episodes has one nfo for each.
    let mut matches: Vec<(Query, RatingKey)> = Vec::new();
    let mut wanted: Vec<(&Nfo, Rule)> = Vec::new();
    for ((query, answer), nfos) in run.pairs().zip(&described) {
        let Some(found) = answer.high() else {
            println!("{}: left alone, {answer}", query.path);
            continue;
        };
        for key in answer.keys() {
            let episode = items.get(&key).and_then(|item| item.episode);
            let own = match nfos.as_slice() {
                [one] => Some(one),
                several => several.iter().find(|nfo| nfo.episode == episode),
            };
            if let Some(nfo) = own {
                matches.push((query.clone(), key));
                wanted.push((nfo, found.evidence.rule));
            }
        }
    }

    // Write nothing to an item that no longer has the file.
    let verified = engine.verify(&Selection::All, &matches).await?;
    asked(verified.outage())?;
    let mut changes = Vec::new();
    let all = matches.iter().zip(wanted).zip(verified.results);
    for (((query, key), (nfo, rule)), verified) in all {
        // An item that was found by an id or a title has its file by another name.
        let file = rule.is_path().then_some(query.path.as_str());
        match verified {
            Verified::Right => changes.push(change(*key, file, nfo)),
            other => println!("{}: left alone, {other}", query.path),
        }
    }
    let count = changes.len();
    let dry_run = !options.write;
    let edited = engine
        .edit(&Selection::All, changes, EditOptions { dry_run, ..EditOptions::default() })
        .await?;
    for request in edited.planned.iter().filter(|_| dry_run) {
        println!("{request}");
    }
    let failed = |outcome: &&EditOutcome| matches!(outcome, EditOutcome::Failed(_));
    for outcome in edited.outcomes.iter().filter(failed) {
        println!("{outcome}");
    }
    let counts = edited.counts();
    println!("{count} items: {counts}{}", if dry_run { " (dry run)" } else { "" });
    engine.close().await?;
    asked(edited.outage())?;
    if counts.failed > 0 || (counts.not_tried > 0 && !dry_run) {
        bail!("{} of {count} items were not changed", counts.failed + counts.not_tried);
    }
    Ok(())
}

/// Makes a change from an nfo. Values that the nfo does not have stay as they are.
fn change(key: RatingKey, file: Option<&str>, nfo: &Nfo) -> Change {
    let mut fields = vec![
        (Field::Title, &nfo.title),
        (Field::Summary, &nfo.plot),
        (Field::ContentRating, &nfo.content_rating),
        (Field::OriginallyAvailableAt, &nfo.date),
    ];
    let mut tags = vec![(TagField::Director, &nfo.directors), (TagField::Writer, &nfo.writers)];
    // An episode has only these fields and tags. The server refuses others.
    if nfo.episode.is_none() {
        fields.extend([
            (Field::OriginalTitle, &nfo.original_title),
            (Field::TitleSort, &nfo.sort_title),
            (Field::Tagline, &nfo.tagline),
            (Field::Studio, &nfo.studio),
        ]);
        tags.extend([
            (TagField::Genre, &nfo.genres),
            (TagField::Label, &nfo.tags),
            (TagField::Collection, &nfo.collections),
            (TagField::Country, &nfo.countries),
        ]);
    }
    let mut change = Change::new(key);
    if let Some(file) = file {
        change = change.of_file(file);
    }
    for (field, value) in fields {
        if let Some(value) = value {
            change = change.set(field, value.as_str());
        }
    }
    for (field, values) in tags.into_iter().filter(|(_, values)| !values.is_empty()) {
        change = change.add_tags(field, values.iter().map(String::as_str));
    }
    change
}
