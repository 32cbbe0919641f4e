//! Items by key, as many as fit in a request.

use std::collections::{HashMap, HashSet};

use futures::{StreamExt, TryStreamExt, stream};

use crate::calls::Endpoint;
use crate::client::paging::{Progress, Step};
use crate::client::{Client, explain};
use crate::domain::id::RatingKey;
use crate::domain::item::Item;
use crate::domain::listing::Detail;
use crate::domain::page::{Batch, Page, UnsupportedReason, UnsupportedRow};
use crate::error::Error;
use crate::query::Query;

/// Longest request line, in characters. Proxies stop near 8 KiB; this leaves room for theirs.
const REQUEST_LINE_LIMIT: usize = 4000;
/// Most ids in one request. 240 were seen to work.
const IDS_LIMIT: usize = 200;
impl Client {
    /// Items by key, with everything the server says about them. See [`Client::items_with`].
    pub async fn items(&self, keys: &[RatingKey]) -> Result<Batch, Error> {
        self.items_with(keys, Detail::Full).await
    }

    /// Items by key, about 200 in a request, several requests at once.
    ///
    /// Keys the server does not know are an answer and not an error. A 404 that does not come
    /// from the server itself (which then names its protocol in a header) is an error, and no
    /// key is missing. Reading has no side effects on the server. Keys given twice are asked for
    /// once.
    pub async fn items_with(&self, keys: &[RatingKey], detail: Detail) -> Result<Batch, Error> {
        let mut seen = HashSet::with_capacity(keys.len());
        let keys: Vec<RatingKey> = keys.iter().copied().filter(|key| seen.insert(*key)).collect();
        let mut query = Query::default();
        query.pair("skipRefresh", "1");
        detail.write(&mut query);
        if detail == Detail::Full {
            // Chapters, markers and related items are neither read nor asked for.
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
            // Said, so that no server cuts the answer at a default of its own.
            let wanted = keys.len() as u64;
            call.window = Some((progress.rows(), u32::try_from(wanted).unwrap_or(u32::MAX)));
            match self.fetch_page(call, detail).await {
                Ok((page, call)) => {
                    let step = progress.take(&page, wanted);
                    let step = step.map_err(|error| explain(error, &call))?;
                    if step != Step::Ended {
                        all.items.extend(page.items);
                        all.unsupported.extend(page.unsupported);
                        all.lossy |= page.lossy;
                    }
                    // As many as were asked for, and there cannot be more.
                    if step != Step::More || progress.rows() >= wanted {
                        return Ok(sort_out(&keys, all));
                    }
                }
                // The server leaves unknown keys out, and answers 404 when that leaves nothing.
                // A 404 of a proxy in front of it, which may have lost its way, says nothing.
                Err(error) if error.is_servers_own_404() && progress.rows() == 0 => {
                    return Ok(Batch { missing: keys, ..Batch::default() });
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Cuts keys into lists that fit a request line with `room` characters left for them.
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

/// Holds an answer against what was asked: in that order, with what is missing.
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
