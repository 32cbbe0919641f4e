//! Edits of items: which fields to set, and how the server spells them.
//!
//! This is the dangerous part of the API. When a request has no ids, the server edits every item of
//! the section. So an edit without ids is refused here, before anything is sent.

use bytes::Bytes;
use reqwest::Method;

use crate::calls::Endpoint;
use crate::client::Client;
use crate::domain::id::{RatingKey, SectionKey};
use crate::domain::item::TagField;
use crate::domain::kind::ItemKind;
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::query::{self, Query};

/// A field with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Field {
    /// Title. On albums and tracks a new title can move or merge them.
    Title,
    /// The title to sort by.
    TitleSort,
    /// The title in the original language.
    OriginalTitle,
    /// Description.
    Summary,
    /// Tagline.
    Tagline,
    /// Studio, network or record label.
    Studio,
    /// Content rating: `PG-13`, `de/16`.
    ContentRating,
    /// Date of first release, `YYYY-MM-DD`.
    OriginallyAvailableAt,
    /// When the item was added, in seconds since 1970.
    AddedAt,
    /// Rating by the token's account, 0 to 10.
    UserRating,
}

impl Field {
    /// Every field.
    pub const ALL: [Self; 10] = [
        Self::Title,
        Self::TitleSort,
        Self::OriginalTitle,
        Self::Summary,
        Self::Tagline,
        Self::Studio,
        Self::ContentRating,
        Self::OriginallyAvailableAt,
        Self::AddedAt,
        Self::UserRating,
    ];

    /// The field's name in edits and in the list of locked fields.
    pub fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::TitleSort => "titleSort",
            Self::OriginalTitle => "originalTitle",
            Self::Summary => "summary",
            Self::Tagline => "tagline",
            Self::Studio => "studio",
            Self::ContentRating => "contentRating",
            Self::OriginallyAvailableAt => "originallyAvailableAt",
            Self::AddedAt => "addedAt",
            Self::UserRating => "userRating",
        }
    }
}

/// What an uploaded image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Artwork {
    /// The poster of a movie, the cover of an album.
    Poster,
    /// The picture behind everything.
    Background,
}

/// What to change in one or several items, in one request. Equal edits can be sent together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Edit(Vec<(String, String)>);

impl Edit {
    /// An edit that changes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a field. An empty value clears it.
    #[must_use]
    pub fn set(self, field: Field, value: impl Into<String>) -> Self {
        self.raw(format!("{}.value", field.name()), value)
    }

    /// Locks or unlocks a field, by its name (`Field::Title.name()`). The agent does not overwrite
    /// a locked field.
    #[must_use]
    pub fn lock(self, field: &str, locked: bool) -> Self {
        self.raw(format!("{field}.locked"), if locked { "1" } else { "0" })
    }

    /// Sets the tags of a field to this list. The list has to contain the old tags that the item
    /// keeps. An empty list changes nothing: to remove all tags, give them to
    /// [`Edit::remove_tags`].
    #[must_use]
    pub fn set_tags<'a>(self, field: TagField, tags: impl IntoIterator<Item = &'a str>) -> Self {
        let name = field.name();
        tags.into_iter().enumerate().fold(self, |edit, (position, tag)| {
            edit.raw(format!("{name}[{position}].tag.tag"), tag)
        })
    }

    /// Removes tags from a field. The other tags of the field stay.
    #[must_use]
    pub fn remove_tags<'a>(self, field: TagField, tags: impl IntoIterator<Item = &'a str>) -> Self {
        // Commas separate the tags of the list, so each tag is encoded once more.
        let list = tags.into_iter().map(query::encoded).collect::<Vec<_>>().join(",");
        if list.is_empty() {
            return self;
        }
        self.raw(format!("{}[].tag.tag-", field.name()), list)
    }

    /// Adds any other name and value of the API, unchanged. An edit with `id` or `type` is refused
    /// when it is sent.
    #[must_use]
    pub fn raw(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.0.push((name.into(), value.into()));
        self
    }

    /// Whether the edit changes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names and values that will be sent, in order and not encoded.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// How many characters the pairs take in a request line.
    pub fn encoded_len(&self) -> usize {
        let mut query = Query::default();
        for (name, value) in &self.0 {
            query.pair(name, value);
        }
        query.len()
    }

    fn write(&self, query: &mut Query) -> Result<(), Error> {
        if self.is_empty() {
            return Err(refused("this edit changes nothing: set a field"));
        }
        for (name, value) in &self.0 {
            // A name without a dot selects items instead of changing them.
            if !name.contains('.') {
                return Err(refused(&format!("{name:?} would select other items: remove it")));
            }
            query.pair(name, value);
        }
        Ok(())
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Config, why).doing("preparing an edit".to_owned())
}

