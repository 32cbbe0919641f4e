//! Shows the measurements: on the terminal, as a page, and as files for machines.

pub(super) mod html;
pub(super) mod json;
pub(super) mod terminal;
mod text;
