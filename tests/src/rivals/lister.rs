//! A careful client without a cache. Each run lists every section completely, builds a map by file
//! name, and matches in memory.
//!
//! If several files have the same name, it takes the one whose path has the most folders in common
//! with the query's, from the file name up. It uses no other data.

use std::collections::HashMap;
use std::time::Instant;

use anyhow::{Result, ensure};

use super::{Http, Listing, Matched, SectionRef, base_name};
use crate::queries::TruthQuery;

/// A client that lists everything.
pub struct Lister {
    http: Http,
    page: usize,
}

/// The files of a library, by name.
type Files = HashMap<String, Vec<(String, u64)>>;

impl Lister {
    /// Makes a client that lists `page` rows at a time. No request is sent.
    pub fn new(url: &str, token: &str, page: usize) -> Self {
        Self { http: Http::new(url, token), page }
    }

    /// The number of requests sent so far.
    pub fn calls(&self) -> u64 {
        self.http.calls()
    }

    /// Lists the sections with files, or only the one with this title, and matches every query.
    #[expect(clippy::disallowed_methods, reason = "measures wall time")]
    pub async fn run(&self, title: Option<&str>, queries: &[TruthQuery]) -> Result<Matched> {
        let started = Instant::now();
        let before = self.calls();
        let mut files = Files::new();
        for section in self.http.sections(title).await? {
            self.list(section, &mut files).await?;
        }
        let mut outcome = Matched::default();
        for query in queries {
            outcome.count(&best(&files, &query.path), query.expect);
        }
        outcome.calls = self.calls() - before;
        outcome.elapsed = started.elapsed();
        Ok(outcome)
    }

    async fn list(&self, section: SectionRef, files: &mut Files) -> Result<()> {
        let list = format!("/library/sections/{}/all", section.key);
        let (kind, size) = (section.kind.to_string(), self.page.to_string());
        let mut start = 0;
        loop {
            let from = start.to_string();
            let arguments = [
                ("type", kind.as_str()),
                ("sort", "id"),
                ("X-Plex-Container-Start", &from),
                ("X-Plex-Container-Size", &size),
            ];
            let page: Listing = self.http.get(&list, &arguments).await?;
            ensure!(page.container.total > 0 || start == 0, "the server reports no total");
            let rows = page.container.rows.len();
            for row in page.container.rows {
                let Ok(key) = row.rating_key.parse() else { continue };
                for part in row.media.into_iter().flat_map(|media| media.parts) {
                    files.entry(base_name(&part.file)).or_default().push((part.file, key));
                }
            }
            start += rows;
            if rows == 0 || start as u64 >= page.container.total {
                return Ok(());
            }
        }
    }
}

/// The items with the file whose path is most similar to this one.
fn best(files: &Files, path: &str) -> Vec<u64> {
    let Some(named) = files.get(&base_name(path)) else { return Vec::new() };
    let common = |file: &str| {
        let folders = |path: &str| path.to_lowercase().replace('\\', "/");
        let (ours, theirs) = (folders(path), folders(file));
        ours.rsplit('/').zip(theirs.rsplit('/')).take_while(|(a, b)| a == b).count()
    };
    let most = named.iter().map(|(file, _)| common(file)).max();
    let best = named.iter().filter(|(file, _)| Some(common(file)) == most);
    let mut keys: Vec<u64> = best.map(|(_, key)| *key).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_in_the_most_similar_place_is_found() {
        let mut files = Files::new();
        for (file, key) in [("/d/A/movie.mkv", 1), ("/d/B/movie.mkv", 2), ("/d/C/x.mkv", 3)] {
            files.entry(base_name(file)).or_default().push((file.to_owned(), key));
        }
        for (path, expect) in [
            ("/mnt/b/Movie.mkv", &[2][..]),
            ("/mnt/elsewhere/movie.mkv", &[1, 2]),
            ("C:\\films\\C\\x.mkv", &[3]),
            ("/mnt/other/x.mkv", &[3]),
            ("/mnt/C/y.mkv", &[]),
        ] {
            assert_eq!(best(&files, path), expect, "{path}");
        }
    }
}
