//! One query against one section: the candidates, and the rule that decides.

use cache_store::{Error, Index, SectionId, View};
use plex_api::ItemKind;

use crate::answer::{Answer, Decision};
use crate::evidence::Rule;
use crate::explain::{Explained, Tried};
use crate::matcher::indexing::{guid_hash, name_hash};
use crate::matcher::reader::{CROWD, Named, Reader};
use crate::names::extras::{self, Extra};
use crate::names::spelling::generic::{longer_tails, telling_tail};
use crate::names::spelling::path::FoldedPath;
use crate::query::Query;
use crate::rules::candidates::{Candidate, Few, SectionContext, gather};
use crate::rules::{Prepared, Rules, guid, paths};

/// Answers one query from the indexes of a section, as they are in a view.
pub fn match_one(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    rules: Rules,
) -> Result<Decision, Error> {
    decide(view, section, context, query, rules, None)
}

/// Like [`match_one`], with everything that was tried.
pub fn explain_one(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    rules: Rules,
) -> Result<Explained, Error> {
    let prepared = Prepared::new(query, context);
    let mut reader = Reader { tried: Tried::written(), ..Reader::new(view, section, context) };
    let answer = reader.answer(&prepared, context, rules)?;
    let tried = std::mem::take(&mut reader.tried).into_lines();
    Ok(Explained { decision: reader.decision(answer), tried })
}

/// Like [`match_one`], with data that were read before.
pub(crate) fn decide(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    rules: Rules,
    named: Option<Named<'_>>,
) -> Result<Decision, Error> {
    let query = &Prepared::new(query, context);
    let mut reader = Reader { named, ..Reader::new(view, section, context) };
    let answer = reader.answer(query, context, rules)?;
    Ok(reader.decision(answer))
}

impl Reader<'_> {
    fn answer(
        &mut self,
        query: &Prepared<'_>,
        context: &SectionContext,
        rules: Rules,
    ) -> Result<Answer, Error> {
        let mut answer = self.by_path(query, context, rules)?;
        self.tried.say(|| match &answer {
            Answer::Found(found) => format!("the path: item {} has it", found.rating_key),
            Answer::Ambiguous(keys) => format!("the path: {} items have it alike", keys.len()),
            _ => "the path: no file of this name, or none that may be it".to_owned(),
        });
        let tied_by_chance = self.shares_no_folder && matches!(answer, Answer::Ambiguous(_));
        if rules == Rules::All && (answer == Answer::Absent || tied_by_chance) {
            answer = match self.by_neighbour(query, context)? {
                Some(answer) => answer,
                None => match self.by_guid(query)? {
                    Some(answer) => answer,
                    None if !query.has_names() => {
                        self.tried
                            .say(|| "a name is too long for a file: it is not read".to_owned());
                        answer
                    }
                    None => self.by_title(query, context.kind)?.unwrap_or(answer),
                },
            };
            if let Answer::Found(found) = &mut answer {
                found.others = self.other_holders(found.rating_key)?;
            }
        }
        Ok(answer)
    }

    /// Rules 1 to 4. If all rules are allowed, also what breaks a tie between them.
    fn by_path(
        &mut self,
        query: &Prepared<'_>,
        context: &SectionContext,
        rules: Rules,
    ) -> Result<Answer, Error> {
        let Some(name) = query.file_name() else { return Ok(Answer::Absent) };
        // A generic name is looked up together with the nearest telling folders.
        let mut stored = Few::new();
        let mut tails = 0;
        let own = (!query.telling_name).then_some(&query.path);
        for path in own.into_iter().chain(query.mapped.as_ref().map(|(_, mapped)| mapped)) {
            if let Some(tail) = telling_tail(path).filter(|tail| tail.contains('/')) {
                self.add(Index::Names, name_hash(tail), &mut stored)?;
                tails += 1;
            }
        }
        if tails > 0 {
            self.shares_no_folder = stored.is_empty();
            let items = self.items(&stored)?;
            let candidates = gather(name, &items, context);
            if let Some(answer) = paths::decide_by_folders(query, &candidates) {
                return Ok(answer);
            }
        }
        let named = self.bucket(Index::Names, name_hash(name))?;
        if named.len() > CROWD {
            let crowd = named.iter().take(CROWD).copied().collect();
            return Ok(self.in_crowd(query, name, context)?.unwrap_or(Answer::Ambiguous(crowd)));
        }
        self.read(&named, &mut stored)?;
        let items = self.items(&stored)?;
        let candidates = gather(name, &items, context);
        let answer = paths::decide(query, &candidates);
        if is_of_another_place(query, &answer, &candidates) {
            return Ok(Answer::Absent);
        }
        if rules == Rules::All && matches!(answer, Answer::Ambiguous(_)) {
            return Ok(paths::break_tie(query, &candidates).unwrap_or(answer));
        }
        Ok(answer)
    }

    /// Among very many files with one name, the one whose folders agree. It reads only the files
    /// that share the nearest folder with the query. `None`: there is none, or no folder is
    /// telling.
    fn in_crowd(
        &mut self,
        query: &Prepared<'_>,
        name: &str,
        context: &SectionContext,
    ) -> Result<Option<Answer>, Error> {
        let mapped = query.mapped.as_ref().map(|(_, mapped)| mapped);
        let mut stored = Few::new();
        for path in mapped.into_iter().chain([&query.path]) {
            // The longest tail comes first, because fewer files share more of the path.
            for tail in longer_tails(path) {
                self.add(Index::Names, name_hash(tail), &mut stored)?;
                if !stored.is_empty() {
                    break;
                }
            }
        }
        let items = self.items(&stored)?;
        Ok(paths::decide_by_folders(query, &gather(name, &items, context)))
    }

    /// Rule 5.
    fn by_guid(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let ids = guid::folded(query);
        let mut stored = Few::new();
        for id in &ids {
            self.add(Index::Guids, guid_hash(id), &mut stored)?;
        }
        let items = self.items(&stored)?;
        let answer = guid::decide(query, &items);
        if !ids.is_empty() {
            self.tried.note(|| format!("ids {}", ids.join(", ")), &items, answer.as_ref());
        }
        Ok(answer)
    }

    /// Rules 6 and 7.
    fn by_title(&mut self, query: &Prepared<'_>, kind: ItemKind) -> Result<Option<Answer>, Error> {
        match kind {
            ItemKind::Episode => self.by_episode(query),
            ItemKind::Track => self.by_track(query),
            _ => self.by_movie(query),
        }
    }
}

