//! The redb file: opening, upgrading, reading and writing it.

pub(crate) mod commit;
pub(crate) mod config;
pub(crate) mod database;
pub(crate) mod handle;
pub(crate) mod inspect;
pub(crate) mod marker;
pub(crate) mod meta;
pub(crate) mod open;
pub(crate) mod overlay;
pub(crate) mod preallocate;
pub(crate) mod sections;
pub(crate) mod upgrade;
pub(crate) mod view;
pub(crate) mod write_buffer;
