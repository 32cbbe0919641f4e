//! Plots with bars.

use anyhow::Result;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{GRID, INK, PAPER, Plot, WIDTH, colour, drawn, number, short, text};
use crate::bench::compute::{outcome::Outcome, scenario::Scenario};
use crate::bench::draw::text::grouped;

/// Height of a row with three bars, with one bar, and with one bar if there are many rows.
const THREE: u32 = 60;
const ONE: u32 = 30;
const THIN: u32 = 22;
/// Height of everything else.
const REST: u32 = 96;

/// Bars in rows, one row for each name.
struct Rows {
    /// Height of each row, and width of the names, in pixels.
    height: u32,
    width: u32,
    names: Vec<String>,
    bars: Vec<Bar>,
    /// Text after a bar: the row, the place within the row, the position on the axis, the text.
    notes: Vec<(usize, f64, f64, String)>,
    /// Names and colours.
    series: Vec<(&'static str, RGBColor)>,
}

/// One bar.
struct Bar {
    row: usize,
    /// Upper and lower edge within the row, from -0.5 to 0.5.
    edges: (f64, f64),
    from: f64,
    to: f64,
    series: usize,
}

impl Rows {
    fn new(height: u32, width: u32, series: &[(&'static str, usize)]) -> Self {
        let series = series.iter().map(|&(name, at)| (name, colour(at))).collect();
        Self { height, width, names: Vec::new(), bars: Vec::new(), notes: Vec::new(), series }
    }
}

/// Draws bars. `$x` is the axis of values. This is a macro, because each kind of axis has its own
/// type.
macro_rules! draw {
    ($rows:expr, $x:expr, $x_name:expr, $x_label:expr) => {{
        let rows: Rows = $rows;
        let count = u32::try_from(rows.names.len())?;
        let down = f64::from(count) - 0.5..-0.5; // from the top
        let mut svg = String::new();
        let size = (WIDTH, REST + rows.height * count);
        let root = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        drawn(root.fill(&PAPER))?;
        let (legend, plot) = root.split_vertically(30);
        legend_line(&legend, &rows.series, rows.width)?;
        let mut chart = drawn(
            ChartBuilder::on(&plot)
                .margin(8)
                .margin_right(28)
                .x_label_area_size(46)
                .y_label_area_size(rows.width)
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
            let colour = rows.series.get(bar.series).map_or(INK, |series| series.1);
            Rectangle::new(corners, colour.filled())
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

/// Draws the names of the series above the plot.
fn legend_line(
    area: &DrawingArea<SVGBackend<'_>, plotters::coord::Shift>,
    series: &[(&'static str, RGBColor)],
    width: u32,
) -> Result<()> {
    let mut x = i32::try_from(width)? + 8;
    for (name, colour) in series {
        drawn(area.draw(&Rectangle::new([(x, 8), (x + 14, 22)], colour.filled())))?;
        drawn(area.draw(&Text::new(*name, (x + 20, 8), text(14))))?;
        x += 40 + 8 * i32::try_from(name.len())?;
    }
    Ok(())
}

/// Calls by scenario, with those of the other clients. One plot for each group.
pub(super) fn against_naive(outcome: &Outcome) -> Result<Vec<Plot>> {
    let plots = outcome.groups().into_iter().map(|(title, scenarios)| calls(title, scenarios));
    Ok(plots.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

fn calls(title: &str, scenarios: &[Scenario]) -> Result<Option<Plot>> {
    let with_naive: Vec<&Scenario> =
        scenarios.iter().filter(|scenario| scenario.naive.calls.is_some()).collect();
    if with_naive.is_empty() {
        return Ok(None);
    }
    let series = [("Matchbox", 0), ("best client without a cache", 2), ("naive client", 1)];
    let mut rows = Rows::new(THREE, 190, &series);
    let mut most: f64 = 10.0;
    for (row, scenario) in with_naive.into_iter().enumerate() {
        rows.names.push(format!("{}, {}", scenario.name, short(number(scenario.items))));
        let best = scenario.best_rival().map(|rival| rival.calls);
        let calls = [Some(scenario.calls.total), best, scenario.naive.calls];
        for (series, calls) in calls.into_iter().enumerate() {
            let Some(calls) = calls else { continue };
            let edges = [(-0.42, -0.16), (-0.13, 0.13), (0.16, 0.42)][series];
            let shown = number(calls.max(1));
            most = most.max(shown);
            // All bars start below 1. On this axis, a bar from 1 to 1 would have no length.
            rows.bars.push(Bar { row, edges, from: START, to: shown, series });
            let gave_up = series == 2 && scenario.naive.gave_up;
            let calls = grouped(calls);
            let note = format!("{calls}{}", if gave_up { ", gave up: no answers" } else { "" });
            rows.notes.push((row, f64::midpoint(edges.0, edges.1), shown, note));
        }
    }
    let axis = (START..most * 12.0).log_scale();
    let svg = draw!(rows, axis, "calls (logarithmic)", |n: &f64| short(*n));
    let text = "Calls that the server counted, for Matchbox and for clients that keep nothing. Name \
        and number of items on the left.";
    Ok(Some(Plot { title: format!("{title}."), text: text.to_owned(), svg }))
}

/// The start of a bar on a logarithmic axis.
const START: f64 = 0.5;

/// The time of a run by phase.
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
    let series =
        [("refresh", 0), ("keys", 1), ("recall", 2), ("matching", 3), ("remember", 4), ("rest", 5)];
    let mut rows = Rows::new(ONE, 190, &series);
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
    Ok(Some(Plot { title: "Time per phase.".to_owned(), text: text.to_owned(), svg }))
}

/// The results of the rules for distorted names.
pub(super) fn accuracy(outcome: &Outcome) -> Result<Option<Plot>> {
    let lines = &outcome.accuracy;
    if lines.is_empty() {
        return Ok(None);
    }
    let series = [
        ("right", 2),
        ("right, low confidence", 0),
        ("ambiguous", 4),
        ("not found", 5),
        ("wrong", 1),
    ];
    let mut rows = Rows::new(THIN, 270, &series);
    for (row, line) in lines.iter().enumerate() {
        rows.names.push(line.distortion.clone());
        let tally = &line.tally;
        let mut at = 0.0;
        for (series, count) in [
            tally.high_right + tally.absent_right,
            tally.low_right,
            tally.tied + tally.tied_wrong,
            tally.missed,
            tally.high_wrong + tally.low_wrong,
        ]
        .into_iter()
        .enumerate()
        {
            let to = at + 100.0 * number(count) / number(tally.cases.max(1));
            rows.bars.push(Bar { row, edges: (-0.36, 0.36), from: at, to, series });
            at = to;
        }
    }
    let svg = draw!(rows, 0.0..100.0, "percent of the files", |n: &f64| format!("{n:.0}"));
    let cases: u64 = lines.iter().map(|line| line.tally.cases).sum();
    let wrong: u64 = lines.iter().map(|line| line.tally.high_wrong).sum();
    let text = format!(
        "{cases} files whose true item is known, by the distortion of their names or folders. \
         If little of a name is left, ambiguous and not found are right answers. {wrong} answers \
         of high confidence were wrong."
    );
    Ok(Some(Plot { title: "Accuracy by distortion.".to_owned(), text, svg }))
}