impl Client {
    /// The largest number of items that [`Client::edit_items`] takes. An edit of about 4,000 items
    /// was seen to fail; 100 work.
    pub const EDIT_LIMIT: usize = 100;

    /// Changes one item.
    pub async fn edit_item(&self, key: RatingKey, edit: &Edit) -> Result<(), Error> {
        let mut query = Query::default();
        edit.write(&mut query)?;
        let doing = format!("editing item {key}");
        self.put(&format!("/library/metadata/{key}"), query, &doing).await
    }

    /// Changes several items of one section and kind in the same way, in one request.
    ///
    /// The server applies all of it or answers with an error. After an error some items may be
    /// changed and others not. An edit without keys is refused, and so is one with more than
    /// [`Client::EDIT_LIMIT`] keys.
    pub async fn edit_items(
        &self,
        section: SectionKey,
        kind: ItemKind,
        keys: &[RatingKey],
        edit: &Edit,
    ) -> Result<(), Error> {
        if keys.is_empty() {
            return Err(refused("an edit without keys would change every item: give keys"));
        }
        if keys.len() > Self::EDIT_LIMIT {
            let text = format!("{} keys in an edit: {} at most", keys.len(), Self::EDIT_LIMIT);
            return Err(refused(&text));
        }
        let mut query = Query::default();
        query.pair("type", &kind.type_number().to_string());
        let list = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        query.pair("id", &list);
        edit.write(&mut query)?;
        let doing = format!("editing {} items of section {section}", keys.len());
        self.put(&format!("/library/sections/{section}/all"), query, &doing).await
    }

    /// An edit names the final values, so a repeated one does no harm. The answer has no content.
    async fn put(&self, path: &str, query: Query, doing: &str) -> Result<(), Error> {
        let mut call = self.get(Endpoint::Edit, path, query, doing);
        call.method = Method::PUT;
        self.act(call).await
    }

    /// Uploads an image of an item. The server selects the image at once. The address of the item's
    /// image and its `updatedAt` change.
    ///
    /// The request is sent once, because the server could store a repeated image twice.
    pub async fn upload(
        &self,
        key: RatingKey,
        artwork: Artwork,
        image: Vec<u8>,
    ) -> Result<(), Error> {
        if image.is_empty() {
            return Err(refused("the image is empty: give its bytes"));
        }
        let what = match artwork {
            Artwork::Poster => "posters",
            Artwork::Background => "arts",
        };
        let doing = format!("uploading an image of item {key}");
        let path = format!("/library/metadata/{key}/{what}");
        let mut call = self.get(Endpoint::Upload, &path, Query::default(), &doing);
        call.method = Method::POST;
        call.repeatable = false;
        call.body = Bytes::from(image);
        self.act(call).await
    }

    /// Asks for a scan of a section, or of one folder in it. The server queues the scan and answers
    /// at once. [`Client::events`] tells when the scan ends.
    ///
    /// The request is sent once, because a repeated one could start a second scan.
    pub async fn scan(&self, section: SectionKey, path: Option<&str>) -> Result<(), Error> {
        let mut query = Query::default();
        if let Some(path) = path {
            query.pair("path", path);
        }
        let doing = format!("asking for a scan of section {section}");
        let path = format!("/library/sections/{section}/refresh");
        let mut call = self.get(Endpoint::Scan, &path, query, &doing);
        call.repeatable = false;
        self.act(call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_spelled_as_the_server_wants_them() {
        let edit = Edit::new()
            .set(Field::Title, "A & B")
            .lock(Field::Title.name(), true)
            .set(Field::Summary, "")
            .set_tags(TagField::Genre, ["Drama", "War"])
            .remove_tags(TagField::Label, ["a,b", "c"])
            .remove_tags(TagField::Mood, [])
            .lock(TagField::Genre.name(), false);
        let mut query = Query::default();
        edit.write(&mut query).unwrap();
        assert_eq!(
            query.into_string(),
            "title.value=A%20%26%20B&title.locked=1&summary.value=\
             &genre%5B0%5D.tag.tag=Drama&genre%5B1%5D.tag.tag=War\
             &label%5B%5D.tag.tag-=a%252Cb%2Cc&genre.locked=0"
        );
    }

    #[test]
    fn what_would_choose_items_is_refused() {
        for edit in [
            Edit::new(),
            Edit::new().set_tags(TagField::Genre, []),
            Edit::new().set(Field::Title, "x").raw("id", "1,2"),
            Edit::new().set(Field::Title, "x").raw("type", "4"),
        ] {
            let refused = edit.write(&mut Query::default()).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Config, "{edit:?}");
        }
    }
}
