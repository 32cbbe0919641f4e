//! The difference between an item and a change, as one edit. Pure.

use std::borrow::Cow;
use std::collections::BTreeSet;

use cache_store::Metadata;
use plex_api::{Edit, Field, TagField, UnixSeconds};

use crate::edit::change::Step;
use crate::edit::checks::canonical;

/// The edit that applies a change to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Difference {
    /// The edit to send.
    pub(super) edit: Edit,
    /// The metadata of the item that it was compared with.
    pub(super) before: Metadata,
    /// The metadata of the item after the edit.
    pub(super) after: Metadata,
    /// Names of the fields that differ, in the order in which they are sent.
    pub(super) fields: Vec<String>,
}

/// Compares an item with a change. `None` if nothing differs.
pub(super) fn compare(steps: &[Step], before: &Metadata, now: UnixSeconds) -> Option<Difference> {
    let mut after = before.clone();
    let mut raw: Vec<(&String, &String)> = Vec::new();
    for step in steps {
        apply(step, &mut after);
        if let Step::Raw(name, value) = step {
            raw.retain(|(other, _)| *other != name);
            raw.push((name, value));
        }
    }
    let mut edit = Edit::new();
    let mut fields = Vec::new();
    let mut members = false;
    for field in Field::ALL {
        let value = after.values.get(&field);
        if value != before.values.get(&field) {
            edit = edit.set(field, value.cloned().unwrap_or_default());
            fields.push(field.name().to_owned());
        }
    }
    for field in TagField::ALL {
        let (old, new) = (tags_of(before, field), tags_of(&after, field));
        let gone: Vec<&str> =
            old.iter().filter(|tag| !has(field, new, tag)).map(String::as_str).collect();
        // The server replaces the whole list, so the tags to keep are sent again.
        if new.iter().any(|tag| !has(field, old, tag)) {
            edit = edit.set_tags(field, new.iter().map(String::as_str));
        } else if gone.is_empty() {
            continue;
        }
        if !gone.is_empty() {
            edit = edit.remove_tags(field, gone);
        }
        fields.push(field.name().to_owned());
        members |= field == TagField::Collection;
    }
    // When membership changes, the server locks the field by itself (curatarr issue 368), unless
    // the same request says that the field stays unlocked.
    let told = steps.iter().rev().find_map(|step| match step {
        Step::Lock(name, locked) if name == COLLECTION => Some(*locked),
        _ => None,
    });
    if let Some(locked) = told.filter(|_| members) {
        edit = edit.lock(COLLECTION, locked);
    } else if members && !after.locked.iter().any(|name| name == COLLECTION) {
        after.locked.push(COLLECTION.to_owned());
        after.locked.sort_unstable();
    }
    let names: BTreeSet<&String> = before.locked.iter().chain(&after.locked).collect();
    for name in names {
        let locked = after.locked.contains(name);
        if locked == before.locked.contains(name) || (members && name == COLLECTION) {
            continue;
        }
        edit = edit.lock(name, locked);
        fields.push(format!("{name}.locked"));
    }
    for (name, value) in raw {
        if before.sent.get(name) != Some(value) {
            edit = edit.raw(name, value);
            fields.push(name.clone());
        }
    }
    after.read_at = now;
    (!edit.is_empty()).then(|| Difference { edit, before: before.clone(), after, fields })
}

