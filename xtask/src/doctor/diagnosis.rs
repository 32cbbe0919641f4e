//! The result of the doctor, as data and as a page of 80 columns.

use std::fmt::Write;
use std::ops::Range;

use comfy_table::{ContentArrangement, Table};
use match_core::{MappingSuggestion, Section};
use serde::Serialize;

use crate::assumptions::Check;

/// Columns of a terminal.
const WIDTH: u16 = 80;

/// What the doctor found out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Diagnosis {
    pub(super) url: String,
    pub(super) server: Option<ServerSeen>,
    pub(super) sections: Vec<SectionSeen>,
    /// Rows of the list of sections that cannot be read.
    pub(super) unreadable_sections: usize,
    pub(super) checks: Vec<Check>,
    pub(super) files: Option<FilesSeen>,
    pub(super) first_run: Option<FirstRun>,
    /// Lines of Rust for the host.
    pub(super) configuration: Vec<String>,
    /// Calls that the doctor made.
    pub(super) calls: u64,
    /// The error that stopped the doctor.
    pub(super) trouble: Option<Trouble>,
}

#[derive(Debug, Serialize)]
pub(super) struct ServerSeen {
    pub(super) name: Option<String>,
    pub(super) version: String,
    pub(super) machine_identifier: String,
    pub(super) claimed: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct SectionSeen {
    title: String,
    kind: String,
    /// `None` if the server reports no number, or if the items are not files.
    items: Option<u64>,
    folders: Vec<String>,
}

/// How a sample of files matched.
#[derive(Debug, Serialize)]
pub(super) struct FilesSeen {
    pub(super) folder: String,
    pub(super) files: usize,
    pub(super) tried: usize,
    /// How many of those have a `.nfo` file. The file was used for the match.
    pub(super) with_nfo: usize,
    pub(super) found_high: u64,
    pub(super) found_low: u64,
    pub(super) ambiguous: u64,
    pub(super) absent: u64,
    /// The first few files without a match, each with its answer.
    pub(super) not_found: Vec<String>,
    pub(super) mappings: Vec<MappingSuggestion>,
    pub(super) calls: u64,
}

/// What a first run over all sections costs.
#[derive(Debug, Serialize)]
pub(super) struct FirstRun {
    pub(super) calls: u64,
    pub(super) seconds: f64,
    pub(super) page_size: u32,
}

/// An error that stopped the doctor, and what to do.
#[derive(Debug, Serialize)]
pub(super) struct Trouble {
    pub(super) what: String,
    pub(super) advice: String,
}

impl Trouble {
    pub(super) fn new(what: impl Into<String>, advice: &str) -> Self {
        Self { what: what.into(), advice: advice.to_owned() }
    }
}

impl SectionSeen {
    pub(super) fn new(section: &Section, items: Option<u64>) -> Self {
        Self {
            title: section.title.clone(),
            kind: section.kind.to_string(),
            items,
            folders: section.locations.iter().map(|folder| folder.path.clone()).collect(),
        }
    }
}

impl Diagnosis {
    /// Makes the lines for a host's configuration.
    pub(super) fn configure(&mut self) {
        let url = &self.url;
        let mut lines = vec![
            "let token = Token::from_env(\"PLEX_TOKEN\")?;".to_owned(),
            format!("let mut server = Config::new({url:?}, token);"),
        ];
        if let Some(server) = &self.server {
            let id = &server.machine_identifier;
            lines.push(format!("let identity = {id:?};"));
            lines.push("server.expect_server = Some(identity.to_owned());".to_owned());
        }
        lines.push("let mut config = EngineConfig::new(\"server.matchbox\");".to_owned());
        for MappingSuggestion { mapping, .. } in self.files.iter().flat_map(|seen| &seen.mappings) {
            let (local, plex) = (&mapping.local, &mapping.plex);
            lines.push(format!("let mapping = PathMapping::new({local:?}, {plex:?});"));
            lines.push("config.settings.mappings.push(mapping);".to_owned());
        }
        self.configuration = lines;
    }

