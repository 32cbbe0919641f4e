//! Match keys: a hash of everything that decides a match, in 128 bits.
//!
//! `blake3::derive_key(CONTEXT)` hashes these fields, in this order: the algorithm version; the
//! number of mappings and, for each, both folded folders; whether titles are trusted; the number of
//! folded path components and each of them; size, duration, title, year, show, season, episode,
//! absolute number, air date, artist, album, disc, track, edition and kind, each after a flag
//! whether it is present; the number of guids and each of them, folded and sorted. Numbers are 8
//! bytes little endian. The length in bytes precedes each text. The key is the first 16 bytes.

use cache_store::MatchKey;

use crate::names::spelling::fold::{fold, fold_guid};
use crate::names::spelling::path::FoldedPath;
use crate::query::Query;
use crate::settings::{ALGORITHM, Settings};

/// The context of the derivation. Any other derivation needs another context.
const CONTEXT: &str = "matchbox 2026-11 match key 2";

/// The key under which the answer to a query is remembered.
///
/// Queries whose spellings fold to the same text have equal keys. Any value that can change the
/// answer changes the key.
pub fn match_key(query: &Query, settings: &Settings) -> MatchKey {
    let mut fields = Fields(blake3::Hasher::new_derive_key(CONTEXT));
    fields.number(u64::from(ALGORITHM.0));
    fields.number(settings.mappings.len() as u64);
    for mapping in &settings.mappings {
        fields.path(&FoldedPath::new(&mapping.local));
        fields.path(&FoldedPath::new(&mapping.plex));
    }
    fields.number(u64::from(settings.trust_titles));
    fields.path(&FoldedPath::new(&query.path));
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
    fields.finish()
}

/// Feeds fields with their lengths to blake3, so that no two lists of fields have equal hashes.
struct Fields(blake3::Hasher);

impl Fields {
    fn number(&mut self, value: u64) {
        self.0.update(&value.to_le_bytes());
    }

    fn optional_number(&mut self, value: Option<u64>) {
        self.number(u64::from(value.is_some()));
        self.number(value.unwrap_or(0));
    }

    /// Texts that fold to the same text count as equal.
    fn optional_text(&mut self, value: Option<&str>) {
        self.number(u64::from(value.is_some()));
        self.text(&value.map(fold).unwrap_or_default());
    }

    fn text(&mut self, value: &str) {
        self.number(value.len() as u64);
        self.0.update(value.as_bytes());
    }

    fn path(&mut self, path: &FoldedPath) {
        self.number(path.depth() as u64);
        for component in path.components() {
            self.text(component);
        }
    }

    fn finish(self) -> MatchKey {
        let mut bytes = [0; 16];
        self.0.finalize_xof().fill(&mut bytes);
        MatchKey(bytes)
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
        assert_eq!(hex(&query, &settings), "04fc9e1ba1e3659455213630a6f0fd42");
        let full = Query {
            size: Some(1),
            duration_ms: Some(2),
            title: Some("Alien".to_owned()),
            year: Some(1979),
            guids: vec!["imdb://tt0078748".to_owned(), "tmdb://348".to_owned()],
            ..query
        };
        assert_eq!(hex(&full, &settings), "cf01995d34939a478a13ce2bf962f5f1");
    }
}
