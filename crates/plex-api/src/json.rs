//! How JSON spells the domain types. Private, because the spelling is the server's choice.
//!
//! Unknown fields are skipped. Known fields are read leniently (see [`lenient`]). A value of an
//! impossible type is an error of its row, never of the page.

pub(crate) mod container;
pub(crate) mod decode;
pub(crate) mod event;
pub(crate) mod lenient;
pub(crate) mod payload;
pub(crate) mod row;
pub(crate) mod section;
pub(crate) mod sse;
