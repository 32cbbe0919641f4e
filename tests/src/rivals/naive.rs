//! The naive client. For every file it does the same as tools without a good cache.
//!
//! It makes a title search for each variant of the file name's title and filters the results by
//! file name. If no search finds the file, it reads the whole section in pages of 100 and compares
//! the file names. It keeps nothing between two files.

use std::time::Instant;

use anyhow::Result;

use super::{Http, Listing, Matched, Row, SectionRef, base_name};
use crate::queries::TruthQuery;

/// The page size of the client library that such tools use.
const PAGE: usize = 100;

/// The title of a file name ends at the first of these words, even within a word: "Adventure Park"
/// becomes "A". That is wrong, but tools do it this way.
const TAGS: [&str; 13] = [
    "webdl", "web-dl", "webrip", "hdtv", "bluray", "bdrip", "dvdrip", "720p", "1080p", "2160p",
    "4k", "hdr", "dv",
];

/// A naive client of one server.
pub struct Naive {
    http: Http,
}

/// What the client does with each item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NaiveEdit {
    /// It reads the item, to check that it still exists.
    Read,
    /// It reads the item, and nothing differs.
    Compare,
    /// It reads the item, writes each group of fields, and reads the item again.
    Write,
}

impl Naive {
    /// Makes a client. No request is sent.
    pub fn new(url: &str, token: &str) -> Self {
        Self { http: Http::new(url, token) }
    }

    /// The number of requests sent so far.
    pub fn calls(&self) -> u64 {
        self.http.calls()
    }

    /// The sections with files, or only the one with this title.
    pub async fn sections(&self, title: Option<&str>) -> Result<Vec<SectionRef>> {
        self.http.sections(title).await
    }

    /// Looks up every file, one after the other, in each section until one has it.
    #[expect(clippy::disallowed_methods, reason = "measures wall time")]
    pub async fn run(&self, sections: &[SectionRef], queries: &[TruthQuery]) -> Result<Matched> {
        let started = Instant::now();
        let before = self.calls();
        let mut outcome = Matched::default();
        for query in queries {
            let mut found = Vec::new();
            for &section in sections {
                found = self.look_up(section, &query.path).await?;
                if !found.is_empty() {
                    break;
                }
            }
            outcome.count(&found, query.expect);
        }
        outcome.calls = self.calls() - before;
        outcome.elapsed = started.elapsed();
        Ok(outcome)
    }

    /// Edits items one by one, as tools do. It reads an item twice: tools read a row again if
    /// fields of it are empty. Then it sends one PUT each for fields, actors, genres and
    /// collections, and reads the item again. It ignores refused edits. Returns the number of
    /// requests.
    pub async fn edit(&self, keys: &[u64], edit: NaiveEdit) -> Result<u64> {
        let before = self.calls();
        for key in keys {
            let item = format!("/library/metadata/{key}");
            self.http.get::<serde_json::Value>(&item, &[]).await?;
            if edit == NaiveEdit::Read {
                continue;
            }
            self.http.get::<serde_json::Value>(&item, &[]).await?;
            if edit == NaiveEdit::Compare {
                continue;
            }
            for (name, value) in [
                ("title.value", "Written by hand"),
                ("actor[0].tag.tag", "Somebody"),
                ("genre[0].tag.tag", "Drama"),
                ("collection[0].tag.tag", "Watched with friends"),
            ] {
                self.http.put(&item, name, value).await?;
            }
            self.http.get::<serde_json::Value>(&item, &[]).await?;
        }
        Ok(self.calls() - before)
    }

    async fn look_up(&self, section: SectionRef, path: &str) -> Result<Vec<u64>> {
        let name = base_name(path);
        let list = format!("/library/sections/{}/all", section.key);
        let kind = section.kind.to_string();
        for title in title_variants(path) {
            let arguments = [
                ("type", kind.as_str()),
                ("title", &title),
                ("X-Plex-Container-Start", "0"),
                ("X-Plex-Container-Size", "100"),
            ];
            let page: Listing = self.http.get(&list, &arguments).await?;
            let found = with_name(&page, &name);
            if !found.is_empty() {
                return Ok(found);
            }
        }
        let mut found = Vec::new();
        let mut start = 0;
        loop {
            let (from, size) = (start.to_string(), PAGE.to_string());
            let arguments = [
                ("type", kind.as_str()),
                ("X-Plex-Container-Start", &from),
                ("X-Plex-Container-Size", &size),
            ];
            let page: Listing = self.http.get(&list, &arguments).await?;
            let rows = page.container.rows.len();
            found.extend(with_name(&page, &name));
            start += rows;
            if rows == 0 || start as u64 >= page.container.total {
                return Ok(found);
            }
        }
    }
}

/// The items of a page that have a file of this name.
fn with_name(page: &Listing, name: &str) -> Vec<u64> {
    let has = |row: &&Row| {
        let mut parts = row.media.iter().flat_map(|media| &media.parts);
        parts.any(|part| base_name(&part.file) == name)
    };
    let rows = page.container.rows.iter().filter(has);
    rows.filter_map(|row| row.rating_key.parse().ok()).collect()
}

/// The same without a server, as Stash2Plex does it with its library cache. For each file it checks
/// every item, and finds those that have a file of that name. It leaves out the title searches and
/// the read of the cache, which stores the whole library as one value: here the library is already
/// in memory.
pub fn scan(library: &[(u64, String)], path: &str) -> Vec<u64> {
    let name = base_name(path);
    library.iter().filter(|(_, file)| base_name(file) == name).map(|(key, _)| *key).collect()
}

/// The titles for the searches: the file name up to the first tag, the same without a date at its
/// end, and the folder's name without such a date.
fn title_variants(path: &str) -> Vec<String> {
    let mut components = path.rsplit(['/', '\\']);
    let file = components.next().unwrap_or_default();
    let folder = components.next().unwrap_or_default();
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let lower = stem.to_ascii_lowercase();
    let cut = TAGS.iter().filter_map(|tag| lower.find(tag)).min().unwrap_or(stem.len());
    let first = stem[..cut].trim_end_matches([' ', '.', '-', '_', '[', '(']).to_owned();
    let mut variants = vec![first.clone(), without_date(&first), without_date(folder)];
    variants.retain(|title| !title.is_empty());
    let mut seen = Vec::new();
    variants.retain(|title| {
        !seen.contains(title) && {
            seen.push(title.clone());
            true
        }
    });
    variants
}

/// A title without `-2020-12-31` at its end.
fn without_date(title: &str) -> String {
    let bytes = title.as_bytes();
    let is_date = |tail: &[u8]| {
        matches!(tail, [b'-' | b'_' | b' ', y @ .., b'-', m1, m2, b'-', d1, d2]
            if y.len() == 4 && y.iter().chain([m1, m2, d1, d2]).all(u8::is_ascii_digit))
    };
    match bytes.len().checked_sub(11) {
        Some(at) if title.is_char_boundary(at) && is_date(&bytes[at..]) => title[..at].to_owned(),
        _ => title.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_are_those_of_the_tools_it_stands_for() {
        for (path, expect) in [
            ("/x/Alien (1979)/Alien (1979).mkv", &["Alien (1979)"][..]),
            ("/x/Heat-1995-12-15/Heat-1995-12-15.mkv", &["Heat-1995-12-15", "Heat"]),
            ("/x/Parks/Adventure Park.mkv", &["A", "Parks"]),
        ] {
            assert_eq!(title_variants(path), expect, "{path}");
        }
    }
}
