//! The plots. Plotters draws lines as SVG, in colours that the page's style replaces. Bars are HTML.

mod bars;
mod lines;

use anyhow::Result;
use plotters::style::{IntoFont, RGBColor, TextStyle};

use crate::bench::compute::outcome::Outcome;

/// Text and axes. The page's style replaces this colour with its text colour.
const INK: RGBColor = RGBColor(1, 1, 1);
/// Lines of the mesh.
const GRID: RGBColor = RGBColor(2, 2, 2);
/// The background.
const PAPER: RGBColor = RGBColor(3, 3, 3);
/// Colours of lines, readable on white and on near black: the classes `c0` to `c5` of the page.
const SERIES: [RGBColor; 6] = [
    RGBColor(43, 125, 216),
    RGBColor(224, 108, 52),
    RGBColor(46, 158, 100),
    RGBColor(154, 96, 208),
    RGBColor(200, 150, 20),
    RGBColor(120, 130, 145),
];

/// Width of every plot. The page scales it.
const WIDTH: u32 = 960;

/// A plot with its title and explanation.
pub(super) struct Plot {
    pub(super) title: String,
    pub(super) text: String,
    /// HTML, or SVG.
    pub(super) drawing: String,
    /// The class of the figure.
    pub(super) class: &'static str,
}

impl Plot {
    fn bars(title: String, text: String, drawing: String) -> Self {
        Self { title, text, drawing, class: "bars" }
    }

    fn lines(title: String, text: String, drawing: String) -> Self {
        Self { title, text, drawing, class: "lines" }
    }
}

/// All plots that have measurements.
pub(super) fn all(outcome: &Outcome) -> Result<Vec<Plot>> {
    let mut plots = bars::against_naive(outcome)?;
    let others = [
        lines::calls_by_items(outcome)?,
        lines::hit_rate(outcome)?,
        lines::one_file(outcome)?,
        bars::phases(outcome)?,
        bars::accuracy(outcome)?,
    ];
    plots.extend(others.into_iter().flatten());
    Ok(plots)
}

/// The style of labels.
fn text(size: u32) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK)
}

/// The colour of a series. Colours repeat if there are more series.
fn colour(at: usize) -> RGBColor {
    SERIES[at % SERIES.len()]
}

/// Converts an error of plotters. Only its backend can fail, and that writes to memory.
fn drawn<T>(done: Result<T, impl std::fmt::Display>) -> Result<T> {
    done.map_err(|error| anyhow::anyhow!("could not draw: {error}"))
}

/// `1000` as `1k`.
fn short(number: f64) -> String {
    match number {
        n if n >= 1e6 => format!("{}M", n / 1e6),
        n if n >= 1e3 => format!("{}k", n / 1e3),
        n => format!("{n}"),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a position in a plot")]
fn number(count: u64) -> f64 {
    count as f64
}
