//! How JSON spells what the domain types hold. Private: the spelling is the server's business.
//!
//! Unknown fields are skipped. Known ones are read leniently (see [`lenient`]); a value of a
//! type that makes no sense is an error of its row, never of the page.

pub(crate) mod container;
pub(crate) mod decode;
pub(crate) mod event;
pub(crate) mod lenient;
pub(crate) mod payload;
pub(crate) mod row;
pub(crate) mod section;
pub(crate) mod sse;
