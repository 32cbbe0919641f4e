//! Captured payloads whose endpoint is not known.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::domain::event::Event;
use crate::domain::listing::Detail;
use crate::domain::page::{Page, UnsupportedRow};
use crate::domain::section::{Section, Server};
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::json::decode::{decode, events, page, sections, server, utf8};

/// A payload, by the kind of answer that it is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Payload {
    /// A list of sections.
    Sections {
        /// The sections.
        sections: Vec<Section>,
        /// Rows that are not sections.
        unsupported: Vec<UnsupportedRow>,
    },
    /// What a server says about itself.
    Server(Server),
    /// Rows: a listing, items by key, children, collections, playlists, search results.
    Page(Page),
    /// Messages of the event stream or the web socket.
    Events(Vec<Event>),
}

/// Decodes a captured body of any endpoint that this client reads, with the client's own types.
///
/// The shape of the body tells which endpoint it came from. The result has every row, unsupported
/// rows with the reason.
pub fn payload(body: &[u8]) -> Result<Payload, Error> {
    let (text, _) = utf8(body);
    if let Ok(messages) = decode::<Vec<&serde_json::value::RawValue>>(&text) {
        let mut all = Vec::new();
        for message in messages {
            all.extend(events("", message.get().as_bytes())?);
        }
        return Ok(Payload::Events(all));
    }
    // A body that is not JSON gets the same error as a page.
    let Ok(shape) = decode::<Shape>(&text) else {
        return page(body, Detail::Full).map(Payload::Page);
    };
    let Some(container) = shape.container else {
        if shape.notification.is_some() || shape.timeline.is_some() || shape.activity.is_some() {
            return events("", body).map(Payload::Events);
        }
        return page(body, Detail::Full).map(Payload::Page);
    };
    if container.machine_identifier.is_some() && container.metadata.is_none() {
        return server(body).map(Payload::Server);
    }
    let directories = container.directories.unwrap_or_default();
    let is_section = |row: &DirectoryShape| row.uuid.is_some() && row.rating_key.is_none();
    if !directories.is_empty() && directories.iter().all(is_section) {
        let (sections, unsupported) = sections(body)?;
        return Ok(Payload::Sections { sections, unsupported });
    }
    page(body, Detail::Full).map(Payload::Page)
}

/// The error that a client would report for an answer with this status: its kind and its line of
/// text. A successful answer is not an error; for it, the function returns an error of kind
/// [`ErrorKind::Decode`].
pub fn refusal(status: u16, body: &[u8]) -> Error {
    let kind = ErrorKind::of_status(status, crate::http::redact::is_maintenance(body));
    Error::new(kind.unwrap_or(ErrorKind::Decode), crate::http::redact::one_line(body))
        .with_status(status, None)
}

#[derive(Deserialize)]
struct Shape {
    #[serde(rename = "MediaContainer")]
    container: Option<ContainerShape>,
    #[serde(rename = "NotificationContainer")]
    notification: Option<IgnoredAny>,
    #[serde(rename = "TimelineEntry")]
    timeline: Option<IgnoredAny>,
    #[serde(rename = "ActivityNotification")]
    activity: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ContainerShape {
    #[serde(rename = "machineIdentifier")]
    machine_identifier: Option<IgnoredAny>,
    #[serde(rename = "Metadata")]
    metadata: Option<IgnoredAny>,
    #[serde(rename = "Directory")]
    directories: Option<Vec<DirectoryShape>>,
}

#[derive(Deserialize)]
struct DirectoryShape {
    uuid: Option<IgnoredAny>,
    #[serde(rename = "ratingKey")]
    rating_key: Option<IgnoredAny>,
}
