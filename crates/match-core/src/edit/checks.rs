//! Checks that refuse a change before anything is sent.

use std::fmt;

use plex_api::{Edit, Field, ItemKind, SectionKey, TagField};

use crate::edit::change::Step;

/// Why a change was refused. No part of it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The item is in a section that was not selected.
    OtherSection(Option<SectionKey>),
    /// Items of this kind do not have this field.
    NoSuchField(String, ItemKind),
    /// A title cannot be empty, because a source without a title must not clear existing titles.
    EmptyTitle,
    /// The value has the wrong form for the field: not a date, a number or a rating.
    NotAValue(Field, String),
    /// The change is too long for a request.
    TooLong {
        /// The longest field of the change.
        field: String,
        /// Characters of the change in a request.
        length: usize,
        /// The most characters that a request holds.
        limit: usize,
    },
    /// The name of a raw pair has no dot (`id`, `type`). The server would use such a pair to choose
    /// items.
    ChoosesItems(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherSection(Some(section)) => {
                write!(f, "the item is in section {section}, which was not selected")
            }
            Self::OtherSection(None) => f.write_str("the item is in no section that was selected"),
            Self::NoSuchField(field, kind) => write!(f, "a {kind} has no field {field}"),
            Self::EmptyTitle => f.write_str("a title cannot be empty"),
            Self::NotAValue(field, value) => {
                write!(f, "{value:?} is not a value of {}", field.name())
            }
            Self::TooLong { field, length, limit } => write!(
                f,
                "the change takes {length} characters, but a request holds {limit}: \
                 shorten {field}, its longest field"
            ),
            Self::ChoosesItems(name) => write!(f, "{name:?} in an edit would choose other items"),
        }
    }
}

/// The most characters of an edit in a request line. With a hundred ids and the path, the line
/// stays below 8 KiB, the limit of proxies.
const LIMIT: usize = 7_000;

