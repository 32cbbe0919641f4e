//! Wall time, for measurements. Everything else uses the engine's clock.

use std::time::Instant;

#[expect(clippy::disallowed_methods, reason = "the bench measures wall time")]
pub(crate) fn now() -> Instant {
    Instant::now()
}
