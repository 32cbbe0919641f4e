//! Items by key, as many as fit in a request.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::calls::Endpoint;
use crate::client::Client;
use crate::client::paging::{Progress, Step};
use crate::domain::id::RatingKey;
use crate::domain::item::Item;
use crate::domain::listing::Detail;
use crate::domain::page::{Batch, Page, UnsupportedReason, UnsupportedRow};
use crate::error::Error;
use crate::query::Query;

/// The longest request line, in characters. Proxies stop near 8 KiB, so this leaves them room.
const REQUEST_LINE_LIMIT: usize = 4000;
/// The most ids in one request. 240 were seen to work.
const IDS_LIMIT: usize = 200;
impl Client {
    /// Reads items by key, with everything the server says about them. See [`Client::items_with`].
    pub async fn items(&self, keys: &[RatingKey]) -> Result<Batch, Error> {
        self.items_with(keys, Detail::Full).await
    }

    /// Reads items by key, about 200 in a request, several requests at once.
    ///
    /// Unknown keys are an answer and not an error. The server itself names its protocol in a
    /// header of its 404. A 404 without that header is an error, and no key counts as missing.
    /// Reading has no side effects on the server. A key that is given twice is asked for once.
    pub async fn items_with(&self, keys: &[RatingKey], detail: Detail) -> Result<Batch, Error> {
        let mut seen = HashSet::with_capacity(keys.len());
        let keys: Vec<RatingKey> = keys.iter().copied().filter(|key| seen.insert(*key)).collect();
        let mut query = Query::default();
        query.pair("skipRefresh", "1");
        detail.write(&mut query);
        if detail == Detail::Full {
            // The client does not read chapters, markers and related items, so it does not ask for
            // them.
            query.pair("excludeElements", "Related,Extras,Chapter,Marker,Similar,Image");
        }
        let room = REQUEST_LINE_LIMIT
            .saturating_sub(self.shared.transport.url("/library/metadata/", "").as_str().len())
            .saturating_sub(query.len())
            .saturating_sub("GET  HTTP/1.1".len() + 1);
        let chunks: Vec<Vec<RatingKey>> = chunks(&keys, room);
        let batches = stream::iter(chunks)
            .map(|chunk| self.items_chunk(chunk, query.clone(), detail))
            .buffered(self.shared.max_in_flight);
        batches
            .try_fold(Batch::default(), |mut all, batch| async move {
                all.items.extend(batch.items);
                all.missing.extend(batch.missing);
                all.unsupported.extend(batch.unsupported);
                all.lossy |= batch.lossy;
                Ok(all)
            })
            .await
    }

    async fn items_chunk(
        &self,
        keys: Vec<RatingKey>,
        query: Query,
        detail: Detail,
    ) -> Result<Batch, Error> {
        let list = keys.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let path = format!("/library/metadata/{list}");
        let doing = format!("reading {} items by key", keys.len());
        let mut all = Page::default();
        let mut progress = Progress::default();
        loop {
            let mut call = self.get(Endpoint::Items, &path, query.clone(), &doing);
            // The request names the window, so that no server cuts the answer at its own default.
            let wanted = keys.len() as u64;
            call.window = Some((progress.rows(), u32::try_from(wanted).unwrap_or(u32::MAX)));
            match self.fetch_page(call, detail).await {
                Ok(((page, ..), call)) => {
                    let step = progress.take(&page, wanted);
                    let step = step.map_err(|error| call.explain(error))?;
                    if step != Step::Ended {
                        all.items.extend(page.items);
                        all.unsupported.extend(page.unsupported);
                        all.lossy |= page.lossy;
                    }
                    // All rows that were asked for have come, so there cannot be more.
                    if step != Step::More || progress.rows() >= wanted {
                        return Ok(sort_out(&keys, all));
                    }
                }
                // The server leaves unknown keys out. When nothing is left, it answers 404. A 404
                // of a proxy proves nothing: the proxy may not have reached the server.
                Err(error) if error.is_servers_own_404() && progress.rows() == 0 => {
                    return Ok(Batch { missing: keys, ..Batch::default() });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Cuts keys into lists, each of which fits into the `room` characters of a request line.
fn chunks(keys: &[RatingKey], room: usize) -> Vec<Vec<RatingKey>> {
    let mut chunks: Vec<Vec<RatingKey>> = Vec::new();
    let mut used = usize::MAX;
    for key in keys {
        let length = key.to_string().len() + 1;
        match chunks.last_mut() {
            Some(chunk) if chunk.len() < IDS_LIMIT && used + length <= room => {
                chunk.push(*key);
                used += length;
            }
            _ => {
                chunks.push(vec![*key]);
                used = length;
            }
        }
    }
    chunks
}

/// Compares an answer with the keys that were asked for: items in that order, and missing keys.
fn sort_out(keys: &[RatingKey], page: Page) -> Batch {
    let mut found: HashMap<RatingKey, Item> = HashMap::with_capacity(page.items.len());
    let mut batch = Batch { unsupported: page.unsupported, lossy: page.lossy, ..Batch::default() };
    let asked: HashSet<RatingKey> = keys.iter().copied().collect();
    for item in page.items {
        if asked.contains(&item.rating_key) {
            found.insert(item.rating_key, item);
        } else {
            batch.unsupported.push(UnsupportedRow {
                rating_key: Some(item.rating_key.to_string()),
                title: Some(item.title),
                reason: UnsupportedReason::NotAskedFor,
            });
        }
    }
    for key in keys {
        let name = key.to_string();
        let unusable = |row: &UnsupportedRow| row.rating_key.as_deref() == Some(name.as_str());
        match found.remove(key) {
            Some(item) => batch.items.push(item),
            None if batch.unsupported.iter().any(unusable) => {}
            None => batch.missing.push(*key),
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_cut_by_number_and_length() {
        let keys: Vec<RatingKey> = (1..=450).map(RatingKey).collect();
        let sizes = |room| chunks(&keys, room).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(4000), [200, 200, 50]);
        assert!(sizes(40).iter().all(|size| *size <= 20));
        assert_eq!(sizes(0).len(), 450, "one at a time when nothing fits");
        assert_eq!(sizes(40).iter().sum::<usize>(), 450);
        assert!(chunks(&[], 4000).is_empty());
    }
}
