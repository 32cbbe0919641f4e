//! The bytes of every record. `docs/format.md` describes this folder.

pub(crate) mod block;
pub(crate) mod edit;
pub(crate) mod envelope;
pub(crate) mod item;
pub(crate) mod lease;
pub(crate) mod meta;
pub(crate) mod metadata;
pub(crate) mod place;
pub(crate) mod remembered;
pub(crate) mod reread;
pub(crate) mod section;
pub(crate) mod show;
pub(crate) mod stamp;
pub(crate) mod tables;
pub(crate) mod upload;
