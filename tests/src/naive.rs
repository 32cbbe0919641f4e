//! The naive client: it does for every file what tools without a good cache do.
//!
//! It makes a title search for each variant of the file name's title and filters the results by
//! file name. If no search finds the file, it reads the whole section in pages of 100 and compares
//! the file names. It keeps nothing between two files, and shares no code with Matchbox.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::queries::TruthQuery;

/// The page size of the client library that such tools use.
const PAGE: usize = 100;

/// The title of a file name ends at the first of these words, even within a word: "Adventure Park"
/// becomes "A". Tools do it so, although it is wrong.
const TAGS: [&str; 13] = [
    "webdl", "web-dl", "webrip", "hdtv", "bluray", "bdrip", "dvdrip", "720p", "1080p", "2160p",
    "4k", "hdr", "dv",
];

/// A naive client of one server.
pub struct Naive {
    client: reqwest::Client,
    url: String,
    token: String,
    calls: std::sync::atomic::AtomicU64,
}

/// The data of a section that this client uses.
#[derive(Debug, Clone, Copy)]
pub struct NaiveSection {
    /// The numeric key.
    pub key: u32,
    /// The type number of its items.
    pub kind: u32,
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

/// The result of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct NaiveOutcome {
    /// Requests sent.
    pub calls: u64,
    /// Files with one item of their name.
    pub found: usize,
    /// Files with several items.
    pub ambiguous: usize,
    /// Files without an item.
    pub absent: usize,
    /// Files with one item that is not the right one.
    pub wrong: usize,
    /// Files that were not found, although the library has them.
    pub missed: usize,
    /// Wall time.
    pub elapsed: Duration,
}

impl Naive {
    /// Makes a client. No request is sent.
    pub fn new(url: &str, token: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            calls: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// The number of requests sent so far.
    pub fn calls(&self) -> u64 {
        self.calls.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// The sections that hold files, or only the one with this title.
    pub async fn sections(&self, title: Option<&str>) -> Result<Vec<NaiveSection>> {
        let answer: Sections = self.get("/library/sections", &[]).await?;
        let mut sections = Vec::new();
        for row in answer.container.rows {
            if title.is_some_and(|title| row.title != title) {
                continue;
            }
            let kind = match row.kind.as_str() {
                "movie" => 1,
                "show" => 4,
                "artist" => 10,
                _ => continue,
            };
            let key = row.key.parse().context("a section without a numeric key")?;
            sections.push(NaiveSection { key, kind });
        }
        ensure!(!sections.is_empty(), "no such section, or it holds no files");
        Ok(sections)
    }

    /// Looks up every file, one after the other, in each section until one has it.
    #[expect(clippy::disallowed_methods, reason = "measures wall time")]
    pub async fn run(
        &self,
        sections: &[NaiveSection],
        queries: &[TruthQuery],
    ) -> Result<NaiveOutcome> {
        let started = Instant::now();
        let before = self.calls();
        let mut outcome = NaiveOutcome::default();
        for query in queries {
            let mut found = Vec::new();
            for &section in sections {
                found = self.look_up(section, &query.path).await?;
                if !found.is_empty() {
                    break;
                }
            }
            match found.as_slice() {
                [] => {
                    outcome.absent += 1;
                    outcome.missed += usize::from(query.expect.is_some());
                }
                [key] => {
                    outcome.found += 1;
                    outcome.wrong += usize::from(query.expect != Some(*key));
                }
                _ => {
                    outcome.ambiguous += 1;
                    outcome.missed += usize::from(query.expect.is_some());
                }
            }
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
            self.get::<serde_json::Value>(&item, &[]).await?;
            if edit == NaiveEdit::Read {
                continue;
            }
            self.get::<serde_json::Value>(&item, &[]).await?;
            if edit == NaiveEdit::Compare {
                continue;
            }
            for (name, value) in [
                ("title.value", "Written by hand"),
                ("actor[0].tag.tag", "Somebody"),
                ("genre[0].tag.tag", "Drama"),
                ("collection[0].tag.tag", "Watched with friends"),
            ] {
                self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut url = url::Url::parse(&format!("{}{item}", self.url))?;
                url.query_pairs_mut().append_pair(name, value);
                self.client.put(url).header("X-Plex-Token", &self.token).send().await?;
            }
            self.get::<serde_json::Value>(&item, &[]).await?;
        }
        Ok(self.calls() - before)
    }

    async fn look_up(&self, section: NaiveSection, path: &str) -> Result<Vec<u64>> {
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
            let page: Listing = self.get(&list, &arguments).await?;
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
            let page: Listing = self.get(&list, &arguments).await?;
            let rows = page.container.rows.len();
            found.extend(with_name(&page, &name));
            start += rows;
            if rows == 0 || start as u64 >= page.container.total {
                return Ok(found);
            }
        }
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, arguments: &[(&str, &str)]) -> Result<T> {
        self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let mut url = url::Url::parse(&format!("{}{path}", self.url))?;
        url.query_pairs_mut().extend_pairs(arguments);
        let request = self
            .client
            .get(url)
            .header("Accept", "application/json")
            .header("X-Plex-Token", &self.token);
        let bytes = request.send().await?.error_for_status()?.bytes().await?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}

#[derive(Deserialize)]
struct Sections {
    #[serde(rename = "MediaContainer")]
    container: SectionRows,
}

#[derive(Deserialize)]
struct SectionRows {
    #[serde(rename = "Directory")]
    rows: Vec<SectionRow>,
}

#[derive(Deserialize)]
struct SectionRow {
    key: String,
    #[serde(rename = "type")]
    kind: String,
    title: String,
}

#[derive(Deserialize)]
struct Listing {
    #[serde(rename = "MediaContainer")]
    container: Rows,
}

#[derive(Deserialize)]
struct Rows {
    #[serde(rename = "totalSize", default)]
    total: u64,
    #[serde(rename = "Metadata", default)]
    rows: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(rename = "ratingKey")]
    rating_key: String,
    #[serde(rename = "Media", default)]
    media: Vec<Media>,
}

#[derive(Deserialize)]
struct Media {
    #[serde(rename = "Part", default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    file: String,
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

fn base_name(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase()
}

/// The titles for the search: the file name up to the first tag, the same without a date at its
/// end, the folder's name.
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
