//! `cargo xtask corpus`: precision and recall of the rules, for each way in which a local file may
//! differ from the server's.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// Options of `cargo xtask corpus`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Cases of each distortion. 2300 give more than 100,000 cases.
    #[arg(long, default_value_t = 2_300)]
    each: usize,
    /// The seed of the library and the cases.
    #[arg(long, default_value_t = 11)]
    seed: u64,
    /// Also write the results of each distortion to this file, as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let lines = runtime.block_on(testbed::corpus::report(options.each, options.seed))?;
    for line in &lines {
        println!("{line}");
    }
    if let Some(path) = &options.json {
        let json = serde_json::to_vec_pretty(&lines)?;
        std::fs::write(path, json).with_context(|| format!("writing {}", path.display()))?;
    }
    let cases: u64 = lines.iter().map(|line| line.all.cases).sum();
    let wrong: u64 = lines.iter().map(|line| line.all.high_wrong).sum();
    println!("{cases} cases, {wrong} wrong with high confidence");
    ensure!(wrong == 0, "{wrong} answers of high confidence are wrong");
    Ok(())
}
