//! The measurements as data, and the conditions that they must meet.

pub(super) mod baseline;
pub(super) mod check;
pub(super) mod judge;
pub(super) mod outcome;
pub(super) mod scenario;
