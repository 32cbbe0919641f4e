//! `/library/sections/{id}/all`: filters, order, pages.

use std::cmp::Reverse;

use axum::http::request::Parts;
use serde_json::Value;

use crate::details::TAGS;
use crate::library::{FileFilter, Item, Library, Quirks, Section, SectionKind, Totals};
use crate::meta::{self, FIELDS, SORTS};
use crate::row::{Container, Listing, Row, Shape};

/// A request's arguments in order, decoded. Operators are part of the name (`addedAt>`). Headers for
/// paging come first.
pub(crate) struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    pub(crate) fn of(request: &Parts) -> Self {
        let headers = [START, SIZE].into_iter().filter_map(|name| {
            let value = request.headers.get(name)?.to_str().ok()?;
            Some((name.to_owned(), value.to_owned()))
        });
        let Self(mut pairs) = Self::parse(request.uri.query().unwrap_or_default());
        pairs.splice(0..0, headers);
        Self(pairs)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The keys in `id`.
    pub(crate) fn ids(&self) -> Vec<u64> {
        self.get("id").into_iter().flat_map(numbers).collect()
    }

    /// Which parts of a row a request with these arguments gets.
    pub(crate) fn shape(&self, quirks: Quirks) -> Shape {
        let list = |name: &str| {
            let names = self.pairs().filter(|(key, _)| *key == name);
            names.flat_map(|(_, list)| list.split(',').map(str::to_owned)).collect()
        };
        Shape {
            guids: self.get("includeGuids") == Some("1"),
            full: false,
            without_elements: list("excludeElements"),
            without_fields: list("excludeFields"),
            updated: quirks.updated,
        }
    }
}

fn numbers(list: &str) -> impl Iterator<Item = u64> {
    list.split(',').filter_map(|number| number.parse().ok())
}

/// The answer to a listing request.
pub(crate) enum Answer<'a> {
    Page(Box<Listing<'a>>),
    /// The server fails.
    Broken,
    /// Refused: the request does not say which part of the list it wants.
    Unpaged,
    /// Refused: the request wants more rows than the server sends at once.
    TooMany,
}

/// Answers a listing request.
pub(crate) fn answer<'a>(
    library: &Library,
    section: &'a Section,
    arguments: &'a Arguments,
) -> Answer<'a> {
    let typed = arguments.get("type").and_then(|text| text.parse::<u32>().ok());
    let quirks = library.quirks;
    // Seen for requests without a type, and on sections of shows for any type except episodes.
    let typed_well = match quirks.file_filter {
        FileFilter::Error500WithoutType4 if section.kind == SectionKind::Show => typed == Some(4),
        _ => typed.is_some(),
    };
    if arguments.get("file").is_some() && !typed_well {
        return Answer::Broken;
    }
    let kind = typed.unwrap_or(section.kind.top());
    let filtered = arguments.pairs().any(|(name, value)| filter(name, value, quirks).is_some());
    let window = Window::of(arguments);
    if library.quirks.needs_paging && !window.paged {
        return Answer::Unpaged;
    }
    if library.quirks.most_rows.is_some_and(|most| window.size as u64 > most) {
        return Answer::TooMany;
    }

    // Without a filter, a page is cut out of the section without reading all of it.
    let ordered = order(arguments, library.quirks);
    let all = section.items();
    let plain = !filtered && ordered.is_none() && kind == section.kind.leaf();
    let (rows, total): (Vec<&Item>, usize) = if plain {
        (window.cut(all.iter()), all.len())
    } else {
        let mut rows: Vec<&Item> = chosen(section, arguments, library.quirks).collect();
        if let Some(parts) = &ordered {
            sort(&mut rows, parts, library.quirks);
        }
        let total = rows.len();
        (window.cut(rows), total)
    };
    let mut page = page(section, &rows, total, window, &arguments.shape(library.quirks));
    if library.quirks.totals == Totals::NotTold {
        page.container.total_size = None;
    }
    if arguments.get("includeMeta") == Some("1") {
        page.container.meta = Some(meta::of(section));
    }
    Answer::Page(Box::new(page))
}

