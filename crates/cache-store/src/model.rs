//! The types of cached data, independent of their bytes and of the file.

pub(crate) mod edit;
pub(crate) mod index;
pub(crate) mod item;
pub(crate) mod metadata;
pub(crate) mod partition;
pub(crate) mod position;
pub(crate) mod remembered;
pub(crate) mod revision;
pub(crate) mod section;
pub(crate) mod show;
pub(crate) mod upload;
