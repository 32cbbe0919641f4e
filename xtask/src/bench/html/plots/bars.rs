//! Bars: one thing beside another.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{GRID, INK, PAPER, Plot, WIDTH, colour, drawn, short, text};
use crate::bench::result::{Outcome, Scenario};

/// Height of a row of bars.
const ROW: u32 = 44;
/// Height of everything else.
const REST: u32 = 96;

/// Bars side by side or one after the other, a row for each name.
struct Rows {
    names: Vec<String>,
    bars: Vec<Bar>,
    /// Text behind the bars of a row: row, place within it, at, text.
    notes: Vec<(usize, f64, f64, String)>,
    series: Vec<&'static str>,
}

/// One bar.
struct Bar {
    row: usize,
    /// Upper and lower edge within the row, -0.5 to 0.5.
    edges: (f64, f64),
    from: f64,
    to: f64,
    series: usize,
}

/// Draws bars; `$x` is the axis of values. A macro, because each kind of axis is a type.
macro_rules! draw {
    ($rows:expr, $x:expr, $x_name:expr, $x_label:expr) => {{
        let rows: Rows = $rows;
        let count = u32::try_from(rows.names.len())?;
        let down = f64::from(count) - 0.5..-0.5; // from the top
        let mut svg = String::new();
        let size = (WIDTH, REST + ROW * count);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        drawn(root.fill(&PAPER))?;
        let (legend, plot) = root.split_vertically(30);
        legend_line(&legend, &rows.series)?;
        let mut chart = drawn(
            ChartBuilder::on(&plot)
                .margin(8)
                .margin_right(28)
                .x_label_area_size(46)
                .y_label_area_size(170)
                .build_cartesian_2d($x, down),
        )?;
        drawn(
            chart
                .configure_mesh()
                .disable_y_mesh()
                .y_labels(0)
                .x_desc($x_name)
                .x_label_formatter(&$x_label)
                .label_style(text(14))
                .axis_desc_style(text(14))
                .axis_style(INK)
                .bold_line_style(GRID)
                .light_line_style(TRANSPARENT)
                .draw(),
        )?;
        let place = |row: usize, within: f64| f64::from(u32::try_from(row).unwrap_or(0)) + within;
        let rectangles = rows.bars.iter().map(|bar| {
            let (upper, lower) = (place(bar.row, bar.edges.0), place(bar.row, bar.edges.1));
            let corners = [(bar.from, upper), (bar.to, lower)];
            Rectangle::new(corners, colour(bar.series).filled())
        });
        drawn(chart.draw_series(rectangles))?;
        let notes = rows.notes.iter().map(|(row, within, at, note)| {
            EmptyElement::at((*at, place(*row, *within)))
                + Text::new(note.clone(), (5, -7), text(13))
        });
        drawn(chart.draw_series(notes))?;
        let begin = chart.x_range().start;
        let right = text(14).pos(Pos::new(HPos::Right, VPos::Center));
        let names = rows.names.iter().enumerate().map(|(row, name)| {
            EmptyElement::at((begin, place(row, 0.0)))
                + Text::new(name.clone(), (-8, 0), right.clone())
        });
        drawn(chart.draw_series(names))?;
        drop(chart);
        drawn(root.present())?;
        drop((root, legend, plot));
        svg
    }};
}

/// Names of the series above the plot.
fn legend_line(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    series: &[&'static str],
) -> Result<()> {
    let mut x = 178;
    for (at, name) in series.iter().enumerate() {
        drawn(area.draw(&Rectangle::new([(x, 8), (x + 14, 22)], colour(at).filled())))?;
        drawn(area.draw(&Text::new(*name, (x + 20, 8), text(14))))?;
        x += 40 + 8 * i32::try_from(name.len())?;
    }
    Ok(())
}

/// Calls by scenario beside the naive client's.
pub(super) fn against_naive(outcome: &Outcome) -> Result<Option<Plot>> {
    let all = outcome.scenarios.iter().chain(&outcome.budget);
    let with_naive: Vec<&Scenario> =
        all.filter(|scenario| scenario.naive.naive_calls.is_some()).collect();
    if with_naive.is_empty() {
        return Ok(None);
    }
    let mut rows = Rows {
        names: Vec::new(),
        bars: Vec::new(),
        notes: Vec::new(),
        series: vec!["Matchbox", "naive client"],
    };
    let mut most: f64 = 10.0;
    for (row, scenario) in with_naive.into_iter().enumerate() {
        rows.names.push(format!("{}, {}", scenario.name, short(number(scenario.items))));
        let ours = scenario.calls.total;
        let naive = scenario.naive.naive_calls.unwrap_or_default();
        for (series, calls) in [ours, naive].into_iter().enumerate() {
            let edges = [(-0.36, -0.02), (0.02, 0.36)][series];
            let shown = number(calls.max(1));
            most = most.max(shown);
            // A bar of one call would have no length on this axis: all begin below it.
            rows.bars.push(Bar { row, edges, from: START, to: shown, series });
            rows.notes.push((row, f64::midpoint(edges.0, edges.1), shown, calls.to_string()));
        }
    }
    let axis = (START..most * 12.0).log_scale();
    let svg = draw!(rows, axis, "calls (logarithmic)", |n: &f64| short(*n));
    let text = "Calls in each situation, by the server's own count, beside a client that keeps \
        nothing. Name and number of items on the left.";
    Ok(Some(Plot { title: "Calls by situation.", text: text.to_owned(), svg }))
}

/// Where a bar on a logarithmic axis begins.
const START: f64 = 0.5;

/// Where the time of a run goes.
pub(super) fn phases(outcome: &Outcome) -> Result<Option<Plot>> {
    let shown: Vec<&Scenario> = outcome
        .scenarios
        .iter()
        .chain(&outcome.matrix)
        .filter(|scenario| scenario.report.phases.run.count() > 0)
        .filter(|scenario| !scenario.name.ends_with("outage"))
        .collect();
    if shown.is_empty() {
        return Ok(None);
    }
    let mut rows = Rows {
        names: Vec::new(),
        bars: Vec::new(),
        notes: Vec::new(),
        series: vec!["refresh", "keys", "recall", "matching", "remember", "rest"],
    };
    for (row, scenario) in shown.into_iter().enumerate() {
        rows.names.push(scenario.name.clone());
        let phases = &scenario.report.phases;
        let run = phases.run.total().as_secs_f64();
        let named = phases.named().map(|(_, timing)| timing.total().as_secs_f64());
        let mut at = 0.0;
        for (series, seconds) in named.into_iter().take(5).enumerate() {
            let to = at + 100.0 * seconds / run.max(1e-9);
            rows.bars.push(Bar { row, edges: (-0.3, 0.3), from: at, to, series });
            at = to;
        }
        rows.bars.push(Bar { row, edges: (-0.3, 0.3), from: at, to: at.max(100.0), series: 5 });
        let note = format!("{:.1} ms", run * 1e3);
        rows.notes.push((row, 0.0, 100.0, note));
    }
    let svg = draw!(rows, 0.0..116.0, "percent of the run", |n: &f64| format!("{n:.0}"));
    let text = "How a run divides into phases, and how long it took. Refresh includes the \
        server's time.";
    Ok(Some(Plot { title: "Time per phase.", text: text.to_owned(), svg }))
}

#[expect(clippy::cast_precision_loss, reason = "a position in a plot")]
fn number(count: u64) -> f64 {
    count as f64
}
