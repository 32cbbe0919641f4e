//! Suggests path mappings after a run, and adopts them if the host wants this.

use std::sync::{Arc, PoisonError};

use cache_store::{Error, SectionId};
use plex_api::RatingKey;
use tracing::info;

use crate::answer::{Answer, Confidence, Match};
use crate::engine::Engine;
use crate::engine::run::Asked;
use crate::engine::section_run::SectionRun;
use crate::mapping::suggest_mappings;
use crate::names::spelling::path::folded_file_name;
use crate::report::Report;

/// The most files of a run that are checked for mappings, evenly spread. This is enough to see
/// every folder that matters, and a run over a million files does not read a million items again.
const LOOKED_AT: usize = 1_000;

impl Engine {
    /// Puts mapping suggestions into the report. They come from high-confidence matches by path
    /// that needed no mapping. Mappings with enough support are adopted.
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
        let queries = Arc::clone(&asked.queries);
        let suggested = self.with_store(move |store| {
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
            // If two files of one item are in one folder, the folder counts once for each file.
            pairs.sort_unstable();
            pairs.dedup();
            Ok(suggest_mappings(pairs.iter().map(|(ours, theirs)| (*ours, theirs.as_str()))))
        });
        let suggested = suggested.await?;
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

/// A high-confidence match by path, without a mapping.
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