    /// A page for the terminal.
    pub(super) fn page(&self) -> String {
        let mut page = String::new();
        if let Some(server) = &self.server {
            let name = server.name.as_deref().unwrap_or("(shown to its owner only)");
            let owner = if server.claimed { "an account" } else { "nobody: it is not claimed" };
            let rows = [
                ["name", name],
                ["version", &server.version],
                ["identity", &server.machine_identifier],
                ["belongs to", owner],
            ];
            chapter(&mut page, &format!("Plex Media Server at {}", self.url), rows);
        }
        if !self.sections.is_empty() {
            let rows = self.sections.iter().map(|section| {
                let items = section.items.map_or("?".to_owned(), |items| items.to_string());
                let SectionSeen { title, kind, folders, .. } = section;
                [title.clone(), kind.clone(), items, folders.join(", ")]
            });
            let _ = writeln!(page, "What this token can see\n{}\n", table(2..3, rows));
        }
        if self.unreadable_sections > 0 {
            let count = self.unreadable_sections;
            let _ = writeln!(page, "{count} sections cannot be read: select the others by name\n");
        }
        if !self.checks.is_empty() {
            let rows = self.checks.iter().map(|Check { holds, what, otherwise, .. }| match holds {
                true => ["yes".to_owned(), what.clone()],
                false => ["NO".to_owned(), format!("{what}: {otherwise}")],
            });
            chapter(&mut page, "What Matchbox assumes about a server", rows);
        }
        if let Some(files) = &self.files {
            files.write(&mut page);
        }
        if let Some(FirstRun { calls, seconds, page_size }) = &self.first_run {
            let first = format!("{calls} calls of {page_size} rows, about {seconds:.1} s");
            let rows = [
                ["the first run", &first],
                ["each later one", "1 call while nothing changed; none within 60 s"],
            ];
            chapter(&mut page, "What matching costs", rows);
        }
        if !self.configuration.is_empty() {
            let _ = writeln!(page, "What to put into the configuration");
            for line in &self.configuration {
                let _ = writeln!(page, "  {line}");
            }
            page.push('\n');
        }
        if let Some(Trouble { what, advice }) = &self.trouble {
            chapter(&mut page, "The check stopped here", [["what", what], ["what to do", advice]]);
        }
        let _ = write!(page, "{} calls were made. Nothing was written to the server.", self.calls);
        page.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
    }
}

impl FilesSeen {
    fn write(&self, page: &mut String) {
        let Self { folder, files, tried, found_high, found_low, ambiguous, absent, .. } = self;
        let mut rows = vec![
            ["tried".to_owned(), format!("{tried} of {files}, {} calls", self.calls)],
            ["with a .nfo".to_owned(), format!("{} (read, as by Nfo::beside)", self.with_nfo)],
            ["found".to_owned(), format!("{found_high} high, {found_low} low confidence")],
            ["not found".to_owned(), format!("{absent} not there, {ambiguous} ambiguous")],
        ];
        rows.extend(self.not_found.iter().map(|line| [String::new(), line.clone()]));
        let mapping = |one: &MappingSuggestion| ["mapping".to_owned(), one.to_string()];
        rows.extend(self.mappings.iter().map(mapping));
        chapter(page, &format!("Files below {folder}"), rows);
    }
}

/// Writes a heading and rows of a name and a text. Long texts are wrapped.
fn chapter<const N: usize, T: Into<String>>(
    page: &mut String,
    heading: &str,
    rows: impl IntoIterator<Item = [T; N]>,
) {
    let rows = rows.into_iter().map(|row| row.map(Into::into));
    let _ = writeln!(page, "{heading}\n{}\n", table(0..0, rows));
}

/// A table that is not wider than the page.
fn table<const N: usize>(
    numbers: Range<usize>,
    rows: impl IntoIterator<Item = [String; N]>,
) -> Table {
    let mut table = crate::table::table(&[], numbers, rows);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(WIDTH);
    table
}
