//! Matches a sample of local files.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use match_core::{Client, Engine, EngineConfig, Nfo, Query, Selection};

use super::diagnosis::{FilesSeen, Trouble};

/// Extensions of media files.
const ENDINGS: [&str; 12] =
    ["mkv", "mp4", "avi", "m4v", "ts", "mov", "wmv", "mpg", "flac", "mp3", "m4a", "ogg"];

/// Matches a sample of a folder's files, with a temporary cache.
pub(super) async fn look(
    client: &Client,
    folder: &Path,
    sample: usize,
) -> Result<Result<FilesSeen, Trouble>> {
    let named = folder.display();
    let files = match media_files(folder) {
        Ok(files) if files.is_empty() => {
            let what = format!("there are no media files below {named}");
            return Ok(Err(Trouble::new(what, "name a folder of films, episodes or music")));
        }
        Ok(files) => files,
        Err(error) => {
            let what = format!("{error:#}");
            return Ok(Err(Trouble::new(what, "name a folder that this user may read")));
        }
    };
    let step = files.len().div_ceil(sample.max(1));
    let mut with_nfo = 0;
    let tried = files.iter().step_by(step).filter_map(|file| {
        let query = Query::from_file(file).ok()?;
        let nfo = Nfo::beside(file).ok().and_then(|all| all.into_iter().next());
        with_nfo += usize::from(nfo.is_some());
        Some(match nfo {
            Some(nfo) => query.nfo(&nfo),
            None => query,
        })
    });
    let tried: Vec<Query> = tried.collect();
    let cache = tempfile::tempdir().context("cannot make a folder for a cache")?;
    let config = EngineConfig::new(cache.path().join("doctor.matchbox"));
    let engine = Engine::open(client.clone(), config).await?;
    let run = engine.match_files(&Selection::All, tried).await;
    let run = match run {
        Ok(run) => run,
        Err(error) => return Ok(Err(Trouble::new(error.to_string(), "run it again"))),
    };
    engine.close().await?;
    if let Some(why) = run.outage() {
        return Ok(Err(Trouble::new(why.to_string(), "try again later")));
    }
    let counts = &run.report.answers;
    let lost = run.pairs().filter(|(_, answer)| answer.found().is_none());
    Ok(Ok(FilesSeen {
        folder: named.to_string(),
        files: files.len(),
        tried: run.queries.len(),
        with_nfo,
        found_high: counts.found_high,
        found_low: counts.found_low,
        ambiguous: counts.ambiguous,
        absent: counts.absent,
        not_found: lost
            .take(5)
            .map(|(query, answer)| format!("{}: {answer}", query.path))
            .collect(),
        mappings: run.report.suggested_mappings.clone(),
        calls: run.report.calls.total().count,
    }))
}

/// The media files below a folder, sorted. Links are not followed. The examples have the same
/// function: an example stands alone, as a host does, so neither uses the other.
fn media_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        let named = || format!("cannot read the folder {}", next.display());
        for entry in std::fs::read_dir(&next).with_context(named)? {
            let entry = entry.with_context(named)?;
            let (path, kind) = (entry.path(), entry.file_type().with_context(named)?);
            let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() && ENDINGS.contains(&ending.as_str()) {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}
