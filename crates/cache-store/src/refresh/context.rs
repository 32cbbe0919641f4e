//! What every step of a refresh needs: the client to ask, the store to write to, and the clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use plex_api::{Client, Clock, Paging, SectionKey};

use crate::error::Error;
use crate::refresh::asker::Asker;
use crate::refresh::hints::Hints;
use crate::refresh::plan::Policy;
use crate::share::off_thread::off_thread;
use crate::share::single_flight::Flights;
use crate::store::Store;

/// A function that gets a section's title, how many rows of its listing were read so far, and how
/// many rows there are.
pub type OnRows = Box<dyn Fn(&str, u64, u64) + Send + Sync>;

/// What is known about the server's pages.
#[derive(Debug, Default)]
pub(crate) struct KnownPaging {
    /// The stored knowledge. `None` until the store was asked.
    pub(crate) kept: Option<Paging>,
    /// The version of the server that this knowledge belongs to.
    pub(crate) of: Option<String>,
    /// The server's version, if this process asked for it.
    pub(crate) version: Option<String>,
}

/// A server, the store in front of it, and the policy that says when to ask the server.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) store: Arc<Store>,
    pub(crate) policy: Policy,
    pub(crate) clock: Clock,
    pub(crate) flights: Flights,
    pub(crate) profile: Option<String>,
    pub(crate) on_rows: Option<OnRows>,
    /// The titles of the sections that are being read, for `on_rows`.
    titles: Mutex<BTreeMap<SectionKey, String>>,
    pub(crate) paging: Mutex<KnownPaging>,
    pub(crate) asker: Asker,
    hints: Mutex<Hints>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { client, store, policy, .. } = self;
        f.debug_struct("Context")
            .field("client", client)
            .field("store", store)
            .field("policy", policy)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(client: Client, store: Arc<Store>, policy: Policy, clock: Clock) -> Self {
        Self {
            asker: Asker::new(&client),
            client,
            store,
            policy,
            clock,
            flights: Flights::default(),
            profile: None,
            on_rows: None,
            titles: Mutex::default(),
            paging: Mutex::default(),
            hints: Mutex::default(),
        }
    }

    /// Notes the title of a section that is about to be read.
    pub(crate) fn name(&self, section: SectionKey, title: &str) {
        if self.on_rows.is_some() {
            let mut titles = self.titles.lock().unwrap_or_else(PoisonError::into_inner);
            titles.insert(section, title.to_owned());
        }
    }

    pub(crate) fn tell_rows(&self, section: SectionKey, done: u64, total: u64) {
        if let Some(tell) = &self.on_rows {
            let titles = self.titles.lock().unwrap_or_else(PoisonError::into_inner);
            let title = titles.get(&section).cloned().unwrap_or_default();
            drop(titles); // the host's own code runs now
            tell(&title, done, total);
        }
    }

    pub(crate) fn hints(&self) -> MutexGuard<'_, Hints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Binds the file to the server, or checks that it is bound to this server.
    pub(crate) async fn bind(&self) -> Result<(), Error> {
        let identity = self.client.identity().await?;
        self.note_version(identity.version);
        self.bind_to(identity.machine_identifier).await
    }

    /// Binds the file to a server as this account sees it, or checks that it is this one.
    pub(crate) async fn bind_to(&self, server: String) -> Result<(), Error> {
        let owner = match &self.profile {
            Some(profile) => format!("{server} as {profile}"),
            None => server,
        };
        self.blocking(move |store| store.bind(&owner)).await
    }

    /// Whether the last asker was this process, or another with the same address and token.
    pub(crate) async fn asked_last(&self) -> Result<bool, Error> {
        if self.asker.last().is_none() {
            self.asker.set_last(self.blocking(Store::asker).await?);
        }
        Ok(self.asker.last() == Some(self.asker.hash))
    }

    /// Whether another asker was the last one. A file of an earlier version does not say who asked.
    pub(crate) async fn another_asked_last(&self) -> Result<bool, Error> {
        Ok(!self.asked_last().await? && self.asker.last().is_some())
    }

    /// Stores that this process asked and got an answer.
    pub(crate) async fn note_asked(&self) -> Result<(), Error> {
        if self.asked_last().await? {
            return Ok(());
        }
        let hash = self.asker.hash;
        self.blocking(move |store| store.put_asker(hash)).await?;
        self.asker.set_last(Some(hash));
        Ok(())
    }

    /// Runs disk work outside the async threads.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Store) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        off_thread(&self.store, work).await
    }
}
