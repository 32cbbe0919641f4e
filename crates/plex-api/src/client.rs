//! The client: one method for each kind of request to a server.

pub(crate) mod edit;
pub(crate) mod events;
pub(crate) mod items;
pub(crate) mod page_size;
pub(crate) mod pages;
pub(crate) mod paging;
pub(crate) mod rows;

use std::sync::Arc;

use bytes::Bytes;
use reqwest::Method;
use tracing::Instrument;

use crate::calls::{Calls, Endpoint};
use crate::client::page_size::{PageSize, Paging};
use crate::client::paging::{Progress, Step};
use crate::client::rows::Rows;
use crate::clock::Clock;
use crate::domain::id::{RatingKey, SectionKey};
use crate::domain::kind::ItemKind;
use crate::domain::listing::Detail;
use crate::domain::page::{Page, UnsupportedRow};
use crate::domain::section::{Identity, Section, Server};
use crate::error::Error;
use crate::error::kind::ErrorKind;
use crate::http::config::Config;
use crate::http::transport::{Call, Reply, Transport};
use crate::json::decode;
use crate::privacy::Private;
use crate::query::Query;

/// Bodies larger than this are decoded on a thread for such work. In bytes; decoding them takes
/// about 1/8 ms.
const DECODE_ASIDE: usize = 128 * 1024;

/// A Plex Media Server. Clones share connections, limits and counters.
///
/// Any future of a client may be dropped at any time. The request that is running is abandoned and
/// leaves its place among those in flight, but it still counts. A read that was dropped changed
/// nothing. The server may still carry out an edit, an upload or a scan that was dropped.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) transport: Transport,
    pub(crate) page_size: PageSize,
    pub(crate) max_in_flight: usize,
    expect_server: Option<String>,
}

impl Client {
    /// Checks the configuration and sets up the client. Nothing is sent.
    pub fn new(config: Config) -> Result<Self, Error> {
        let transport = Transport::new(&config)?;
        Ok(Self {
            shared: Arc::new(Shared {
                transport,
                page_size: PageSize::new(config.page_size),
                max_in_flight: config.max_in_flight,
                expect_server: config.expect_server,
            }),
        })
    }

    /// Asks for the server's identity. Needs no token and sends none.
    pub async fn identity(&self) -> Result<Identity, Error> {
        let mut call =
            self.get(Endpoint::Identity, "/identity", Query::default(), "asking who the server is");
        call.with_token = false;
        let (identity, call) =
            self.fetch(call, |_| 1, |reply| decode::identity(&reply.body)).await?;
        self.check_server(&identity.machine_identifier, &call)?;
        Ok(identity)
    }

    /// Asks what the server says about itself. This is the cheapest way to check a token.
    pub async fn server(&self) -> Result<Server, Error> {
        let call = self.get(Endpoint::Server, "/", Query::default(), "asking about the server");
        let (server, call) = self.fetch(call, |_| 1, |reply| decode::server(&reply.body)).await?;
        self.check_server(&server.machine_identifier, &call)?;
        Ok(server)
    }

    fn check_server(&self, found: &str, call: &Call) -> Result<(), Error> {
        match &self.shared.expect_server {
            Some(expected) if expected != found => {
                let text = format!("expected server {expected}, found {found}");
                Err(call.explain(Error::new(ErrorKind::WrongServer, text)))
            }
            _ => Ok(()),
        }
    }

    /// All sections with their stamps, in one request.
    ///
    /// A row without a uuid or a numeric key cannot be cached as a section. It is left out, with a
    /// warning. To get such rows too, use [`Client::section_rows`].
    pub async fn sections(&self) -> Result<Vec<Section>, Error> {
        Ok(self.section_rows().await?.0)
    }

    /// All sections with their stamps, in one request, and the rows that cannot be used as
    /// sections.
    pub async fn section_rows(&self) -> Result<(Vec<Section>, Vec<UnsupportedRow>), Error> {
        let call = self.get(
            Endpoint::Sections,
            "/library/sections",
            Query::default(),
            "listing the sections",
        );
        let (found, _) = self
            .fetch(
                call,
                |found: &decode::Found| found.0.len() as u64,
                |reply| {
                    let (found, frame) = decode::sections_and_frame(&reply.body)?;
                    frame.check((found.0.len() + found.1.len()) as u64)?;
                    Ok(found)
                },
            )
            .await?;
        for row in &found.1 {
            let title = Private(row.title.as_deref().unwrap_or_default());
            tracing::warn!(key = row.rating_key, %title, reason = %row.reason, "section left out");
        }
        Ok(found)
    }

