//! Notifications as JSON spells them.
//!
//! The event stream sends `{"TimelineEntry": {...}}`. The web socket wraps a list of these in a
//! `NotificationContainer`, and so do captured messages. All of these forms are read.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::domain::event::{Event, ItemChange, ItemEvent, ScanPhase};
use crate::domain::id::{RatingKey, SectionKey};
use crate::domain::kind::ItemKind;
use crate::json::lenient::scalar;

/// The provider of library items. Guides and other providers use the same numbers for their items.
const LIBRARY: &str = "com.plexapp.plugins.library";
const SECTION_SCAN: &str = "library.update.section";

/// One notification, or several in their container.
#[derive(Default, Deserialize)]
pub(crate) struct Notification {
    #[serde(default, rename = "NotificationContainer")]
    container: Option<Box<Self>>,
    #[serde(default, rename = "type", deserialize_with = "scalar")]
    kind: Option<String>,
    #[serde(default, rename = "TimelineEntry", deserialize_with = "one_or_many")]
    timeline: Vec<TimelineEntry>,
    #[serde(default, rename = "ActivityNotification", deserialize_with = "one_or_many")]
    activities: Vec<ActivityNotification>,
    #[serde(default, rename = "StatusNotification", deserialize_with = "one_or_many")]
    statuses: Vec<StatusNotification>,
}

#[derive(Deserialize)]
struct TimelineEntry {
    #[serde(default, deserialize_with = "scalar")]
    identifier: Option<String>,
    #[serde(default, rename = "sectionID", deserialize_with = "scalar")]
    section: Option<i64>,
    #[serde(default, rename = "itemID", deserialize_with = "scalar")]
    item: Option<u64>,
    #[serde(default, rename = "parentItemID", deserialize_with = "scalar")]
    parent: Option<u64>,
    #[serde(default, rename = "rootItemID", deserialize_with = "scalar")]
    root: Option<u64>,
    #[serde(default, rename = "type", deserialize_with = "scalar")]
    kind: Option<i64>,
    #[serde(default, deserialize_with = "scalar")]
    title: Option<String>,
    #[serde(default, deserialize_with = "scalar")]
    state: Option<i64>,
    #[serde(default, rename = "mediaState", deserialize_with = "scalar")]
    media_state: Option<String>,
    #[serde(default, rename = "metadataState", deserialize_with = "scalar")]
    metadata_state: Option<String>,
    #[serde(default, rename = "queueSize", deserialize_with = "scalar")]
    queue_size: Option<String>,
}

impl TimelineEntry {
    /// Whether the server is done with the item. It sends state 5 also while work is left; then one
    /// of these fields names the work.
    fn is_done(&self) -> bool {
        self.media_state.is_none() && self.metadata_state.is_none() && self.queue_size.is_none()
    }
}

#[derive(Deserialize)]
struct ActivityNotification {
    #[serde(default, deserialize_with = "scalar")]
    event: Option<String>,
    #[serde(default, rename = "Activity")]
    activity: Option<Activity>,
}

#[derive(Deserialize)]
struct Activity {
    #[serde(default, rename = "type", deserialize_with = "scalar")]
    kind: Option<String>,
    #[serde(default, rename = "Context")]
    context: Option<Context>,
}

#[derive(Deserialize)]
struct Context {
    #[serde(default, rename = "librarySectionID", deserialize_with = "scalar")]
    section: Option<i64>,
}

#[derive(Deserialize)]
struct StatusNotification {
    #[serde(default, rename = "notificationName", deserialize_with = "scalar")]
    name: Option<String>,
}

impl Notification {
    /// The events in this notification. `name` is the name of its frame, if it has one.
    pub(crate) fn into_events(self, name: &str) -> Vec<Event> {
        if let Some(inner) = self.container {
            return inner.into_events(name);
        }
        let name = self.kind.as_deref().filter(|_| name.is_empty()).unwrap_or(name);
        if name == "ping" {
            return vec![Event::Ping];
        }
        let mut events: Vec<Event> = Vec::new();
        let none =
            self.timeline.is_empty() && self.activities.is_empty() && self.statuses.is_empty();
        if none {
            events.push(named(name));
        }
        events.extend(self.timeline.into_iter().filter_map(TimelineEntry::into_event));
        events.extend(self.activities.into_iter().map(ActivityNotification::into_event));
        events.extend(
            self.statuses.into_iter().map(|status| named(&status.name.unwrap_or_default())),
        );
        events
    }
}

/// An event that is known by its name only. No documentation and no sample shows how a server says
/// that it stops. Only this function guesses.
fn named(name: &str) -> Event {
    let lower = name.to_ascii_lowercase();
    if lower.contains("shutdown") || lower.contains("shutting") {
        Event::ServerStopping
    } else {
        Event::Other { name: name.to_owned() }
    }
}

impl TimelineEntry {
    /// `None` for an event of another provider.
    fn into_event(self) -> Option<Event> {
        if self.identifier.as_deref().is_some_and(|identifier| identifier != LIBRARY) {
            return None;
        }
        let Some(item) = self.item.filter(|item| *item > 0) else {
            return Some(Event::Other { name: "timeline".to_owned() });
        };
        let change = match self.state {
            Some(0) => ItemChange::Created,
            Some(5) if self.is_done() => ItemChange::Processed,
            Some(9) => ItemChange::Deleted,
            _ => ItemChange::Updated,
        };
        let key = |key: Option<u64>| key.filter(|key| *key > 0).map(RatingKey);
        Some(Event::Item(ItemEvent {
            change,
            section: section(self.section),
            rating_key: RatingKey(item),
            kind: self
                .kind
                .and_then(|kind| u32::try_from(kind).ok())
                .map(ItemKind::from_type_number),
            parent: key(self.parent),
            root: key(self.root),
            title: self.title,
        }))
    }
}

impl ActivityNotification {
    fn into_event(self) -> Event {
        let Some(activity) = self.activity else {
            return Event::Other { name: "activity".to_owned() };
        };
        let kind = activity.kind.unwrap_or_default();
        if kind != SECTION_SCAN {
            return Event::Other { name: kind };
        }
        let phase = match self.event.as_deref() {
            Some("started") => ScanPhase::Started,
            Some("ended") => ScanPhase::Ended,
            _ => ScanPhase::Running,
        };
        Event::Scan {
            phase,
            section: section(activity.context.and_then(|context| context.section)),
        }
    }
}

fn section(number: Option<i64>) -> Option<SectionKey> {
    u32::try_from(number?).ok().filter(|number| *number > 0).map(SectionKey)
}

/// Reads a list, or a single value as a list of one.
fn one_or_many<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct OneOrMany<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for OneOrMany<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object or a list of objects")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(|one| vec![one])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Vec<T>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(seq))
        }

        fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
            Ok(Vec::new())
        }
    }

    deserializer.deserialize_any(OneOrMany(PhantomData))
}