/// Whether only the file name agrees, while the file is in a folder for extras and no candidate is:
/// `Trailers/Meadow.mkv` is not `Meadow.mkv`. The specials of a show are its episodes.
fn is_of_another_place(
    query: &Prepared<'_>,
    answer: &Answer,
    candidates: &[Candidate<'_>],
) -> bool {
    let by_name = match answer {
        Answer::Found(found) => found.evidence.rule == Rule::FileName,
        Answer::Ambiguous(_) => true,
        _ => false,
    };
    let special = |path: &FoldedPath| {
        let folder = path.folders().next_back();
        query.kind == ItemKind::Episode && folder.is_some_and(|name| name.starts_with("special"))
    };
    let in_folder = |path: &FoldedPath| extras::of(path) == Some(Extra::Folder) && !special(path);
    by_name
        && in_folder(&query.path)
        && candidates.iter().all(|candidate| {
            query.path.common_tail(&candidate.path) == 1 && !in_folder(&candidate.path)
        })
}

#[cfg(test)]
mod tests {
    use plex_api::RatingKey;

    use super::*;
    use crate::answer::Confidence;
    use crate::settings::Settings;
    use crate::testing::{OneSection, movie};

    /// A version in high definition and one in 4K, in folders of the same name. Both are one item,
    /// whichever version the file is.
    #[test]
    fn versions_of_one_item_are_no_tie() {
        let mut one = OneSection::new();
        let mut heat = movie(1, "Heat", Some(1995), "/data/films/1080p/Heat (1995)/Heat.mkv");
        heat.parts[0].size = Some(5 << 30);
        let mut second = heat.parts[0].clone();
        (second.version, second.size) = (1, Some(9 << 30));
        "/data/films/4k/Heat (1995)/Heat.mkv".clone_into(&mut second.file);
        heat.parts.push(second);
        let other = movie(2, "Heat", Some(1986), "/data/films/old/Heat.mkv");
        one.list([heat, other]);
        let (state, settings) = (one.state(), Settings::default());
        let (view, context) = (one.store.view().unwrap(), SectionContext::new(&state, &settings));
        for (path, size, version) in [
            ("/mnt/x/Heat (1995)/Heat.mkv", None, 0),
            ("/mnt/x/Heat (1995)/Heat.mkv", Some(9 << 30), 1),
            ("/data/films/4k/Heat (1995)/Heat.mkv", None, 1),
            ("/mnt/x/Heat.mkv", Some(9 << 30), 1),
        ] {
            let query = Query { size, ..Query::new(path) };
            let decision = match_one(&view, state.id, &context, &query, Rules::Paths).unwrap();
            let Answer::Found(found) = decision.answer else { panic!("{path}: {decision:?}") };
            assert_eq!((found.rating_key, found.version), (RatingKey(1), version), "{path}");
            assert_eq!(found.confidence, Confidence::High, "{path}");
            assert_eq!(found.evidence.rival, Some(RatingKey(2)), "{path}");
        }
        let query = Query::new("/mnt/x/Heat.mkv");
        let decision = match_one(&view, state.id, &context, &query, Rules::Paths).unwrap();
        assert_eq!(decision.answer, Answer::Ambiguous(vec![RatingKey(1), RatingKey(2)]));
    }

    /// Found by fuzzing: ten thousand years in a name took minutes.
    #[test]
    fn a_name_that_no_file_has_is_compared_and_not_read() {
        let file = format!("/data/films/{}.mkv", "Meadow (1982) ".repeat(10_000));
        let mut one = OneSection::new();
        one.list([movie(1, "Meadow", Some(1982), "/data/films/a.mkv"), movie(2, "B", None, &file)]);
        let (state, settings) = (one.state(), Settings::default());
        let (view, context) = (one.store.view().unwrap(), SectionContext::new(&state, &settings));
        let ask = |path: String| {
            let query = Query::new(path);
            explain_one(&view, state.id, &context, &query, Rules::All).unwrap()
        };
        let same = ask(file.clone()).decision.answer;
        assert_eq!(same.found().map(|found| found.rating_key), Some(RatingKey(2)));
        let other = ask(file.replace(".mkv", " 2.mkv"));
        assert_eq!(other.decision.answer, Answer::Absent);
        assert!(other.tried.iter().any(|line| line.contains("too long for a file")), "{other:?}");
    }

    /// An explanation lists what was tried, in order, with rejected items. It does not change the
    /// decision.
    #[test]
    fn an_explanation_tells_what_was_tried() {
        let mut one = OneSection::new();
        one.list([
            movie(1, "Meadow", Some(1982), "/data/films/a.mkv"),
            movie(2, "Harbour", Some(1990), "/data/films/Harbour (1990)/harbour.mkv"),
        ]);
        let (state, settings) = (one.state(), Settings::default());
        let (view, context) = (one.store.view().unwrap(), SectionContext::new(&state, &settings));
        for (path, tried) in [
            ("/x/Harbour (1990)/harbour.srt", "a file \"harbour\" beside it: item 2 has it"),
            ("/x/Meadow.1982.mkv", "the title \"meadow\" (1982): item 1 has it"),
            (
                "/x/Meadow.2002.mkv",
                "the title \"meadow\" (2002): item 1, Meadow (1982) is near and was rejected",
            ),
            ("/x/Mill.2002.mkv", "the title \"mill\" (2002): no item has it"),
            ("/x/{tmdb-5}.mkv", "ids tmdb://5: no item has it"),
            ("/x/Meadow (1982)/Trailers/1.mkv", "the title \"meadow\" (1982): item 1 has it"),
        ] {
            let query = Query::new(path);
            let explained = explain_one(&view, state.id, &context, &query, Rules::All).unwrap();
            assert!(explained.tried.iter().any(|line| line == tried), "{path}: {explained:?}");
            let decision = match_one(&view, state.id, &context, &query, Rules::All).unwrap();
            assert_eq!(decision.answer, explained.decision.answer, "{path}");
        }
    }
}
