//! Looking files up one by one, in a section that is not known completely.
//!
//! There are two ways to ask. One is the undocumented `file=` filter, which some servers apply and
//! others ignore. The other is a search for the title in the file name. Neither is trusted: a file
//! is found only if an item's own parts name it. An empty answer proves absence only if the filter
//! was tested before: it found a known file by its name in another case.

use plex_api::{ErrorKind, Filter, Item, Page, RatingKey};
use tracing::debug;

use crate::error::Error;
use crate::model::item::CachedItem;
use crate::model::revision::latest;
use crate::model::section::{FileFilter, Lookups, SectionId, SectionState};
use crate::refresh::context::Context;
use crate::refresh::execute::unmoved;
use crate::refresh::listing;
use crate::store::apply::update::{Applied, Update};
use crate::store::staging::Spool;

/// A file to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The file's name, as the host spells it.
    pub file_name: String,
    /// The hash under which its name is indexed.
    pub name_hash: u64,
    /// Titles that the item may have on the server, the likeliest first.
    pub titles: Vec<String>,
}

/// The result of a lookup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Looked {
    /// These items have a file with this name. They are in the store now.
    Found(Vec<RatingKey>),
    /// There is none, and a test showed that this server's empty answers can be trusted.
    Absent,
    /// No item was found, but that proves nothing, or more lookups would cost more than a listing.
    Unproven,
}

/// The rows requested in a lookup by file name. Few files have the same name, so more rows mean
/// that the server ignored the filter.
const BY_NAME: u32 = 20;

/// The rows requested in a search by title. It finds every title that contains the text.
const BY_TITLE: u32 = 100;

/// The most words of a title to search for. More words add little, and a request has a limited
/// length.
const WORDS: usize = 5;

/// The most titles to try for one file.
const TITLES: usize = 2;

/// The number of items among which a plain file name is looked for, to test the filter.
const NEAR: usize = 100;

/// The most calls for lookups before the section's size is known.
const BLIND: u64 = 12;

impl Context {
    /// Looks files up as long as that is cheaper than listing the section: the calls since the last
    /// listing may reach the cost of a listing, but no more.
    ///
    /// Returns an outcome for each file, in order. One transaction writes what was found.
    pub(crate) async fn look_up(
        &self,
        section: SectionId,
        wanted: &[Wanted],
    ) -> Result<Vec<Looked>, Error> {
        let _one_at_a_time = self.flights.section(section).await;
        let none = vec![Looked::Unproven; wanted.len()];
        let read = self.blocking(move |store| store.view()?.section(section)).await?;
        let Some(state) = read.filter(|state| state.stamp.is_some()) else { return Ok(none) };
        let mut search =
            Search { context: self, lookups: state.lookups, state: &state, found: Vec::new() };
        if !search.pays(wanted.len() as u64) {
            return Ok(none);
        }
        let mut looked = Vec::with_capacity(wanted.len());
        for file in wanted {
            looked.push(search.one(file).await?);
        }
        debug!(spent = search.lookups.spent, filter = ?search.lookups.filter, "looked up");
        let Search { lookups, found, .. } = search;
        Ok(if self.keep(state, lookups, found).await? { looked } else { none })
    }

    /// Writes what lookups found. `false`: the section changed in the store meanwhile.
    async fn keep(
        &self,
        state: SectionState,
        lookups: Lookups,
        found: Vec<Item>,
    ) -> Result<bool, Error> {
        let Some(stamp) = state.stamp else { return Ok(false) };
        let now = self.clock.now();
        let mut rows = Spool::new();
        self.spool(&mut rows, found, latest(now, &stamp)).await?;
        let (observed, at) = (state.observed.unwrap_or(stamp), state.observed_at.unwrap_or(now));
        let update = Update { lookups, ..unmoved(&state, rows, Vec::new(), stamp, observed, at) };
        let applied = self.blocking(move |store| store.apply(update)).await?;
        Ok(matches!(applied, Applied::Done(..)))
    }
}

/// A series of lookups in one section.
struct Search<'a> {
    context: &'a Context,
    state: &'a SectionState,
    lookups: Lookups,
    found: Vec<Item>,
}

