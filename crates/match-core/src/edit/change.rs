//! What a host wants of an item.

use plex_api::{Field, RatingKey, TagField};

/// What shall be true of an item afterwards. It names final values, so it can be repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The item.
    pub rating_key: RatingKey,
    /// The file the item was matched by, as the host spells it. When it is given, nothing is
    /// written to an item that does not hold a file of this name any more, or that waits in the
    /// trash. A name that says nothing (`movie.mkv`), in a folder that names another work, is
    /// another file. Of several changes of one item, each has to be right.
    pub file: Option<String>,
    /// What to do, in this order: of two steps about the same field the later one counts.
    pub steps: Vec<Step>,
}

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The field has this value. An empty one clears it.
    Set(Field, String),
    /// The field (by its name, `title`, `genre`) is locked against the agent, or not.
    Lock(String, bool),
    /// The field has these tags, beside others.
    AddTags(TagField, Vec<String>),
    /// The field has none of these tags.
    RemoveTags(TagField, Vec<String>),
    /// The field has these tags and no others.
    ReplaceTags(TagField, Vec<String>),
    /// Any other pair of the API (`editionTitle.value`). The server does not tell it, so it is
    /// compared with what was last sent.
    Raw(String, String),
}

impl Change {
    /// Nothing yet.
    pub fn new(rating_key: RatingKey) -> Self {
        Self { rating_key, file: None, steps: Vec::new() }
    }

    /// Only if the item still holds the file: see [`Change::file`].
    #[must_use]
    pub fn of_file(mut self, path: impl Into<String>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Sets a field: dates as `YYYY-MM-DD`, the time added in seconds since 1970, ratings from
    /// 0 to 10.
    #[must_use]
    pub fn set(self, field: Field, value: impl Into<String>) -> Self {
        self.step(Step::Set(field, value.into()))
    }

    /// Clears a field. A title cannot be cleared.
    #[must_use]
    pub fn clear(self, field: Field) -> Self {
        self.step(Step::Set(field, String::new()))
    }

    /// Keeps the agent from overwriting a field (by its name, `Field::Title.name()`), or lets it.
    #[must_use]
    pub fn lock(self, field: impl Into<String>, locked: bool) -> Self {
        self.step(Step::Lock(field.into(), locked))
    }

    /// Adds tags to those there are.
    #[must_use]
    pub fn add_tags(self, field: TagField, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.step(Step::AddTags(field, texts(tags)))
    }

    /// Takes tags off.
    #[must_use]
    pub fn remove_tags(self, field: TagField, tags: impl IntoIterator<Item: Into<String>>) -> Self {
        self.step(Step::RemoveTags(field, texts(tags)))
    }

    /// Has these tags and no others.
    #[must_use]
    pub fn replace_tags(
        self,
        field: TagField,
        tags: impl IntoIterator<Item: Into<String>>,
    ) -> Self {
        self.step(Step::ReplaceTags(field, texts(tags)))
    }

    /// Any other pair of the API, as it is.
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
