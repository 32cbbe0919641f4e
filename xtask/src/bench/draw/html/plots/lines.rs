//! Plots with lines.

use anyhow::Result;
use plotters::prelude::*;

use super::{GRID, INK, PAPER, Plot, WIDTH, colour, drawn, number, short, text};
use crate::bench::compute::{outcome::Outcome, scenario::Scenario};

/// A line with its name.
type Line = (String, Vec<(f64, f64)>);

/// The two axes of a plot.
struct Axes {
    x: std::ops::Range<f64>,
    y: std::ops::Range<f64>,
    x_name: &'static str,
    y_name: &'static str,
}

/// Height of a plot with lines.
const HEIGHT: u32 = 420;

/// Draws lines. `$x` and `$y` make a coordinate from a range. This is a macro, because each kind of
/// coordinate has its own type.
macro_rules! draw {
    ($axes:expr, $lines:expr, $x:expr, $y:expr, $x_label:expr, $y_label:expr) => {{
        let axes: Axes = $axes;
        let lines: &[Line] = $lines;
        let mut svg = String::new();
        let root = SVGBackend::with_string(&mut svg, (WIDTH, HEIGHT)).into_drawing_area();
        drawn(root.fill(&PAPER))?;
        let mut chart = drawn(
            ChartBuilder::on(&root)
                .margin(12)
                .margin_right(28)
                .x_label_area_size(46)
                .y_label_area_size(74)
                .build_cartesian_2d($x(axes.x), $y(axes.y)),
        )?;
        drawn(
            chart
                .configure_mesh()
                .x_desc(axes.x_name)
                .y_desc(axes.y_name)
                .x_label_formatter(&$x_label)
                .y_label_formatter(&$y_label)
                .label_style(text(14))
                .axis_desc_style(text(14))
                .axis_style(INK)
                .bold_line_style(GRID)
                .light_line_style(TRANSPARENT)
                .draw(),
        )?;
        for (at, (name, points)) in lines.iter().enumerate() {
            let colour = colour(at);
            let line = LineSeries::new(points.iter().copied(), colour.stroke_width(3));
            let legend =
                move |(x, y)| PathElement::new([(x, y), (x + 22, y)], colour.stroke_width(3));
            drawn(chart.draw_series(line))?.label(name.as_str()).legend(legend);
            if points.len() <= 20 {
                let dots = points.iter().map(|&point| Circle::new(point, 4, colour.filled()));
                drawn(chart.draw_series(dots))?;
            }
        }
        drawn(
            chart
                .configure_series_labels()
                .position(SeriesLabelPosition::UpperLeft)
                .background_style(PAPER)
                .border_style(GRID)
                .label_font(text(14))
                .draw(),
        )?;
        drawn(root.present())?;
        drop(chart);
        drop(root);
        svg
    }};
}

/// Calls by the number of items.
pub(super) fn calls_by_items(outcome: &Outcome) -> Result<Option<Plot>> {
    let movies = |scenario: &&Scenario| {
        let variant = scenario.name.split(' ').next().unwrap_or_default();
        ["1k", "100k", "1M", "cold", "repeat", "added"].contains(&variant)
    };
    let all = outcome.scenarios.iter().chain(&outcome.matrix).filter(movies);
    let line = |step: &str, value: fn(&Scenario) -> Option<u64>| -> Vec<(f64, f64)> {
        let points = all.clone().filter(|scenario| scenario.name.ends_with(step));
        let mut points: Vec<_> = points
            .filter_map(|scenario| Some((number(scenario.items), number(value(scenario)?.max(1)))))
            .collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    };
    let calls = |scenario: &Scenario| Some(scenario.calls.total);
    let naive = |scenario: &Scenario| scenario.naive.calls;
    let lines = [
        ("cold".to_owned(), line("cold", calls)),
        ("naive client".to_owned(), line("repeat", naive)),
        ("one item added".to_owned(), line("added", calls)),
        ("nothing changed".to_owned(), line("repeat", calls)),
    ];
    if lines[0].1.len() < 2 {
        return Ok(None);
    }
    let axes = Axes {
        x: least(&lines, |point| point.0) * 0.8..most(&lines, |point| point.0) * 1.25,
        y: 0.7..most(&lines, |point| point.1) * 3.0,
        x_name: "items in the library, and files asked for",
        y_name: "calls",
    };
    let log = |range: std::ops::Range<f64>| range.log_scale();
    let svg = draw!(axes, &lines, log, log, |n: &f64| short(*n), |n: &f64| short(*n));
    let text = "Both axes are logarithmic. The naive client keeps nothing, so every run costs it \
        the same.";
    Ok(Some(Plot::lines("Calls by the size of the library.".to_owned(), text.to_owned(), svg)))
}

