//! Changes that a host wants to make to an item.

use plex_api::{Field, RatingKey, TagField};

/// A change of one item. It has final values, so it can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The item.
    pub rating_key: RatingKey,
    /// The local path of the file, if the item was matched by it
    /// ([`Rule::is_path`](crate::Rule::is_path)). The change is then sent only if the item still has
    /// a file of this name and is not in the trash. If the name is generic (`movie.mkv`) and the
    /// folders name another work, it is another file. Other changes of the item are not affected.
    pub file: Option<String>,
    /// The steps, in order. If two steps set the same field, the later one counts.
    pub steps: Vec<Step>,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Sets the field to this value. An empty value clears it.
    Set(Field, String),
    /// Locks the field against the agent, or unlocks it. The field is an API name (`title`,
    /// `genre`).
    Lock(String, bool),
    /// Adds these tags to those that the field has.
    AddTags(TagField, Vec<String>),
    /// Removes these tags from the field.
    RemoveTags(TagField, Vec<String>),
    /// Replaces all tags of the field by these.
    ReplaceTags(TagField, Vec<String>),
    /// Any other pair of the API (`editionTitle.value`). The server does not return it, so it is
    /// compared with the value that was last sent.
    Raw(String, String),
}

impl Change {
    /// A change without steps.
    pub fn new(rating_key: RatingKey) -> Self {
        Self { rating_key, file: None, steps: Vec::new() }
    }

    /// Applies the change only if the item still has the file: see [`Change::file`].
    #[must_use]
    pub fn of_file(mut self, path: impl Into<String>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets a field. Dates are `YYYY-MM-DD`. The added time is in seconds since 1970. Ratings are
    /// from 0 to 10.
    #[must_use]
    pub fn set(self, field: Field, value: impl Into<String>) -> Self {
        self.step(Step::Set(field, value.into()))
    }

    /// Clears a field. A title cannot be cleared.
    #[must_use]
    pub fn clear(self, field: Field) -> Self {
        self.step(Step::Set(field, String::new()))
    }

    /// Locks a field against the agent, or unlocks it. The field is an API name
    /// (`Field::Title.name()`).
    #[must_use]
    pub fn lock(self, field: impl Into<String>, locked: bool) -> Self {
        self.step(Step::Lock(field.into(), locked))
    }

    /// Adds tags to those that the field has.
    #[must_use]
    pub fn add_tags(self, field: TagField, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.step(Step::AddTags(field, texts(tags)))
    }

    /// Removes tags.
    #[must_use]
    pub fn remove_tags(self, field: TagField, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.step(Step::RemoveTags(field, texts(tags)))
    }

    /// Replaces all tags of the field by these.
    #[must_use]
    pub fn replace_tags(
        self,
        field: TagField,
        tags: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.step(Step::ReplaceTags(field, texts(tags)))
    }

    /// Sets any other pair of the API. The name and value are sent as they are.
    #[must_use]
    pub fn raw(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.step(Step::Raw(name.into(), value.into()))
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}

fn texts(tags: impl IntoIterator<Item: Into<String>>) -> Vec<String> {
    tags.into_iter().map(Into::into).collect()
}
