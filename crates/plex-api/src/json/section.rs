//! Sections and servers as JSON spells them.

use serde::Deserialize;

use crate::clock::UnixSeconds;
use crate::domain::id::{SectionKey, SectionUuid};
use crate::domain::kind::SectionKind;
use crate::domain::section::{Identity, Location, Section, Server};
use crate::json::lenient::{list, number, scalar};

#[derive(Deserialize)]
pub(crate) struct SectionRow {
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) key: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    uuid: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    pub(crate) title: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "scalar")]
    kind: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    agent: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    scanner: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    language: Option<String>,
    #[serde(default, rename = "Location", deserialize_with = "list")]
    locations: Vec<LocationRow>,
    #[serde(default, deserialize_with = "scalar")]
    refreshing: Option<bool>,
    #[serde(default, deserialize_with = "scalar")]
    hidden: Option<u64>,
    #[serde(default, rename = "createdAt", deserialize_with = "scalar")]
    created_at: Option<i64>,
    #[serde(default, rename = "updatedAt", deserialize_with = "scalar")]
    updated_at: Option<i64>,
    #[serde(default, rename = "scannedAt", deserialize_with = "scalar")]
    scanned_at: Option<i64>,
    #[serde(default, rename = "contentChangedAt", deserialize_with = "scalar")]
    content_changed_at: Option<i64>,
}

#[derive(Deserialize)]
struct LocationRow {
    #[serde(default, deserialize_with = "scalar")]
    id: Option<u64>,
    #[serde(default, deserialize_with = "scalar")]
    path: Option<String>,
}

impl SectionRow {
    /// The section. `None` when the row has no numeric key or no uuid.
    pub(crate) fn into_section(self) -> Option<Section> {
        let locations = self
            .locations
            .into_iter()
            .filter_map(|location| Some(Location { id: location.id, path: location.path? }));
        Some(Section {
            key: SectionKey(u32::try_from(number(&self.key?)?).ok()?),
            uuid: SectionUuid(self.uuid.filter(|uuid| !uuid.is_empty())?),
            title: self.title.unwrap_or_default(),
            kind: SectionKind::from_name(self.kind.as_deref().unwrap_or_default()),
            agent: self.agent,
            scanner: self.scanner,
            language: self.language,
            locations: locations.collect(),
            refreshing: self.refreshing.unwrap_or(false),
            hidden: self.hidden.and_then(|hidden| u32::try_from(hidden).ok()).unwrap_or(0),
            created_at: self.created_at.map(UnixSeconds),
            updated_at: self.updated_at.map(UnixSeconds),
            scanned_at: self.scanned_at.map(UnixSeconds),
            content_changed_at: self.content_changed_at,
        })
    }
}

/// The answer of `/identity` or `/`. `/identity` has fewer fields.
#[derive(Deserialize)]
pub(crate) struct ServerRow {
    #[serde(default, rename = "machineIdentifier", deserialize_with = "scalar")]
    machine_identifier: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    version: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    claimed: Option<bool>,
    #[serde(default, rename = "friendlyName", deserialize_with = "scalar")]
    friendly_name: Option<String>,
    #[serde(default, rename = "allowMediaDeletion", deserialize_with = "scalar")]
    allow_media_deletion: Option<bool>,
    #[serde(default, rename = "updatedAt", deserialize_with = "scalar")]
    updated_at: Option<i64>,
}

impl ServerRow {
    /// `None` without a machine identifier: then it is no Plex Media Server.
    pub(crate) fn into_identity(self) -> Option<Identity> {
        Some(Identity {
            machine_identifier: self.machine_identifier.filter(|id| !id.is_empty())?,
            version: self.version.unwrap_or_default(),
            claimed: self.claimed.unwrap_or(false),
        })
    }

    /// `None` without a machine identifier: then it is no Plex Media Server.
    pub(crate) fn into_server(self) -> Option<Server> {
        Some(Server {
            machine_identifier: self.machine_identifier.filter(|id| !id.is_empty())?,
            version: self.version.unwrap_or_default(),
            friendly_name: self.friendly_name,
            allow_media_deletion: self.allow_media_deletion.unwrap_or(false),
            updated_at: self.updated_at.map(UnixSeconds),
        })
    }
}
