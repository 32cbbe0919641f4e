//! What a client asks of a section, and how a URL spells it.

use crate::clock::UnixSeconds;
use crate::domain::id::{SectionKey, SectionUuid};
use crate::domain::kind::ItemKind;
use crate::query::Query;

/// A question to a section: which items, in which order, and how much about each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The section to ask.
    pub section: SectionKey,
    /// The expected section. An answer from another section is an error
    /// ([`ErrorKind::WrongSection`](crate::ErrorKind::WrongSection)).
    pub expect_uuid: Option<SectionUuid>,
    /// The kind of item to list. It is always sent: without it a server lists the section's top
    /// kind.
    pub kind: ItemKind,
    /// Which of these items.
    pub filter: Filter,
    /// The order of the items.
    pub sort: Sort,
    /// How much the answer tells about each item.
    pub detail: Detail,
}

impl Listing {
    /// Everything of one kind, sorted by id, with what matching needs.
    pub fn new(section: SectionKey, kind: ItemKind) -> Self {
        Self {
            section,
            expect_uuid: None,
            kind,
            filter: Filter::None,
            sort: Sort::Id,
            detail: Detail::Lean,
        }
    }

    /// The listing's part of the query string.
    pub(crate) fn query(&self) -> Query {
        let mut query = Query::default();
        query.pair("type", &self.kind.type_number().to_string());
        self.filter.write(&mut query);
        match self.sort {
            Sort::ServerDefault => {}
            Sort::Id => query.pair("sort", "id"),
            Sort::UpdatedLast => query.pair("sort", "updatedAt:desc"),
        }
        self.detail.write(&mut query);
        query
    }
}

/// Which items of a section.
///
/// The moments are times of the server's clock, and they are exclusive: subtract a margin from the
/// last known one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Filter {
    /// All of them.
    #[default]
    None,
    /// Added after the moment.
    AddedSince(UnixSeconds),
    /// Updated after the moment.
    UpdatedSince(UnixSeconds),
    /// Added or updated after the moment, in one request.
    ChangedSince(UnixSeconds),
    /// Items in the trash: their files are missing.
    Trash,
}

impl Filter {
    fn write(self, query: &mut Query) {
        // An operator is part of the name: `addedAt>>=5` is the pair (`addedAt>>`, `5`).
        match self {
            Self::None => {}
            Self::AddedSince(moment) => query.pair("addedAt>>", &moment.to_string()),
            Self::UpdatedSince(moment) => query.pair("updatedAt>>", &moment.to_string()),
            Self::ChangedSince(moment) => {
                query.pair("push", "1");
                query.pair("addedAt>>", &moment.to_string());
                query.pair("or", "1");
                query.pair("updatedAt>>", &moment.to_string());
                query.pair("pop", "1");
            }
            Self::Trash => query.pair("trash", "1"),
        }
    }
}

/// The order of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// The server's own order, by title.
    ServerDefault,
    /// By rating key. This order stays the same while items are added, so pages do not overlap.
    /// Servers accept it, though they do not list it.
    #[default]
    Id,
    /// The item that was updated last comes first. Items without `updatedAt` come last. Servers
    /// accept this sort but do not document it. A caller who relies on it must check the order of
    /// the rows.
    UpdatedLast,
}

/// How much the answer tells about each item. It is a request and not a guarantee: servers may send
/// more or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Detail {
    /// Keys and times of items; id, stamp and size of files. No paths and no guids.
    Keys,
    /// What a sweep needs: `Keys` and the paths. A file that was moved can keep its id, stamp and
    /// size.
    Files,
    /// What matching needs: titles, years, guids, versions and files. The server leaves tags and
    /// texts out when it can; otherwise the client skips them.
    #[default]
    Lean,
    /// Everything a listing can give.
    Full,
}

/// Elements that matching does not use, with the names that servers are known to recognise.
const HEAVY_ELEMENTS: &str = "Actor,Role,Collection,Country,Director,Genre,Label,Mood,Producer,\
    Similar,Style,Writer,Image,UltraBlurColors,Rating,Extras";
const HEAVY_FIELDS: &str = "summary,tagline";
const HEAVY_FIELDS_AND_PATHS: &str = "summary,tagline,file";

impl Detail {
    pub(crate) fn write(self, query: &mut Query) {
        match self {
            Self::Keys => {
                query.pair("excludeElements", HEAVY_ELEMENTS);
                query.pair("excludeFields", HEAVY_FIELDS_AND_PATHS);
            }
            Self::Files => {
                query.pair("excludeElements", HEAVY_ELEMENTS);
                query.pair("excludeFields", HEAVY_FIELDS);
            }
            Self::Lean => {
                query.pair("includeGuids", "1");
                query.pair("excludeElements", HEAVY_ELEMENTS);
                query.pair("excludeFields", HEAVY_FIELDS);
            }
            Self::Full => query.pair("includeGuids", "1"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_encoded_in_the_name() {
        let heavy = "&includeGuids=1&excludeElements=Actor%2CRole";
        for (filter, expected) in [
            (Filter::None, "type=1&sort=id"),
            (Filter::AddedSince(UnixSeconds(5)), "type=1&addedAt%3E%3E=5&sort=id"),
            (Filter::UpdatedSince(UnixSeconds(-5)), "type=1&updatedAt%3E%3E=-5&sort=id"),
            (
                Filter::ChangedSince(UnixSeconds(5)),
                "type=1&push=1&addedAt%3E%3E=5&or=1&updatedAt%3E%3E=5&pop=1&sort=id",
            ),
            (Filter::Trash, "type=1&trash=1&sort=id"),
        ] {
            let listing = Listing { filter, ..Listing::new(SectionKey(1), ItemKind::Movie) };
            let query = listing.query().into_string();
            assert!(query.starts_with(&format!("{expected}{heavy}")), "{query}");
        }
    }

    #[test]
    fn full_detail_excludes_nothing() {
        let listing = Listing {
            detail: Detail::Full,
            sort: Sort::ServerDefault,
            ..Listing::new(SectionKey(1), ItemKind::Episode)
        };
        assert_eq!(listing.query().into_string(), "type=4&includeGuids=1");
    }
}
