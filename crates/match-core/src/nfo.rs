//! Reads Kodi and Jellyfin `.nfo` files: metadata of the media file beside them.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use cache_store::Error;
use plex_api::ItemKind;
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};

use crate::query::Query;

/// The largest size of a `.nfo` file, in bytes.
const LARGEST: u64 = 4 << 20;

/// One film, episode or show, as a `.nfo` file describes it.
///
/// Kodi, Jellyfin and many other programs write such files, and people edit them. So XML that is
/// not well-formed is read as far as possible, and unknown elements are skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Nfo {
    /// Film, episode or show. `None` if the file is not XML and only has addresses of pages.
    pub kind: Option<ItemKind>,
    /// Title.
    pub title: Option<String>,
    /// Title in the original language.
    pub original_title: Option<String>,
    /// The title to sort by.
    pub sort_title: Option<String>,
    /// Title of an episode's show.
    pub show: Option<String>,
    /// Year of release.
    pub year: Option<u16>,
    /// The day of release, or an episode's air date, `YYYY-MM-DD`.
    pub date: Option<String>,
    /// Season of an episode.
    pub season: Option<u32>,
    /// Number of an episode within its season.
    pub episode: Option<u32>,
    /// Ids in Plex's form: `imdb://tt0078748`, `tmdb://348`, `tvdb://81189`.
    pub guids: Vec<String>,
    /// Description.
    pub plot: Option<String>,
    /// Tagline.
    pub tagline: Option<String>,
    /// Studio or network.
    pub studio: Option<String>,
    /// Content rating.
    pub content_rating: Option<String>,
    /// Genres.
    pub genres: Vec<String>,
    /// The owner's tags.
    pub tags: Vec<String>,
    /// Sets of films.
    pub collections: Vec<String>,
    /// Directors.
    pub directors: Vec<String>,
    /// Writers.
    pub writers: Vec<String>,
    /// Countries.
    pub countries: Vec<String>,
}

