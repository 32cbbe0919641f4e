//! The common code of the examples: options of the server, a progress bar, and exit codes.
//!
//! Each program in `src/bin` is a complete host. The exit code is 0 after success, 1 after an
//! error, 2 for wrong arguments, and 3 if the server could not be asked. After 3, try again later.

#![allow(clippy::print_stderr, reason = "programs for the terminal")]

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use indicatif::{ProgressBar, ProgressStyle};
use match_core::{Client, Config, EngineConfig, Error, OnProgress, Reason, Token};

/// Options for the server and the cache file.
#[derive(Debug, clap::Args)]
pub struct Server {
    /// The server's address. Its token is read from the variable `PLEX_TOKEN`.
    #[arg(long, default_value = "http://127.0.0.1:32400")]
    pub url: String,
    /// The cache file. Use one for each server.
    #[arg(long, default_value = "host.matchbox")]
    pub cache: PathBuf,
}

impl Server {
    /// A client for the server.
    ///
    /// # Errors
    /// If there is no token, or if the address is invalid.
    pub fn client(&self) -> anyhow::Result<Client> {
        let config = Config::new(&self.url, Token::from_env("PLEX_TOKEN")?);
        Ok(Client::new(config)?)
    }

    /// The engine's configuration, with a progress bar.
    pub fn config(&self) -> EngineConfig {
        let mut config = EngineConfig::new(&self.cache);
        config.progress = Some(bar());
        config
    }
}

/// A progress bar on stderr. It shows nothing if stderr is not a terminal.
fn bar() -> OnProgress {
    let bar = ProgressBar::no_length();
    let style = "{spinner} {msg} [{bar:30}] {human_pos} of {human_len}, {per_sec}, {eta}";
    bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
    OnProgress::new(move |now| {
        if bar.message() != now.doing() {
            bar.reset();
            bar.set_message(now.doing());
        }
        bar.set_length(now.total);
        bar.set_position(now.done);
        if now.done == now.total {
            bar.finish_and_clear();
        }
    })
}

/// The server could not be asked.
#[derive(Debug)]
struct NotAsked(Reason);

impl fmt::Display for NotAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl std::error::Error for NotAsked {}

/// Checks that a run could ask the server: it takes the `outage()` of matching, verifying or editing.
///
/// # Errors
/// The reason if the server could not be asked, or refused.
pub fn asked(outage: Option<&Reason>) -> anyhow::Result<()> {
    match outage {
        Some(reason) => Err(NotAsked(reason.clone()).into()),
        None => Ok(()),
    }
}

/// Prints an error in one line, and returns the exit code.
pub fn end(done: anyhow::Result<()>) -> ExitCode {
    let Err(error) = done else { return ExitCode::SUCCESS };
    eprintln!("error: {error:#}");
    let kind = error.downcast_ref::<NotAsked>().and_then(|NotAsked(reason)| reason.kind());
    let outage = kind.is_some_and(match_core::ErrorKind::is_outage)
        || error.downcast_ref::<Error>().is_some_and(Error::is_outage);
    if outage { ExitCode::from(3) } else { ExitCode::FAILURE }
}

/// The media files below a folder, sorted. Links are not followed.
///
/// # Errors
/// If a folder cannot be read. The error names the folder.
pub fn media_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    const ENDINGS: [&str; 8] = ["mkv", "mp4", "avi", "m4v", "ts", "mov", "flac", "mp3"];
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

/// The pages with Rust code. The doctests compile each block, and run it if possible.
#[cfg(doctest)]
mod pages {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/embedding.md")]
    struct Embedding;
    #[doc = include_str!("../../docs/faq.md")]
    struct Faq;
}
