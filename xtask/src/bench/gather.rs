//! Plays the situations: which ones, with which input, and by which clients. Each gives a line of
//! data.

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