/// Checks that do not depend on the item.
pub(super) fn check_steps(steps: &[Step]) -> Result<(), Refusal> {
    for step in steps {
        match step {
            Step::Set(Field::Title, value) if value.trim().is_empty() => {
                return Err(Refusal::EmptyTitle);
            }
            Step::Set(field, value) if !value.is_empty() && canonical(*field, value).is_none() => {
                return Err(Refusal::NotAValue(*field, value.clone()));
            }
            Step::Raw(name, _) if !name.contains('.') => {
                return Err(Refusal::ChoosesItems(name.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Checks that items of this kind have the fields.
pub(super) fn check_kind(steps: &[Step], kind: ItemKind) -> Result<(), Refusal> {
    for step in steps {
        let (has, name) = match step {
            Step::Set(field, _) => (has_field(kind, *field), field.name()),
            Step::AddTags(field, _) | Step::RemoveTags(field, _) | Step::ReplaceTags(field, _) => {
                (has_tags(kind, *field), field.name())
            }
            Step::Lock(..) | Step::Raw(..) => continue,
        };
        if !has {
            return Err(Refusal::NoSuchField(name.to_owned(), kind));
        }
    }
    Ok(())
}

/// Checks that an edit fits in a request.
pub(super) fn check_length(edit: &Edit) -> Result<(), Refusal> {
    let length = edit.encoded_len();
    if length <= LIMIT {
        return Ok(());
    }
    let longest = edit.pairs().iter().max_by_key(|(_, value)| value.len());
    let field = longest.map_or("", |(name, _)| name.split(['.', '[']).next().unwrap_or(name));
    Err(Refusal::TooLong { field: field.to_owned(), length, limit: LIMIT })
}

/// A value in the server's form, so that equal values compare equal. `None` if it is not a value of
/// the field.
pub(super) fn canonical(field: Field, value: &str) -> Option<String> {
    match field {
        Field::OriginallyAvailableAt => {
            let shape = value.len() == 10
                && value.bytes().enumerate().all(|(at, byte)| match at {
                    4 | 7 => byte == b'-',
                    _ => byte.is_ascii_digit(),
                });
            shape.then(|| value.to_owned())
        }
        Field::AddedAt => value.parse::<i64>().ok().map(|seconds| seconds.to_string()),
        Field::UserRating => {
            let rating = value.parse::<f64>().ok().filter(|rating| (0.0..=10.0).contains(rating));
            rating.map(|rating| rating.to_string())
        }
        _ => Some(value.to_owned()),
    }
}

/// Whether items of a kind have a field, as the server's own web client and other clients offer it.
/// For all other kinds the server decides.
fn has_field(kind: ItemKind, field: Field) -> bool {
    use ItemKind::{Album, Artist, Collection, Episode, Photo, PhotoAlbum, Season, Track};
    match field {
        Field::Title | Field::Summary | Field::AddedAt | Field::UserRating => true,
        Field::TitleSort => !matches!(kind, Season | Track),
        Field::OriginalTitle => {
            !matches!(kind, Season | Episode | Artist | Album | Collection | Photo | PhotoAlbum)
        }
        Field::Tagline => !matches!(
            kind,
            Season | Episode | Artist | Album | Track | Collection | Photo | PhotoAlbum
        ),
        Field::Studio => {
            !matches!(kind, Season | Episode | Artist | Track | Collection | Photo | PhotoAlbum)
        }
        Field::ContentRating => {
            !matches!(kind, Season | Artist | Album | Track | Photo | PhotoAlbum)
        }
        Field::OriginallyAvailableAt => {
            !matches!(kind, Season | Artist | Track | Collection | PhotoAlbum)
        }
    }
}

/// Whether items of a kind have a tag field; see [`has_field`].
fn has_tags(kind: ItemKind, field: TagField) -> bool {
    use ItemKind::{Album, Artist, Collection, Episode, Movie, Season, Show, Track};
    let named =
        matches!(kind, Movie | Show | Season | Episode | Artist | Album | Track | Collection);
    let has = match field {
        TagField::Label => true,
        TagField::Collection => kind != Collection,
        TagField::Genre => !matches!(kind, Season | Episode | Collection),
        TagField::Director | TagField::Writer | TagField::Producer => {
            matches!(kind, Movie | Episode)
        }
        TagField::Country => matches!(kind, Movie | Show | Artist),
        TagField::Role => matches!(kind, Movie | Show | Episode),
        TagField::Mood => matches!(kind, Artist | Album | Track),
        TagField::Style => matches!(kind, Artist | Album),
    };
    has || !named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_refused_before_it_is_sent() {
        let set = |field, value: &str| vec![Step::Set(field, value.to_owned())];
        for (steps, refusal) in [
            (set(Field::Title, " "), Some(Refusal::EmptyTitle)),
            (set(Field::Summary, ""), None),
            (
                set(Field::UserRating, "11"),
                Some(Refusal::NotAValue(Field::UserRating, "11".to_owned())),
            ),
            (set(Field::UserRating, "7.50"), None),
            (
                set(Field::OriginallyAvailableAt, "31.3.1999"),
                Some(Refusal::NotAValue(Field::OriginallyAvailableAt, "31.3.1999".to_owned())),
            ),
            (set(Field::AddedAt, "yesterday"), {
                Some(Refusal::NotAValue(Field::AddedAt, "yesterday".to_owned()))
            }),
            (
                vec![Step::Raw("id".to_owned(), "1".to_owned())],
                Some(Refusal::ChoosesItems("id".to_owned())),
            ),
        ] {
            assert_eq!(check_steps(&steps).err(), refusal, "{steps:?}");
        }
    }

    #[test]
    fn kinds_have_their_fields_only() {
        let tagline = [Step::Set(Field::Tagline, "x".to_owned())];
        let style = [Step::AddTags(TagField::Style, vec!["x".to_owned()])];
        assert_eq!(check_kind(&tagline, ItemKind::Movie), Ok(()));
        assert!(check_kind(&tagline, ItemKind::Episode).is_err());
        assert!(check_kind(&style, ItemKind::Movie).is_err());
        assert_eq!(check_kind(&style, ItemKind::Album), Ok(()));
        assert_eq!(check_kind(&style, ItemKind::Clip), Ok(()), "left to the server");
    }

    #[test]
    fn a_change_that_fits_no_request_is_refused() {
        let edit = |summary: &str| Edit::new().set(Field::Title, "x").set(Field::Summary, summary);
        assert_eq!(check_length(&edit(&"x".repeat(6_900))), Ok(()));
        let refused = check_length(&edit(&"\u{e9}".repeat(1_200))).unwrap_err();
        assert!(matches!(refused, Refusal::TooLong { ref field, .. } if field == "summary"));
    }
}
