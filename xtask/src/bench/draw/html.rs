//! The results as one self-contained page, with plots as SVG. It needs no script and no network.

mod plots;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::terminal::{HEADER, cells};
use super::text::{escape, ratio};
use crate::bench::compute::outcome::{Assumption, Outcome, Seen};
use crate::bench::compute::scenario::Scenario;
use crate::table::grouped;

/// The style follows the reader's choice of light or dark. It replaces the colours of text, grid
/// and background in the plots. The other colours are readable on both backgrounds.
const STYLE: &str = include_str!("html/page.css");

/// Writes the page, and creates its folder.
pub(crate) fn write(path: &Path, outcome: &Outcome) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, page(outcome)?)?;
    Ok(())
}

fn page(outcome: &Outcome) -> Result<String> {
    let mut page = String::new();
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\">\
         <title>Matchbox bench</title><style>{STYLE}</style></head><body><main>\
         <h1>Matchbox bench</h1>"
    )?;
    let machine = &outcome.machine;
    write!(
        page,
        "<p>Which Plex item is this local file? Every answer was checked against the truth, and \
         every call was counted. {} cores, {} {}, seed {}, {:.0} s in all.</p>",
        machine.cores, machine.os, machine.arch, outcome.seed, outcome.seconds
    )?;
    headline(&mut page, outcome)?;
    for plot in plots::all(outcome)? {
        write!(
            page,
            "<figure class=\"{}\"><figcaption><b>{}</b> {}</figcaption>{}</figure>",
            plot.class,
            escape(&plot.title),
            escape(&plot.text),
            plot.drawing
        )?;
    }
    for (title, scenarios) in outcome.groups() {
        if !scenarios.is_empty() {
            write!(page, "<h2>{}</h2>", escape(title))?;
            table(&mut page, scenarios)?;
        }
    }
    if outcome.all().any(Scenario::is_sampled) {
        page.push_str("<p>* counted on an even sample of the queries, and scaled to all.</p>");
    }
    if let Some(seen) = &outcome.server {
        server(&mut page, seen)?;
    }
    page.push_str("</main></body></html>\n");
    Ok(page)
}

/// Writes how a real server behaved.
fn server(page: &mut String, seen: &Seen) -> Result<()> {
    let version = escape(&seen.version);
    write!(
        page,
        "<h2>How the server (version {version}) behaved against our assumptions</h2><ul>"
    )?;
    for Assumption { question, seen, holds } in &seen.assumptions {
        let holds = if *holds { "yes" } else { "NO" };
        write!(page, "<li>{}: <b>{holds}</b>, {}</li>", escape(question), escape(seen))?;
    }
    page.push_str("</ul>");
    Ok(())
}

/// Writes the most important numbers.
fn headline(page: &mut String, outcome: &Outcome) -> Result<()> {
    let queries: u64 = outcome.all().map(|scenario| scenario.queries).sum();
    let wrong: u64 = outcome.all().map(|scenario| scenario.wrong).sum();
    let budgeted = outcome.budget.iter().filter(|row| row.budget.is_some());
    let kept = budgeted.clone().filter(|row| row.budget >= Some(row.calls.total)).count();
    // Scenarios with a client that lists everything. For edits there is only the naive client.
    let beside = outcome.all().filter(|scenario| scenario.best_rival().is_some());
    let highest = beside.filter_map(Scenario::ratio).reduce(f64::max);
    page.push_str("<ul class=\"tiles\">");
    let mut tile = |number: String, text: &str| write!(page, "<li><b>{number}</b>{text}</li>");
    tile(grouped(wrong), &format!("wrong answers of {}", grouped(queries)))?;
    if !outcome.budget.is_empty() {
        let rows = outcome.budget.len();
        tile(format!("{kept} of {rows}"), "rows within the call budget")?;
    }
    if let Some(highest) = highest {
        tile(
            ratio(highest),
            "calls of the best client without a cache for one of ours (highest ratio)",
        )?;
    }
    if let Some(one) = outcome.series.iter().flat_map(|series| &series.one_file).next() {
        let p50 = format!("{:.0?}", one.timing.p50());
        tile(p50, "for one remembered file, without opening and closing (p50)")?;
    }
    page.push_str("</ul>");
    Ok(())
}

fn table(page: &mut String, scenarios: &[Scenario]) -> Result<()> {
    page.push_str("<div class=\"wide\"><table><thead><tr>");
    for (at, name) in HEADER.iter().enumerate() {
        write!(page, "<th{}>{name}</th>", if at == 0 { " class=\"name\"" } else { "" })?;
    }
    page.push_str("</tr></thead><tbody>");
    for scenario in scenarios {
        page.push_str("<tr>");
        for (at, cell) in cells(scenario).into_iter().enumerate() {
            if at == 0 {
                let title = escape(&scenario.situation);
                write!(page, "<td class=\"name\">{}<small>{title}</small></td>", escape(&cell))?;
            } else {
                write!(page, "<td>{}</td>", escape(&cell))?;
            }
        }
        page.push_str("</tr>");
    }
    page.push_str("</tbody></table></div>");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compute::scenario::example;

    fn outcome(scenarios: Vec<Scenario>) -> Outcome {
        Outcome { items: 10, scenarios, ..Outcome::new(1) }
    }

    #[test]
    fn the_page_is_whole_and_asks_for_nothing() {
        let page = page(&outcome(vec![example("cold"), example("repeat")])).unwrap();
        assert_eq!(page.matches("<figure ").count(), page.matches("</figure>").count());
        assert_eq!(page.matches("<svg").count(), page.matches("class=\"lines\"").count());
        assert!(page.matches("class=\"bars\"").count() >= 1);
        assert!(page.contains("a &lt;test&gt;") && !page.contains("<test>"));
        for link in ["src=", "href=", "url(", "<script", "@import"] {
            assert!(!page.contains(link), "{link}");
        }
        for colour in ["#010101", "#020202", "#030303"] {
            assert!(page.contains(&format!("fill=\"{colour}\"")) || colour == "#020202");
            assert!(STYLE.contains(colour), "{colour} has no style");
        }
    }

    #[test]
    fn a_run_of_nothing_is_a_page_too() {
        assert!(page(&outcome(Vec::new())).unwrap().contains("</html>"));
    }
}
