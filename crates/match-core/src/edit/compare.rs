//! The difference between an item and a change, as one edit. Pure.

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
            old.iter().filter(|tag| !new.contains(tag)).map(String::as_str).collect();
        // The server replaces the whole list, so the tags to keep are sent again.
        if new.iter().any(|tag| !old.contains(tag)) {
            edit = edit.set_tags(field, new.iter().map(String::as_str));
        } else if gone.is_empty() {
            continue;
        }
        if !gone.is_empty() {
            edit = edit.remove_tags(field, gone);
        }
        fields.push(field.name().to_owned());
    }
    let names: BTreeSet<&String> = before.locked.iter().chain(&after.locked).collect();
    for name in names {
        let locked = after.locked.contains(name);
        if locked != before.locked.contains(name) {
            edit = edit.lock(name, locked);
            fields.push(format!("{name}.locked"));
        }
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
                let of = |metadata| tags_of(metadata, *field).iter().collect::<BTreeSet<_>>();
                (of(was) != of(is), field.name().to_owned())
            }
            Step::Lock(name, _) => {
                (was.locked.contains(name) != is.locked.contains(name), format!("{name}.locked"))
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
            add(there, tags);
        }
        Step::RemoveTags(field, tags) => {
            if let Some(there) = to.tags.get_mut(field) {
                there.retain(|tag| !tags.contains(tag));
            }
        }
        Step::ReplaceTags(field, tags) => {
            let there = to.tags.entry(*field).or_default();
            there.clear();
            add(there, tags);
        }
        Step::Raw(name, value) => drop(to.sent.insert(name.clone(), value.clone())),
    }
    to.tags.retain(|_, tags| !tags.is_empty());
}

fn add(there: &mut Vec<String>, tags: &[String]) {
    for tag in tags.iter().filter(|tag| !tag.is_empty()) {
        if !there.contains(tag) {
            there.push(tag.clone());
        }
    }
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
