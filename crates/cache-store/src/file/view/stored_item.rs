//! An item that lies on its page, not decoded yet.

use std::fmt;
use std::marker::PhantomData;

use plex_api::RatingKey;
use redb::AccessGuard;

use crate::model::section::SectionId;

/// An item on the page of the file that holds it. The page stays in memory as long as this value.
pub struct StoredItem<'view> {
    pub(super) section: SectionId,
    pub(super) key: RatingKey,
    pub(super) value: AccessGuard<'static, &'static [u8]>,
    /// redb may reuse the page when the transaction of the view ends.
    view: PhantomData<&'view ()>,
}

impl fmt::Debug for StoredItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredItem").field("key", &self.key).finish_non_exhaustive()
    }
}

impl StoredItem<'_> {
    pub(super) fn new(
        section: SectionId,
        key: RatingKey,
        value: AccessGuard<'static, &'static [u8]>,
    ) -> Self {
        Self { section, key, value, view: PhantomData }
    }

    /// The item's key.
    pub fn rating_key(&self) -> RatingKey {
        self.key
    }
}
