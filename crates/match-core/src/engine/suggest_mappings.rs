//! Path mappings that a run suggests, and adopts if the host wants that.

use std::sync::{Arc, PoisonError};

use cache_store::{Error, SectionId};
use plex_api::RatingKey;
use tracing::info;

use crate::answer::{Answer, Confidence, Match};
use crate::engine::run::{Asked, SectionRun};
use crate::engine::{Engine, blocking};
use crate::mapping::suggest_mappings;
use crate::names::spelling::path::folded_file_name;
use crate::report::Report;

/// Files of a run that are looked at for mappings, evenly spread: enough to see every folder
/// that matters, and a run over a million files does not read a million items again.
const LOOKED_AT: usize = 1_000;

impl Engine {
    /// Puts into the report which mappings the files that were surely found by their paths agree
    /// on, without one that is there already. Adopts those with enough support.
    pub(super) async fn suggest(
        &self,
        runs: &[SectionRun],
        asked: &Asked,
        report: &mut Report,
    ) -> Result<(), Error> {
        let step = asked.queries.len().div_ceil(LOOKED_AT).max(1);
        let mut files: Vec<(usize, SectionId, RatingKey, u16)> = Vec::new();
        for run in runs {
            let answers = run.answers.iter().enumerate().step_by(step);
            files.extend(answers.filter_map(|(at, answer)| {
                let found = unmapped(answer)?;
                Some((at, run.id, found.rating_key, found.version))
            }));
        }
        if files.is_empty() {
            return Ok(());
        }
        let (store, queries) = (Arc::clone(self.store()), Arc::clone(&asked.queries));
        let suggested = blocking(move || {
            let view = store.view()?;
            let mut pairs: Vec<(&str, String)> = Vec::with_capacity(files.len());
            for (at, section, key, version) in files {
                let Some(query) = queries.get(at) else { continue };
                let Some(kept) = view.item(section, key)? else { continue };
                let name = folded_file_name(&query.path);
                let mut parts = kept.item.parts.into_iter();
                let part = parts
                    .find(|part| part.version == version && folded_file_name(&part.file) == name);
                pairs.extend(part.map(|part| (query.path.as_str(), part.file)));
            }
            // A folder that two files of one item are in counts once for each file.
            pairs.sort_unstable();
            pairs.dedup();
            Ok(suggest_mappings(pairs.iter().map(|(ours, theirs)| (*ours, theirs.as_str()))))
        })
        .await?;
        if let Some(support) = self.adopt_mappings {
            let mut settings = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
            let mut adopted = settings.as_ref().clone();
            adopted.adopt(&suggested, support);
            if adopted != **settings {
                info!(mappings = adopted.mappings.len(), "mappings adopted");
                *settings = Arc::new(adopted);
            }
        }
        report.suggested_mappings = suggested;
        Ok(())
    }
}

/// A sure match by the path, without a mapping.
fn unmapped(answer: &Answer) -> Option<&Match> {
    match answer {
        Answer::Found(found)
            if found.confidence == Confidence::High
                && found.evidence.rule.is_path()
                && found.evidence.mapping.is_none() =>
        {
            Some(found)
        }
        _ => None,
    }
}