/// The fields of a change that differ between two reads of an item, because somebody else edited
/// them.
pub(super) fn edited_by_others(steps: &[Step], was: &Metadata, is: &Metadata) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for step in steps {
        let (differs, name) = match step {
            Step::Set(field, _) => {
                (was.values.get(field) != is.values.get(field), field.name().to_owned())
            }
            Step::AddTags(field, _) | Step::RemoveTags(field, _) | Step::ReplaceTags(field, _) => {
                let of = |metadata| {
                    let tags = tags_of(metadata, *field).iter();
                    tags.map(|tag| compared(*field, tag)).collect::<BTreeSet<_>>()
                };
                (of(was) != of(is), field.name().to_owned())
            }
            Step::Lock(name, _) => {
                let (was, is) = (was.locked.contains(name), is.locked.contains(name));
                // The server does that by itself when membership changes.
                let expected = name == COLLECTION && is;
                (was != is && !expected, format!("{name}.locked"))
            }
            Step::Raw(..) => continue, // the server does not return these
        };
        if differs && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn tags_of(metadata: &Metadata, field: TagField) -> &[String] {
    metadata.tags.get(&field).map_or(&[], Vec::as_slice)
}

fn apply(step: &Step, to: &mut Metadata) {
    match step {
        Step::Set(field, value) if value.is_empty() => drop(to.values.remove(field)),
        Step::Set(field, value) => {
            let value = canonical(*field, value).unwrap_or_else(|| value.clone());
            to.values.insert(*field, value);
        }
        Step::Lock(name, locked) => {
            to.locked.retain(|other| other != name);
            if *locked {
                to.locked.push(name.clone());
                to.locked.sort_unstable();
            }
        }
        Step::AddTags(field, tags) => {
            let there = to.tags.entry(*field).or_default();
            add(*field, there, tags);
        }
        Step::RemoveTags(field, tags) => {
            if let Some(there) = to.tags.get_mut(field) {
                there.retain(|tag| !has(*field, tags, tag));
            }
        }
        Step::ReplaceTags(field, tags) => {
            let there = to.tags.entry(*field).or_default();
            // A tag that stays keeps the server's spelling.
            there.retain(|tag| has(*field, tags, tag));
            add(*field, there, tags);
        }
        Step::Raw(name, value) => drop(to.sent.insert(name.clone(), value.clone())),
    }
    to.tags.retain(|_, tags| !tags.is_empty());
}

fn add(field: TagField, there: &mut Vec<String>, tags: &[String]) {
    for tag in tags.iter().filter(|tag| !tag.is_empty()) {
        if !has(field, there, tag) {
            there.push(tag.clone());
        }
    }
}

/// The field of collections, as locks name it.
const COLLECTION: &str = "collection";

/// A tag as it is compared. The server stores labels with capitals of its own (Kometa issue 201), so
/// "overlay" is there as "Overlay".
fn compared(field: TagField, tag: &str) -> Cow<'_, str> {
    match field {
        TagField::Label => Cow::Owned(tag.to_lowercase()),
        _ => Cow::Borrowed(tag),
    }
}

