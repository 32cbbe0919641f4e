//! What a server holds, as types of this crate.

pub(crate) mod event;
pub(crate) mod id;
pub(crate) mod item;
pub(crate) mod kind;
pub(crate) mod listing;
pub(crate) mod page;
pub(crate) mod section;
