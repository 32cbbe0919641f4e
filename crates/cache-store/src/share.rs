//! Who does the work: tasks and processes that ask at the same time share one answer.

pub(crate) mod lease;
pub(crate) mod off_thread;
pub(crate) mod single_flight;
#[cfg(feature = "shared")]
pub(crate) mod tier;
