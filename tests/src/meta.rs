//! The search options of a section: its types, their fields, filters and orders, and the operators
//! of each type of value. Clients with their own search read them first (`includeMeta=1`).

use serde_json::{Value, json};

use crate::library::{Section, SectionKind};
use crate::row::type_name;

/// Fields for filters: the name, and the type of the value. A filter by each of them works
/// (`listing::filter`).
pub(crate) const FIELDS: [(&str, &str); 30] = [
    ("title", "string"),
    ("titleSort", "string"),
    ("originalTitle", "string"),
    ("summary", "string"),
    ("studio", "string"),
    ("contentRating", "string"),
    ("editionTitle", "string"),
    ("guid", "string"),
    ("year", "integer"),
    ("index", "integer"),
    ("duration", "integer"),
    ("rating", "integer"),
    ("audienceRating", "integer"),
    ("userRating", "integer"),
    ("addedAt", "date"),
    ("updatedAt", "date"),
    ("originallyAvailableAt", "string"),
    ("trash", "boolean"),
    ("genre", "tag"),
    ("collection", "tag"),
    ("label", "tag"),
    ("director", "tag"),
    ("writer", "tag"),
    ("producer", "tag"),
    ("country", "tag"),
    ("actor", "tag"),
    ("mood", "tag"),
    ("style", "tag"),
    ("similar", "tag"),
    ("tagline", "string"),
];

/// Orders. Each of them works, and so does `id`, which real servers do not list either.
pub(crate) const SORTS: [&str; 13] = [
    "titleSort",
    "originallyAvailableAt",
    "rating",
    "audienceRating",
    "userRating",
    "duration",
    "addedAt",
    "updatedAt",
    "year",
    "index",
    "guid",
    "studio",
    "summary",
];

/// Operators for a type of value: the key, and its meaning.
const OPERATORS: [(&str, &[(&str, &str)]); 4] = [
    (
        "string",
        &[
            ("=", "contains"),
            ("!=", "does not contain"),
            ("==", "is"),
            ("!==", "is not"),
            ("<=", "begins with"),
            (">=", "ends with"),
        ],
    ),
    ("integer", &[("=", "is"), ("!=", "is not"), (">>=", "is greater"), ("<<=", "is less")]),
    ("date", &[(">>=", "is after"), ("<<=", "is before")]),
    ("boolean", &[("=", "is true"), ("!=", "is false")]),
];

/// The `Meta` of a section's listing.
pub(crate) fn of(section: &Section) -> Value {
    let kinds: &[u32] = match section.kind {
        SectionKind::Movie => &[1],
        SectionKind::Show => &[2, 3, 4],
        SectionKind::Artist => &[8, 9, 10],
        SectionKind::Photo => &[13],
    };
    let types = kinds.iter().map(|kind| {
        let name = type_name(*kind);
        // If there are several types, the name of a field includes its type.
        let scope = if kinds.len() > 1 { format!("{name}.") } else { String::new() };
        // For tags, a client wants to know all values. They are not listed here.
        let listed = FIELDS.iter().filter(|(_, kind)| *kind != "tag");
        let fields = listed
            .map(|(field, kind)| json!({ "key": format!("{scope}{field}"), "title": field, "type": kind }));
        let sorts = SORTS.iter().map(|sort| {
            json!({ "key": sort, "title": sort, "descKey": format!("{sort}:desc"),
                "defaultDirection": "asc" })
        });
        json!({
            "key": format!("/library/sections/{}/all?type={kind}", section.key),
            "type": name, "title": name, "active": *kind == section.kind.top(),
            "Field": fields.collect::<Vec<_>>(), "Sort": sorts.collect::<Vec<_>>(),
        })
    });
    let values = OPERATORS.iter().map(|(kind, operators)| {
        let operators = operators.iter().map(|(key, title)| json!({ "key": key, "title": title }));
        json!({ "type": kind, "Operator": operators.collect::<Vec<_>>() })
    });
    json!({ "Type": types.collect::<Vec<_>>(), "FieldType": values.collect::<Vec<_>>() })
}
