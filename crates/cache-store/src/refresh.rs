//! Bringing a section up to date with the cheapest plan that explains what changed.

pub(crate) mod carry_out;
pub(crate) mod listing;
pub(crate) mod plan;
pub(crate) mod sweep;
pub(crate) mod vanished;
