//! Plots with bars, as HTML: text keeps its size on a narrow screen, and a row can be named by a
//! sentence.

use std::fmt::Write as _;

use anyhow::Result;

use super::{Plot, number};
use crate::bench::compute::{outcome::Outcome, scenario::Scenario};
use crate::bench::draw::text::escape;
use crate::table::grouped;

/// Names of series, and the classes of their colours in `page.css`.
type Series<'a> = &'a [(&'static str, &'static str)];

const CALLS: Series<'static> =
    &[("Matchbox", "c0"), ("best client without a cache", "c2"), ("naive client", "c1")];

const PHASES: Series<'static> = &[
    ("refresh", "c0"),
    ("keys", "c1"),
    ("recall", "c2"),
    ("matching", "c3"),
    ("remember", "c4"),
    ("rest", "c5"),
];

const ACCURACY: Series<'static> = &[
    ("right", "c2"),
    ("right, low confidence", "c0"),
    ("ambiguous", "c4"),
    ("not found", "c5"),
    ("wrong", "c1"),
];

/// Writes the names of the series.
fn legend(bars: &mut String, series: Series<'_>) -> Result<()> {
    bars.push_str("<p class=\"legend\">");
    for (name, class) in series {
        write!(bars, "<span><i class=\"{class}\"></i>{name}</span>")?;
    }
    bars.push_str("</p>");
    Ok(())
}

/// Calls by scenario, with those of the other clients. One plot for each group.
pub(super) fn against_naive(outcome: &Outcome) -> Result<Vec<Plot>> {
    let plots = outcome.groups().into_iter().map(|(title, scenarios)| calls(title, scenarios));
    Ok(plots.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn calls(title: &str, scenarios: &[Scenario]) -> Result<Option<Plot>> {
    let with_naive = || scenarios.iter().filter(|scenario| scenario.naive.calls.is_some());
    let of = |scenario: &Scenario| {
        let best = scenario.best_rival().map(|rival| rival.calls);
        [Some(scenario.calls.total), best, scenario.naive.calls]
    };
    let Some(most) = with_naive().flat_map(of).flatten().max() else { return Ok(None) };
    // The scale is logarithmic. One is added, so that the first call makes a bar longer, too.
    let length = |calls: u64| number(calls + 1).ln() / number(most + 1).ln().max(1.0);
    let mut bars = String::new();
    legend(&mut bars, CALLS)?;
    bars.push_str("<ul>");
    for scenario in with_naive() {
        let (what, name) = (escape(&scenario.situation), escape(&scenario.name));
        let items = grouped(scenario.items);
        write!(bars, "<li><p>{what} <small>{name}, {items} items</small></p>")?;
        for (at, (calls, (_, class))) in of(scenario).into_iter().zip(CALLS).enumerate() {
            let Some(calls) = calls else { continue };
            // Room for the number is left at the right.
            let (percent, calls) = (78.0 * length(calls), grouped(calls));
            let gave_up = at == 2 && scenario.naive.gave_up;
            let note = if gave_up { ", gave up: no answers" } else { "" };
            write!(
                bars,
                "<div><i class=\"{class}\" style=\"width:{percent:.1}%\"></i>{calls}{note}</div>"
            )?;
        }
        bars.push_str("</li>");
    }
    bars.push_str("</ul>");
    let text = "Calls that the server counted, for Matchbox and for clients that keep nothing. The \
        lengths are logarithmic.";
    Ok(Some(Plot::bars(format!("{title}."), text.to_owned(), bars)))
}

/// Writes one bar of several parts, which are shares of the whole.
fn stacked(
    bars: &mut String,
    what: &str,
    note: &str,
    parts: impl Iterator<Item = f64>,
    series: Series<'_>,
) -> Result<()> {
    write!(bars, "<li><p>{} <small>{note}</small></p><div>", escape(what))?;
    for (share, (_, class)) in parts.zip(series) {
        if share > 0.0 {
            write!(bars, "<i class=\"{class}\" style=\"width:{:.2}%\"></i>", 100.0 * share)?;
        }
    }
    bars.push_str("</div></li>");
    Ok(())
}

/// The time of a run by phase.
pub(super) fn phases(outcome: &Outcome) -> Result<Option<Plot>> {
    let mut shown = outcome
        .scenarios
        .iter()
        .chain(&outcome.matrix)
        .filter(|scenario| scenario.report.phases.run.count() > 0)
        .filter(|scenario| !scenario.name.ends_with("outage"))
        .peekable();
    if shown.peek().is_none() {
        return Ok(None);
    }
    let mut bars = String::new();
    legend(&mut bars, PHASES)?;
    bars.push_str("<ul class=\"stacked\">");
    for scenario in shown {
        let phases = &scenario.report.phases;
        let run = phases.run.total().as_secs_f64();
        let named = phases.named().map(|(_, timing)| timing.total().as_secs_f64() / run.max(1e-9));
        let mut parts: Vec<f64> = named.into_iter().take(PHASES.len() - 1).collect();
        parts.push((1.0 - parts.iter().sum::<f64>()).max(0.0));
        let note = format!("{:.1} ms", run * 1e3);
        stacked(&mut bars, &scenario.name, &note, parts.into_iter(), PHASES)?;
    }
    bars.push_str("</ul>");
    let text = "How a run divides into phases, and how long it took. Refresh includes the \
        server's time.";
    Ok(Some(Plot::bars("Time per phase.".to_owned(), text.to_owned(), bars)))
}

/// The results of the rules for distorted names.
pub(super) fn accuracy(outcome: &Outcome) -> Result<Option<Plot>> {
    let lines = &outcome.accuracy;
    if lines.is_empty() {
        return Ok(None);
    }
    let mut bars = String::new();
    legend(&mut bars, ACCURACY)?;
    bars.push_str("<ul class=\"stacked\">");
    for line in lines {
        let tally = &line.tally;
        let counts = [
            tally.high_right + tally.absent_right,
            tally.low_right,
            tally.tied + tally.tied_wrong,
            tally.missed,
            tally.high_wrong + tally.low_wrong,
        ];
        let parts = counts.map(|count| number(count) / number(tally.cases.max(1)));
        let note = format!("{} of {} right", counts[0] + counts[1], tally.cases);
        stacked(&mut bars, &line.distortion, &note, parts.into_iter(), ACCURACY)?;
    }
    bars.push_str("</ul>");
    let cases: u64 = lines.iter().map(|line| line.tally.cases).sum();
    let wrong: u64 = lines.iter().map(|line| line.tally.high_wrong).sum();
    let text = format!(
        "{cases} files whose true item is known, by the distortion of their names or folders. \
         If little of a name is left, ambiguous and not found are right answers. {wrong} answers \
         of high confidence were wrong."
    );
    Ok(Some(Plot::bars("Accuracy by distortion.".to_owned(), text, bars)))
}
