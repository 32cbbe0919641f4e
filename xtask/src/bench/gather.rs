//! Playing situations: which, on what input, by whom; each ends as a line of data.

pub(super) mod assumptions;
pub(super) mod budget;
pub(super) mod clock;
pub(super) mod input;
pub(super) mod matrix;
pub(super) mod options;
pub(super) mod plan;
pub(super) mod profile;
pub(super) mod progress;
pub(super) mod python;
pub(super) mod rivals;
pub(super) mod series;
pub(super) mod story;
