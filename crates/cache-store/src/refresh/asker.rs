//! Who asks the server: from which address, and with which token.
//!
//! Within the freshness window no call is made, so a change of the address or the token would not
//! show. Answers and edits would then be about a server that nobody asked, or need rights that this
//! token may not have. So the file records who asked last. Stamps that another asker observed are
//! not fresh.

use std::sync::{Mutex, PoisonError};

use plex_api::Client;

/// The context of this hash. A different hash must use a different context.
const CONTEXT: &str = "matchbox 2026-11 who asks";

/// This process as an asker.
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
