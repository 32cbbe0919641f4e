//! Queries with known answers.

use std::ops::{Deref, DerefMut};

use match_core::{Answer, Query};
use serde::{Deserialize, Deserializer};

use crate::generate::file_safe;
use crate::library::Library;
use crate::random::Random;

/// A query, and the item that is the right answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TruthQuery {
    /// The query.
    #[serde(flatten)]
    pub query: Query,
    /// The rating key of the item with this file. `None` if no item has it.
    #[serde(deserialize_with = "rating_key")]
    pub expect: Option<u64>,
}

impl TruthQuery {
    /// A query with only a path.
    pub fn new(path: impl Into<String>, expect: Option<u64>) -> Self {
        Self { query: Query::new(path), expect }
    }
}

impl Deref for TruthQuery {
    type Target = Query;

    fn deref(&self) -> &Query {
        &self.query
    }
}

impl DerefMut for TruthQuery {
    fn deref_mut(&mut self) -> &mut Query {
        &mut self.query
    }
}

/// Checks that every answer is the true one.
#[track_caller]
pub fn check(asked: &[TruthQuery], answers: &[Answer]) {
    assert_eq!(asked.len(), answers.len());
    for (truth, answer) in asked.iter().zip(answers) {
        let right = match (answer, truth.expect) {
            (Answer::Found(found), Some(expect)) => found.rating_key.0 == expect,
            (Answer::Absent, None) => true,
            _ => false,
        };
        assert!(right, "{}: expected {:?}, answered {answer:?}", truth.path, truth.expect);
    }
}

/// `"123"`, `123` or null.
fn rating_key<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Spelling {
        Number(u64),
        Text(String),
    }
    match Option::<Spelling>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Spelling::Number(key)) => Ok(Some(key)),
        Some(Spelling::Text(text)) => text.parse().map(Some).map_err(|_| {
            serde::de::Error::custom(format!("expect is \"{text}\", not a rating key or null"))
        }),
    }
}

/// Queries for files that the library has. The client has the section's folder mounted at `mount`.
/// There are `count` queries, or one for each file if there are fewer files. Their order does not
/// depend on the server's. Versions that the server made itself are left out.
pub fn queries(library: &Library, count: usize, seed: u64, mount: &str) -> Vec<TruthQuery> {
    let mut all = Vec::new();
    for section in &library.sections {
        for item in section.items() {
            let originals = item.media.iter().filter(|media| media.proxy_type.is_none());
            for part in originals.flat_map(|media| &media.parts) {
                let below = section
                    .locations
                    .iter()
                    .find_map(|(_, root)| part.file.strip_prefix(root.as_str()));
                let below = below.unwrap_or(&part.file).trim_start_matches(['/', '\\']);
                let path = format!("{mount}/{}", below.replace('\\', "/"));
                all.push(TruthQuery::new(path, Some(item.rating_key)));
            }
        }
    }
    Random::new(seed).shuffle(&mut all);
    all.truncate(count);
    all
}

/// Queries for files that the library does not have: other titles in the same layout.
pub fn absent_queries(library: &Library, count: usize, seed: u64, mount: &str) -> Vec<TruthQuery> {
    let mut random = Random::new(seed.wrapping_add(1));
    let taken: usize = library.sections.iter().map(crate::library::Section::len).sum();
    (0..count)
        .map(|at| {
            let title = format!("Nobody Filmed This {} of {taken} no {at}", random.below(1_000));
            let name = file_safe(&format!("{title} ({})", 1950 + random.below(70)));
            TruthQuery::new(format!("{mount}/{name}/{name}.mkv"), None)
        })
        .collect()
}
