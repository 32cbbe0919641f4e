//! The shared tier: each host has its own cache file, and they share what one of them asked the
//! server.
//!
//! The tier holds copies and can lose all of them at any moment. A loss costs calls, but it never
//! makes an answer wrong. `docs/shared-tier.md` describes the keys, the bytes, and why the answers
//! stay right.

pub(crate) mod config;
pub(crate) mod counts;
pub(crate) mod hold;
pub(crate) mod keep;
mod keys;
#[cfg(test)]
mod model;
pub(crate) mod probe;
pub(crate) mod protocol;
mod publish;
mod redis;
mod scripts;
mod snapshot;
mod take;
mod wire;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use plex_api::{Clock, UnixSeconds};
use tracing::warn;

use crate::error::Error;
use crate::model::position::CommitId;
use crate::model::section::{SectionId, SectionState};
use crate::random_id::draw;
use crate::share::tier::config::SharedTier;
use crate::share::tier::counts::{Counting, Miss};
use crate::share::tier::keys::{Names, SectionNames};
use crate::share::tier::protocol::{EngineTime, Head, age};
use crate::share::tier::redis::Engine;
use crate::share::tier::wire::Seal;

/// How long data stay in the engine after they were last written.
const DATA: Duration = Duration::from_hours(7 * 24);

/// The pause between two looks of a waiting host: the first and the longest.
const LOOK_EVERY: (Duration, Duration) = (Duration::from_millis(25), Duration::from_millis(250));

/// The shared tier as one host sees it.
pub(crate) struct Tier {
    engine: Engine,
    config: SharedTier,
    profile: Option<String>,
    seal: Seal,
    /// A keyed hash of this host's token. Zeros if there is no secret.
    pub(crate) seen_with: [u8; 16],
    counting: Arc<Counting>,
    clock: Clock,
    known: Mutex<Known>,
}

/// What this host knows of the tier.
#[derive(Default)]
struct Known {
    /// The server's identity, once it is known.
    server: Option<String>,
    /// The server is not the one whose keys would be used.
    left: bool,
    /// For each token's hash: whether the server shows this account as many items as it showed that
    /// token.
    joined: HashMap<(SectionId, [u8; 16]), bool>,
    /// When this host last edited something in a section. What was read before that is out of date.
    edited: HashMap<SectionId, UnixSeconds>,
}

/// What the engine holds of a section, at a moment.
#[derive(Debug)]
pub(crate) struct Look {
    pub(crate) head: Option<Head>,
    /// The name of the last commit, as it is stored in the engine.
    pub(crate) commit: Vec<u8>,
    /// Another host holds the lease.
    busy: bool,
    /// When the host looked, by the engine's clock and by ours.
    pub(crate) at: At,
}

/// One moment on two clocks.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    engine: EngineTime,
    ours: UnixSeconds,
}

impl At {
    /// Converts a moment of the engine's clock to ours. A moment in the future becomes one long
    /// ago.
    pub(crate) fn ours(self, then: EngineTime) -> UnixSeconds {
        age(self.engine, then).map_or(UnixSeconds(0), |age| UnixSeconds(self.ours.0 - age))
    }