impl Search<'_> {
    /// Whether `files` more lookups still cost less than listing the section.
    fn pays(&self, files: u64) -> bool {
        let each = if self.lookups.filter == FileFilter::Ignored { TITLES as u64 } else { 1 };
        let limit = self.total().map_or(BLIND, |total| {
            total.div_ceil(u64::from(self.context.client.page_size())).max(2)
        });
        self.lookups.spent + files.saturating_mul(each) <= limit
    }

    /// How many rows the section has, if that is known.
    fn total(&self) -> Option<u64> {
        if self.state.is_partial() {
            return self.lookups.total;
        }
        Some(self.state.items + self.state.unsupported)
    }

    async fn one(&mut self, file: &Wanted) -> Result<Looked, Error> {
        if self.lookups.filter != FileFilter::Ignored
            && let Some(looked) = self.by_name(file).await?
        {
            return Ok(looked);
        }
        for title in file.titles.iter().take(TITLES) {
            self.lookups.spent += 1;
            let (section, kind) = (self.state.key, self.state.kind);
            let (client, words) = (&self.context.client, telling_words(title));
            let page = client.search_title(section, kind, &words, BY_TITLE).await?;
            let found = self.take(page, file.name_hash);
            if !found.is_empty() {
                return Ok(Looked::Found(found));
            }
        }
        Ok(Looked::Unproven)
    }

    /// Asks by file name. `None`: the server ignores the filter, or would not read the name as one
    /// value.
    async fn by_name(&mut self, file: &Wanted) -> Result<Option<Looked>, Error> {
        if !is_one_value(&file.file_name) {
            return Ok(None);
        }
        let Some(page) = self.ask(&file.file_name).await? else { return Ok(None) };
        // Without a total, the rows may be all rows or only the first ones.
        let all = page.total.map_or(page.rows == 0, |total| total <= page.rows);
        let (total, of) = (page.total, page.section_uuid.clone());
        let found = self.take(page, file.name_hash);
        if !found.is_empty() {
            return Ok(Some(Looked::Found(found)));
        }
        if of.as_ref() != Some(&self.state.uuid) {
            // The answer does not say which section it belongs to. This section may be gone.
            return Ok(Some(Looked::Unproven));
        }
        if !all {
            // Many rows came back, but not the file: the server ignored the filter.
            self.lookups.filter = FileFilter::Ignored;
            self.lookups.total = total;
            return Ok(None);
        }
        if self.lookups.filter == FileFilter::Unknown {
            self.try_filter().await?;
        }
        Ok(match self.lookups.filter {
            FileFilter::Honoured if is_plain(&file.file_name) => Some(Looked::Absent),
            FileFilter::Honoured => Some(Looked::Unproven),
            _ => None,
        })
    }

    /// Tests the filter: asks for a known file, with its name in another case. If the server finds
    /// it and does not list everything, its empty answers can be trusted.
    async fn try_filter(&mut self) -> Result<(), Error> {
        self.lookups.filter = FileFilter::Ignored;
        let id = self.state.id;
        let read = self.context.blocking(move |store| store.view()?.first_items(id, NEAR));
        let mut known = longest_plain_name(read.await?.into_iter());
        let mut first = None;
        if known.is_none() {
            let page = self.first_page().await?;
            known = longest_plain_name(page.items.iter().map(CachedItem::from_plex));
            first = Some(page);
        }
        let Some((key, name)) = known else { return Ok(()) };
        let Some(page) = self.ask(&swap_case(&name)).await? else { return Ok(()) };
        if !page.items.iter().any(|item| item.rating_key == key) {
            return Ok(());
        }
        // The filter must leave something out. In a section with one item, an ignored filter looks
        // the same. If the server tells no total, only a page without the filter shows what was
        // left out.
        let selects = if let (Some(listed), Some(all)) = (page.total, self.total()) {
            listed < all
        } else {
            let first = match first {
                Some(first) => first,
                None => self.first_page().await?,
            };
            match (page.total, first.total) {
                (Some(listed), Some(all)) => listed < all,
                _ => page.rows < first.rows,
            }
        };
        if selects {
            self.lookups.filter = FileFilter::Honoured;
        }
        Ok(())
    }

    /// The first rows of the section, as many as a lookup requests.
    async fn first_page(&mut self) -> Result<Page, Error> {
        self.lookups.spent += 1;
        let listing = listing::request(self.state, Filter::None);
        let page = self.context.client.page(&listing, 0, BY_NAME).await?;
        self.lookups.total = page.total;
        Ok(page)
    }

    /// One request by file name. `None`: the server refuses the filter.
    async fn ask(&mut self, file_name: &str) -> Result<Option<Page>, Error> {
        self.lookups.spent += 1;
        let (section, kind) = (self.state.key, self.state.kind);
        match self.context.client.lookup_file(section, kind, file_name, BY_NAME).await {
            Ok(page) => Ok(Some(page)),
            // Seen with a section of shows. This is no outage: the server does not know the filter.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::Server | ErrorKind::BadRequest | ErrorKind::NotFound
                ) =>
            {
                self.lookups.filter = FileFilter::Ignored;
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps those items of a page that have a file with the wanted name. They are complete items.
    /// The others are not kept, because nobody asked for them.
    fn take(&mut self, page: Page, name_hash: u64) -> Vec<RatingKey> {
        let before = self.found.len();
        self.found.extend(page.items.into_iter().filter(|item| {
            let keys = self.context.store.indexing.keys;
            keys(&CachedItem::from_plex(item)).names.contains(&name_hash)
        }));
        self.found.iter().skip(before).map(|item| item.rating_key).collect()
    }
}

/// The words to search for, the longest first. Each is searched for by itself, because what
/// separates two words in a title (a colon, a dash) is often different in a file name.
fn telling_words(title: &str) -> Vec<&str> {
    let plain =
        |word: &&str| word.len() > 1 && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut words: Vec<&str> = title.split_whitespace().filter(plain).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.truncate(WORDS);
    if words.is_empty() { vec![title] } else { words }
}

/// The longest plain file name among some items, and its item. Two files seldom have the same long
/// name.
fn longest_plain_name(items: impl Iterator<Item = CachedItem>) -> Option<(RatingKey, String)> {
    let named = items.filter_map(|item| Some((item.rating_key, plain_name(&item)?)));
    named.max_by_key(|(_, name)| name.len())
}

/// The name of a file that every server spells as we do: ASCII, with no space or dot that a file
/// system would trim.
fn plain_name(item: &CachedItem) -> Option<String> {
    let part = item.parts.first()?;
    let name = part.file.rsplit(['/', '\\']).next()?;
    (is_plain(name) && name.bytes().any(|byte| byte.is_ascii_alphabetic())).then(|| name.to_owned())
}

/// Whether a name has only one spelling apart from case. Unicode spells some letters in two ways,
/// and the server may have stored the other one.
fn is_plain(name: &str) -> bool {
    is_one_value(name) && name.is_ascii() && !name.ends_with(['.', ' ']) && !name.starts_with(' ')
}

/// Whether a server reads a filter's value as this one text. A comma separates several values, even
/// if it is encoded, and any of them may match (python-plexapi issues 1146 and 846). The server
/// reads an operator both at the end of the filter's name and at the start of its value.
fn is_one_value(text: &str) -> bool {
    !text.contains(',') && !text.starts_with(['=', '!', '<', '>'])
}

fn swap_case(name: &str) -> String {
    name.chars()
        .map(|letter| {
            if letter.is_ascii_lowercase() {
                letter.to_ascii_uppercase()
            } else {
                letter.to_ascii_lowercase()
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_searched_word_by_word() {
        for (title, words) in [
            ("The Return of Ice Age Dawn 1", &["Return", "Dawn", "The", "Ice", "Age"][..]),
            ("Mission: Impossible", &["Impossible"]),
            ("9", &["9"]),
            ("\u{5343}\u{3068} X", &["\u{5343}\u{3068} X"]),
        ] {
            assert_eq!(telling_words(title), words, "{title}");
        }
    }
}
