//! Match keys: a hash of everything that decides a match, in 128 bits.
//!
//! The settings make a key for blake3: `blake3::derive_key(CONTEXT)` of the algorithm version, the
//! number of mappings, both folded folders of each mapping, and whether titles are trusted.
//! `blake3::keyed_hash` with that key hashes the fields of the query, and the match key is the first
//! 16 bytes of it:
//!
//! - 4 bytes: which optional fields are present, the first in the lowest bit
//! - the folded path
//! - the optional fields that are present, in the order of [`MatchKeys::of`]
//! - the number of guids, and each of them, folded and sorted
//!
//! Numbers are 8 bytes, little endian. A text is its length in bytes, in 4 bytes, and the folded
//! text.

use cache_store::MatchKey;
use rayon::prelude::*;

use crate::names::spelling::fold::{fold, fold_guid};
use crate::names::spelling::path::FoldedPath;
use crate::query::Query;
use crate::settings::{ALGORITHM, Settings};

/// The context of the derivation. Any other derivation needs another context.
const CONTEXT: &str = "matchbox 2026-11 match key 3";

/// The key under which the answer to a query is remembered.
///
/// Queries whose spellings fold to the same text have equal keys. Any value that can change the
/// answer changes the key.
pub fn match_key(query: &Query, settings: &Settings) -> MatchKey {
    MatchKeys::new(settings).of(query, &mut Vec::new())
}

/// The keys under which the answers to queries are remembered, in order.
pub(crate) fn match_keys(queries: &[Query], settings: &Settings) -> Vec<MatchKey> {
    let keys = MatchKeys::new(settings);
    queries.par_iter().map_init(Vec::new, |bytes, query| keys.of(query, bytes)).collect()
}

/// Makes keys. The settings are hashed once for all of them.
struct MatchKeys {
    settings: [u8; 32],
}

impl MatchKeys {
    fn new(settings: &Settings) -> Self {
        let mut bytes = Vec::new();
        let mut fields = Fields { bytes: &mut bytes, present: 0, asked: 0 };
        fields.number(u64::from(ALGORITHM.0));
        fields.number(settings.mappings.len() as u64);
        for mapping in &settings.mappings {
            fields.text(FoldedPath::new(&mapping.local).as_str());
            fields.text(FoldedPath::new(&mapping.plex).as_str());
        }
        fields.number(u64::from(settings.trust_titles));
        Self { settings: blake3::derive_key(CONTEXT, &bytes) }
    }

    /// The key of a query. `bytes` is memory for the work.
    fn of(&self, query: &Query, bytes: &mut Vec<u8>) -> MatchKey {
        bytes.clear();
        bytes.extend([0; 4]); // for the flags
        let mut fields = Fields { bytes, present: 0, asked: 0 };
        fields.text(FoldedPath::new(&query.path).as_str());
        fields.optional_number(query.size);
        fields.optional_number(query.duration_ms);
        fields.optional_text(query.title.as_deref());
        fields.optional_number(query.year.map(u64::from));
        fields.optional_text(query.show.as_deref());
        fields.optional_number(query.season.map(u64::from));
        fields.optional_number(query.episode.map(u64::from));
        fields.optional_number(query.absolute.map(u64::from));
        fields.optional_text(query.aired.as_deref());
        fields.optional_text(query.artist.as_deref());
        fields.optional_text(query.album.as_deref());
        fields.optional_number(query.disc.map(u64::from));
        fields.optional_number(query.track.map(u64::from));
        fields.optional_text(query.edition.as_deref());
        fields.optional_number(query.kind.map(|kind| u64::from(kind.type_number())));
        let mut guids: Vec<_> = query.guids.iter().map(|guid| fold_guid(guid)).collect();
        guids.sort_unstable();
        guids.dedup();
        fields.number(guids.len() as u64);
        for guid in guids {
            fields.text(&guid);
        }
        let present = fields.present.to_le_bytes();
        if let Some(flags) = bytes.first_chunk_mut() {
            *flags = present;
        }
        let hash = blake3::keyed_hash(&self.settings, bytes);
        MatchKey(hash.as_bytes().first_chunk().copied().unwrap_or_default())
    }
}

