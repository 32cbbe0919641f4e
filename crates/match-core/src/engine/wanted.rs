//! What to ask the server when one file is looked up.

use cache_store::Wanted;

use crate::matcher::indexing::name_hash;
use crate::names::spelling::fold::{fold, fold_title};
use crate::names::spelling::generic::{is_generic, stem, telling_folder};
use crate::names::spelling::non_utf8::lossy;
use crate::names::spelling::path::{FoldedPath, raw_file_name};
use crate::query::Query;

/// What to ask the server when this one file is looked up. `None`: the path has no file name.
pub(crate) fn wanted(query: &Query) -> Option<Wanted> {
    let folded = FoldedPath::new(&query.path);
    let name_hash = name_hash(folded.file_name()?);
    let file_name = lossy(raw_file_name(&query.path)?).into_owned();
    let own = stem(&file_name);
    // "movie.mkv" is generic, so its folder is used.
    let named = if is_generic(&fold(own)) { telling_folder(&folded).unwrap_or(own) } else { own };
    let mut titles: Vec<String> = query.title.iter().cloned().collect();
    titles.extend(likely_title(named));
    titles.dedup_by_key(|title| fold_title(title));
    Some(Wanted { file_name, name_hash, titles })
}

/// The part of a file name before the year or the first bracket. It is only for a search, which
/// finds every title that contains it.
fn likely_title(stem: &str) -> Option<String> {
    let words: Vec<&str> = stem
        .split(['.', '_', ' '])
        .take_while(|word| {
            let digits = word.trim_matches(|letter: char| !letter.is_alphanumeric());
            let year = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
            !year && !word.starts_with(['(', '[', '{'])
        })
        .collect();
    let title = words.join(" ").trim_matches([' ', '-']).to_owned();
    if title.is_empty() { None } else { Some(title) }
}
