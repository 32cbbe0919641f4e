//! The figures of `docs/shared-tier.md`: the start of a cold host from the tier, compared with a
//! start from a server that takes 5 ms a call; and the bytes of an item in the engine.
//!
//! ```text
//! cargo run --profile xtask -p testbed --example tier_figures [ITEMS]
//! ```

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_precision_loss,
    reason = "a program for the terminal"
)]
#![expect(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    reason = "wall time is what is measured, and each case three times"
)]

use std::time::{Duration, Instant};

use match_core::{Engine, EngineConfig, Selection};
use testbed::budget::{Scale, to_queries};
use testbed::server::{Fault, FaultRule};
use testbed::shared::Hosts;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items = std::env::args().nth(1).map_or(Ok(100_000), |items| items.parse())?;
    let Some(hosts) = Hosts::start(Scale::new(items), &[]).await? else { return Ok(()) };
    let empty = used_memory(&hosts)?;
    let asked = to_queries(&hosts.stage.present(20));
    hosts.stage.pms.script(FaultRule::always(Fault::Latency(Duration::from_millis(5))));
    let cold = async |config: EngineConfig| {
        let engine = Engine::open(hosts.stage.client()?, config).await?;
        let (before, started) = (hosts.stage.calls(), Instant::now());
        let cpu = cpu_seconds();
        let run = engine.match_files(&Selection::All, asked.clone()).await?;
        let took = started.elapsed();
        println!("CPU {:.2} s", cpu_seconds() - cpu);
        engine.close().await?;
        Ok::<_, Box<dyn std::error::Error>>((took, hosts.stage.calls() - before, run.report))
    };
    let (publishing, ..) = cold(hosts.config(0)).await?;
    let (mut server, mut tier) = (Vec::new(), Vec::new());
    for host in 1..=3 {
        let (took, calls, _) = cold(hosts.stage.host(10 + host)).await?;
        server.push(took);
        let (took, none, report) = cold(hosts.config(host)).await?;
        tier.push(took);
        println!(
            "{calls} calls: {:?}; {none} calls: {took:?} ({} bytes read)",
            server.last(),
            report.shared.bytes_read
        );
    }
    server.sort();
    tier.sort();
    let stats = hosts.tier().stats().await?;
    let bytes: u64 = stats.tags.iter().map(|tag| tag.bytes).sum();
    println!("{items} items: listing and publishing {publishing:?}");
    println!("from the server {:?}, from the tier {:?} (medians of 3)", server[1], tier[1]);
    println!("{:.1} times as fast", server[1].as_secs_f64() / tier[1].as_secs_f64());
    println!("{:.1} bytes an item in the engine", bytes as f64 / items as f64);
    let used = used_memory(&hosts)?.saturating_sub(empty);
    println!("used_memory {used} bytes above the empty engine's {empty}");
    Ok(())
}

/// Seconds of CPU time that this process used, the simulated server included. 0 if there is no
/// `/proc`.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.split_whitespace().skip(13).take(2).filter_map(|n| n.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The memory that the engine says it uses, in bytes.
fn used_memory(hosts: &Hosts) -> Result<u64, Box<dyn std::error::Error>> {
    let info: String = redis::cmd("INFO").arg("memory").query(&mut hosts.valkey.client()?)?;
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    Ok(used.unwrap_or_default().trim().parse()?)
}
