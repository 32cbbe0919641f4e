//! python-plexapi as a rival. Most tools use this client library. The caller names the interpreter
//! that has the package.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use testbed::queries::TruthQuery;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::bench::compute::scenario::Rival;

/// The script that uses the package. It reads the queries from stdin.
const SCRIPT: &str = include_str!("rival.py");

/// The last line of the script's output.
#[derive(Deserialize)]
struct Told {
    wrong: u64,
    missed: u64,
    seconds: f64,
}

/// Runs the script on all queries. The result has no calls, because the server counts them.
pub(crate) async fn run(
    interpreter: &Path,
    (url, token): (&str, &str),
    section: Option<&str>,
    queries: &[TruthQuery],
    page: usize,
) -> Result<Rival> {
    let name = interpreter.display();
    let mut child = Command::new(interpreter)
        .args(["-c", SCRIPT, url, token, &page.to_string()])
        .args(section)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {name}"))?;
    let asked: Vec<_> = queries.iter().map(|query| (&query.path, query.expect)).collect();
    let mut stdin = child.stdin.take().context("the script has no input")?;
    stdin.write_all(&serde_json::to_vec(&asked)?).await?;
    drop(stdin);
    let output = child.wait_with_output().await?;
    ensure!(
        output.status.success(),
        "{name} could not run python-plexapi on the server; `{name} -m pip install plexapi` \
         installs it"
    );
    let text = String::from_utf8_lossy(&output.stdout);
    let told = text.lines().last().context("the script printed nothing")?;
    let Told { wrong, missed, seconds } = serde_json::from_str(told)?;
    let name = format!("python-plexapi, pages of {page}");
    Ok(Rival { name, calls: 0, wall_ms: seconds * 1e3, wrong, missed, gave_up: false })
}
