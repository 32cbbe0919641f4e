//! One query against one section.

use cache_store::{Depends, Error, Index, SectionId, View};

use crate::answer::Decision;
use crate::candidates::{SectionContext, gather};
use crate::index::name_hash;
use crate::path::FoldedPath;
use crate::query::Query;
use crate::rules::{Prepared, Rules, decide};
use crate::settings::Settings;

/// Answers one query from the indexes of a section, as they are in a view.
pub fn match_one(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    settings: &Settings,
    _rules: Rules,
) -> Result<Decision, Error> {
    let path = FoldedPath::new(&query.path);
    let mut depends = Depends::default();
    let mut items = Vec::new();
    if let Some(name) = path.file_name() {
        let hash = name_hash(name);
        depends.buckets.push((Index::Names, hash));
        if let Some(bucket) = view.bucket(Index::Names, section, hash)? {
            items = view.items(section, &bucket)?;
        }
    }
    let prepared = Prepared::new(query, settings.map(&path), path);
    let name = prepared.file_name().unwrap_or_default();
    let candidates = gather(name, items.iter().map(|kept| &kept.item), context);
    Ok(Decision { answer: decide(&prepared, &candidates), depends })
}
