//! Showing what was measured: on the terminal, as a page, as files for machines.

pub(super) mod html;
pub(super) mod json;
pub(super) mod terminal;
mod text;