impl Nfo {
    /// Reads a `.nfo` file. The result has one entry for each episode of the file, or one entry, or
    /// none if the file has nothing that can be read.
    ///
    /// If the file cannot be read or is larger than 4 MB, [`Error::Io`] names it.
    pub fn read(path: impl AsRef<Path>) -> Result<Vec<Self>, Error> {
        let path = path.as_ref();
        let read = || {
            if std::fs::metadata(path)?.len() > LARGEST {
                let text = "it is larger than 4 MB, so it is not a .nfo file";
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            std::fs::read(path)
        };
        let bytes =
            read().map_err(|source| Error::Io { doing: "read", path: path.into(), source })?;
        Ok(Self::parse(&bytes))
    }

    /// Reads the `.nfo` file beside a media file: `NAME.nfo`, or the folder's `movie.nfo`. If an
    /// episode does not name its show, the title comes from the nearest `tvshow.nfo`, in its folder
    /// or the folder above. The result is empty if there is no `.nfo` file.
    pub fn beside(file: impl AsRef<Path>) -> Result<Vec<Self>, Error> {
        let file = file.as_ref();
        let own = file.with_extension("nfo");
        let found = [own, file.with_file_name("movie.nfo")].into_iter().find(|path| path.is_file());
        let Some(found) = found else { return Ok(Vec::new()) };
        let mut all = Self::read(found)?;
        let is_episode = |nfo: &Self| nfo.kind == Some(ItemKind::Episode);
        if all.iter().any(|nfo| is_episode(nfo) && nfo.show.is_none()) {
            let folders = file.ancestors().skip(1).take(2);
            let shows: Vec<PathBuf> = folders.map(|folder| folder.join("tvshow.nfo")).collect();
            if let Some(show) = shows.iter().find(|path| path.is_file()) {
                let title = Self::read(show)?.into_iter().find_map(|show| show.title);
                for nfo in all.iter_mut().filter(|nfo| is_episode(nfo)) {
                    nfo.show = nfo.show.take().or_else(|| title.clone());
                }
            }
        }
        Ok(all)
    }

    /// Reads the bytes of a `.nfo` file: UTF-8, or UTF-16 with a byte order mark.
    pub fn parse(bytes: &[u8]) -> Vec<Self> {
        let text = text_of(bytes);
        let mut reader = Reader::from_str(&text);
        let config = reader.config_mut();
        config.allow_dangling_amp = true;
        config.allow_unmatched_ends = true;
        config.check_end_names = false;
        config.expand_empty_elements = true;
        let mut found = Vec::new();
        let mut open: Vec<Element> = Vec::new();
        let mut outside = String::new();
        let mut nfo = Self::default();
        loop {
            // An error ends the loop. The data before it are used.
            match reader.read_event() {
                Err(_) | Ok(Event::Eof) => break,
                Ok(Event::Start(start)) => open.push(Element::new(&start)),
                Ok(Event::Text(text)) => {
                    into(&mut open, &mut outside).push_str(&text.xml10_content());
                }
                Ok(Event::CData(text)) => {
                    into(&mut open, &mut outside).push_str(&text.xml10_content());
                }
                Ok(Event::GeneralRef(name)) => {
                    let text = into(&mut open, &mut outside);
                    match entity(&name.xml10_content()) {
                        Some(letter) => text.push(letter),
                        None => text.extend(["&", &name.xml10_content(), ";"]),
                    }
                }
                Ok(Event::End(_)) => {
                    let Some(element) = open.pop() else { continue };
                    nfo.take(&open, element);
                    if open.is_empty() {
                        found.extend(
                            Some(std::mem::take(&mut nfo)).filter(|nfo| nfo.kind.is_some()),
                        );
                    }
                }
                Ok(_) => {}
            }
        }
        found.extend(Some(nfo).filter(|nfo| nfo.kind.is_some()));
        // A file may consist of the address of a page about the work, or end with one.
        let pages = pages(&outside);
        match found.first_mut() {
            Some(nfo) if nfo.guids.is_empty() => nfo.guids = pages,
            None if !pages.is_empty() => found.push(Self { guids: pages, ..Self::default() }),
            _ => {}
        }
        found
    }

    /// Stores the value of a closed element.
    fn take(&mut self, above: &[Element], element: Element) {
        let Element { name, kind, text } = element;
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let root = above.first().map_or(name.as_str(), |root| root.name.as_str());
        let of = match root {
            "movie" => ItemKind::Movie,
            "episodedetails" => ItemKind::Episode,
            "tvshow" => ItemKind::Show,
            _ => return,
        };
        self.kind = Some(of);
        let path: Vec<&str> =
            above.iter().skip(1).map(|above| above.name.as_str()).chain([name.as_str()]).collect();
        if above.is_empty() || text.is_empty() {
            return;
        }
        match path.as_slice() {
            ["title"] => self.title = Some(text),
            ["originaltitle"] => self.original_title = Some(text),
            ["sorttitle"] => self.sort_title = Some(text),
            ["showtitle"] => self.show = Some(text),
            ["year"] => self.year = text.parse().ok().or(self.year),
            ["premiered" | "aired" | "releasedate"] if is_date(&text) => {
                self.year = self.year.or_else(|| text.get(..4)?.parse().ok());
                self.date = Some(text);
            }
            ["season"] => self.season = text.parse().ok(),
            ["episode"] => self.episode = text.parse().ok(),
            ["uniqueid"] => self.id(kind.as_deref().unwrap_or("unknown"), &text),
            ["id" | "imdbid" | "imdb_id"] => self.id("imdb", &text),
            ["tmdbid"] => self.id("tmdb", &text),
            ["tvdbid"] => self.id("tvdb", &text),
            ["plot"] => self.plot = Some(text),
            ["tagline"] => self.tagline = Some(text),
            ["studio"] => self.studio = self.studio.take().or(Some(text)),
            ["mpaa"] => self.content_rating = Some(text),
            // Older files have all of them in one element.
            ["genre"] => self.genres.extend(text.split(" / ").map(str::to_owned)),
            ["country"] => self.countries.extend(text.split(" / ").map(str::to_owned)),
            ["director"] => self.directors.extend(text.split(" / ").map(str::to_owned)),
            ["credits"] => self.writers.extend(text.split(" / ").map(str::to_owned)),
            ["tag"] => self.tags.push(text),
            ["set"] | ["set", "name"] => self.collections.push(text),
            _ => {}
        }
    }

    /// Adds an id, if it is of a kind that Plex has and is not there yet.
    fn id(&mut self, kind: &str, id: &str) {
        let digits = |id: &str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit());
        let right = match kind.to_ascii_lowercase().as_str() {
            "imdb" => id.strip_prefix("tt").is_some_and(digits),
            "tmdb" | "tvdb" => digits(id),
            _ => false,
        };
        let guid = format!("{}://{id}", kind.to_ascii_lowercase());
        if right && !self.guids.contains(&guid) {
            self.guids.push(guid);
        }
    }
}

