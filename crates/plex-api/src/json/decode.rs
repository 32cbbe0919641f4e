//! From the bytes of an answer to domain types. All functions are pure. The client calls them, and
//! a caller can check captured payloads with them.
//!
//! A body is read from a slice. A body that is not UTF-8 is repaired and flagged. A row that does
//! not decode becomes an [`UnsupportedRow`]. Any other fault is an error of kind
//! [`ErrorKind::Decode`], with its place.

use std::borrow::Cow;
use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::domain::event::Event;
use crate::domain::id::SectionUuid;
use crate::domain::listing::Detail;
use crate::domain::page::{Page, UnsupportedReason, UnsupportedRow};
use crate::domain::section::{Identity, Section, Server};
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::redact;
use crate::json::container::{self, Envelope, Hub, Rows, Sections};
use crate::json::event::Notification;
use crate::json::lenient::{Object, scalar};
use crate::json::row::{Extent, Full, Hoisted, Lean, Row};
use crate::json::section::{SectionRow, ServerRow};
use crate::json::sse;
use crate::privacy::Private;

/// Decodes an answer that lists items: a page of a section, items by key, children, ...
///
/// With [`Detail::Full`], every field of [`Item`](crate::Item) that the body has is filled.
/// Otherwise summaries, tags and similar fields are skipped.
pub fn page(body: &[u8], detail: Detail) -> Result<Page, Error> {
    page_and_frame(body, detail).map(|(page, _)| page)
}

/// What a body says about its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame {
    /// The number of rows: `size`.
    pub(crate) size: Option<u64>,
    /// The position of the first row in the whole list: `offset`.
    pub(crate) offset: Option<u64>,
}

impl Frame {
    /// Checks the number of rows. Every answer says how many rows are in it. An answer with no
    /// number, or with another number, is not whole: it is another object, or rows were lost on the
    /// way.
    ///
    /// Decoding does not check this, so that captured payloads may be shortened.
    pub(crate) fn check(self, rows: u64) -> Result<(), Error> {
        let text = match self.size {
            Some(size) if size == rows => return Ok(()),
            Some(size) => format!("the answer says {size} rows and has {rows}"),
            None => format!("the answer has {rows} rows and does not say its size"),
        };
        Err(Error::new(ErrorKind::Decode, text))
    }
}

/// As [`page`], and what the body says about its rows.
pub(crate) fn page_and_frame(body: &[u8], detail: Detail) -> Result<(Page, Frame), Error> {
    match detail {
        Detail::Full => page_of::<Full>(body),
        Detail::Keys | Detail::Files | Detail::Lean => page_of::<Lean>(body),
    }
}

/// Decodes the list of sections, and the rows that are not usable as sections.
pub fn sections(body: &[u8]) -> Result<(Vec<Section>, Vec<UnsupportedRow>), Error> {
    sections_and_frame(body).map(|(found, _)| found)
}

/// Sections, and rows that are not sections.
pub(crate) type Found = (Vec<Section>, Vec<UnsupportedRow>);

/// As [`sections`], and what the body says about its rows.
pub(crate) fn sections_and_frame(body: &[u8]) -> Result<(Found, Frame), Error> {
    let (text, _) = utf8(body);
    let container: Sections<&RawValue> = container(&text)?;
    let frame = Frame { size: container.size, offset: None };
    let mut sections = Vec::with_capacity(container.directories.len());
    let mut unsupported = Vec::new();
    for raw in container.directories {
        match decode::<Object<SectionRow>>(raw.get()) {
            Ok(Object(row)) => {
                let (key, title) = (row.key.clone(), row.title.clone());
                match row.into_section() {
                    Some(section) => sections.push(section),
                    None => unsupported.push(UnsupportedRow {
                        rating_key: key,
                        title,
                        reason: UnsupportedReason::Malformed {
                            path: ".".to_owned(),
                            message: "no numeric key or no uuid".to_owned(),
                        },
                    }),
                }
            }
            Err(fault) => unsupported.push(fault.into_row(raw)),
        }
    }
    Ok(((sections, unsupported), frame))
}

/// Decodes the answer of `/identity`.
pub fn identity(body: &[u8]) -> Result<Identity, Error> {
    container::<ServerRow>(&utf8(body).0)?.into_identity().ok_or_else(no_server)
}

/// Decodes the answer of `/`.
pub fn server(body: &[u8]) -> Result<Server, Error> {
    container::<ServerRow>(&utf8(body).0)?.into_server().ok_or_else(no_server)
}

/// Decodes one message of the event stream or the web socket. `name` is the name of its frame, or
/// empty. Items of other providers give no event.
pub fn events(name: &str, data: &[u8]) -> Result<Vec<Event>, Error> {
    match decode::<Notification>(&utf8(data).0) {
        Ok(notification) => Ok(notification.into_events(name)),
        Err(fault) => Err(fault.into_error()),
    }
}

/// Decodes a captured event stream, in whatever pieces it came. Only complete frames give events. A
/// frame of more than a megabyte is an error of kind [`ErrorKind::TooLarge`].
pub fn stream<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Event>, Error> {
    let (mut frames, mut complete) = (sse::Frames::default(), Vec::new());
    for piece in pieces {
        frames.push(piece, &mut complete)?;
    }
    Ok(complete.into_iter().flat_map(of_frame).collect())
}

/// The events of a frame. One unreadable frame must not end a connection that lives for days, so it
/// is an event of which only the name is known.
pub(crate) fn of_frame(frame: sse::Frame) -> Vec<Event> {
    events(&frame.name, &frame.data).unwrap_or_else(|error| {
        tracing::debug!(error = %Private(&error), name = frame.name, "unreadable event");
        vec![Event::Other { name: frame.name }]
    })
}

