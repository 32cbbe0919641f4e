//! Notices that a server sends without a request, and their frames in the event stream.

use serde_json::{Value, json};

use crate::library::{Item, Section};
use crate::row::Row;

/// A change in the library that the server reports to its listeners.
#[derive(Debug, Clone, PartialEq)]
pub struct Notice {
    /// The name of the frame: `timeline`, `activity`, ...
    pub name: &'static str,
    /// The data of the frame.
    pub data: Value,
}

impl Notice {
    /// An item was created.
    pub(crate) fn created(section: &Section, key: u64) -> Self {
        Self::timeline(section, key, &json!({ "state": 0, "metadataState": "created" }))
    }

    /// The server finished the processing of an item.
    pub(crate) fn processed(section: &Section, key: u64) -> Self {
        Self::timeline(section, key, &json!({ "state": 5 }))
    }

    /// An item was deleted.
    pub(crate) fn deleted(section: &Section, key: u64) -> Self {
        Self::timeline(section, key, &json!({ "state": 9, "metadataState": "deleted" }))
    }

    /// A scan started (`started`), continues (`updated`) or ended (`ended`).
    pub(crate) fn scan(section: &Section, event: &str) -> Self {
        let data = json!({ "ActivityNotification": {
            "event": event,
            "uuid": format!("scan-{}", section.uuid),
            "Activity": {
                "uuid": format!("scan-{}", section.uuid),
                "type": "library.update.section",
                "cancellable": true,
                "userID": 1,
                "title": "Scanning",
                "subtitle": section.title,
                "progress": if event == "ended" { 100 } else { 0 },
                "Context": { "librarySectionID": section.key.to_string() },
            },
        }});
        Self { name: "activity", data }
    }

    /// The server refreshes items because a client read them.
    pub(crate) fn refreshing(rows: &[Row<'_>]) -> Self {
        let data = json!({ "ActivityNotification": {
            "event": "started",
            "uuid": "refresh",
            "Activity": {
                "uuid": "refresh",
                "type": "library.refresh.items",
                "title": "Refreshing",
                "subtitle": format!("{} items", rows.len()),
            },
        }});
        Self { name: "activity", data }
    }

    fn timeline(section: &Section, key: u64, what: &Value) -> Self {
        let item = section.find(key);
        let mut entry = json!({
            "identifier": "com.plexapp.plugins.library",
            "sectionID": section.key.to_string(),
            "itemID": key.to_string(),
            "type": item.map_or(-1, |item| i64::from(item.kind)),
            "title": item.map_or("", |item: &Item| item.title.as_str()),
            "updatedAt": item.map_or(0, |item| item.updated_at),
        });
        for (name, value) in what.as_object().into_iter().flatten() {
            entry[name] = value.clone();
        }
        Self { name: "timeline", data: json!({ "TimelineEntry": entry }) }
    }

    /// The notice in the form in which it is sent: under its name, or in a container without a
    /// name, as some servers send it.
    pub(crate) fn frame(&self, named: bool) -> String {
        if named {
            return format!("event: {}\ndata: {}\n\n", self.name, self.data);
        }
        let mut container = json!({ "type": self.name, "size": 1 });
        for (name, value) in self.data.as_object().into_iter().flatten() {
            container[name] = json!([value]);
        }
        format!("data: {}\n\n", json!({ "NotificationContainer": container }))
    }
}