    /// Items of a section whose title contains each of `words`, in any order; at most `limit` rows.
    /// All filters must match, as the server's documentation says. A server that applies only one
    /// of them lists more items.
    pub async fn search_title(
        &self,
        section: SectionKey,
        kind: ItemKind,
        words: &[&str],
        limit: u32,
    ) -> Result<Page, Error> {
        let doing = format!("searching section {section} for {words:?}");
        let filters: Vec<_> = words.iter().map(|word| ("title", *word)).collect();
        self.lookup(Endpoint::SearchTitle, section, kind, &filters, limit, &doing).await
    }

    /// Items of a section that may hold a file of this name; at most `limit` rows.
    ///
    /// This is only a hint: the filter is undocumented. Some servers ignore it and list everything,
    /// and the others do not apply it exactly. Compare [`Part::file`](crate::Part::file) yourself.
    pub async fn lookup_file(
        &self,
        section: SectionKey,
        kind: ItemKind,
        file_name: &str,
        limit: u32,
    ) -> Result<Page, Error> {
        let doing = format!("looking up {file_name:?} in section {section}");
        self.lookup(Endpoint::LookupFile, section, kind, &[("file", file_name)], limit, &doing)
            .await
    }

    /// Items of a section with this agent's guid (`plex://movie/...`); at most `limit` rows.
    /// External ids (`imdb://...`) cannot be looked up this way.
    pub async fn lookup_guid(
        &self,
        section: SectionKey,
        kind: ItemKind,
        guid: &str,
        limit: u32,
    ) -> Result<Page, Error> {
        let doing = format!("looking up {guid} in section {section}");
        self.lookup(Endpoint::LookupGuid, section, kind, &[("guid", guid)], limit, &doing).await
    }

    /// The children of an item: seasons of a show, tracks of an album. It reads all of them, page
    /// by page.
    pub async fn children(&self, parent: RatingKey, detail: Detail) -> Result<Page, Error> {
        let mut query = Query::default();
        // Without this, the seasons come with a row "All episodes", which is not a season.
        query.pair("excludeAllLeaves", "1");
        self.below(parent, "children", query, detail).await
    }

    /// The leaves of an item: episodes of a show, tracks of an artist. It reads all of them, page
    /// by page.
    pub async fn leaves(&self, parent: RatingKey, detail: Detail) -> Result<Page, Error> {
        self.below(parent, "allLeaves", Query::default(), detail).await
    }

    async fn below(
        &self,
        parent: RatingKey,
        what: &str,
        mut query: Query,
        detail: Detail,
    ) -> Result<Page, Error> {
        detail.write(&mut query);
        let path = format!("/library/metadata/{parent}/{what}");
        let doing = format!("listing {what} of item {parent}");
        let mut all = Page::default();
        let mut progress = Progress::default();
        loop {
            let mut call = self.get(Endpoint::Children, &path, query.clone(), &doing);
            call.window = Some((progress.rows(), self.page_size()));
            let Rows { page, call, answered } = self.fetch_rows(call, detail).await?;
            let step = progress.take(&page, answered.asked.into());
            let step = step.map_err(|error| call.explain(error))?;
            self.shared.page_size.judge(answered);
            if step == Step::Ended {
                return Ok(all);
            }
            all.rows = progress.rows();
            all.total = all.total.or(page.total);
            all.lossy |= page.lossy;
            all.section_uuid = all.section_uuid.or(page.section_uuid);
            all.items.extend(page.items);
            all.unsupported.extend(page.unsupported);
            if step == Step::Last {
                return Ok(all);
            }
        }
    }

    async fn lookup(
        &self,
        endpoint: Endpoint,
        section: SectionKey,
        kind: ItemKind,
        filters: &[(&str, &str)],
        limit: u32,
        doing: &str,
    ) -> Result<Page, Error> {
        let mut query = Query::default();
        // Without a type, a section of shows was seen to answer a file lookup with 500.
        query.pair("type", &kind.type_number().to_string());
        for (name, value) in filters {
            query.pair(name, value);
        }
        Detail::Lean.write(&mut query);
        let path = format!("/library/sections/{section}/all");
        let mut call = self.get(endpoint, &path, query, doing);
        call.window = Some((0, limit));
        Ok(self.fetch_rows(call, Detail::Lean).await?.page)
    }

