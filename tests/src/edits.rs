//! Edits as a server handles them: `PUT /library/sections/{id}/all` for the items that the
//! arguments choose, `PUT /library/metadata/{id}` for one item.
//!
//! Arguments with a dot in their name change a field; all others choose the items. Without an `id`
//! every item of the section's type is chosen, as on a real server.

use axum::http::StatusCode;
use serde_json::Value;

use crate::details::{Details, TAGS};
use crate::events::Notice;
use crate::library::{Item, Library};
use crate::listing::{Arguments, chosen};

/// Fields with one value, and the form of the value. No other field can be set.
const FIELDS: [(&str, Form); 18] = [
    ("title", Form::Text),
    ("titleSort", Form::Text),
    ("originalTitle", Form::Text),
    ("summary", Form::Text),
    ("tagline", Form::Text),
    ("studio", Form::Text),
    ("contentRating", Form::Text),
    ("editionTitle", Form::Text),
    ("originallyAvailableAt", Form::Date),
    ("addedAt", Form::Number),
    ("year", Form::Number),
    ("index", Form::Number),
    ("userRating", Form::Decimal),
    ("rating", Form::Decimal),
    ("audienceRating", Form::Decimal),
    ("thumb", Form::Text),
    ("art", Form::Text),
    ("theme", Form::Text),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    /// `YYYY-MM-DD`.
    Date,
    Number,
    Decimal,
}

