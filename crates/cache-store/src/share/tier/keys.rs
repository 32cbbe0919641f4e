//! The names of the keys. Each section has one hash tag, so that scripts work in a cluster.

use std::fmt::Write;

use crate::model::position::CommitId;

/// The version of what the engine holds: keys, rows, and items in rows. Hosts of different versions
/// use different keys, so during a rolling update they do not overwrite each other's values.
pub(crate) const VERSION: &str = "mb1.4";

/// The names of the keys of one server as one account sees it.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
    owner: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, server: &str, profile: Option<&str>) -> Self {
        // The account's name stays private.
        let hash = profile.map(|profile| {
            let key = blake3::derive_key("matchbox 2026-11 shared tier profile", &[]);
            let hash = blake3::keyed_hash(&key, profile.as_bytes()).to_hex();
            hash.get(..16).unwrap_or_default().to_owned()
        });
        let hash = hash.unwrap_or_else(|| "-".to_owned());
        let owner = format!("{VERSION}:{}:{hash}", plain(server));
        Self { prefix: prefix.to_owned(), owner }
    }

    pub(crate) fn probe(&self) -> String {
        format!("{}{{{}}}:probe", self.prefix, self.owner)
    }

    pub(crate) fn probe_lease(&self) -> String {
        format!("{}{{{}}}:lease", self.prefix, self.owner)
    }

    pub(crate) fn section(&self, uuid: &str) -> SectionNames {
        SectionNames { tag: format!("{}{{{}:{}}}", self.prefix, self.owner, plain(uuid)) }
    }
}

/// The names of one section's keys.
#[derive(Debug, Clone)]
pub(crate) struct SectionNames {
    tag: String,
}

impl SectionNames {
    pub(crate) fn head(&self) -> String {
        format!("{}:head", self.tag)
    }

    pub(crate) fn lease(&self) -> String {
        format!("{}:lease", self.tag)
    }

    pub(crate) fn entry(&self, commit: CommitId) -> String {
        format!("{}:d:{}", self.tag, hex(commit))
    }

    pub(crate) fn chunk(&self, snapshot: CommitId, number: u32) -> String {
        format!("{}:snap:{}:{number}", self.tag, hex(snapshot))
    }
}

/// An identifier in a key. Whatever it contains, it cannot end the hash tag.
fn plain(identifier: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_alphanumeric() || *letter == '-';
    identifier.chars().filter(plain).collect()
}

/// An id as 32 hexadecimal digits.
pub(crate) fn hex(id: CommitId) -> String {
    id.0.iter().fold(String::with_capacity(32), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_a_section_is_in_one_slot() {
        let names = Names::new("matchbox:", "abc}1", Some("me")).section("u{1}-2");
        let id = CommitId([0xAB; 16]);
        for key in [names.head(), names.lease(), names.entry(id), names.chunk(id, 7)] {
            let tag = key.split_once('{').unwrap().1.split_once('}').unwrap().0;
            assert!(tag.starts_with("mb1.4:abc1:") && tag.ends_with(":u1-2"), "{key}");
            assert!(!key.contains(":me"), "{key}");
        }
        assert_eq!(names.chunk(id, 7).rsplit(':').next(), Some("7"));
        assert_ne!(
            Names::new("", "a", None).probe(),
            Names::new("", "a", Some("-")).probe(),
            "no name looks like none"
        );
    }

    /// The name of every key contains the number of the items' schema. So items of another schema
    /// belong to another version.
    #[test]
    fn the_version_has_the_schema_of_items() {
        use crate::format::envelope::Record;
        use crate::format::item::ItemRow;
        assert_eq!(VERSION, format!("mb1.{}", ItemRow::SCHEMA));
    }
}
