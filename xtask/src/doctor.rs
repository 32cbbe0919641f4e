//! `cargo xtask doctor`: first contact with a server. It writes nothing to the server.

mod diagnosis;
mod files;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};
use match_core::{Client, Config, ErrorKind, PlexError, Section, Token};
use plex_api::Listing;

use crate::assumptions;
use diagnosis::{Diagnosis, FirstRun, SectionSeen, ServerSeen, Trouble};

/// Options of `cargo xtask doctor`. The token is read from the variable `PLEX_TOKEN`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The server's address, `http://host:32400`.
    #[arg(long, value_name = "URL")]
    server: String,
    /// A folder of local files. Shows how they match, and where the folder is on the server.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// How many of the files are matched, spread evenly over the folder.
    #[arg(long, default_value_t = 100)]
    sample: usize,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(options: &Options) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let diagnosis = runtime.block_on(diagnose(options))?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&diagnosis)?);
    } else {
        println!("{}", diagnosis.page());
    }
    match diagnosis.trouble {
        Some(trouble) => bail!("{}", trouble.what),
        None => Ok(()),
    }
}

/// Looks at the server, up to the first error. The error is part of the result.
async fn diagnose(options: &Options) -> Result<Diagnosis> {
    let mut diagnosis = Diagnosis { url: options.server.clone(), ..Diagnosis::default() };
    let token = Token::from_env("PLEX_TOKEN");
    let mut config = Config::new(&options.server, token.clone().unwrap_or_else(|_| Token::new("")));
    // Short, because somebody waits at the terminal.
    config.retry.deadline = Duration::from_secs(10);
    let client = match Client::new(config) {
        Ok(client) => client,
        Err(error) => {
            diagnosis.trouble = Some(Trouble::new(error.to_string(), "correct the address"));
            return Ok(diagnosis);
        }
    };
    diagnosis.trouble = look(options, &client, token.is_ok(), &mut diagnosis).await?;
    diagnosis.calls = client.calls().total().count;
    Ok(diagnosis)
}

async fn look(
    options: &Options,
    client: &Client,
    has_token: bool,
    diagnosis: &mut Diagnosis,
) -> Result<Option<Trouble>> {
    // This call needs no token.
    let identity = match client.identity().await {
        Ok(identity) => identity,
        Err(error) => return Ok(Some(no_server(&error))),
    };
    diagnosis.server = Some(ServerSeen {
        name: None,
        version: identity.version,
        machine_identifier: identity.machine_identifier,
        claimed: identity.claimed,
    });
    if !has_token {
        return Ok(Some(Trouble::new("PLEX_TOKEN is not set", HOW_TO_GET_A_TOKEN)));
    }
    let (sections, others) = match client.section_rows().await {
        Ok(found) => found,
        Err(error) => return Ok(Some(refused(&error))),
    };
    // A token of another account may see sections, but not the server's own data.
    if let (Ok(server), Some(seen)) = (client.server().await, &mut diagnosis.server) {
        seen.name = server.friendly_name;
    }
    diagnosis.unreadable_sections = others.len();
    let mut first = FirstRun { calls: 2, seconds: 0.0, page_size: client.page_size() };
    let mut largest: Option<(&Section, u64)> = None;
    for section in &sections {
        let items = match section.kind.leaf() {
            Some(kind) => count(client, &Listing::new(section.key, kind)).await,
            None => None,
        };
        if let Some(items) = items {
            first.calls += items.div_ceil(u64::from(first.page_size));
            if largest.is_none_or(|(_, most)| items > most) {
                largest = Some((section, items));
            }
        }
        diagnosis.sections.push(SectionSeen::new(section, items));
    }
    let Some((section, _)) = largest.filter(|(_, items)| *items > 0) else {
        let what = "this token sees no section with files";
        return Ok(Some(Trouble::new(
            what,
            "use the owner's token, or share libraries with this account; a server shows each \
             account what was shared with it, and nothing else",
        )));
    };
    let measured = assumptions::check(client, section, &mut diagnosis.checks).await;
    let page = match measured {
        Ok(page) => page,
        Err(error) => return Ok(Some(Trouble::new(error.to_string(), "try again later"))),
    };
    let calls = u32::try_from(first.calls).unwrap_or(u32::MAX);
    first.seconds = page.saturating_mul(calls).as_secs_f64();
    diagnosis.first_run = Some(first);
    if let Some(folder) = &options.files {
        match files::look(client, folder, options.sample).await? {
            Ok(seen) => diagnosis.files = Some(seen),
            Err(trouble) => return Ok(Some(trouble)),
        }
    }
    diagnosis.configure();
    Ok(None)
}

/// The number of rows of a listing. If the server reports no total, the rows of the first page.
async fn count(client: &Client, listing: &Listing) -> Option<u64> {
    match client.total(listing).await {
        Ok(Some(total)) => Some(total),
        Ok(None) => Some(client.page(listing, 0, client.page_size()).await.ok()?.rows),
        Err(_) => None,
    }
}

/// Where to find the token, for messages.
pub(crate) const HOW_TO_GET_A_TOKEN: &str = "in Plex's web app open an item, its menu, \"Get Info\", \"View \
     XML\": the address of that page ends with X-Plex-Token=...; put what follows into the \
     variable PLEX_TOKEN";

/// Advice if no Plex server answers at the address.
fn no_server(error: &PlexError) -> Trouble {
    let advice = match error.kind() {
        ErrorKind::Connect => {
            "check host and port (Plex listens on 32400) and that the server runs; in a container \
             localhost is the container itself: use the host's name or address"
        }
        ErrorKind::Timeout => "the host does not answer: check its name and the firewall",
        ErrorKind::Tls => {
            "the certificate is not for this name: servers have one for *.plex.direct, so use the \
             address that Plex's web app shows (https://192-168-1-5.….plex.direct:32400), or \
             http:// within your own network"
        }
        ErrorKind::Maintenance => "the server starts or migrates its database: wait",
        ErrorKind::Unavailable => "a proxy answers, and the server behind it does not run",
        ErrorKind::Redirect => "use the address that the server redirects to",
        _ => {
            "what answers at this address is not a Plex Media Server: check the port (32400 is \
             Plex's), and the path if a proxy is in front of it"
        }
    };
    Trouble::new(error.to_string(), advice)
}

/// Advice if the server answers, but does not show its sections.
fn refused(error: &PlexError) -> Trouble {
    match error.kind() {
        ErrorKind::Unauthorized => Trouble::new(
            "the server does not take this token",
            &format!("it is wrong, or was signed out: {HOW_TO_GET_A_TOKEN}"),
        ),
        ErrorKind::Forbidden => Trouble::new(
            "this token's account may not see the server's sections",
            "use the owner's token, or share libraries with this account",
        ),
        _ => no_server(error),
    }
}
