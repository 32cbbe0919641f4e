//! Who asks the server: at which address, and with which token.
//!
//! Within the freshness window no call is made. So another address or another token would not be
//! noticed: answers and edits would be of a server that nobody asked, or with rights that nobody has.
//! The file says who asked last, and what somebody else observed is not fresh.

use std::sync::{Mutex, PoisonError};

use plex_api::Client;

/// The context of the hash. Any other hash needs another context.
const CONTEXT: &str = "matchbox 2026-11 who asks";

/// This process, as one who asks.
#[derive(Debug)]
pub(crate) struct Asker {
    pub(crate) hash: [u8; 4],
    /// Who asked last, as far as this process knows.
    last: Mutex<Option<[u8; 4]>>,
}

impl Asker {
    pub(crate) fn new(client: &Client) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(client.address().as_bytes());
        hasher.update(&[0]);
        client.with_token(|token| hasher.update(token).count());
        let hash = hasher.finalize();
        let hash = hash.as_bytes().first_chunk().copied().unwrap_or_default();
        Self { hash, last: Mutex::default() }
    }

    pub(crate) fn last(&self) -> Option<[u8; 4]> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_last(&self, last: Option<[u8; 4]>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}
