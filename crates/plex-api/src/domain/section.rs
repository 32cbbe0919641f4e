//! Sections and servers as the other crates see them.

use crate::clock::UnixSeconds;
use crate::domain::id::{SectionKey, SectionUuid};
use crate::domain::kind::SectionKind;

/// A library section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// The number that addresses the section.
    pub key: SectionKey,
    /// The lasting identity of the section.
    pub uuid: SectionUuid,
    /// The section's name, for people.
    pub title: String,
    /// What kind of items the section holds.
    pub kind: SectionKind,
    /// The metadata agent.
    pub agent: Option<String>,
    /// The scanner.
    pub scanner: Option<String>,
    /// The language of its metadata.
    pub language: Option<String>,
    /// Its folders.
    pub locations: Vec<Location>,
    /// A scan of the section is running.
    pub refreshing: bool,
    /// How far the section is hidden from users' start pages: 0, 1 or 2.
    pub hidden: u32,
    /// When it was created.
    pub created_at: Option<UnixSeconds>,
    /// When its settings were last edited.
    pub updated_at: Option<UnixSeconds>,
    /// When the last scan ended, even if it changed nothing.
    pub scanned_at: Option<UnixSeconds>,
    /// A server-wide change counter, above 2^53. Its values have no order: compare them with `!=`
    /// only.
    pub content_changed_at: Option<i64>,
}

impl Section {
    /// A section without any other facts: no folder, no stamp. Sections of a real server have more
    /// ([`Client::sections`](crate::Client::sections)). This is for tests and tools.
    pub fn new(key: SectionKey, uuid: SectionUuid, title: &str, kind: SectionKind) -> Self {
        Self {
            key,
            uuid,
            title: title.to_owned(),
            kind,
            agent: None,
            scanner: None,
            language: None,
            locations: Vec::new(),
            refreshing: false,
            hidden: 0,
            created_at: None,
            updated_at: None,
            scanned_at: None,
            content_changed_at: None,
        }
    }
}

/// A folder of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Location {
    /// The server's id of the folder.
    pub id: Option<u64>,
    /// The path as the server spells it.
    pub path: String,
}

/// A server's identity. A client needs no token to ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The server's identity, usually 40 hexadecimal digits.
    pub machine_identifier: String,
    /// The server's version.
    pub version: String,
    /// Whether the server belongs to an account.
    pub claimed: bool,
}

/// What a server says about itself to a client with a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// The server's identity.
    pub machine_identifier: String,
    /// The server's version.
    pub version: String,
    /// The name its owner gave it.
    pub friendly_name: Option<String>,
    /// Whether clients may delete media. Servers leave this field out when clients may not.
    pub allow_media_deletion: bool,
    /// When the server's settings last changed.
    pub updated_at: Option<UnixSeconds>,
}
