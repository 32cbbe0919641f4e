//! `cargo xtask explain`: explains the match of a file from a cache file, without a server.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use cache_store::{SectionState, Store, StoreConfig, View};
use match_core::{
    Answer, Confidence, INDEXING, Query, Rules, SectionContext, Settings, explain_one, from_record,
    match_key,
};
use plex_api::{Clock, RatingKey};

/// Options of `cargo xtask explain`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The cache file.
    #[arg(long)]
    cache: PathBuf,
    /// The section, by title, key or uuid.
    #[arg(long)]
    section: String,
    /// The file, as the host sees it.
    file: PathBuf,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.cache.is_file() {
        bail!("there is no cache file {}", options.cache.display());
    }
    let config = StoreConfig::new(INDEXING, Clock::system().now());
    let store = Store::open(&options.cache, &config)?;
    let named = |name: &str| name == options.section;
    let section = store.sections()?.into_iter().find(|state| {
        named(&state.title) || named(&state.uuid.0) || named(&state.key.0.to_string())
    });
    let section = section.with_context(|| format!("no section {} is cached", options.section))?;
    let (settings, query) = (Settings::default(), Query::from_path(&options.file));
    let view = store.view()?;
    let remembered = [view.remembered(section.id, &match_key(&query, &settings))?];
    let holds = view.hold(&section, &remembered)? == [true];
    if let Some(answer) = remembered.iter().flatten().find_map(from_record) {
        let holds = if holds { "still holds" } else { "does not hold now" };
        println!("remembered from an earlier run, which {holds}:");
        tell(&view, &section, &answer)?;
    }
    let context = SectionContext::new(&section, &settings);
    let explained = explain_one(&view, section.id, &context, &query, Rules::All)?;
    println!("tried, in this order:");
    for tried in &explained.tried {
        println!("  {tried}");
    }
    let decision = explained.decision;
    let buckets = decision.depends.buckets.len();
    let s = if buckets == 1 { "" } else { "s" };
    println!("computed from {buckets} index bucket{s} of {} items:", section.items);
    tell(&view, &section, &decision.answer)
}

/// Prints an answer, with the files of each item.
fn tell(view: &View<'_>, section: &SectionState, answer: &Answer) -> Result<()> {
    let item = |key: RatingKey| -> Result<String> {
        let Some(kept) = view.item(section.id, key)? else {
            return Ok(format!("item {key}, which is gone"));
        };
        let year = kept.item.year.map(|year| format!(" ({year})")).unwrap_or_default();
        let mut text = format!("item {key}, {}{year}", kept.item.title);
        for part in &kept.item.parts {
            text += "\n    ";
            text += &part.file;
        }
        Ok(text)
    };
    match answer {
        Answer::Found(found) => {
            let confidence = match found.confidence {
                Confidence::High => "high",
                Confidence::Low => "low",
            };
            println!("  {}", item(found.rating_key)?);
            println!("  with {confidence} confidence, because {}", found.evidence);
            for &other in &found.others {
                println!("  the same file is also {}", item(other)?);
            }
        }
        Answer::Ambiguous(keys) => {
            match keys.len() {
                1 => println!("  ambiguous: the evidence for the only candidate is too weak"),
                many => println!("  ambiguous: no rule tells {many} candidates apart, best first"),
            }
            for &key in keys {
                println!("  {}", item(key)?);
            }
        }
        Answer::Absent if section.complete => println!("  absent: no rule finds it"),
        _ => println!("  no rule finds it, and the cache cannot prove that it is not there"),
    }
    Ok(())
}