/// The hit rate over runs.
pub(super) fn hit_rate(outcome: &Outcome) -> Result<Option<Plot>> {
    let Some(series) = &outcome.series else { return Ok(None) };
    let points = series.runs.iter().zip(1_u32..);
    let points = points.map(|(run, at)| (f64::from(at), 100.0 * run.hit_rate)).collect();
    let lines = [("answers that were remembered".to_owned(), points)];
    let axes = Axes {
        x: 0.5..number(series.runs.len() as u64) + 0.5,
        y: -2.0..112.0,
        x_name: "run",
        y_name: "hit rate, %",
    };
    let plain = |range: std::ops::Range<f64>| range;
    let label = |n: &f64| format!("{n:.0}");
    let svg = draw!(axes, &lines, plain, plain, label, label);
    let calls: Vec<_> = series.runs.iter().map(|run| run.calls.to_string()).collect();
    let text = format!(
        "Before each run except the first, 1 % was added to the library. Calls of the runs: {}.",
        calls.join(", ")
    );
    Ok(Some(Plot::lines("Hit rate over runs.".to_owned(), text, svg)))
}

/// The time of one file.
pub(super) fn one_file(outcome: &Outcome) -> Result<Option<Plot>> {
    let Some(series) = &outcome.series else { return Ok(None) };
    let mut lines: Vec<Line> = Vec::new();
    for one in &series.one_file {
        let mut below = 0;
        let mut points = Vec::new();
        for (micros, count) in one.timing.buckets() {
            below += count;
            let percent = 100.0 * number(below) / number(one.timing.count().max(1));
            points.push((percent, number(micros.max(1)) / 1e3));
        }
        lines.push((one.what.clone(), points));
    }
    if lines.iter().all(|(_, points)| points.is_empty()) {
        return Ok(None);
    }
    let axes = Axes {
        x: 0.0..100.0,
        y: least(&lines, |point| point.1) / 1.5..most(&lines, |point| point.1) * 4.0,
        x_name: "percent of the files that took no longer",
        y_name: "milliseconds",
    };
    let plain = |range: std::ops::Range<f64>| range;
    let log = |range: std::ops::Range<f64>| range.log_scale();
    let label = |n: &f64| format!("{n:.0}");
    let svg = draw!(axes, &lines, plain, log, label, |n: &f64| format!(
        "{}",
        (n * 100.0).round() / 100.0
    ));
    let text = "Single files, one after the other, within the freshness window: no call is made. \
        The second line writes each new answer to disk.";
    Ok(Some(Plot::lines("Time of one file.".to_owned(), text.to_owned(), svg)))
}

fn most(lines: &[Line], of: fn(&(f64, f64)) -> f64) -> f64 {
    lines.iter().flat_map(|(_, points)| points).map(of).fold(1e-3, f64::max)
}

fn least(lines: &[Line], of: fn(&(f64, f64)) -> f64) -> f64 {
    lines.iter().flat_map(|(_, points)| points).map(of).fold(f64::MAX, f64::min)
}