    /// Converts a moment of our clock to the engine's. The result may be too early, but never too
    /// late.
    pub(crate) fn engine(self, then: UnixSeconds) -> EngineTime {
        let age = self.ours.0.saturating_sub(then.0).max(0).saturating_mul(1_000);
        EngineTime(self.engine.0.saturating_sub(age))
    }
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Tier {
    /// Creates the tier. Nothing is asked yet.
    pub(crate) fn new(
        config: SharedTier,
        profile: Option<String>,
        seen_with: [u8; 16],
        clock: Clock,
    ) -> Result<Self, Error> {
        let counting = Arc::new(Counting::default());
        let engine = Engine::new(&config, Arc::clone(&counting), clock.clone())?;
        let seal = Seal(config.seal_key());
        let known = Mutex::default();
        Ok(Self { engine, config, profile, seal, seen_with, counting, clock, known })
    }

    pub(crate) fn counting(&self) -> &Counting {
        &self.counting
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes the server's identity: the server said it, or it lists sections that only this server
    /// has.
    pub(crate) fn note_server(&self, machine_identifier: &str) {
        self.known().server = Some(machine_identifier.to_owned());
    }

    /// The server's identity, from the server itself or from the configuration. `None`: it is
    /// unknown, or it is not the configured one.
    pub(crate) fn server(&self) -> Option<String> {
        let known = self.known();
        let server = known.server.clone().or_else(|| self.config.server.clone());
        server.filter(|_| !known.left)
    }

    /// Stops using the tier for good, because the server is not the configured one.
    pub(crate) fn leave(&self) {
        self.known().left = true;
    }

    /// Whether the server itself told its identity.
    pub(crate) fn is_verified(&self) -> bool {
        self.known().server.is_some()
    }

    fn names(&self) -> Option<Names> {
        let server = self.server()?;
        Some(Names::new(&self.config.prefix, &server, self.profile.as_deref()))
    }

    fn section_names(&self, state: &SectionState) -> Option<SectionNames> {
        Some(self.names()?.section(&state.uuid.0))
    }

    /// Notes that this host edited something in a section.
    pub(crate) fn note_edit(&self, section: SectionId) {
        let now = self.clock.now();
        self.known().edited.insert(section, now);
    }

    /// Whether the content of a head was read after this host's last edit.
    pub(crate) fn is_after_edits(&self, section: SectionId, look: &Look, head: &Head) -> bool {
        let edited = self.known().edited.get(&section).copied();
        let read = head.metadata.max(Some(head.listed)).map(|read| look.at.ours(read));
        edited.is_none_or(|edited| read.is_some_and(|read| read > edited))
    }

    /// Whether the server shows this host the same items as the host that listed them. `None`: not
    /// known.
    pub(crate) fn joined(&self, section: SectionId, head: &Head) -> Option<bool> {
        if head.seen_with == self.seen_with && self.seen_with != [0; 16] {
            return Some(true);
        }
        self.known().joined.get(&(section, head.seen_with)).copied()
    }

    pub(crate) fn note_joined(&self, section: SectionId, head: &Head, joined: bool) {
        self.known().joined.insert((section, head.seen_with), joined);
        if !joined {
            self.counting.miss(Miss::OtherAccount);
            let section = section.0;
            warn!(section, "another account's items are in the shared tier: name a profile");
        }
    }

    /// The engine's time. With a manual clock, the time of that clock, because all hosts share it.
    fn engine_time(&self, seconds: i64, micros: i64) -> EngineTime {
        match &self.clock {
            Clock::Manual(_) => EngineTime(self.clock.now().0.saturating_mul(1_000)),
            Clock::System => EngineTime(seconds.saturating_mul(1_000) + micros / 1_000),
        }
    }

    /// Reads a hash, the engine's clock, and whether a lease is held.
    async fn look_at(&self, hash: &str, lease: &str) -> Result<(Vec<u8>, Vec<u8>, bool, At), Miss> {
        // Our clock is read first. So the value may seem older than it is, but never newer.
        let ours = self.clock.now();
        let (seconds, micros, value, commit, ttl): Looked =
            self.engine.run(scripts::LOOK, &[hash, lease], &[]).await?;
        self.counting.change().bytes_read += value.len() as u64;
        let number = |text: String| text.parse().unwrap_or(0);
        let engine = self.engine_time(number(seconds), number(micros));
        Ok((value, commit, ttl > 0, At { engine, ours }))
    }

    /// Looks at a section. A miss is counted.
    pub(crate) async fn look(&self, state: &SectionState) -> Option<Look> {
        let names = self.section_names(state)?;
        let key = names.head();
        let (value, commit, busy, at) = match self.look_at(&key, &names.lease()).await {
            Ok(looked) => looked,
            Err(miss) => {
                self.counting.miss(miss);
                return None;
            }
        };
        let head = self.seal.open(&key, &value).and_then(Head::decode);
        let head = head.filter(|head| head.commit().is_some_and(|id| id.0 == commit.as_slice()));
        if head.is_none() {
            self.counting.miss(if value.is_empty() { Miss::Nothing } else { Miss::NotVerified });
        }
        Some(Look { head, commit, busy, at })
    }
}

/// The answer of the script `LOOK`: seconds, microseconds, value, commit, and the lease's
/// milliseconds.
type Looked = (String, String, Vec<u8>, Vec<u8>, i64);

/// Makes a random name.
fn new_id() -> CommitId {
    let mut id = [0; 16];
    let (first, second) = id.split_at_mut(8);
    first.copy_from_slice(&draw().to_le_bytes());
    second.copy_from_slice(&draw().to_le_bytes());
    CommitId(id)
}
