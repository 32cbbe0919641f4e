//! Decides what a log may show of a person's library. No other place decides it.
//!
//! Paths, titles and texts that may hold them go into spans and events as [`Private`]. Logs hide
//! them unless the host allows them. The token never gets that far: [`crate::Token`] does not show
//! itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether logs show private data. It holds for the whole process, as subscribers do.
static REVEALED: AtomicBool = AtomicBool::new(false);

/// Lets the logs of this process show paths and titles, or hides them again. They are hidden at
/// first.
pub fn reveal_private(revealed: bool) {
    REVEALED.store(revealed, Ordering::Relaxed);
}

/// A private value for a span or an event, such as a path or a title.
#[derive(Clone, Copy)]
pub struct Private<T>(pub T);

impl<T: fmt::Display> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if REVEALED.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("***") }
    }
}

/// The same as `Display`, so that no format can show a hidden value.
impl<T: fmt::Display> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
