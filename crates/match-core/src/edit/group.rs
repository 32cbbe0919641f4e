//! Equal edits of many items, grouped into one request. Pure.

use std::collections::HashMap;
use std::fmt;

use plex_api::{Client, Edit, ItemKind, RatingKey, SectionKey};

/// An edit request as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRequest {
    /// The section, by the key that the server gives it.
    pub section: SectionKey,
    /// The kind of the items.
    pub kind: ItemKind,
    /// The items, in the order of the changes.
    pub keys: Vec<RatingKey>,
    /// What the request changes in each item.
    pub edit: Edit,
    /// The fields that differ: they are the reason for the request.
    pub fields: Vec<String>,
}

impl fmt::Display for PlannedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keys.as_slice() {
            [key] => write!(f, "PUT item {key}:")?,
            keys => write!(f, "PUT {} items of section {}:", keys.len(), self.section)?,
        }
        for (name, value) in self.edit.pairs() {
            write!(f, " {name}={value:?}")?;
        }
        write!(f, " (different: {})", self.fields.join(", "))
    }
}

/// Groups items with equal edits, up to the number of items that a request takes. Groups come in
/// the order in which their edits first appear.
pub(super) fn group(
    edits: impl IntoIterator<Item = (RatingKey, SectionKey, ItemKind, Edit, Vec<String>)>,
) -> Vec<PlannedRequest> {
    let mut requests: Vec<PlannedRequest> = Vec::new();
    let mut open: HashMap<(SectionKey, ItemKind, Edit), usize> = HashMap::new();
    for (key, section, kind, edit, fields) in edits {
        let group = (section, kind, edit);
        let there = open.get(&group).and_then(|&at| requests.get_mut(at));
        match there {
            Some(request) if request.keys.len() < Client::EDIT_LIMIT => request.keys.push(key),
            _ => {
                let edit = group.2.clone();
                open.insert(group, requests.len());
                requests.push(PlannedRequest { section, kind, keys: vec![key], edit, fields });
            }
        }
    }
    requests
}

#[cfg(test)]
mod tests {
    use plex_api::Field;

    use super::*;

    #[test]
    fn equal_edits_go_together_in_hundreds() {
        let title = |text: &str| Edit::new().set(Field::Title, text);
        let edit = |key: u64, section, text| {
            let fields = vec!["title".to_owned()];
            (RatingKey(key), SectionKey(section), ItemKind::Movie, title(text), fields)
        };
        let mut edits: Vec<_> = (0..250).map(|key| edit(key, 1, "same")).collect();
        edits.insert(1, edit(1_000, 1, "other"));
        edits.push(edit(1_001, 2, "same"));
        let requests = group(edits);
        let sizes: Vec<usize> = requests.iter().map(|request| request.keys.len()).collect();
        assert_eq!(sizes, [100, 1, 100, 50, 1]);
        let all: usize = sizes.iter().sum();
        assert_eq!(all, 252);
        assert!(group([]).is_empty());
    }
}