    /// The server's address, as the client uses it.
    #[doc(hidden)]
    pub fn address(&self) -> &str {
        self.shared.transport.base()
    }

    /// Gives the token to code that makes a keyed hash of it. That code must keep nothing else of
    /// the token.
    #[doc(hidden)]
    pub fn with_token<T>(&self, hash: impl FnOnce(&[u8]) -> T) -> T {
        hash(self.shared.transport.token())
    }

    /// How many rows a listing requests at a time: [`Config::page_size`], or fewer if the server
    /// accepts only fewer.
    pub fn page_size(&self) -> u32 {
        self.paging().rows
    }

    /// The most rows that [`Config::page_size`] allows, whatever the server accepts.
    pub fn max_page_size(&self) -> u32 {
        self.shared.page_size.limit()
    }

    /// What is known about the pages that this server accepts.
    pub fn paging(&self) -> Paging {
        self.shared.page_size.paging()
    }

    /// Starts with what another client found out about this server, within the limit of
    /// [`Config::page_size`].
    pub fn set_paging(&self, paging: Paging) {
        self.shared.page_size.set(paging);
    }

    /// The clock the client was configured with.
    pub fn clock(&self) -> &Clock {
        &self.shared.transport.clock
    }

    /// The requests made so far.
    pub fn calls(&self) -> Calls {
        self.shared.transport.counters.snapshot()
    }

    /// Sets all counters to zero, for every clone of this client.
    pub fn reset_calls(&self) {
        self.shared.transport.counters.reset();
    }

    pub(crate) fn get(&self, endpoint: Endpoint, path: &str, query: Query, doing: &str) -> Call {
        Call {
            endpoint,
            method: Method::GET,
            url: self.shared.transport.url(path, &query.into_string()),
            body: Bytes::new(),
            window: None,
            doing: doing.to_owned(),
            repeatable: true,
            divisible: false,
            with_token: true,
        }
    }

    /// Sends a request whose answer has no content: servers send an empty HTML page. A page with
    /// content comes from another program, which asks for a login. Then nothing was done.
    pub(crate) async fn act(&self, call: Call) -> Result<(), Error> {
        let nothing = |reply: Reply| {
            if reply.from_plex || reply.body.trim_ascii().is_empty() {
                return Ok(());
            }
            let text = format!(
                "a page in place of an empty answer, not from a Plex Media Server: {}",
                crate::http::redact::one_line(&reply.body)
            );
            Err(Error::new(ErrorKind::Decode, text))
        };
        self.fetch(call, |()| 0, nothing).await.map(|_| ())
    }

    /// Sends a request and decodes its answer, in one span. `rows` counts the rows of the result.
    pub(crate) async fn fetch<T: Send + 'static>(
        &self,
        call: Call,
        rows: fn(&T) -> u64,
        decode: impl FnOnce(Reply) -> Result<T, Error> + Send + 'static,
    ) -> Result<(T, Call), Error> {
        let span = span(&call);
        let work = async {
            let reply = self.shared.transport.send(&call).await?;
            let decoded = decode_aside(reply, decode).await;
            let transport = &self.shared.transport;
            let decoded = decoded.map_err(|error| {
                call.explain(error.map_text(|text| transport.without_token(text)))
            })?;
            tracing::Span::current().record("rows", rows(&decoded));
            Ok(decoded)
        };
        let decoded = work.instrument(span).await?;
        Ok((decoded, call))
    }
}

/// Decodes a large body on a thread of its own, so that other tasks do not have to wait.
async fn decode_aside<T: Send + 'static>(
    reply: Reply,
    decode: impl FnOnce(Reply) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let small = reply.body.len() < DECODE_ASIDE;
    let span = tracing::trace_span!("parse", bytes = reply.body.len());
    let decode = move || span.in_scope(|| decode(reply));
    if small {
        return decode();
    }
    let work = tokio::task::spawn_blocking(decode);
    work.await.unwrap_or_else(|error| {
        Err(Error::new(ErrorKind::Decode, "decoding did not end").with_source(error))
    })
}

pub(crate) fn span(call: &Call) -> tracing::Span {
    tracing::trace_span!(
        "plex_request",
        method = %call.method,
        endpoint = call.endpoint.name(),
        status = tracing::field::Empty,
        rows = tracing::field::Empty,
        bytes = tracing::field::Empty,
        elapsed_ms = tracing::field::Empty,
    )
}
