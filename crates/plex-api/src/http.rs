//! Requests and their retries.

pub(crate) mod breaker;
pub(crate) mod config;
pub(crate) mod pace;
pub(crate) mod redact;
pub(crate) mod retry;
pub(crate) mod tls;
pub(crate) mod token;
pub(crate) mod transport;