/// The names of arguments for paging. A request may have them as headers instead.
const START: &str = "X-Plex-Container-Start";
pub(crate) const SIZE: &str = "X-Plex-Container-Size";

/// The requested part of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) paged: bool,
    start: usize,
    size: usize,
}

impl Window {
    pub(crate) fn of(arguments: &Arguments) -> Self {
        let number = |name| -> Option<usize> { arguments.get(name)?.parse().ok() };
        let (start, size) = (number(START), number(SIZE));
        Self {
            paged: start.is_some() || size.is_some(),
            start: start.unwrap_or(0),
            size: size.unwrap_or(usize::MAX),
        }
    }

    pub(crate) fn cut<T>(self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        rows.into_iter().skip(self.start).take(self.size).collect()
    }

    /// A page of these rows that names no section.
    pub(crate) fn page(self, rows: Vec<Row<'_>>, total: usize) -> Listing<'_> {
        Listing {
            container: Container {
                size: rows.len(),
                total_size: self.paged.then_some(total),
                offset: self.paged.then_some(self.start),
                metadata: rows,
                ..Container::default()
            },
        }
    }
}

/// A page of a section's items. Without paging, it has no total and no offset.
pub(crate) fn page<'a>(
    section: &'a Section,
    rows: &[&'a Item],
    total: usize,
    window: Window,
    shape: &Shape,
) -> Listing<'a> {
    let mut page = window.page(rows.iter().map(|item| Row::new(item, shape)).collect(), total);
    page.container.section_id = Some(section.key);
    page.container.section_title = Some(&section.title);
    page.container.section_uuid = Some(&section.uuid);
    page
}

/// The items of a section that match the arguments, by rating key.
pub(crate) fn chosen<'a>(
    section: &'a Section,
    arguments: &'a Arguments,
    quirks: Quirks,
) -> impl Iterator<Item = &'a Item> {
    let kind = arguments.get("type").and_then(|text| text.parse::<u32>().ok());
    let kind = kind.unwrap_or(section.kind.top());
    let filter = group(&mut arguments.pairs(), quirks);
    let mut ids = arguments.ids();
    ids.sort_unstable();
    ids.dedup();
    let candidates: Vec<&Item> = if ids.is_empty() {
        section.of_kind(kind).collect()
    } else {
        let found = ids.iter().filter_map(|id| section.find(*id));
        found.filter(|item| item.kind == kind).collect()
    };
    candidates.into_iter().filter(move |item| filter.as_ref().is_none_or(|filter| filter(item)))
}

type Filter<'a> = Box<dyn Fn(&Item) -> bool + 'a>;

/// Reads filters up to the end of a group. All of them must match, one after the other, or one side
/// of an `or=1`. `None` for a group that filters nothing.
fn group<'a>(
    arguments: &mut dyn Iterator<Item = (&'a str, &'a str)>,
    quirks: Quirks,
) -> Option<Filter<'a>> {
    let mut sides: Vec<Vec<Filter<'a>>> = vec![Vec::new()];
    while let Some((name, value)) = arguments.next() {
        match (name, value) {
            ("pop", _) => break,
            ("or", _) => sides.push(Vec::new()),
            ("push", _) => sides.last_mut()?.extend(group(arguments, quirks)),
            _ => sides.last_mut()?.extend(filter(name, value, quirks)),
        }
    }
    if sides.iter().all(Vec::is_empty) {
        return None;
    }
    Some(Box::new(move |item| sides.iter().any(|side| side.iter().all(|filter| filter(item)))))
}

