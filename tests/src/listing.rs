//! `/library/sections/{id}/all`: filters, order, pages.

use std::cmp::Reverse;

use axum::http::HeaderMap;

use crate::library::{FileFilter, Item, Library, Quirks, Section, SectionKind, Totals};
use crate::meta;
use crate::row::{Container, Listing, Row, Shape};

/// A request's arguments in order, decoded. Operators are part of the name (`addedAt>`).
pub(crate) struct Arguments(Vec<(String, String)>);

impl Arguments {
    pub(crate) fn parse(query: &str) -> Self {
        let pairs = url::form_urlencoded::parse(query.as_bytes());
        Self(pairs.map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
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

    /// A paging argument, from a header or the query.
    pub(crate) fn window(&self, headers: &HeaderMap, name: &str) -> Option<usize> {
        let header = headers.get(name).and_then(|value| value.to_str().ok());
        header.or_else(|| self.get(name))?.parse().ok()
    }

    /// What of a row is sent to who asks with these arguments.
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

/// What a listing request is answered with.
pub(crate) enum Answer<'a> {
    Page(Box<Listing<'a>>),
    /// The server fails.
    Broken,
    /// It is refused, because it does not say which part of the list it wants.
    Unpaged,
    /// It is refused, because it wants more rows than the server sends at once.
    TooMany,
}

/// Answers a listing request.
pub(crate) fn answer<'a>(
    library: &Library,
    section: &'a Section,
    arguments: &'a Arguments,
    headers: &HeaderMap,
) -> Answer<'a> {
    let typed = arguments.get("type").and_then(|text| text.parse::<u32>().ok());
    let quirks = library.quirks;
    if quirks.file_filter == FileFilter::Error500WithoutType4
        && section.kind == SectionKind::Show
        && arguments.get("file").is_some()
        && typed != Some(4)
    {
        return Answer::Broken;
    }
    let kind = typed.unwrap_or(section.kind.top());
    let filtered = arguments.pairs().any(|(name, value)| filter(name, value, quirks).is_some());
    let window = Window::of(arguments, headers);
    if library.quirks.needs_paging && !window.paged {
        return Answer::Unpaged;
    }
    if library.quirks.most_rows.is_some_and(|most| window.size as u64 > most) {
        return Answer::TooMany;
    }

    // Without a filter, a page is cut out of the section without looking at all of it.
    let ordered = order(arguments, library.quirks);
    let all = section.items();
    let plain = !filtered && ordered.is_none() && kind == section.kind.leaf();
    let (rows, total): (Vec<&Item>, usize) = if plain {
        (window.cut(all.iter()), all.len())
    } else {
        let mut rows: Vec<&Item> = chosen(section, arguments, library.quirks).collect();
        if let Some(order) = ordered {
            order(&mut rows, library.quirks);
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

/// The part of a list that is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Window {
    pub(crate) paged: bool,
    start: usize,
    size: usize,
}

impl Window {
    pub(crate) fn of(arguments: &Arguments, headers: &HeaderMap) -> Self {
        let start = arguments.window(headers, "X-Plex-Container-Start");
        let size = arguments.window(headers, "X-Plex-Container-Size");
        Self {
            paged: start.is_some() || size.is_some(),
            start: start.unwrap_or(0),
            size: size.unwrap_or(usize::MAX),
        }
    }

    pub(crate) fn cut<T>(self, rows: impl IntoIterator<Item = T>) -> Vec<T> {
        rows.into_iter().skip(self.start).take(self.size).collect()
    }

    /// These rows as a page of no section.
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

/// A page of a section's items. Without paging there is no total and no offset in it.
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

/// The items of a section that the arguments choose, by rating key.
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

/// Reads filters up to the end of a group: one after the other they all have to hold, and one
/// side of an `or=1`. `None` for a group that filters nothing.
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

/// One filter; `None` for an argument that is none.
fn filter<'a>(name: &str, value: &'a str, quirks: Quirks) -> Option<Filter<'a>> {
    let updated = quirks.updated;
    // A field may be named with its type: `episode.title`.
    let name = name.rsplit_once('.').map_or(name, |(_, field)| field);
    let number = value.parse::<i64>().unwrap_or(0);
    Some(match name {
        // `title=x` contains, `title==x` is; the second `=` is at the head of the value
        // when it was not encoded, and at the end of the name when it was.
        "title" if value.starts_with('=') => {
            let wanted = value[1..].to_lowercase();
            Box::new(move |item| item.title.to_lowercase() == wanted)
        }
        "title=" => {
            let wanted = value.to_lowercase();
            Box::new(move |item| item.title.to_lowercase() == wanted)
        }
        "title" => {
            let wanted = value.to_lowercase();
            Box::new(move |item| item.title.to_lowercase().contains(&wanted))
        }
        "guid" => Box::new(move |item| item.guid == *value),
        // None at all is no filter.
        "id" if !value.is_empty() => {
            let wanted: Vec<u64> = numbers(value).collect();
            Box::new(move |item| wanted.contains(&item.rating_key))
        }
        "addedAt>>" | "addedAt>" => Box::new(move |item| item.added_at >= number),
        "updatedAt>>" | "updatedAt>" => {
            Box::new(move |item| updated.of(item).is_some_and(|at| at >= number))
        }
        "addedAt<<" | "addedAt<" => Box::new(move |item| item.added_at <= number),
        "updatedAt<<" | "updatedAt<" => {
            Box::new(move |item| updated.of(item).is_some_and(|at| at <= number))
        }
        "year" => Box::new(move |item| item.year.map(i64::from) == Some(number)),
        "trash" => Box::new(|item| item.deleted_at.is_some()),
        "file" => return by_file(value, quirks.file_filter),
        _ => return None,
    })
}

fn by_file(value: &str, quirk: FileFilter) -> Option<Filter<'_>> {
    let wanted = value.to_lowercase();
    match quirk {
        FileFilter::Ignored => None,
        FileFilter::Substring => Some(Box::new(move |item| {
            item.parts().any(|part| part.file.to_lowercase().contains(&wanted))
        })),
        FileFilter::Exact | FileFilter::Error500WithoutType4 => Some(Box::new(move |item| {
            item.parts().any(|part| {
                let name = part.file.rsplit(['/', '\\']).next().unwrap_or_default();
                name.to_lowercase() == wanted || part.file.to_lowercase() == wanted
            })
        })),
    }
}

/// The order asked for; `None` for the order in which items are kept, which is by id.
fn order(arguments: &Arguments, quirks: Quirks) -> Option<fn(&mut Vec<&Item>, Quirks)> {
    match arguments.get("sort") {
        Some(sort) if quirks.ignored_sorts.contains(&sort) => Some(by_title),
        Some("titleSort") => Some(by_title),
        Some("addedAt") => Some(|rows, _| rows.sort_by_key(|item| item.added_at)),
        Some("addedAt:desc") => Some(|rows, _| rows.sort_by_key(|item| Reverse(item.added_at))),
        // What has no time is less than any that has.
        Some("updatedAt") => Some(|rows, quirks| rows.sort_by_key(|item| quirks.updated.of(item))),
        Some("updatedAt:desc") => {
            Some(|rows, quirks| rows.sort_by_key(|item| Reverse(quirks.updated.of(item))))
        }
        _ => None,
    }
}

/// The order that a server has by itself, also where it does not know the one it is asked for.
fn by_title(rows: &mut Vec<&Item>, _: Quirks) {
    rows.sort_by(|a, b| a.title.cmp(&b.title));
}
