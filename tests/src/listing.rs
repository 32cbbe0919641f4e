//! `/library/sections/{id}/all`: filters, order, pages.

use axum::http::HeaderMap;

use crate::library::{FileFilter, Item, Library, Section, SectionKind};
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

    /// A paging argument, from a header or the query.
    pub(crate) fn window(&self, headers: &HeaderMap, name: &str) -> Option<usize> {
        let header = headers.get(name).and_then(|value| value.to_str().ok());
        header.or_else(|| self.get(name))?.parse().ok()
    }

    pub(crate) fn shape(&self) -> Shape {
        let lists = |argument: &str, name: &str| {
            self.get(argument).is_some_and(|list| list.split(',').any(|entry| entry == name))
        };
        Shape {
            guids: self.get("includeGuids") == Some("1"),
            without_media: lists("excludeElements", "Media"),
            without_summary: lists("excludeFields", "summary"),
        }
    }
}

/// What a listing request is answered with.
pub(crate) enum Answer<'a> {
    Page(Box<Listing<'a>>),
    /// The server fails.
    Broken,
}

/// Answers a listing request.
pub(crate) fn answer<'a>(
    library: &Library,
    section: &'a Section,
    arguments: &Arguments,
    headers: &HeaderMap,
) -> Answer<'a> {
    let typed = arguments.get("type").and_then(|text| text.parse::<u32>().ok());
    let quirk = library.quirks.file_filter;
    if quirk == FileFilter::Error500WithoutType4
        && section.kind == SectionKind::Show
        && arguments.get("file").is_some()
        && typed != Some(4)
    {
        return Answer::Broken;
    }
    let kind = typed.unwrap_or(section.kind.leaf());
    let filters = filters(arguments, quirk);
    let start = arguments.window(headers, "X-Plex-Container-Start");
    let size = arguments.window(headers, "X-Plex-Container-Size");
    let paged = start.is_some() || size.is_some();
    let (start, size) = (start.unwrap_or(0), size.unwrap_or(usize::MAX));

    // Without a filter, a page is cut out of the section without looking at all of it.
    let ordered = order(arguments, library.quirks.sorts_by_id);
    let all = section.items();
    let plain = filters.is_empty() && ordered.is_none() && kind == section.kind.leaf();
    let (rows, total): (Vec<&Item>, usize) = if plain {
        (all.iter().skip(start).take(size).collect(), all.len())
    } else {
        let mut rows: Vec<&Item> = all
            .iter()
            .filter(|item| item.kind == kind && filters.iter().all(|filter| filter(item)))
            .collect();
        if let Some(order) = ordered {
            order(&mut rows);
        }
        let total = rows.len();
        (rows.into_iter().skip(start).take(size).collect(), total)
    };
    let shape = arguments.shape();
    Answer::Page(Box::new(Listing {
        container: Container {
            size: rows.len(),
            total_size: paged.then_some(total),
            offset: paged.then_some(start),
            section_id: Some(section.key),
            section_title: Some(&section.title),
            section_uuid: Some(&section.uuid),
            metadata: rows.into_iter().map(|item| Row::new(item, shape)).collect(),
        },
    }))
}

type Filter<'a> = Box<dyn Fn(&Item) -> bool + 'a>;

fn filters(arguments: &Arguments, quirk: FileFilter) -> Vec<Filter<'_>> {
    let mut filters: Vec<Filter<'_>> = Vec::new();
    for (name, value) in &arguments.0 {
        let number = value.parse::<i64>().unwrap_or(0);
        match name.as_str() {
            // `title=x` contains, `title==x` is; the second `=` is at the head of the value
            // when it was not encoded, and at the end of the name when it was.
            "title" if value.starts_with('=') => {
                let wanted = value[1..].to_lowercase();
                filters.push(Box::new(move |item| item.title.to_lowercase() == wanted));
            }
            "title=" => {
                let wanted = value.to_lowercase();
                filters.push(Box::new(move |item| item.title.to_lowercase() == wanted));
            }
            "title" => {
                let wanted = value.to_lowercase();
                filters.push(Box::new(move |item| item.title.to_lowercase().contains(&wanted)));
            }
            "guid" => filters.push(Box::new(move |item| item.guid == *value)),
            "id" => {
                let wanted: Vec<u64> = value.split(',').filter_map(|id| id.parse().ok()).collect();
                filters.push(Box::new(move |item| wanted.contains(&item.rating_key)));
            }
            "addedAt>>" | "addedAt>" => filters.push(Box::new(move |item| item.added_at >= number)),
            "updatedAt>>" | "updatedAt>" => {
                filters.push(Box::new(move |item| item.updated_at >= number));
            }
            "addedAt<<" | "addedAt<" => filters.push(Box::new(move |item| item.added_at <= number)),
            "updatedAt<<" | "updatedAt<" => {
                filters.push(Box::new(move |item| item.updated_at <= number));
            }
            "trash" => filters.push(Box::new(|item| item.deleted_at.is_some())),
            "file" => filters.extend(by_file(value, quirk)),
            _ => {}
        }
    }
    filters
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
fn order(arguments: &Arguments, sorts_by_id: bool) -> Option<fn(&mut Vec<&Item>)> {
    match arguments.get("sort") {
        Some("titleSort") => Some(|rows| rows.sort_by(|a, b| a.title.cmp(&b.title))),
        Some("addedAt") => Some(|rows| rows.sort_by_key(|item| item.added_at)),
        Some("addedAt:desc") => Some(|rows| rows.sort_by_key(|item| -item.added_at)),
        Some("updatedAt") => Some(|rows| rows.sort_by_key(|item| item.updated_at)),
        Some("updatedAt:desc") => Some(|rows| rows.sort_by_key(|item| -item.updated_at)),
        Some("id") if !sorts_by_id => Some(|rows| rows.sort_by(|a, b| a.title.cmp(&b.title))),
        _ => None,
    }
}