/// Reads one filter. `None` if the argument is not a filter; real servers ignore such an argument
/// silently.
///
/// The operator is at the end of the name (`addedAt>>`). Sometimes it is at the beginning of the
/// value instead (`title==x`), because it was not encoded. A comma separates values, and one of
/// them must match.
fn filter<'a>(name: &str, value: &'a str, quirks: Quirks) -> Option<Filter<'a>> {
    // Filters for what is below an item: `artist.id=5` with the type of albums.
    if matches!(name, "show.id" | "season.id" | "artist.id" | "album.id") {
        let wanted: Vec<u64> = numbers(value).collect();
        return Some(Box::new(move |item| {
            let above = [Some(item.rating_key), item.parent, item.grandparent];
            above.into_iter().flatten().any(|key| wanted.contains(&key))
        }));
    }
    // A field may be named with its type: `episode.title`.
    let name = name.rsplit_once('.').map_or(name, |(_, field)| field);
    let (field, operator) = match name.find(['=', '!', '<', '>']) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if quirks.unknown_filters.contains(&field) {
        return None;
    }
    if field == "file" {
        return by_file(value, quirks.file_filter);
    }
    if field == "id" {
        // If there is no number, it is not a filter.
        let wanted: Vec<u64> = numbers(value).collect();
        return (!value.is_empty())
            .then(|| -> Filter<'a> { Box::new(move |item| wanted.contains(&item.rating_key)) });
    }
    let kind = FIELDS.iter().find(|(known, _)| *known == field)?.1;
    let (operator, value) = match value.strip_prefix('=') {
        Some(rest) if operator.is_empty() && kind == "string" => ("=", rest),
        _ => (operator, value),
    };
    if kind == "date" {
        let (added, number) = (field == "addedAt", value.parse().unwrap_or(0_i64));
        let after = operator.starts_with('>');
        return Some(Box::new(move |item| {
            let at = if added { Some(item.added_at) } else { quirks.updated.of(item) };
            at.is_some_and(|at| if after { at >= number } else { at <= number })
        }));
    }
    let (field, operator) = (field.to_owned(), operator.to_owned());
    let sides: Vec<String> = value.split(',').map(str::to_lowercase).collect();
    Some(Box::new(move |item| {
        let found = values(item, &field, quirks);
        let holds = |side: &String| compare(kind, &operator, &found, side);
        if operator.starts_with('!') { sides.iter().all(holds) } else { sides.iter().any(holds) }
    }))
}

/// Whether a field's values match an operator. Text values are in lower case.
fn compare(kind: &str, operator: &str, found: &[String], side: &str) -> bool {
    let text = |test: &dyn Fn(&str) -> bool| found.iter().any(|value| test(value));
    let number = |test: &dyn Fn(i64, i64) -> bool| {
        let side = side.parse().unwrap_or(0);
        found.iter().filter_map(|value| value.parse().ok()).any(|value| test(value, side))
    };
    match (kind, operator) {
        ("string", "") => text(&|value| value.contains(side)),
        ("string", "!") => !text(&|value| value.contains(side)),
        ("string", "!=") | ("tag", "!") => !text(&|value| value == side),
        ("string", "<") => text(&|value| value.starts_with(side)),
        ("string", ">") => text(&|value| value.ends_with(side)),
        ("string" | "tag", _) => text(&|value| value == side),
        ("boolean", "!") => !text(&|value| value == side),
        ("boolean", _) => text(&|value| value == side),
        (_, "!") => !number(&|value, side| value == side),
        (_, ">>" | ">") => number(&|value, side| value > side),
        (_, "<<" | "<") => number(&|value, side| value < side),
        _ => number(&|value, side| value == side),
    }
}

