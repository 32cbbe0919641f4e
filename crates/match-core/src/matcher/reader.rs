//! Reads candidates through the indexes of a section, and notes which buckets were read.

use std::borrow::Cow;
use std::collections::HashSet;

use cache_store::{Depends, Error, Index, ItemRef, SectionId, StoredItem, View};
use plex_api::RatingKey;

use crate::answer::{Answer, Decision};
use crate::explain::Tried;
use crate::matcher::indexing::name_hash;
use crate::names::spelling::generic::telling_tail;
use crate::names::spelling::path::FoldedPath;
use crate::rules::candidates::{Few, SectionContext};

/// Larger buckets are not read. These are names like `movie.mkv`, which only folders can tell
/// apart, and generic titles. This limits the cost of one query.
pub(super) const CROWD: usize = 64;

/// The content of the index of names under a hash. It was read before, for many queries together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'n> {
    pub(crate) hash: u64,
    pub(crate) rating_keys: &'n [RatingKey],
}

/// Reads candidates and notes which buckets were read.
pub(crate) struct Reader<'v> {
    pub(super) view: &'v View<'v>,
    pub(super) section: SectionId,
    pub(super) named: Option<Named<'v>>,
    pub(super) depends: Depends,
    pub(super) tried: Tried,
    pub(super) context: &'v SectionContext,
    /// The file's name is generic, and no file is in folders that share a telling folder with it.
    pub(super) shares_no_folder: bool,
    /// The answer depends on the section's shows.
    pub(super) rests_on_shows: bool,
}

impl<'v> Reader<'v> {
    pub(super) fn new(view: &'v View<'v>, section: SectionId, context: &'v SectionContext) -> Self {
        Self {
            view,
            section,
            named: None,
            depends: Depends::default(),
            tried: Tried::default(),
            context,
            shares_no_folder: false,
            rests_on_shows: false,
        }
    }

    /// An answer, with the buckets that it depends on.
    pub(super) fn decision(self, answer: Answer) -> Decision {
        Decision { answer, depends: self.depends, rests_on_shows: self.rests_on_shows }
    }

    /// The other items that have a file of this item, if it is a file with several episodes.
    pub(super) fn other_holders(&mut self, key: RatingKey) -> Result<Vec<RatingKey>, Error> {
        let Some(found) = self.view.item(self.section, key)? else { return Ok(Vec::new()) };
        let mut others = Vec::new();
        for part in found.item.parts.iter().filter(|part| !part.optimized) {
            let path = FoldedPath::new(&part.file);
            let hash = match telling_tail(&path) {
                Some(tail) => name_hash(tail),
                None => continue, // in a crowded bucket of generic names
            };
            let mut stored = Few::new();
            self.add(Index::Names, hash, &mut stored)?;
            let items = self.items(&stored)?;
            let holds = |item: &&ItemRef<'_>| item.parts.iter().any(|own| own.file == part.file);
            let holders = items.iter().filter(holds).map(|item| item.rating_key);
            others.extend(holders.filter(|&other| other != key));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The items under a hash.
    pub(super) fn bucket(
        &mut self,
        index: Index,
        hash: u64,
    ) -> Result<Cow<'v, [RatingKey]>, Error> {
        if !self.depends.buckets.contains(&(index, hash)) {
            self.depends.buckets.push((index, hash));
        }
        if let Some(named) = self.named
            && (index, hash) == (Index::Names, named.hash)
        {
            return Ok(Cow::Borrowed(named.rating_keys));
        }
        let bucket = self.view.bucket(index, self.section, hash)?;
        Ok(Cow::Owned(bucket.map(|bucket| bucket.rating_keys.into_vec()).unwrap_or_default()))
    }

    /// Adds the items of a bucket, unless it is crowded, each item once.
    pub(super) fn add(
        &mut self,
        index: Index,
        hash: u64,
        stored: &mut Few<StoredItem<'v>>,
    ) -> Result<(), Error> {
        let keys = self.bucket(index, hash)?;
        if keys.len() <= CROWD { self.read(&keys, stored) } else { Ok(()) }
    }

    pub(super) fn read(
        &self,
        keys: &[RatingKey],
        stored: &mut Few<StoredItem<'v>>,
    ) -> Result<(), Error> {
        stored.reserve(keys.len());
        for &key in keys {
            if stored.iter().all(|item| item.rating_key() != key) {
                stored.extend(self.view.indexed_item(self.section, key)?);
            }
        }
        Ok(())
    }

    /// [`Reader::read`] for a whole bucket. Either `stored` has none of its items, or the keys are
    /// in order.
    pub(super) fn read_all(
        &self,
        keys: &[RatingKey],
        stored: &mut Few<StoredItem<'v>>,
    ) -> Result<(), Error> {
        let known: HashSet<RatingKey> = stored.iter().map(StoredItem::rating_key).collect();
        stored.reserve(keys.len());
        for &key in keys.iter().filter(|key| !known.contains(key)) {
            stored.extend(self.view.indexed_item(self.section, key)?);
        }
        Ok(())
    }

    pub(super) fn items<'s>(
        &self,
        stored: &'s [StoredItem<'_>],
    ) -> Result<Few<ItemRef<'s>>, Error> {
        stored.iter().filter_map(|item| self.view.read(item).transpose()).collect()
    }
}