fn no_server() -> Error {
    Error::new(ErrorKind::Decode, "no machineIdentifier: this is not a Plex Media Server")
}

fn page_of<X: Extent>(body: &[u8]) -> Result<(Page, Frame), Error> {
    let (text, lossy) = utf8(body);
    let (page, frame) = match serde_json::from_str::<Envelope<Rows<Object<Row<X>>>>>(&text) {
        Ok(envelope) => assemble(contained(envelope)?, |row, hoisted| row.0.into_item(hoisted)),
        // Rare, so it may be slow: decode row by row, so that one bad row does not spoil the
        // others.
        Err(_) => assemble(container::<Rows<&RawValue>>(&text)?, |raw, hoisted| {
            match decode::<Object<Row<X>>>(raw.get()) {
                Ok(row) => row.0.into_item(hoisted),
                Err(fault) => Err(fault.into_row(raw)),
            }
        }),
    };
    Ok((Page { lossy, ..page }, frame))
}

fn assemble<R>(
    mut rows: Rows<R>,
    into_item: impl Fn(R, &Hoisted) -> Result<crate::domain::item::Item, UnsupportedRow>,
) -> (Page, Frame) {
    let hoisted = rows.take_hoisted();
    let mut page = Page {
        items: Vec::with_capacity(rows.metadata.len()),
        total: rows.total,
        offset: rows.offset.unwrap_or(0),
        section_uuid: rows.section_uuid.filter(|uuid| !uuid.is_empty()).map(SectionUuid),
        ..Page::default()
    };
    let found = rows.found.into_iter().flat_map(container::Found::into_rows);
    let grouped = rows.hubs.into_iter().flat_map(Hub::into_rows);
    for row in rows.metadata.into_iter().chain(rows.directories).chain(found).chain(grouped) {
        page.rows += 1;
        match into_item(row, &hoisted) {
            Ok(item) => page.items.push(item),
            Err(unsupported) => page.unsupported.push(unsupported),
        }
    }
    (page, Frame { size: rows.size, offset: rows.offset })
}

/// Where decoding failed and why.
pub(crate) struct Fault {
    path: String,
    message: String,
    /// The text ends in the middle of a value.
    cut: bool,
}

/// The longest place and message that are kept, in characters. Both may repeat what was sent.
const FAULT_LIMIT: usize = 200;

impl Fault {
    fn new(path: String, error: &serde_json::Error) -> Self {
        Self {
            path: redact::cut(path, FAULT_LIMIT),
            message: redact::cut(error.to_string(), FAULT_LIMIT),
            cut: error.is_eof(),
        }
    }

    /// The row, with its name if that can be read.
    fn into_row(self, raw: &RawValue) -> UnsupportedRow {
        let row: HashMap<String, &RawValue> = serde_json::from_str(raw.get()).unwrap_or_default();
        let text = |name: &str| {
            let value = row.get(name)?.get();
            scalar::<String, _>(&mut serde_json::Deserializer::from_str(value)).ok()?
        };
        UnsupportedRow {
            rating_key: text("ratingKey"),
            title: text("title"),
            reason: UnsupportedReason::Malformed { path: self.path, message: self.message },
        }
    }

    fn into_error(self) -> Error {
        let kind = if self.cut { ErrorKind::Truncated } else { ErrorKind::Decode };
        Error::new(kind, format!("at {}: {}", self.path, self.message))
    }
}

/// Decodes. If that fails, it decodes again to find the place.
pub(crate) fn decode<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Fault> {
    let error = match serde_json::from_str(text) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let deserializer = &mut serde_json::Deserializer::from_str(text);
    match serde_path_to_error::deserialize::<_, T>(deserializer) {
        Err(located) => Err(Fault::new(located.path().to_string(), located.inner())),
        // A failure at the very end has no path: there are characters behind the value.
        Ok(_) => Err(Fault::new(".".to_owned(), &error)),
    }
}

fn container<'a, C: Deserialize<'a>>(text: &'a str) -> Result<C, Error> {
    match decode::<Envelope<C>>(text) {
        Ok(envelope) => contained(envelope),
        Err(_) if text.trim_start().starts_with('<') => {
            let line = redact::one_line(text.as_bytes());
            Err(Error::new(ErrorKind::Decode, format!("XML or HTML in place of JSON: {line}")))
        }
        Err(_) if text.trim().is_empty() => {
            Err(Error::new(ErrorKind::Decode, "the answer is empty"))
        }
        Err(fault) => Err(fault.into_error()),
    }
}

fn contained<C>(envelope: Envelope<C>) -> Result<C, Error> {
    let text = match envelope {
        Envelope { container: Some(Object(container)), .. } => return Ok(container),
        Envelope { old_generation: Some(_), .. } => {
            "this is JSON of PMS 0.9 (_elementType), which is not supported"
        }
        Envelope { .. } => "no MediaContainer",
    };
    Err(Error::new(ErrorKind::Decode, text))
}

/// The body as text, and whether bytes had to be guessed.
///
/// Servers send single bytes of Latin-1 within UTF-8, and whole bodies in Latin-1. One rule reads
/// both: valid UTF-8 stays, and every other byte is Latin-1. The control characters in the upper
/// half of Latin-1 are never meant, so they become replacement characters.
pub(crate) fn utf8(body: &[u8]) -> (Cow<'_, str>, bool) {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if let Ok(text) = std::str::from_utf8(body) {
        return (Cow::Borrowed(text), false);
    }
    let mut text = String::with_capacity(body.len().saturating_add(64));
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|byte| match byte {
            0x80..=0x9f => char::REPLACEMENT_CHARACTER,
            _ => char::from(*byte),
        }));
    }
    (Cow::Owned(text), true)
}