fn has(field: TagField, tags: &[String], tag: &str) -> bool {
    tags.iter().any(|other| compared(field, other) == compared(field, tag))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use plex_api::{ItemKind, RatingKey};

    use super::*;
    use crate::edit::Change;

    fn known() -> Metadata {
        Metadata {
            kind: ItemKind::Movie,
            values: BTreeMap::from([
                (Field::Title, "Alien".to_owned()),
                (Field::Studio, "Fox".to_owned()),
                (Field::UserRating, "7.5".to_owned()),
            ]),
            tags: BTreeMap::from([(
                TagField::Genre,
                vec!["Horror".to_owned(), "Sci-Fi".to_owned()],
            )]),
            locked: vec!["title".to_owned()],
            sent: BTreeMap::from([("editionTitle.value".to_owned(), "Cut".to_owned())]),
            updated_at: Some(UnixSeconds(5)),
            read_at: UnixSeconds(9),
        }
    }

    fn change() -> Change {
        Change::new(RatingKey(1))
    }

    #[track_caller]
    fn check(change: &Change, expect: &[(&str, &str)]) {
        let difference = compare(&change.steps, &known(), UnixSeconds(10));
        let pairs = difference.as_ref().map_or(&[][..], |difference| difference.edit.pairs());
        let pairs: Vec<(&str, &str)> =
            pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, expect, "{change:?}");
        // The item after the edit needs no second edit.
        if let Some(Difference { after, .. }) = difference {
            assert_eq!(compare(&change.steps, &after, UnixSeconds(11)), None, "{change:?}");
        }
    }

    #[test]
    fn only_what_is_different_is_sent() {
        use TagField::{Collection, Genre};
        check(&change(), &[]);
        check(&change().set(Field::Title, "Alien").lock("title", true), &[]);
        check(&change().set(Field::UserRating, "7.50"), &[]);
        check(&change().set(Field::Title, "Aliens"), &[("title.value", "Aliens")]);
        check(&change().clear(Field::Studio), &[("studio.value", "")]);
        check(&change().clear(Field::Tagline), &[]);
        check(&change().lock("title", false), &[("title.locked", "0")]);
        check(&change().add_tags(Genre, ["Horror"]), &[]);
        check(&change().add_tags(Collection, ["A"]), &[("collection[0].tag.tag", "A")]);
        check(
            &change().add_tags(Genre, ["War"]),
            &[
                ("genre[0].tag.tag", "Horror"),
                ("genre[1].tag.tag", "Sci-Fi"),
                ("genre[2].tag.tag", "War"),
            ],
        );
        check(&change().remove_tags(Genre, ["Horror", "War"]), &[("genre[].tag.tag-", "Horror")]);
        check(&change().replace_tags(Genre, ["Sci-Fi", "Horror"]), &[]); // order does not count
        check(
            &change().replace_tags(Genre, ["War"]),
            &[("genre[0].tag.tag", "War"), ("genre[].tag.tag-", "Horror,Sci-Fi")],
        );
        check(&change().replace_tags(Genre, [""; 0]), &[("genre[].tag.tag-", "Horror,Sci-Fi")]);
        check(&change().raw("editionTitle.value", "Cut"), &[]);
        check(&change().raw("editionTitle.value", "New"), &[("editionTitle.value", "New")]);
    }

    /// The server writes labels with capitals. So "overlay" was sent again in each run, and
    /// removing it had no effect.
    #[test]
    fn a_label_is_the_same_in_other_capitals() {
        let mut known = known();
        known.tags.insert(TagField::Label, vec!["Overlay".to_owned(), "Kids Film".to_owned()]);
        let edit = |change: &Change| {
            let difference = compare(&change.steps, &known, UnixSeconds(10))?;
            Some(difference.edit.pairs().to_vec())
        };
        let label = TagField::Label;
        assert_eq!(edit(&change().add_tags(label, ["overlay"])), None);
        assert_eq!(edit(&change().replace_tags(label, ["KIDS film", "overlay"])), None);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            edit(&change().remove_tags(label, ["overlay"])),
            Some(vec![pair("label[].tag.tag-", "Overlay")])
        );
        assert_eq!(
            edit(&change().add_tags(label, ["new"])),
            Some(vec![
                pair("label[0].tag.tag", "Overlay"),
                pair("label[1].tag.tag", "Kids Film"),
                pair("label[2].tag.tag", "new"),
            ])
        );
        let mut is = known.clone();
        is.tags.insert(label, vec!["overlay".to_owned(), "Kids Film".to_owned()]);
        assert!(edited_by_others(&change().add_tags(label, ["x"]).steps, &known, &is).is_empty());
    }

    /// The server locks the field of collections when membership changes.
    #[test]
    fn collections_lock_themselves_and_may_be_unlocked_in_the_same_request() {
        let joined = change().add_tags(TagField::Collection, ["A"]);
        let difference = compare(&joined.steps, &known(), UnixSeconds(10)).unwrap();
        assert_eq!(difference.after.locked, ["collection", "title"]);
        for locked in [false, true] {
            let told = change().add_tags(TagField::Collection, ["A"]).lock("collection", locked);
            let value = if locked { "1" } else { "0" };
            check(&told, &[("collection[0].tag.tag", "A"), ("collection.locked", value)]);
        }
        let unlock = change().lock("collection", false);
        assert!(edited_by_others(&unlock.steps, &known(), &difference.after).is_empty());
    }

    #[test]
    fn the_later_of_two_steps_counts() {
        check(&change().set(Field::Title, "X").set(Field::Title, "Alien"), &[]);
        check(
            &change().clear(Field::Studio).set(Field::Studio, "Brandywine"),
            &[("studio.value", "Brandywine")],
        );
        check(
            &change().add_tags(TagField::Genre, ["War"]).remove_tags(TagField::Genre, ["War"]),
            &[],
        );
    }

    #[test]
    fn a_foreign_edit_of_another_field_is_nobodys_business() {
        let mut is = known();
        is.values.insert(Field::Studio, "Disney".to_owned());
        is.tags.clear();
        let title = change().set(Field::Title, "Aliens");
        assert!(edited_by_others(&title.steps, &known(), &is).is_empty());
        let both = change().clear(Field::Studio).add_tags(TagField::Genre, ["War"]);
        assert_eq!(edited_by_others(&both.steps, &known(), &is), ["studio", "genre"]);
    }
}