impl Form {
    /// Reads a value. An empty value is null, which clears the field. `None` if it is not valid.
    fn read(self, value: &str) -> Option<Value> {
        if value.is_empty() {
            return Some(Value::Null);
        }
        Some(match self {
            Self::Text => Value::from(value),
            Self::Date => {
                let shape = value.bytes().enumerate().all(|(at, byte)| match at {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
                Value::from(Some(value).filter(|value| shape && value.len() == 10)?)
            }
            Self::Number => Value::from(value.parse::<i64>().ok()?),
            Self::Decimal => Value::from(value.parse::<f64>().ok().filter(|n| n.is_finite())?),
        })
    }
}

/// One change that an edit makes to an item.
#[derive(Debug, Clone, PartialEq)]
enum Change {
    Set(&'static str, Value),
    Lock(String, bool),
    /// The next tag of a list that replaces the old one.
    Tag(&'static str, String),
    Untag(&'static str, Vec<String>),
}

impl Change {
    /// Reads an argument. `None` if it is not an edit, and an error if the edit is not valid.
    fn read(name: &str, value: &str) -> Option<Result<Self, StatusCode>> {
        let (field, what) = name.split_once('.')?;
        let (field, position) = match field.split_once('[') {
            Some((field, position)) => (field, Some(position.trim_end_matches(']'))),
            None => (field, None),
        };
        let tag = TAGS.iter().find(|(tag, _)| *tag == field).map(|(tag, _)| *tag);
        let known = FIELDS.iter().find(|(known, _)| *known == field);
        let change = match (what, position, tag, known) {
            ("value", None, None, Some((field, form))) => {
                form.read(value).map(|value| Self::Set(field, value))
            }
            ("locked", None, tag, known) if tag.is_some() || known.is_some() => match value {
                "0" | "1" => Some(Self::Lock(field.to_owned(), value == "1")),
                _ => None,
            },
            ("tag.tag", Some(position), Some(tag), _) if position.parse::<u32>().is_ok() => {
                Some(Self::Tag(tag, value.to_owned()))
            }
            // Tags are separated by commas, and each is URL-encoded a second time.
            ("tag.tag-", Some(""), Some(tag), _) => {
                let tags = value.split(',').map(|tag| {
                    let encoded = format!("={}", tag.replace('+', "%2B"));
                    Arguments::parse(&encoded).get("").unwrap_or_default().to_owned()
                });
                Some(Self::Untag(tag, tags.collect()))
            }
            _ => None,
        };
        Some(change.ok_or(StatusCode::BAD_REQUEST))
    }

    /// Whether the change moves `updatedAt`. Collections, labels, a user's rating and locks do not
    /// move it.
    fn moves_updated_at(&self) -> bool {
        match self {
            Self::Set(field, _) => *field != "userRating",
            Self::Tag(field, _) | Self::Untag(field, _) => {
                !matches!(*field, "collection" | "label")
            }
            Self::Lock(..) => false,
        }
    }
}

fn changes(arguments: &Arguments) -> Result<Vec<Change>, StatusCode> {
    arguments.pairs().filter_map(|(name, value)| Change::read(name, value)).collect()
}

impl Library {
    /// Edits an item as a request does. The pairs have the form of the API:
    /// `("genre[0].tag.tag", "Drama")`.
    ///
    /// # Panics
    /// If the server would refuse the edit.
    pub fn edit_item(&mut self, section: usize, key: u64, pairs: &[(&str, &str)]) {
        let changes = pairs.iter().map(|(name, value)| Change::read(name, value).unwrap());
        let changes: Vec<Change> = changes.collect::<Result<_, _>>().unwrap();
        self.apply(section, &[key], &changes).unwrap();
    }

    /// Makes the server answer every edit of this item with 400.
    pub fn poison_item(&mut self, section: usize, key: u64) {
        self.item_at(section, key).details.poisoned = true;
    }

    /// Answers an edit of one item, in any section.
    pub(crate) fn answer_edit(&mut self, key: u64, arguments: &Arguments) -> StatusCode {
        let holds = |section: &crate::library::Section| section.find(key).is_some();
        let Some(section) = self.sections.iter().position(holds) else {
            return self.answer_collection_edit(None, &[key], arguments);
        };
        status(changes(arguments).and_then(|changes| self.apply(section, &[key], &changes)))
    }

    /// Answers an edit of a section.
    pub(crate) fn answer_section_edit(
        &mut self,
        section: usize,
        arguments: &Arguments,
    ) -> StatusCode {
        if arguments.get("type") == Some("18") {
            return self.answer_collection_edit(Some(section), &arguments.ids(), arguments);
        }
        let there = &self.sections[section];
        let items = chosen(there, arguments, self.quirks);
        let keys: Vec<u64> = items.map(|item| item.rating_key).collect();
        for id in arguments.ids() {
            match there.find(id) {
                None => return StatusCode::NOT_FOUND,
                // The item exists, but is not of the type in the request.
                Some(_) if !keys.contains(&id) => return StatusCode::BAD_REQUEST,
                Some(_) => {}
            }
        }
        status(changes(arguments).and_then(|changes| self.apply(section, &keys, &changes)))
    }

    /// Answers an edit of collections. A title belongs to only one collection of a section.
    fn answer_collection_edit(
        &mut self,
        section: Option<usize>,
        keys: &[u64],
        arguments: &Arguments,
    ) -> StatusCode {
        let changes = match changes(arguments) {
            Ok(changes) => changes,
            Err(status) => return status,
        };
        for key in keys {
            let mut sections = self.sections.iter_mut().enumerate();
            let found = sections.find(|(at, there)| {
                section.is_none_or(|section| section == *at)
                    && there.collections.iter().any(|collection| collection.rating_key == *key)
            });
            let Some((_, found)) = found else { return StatusCode::NOT_FOUND };
            for change in &changes {
                let Change::Set("title", Value::String(title)) = change else { continue };
                let taken = |other: &crate::library::Collection| {
                    other.title == *title && other.rating_key != *key
                };
                if found.collections.iter().any(taken) {
                    return StatusCode::CONFLICT;
                }
                let mut collections = found.collections.iter_mut();
                if let Some(it) = collections.find(|collection| collection.rating_key == *key) {
                    title.clone_into(&mut it.title);
                }
            }
        }
        StatusCode::OK
    }

    /// Edits the items in order, up to the first one that cannot be edited.
    fn apply(
        &mut self,
        section: usize,
        keys: &[u64],
        changes: &[Change],
    ) -> Result<(), StatusCode> {
        if changes.is_empty() {
            return Err(StatusCode::BAD_REQUEST);
        }
        let now = self.now();
        for key in keys {
            let item = self.item_at(section, *key);
            if item.details.poisoned {
                return Err(StatusCode::BAD_REQUEST);
            }
            apply_to(item, changes);
            if changes.iter().any(Change::moves_updated_at) {
                item.updated_at = now;
            }
            self.tell(Notice::processed(&self.sections[section], *key));
        }
        for change in changes {
            if let Change::Tag("collection", title) = change {
                self.add_collection(section, title);
            }
        }
        Ok(())
    }
}

fn status(outcome: Result<(), StatusCode>) -> StatusCode {
    outcome.map_or_else(|status| status, |()| StatusCode::OK)
}

fn apply_to(item: &mut Item, changes: &[Change]) {
    // Each tag of a list is a pair; the first one ends the old list.
    let mut replaced: Vec<&str> = Vec::new();
    for change in changes {
        match change {
            Change::Set(field, value) => set(item, field, value),
            Change::Lock(field, true) => drop(item.details.locked.insert(field.clone())),
            Change::Lock(field, false) => drop(item.details.locked.remove(field)),
            Change::Tag(field, tag) => {
                let tag = &stored(field, tag);
                let tags = item.details.tags.entry((*field).to_owned()).or_default();
                if !replaced.contains(field) {
                    tags.clear();
                    replaced.push(field);
                }
                if !tags.contains(tag) {
                    tags.push(tag.clone());
                }
            }
            Change::Untag(field, gone) => {
                let tags = item.details.tags.entry((*field).to_owned()).or_default();
                tags.retain(|tag| !gone.contains(tag));
            }
        }
    }
    // Membership locks the field against agents from now on: seen on 1.43.3.
    let membership = |change: &Change| {
        matches!(change, Change::Tag("collection", _) | Change::Untag("collection", _))
    };
    let told = |change: &Change| matches!(change, Change::Lock(field, _) if field == "collection");
    if changes.iter().any(membership) && !changes.iter().any(told) {
        item.details.locked.insert("collection".to_owned());
    }
}

/// A tag as the server stores it: a label's words begin with a capital.
fn stored(field: &str, tag: &str) -> String {
    if field != "label" {
        return tag.to_owned();
    }
    let mut begins = true;
    let letters = tag.chars().flat_map(|letter| {
        let first = std::mem::replace(&mut begins, letter.is_whitespace());
        let upper: Vec<char> = if first { letter.to_uppercase().collect() } else { vec![letter] };
        upper
    });
    letters.collect()
}

fn set(item: &mut Item, field: &str, value: &Value) {
    let text = || value.as_str().unwrap_or_default().to_owned();
    let number = value.as_i64();
    match field {
        "title" => item.title = text(),
        "summary" => item.summary = text(),
        "year" => item.year = number.and_then(|year| year.try_into().ok()),
        "index" => item.index = number.and_then(|index| index.try_into().ok()),
        "addedAt" => item.added_at = number.unwrap_or(item.added_at),
        _ => {
            let Details { fields, .. } = &mut item.details;
            match value {
                Value::Null => drop(fields.remove(field)),
                value => drop(fields.insert(field.to_owned(), value.clone())),
            }
        }
    }
}
