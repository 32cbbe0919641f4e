//! Items and sections in the server's JSON form.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::details::Details;
use crate::library::{Collection, Item, Section, Updated};
use crate::parents::is_parent;

/// The parts of a row to send.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// `includeGuids=1`.
    pub(crate) guids: bool,
    /// A read by key, which has more data than a listing.
    pub(crate) full: bool,
    /// `excludeElements`.
    pub(crate) without_elements: Vec<String>,
    /// `excludeFields`.
    pub(crate) without_fields: Vec<String>,
    /// Whether rows have `updatedAt`.
    pub(crate) updated: Updated,
}

impl Shape {
    pub(crate) fn leaves_out_element(&self, name: &str) -> bool {
        self.without_elements.iter().any(|other| other == name)
    }

    pub(crate) fn leaves_out_field(&self, name: &str) -> bool {
        self.without_fields.iter().any(|other| other == name)
    }
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Row<'a> {
    Captured(&'a Value),
    /// Any other JSON: a captured row that was edited since, a collection.
    Plain(Value),
    Made(Box<Metadata<'a>>),
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata<'a> {
    rating_key: String,
    key: String,
    guid: &'a str,
    r#type: &'static str,
    title: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    year: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_rating_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grandparent_rating_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<u64>,
    added_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<i64>,
    #[serde(rename = "Media", skip_serializing_if = "Vec::is_empty")]
    media: Vec<Version<'a>>,
    #[serde(rename = "Guid", skip_serializing_if = "Vec::is_empty")]
    guids: Vec<Guid<'a>>,
    #[serde(flatten)]
    details: Map<String, Value>,
}

#[derive(Serialize)]
struct Guid<'a> {
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Version<'a> {
    id: u64,
    duration: u64,
    container: &'static str,
    video_resolution: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy_type: Option<u32>,
    #[serde(rename = "Part")]
    parts: Vec<File<'a>>,
}

#[derive(Serialize)]
struct File<'a> {
    id: u64,
    key: String,
    duration: u64,
    #[serde(rename = "file", skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
    size: u64,
    container: &'static str,
}

impl<'a> Row<'a> {
    /// A row with its section. In a listing, the head has the section instead.
    pub(crate) fn of_section(item: &'a Item, section: &Section, shape: &Shape) -> Self {
        let mut row = Self::new(item, shape);
        if let Self::Made(made) = &mut row {
            made.details.insert("librarySectionID".to_owned(), section.key.into());
            made.details.insert("librarySectionTitle".to_owned(), section.title.as_str().into());
            let key = format!("/library/sections/{}", section.key);
            made.details.insert("librarySectionKey".to_owned(), key.into());
        }
        row
    }

    pub(crate) fn new(item: &'a Item, shape: &Shape) -> Self {
        let details = item.details.row(shape);
        if let Some(row) = &item.captured {
            return if item.details == Details::default() {
                Self::Captured(row)
            } else {
                Self::Plain(edited(row, item, details))
            };
        }
        let media = if shape.leaves_out_element("Media") { &[][..] } else { &item.media };
        let media = media.iter().map(|media| Version {
            id: media.id,
            duration: media.parts.iter().map(|part| part.duration_ms).sum(),
            container: "mkv",
            video_resolution: "1080",
            proxy_type: media.proxy_type,
            parts: media
                .parts
                .iter()
                .map(|part| File {
                    id: part.id,
                    key: format!("/library/parts/{}/{}/file.mkv", part.id, part.mtime),
                    duration: part.duration_ms,
                    path: (!shape.leaves_out_field("file")).then_some(&part.file),
                    size: part.size,
                    container: "mkv",
                })
                .collect(),
        });
        let below = if is_parent(item.kind) { "/children" } else { "" };
        let guids = if shape.guids && !item.malformed_guid { &item.guids[..] } else { &[] };
        let mut details = details;
        if shape.guids && item.malformed_guid {
            details.insert("Guid".to_owned(), serde_json::json!([{ "id": {} }]));
        }
        if !shape.guids && item.malformed_trimmed {
            details.insert("originalTitle".to_owned(), serde_json::json!({ "text": {} }));
        }
        Self::Made(Box::new(Metadata {
            rating_key: item.rating_key.to_string(),
            key: format!("/library/metadata/{}{below}", item.rating_key),
            guid: &item.guid,
            r#type: type_name(item.kind),
            title: &item.title,
            grandparent_title: item.grandparent_title.as_deref(),
            parent_index: item.parent_index,
            index: item.index,
            summary: Some(item.summary.as_str())
                .filter(|text| !text.is_empty() && !shape.leaves_out_field("summary")),
            year: item.year,
            parent_key: item.parent.map(|key| format!("/library/metadata/{key}")),
            parent_rating_key: item.parent.map(|key| key.to_string()),
            grandparent_key: item.grandparent.map(|key| format!("/library/metadata/{key}")),
            grandparent_rating_key: item.grandparent.map(|key| key.to_string()),
            duration: Some(item.duration_ms).filter(|_| !item.media.is_empty()),
            added_at: item.added_at,
            updated_at: shape.updated.of(item),
            deleted_at: item.deleted_at,
            media: media.collect(),
            guids: guids.iter().map(|id| Guid { id }).collect(),
            details,
        }))
    }
}

