//! Situations with many hosts, each with its own cache file, and one engine
//! (`docs/shared-tier.md`).

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::FutureExt;
use match_core::{Engine, Report, Run};

use super::child::{self, Arguments, Working, start_host};
use super::measured::{Meter, Played};
use super::{Row, Scale};
use crate::generate::add_movie;
use crate::queries::TruthQuery;
use crate::server::{Fault, FaultRule, Route};
use crate::shared::{Hosts, ask_all};
use crate::valkey;

/// How many hosts ask at once.
const HOSTS: u64 = 8;

/// There are no rows if no engine is installed.
pub(super) fn rows() -> Vec<Row> {
    if valkey::program().is_none() {
        return Vec::new();
    }
    vec![
        Row::new(
            "machines-8",
            "8 machines with empty caches ask at once: one lists, and compares the stamps again",
            "3 + ceil(N/P)",
            |scale| 3 + scale.pages(),
            |scale, child| machines(scale, child).boxed(),
        ),
        Row::new(
            "machines-9th",
            "8 machines are warm, and a ninth, cold, asks within the freshness window",
            "0",
            |_| 0,
            |scale, _| ninth(scale, Duration::ZERO).boxed(),
        ),
        Row::new(
            "machines-9th-later",
            "8 machines are warm, and a ninth, cold, asks after the freshness window",
            "1",
            |_| 1,
            |scale, _| ninth(scale, Duration::from_secs(61)).boxed(),
        ),
        Row::new(
            "machines-hour",
            "8 warm machines each ask every minute for an hour",
            "60",
            |_| 60,
            |scale, _| hour(scale).boxed(),
        ),
        Row::new(
            "machines-added-1",
            "1 item was added, and 8 warm machines ask: they share the calls",
            "4",
            |_| 4,
            |scale, _| added(scale).boxed(),
        ),
        Row::new(
            "machines-killed",
            "a machine is killed while it lists, and 8 cold ones ask: one lists again",
            "3 + ceil(N/P)",
            |scale| 3 + scale.pages(),
            |scale, child| killed(scale, child).boxed(),
        ),
        Row::new(
            "machines-down",
            "8 cold machines ask while the tier's engine is down: each lists alone",
            "8 (2 + ceil(N/P))",
            |scale| HOSTS * (2 + scale.pages()),
            |scale, _| away(scale, Away::Down).boxed(),
        ),
        Row::new(
            "machines-hangs",
            "8 cold machines ask while the tier's engine hangs: each lists alone",
            "8 (2 + ceil(N/P))",
            |scale| HOSTS * (2 + scale.pages()),
            |scale, _| away(scale, Away::Hangs).boxed(),
        ),
        Row::new(
            "machines-emptied",
            "8 machines are warm, and the engine lost its data: one probe, and one fills it again",
            "1",
            |_| 1,
            |scale, _| emptied(scale).boxed(),
        ),
    ]
}

async fn hosts(scale: Scale) -> Result<Hosts> {
    Hosts::start(scale, &[]).await?.context("there is no engine")
}

/// How many files each host asks for. The calls do not depend on it.
fn asked(hosts: &Hosts) -> Vec<TruthQuery> {
    hosts.stage.present(hosts.stage.scale.items.min(1_000))
}

/// One report for all hosts: the server counts the calls of all of them.
fn summed(mut played: Played) -> Played {
    let mut sum = Report::default();
    played.measured.reports.iter().for_each(|report| sum += report);
    played.measured.reports = vec![sum];
    played
}

async fn warm(hosts: &Hosts, asked: &[TruthQuery]) -> Result<Vec<Engine>> {
    let engines = hosts.engines(0..HOSTS).await?;
    ask_all(&engines, asked).await?;
    Ok(engines)
}

fn measured(meter: Meter, hosts: Hosts, asked: Vec<TruthQuery>, runs: Vec<Run>) -> Played {
    summed(meter.stop(hosts.stage, asked, runs))
}

/// All of these ask at once.
async fn one_run_each(hosts: Hosts, engines: &[Engine], asked: Vec<TruthQuery>) -> Result<Played> {
    let meter = Meter::start(&hosts.stage);
    let runs = ask_all(engines, &asked).await?;
    Ok(measured(meter, hosts, asked, runs))
}

