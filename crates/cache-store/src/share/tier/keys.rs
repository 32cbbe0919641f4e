//! The names of the keys. One hash tag a section, so that scripts work in a cluster.

use std::fmt::Write;

use crate::model::position::CommitId;

/// The version of what lies in the engine: of the keys, of the rows and of the items in them.
/// Hosts of another version never meet, so a rolling update does not flap.
pub(crate) const VERSION: &str = "mb1.4";

/// The names of one server's keys, as one account sees it.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    prefix: String,
    owner: String,
}

impl Names {
    pub(crate) fn new(prefix: &str, server: &str, profile: Option<&str>) -> Self {
        // The account's name is nobody's business.
        let hash = profile.map(|profile| {
            let key = blake3::derive_key("matchbox 2026-11 shared tier profile", &[]);
            let hash = blake3::keyed_hash(&key, profile.as_bytes()).to_hex();
            hash.get(..16).unwrap_or_default().to_owned()
        });
        // Whatever it is, it cannot end the tag.
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let server: String = server.chars().filter(|letter| plain(*letter)).collect();
        let owner = format!("{VERSION}:{server}:{}", hash.unwrap_or_else(|| "-".to_owned()));
        Self { prefix: prefix.to_owned(), owner }
    }

    pub(crate) fn probe(&self) -> String {
        format!("{}{{{}}}:probe", self.prefix, self.owner)
    }

    pub(crate) fn probe_lease(&self) -> String {
        format!("{}{{{}}}:lease", self.prefix, self.owner)
    }

    pub(crate) fn section(&self, uuid: &str) -> SectionNames {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
        let uuid: String = uuid.chars().filter(|letter| plain(*letter)).collect();
        SectionNames { tag: format!("{}{{{}:{uuid}}}", self.prefix, self.owner) }
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

/// 32 digits.
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

    /// Items of another schema are another version's: the number is in the name of every key.
    #[test]
    fn the_version_has_the_schema_of_items() {
        use crate::format::envelope::Record;
        use crate::format::item::ItemRow;
        assert_eq!(VERSION, format!("mb1.{}", ItemRow::SCHEMA));
    }
}