/// A captured row with its edited values.
fn edited(row: &Value, item: &Item, details: Map<String, Value>) -> Value {
    let mut row = row.clone();
    row["title"] = Value::from(item.title.as_str());
    row["updatedAt"] = Value::from(item.updated_at);
    for (name, value) in details {
        row[name] = value;
    }
    row
}

/// The name of a type of item in rows.
pub(crate) fn type_name(kind: u32) -> &'static str {
    match kind {
        1 => "movie",
        2 => "show",
        3 => "season",
        8 => "artist",
        9 => "album",
        4 => "episode",
        10 => "track",
        12 => "clip",
        13 => "photo",
        _ => "unknown",
    }
}

/// A container of items. Empty lists and unknown totals are left out, as a real server does.
#[derive(Serialize)]
pub(crate) struct Listing<'a> {
    #[serde(rename = "MediaContainer")]
    pub(crate) container: Container<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Container<'a> {
    pub(crate) size: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) total_size: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) offset: Option<usize>,
    #[serde(rename = "librarySectionID", skip_serializing_if = "Option::is_none")]
    pub(crate) section_id: Option<u32>,
    #[serde(rename = "librarySectionTitle", skip_serializing_if = "Option::is_none")]
    pub(crate) section_title: Option<&'a str>,
    #[serde(rename = "librarySectionUUID", skip_serializing_if = "Option::is_none")]
    pub(crate) section_uuid: Option<&'a str>,
    #[serde(rename = "Meta", skip_serializing_if = "Option::is_none")]
    pub(crate) meta: Option<Value>,
    #[serde(rename = "Directory", skip_serializing_if = "Vec::is_empty")]
    pub(crate) directories: Vec<Value>,
    #[serde(rename = "Metadata", skip_serializing_if = "Vec::is_empty")]
    pub(crate) metadata: Vec<Row<'a>>,
}

/// A collection, as a row.
pub(crate) fn collection(collection: &Collection, section: &Section) -> Value {
    let members = section.items().iter();
    let members =
        members.filter(|item| item.details.tags_of("collection").contains(&collection.title));
    serde_json::json!({
        "ratingKey": collection.rating_key.to_string(),
        "key": format!("/library/collections/{}/children", collection.rating_key),
        "guid": format!("collection://{}", collection.rating_key),
        "type": "collection",
        "subtype": section.kind.name(),
        "title": collection.title,
        "smart": false,
        "childCount": members.count().to_string(),
        "librarySectionID": section.key,
        "librarySectionTitle": section.title,
    })
}

/// A section in `/library/sections`.
pub(crate) fn section(section: &Section) -> Value {
    let locations: Vec<_> = section
        .locations
        .iter()
        .map(|(id, path)| serde_json::json!({ "id": id, "path": path }))
        .collect();
    serde_json::json!({
        "key": section.key.to_string(),
        "type": section.kind.name(),
        "title": section.title,
        "agent": section.agent,
        "scanner": "Plex Movie",
        "language": "en-US",
        "uuid": section.uuid,
        "createdAt": section.created_at,
        "updatedAt": section.updated_at,
        "scannedAt": section.scanned_at,
        "content": true,
        "directory": true,
        "contentChangedAt": section.content_changed_at,
        "hidden": 0,
        "refreshing": section.refreshing,
        "Location": locations,
    })
}
