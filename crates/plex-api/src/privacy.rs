//! What a log may show of a person's library: the one place where that is decided.
//!
//! Paths, titles and texts that may hold them go into spans and events as [`Private`]. They
//! are left out unless the host says that its log may have them. The token is never there to
//! be left out: [`crate::Token`] does not show itself.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether logs show private data. For the whole process, as subscribers are.
static REVEALED: AtomicBool = AtomicBool::new(false);

/// Lets the logs of this process show paths and titles, or hides them again. Hidden at first.
pub fn reveal_private(revealed: bool) {
    REVEALED.store(revealed, Ordering::Relaxed);
}

/// A value for a span or an event that tells of a person's library.
#[derive(Clone, Copy)]
pub struct Private<T>(pub T);

impl<T: fmt::Display> fmt::Display for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if REVEALED.load(Ordering::Relaxed) { self.0.fmt(f) } else { f.write_str("***") }
    }
}

/// As it is displayed, so that no format can get around it.
impl<T: fmt::Display> fmt::Debug for Private<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
