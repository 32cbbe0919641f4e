//! Whether an item is of the requested edition.

use cache_store::ItemRef;

use super::Prepared;
use crate::names::editions;
use crate::names::spelling::generic::stem;

/// How the edition from the host or the names agrees with the item's.
pub(super) fn edition(query: &Prepared<'_>, item: &ItemRef<'_>) -> i8 {
    let said = query.query.edition.as_deref();
    let name = said.or_else(|| query.file_name().map(stem)).unwrap_or_default();
    let by_name = editions::agreement(name, item.edition, item.title);
    let folder = query.path.folders().next_back().filter(|_| said.is_none() && by_name < 0);
    // A folder may name the edition for all files in it.
    match folder.map(|folder| editions::agreement(folder, item.edition, item.title)) {
        Some(1) => 1,
        _ => by_name,
    }
}
