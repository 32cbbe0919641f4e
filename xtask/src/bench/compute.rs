//! What was measured, as data, and what it has to show. Nothing is played or drawn here.

pub(super) mod baseline;
pub(super) mod check;
pub(super) mod judge;
pub(super) mod outcome;
pub(super) mod scenario;
