//! Files beside an item's: the same folder and the same name, with another extension.
//!
//! A file that was converted since the last scan belongs to the item of the original file. A
//! subtitle, a picture or an `.nfo` belongs to the item beside it. The folders have to agree as
//! rules 1 and 2 require for a file of the same name.

use cache_store::{Error, Index};
use smallvec::SmallVec;

use crate::answer::Answer;
use crate::evidence::Rule;
use crate::matcher::reader::Reader;
use crate::names::spelling::generic::stem;
use crate::names::spelling::path::FoldedPath;
use crate::names::title_hashes::{beside_tail, by_tail};
use crate::query::Query;
use crate::rules::candidates::{Few, SectionContext, gather};
use crate::rules::{Prepared, paths};

impl Reader<'_> {
    pub(super) fn by_neighbour(
        &mut self,
        query: &Prepared<'_>,
        context: &SectionContext,
    ) -> Result<Option<Answer>, Error> {
        for name in stems(query.file_name().unwrap_or_default()) {
            let Some(as_if) = renamed(&query.path, name) else { continue };
            let Some(tail) = beside_tail(&as_if) else { continue };
            let mut stored = Few::new();
            self.add(Index::Titles, by_tail(&tail), &mut stored)?;
            let items = self.items(&stored)?;
            // The names of the parts with this stem: the query is repeated with each of them.
            let mut names: SmallVec<[String; 2]> = SmallVec::new();
            for part in items.iter().flat_map(|item| &item.parts) {
                let path = FoldedPath::new(part.file);
                let own = path.file_name().filter(|own| stem(own) == name);
                names.extend(own.map(str::to_owned));
            }
            names.sort_unstable();
            names.dedup();
            let mut answers = names.iter().filter_map(|own| {
                let path = renamed(&query.path, own)?.as_str().to_owned();
                let asked = Query { path, size: None, ..query.query.clone() };
                let candidates = gather(own, &items, context);
                paths::decide_by_folders(&Prepared::new(&asked, context), &candidates)
            });
            // If two files with this stem are beside it, nothing tells to which one it belongs.
            let answer = match (answers.next(), answers.next()) {
                (Some(Answer::Found(mut found)), None) => {
                    found.evidence.rule = Rule::Beside;
                    Some(Answer::Found(found))
                }
                _ => None,
            };
            if !items.is_empty() {
                let what = || format!("a file \"{name}\" beside it");
                self.tried.note(what, &items, answer.as_ref());
            }
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }
}

/// The stems that a file may share with a file beside it: its own stem, and for subtitles and
/// pictures also the stem without their suffixes (`Meadow.en.forced.srt`, `Meadow-poster.jpg`).
fn stems(file_name: &str) -> impl Iterator<Item = &str> {
    let own = stem(file_name);
    let extension = file_name.get(own.len()..).unwrap_or_default().trim_start_matches('.');
    let beside = SIDECARS.contains(&extension);
    let taken = if beside { 3 } else { 1 };
    std::iter::successors(Some(own), |name| shorter(name)).take(taken)
}

/// A name without its last word after a dot or a dash.
fn shorter(name: &str) -> Option<&str> {
    let (before, behind) = name.rsplit_once(['.', '-'])?;
    let word = behind.len() <= 9 && behind.bytes().all(|byte| byte.is_ascii_alphabetic());
    (word && !before.is_empty()).then_some(before)
}

/// Extensions of files that belong to another file.
const SIDECARS: [&str; 18] = [
    "srt", "sub", "idx", "ass", "ssa", "vtt", "smi", "sup", "nfo", "jpg", "jpeg", "png", "webp",
    "tbn", "txt", "xml", "lrc", "bif",
];

/// The path with another file name.
fn renamed(path: &FoldedPath, name: &str) -> Option<FoldedPath> {
    let folders = path.as_str().strip_suffix(path.file_name()?)?;
    Some(FoldedPath::new(&format!("{folders}{name}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Confidence;
    use crate::matcher::one::match_one;
    use crate::rules::Rules;
    use crate::settings::Settings;
    use crate::testing::{OneSection, movie};

    #[test]
    fn stems_that_may_be_shared() {
        let of = |name| stems(name).collect::<Vec<_>>();
        assert_eq!(of("meadow.mp4"), ["meadow"]);
        assert_eq!(of("meadow.en.forced.srt"), ["meadow.en.forced", "meadow.en", "meadow"]);
        assert_eq!(of("meadow-poster.jpg"), ["meadow-poster", "meadow"]);
    }

    #[test]
    fn what_lies_beside_an_item_is_its_own_or_about_it() {
        let mut one = OneSection::new();
        one.list([
            movie(1, "Meadow", Some(1982), "/data/films/Meadow (1982)/x9.mkv"),
            movie(2, "Mill", Some(1980), "/data/films/Mill (1980)/q7.mkv"),
            movie(3, "Mill Again", Some(1981), "/data/films/Mill (1980)/q7.avi"),
        ]);
        let (state, settings) = (one.state(), Settings::default());
        let (view, context) = (one.store.view().unwrap(), SectionContext::new(&state, &settings));
        let answer = |path: &str| {
            let query = Query::new(path);
            match_one(&view, state.id, &context, &query, Rules::All).unwrap().answer
        };
        for path in ["/mnt/Meadow (1982)/X9.mp4", "/mnt/Meadow (1982)/x9.en.srt"] {
            let Answer::Found(found) = answer(path) else { panic!("{path}") };
            assert_eq!((found.rating_key.0, found.evidence.rule), (1, Rule::Beside), "{path}");
            assert_eq!(found.confidence, Confidence::High, "{path}");
        }
        // Another folder; and two files of one stem, so that only the title is left.
        assert_eq!(answer("/mnt/Other/x9.mp4"), Answer::Absent);
        assert_eq!(answer("/mnt/Elsewhere (1999)/x9-poster.jpg"), Answer::Absent);
        let Answer::Found(found) = answer("/mnt/Mill (1980)/q7.mp4") else { panic!() };
        assert_eq!((found.evidence.rule, found.confidence), (Rule::TitleYear, Confidence::Low));
    }
}
