//! Who asks the server: at which address, and with which token.
//!
//! Within the freshness window no call is made. So another address or another token would not be
//! noticed: answers and edits would be of a server that nobody asked, or with rights that nobody has.
//! The file says who asked last, and what somebody else observed is not fresh.

use std::sync::{Mutex, PoisonError};

use plex_api::Client;

use crate::error::Error;
use crate::refresh::context::Context;

/// The context of the hash. Any other hash needs another context.
const CONTEXT: &str = "matchbox 2026-11 who asks";

/// This process, as one who asks.
#[derive(Debug)]
pub(crate) struct Asker {
    hash: [u8; 4],
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

    fn last(&self) -> Option<[u8; 4]> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_last(&self, last: Option<[u8; 4]>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

impl Context {
    /// Whether this process is the one that asked last, or asked as that one did.
    pub(crate) async fn asked_last(&self) -> Result<bool, Error> {
        if self.asker.last().is_none() {
            self.asker.set_last(self.blocking(crate::Store::asker).await?);
        }
        Ok(self.asker.last() == Some(self.asker.hash))
    }

    /// Whether somebody else asked last. A file of an earlier version does not say who it was.
    pub(crate) async fn another_asked_last(&self) -> Result<bool, Error> {
        Ok(!self.asked_last().await? && self.asker.last().is_some())
    }

    /// Keeps that this process asked, and was answered.
    pub(crate) async fn note_asked(&self) -> Result<(), Error> {
        if self.asked_last().await? {
            return Ok(());
        }
        let hash = self.asker.hash;
        self.blocking(move |store| store.put_asker(hash)).await?;
        self.asker.set_last(Some(hash));
        Ok(())
    }
}
