//! `cargo xtask serve`: runs the simulated server for other clients.

use std::path::PathBuf;

use anyhow::{Context, Result};
use testbed::generate::{LibraryKind, generate_all};
use testbed::library::{Item, Section};
use testbed::payload::library_from_pages;
use testbed::server::{self, Pms};

/// Options of `cargo xtask serve`. The same seed generates the same library: real titles of films,
/// with invented files below /data.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Serve captured `/library/sections/{id}/all` answers instead of a generated library.
    #[arg(long, value_name = "PAGE.json", num_args = 1..)]
    library: Vec<PathBuf>,
    /// How many movies to generate, in a section "Movies".
    #[arg(long, default_value_t = 1_000, conflicts_with = "library")]
    items: usize,
    /// How many shows to generate, in a section "TV Shows": about 30 episodes each.
    #[arg(long, default_value_t = 0, conflicts_with = "library")]
    shows: usize,
    /// How many artists to generate, in a section "Music": 30 tracks each.
    #[arg(long, default_value_t = 0, conflicts_with = "library")]
    artists: usize,
    /// The seed of the generated library. Another seed makes another server.
    #[arg(long, default_value_t = 1, conflicts_with = "library")]
    seed: u64,
    /// Any name. The server's identity is made from it, so servers with the same library can have
    /// different identities.
    #[arg(long, conflicts_with = "library")]
    identity: Option<String>,
    /// The port on 127.0.0.1; 0 uses a free port.
    #[arg(long, default_value_t = 32_400)]
    port: u16,
    /// The token that clients must send.
    #[arg(long, default_value = "testbed-token")]
    token: String,
}

pub(crate) fn run(options: Options) -> Result<()> {
    let library = if options.library.is_empty() {
        let wanted = [
            (LibraryKind::Movies, options.items),
            (LibraryKind::Episodes, options.shows * 30),
            (LibraryKind::Music, options.artists * 30),
        ];
        let wanted: Vec<_> = wanted.into_iter().filter(|(_, items)| *items > 0).collect();
        generate_all(options.seed, options.identity.as_deref(), &wanted)
    } else {
        library_from_pages(&options.library)?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let sections: Vec<String> = library.sections.iter().map(shown).collect();
        let identity = library.machine_identifier.clone();
        let port = options.port;
        let wanted = server::Options { port, token: options.token, gzip: true, clock: None };
        let pms = Pms::start(library, wanted).await.with_context(|| {
            format!("cannot listen on port {port} of 127.0.0.1: name another one with --port, or 0")
        })?;
        // Printed only now, when the server is running.
        for section in sections {
            println!("{section}");
        }
        println!("url          {}", pms.url());
        println!("token        {}", pms.token());
        println!("identity     {identity}");
        println!("Interrupt to stop.");
        tokio::signal::ctrl_c().await?;
        println!("{} requests answered", pms.requests().total());
        pms.stop().await;
        Ok(())
    })
}

/// A section with its folders and its first few files, so that a host has paths to try.
fn shown(section: &Section) -> String {
    const FILES: usize = 3;
    let head = format!("section {:>3}  {}  ({} items)", section.key, section.title, section.len());
    let folders = section.locations.iter().map(|(_, folder)| format!("  folder     {folder}"));
    let parts = section.items().iter().flat_map(Item::parts).take(FILES);
    let files = parts.map(|part| format!("  file       {}", part.file));
    let lines: Vec<String> = [head].into_iter().chain(folders).chain(files).collect();
    lines.join("\n")
}
