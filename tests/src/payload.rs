//! Serves captured `/library/sections/{id}/all` answers unchanged.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::library::{Item, Library, Media, Part, SectionKind};

/// The present time of captured libraries: 2026-01-01.
const NOW: i64 = 1_767_225_600;

/// Builds a library from captured pages. Pages of one section (by uuid) are joined. Each row is
/// served unchanged.
///
/// The error names a file that cannot be read, is not JSON, or is not a listing of items.
pub fn library_from_pages(paths: &[PathBuf]) -> Result<Library> {
    let mut library = Library::new("capturedcapturedcapturedcapturedcaptured", NOW);
    for path in paths {
        add_page(&mut library, path)
            .with_context(|| format!("{} is not a captured listing", path.display()))?;
    }
    for section in &mut library.sections {
        let files: Vec<String> = section
            .items()
            .iter()
            .flat_map(|item| item.parts().map(|part| part.file.clone()))
            .collect();
        section.locations = vec![(1, common_folder(&files))];
    }
    Ok(library)
}

fn add_page(library: &mut Library, path: &Path) -> Result<()> {
    let bytes = std::fs::read(path).context("could not read it")?;
    // Real servers send pages that are not UTF-8.
    let text = String::from_utf8_lossy(&bytes);
    let document: Value = serde_json::from_str(&text).context("it is not JSON")?;
    let Some(container) = document.get("MediaContainer") else {
        bail!("it has no MediaContainer at the top, as an answer of a Plex server has");
    };
    let Some(rows) = container.get("Metadata").and_then(Value::as_array) else {
        bail!("its MediaContainer has no Metadata list");
    };
    let kind = match rows.iter().find_map(|row| row.get("type")?.as_str()) {
        Some("movie" | "clip") | None => SectionKind::Movie,
        Some("episode") => SectionKind::Show,
        Some("track") => SectionKind::Artist,
        Some("photo") => SectionKind::Photo,
        Some(other) => bail!("it lists items of type \"{other}\", which have no files"),
    };
    let text = |name: &str| container.get(name).and_then(Value::as_str).map(str::to_owned);
    let uuid = text("librarySectionUUID").unwrap_or_else(|| format!("{}", path.display()));
    let found = library.sections.iter().position(|section| section.uuid == uuid);
    let section = found.unwrap_or_else(|| {
        let title = text("librarySectionTitle").or_else(|| text("title1"));
        let at = library.add_section(
            &title.unwrap_or_else(|| "Captured".to_owned()),
            kind,
            "tv.plex.agents.movie",
            &[],
        );
        library.sections[at].uuid = uuid;
        at
    });
    for row in rows {
        if let Some(item) = captured(row) {
            library.put_item(section, item);
        }
    }
    for show in rows.iter().filter(|_| kind == SectionKind::Show).filter_map(show_of) {
        library.put_show(section, show);
    }
    Ok(())
}

/// The show in the row of an episode.
fn show_of(row: &Value) -> Option<Item> {
    let text = |name: &str| Some(row.get(name)?.as_str()?.to_owned());
    Some(Item {
        rating_key: text("grandparentRatingKey")?.parse().ok()?,
        title: text("grandparentTitle")?,
        guid: text("grandparentGuid").unwrap_or_default(),
        ..Item::default()
    })
}

/// Reads the data that the server needs from a row: its key, files and times.
fn captured(row: &Value) -> Option<Item> {
    let rating_key = match row.get("ratingKey")? {
        Value::String(text) => text.parse().ok()?,
        other => other.as_u64()?,
    };
    let list = |value: &Value, name: &str| -> Vec<Value> {
        value.get(name).and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let media = list(row, "Media").into_iter().map(|media| Media {
        id: media.get("id").and_then(Value::as_u64).unwrap_or(1),
        proxy_type: media.get("proxyType").and_then(Value::as_u64).and_then(|n| n.try_into().ok()),
        parts: list(&media, "Part")
            .into_iter()
            .filter_map(|part| {
                Some(Part {
                    id: part.get("id").and_then(Value::as_u64).unwrap_or(1),
                    file: part.get("file")?.as_str()?.to_owned(),
                    ..Part::default()
                })
            })
            .collect(),
    });
    let number = |name: &str| row.get(name).and_then(Value::as_i64).unwrap_or(0);
    Some(Item {
        rating_key,
        title: row.get("title").and_then(Value::as_str).unwrap_or_default().to_owned(),
        guid: row.get("guid").and_then(Value::as_str).unwrap_or_default().to_owned(),
        added_at: number("addedAt"),
        updated_at: number("updatedAt"),
        media: media.collect(),
        captured: Some(row.clone()),
        ..Item::default()
    })
}

/// The deepest folder that contains all files.
fn common_folder(files: &[String]) -> String {
    let Some((first, rest)) = files.split_first() else { return "/".to_owned() };
    let folder = |file: &str| file.rfind(['/', '\\']).map_or(0, |at| at);
    let mut common = folder(first);
    for file in rest {
        let same = first.bytes().zip(file.bytes()).take_while(|(a, b)| a == b).count();
        let ends = matches!(file.as_bytes().get(common), Some(b'/' | b'\\'));
        if same < common || !ends {
            // Go back to the last separator, where a folder ends.
            let same = same.min(common);
            common = first[..first.floor_char_boundary(same)].rfind(['/', '\\']).unwrap_or(0);
        }
    }
    first[..common].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_common_folder_ends_at_a_separator() {
        for (files, expect) in [
            (&["/a/b/c.mkv", "/a/b/d.mkv"][..], "/a/b"),
            (&["/a/b/c.mkv", "/a/bc/d.mkv"][..], "/a"),
            (&[r"P:\m\a\x.mkv", r"P:\m\b\y.mkv"][..], r"P:\m"),
            (&["/a/b/c.mkv"][..], "/a/b"),
            (&["c.mkv"][..], ""),
            (&["/x/\u{e9}/a", "/x/\u{e8}/a"][..], "/x"),
        ] {
            let files: Vec<String> = files.iter().map(|&file| file.to_owned()).collect();
            assert_eq!(common_folder(&files), expect);
        }
    }
}