/// The values of an item in a field, in lower case. Empty if the item has none.
fn values(item: &Item, field: &str, quirks: Quirks) -> Vec<String> {
    let one = |value: Option<String>| value.into_iter().map(|text| text.to_lowercase()).collect();
    let number = |value: Option<i64>| one(value.map(|number| number.to_string()));
    match field {
        "title" => one(Some(item.title.clone())),
        "guid" => one(Some(item.guid.clone())),
        "summary" => one(Some(item.summary.clone())),
        "year" => number(item.year.map(i64::from)),
        "index" => number(item.index.map(i64::from)),
        "duration" => number(i64::try_from(item.duration_ms).ok()),
        "addedAt" => number(Some(item.added_at)),
        "updatedAt" => number(quirks.updated.of(item)),
        "trash" => one(Some(u8::from(item.deleted_at.is_some()).to_string())),
        tag if TAGS.iter().any(|(name, _)| *name == tag) => {
            item.details.tags_of(tag).iter().map(|tag| tag.to_lowercase()).collect()
        }
        _ => one(item.details.fields.get(field).map(|value| match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })),
    }
}

fn by_file(value: &str, quirk: FileFilter) -> Option<Filter<'_>> {
    let value = value.strip_prefix('=').unwrap_or(value);
    let wanted: Vec<String> = value.split(',').map(str::to_lowercase).collect();
    match quirk {
        FileFilter::Ignored => None,
        FileFilter::Substring => Some(Box::new(move |item| {
            let has = |file: &str| wanted.iter().any(|wanted| file.contains(wanted));
            item.parts().any(|part| has(&part.file.to_lowercase()))
        })),
        FileFilter::Exact | FileFilter::Error500WithoutType4 => Some(Box::new(move |item| {
            item.parts().any(|part| {
                let file = part.file.to_lowercase();
                let name = file.rsplit(['/', '\\']).next().unwrap_or_default();
                wanted.iter().any(|wanted| name == wanted || file == *wanted)
            })
        })),
    }
}

/// The requested order. `None` for the order in which items are kept, which is by id. Each part of
/// the list orders the items that the parts before it leave equal.
fn order(arguments: &Arguments, quirks: Quirks) -> Option<Vec<(&str, bool)>> {
    let sort = arguments.get("sort")?;
    if quirks.ignored_sorts.contains(&sort) {
        return Some(vec![("titleSort", false)]);
    }
    let parts = sort.split(',').map(|part| {
        let mut words = part.split(':');
        let field = words.next().unwrap_or_default();
        // A field may be named with its type.
        let field = field.rsplit_once('.').map_or(field, |(_, field)| field);
        (field, words.next() == Some("desc"))
    });
    let parts: Vec<_> = parts.collect();
    match parts.as_slice() {
        [("id", false) | ("random", _)] => None,
        // An unknown sort is ignored: rows come by title.
        [(field, _)] if !SORTS.contains(field) => Some(vec![("titleSort", false)]),
        _ => Some(parts),
    }
}

/// Brings rows that are ordered by id into another order.
fn sort(rows: &mut [&Item], parts: &[(&str, bool)], quirks: Quirks) {
    for (field, falls) in parts.iter().rev() {
        // Equal rows keep their order. A missing value is less than any value.
        if *falls {
            rows.sort_by_cached_key(|item| Reverse(place(item, field, quirks)));
        } else {
            rows.sort_by_cached_key(|item| place(item, field, quirks));
        }
    }
}

/// The position of an item in an order: numbers as numbers, texts as texts.
fn place(item: &Item, field: &str, quirks: Quirks) -> (Option<i64>, Option<String>) {
    match field {
        "id" => return (i64::try_from(item.rating_key).ok(), None),
        "addedAt" => return (Some(item.added_at), None),
        "updatedAt" => return (quirks.updated.of(item), None),
        _ => {}
    }
    let field = if field == "titleSort" && !item.details.fields.contains_key(field) {
        "title"
    } else {
        field
    };
    match values(item, field, quirks).pop() {
        Some(text) => match text.parse::<f64>() {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "times, years and ratings in thousandths"
            )]
            Ok(number) if field != "title" && field != "titleSort" => {
                (Some((number * 1_000.0) as i64), None)
            }
            _ => (Some(0), Some(text)),
        },
        None => (None, None),
    }
}