impl Query {
    /// Sets the values that a `.nfo` file has: title, show, year, season, episode, air date, kind.
    /// It adds the file's ids. Values that the file does not have stay as they are.
    #[must_use]
    pub fn nfo(mut self, nfo: &Nfo) -> Self {
        let Nfo { kind, title, show, year, date, season, episode, guids, .. } = nfo.clone();
        let aired = date.filter(|_| kind == Some(ItemKind::Episode));
        self.kind = kind.or(self.kind);
        self.title = title.or(self.title);
        self.show = show.or(self.show);
        self.year = year.or(self.year);
        self.aired = aired.or(self.aired);
        self.season = season.or(self.season);
        self.episode = episode.or(self.episode);
        self.guids.extend(guids);
        self
    }
}

/// An open element.
struct Element {
    name: String,
    /// The value of the attribute `type`.
    kind: Option<String>,
    text: String,
}

impl Element {
    fn new(start: &BytesStart<'_>) -> Self {
        let kind = start.try_get_attribute("type").ok().flatten();
        let kind = kind.and_then(|kind| kind.normalized_value(XmlVersion::Implicit1_0).ok());
        Self {
            name: start.local_name().into_inner().to_ascii_lowercase(),
            kind: kind.map(Cow::into_owned),
            text: String::new(),
        }
    }
}

/// Where text belongs: in the innermost open element, or outside of all elements.
fn into<'a>(open: &'a mut [Element], outside: &'a mut String) -> &'a mut String {
    open.last_mut().map_or(outside, |element| &mut element.text)
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let number = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(number);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => return None,
    })
}

fn text_of(bytes: &[u8]) -> String {
    let wide = |from: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().skip(1).map(|pair| from(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).trim_start_matches('\u{feff}').to_owned(),
    }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits =
        |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    matches!(parts.as_slice(), [y, m, d] if digits(y, 4) && digits(m, 2) && digits(d, 2))
}

/// Guids of the pages whose addresses are in a text.
fn pages(text: &str) -> Vec<String> {
    let after = |page: &str, kind: &str, prefix: &str| {
        let (_, rest) = text.split_once(page)?;
        let digits: String =
            rest.strip_prefix(prefix)?.chars().take_while(char::is_ascii_digit).collect();
        (!digits.is_empty()).then(|| format!("{kind}://{prefix}{digits}"))
    };
    let pages = [
        after("imdb.com/title/", "imdb", "tt"),
        after("themoviedb.org/movie/", "tmdb", ""),
        after("themoviedb.org/tv/", "tmdb", ""),
        after("thetvdb.com/?tab=series&id=", "tvdb", ""),
    ];
    pages.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
