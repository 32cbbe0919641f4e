//! Shows and clears what an engine holds. People use this; hosts do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use plex_api::Clock;
use serde::Serialize;

use crate::error::Error;
use crate::share::tier::config::SharedTier;
use crate::share::tier::counts::{Counting, Miss};
use crate::share::tier::redis::Engine;

/// What an engine holds below a prefix. Reading it opens no value, so it needs no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SharedStats {
    /// One entry for each hash tag. A section has one, and so has each server as one account sees
    /// it.
    pub tags: Vec<SharedTag>,
}

/// The keys of one hash tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SharedTag {
    /// Version, server, profile and section, as they stand in the keys (`docs/shared-tier.md`).
    pub tag: String,
    /// How many keys there are, leases included.
    pub keys: u64,
    /// How many of them are chunks of snapshots.
    pub chunks: u64,
    /// How many of them are entries of the log.
    pub entries: u64,
    /// The memory that they take according to the engine, in bytes.
    pub bytes: u64,
    /// When the first of them expires, in seconds. `None`: at least one never expires, and Matchbox
    /// did not write that one.
    pub first_expires_in: Option<u64>,
}

/// How many keys one request asks for.
const LOT: usize = 1_000;

/// How long a person who looks waits. A host has less patience.
const PATIENCE: Duration = Duration::from_secs(5);

impl SharedTier {
    /// Counts what the engine holds below the prefix, for all versions, servers and accounts. In a
    /// cluster, it counts the node that is named.
    pub async fn stats(&self) -> Result<SharedStats, Error> {
        let engine = self.engine()?;
        let mut tags: BTreeMap<String, SharedTag> = BTreeMap::new();
        let mut cursor = 0;
        loop {
            let (next, keys) = engine.scan(cursor, &self.pattern(None)).await.map_err(failed)?;
            for key in keys {
                let Some((tag, rest)) = self.parts(&key) else { continue };
                let (bytes, ttl) = engine.weigh(&key).await.map_err(failed)?;
                let row = tags.entry(tag.to_owned()).or_insert_with(|| SharedTag {
                    tag: tag.to_owned(),
                    first_expires_in: Some(u64::MAX),
                    ..SharedTag::default()
                });
                row.keys += 1;
                row.chunks += u64::from(rest.starts_with("snap:"));
                row.entries += u64::from(rest.starts_with("d:"));
                row.bytes += bytes;
                let ttl = u64::try_from(ttl).ok().map(|millis| millis / 1_000);
                row.first_expires_in = row.first_expires_in.zip(ttl).map(|(a, b)| a.min(b));
            }
            cursor = next;
            if cursor == 0 {
                return Ok(SharedStats { tags: tags.into_values().collect() });
            }
        }
    }

    /// Removes everything below the prefix, or only what belongs to one section (its uuid). Returns
    /// the number of removed keys. Hosts list again what they need.
    pub async fn clear(&self, section: Option<&str>) -> Result<u64, Error> {
        let engine = self.engine()?;
        let (mut cursor, mut removed) = (0, 0);
        loop {
            let pattern = self.pattern(section);
            let (next, keys) = engine.scan(cursor, &pattern).await.map_err(failed)?;
            for key in keys.iter().filter(|key| self.parts(key).is_some()) {
                removed += engine.unlink(key).await.map_err(failed)?;
            }
            cursor = next;
            if cursor == 0 {
                return Ok(removed);
            }
        }
    }

    fn engine(&self) -> Result<Engine, Error> {
        let config = Self { timeout: self.timeout.max(PATIENCE), ..self.clone() };
        Engine::new(&config, Arc::new(Counting::default()), Clock::system())
    }

    /// The pattern that `SCAN` compares keys with. Letters that have a meaning in patterns are
    /// escaped.
    fn pattern(&self, section: Option<&str>) -> String {
        let literally = |text: &str| {
            let escaped = text.chars().flat_map(|letter| {
                let special = matches!(letter, '*' | '?' | '[' | ']' | '\\' | '^');
                special.then_some('\\').into_iter().chain([letter])
            });
            escaped.collect::<String>()
        };
        let end = section.map(|uuid| format!(":{}}}*", literally(uuid))).unwrap_or_default();
        format!("{}{{mb*{end}", literally(&self.prefix))
    }

    /// Splits one of our keys into its hash tag and the rest.
    fn parts<'k>(&self, key: &'k str) -> Option<(&'k str, &'k str)> {
        let (tag, rest) =
            key.strip_prefix(self.prefix.as_str())?.strip_prefix('{')?.split_once("}:")?;
        tag.starts_with("mb").then_some((tag, rest))
    }
}

fn failed(miss: Miss) -> Error {
    Error::SharedTier { what: format!("it could not be asked ({miss})") }
}

impl Engine {
    /// Some keys that match a pattern, and the cursor for the next call. Cursor 0: there are no
    /// more.
    async fn scan(&self, cursor: u64, pattern: &str) -> Result<(u64, Vec<String>), Miss> {
        self.command("SCAN", &[&cursor.to_string(), "MATCH", pattern, "COUNT", &LOT.to_string()])
            .await
    }

    /// The memory of a key in bytes, and the milliseconds until it expires. Negative: it never
    /// expires.
    async fn weigh(&self, key: &str) -> Result<(u64, i64), Miss> {
        let bytes: Option<u64> = self.command("MEMORY", &["USAGE", key, "SAMPLES", "0"]).await?;
        Ok((bytes.unwrap_or(0), self.command("PTTL", &[key]).await?))
    }

    async fn unlink(&self, key: &str) -> Result<u64, Miss> {
        self.command("UNLINK", &[key]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_is_taken_literally_and_only_our_keys_are_ours() {
        let tier = SharedTier { prefix: "my*[a]:".to_owned(), ..SharedTier::new("redis://nas") };
        assert_eq!(tier.pattern(None), "my\\*\\[a\\]:{mb*");
        assert_eq!(tier.pattern(Some("u-1")), "my\\*\\[a\\]:{mb*:u-1}*");
        assert_eq!(tier.parts("my*[a]:{mb1.3:s:-:u}:snap:0:1"), Some(("mb1.3:s:-:u", "snap:0:1")));
        for foreign in ["my*[a]:other", "my*[a]:{other}:x", "myxa:{mb1.3:s:-}:probe"] {
            assert_eq!(tier.parts(foreign), None, "{foreign}");
        }
    }
}