/// Writes fields one after the other, so that no two lists of fields are equal bytes. They are
/// hashed in one piece, which takes a fraction of the time of hashing them one by one.
struct Fields<'a> {
    bytes: &'a mut Vec<u8>,
    /// Which of the optional fields so far are present.
    present: u32,
    /// How many optional fields there were so far.
    asked: u32,
}

impl Fields<'_> {
    fn number(&mut self, value: u64) {
        self.bytes.extend(value.to_le_bytes());
    }

    fn text(&mut self, value: &str) {
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.bytes.extend(length.to_le_bytes());
        self.bytes.extend(value.as_bytes());
    }

    fn optional_number(&mut self, value: Option<u64>) {
        if let Some(value) = self.optional(value) {
            self.number(value);
        }
    }

    /// Texts that fold to the same text count as equal.
    fn optional_text(&mut self, value: Option<&str>) {
        if let Some(value) = self.optional(value) {
            self.text(&fold(value));
        }
    }

    fn optional<T>(&mut self, value: Option<T>) -> Option<T> {
        self.present |= u32::from(value.is_some()) << self.asked;
        self.asked += 1;
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::PathMapping;

    fn hex(query: &Query, settings: &Settings) -> String {
        format!("{:032x}", u128::from_be_bytes(match_key(query, settings).0))
    }

    #[test]
    fn equal_spellings_have_equal_keys_and_everything_else_has_not() {
        let none = Settings::default();
        let base = Query::new("/mnt/films/Alien (1979)/Alien.mkv");
        let key = match_key(&base, &none);
        for path in [r"\mnt\films\ALIEN (1979)\alien.mkv", "/mnt//films/./Alien (1979)/Alien.mkv"] {
            assert_eq!(match_key(&Query::new(path), &none), key, "{path}");
        }
        let mapping = PathMapping { local: "/mnt".to_owned(), plex: "/data".to_owned() };
        let different = [
            Query::new("/mnt/films/Alien (1979) Alien.mkv"),
            Query { size: Some(0), ..base.clone() },
            Query { duration_ms: Some(0), ..base.clone() },
            Query { title: Some(String::new()), ..base.clone() },
            Query { year: Some(1979), ..base.clone() },
            Query { season: Some(1979), ..base.clone() },
            Query { episode: Some(1979), ..base.clone() },
            Query { absolute: Some(1979), ..base.clone() },
            Query { disc: Some(1979), ..base.clone() },
            Query { track: Some(1979), ..base.clone() },
            Query { show: Some("x".to_owned()), ..base.clone() },
            Query { aired: Some("x".to_owned()), ..base.clone() },
            Query { artist: Some("x".to_owned()), ..base.clone() },
            Query { album: Some("x".to_owned()), ..base.clone() },
            Query { edition: Some("x".to_owned()), ..base.clone() },
            Query { guids: vec!["imdb://tt0078748".to_owned()], ..base.clone() },
        ];
        for query in different {
            assert_ne!(match_key(&query, &none), key, "{query:?}");
        }
        assert_ne!(match_key(&base, &Settings { mappings: vec![mapping], ..none }), key);
    }

    #[test]
    fn the_derivation_is_what_it_was() {
        let settings = Settings::default();
        let query = Query::new("/mnt/films/Alien (1979)/Alien.mkv");
        assert_eq!(hex(&query, &settings), "a99fd46ebc84dc4383708c495858e6b6");
        let full = Query {
            size: Some(1),
            duration_ms: Some(2),
            title: Some("Alien".to_owned()),
            year: Some(1979),
            guids: vec!["imdb://tt0078748".to_owned(), "tmdb://348".to_owned()],
            ..query
        };
        assert_eq!(hex(&full, &settings), "7f402234068f866e96c722eacaa02e70");
    }
}
