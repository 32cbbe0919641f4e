//! `cargo xtask serve`: runs the simulated server for other clients.

use std::path::PathBuf;

use anyhow::Result;
use testbed::generate::{LibraryKind, Spec, generate};
use testbed::payload::library_from_pages;
use testbed::server::{self, Pms};

/// Options of `cargo xtask serve`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Serve captured `/library/sections/{id}/all` answers instead of a generated library.
    #[arg(long, value_name = "PAGE.json", num_args = 1..)]
    library: Vec<PathBuf>,
    /// How many movies to generate.
    #[arg(long, default_value_t = 1_000, conflicts_with = "library")]
    items: usize,
    /// The port on 127.0.0.1; 0 uses a free port.
    #[arg(long, default_value_t = 32_400)]
    port: u16,
    /// The token that clients have to send.
    #[arg(long, default_value = "testbed-token")]
    token: String,
}

pub(crate) fn run(options: Options) -> Result<()> {
    let library = if options.library.is_empty() {
        generate(&Spec { seed: 1, items: options.items, kind: LibraryKind::Movies })
    } else {
        library_from_pages(&options.library)?
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        for section in &library.sections {
            println!("section {:>3}  {}  ({} items)", section.key, section.title, section.len());
        }
        let wanted = server::Options { port: options.port, token: options.token, gzip: true };
        let pms = Pms::start(library, wanted).await?;
        println!("url          {}", pms.url());
        println!("token        {}", pms.token());
        println!("Interrupt to stop.");
        tokio::signal::ctrl_c().await?;
        println!("{} requests answered", pms.requests().total());
        pms.stop().await;
        Ok(())
    })
}
