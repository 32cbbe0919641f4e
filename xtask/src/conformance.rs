//! `cargo xtask conformance`: checks that the client reads what real servers send, and that the
//! simulated server answers as real servers do.
//!
//! `--payloads DIR` takes captured answers of real servers. It decodes them with the client's own
//! types and compares the result with the raw JSON. The raw JSON does not use the client's types,
//! so a row, a file or a guid that the client lost is noticed. A payload that is not JSON has to
//! give an error, and then the command fails too: nothing of that payload was checked.
//!
//! `--python` runs an unmodified python-plexapi against the simulated server.
//!
//! `--live URL` asks a real server about behaviour that no document describes.

mod live;
mod python;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use plex_api::decode::{Payload, payload, refusal};
use plex_api::{ErrorKind, Item, UnsupportedRow};
use serde_json::Value;

use crate::table::table;

/// What to check.
#[derive(clap::Args)]
#[group(required = true, multiple = true, args = ["payloads", "python", "live"])]
pub(crate) struct Options {
    /// Folder of captured payloads: JSON or XML bodies, one in each file.
    #[arg(long, value_name = "DIR")]
    payloads: Option<PathBuf>,
    /// Run python-plexapi against the simulated server, if this Python has the package.
    #[arg(long, value_name = "PYTHON", num_args = 0..=1, default_missing_value = "python3")]
    python: Option<PathBuf>,
    /// Ask the server at this address about behaviour that no document describes, and print a
    /// report that can be sent to others. Read-only, unless `--write` is given.
    #[arg(long, value_name = "URL")]
    live: Option<String>,
    #[command(flatten)]
    how: live::Options,
}

/// Makes the checks that the options name.
///
/// # Errors
/// When a check fails. If Python or its package is missing, the check is skipped with a message.
pub(crate) fn run(options: &Options) -> anyhow::Result<()> {
    if let Some(dir) = &options.payloads {
        check_payloads(dir)?;
    }
    if let Some(interpreter) = &options.python {
        python::run(interpreter)?;
    }
    if let Some(url) = &options.live {
        live::run(url, &options.how)?;
    }
    Ok(())
}

/// Checks every payload in a folder and prints a table of the results.
///
/// Fails if there is no payload, if a well-formed payload does not decode, or if the result misses
/// something that the payload contains.
fn check_payloads(dir: &Path) -> anyhow::Result<()> {
    let files = payloads(dir)?;
    if files.is_empty() {
        bail!("no payloads (*.json, *.xml) in {}", dir.display());
    }
    let mut rows = Vec::new();
    let mut failed = Vec::new();
    let mut unreadable = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let body = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        let finding = examine(&body);
        let verdict = match (finding.faults.is_empty(), finding.unreadable) {
            (false, _) => "FAILED",
            (true, true) => "UNREADABLE",
            (true, false) => "ok",
        };
        if finding.unreadable {
            unreadable.push(format!("{name}: {}", finding.notes.join("; ")));
        }
        let notes = [finding.notes, finding.faults.clone()].concat().join("; ");
        let Counts { rows: _, items, parts, guids } = finding.found;
        rows.push([
            name.clone(),
            finding.shape,
            items.to_string(),
            parts.to_string(),
            guids.to_string(),
            notes,
            verdict.to_owned(),
        ]);
        failed.extend(finding.faults.into_iter().map(|fault| format!("{name}: {fault}")));
    }
    let header = ["file", "shape", "items", "parts", "guids", "unsupported, notes", ""];
    println!("{}", table(&header, 2..5, rows));
    println!("{} payloads, {} failed, {} unreadable", files.len(), failed.len(), unreadable.len());
    if !unreadable.is_empty() && failed.is_empty() {
        bail!(
            "payloads that cannot be read, so they were not checked:\n  {}",
            unreadable.join("\n  ")
        );
    }
    if !failed.is_empty() {
        bail!("payloads that do not conform:\n  {}", failed.join("\n  "));
    }
    Ok(())
}