/// The machines are real processes.
async fn machines(scale: Scale, child: Arguments) -> Result<Played> {
    let hosts = hosts(scale).await?;
    let asked = asked(&hosts);
    let paths: Vec<String> = asked.iter().map(|truth| truth.path.clone()).collect();
    let meter = Meter::start(&hosts.stage);
    let children = (0..HOSTS).map(|number| {
        start_host(&hosts.stage, child, number, paths.clone(), Some(hosts.child_tier()))
    });
    let children = children.collect::<Result<Vec<_>>>()?;
    let told = futures::future::try_join_all(children.into_iter().map(Working::told)).await?;
    let mut played = meter.stop(hosts.stage, asked, Vec::new());
    child::add_up(told, &mut played)?;
    Ok(played)
}

async fn ninth(scale: Scale, later: Duration) -> Result<Played> {
    let hosts = hosts(scale).await?;
    let asked = asked(&hosts);
    let _warm = warm(&hosts, &asked).await?;
    hosts.stage.later(later);
    let ninth = hosts.engines(HOSTS..HOSTS + 1).await?;
    one_run_each(hosts, &ninth, asked).await
}

async fn hour(scale: Scale) -> Result<Played> {
    let hosts = hosts(scale).await?;
    let asked = hosts.stage.present(20);
    let warm = warm(&hosts, &asked).await?;
    let meter = Meter::start(&hosts.stage);
    let mut runs = Vec::new();
    for _ in 0..60 {
        hosts.stage.later(Duration::from_mins(1));
        runs.extend(ask_all(&warm, &asked).await?);
    }
    Ok(measured(meter, hosts, asked, runs))
}

async fn added(scale: Scale) -> Result<Played> {
    let hosts = hosts(scale).await?;
    let mut asked = asked(&hosts);
    let warm = warm(&hosts, &asked).await?;
    let (key, file) = hosts.stage.pms.edit(|library| {
        library.advance(60);
        let added = add_movie(library, 0, "An Added Film (2021)");
        library.scan(0);
        added
    });
    asked.push(TruthQuery::new(file, Some(key)));
    hosts.stage.later(Duration::from_secs(61));
    one_run_each(hosts, &warm, asked).await
}

/// The calls of the killed machine count too, although it reports nothing.
async fn killed(scale: Scale, child: Arguments) -> Result<Played> {
    let hosts = hosts(scale).await?;
    let asked = asked(&hosts);
    let paths: Vec<String> = asked.iter().map(|truth| truth.path.clone()).collect();
    let nth = (scale.pages() / 2).max(1);
    hosts.stage.pms.script(FaultRule::once(Route::Listing, nth, Fault::Hang));
    let killed = start_host(&hosts.stage, child, 99, paths, Some(hosts.child_tier()))?;
    killed.kill_when(hosts.stage.pms.arrived(Route::Listing, nth)).await?;
    let spent = hosts.stage.calls();
    let meter = Meter::start(&hosts.stage);
    let engines = hosts.engines(0..HOSTS).await?;
    let runs = ask_all(&engines, &asked).await?;
    let played = measured(meter, hosts, asked, runs);
    ensure!(spent <= 2 + scale.pages(), "the killed machine made {spent} calls");
    Ok(played)
}

enum Away {
    Down,
    Hangs,
}

async fn away(scale: Scale, how: Away) -> Result<Played> {
    let mut hosts = hosts(scale).await?;
    let asked = asked(&hosts);
    match how {
        Away::Down => hosts.valkey.kill()?,
        Away::Hangs => hosts.valkey.signal("STOP")?,
    }
    let engines = hosts.engines(0..HOSTS).await?;
    one_run_each(hosts, &engines, asked).await
}

async fn emptied(scale: Scale) -> Result<Played> {
    let mut hosts = hosts(scale).await?;
    let asked = asked(&hosts);
    let warm = warm(&hosts, &asked).await?;
    hosts.valkey.restart()?;
    hosts.stage.later(Duration::from_secs(61));
    one_run_each(hosts, &warm, asked).await
}
