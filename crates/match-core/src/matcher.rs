//! One query against one section: which candidates there are, and which rule decides.

mod beside;
mod episodes;
mod films;
mod tracks;

use std::borrow::Cow;
use std::collections::HashSet;

use cache_store::{Depends, Error, Index, ItemRef, SectionId, StoredItem, View};
use plex_api::{ItemKind, RatingKey};

use crate::answer::{Answer, Decision};
use crate::candidates::{Candidate, Few, SectionContext, gather};
use crate::evidence::Rule;
use crate::explain::{Explained, Tried};
use crate::generic::telling_tail;
use crate::index::{guid_hash, name_hash};
use crate::names::extras::{self, Extra};
use crate::path::FoldedPath;
use crate::query::Query;
use crate::rules::{Prepared, Rules, guid, paths};

/// A bucket of more items than this is not looked into: names like `movie.mkv`, where folders
/// decide or nothing does, and titles that say nothing. It bounds what one query can cost.
const CROWD: usize = 64;

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

/// [`match_one`], with all that was tried.
pub fn explain_one(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    rules: Rules,
) -> Result<Explained, Error> {
    let prepared = Prepared::new(query, context);
    let mut reader =
        Reader { view, section, named: None, depends: Depends::default(), tried: Tried::written() };
    let answer = reader.answer(&prepared, context, rules)?;
    let decision = Decision { answer, depends: reader.depends };
    Ok(Explained { decision, tried: reader.tried.into_lines() })
}

/// What the index of names has under a hash, read beforehand for many queries together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'n> {
    pub(crate) hash: u64,
    pub(crate) rating_keys: &'n [RatingKey],
}

/// [`match_one`], with what was read beforehand.
pub(crate) fn decide(
    view: &View<'_>,
    section: SectionId,
    context: &SectionContext,
    query: &Query,
    rules: Rules,
    named: Option<Named<'_>>,
) -> Result<Decision, Error> {
    let query = &Prepared::new(query, context);
    let mut reader =
        Reader { view, section, named, depends: Depends::default(), tried: Tried::default() };
    let answer = reader.answer(query, context, rules)?;
    Ok(Decision { answer, depends: reader.depends })
}

/// Reads candidates and notes what was looked into.
struct Reader<'v> {
    view: &'v View<'v>,
    section: SectionId,
    named: Option<Named<'v>>,
    depends: Depends,
    tried: Tried,
}

