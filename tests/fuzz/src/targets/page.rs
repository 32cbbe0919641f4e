//! An answer of a server, as JSON.

use cache_store::{CachedItem, reads_back};
use match_core::INDEXING;
use plex_api::Detail;
use plex_api::decode::{identity, page, payload, sections, server};

use super::{Run, Target, texts};

pub(super) const TARGET: Target = Target {
    name: "page",
    about: "an answer of a server: it is read or refused, all rows are counted, items are kept whole",
    words: &[
        "\"ratingKey\":",
        "\"Metadata\":",
        "\"Media\":",
        "\"Part\":",
        "\"file\":",
        "\"Guid\":",
        "\"size\":",
        "\"totalSize\":",
        "\"offset\":",
        "\"type\":",
        "\"key\":",
        "\"updatedAt\":",
        "\"year\":",
        "\"index\":",
        "\"originallyAvailableAt\":",
        "\"_elementType\":",
        "\"Directory\":",
        "\"uuid\":",
    ],
    may_die: false,
    seeds: || {
        texts(&[
            include_str!("../../seeds/page/every-field.json"),
            include_str!("../../seeds/page/episodes.json"),
            include_str!("../../seeds/page/sections.json"),
            include_str!("../../seeds/page/server.json"),
            include_str!("../../seeds/page/hubs.json"),
        ])
    },
    start: || -> Run { Box::new(run) },
};

fn run(body: &[u8]) {
    for detail in [Detail::Keys, Detail::Files, Detail::Lean, Detail::Full] {
        let Ok(page) = page(body, detail) else { continue };
        assert_eq!(page.rows, (page.items.len() + page.unsupported.len()) as u64, "rows");
        for item in &page.items {
            let cached = CachedItem::from_plex(item);
            assert!(reads_back(&cached), "kept and not read back: {cached:?}");
            let keys = (INDEXING.keys)(&cached);
            let named = cached.parts.iter().any(|part| !part.file.trim_matches('/').is_empty());
            assert!(named || keys.names.is_empty(), "a name of nothing");
        }
    }
    let _ = (sections(body), identity(body), server(body), payload(body));
}