fn payloads(dir: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("opening {}", dir.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| format!("listing {}", dir.display()))?.path();
        let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
        if matches!(extension.as_str(), "json" | "xml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Counts of rows and of their contents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    /// All rows, also those that are not items.
    rows: usize,
    items: usize,
    parts: usize,
    guids: usize,
}

#[derive(Debug, Default)]
struct Finding {
    shape: String,
    found: Counts,
    notes: Vec<String>,
    /// The payload could not be read, so nothing was checked.
    unreadable: bool,
    /// Faults of the client, not of the payload.
    faults: Vec<String>,
}

fn examine(body: &[u8]) -> Finding {
    let recorded = Recorded::of(body);
    if let Some(status) = recorded.status.filter(|status| !(200..300).contains(status)) {
        let error = refusal(status, &recorded.body);
        let fault =
            (error.kind() == ErrorKind::Decode).then(|| "the status has no kind".to_owned());
        return Finding {
            shape: "refusal".to_owned(),
            notes: vec![error.to_string()],
            faults: fault.into_iter().collect(),
            ..Finding::default()
        };
    }
    let plain = generic(&recorded.body);
    match (payload(&recorded.body), plain) {
        (Err(error), plain) => {
            // JSON of servers before 1.0 is well-formed, but the client refuses it on purpose.
            let old = plain.as_ref().is_some_and(|plain| plain.get("_elementType").is_some());
            let deserved = plain.is_none() || old;
            let shape = if deserved { "broken" } else { "error" };
            let text = error.to_string();
            let (notes, faults) =
                if deserved { (vec![text], vec![]) } else { (vec![], vec![text]) };
            let unreadable = faults.is_empty();
            Finding { shape: shape.to_owned(), notes, faults, unreadable, ..Finding::default() }
        }
        (Ok(_), None) => Finding {
            shape: "broken".to_owned(),
            faults: vec!["it decodes, although it is not JSON".to_owned()],
            ..Finding::default()
        },
        (Ok(decoded), Some(plain)) => compare(decoded, &plain),
    }
}

/// Compares a decoded payload with the raw JSON.
fn compare(decoded: Payload, plain: &Value) -> Finding {
    let there = count(plain);
    let mut finding = Finding { notes: unread(plain), ..Finding::default() };
    match decoded {
        Payload::Page(page) => {
            finding.shape = shape(&page.items);
            finding.found = counts(&page.items);
            finding.found.rows = page.items.len() + page.unsupported.len();
            finding.notes.extend(reasons(&page.unsupported));
            finding.notes.extend(page.total.map(|total| format!("{total} in all")));
            finding.notes.extend(page.lossy.then(|| "not UTF-8, repaired".to_owned()));
            if page.rows != finding.found.rows as u64 {
                finding.faults.push(format!("{} rows counted", page.rows));
            }
            // Rows that are not items may have files and guids too. So it is right if fewer are
            // found.
            let exact = page.unsupported.is_empty();
            let lost = |what: &str, found: usize, there: usize, exact: bool| {
                let wrong = if exact { found != there } else { found > there };
                wrong.then(|| format!("{found} of {there} {what}"))
            };
            finding.faults.extend(lost("rows", finding.found.rows, there.rows, true));
            finding.faults.extend(lost("parts", finding.found.parts, there.parts, exact));
            finding.faults.extend(lost("guids", finding.found.guids, there.guids, exact));
        }
        Payload::Sections { sections, unsupported } => {
            "sections".clone_into(&mut finding.shape);
            finding.found.items = sections.len();
            finding.found.rows = sections.len() + unsupported.len();
            finding.notes.extend(reasons(&unsupported));
            if finding.found.rows != there.rows {
                finding.faults.push(format!("{} of {} rows", finding.found.rows, there.rows));
            }
            for section in &sections {
                let spelled = plain.pointer("/MediaContainer/Directory").and_then(Value::as_array);
                let spelled = spelled.into_iter().flatten().find(|row| {
                    row.get("uuid").and_then(Value::as_str) == Some(section.uuid.0.as_str())
                });
                let stamp = spelled.and_then(|row| row.get("contentChangedAt")?.as_i64());
                if stamp != section.content_changed_at {
                    finding.faults.push(format!("contentChangedAt of section {}", section.key));
                }
            }
        }
        Payload::Server(server) => {
            "server".clone_into(&mut finding.shape);
            finding.notes.push(format!("version {}", server.version));
        }
        Payload::Events(events) => {
            "events".clone_into(&mut finding.shape);
            finding.notes.push(format!("{} events", events.len()));
        }
        other => finding.faults.push(format!("a shape that this command does not know: {other:?}")),
    }
    finding
}

/// The kinds of the items: "items: movie, show".
fn shape(items: &[Item]) -> String {
    let kinds: BTreeSet<String> = items.iter().map(|item| item.kind.to_string()).collect();
    match kinds.len() {
        0 => "rows".to_owned(),
        _ => format!("items: {}", kinds.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// The lists of the container that the client does not read: "not read: 8 Type".
fn unread(plain: &Value) -> Vec<String> {
    const READ: [&str; 4] = ["Metadata", "Directory", "SearchResult", "Hub"];
    let container = plain.get("MediaContainer").and_then(Value::as_object);
    let lists = container.into_iter().flatten().filter_map(|(name, value)| {
        let list = value.as_array().filter(|_| !READ.contains(&name.as_str()))?;
        Some(format!("not read: {} {name}", list.len()))
    });
    lists.collect()
}

fn counts(items: &[Item]) -> Counts {
    Counts {
        rows: items.len(),
        items: items.len(),
        parts: items.iter().map(|item| item.parts().count()).sum(),
        guids: items.iter().map(|item| item.guids.len()).sum(),
    }
}

/// The reasons of unsupported rows, with their numbers: "20 x no rating key".
fn reasons(rows: &[UnsupportedRow]) -> Vec<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for row in rows {
        *reasons.entry(row.reason.to_string()).or_default() += 1;
    }
    reasons.into_iter().map(|(reason, count)| format!("{count} x {reason}")).collect()
}

/// A capture with its request and status, or only a body.
struct Recorded {
    status: Option<u16>,
    body: Vec<u8>,
}

impl Recorded {
    fn of(bytes: &[u8]) -> Self {
        let unwrap = || {
            let exchange: Value = serde_json::from_slice(bytes).ok()?;
            let response = exchange.get("response")?;
            let status = u16::try_from(response.get("http_code")?.as_u64()?).ok()?;
            let body = match response.get("body")? {
                Value::String(text) => text.clone().into_bytes(),
                json => json.to_string().into_bytes(),
            };
            Some(Self { status: Some(status), body })
        };
        unwrap().unwrap_or_else(|| Self { status: None, body: bytes.to_vec() })
    }
}

/// The body as generic JSON. Bytes that are not UTF-8 do not matter for the counts.
fn generic(body: &[u8]) -> Option<Value> {
    serde_json::from_str(String::from_utf8_lossy(body).trim_start_matches('\u{feff}')).ok()
}

/// Counts the contents of the raw JSON.
fn count(plain: &Value) -> Counts {
    let Some(container) = plain.get("MediaContainer") else { return Counts::default() };
    let list = |value: &Value, key: &str| match value.get(key) {
        Some(Value::Array(list)) => list.clone(),
        Some(single @ Value::Object(_)) => vec![single.clone()],
        _ => Vec::new(),
    };
    let mut rows = [list(container, "Metadata"), list(container, "Directory")].concat();
    for wrapper in [list(container, "SearchResult"), list(container, "Hub")].concat() {
        rows.extend(list(&wrapper, "Metadata"));
        rows.extend(list(&wrapper, "Directory"));
    }
    let mut counts = Counts { rows: rows.len(), ..Counts::default() };
    for row in &rows {
        counts.guids += list(row, "Guid").iter().filter(|guid| guid.get("id").is_some()).count();
        counts.parts +=
            list(row, "Media").iter().map(|media| list(media, "Part").len()).sum::<usize>();
    }
    counts
}
