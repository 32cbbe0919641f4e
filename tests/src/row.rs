//! Items and sections in the server's JSON spelling.

use serde::Serialize;

use crate::library::{Item, Section};

/// What of a row is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// `includeGuids=1`.
    pub(crate) guids: bool,
    /// `excludeElements` names `Media`.
    pub(crate) without_media: bool,
    /// `excludeFields` names `summary`.
    pub(crate) without_summary: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Row<'a> {
    Captured(&'a serde_json::Value),
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
    duration: u64,
    added_at: i64,
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted_at: Option<i64>,
    #[serde(rename = "Media", skip_serializing_if = "Vec::is_empty")]
    media: Vec<Version<'a>>,
    #[serde(rename = "Guid", skip_serializing_if = "Vec::is_empty")]
    guids: Vec<Guid<'a>>,
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
    #[serde(rename = "file")]
    path: &'a str,
    size: u64,
    container: &'static str,
}

impl<'a> Row<'a> {
    pub(crate) fn new(item: &'a Item, shape: Shape) -> Self {
        if let Some(row) = &item.captured {
            return Self::Captured(row);
        }
        let media = if shape.without_media { &[][..] } else { &item.media };
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
                    path: &part.file,
                    size: part.size,
                    container: "mkv",
                })
                .collect(),
        });
        let guids = if shape.guids { &item.guids[..] } else { &[] };
        Self::Made(Box::new(Metadata {
            rating_key: item.rating_key.to_string(),
            key: format!("/library/metadata/{}", item.rating_key),
            guid: &item.guid,
            r#type: type_name(item.kind),
            title: &item.title,
            grandparent_title: item.grandparent_title.as_deref(),
            parent_index: item.parent_index,
            index: item.index,
            summary: (!shape.without_summary).then_some(&item.summary),
            year: item.year,
            duration: item.duration_ms,
            added_at: item.added_at,
            updated_at: item.updated_at,
            deleted_at: item.deleted_at,
            media: media.collect(),
            guids: guids.iter().map(|id| Guid { id }).collect(),
        }))
    }
}

fn type_name(kind: u32) -> &'static str {
    match kind {
        1 => "movie",
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

#[derive(Serialize)]
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
    #[serde(rename = "Metadata", skip_serializing_if = "Vec::is_empty")]
    pub(crate) metadata: Vec<Row<'a>>,
}

/// A section in `/library/sections`.
pub(crate) fn section(section: &Section) -> serde_json::Value {
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
