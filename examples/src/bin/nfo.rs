//! Metadata from `.nfo` files into Plex: what the files beside the media say of them is used to find
//! the items, and then written to them. Without `--write` the requests are shown and none is sent.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::Parser;
use examples::{Server, asked, end, media_files};
use match_core::{
    Change, EditOptions, EditOutcome, Engine, Field, Nfo, Query, RatingKey, Selection, TagField,
    Verified,
};

/// Writes what .nfo files say to Plex. Ends with 3 if the server cannot be asked.
#[derive(Parser)]
struct Options {
    /// A folder of media files with .nfo files beside them.
    folder: PathBuf,
    /// Write. Without it the requests are shown and none is sent.
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
    asked(&run)?;
    let items = engine.describe(&run.keys()).await?;

    // Which nfo belongs to which item? A file with several episodes has one for each.
    let mut matches: Vec<(Query, RatingKey)> = Vec::new();
    let mut wanted: Vec<&Nfo> = Vec::new();
    for ((query, answer), nfos) in run.pairs().zip(&described) {
        if answer.high().is_none() {
            println!("{}: left alone, {answer}", query.path);
            continue;
        }
        for key in answer.keys() {
            let episode = items.get(&key).and_then(|item| item.episode);
            let own = match nfos.as_slice() {
                [one] => Some(one),
                several => several.iter().find(|nfo| nfo.episode == episode),
            };
            if let Some(nfo) = own {
                matches.push((query.clone(), key));
                wanted.push(nfo);
            }
        }
    }

    // Nothing is written to an item that is not the file's any more.
    let verified = engine.verify(&Selection::All, &matches).await?;
    let mut changes = Vec::new();
    for (((query, key), nfo), verified) in matches.iter().zip(wanted).zip(verified) {
        match verified {
            Verified::Right => changes.push(change(*key, query, nfo)),
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
    if counts.failed > 0 || (counts.not_tried > 0 && !dry_run) {
        bail!("{} of {count} items are not done", counts.failed + counts.not_tried);
    }
    Ok(())
}

/// What the item shall be: what the nfo does not say stays as it is.
fn change(key: RatingKey, query: &Query, nfo: &Nfo) -> Change {
    let mut fields = vec![
        (Field::Title, &nfo.title),
        (Field::Summary, &nfo.plot),
        (Field::ContentRating, &nfo.content_rating),
        (Field::OriginallyAvailableAt, &nfo.date),
    ];
    let mut tags = vec![(TagField::Director, &nfo.directors), (TagField::Writer, &nfo.writers)];
    // An episode has no more than these; what an item does not have is refused.
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
    let mut change = Change::new(key).of_file(&query.path);
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
