//! `--live URL`: asks a real server about behaviour that no document describes, and prints a report
//! that can be sent to others. The report has no titles, paths, names or tokens.
//!
//! It only reads, unless `--write` is given ([`mod@write`]). It does not ask about things that
//! Matchbox does not use: `includeFields`, `/all?id=`, timelines.

mod report;
mod write;

use anyhow::{Context, Result, bail};
use match_core::{Client, Config, RatingKey, Section, Token};
use plex_api::{Detail, Item, ItemKind, Listing, Page, Sort};

use crate::assumptions;
use report::Findings;

/// How a live server is asked. The token is read from the variable `PLEX_TOKEN`.
#[derive(clap::Args)]
#[group(id = "how a live server is asked")]
pub(super) struct Options {
    /// The section to ask about, by its title.
    #[arg(long, value_name = "NAME", requires = "live")]
    section: Option<String>,
    /// Edit the item `--item` (title, label, collection) and undo each edit. Then ask you to add,
    /// replace and delete a file, and to empty the trash. Notes what moves after each step.
    #[arg(long, requires = "item")]
    write: bool,
    /// The rating key of the item that `--write` edits: a number, as in `/library/metadata/4711`.
    #[arg(long, value_name = "KEY", requires = "write")]
    item: Option<u64>,
    /// How long to wait after each step, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, requires = "write")]
    pause: u64,
}

/// How many rows are requested and examined.
const ROWS: u32 = 100;

/// Page sizes that are tried, if the section has so many rows.
const SIZES: [u32; 3] = [1_000, 2_000, 5_000];

/// A name that no file has.
const NOBODY: &str = "matchbox-conformance-nobody-has-this.mkv";

/// Asks a server, and prints the report.
///
/// # Errors
/// When the server cannot be asked, or when an edit could not be undone.
pub(super) fn run(url: &str, options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = Client::new(Config::new(url, Token::from_env("PLEX_TOKEN")?))?;
        let name = options.section.as_deref().context("name the section: --section NAME")?;
        let section = named(&client, name).await?;
        let Some(kind) = section.kind.leaf() else { bail!("that section has no files") };
        let mut findings = Findings::new(client.identity().await?.version, kind);
        read(&client, &section, kind, &mut findings).await?;
        let done = match options.item.filter(|_| options.write) {
            None => Ok(()),
            Some(key) => {
                let pause = std::time::Duration::from_secs(options.pause);
                let look = write::Look::new(&client, &section, kind, RatingKey(key), pause);
                write::run(&look, &mut findings).await
            }
        };
        findings.calls = client.calls().total().count;
        println!("{findings}");
        done
    })
}

/// The section with a title.
async fn named(client: &Client, name: &str) -> Result<Section> {
    let mut sections = client.sections().await?;
    sections.retain(|section| section.title == name);
    match sections.len() {
        0 => bail!("this token sees no section with that title: `cargo xtask doctor` lists them"),
        1 => Ok(sections.remove(0)),
        several => bail!("{several} sections have that title: rename all but one for a moment"),
    }
}

/// Asks everything that can be asked without writing.
async fn read(
    client: &Client,
    section: &Section,
    kind: ItemKind,
    findings: &mut Findings,
) -> Result<()> {
    let listing = Listing::new(section.key, kind);
    let items = client.total(&listing).await?;
    findings.say("items of the section", items.map_or("unknown".to_owned(), |n| n.to_string()));
    assumptions::check(client, section, &mut findings.checks).await?;
    // Another account's token sees sections, but not the server's own data.
    let owner = client.server().await.is_ok();
    findings.say("the token sees the server's own data", yes(owner));

    let keys = Listing { detail: Detail::Keys, ..listing.clone() };
    for size in SIZES.into_iter().filter(|size| items.is_some_and(|n| n > u64::from(*size / 2))) {
        let came = match client.page(&keys, 0, size).await {
            Ok(page) => format!("{} came", page.rows),
            Err(error) => format!("{:?}", error.kind()),
        };
        findings.say(&format!("{size} rows at once"), came);
    }
    for (detail, what) in [(Detail::Keys, "with keys and times"), (Detail::Full, "with all data")] {
        let before = client.calls().total().bytes;
        let rows = client.page(&Listing { detail, ..listing.clone() }, 0, ROWS).await?.rows;
        let bytes = client.calls().total().bytes - before;
        findings.say(
            &format!("bytes of a row {what}"),
            bytes.checked_div(rows).unwrap_or(0).to_string(),
        );
    }
    let recent = Listing { sort: Sort::UpdatedLast, ..listing.clone() };
    let recent = client.page(&recent, 0, ROWS).await?;
    let times: Vec<_> = recent.items.iter().map(|item| item.updated_at).collect();
    findings.say("sorts by updatedAt", yes(times.is_sorted_by(|one, next| one >= next)));
    let page = client.page(&listing, 0, ROWS).await?;
    let count =
        |what: fn(&Item) -> bool| page.items.iter().filter(|item| what(item)).count().to_string();
    findings.say("rows that were examined", page.items.len().to_string());
    findings.say("of them without updatedAt", count(|item| item.updated_at.is_none()));
    let early = |item: &Item| item.updated_at.is_some() && item.updated_at < item.added_at;
    findings.say("of them with updatedAt before addedAt", count(early));
    look_up(client, section, kind, &page.items, findings).await
}

/// Looks up one item in every possible way, and notes how many rows come.
async fn look_up(
    client: &Client,
    section: &Section,
    kind: ItemKind,
    items: &[Item],
    findings: &mut Findings,
) -> Result<()> {
    let file = |item: &Item| {
        let file = item.parts().next()?.file.as_deref()?.rsplit(['/', '\\']).next()?.to_owned();
        // A name that a filter reads in another way, or that has only one letter case, would show
        // nothing.
        let plain = !file.contains(',') && file.starts_with(|first: char| first.is_alphanumeric());
        (plain && file.to_uppercase() != file).then_some(file)
    };
    if let Some(file) = items.iter().find_map(file) {
        let part = file.rsplit_once('.').map_or(file.as_str(), |(stem, _)| stem);
        for (what, name) in [
            ("file= with a name", file.as_str()),
            ("file= with the name in capitals", &file.to_uppercase()),
            ("file= with the name without its extension", part),
            ("file= with a name that no file has", NOBODY),
        ] {
            let page = client.lookup_file(section.key, kind, name, ROWS).await;
            findings.say(&format!("{what}: rows"), rows(page));
        }
    }
    if let Some(guid) = items.iter().find_map(|item| item.guid.as_deref()) {
        let page = client.lookup_guid(section.key, kind, guid, ROWS).await;
        findings.say("guid= with an agent's guid: rows", rows(page));
    }
    Ok(())
}

/// How many rows an answer tells of.
fn rows(answer: Result<Page, plex_api::Error>) -> String {
    match answer {
        Ok(page) => page.total.unwrap_or(page.rows).to_string(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

fn yes(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}
