//! Other clients of the same server, for comparison: [`naive`] works like tools without a good
//! cache, and [`lister`] is a careful client without a cache. They share no code with Matchbox.

pub mod lister;
pub mod naive;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A plain HTTP client of a server, which counts its requests.
pub(crate) struct Http {
    client: reqwest::Client,
    url: String,
    token: String,
    calls: AtomicU64,
}

/// The data of a section that rivals use.
#[derive(Debug, Clone, Copy)]
pub struct SectionRef {
    /// The numeric key.
    pub key: u32,
    /// The type number of its items.
    pub kind: u32,
}

/// The result of a run of a rival.
#[derive(Debug, Clone, Copy, Default)]
pub struct Matched {
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

impl Matched {
    /// Counts the result for a file whose true item is known.
    pub(crate) fn count(&mut self, found: &[u64], expect: Option<u64>) {
        match found {
            [] => {
                self.absent += 1;
                self.missed += usize::from(expect.is_some());
            }
            [key] => {
                self.found += 1;
                self.wrong += usize::from(expect != Some(*key));
            }
            _ => {
                self.ambiguous += 1;
                self.missed += usize::from(expect.is_some());
            }
        }
    }
}

impl Http {
    /// Makes a client. No request is sent.
    pub(crate) fn new(url: &str, token: &str) -> Self {
        Self {
            client: reqwest::Client::new(),
            url: url.trim_end_matches('/').to_owned(),
            token: token.to_owned(),
            calls: AtomicU64::new(0),
        }
    }

    /// The number of requests sent so far.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// The sections with files, or only the one with this title.
    pub(crate) async fn sections(&self, title: Option<&str>) -> Result<Vec<SectionRef>> {
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
            sections.push(SectionRef { key, kind });
        }
        ensure!(!sections.is_empty(), "there is no such section, or it has no files");
        Ok(sections)
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        arguments: &[(&str, &str)],
    ) -> Result<T> {
        self.calls.fetch_add(1, Ordering::Relaxed);
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

    /// Sends an edit, and ignores the status of the answer.
    pub(crate) async fn put(&self, path: &str, name: &str, value: &str) -> Result<()> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut url = url::Url::parse(&format!("{}{path}", self.url))?;
        url.query_pairs_mut().append_pair(name, value);
        self.client.put(url).header("X-Plex-Token", &self.token).send().await?;
        Ok(())
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
pub(crate) struct Listing {
    #[serde(rename = "MediaContainer")]
    pub(crate) container: Rows,
}

#[derive(Deserialize)]
pub(crate) struct Rows {
    #[serde(rename = "totalSize", default)]
    pub(crate) total: u64,
    #[serde(rename = "Metadata", default)]
    pub(crate) rows: Vec<Row>,
}

#[derive(Deserialize)]
pub(crate) struct Row {
    #[serde(rename = "ratingKey")]
    pub(crate) rating_key: String,
    #[serde(rename = "Media", default)]
    pub(crate) media: Vec<Media>,
}

#[derive(Deserialize)]
pub(crate) struct Media {
    #[serde(rename = "Part", default)]
    pub(crate) parts: Vec<Part>,
}

#[derive(Deserialize)]
pub(crate) struct Part {
    #[serde(default)]
    pub(crate) file: String,
}

pub(crate) fn base_name(path: &str) -> String {
    path.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase()
}
