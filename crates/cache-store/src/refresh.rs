//! Bringing a section up to date with the cheapest plan that explains the change.

pub(crate) mod asker;
pub(crate) mod bisect;
pub(crate) mod context;
pub(crate) mod execute;
pub(crate) mod hints;
pub(crate) mod listing;
pub(crate) mod lookup;
pub(crate) mod paging;
pub(crate) mod plan;
pub(crate) mod read_items;
pub(crate) mod reason;
pub(crate) mod recent;
pub(crate) mod shows;
pub(crate) mod sweep;