impl<'v> Reader<'v> {
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
        if rules == Rules::All && answer == Answer::Absent {
            answer = match self.by_neighbour(query, context)? {
                Some(answer) => answer,
                None => match self.by_guid(query)? {
                    Some(answer) => answer,
                    None => self.by_title(query, context.kind)?.unwrap_or(answer),
                },
            };
            if let Answer::Found(found) = &mut answer {
                found.others = self.other_holders(found.rating_key)?;
            }
        }
        Ok(answer)
    }

    /// Rules 1 to 4, and with all rules what breaks a tie between them.
    fn by_path(
        &mut self,
        query: &Prepared<'_>,
        context: &SectionContext,
        rules: Rules,
    ) -> Result<Answer, Error> {
        let Some(name) = query.file_name() else { return Ok(Answer::Absent) };
        // A name that says nothing is looked for together with the folders that do.
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
            let items = self.items(&stored)?;
            let candidates = gather(name, &items, context);
            if let Some(answer) = paths::decide_by_folders(query, &candidates) {
                return Ok(answer);
            }
        }
        let named = self.bucket(Index::Names, name_hash(name))?;
        if named.len() > CROWD {
            return Ok(Answer::Ambiguous(named.iter().take(CROWD).copied().collect()));
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

    /// Rule 5.
    fn by_guid(&mut self, query: &Prepared<'_>) -> Result<Option<Answer>, Error> {
        let mut stored = Few::new();
        for guid in guid::folded(query) {
            self.add(Index::Guids, guid_hash(&guid), &mut stored)?;
        }
        let items = self.items(&stored)?;
        let answer = guid::decide(query, &items);
        let ids = guid::folded(query);
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

    /// The other items that hold a file of this item: a file with several episodes.
    fn other_holders(&mut self, key: RatingKey) -> Result<Vec<RatingKey>, Error> {
        let Some(found) = self.view.item(self.section, key)? else { return Ok(Vec::new()) };
        let mut others = Vec::new();
        for part in found.item.parts.iter().filter(|part| !part.optimized) {
            let path = FoldedPath::new(&part.file);
            let hash = match telling_tail(&path) {
                Some(tail) => name_hash(tail),
                None => continue, // in a crowd of names that say nothing
            };
            let mut stored = Few::new();
            self.add(Index::Names, hash, &mut stored)?;
            let items = self.items(&stored)?;
            let holds = |item: &&ItemRef<'_>| item.parts.iter().any(|own| own.file == part.file);
            let holders = items.iter().filter(holds).map(|item| item.rating_key);
            others.extend(holders.filter(|&other| other != key));
        }
        others.sort_unstable();
        others.dedup();
        Ok(others)
    }

    /// The items under a hash.
    fn bucket(&mut self, index: Index, hash: u64) -> Result<Cow<'v, [RatingKey]>, Error> {
        if !self.depends.buckets.contains(&(index, hash)) {
            self.depends.buckets.push((index, hash));
        }
        if let Some(named) = self.named
            && (index, hash) == (Index::Names, named.hash)
        {
            return Ok(Cow::Borrowed(named.rating_keys));
        }
        let bucket = self.view.bucket(index, self.section, hash)?;
        Ok(Cow::Owned(bucket.map(|bucket| bucket.rating_keys).unwrap_or_default()))
    }

    /// Adds the items of a bucket, unless it is crowded, each item once.
    fn add(
        &mut self,
        index: Index,
        hash: u64,
        stored: &mut Few<StoredItem<'v>>,
    ) -> Result<(), Error> {
        let keys = self.bucket(index, hash)?;
        if keys.len() <= CROWD { self.read(&keys, stored) } else { Ok(()) }
    }

    fn read(&self, keys: &[RatingKey], stored: &mut Few<StoredItem<'v>>) -> Result<(), Error> {
        stored.reserve(keys.len());
        for &key in keys {
            if stored.iter().all(|item| item.rating_key() != key) {
                stored.extend(self.view.indexed_item(self.section, key)?);
            }
        }
        Ok(())
    }

    /// [`Reader::read`] for a whole bucket: nothing is in `stored` yet that is in it, or it is and
    /// the keys are in order.
    fn read_all(&self, keys: &[RatingKey], stored: &mut Few<StoredItem<'v>>) -> Result<(), Error> {
        let known: HashSet<RatingKey> = stored.iter().map(StoredItem::rating_key).collect();
        stored.reserve(keys.len());
        for &key in keys.iter().filter(|key| !known.contains(key)) {
            stored.extend(self.view.indexed_item(self.section, key)?);
        }
        Ok(())
    }

    fn items<'s>(&self, stored: &'s [StoredItem<'_>]) -> Result<Few<ItemRef<'s>>, Error> {
        stored.iter().filter_map(|item| self.view.read(item).transpose()).collect()
    }
}

/// Nothing but the name of a file agrees that is in a folder for extras, and no candidate is in
/// one: `Trailers/Meadow.mkv` is not `Meadow.mkv`.
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
    let in_folder = |path: &FoldedPath| extras::of(path) == Some(Extra::Folder);
    by_name
        && in_folder(&query.path)
        && candidates.iter().all(|candidate| {
            query.path.common_tail(&candidate.path) == 1 && !in_folder(&candidate.path)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::Confidence;
    use crate::settings::Settings;
    use crate::testing::{Shelf, movie};

    /// A version in high definition and one in 4K, in folders of one name: they are
    /// one item, whichever of them the file is.
    #[test]
    fn versions_of_one_item_are_no_tie() {
        let mut shelf = Shelf::new();
        let mut heat = movie(1, "Heat", Some(1995), "/data/films/1080p/Heat (1995)/Heat.mkv");
        heat.parts[0].size = Some(5 << 30);
        let mut second = heat.parts[0].clone();
        (second.version, second.size) = (1, Some(9 << 30));
        "/data/films/4k/Heat (1995)/Heat.mkv".clone_into(&mut second.file);
        heat.parts.push(second);
        let other = movie(2, "Heat", Some(1986), "/data/films/old/Heat.mkv");
        shelf.list([heat, other]);
        let (state, settings) = (shelf.state(), Settings::default());
        let (view, context) = (shelf.store.view().unwrap(), SectionContext::new(&state, &settings));
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

    /// What was tried is told in order, with what was rejected, and nothing else is decided.
    #[test]
    fn an_explanation_tells_what_was_tried() {
        let mut shelf = Shelf::new();
        shelf.list([movie(1, "Meadow", Some(1982), "/data/films/a.mkv")]);
        let (state, settings) = (shelf.state(), Settings::default());
        let (view, context) = (shelf.store.view().unwrap(), SectionContext::new(&state, &settings));
        for (path, tried) in [
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
