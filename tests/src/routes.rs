//! The answer of each address of the simulated server.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};

use crate::details::Image;
use crate::events::Notice;
use crate::library::{Item, Section};
use crate::listing::{self, Answer, Arguments, Window};
use crate::row::{self, Listing, Row};
use crate::server::Shared;
use crate::wire::{self, html};

type Server = State<Arc<Shared>>;

/// The largest image that is accepted, in bytes.
const IMAGE_LIMIT: usize = 32 * 1024 * 1024;

pub(crate) fn router(shared: &Arc<Shared>) -> Router {
    Router::new()
        .without_v07_checks() // a path of the API begins with a colon
        .route("/", get(root))
        .route("/identity", get(identity))
        .route("/library", get(library))
        .route("/library/sections", get(sections))
        .route("/library/sections/all", get(sections))
        .route("/library/sections/{key}/all", get(listing).put(edit_section))
        .route("/library/sections/{key}/refresh", get(scan).post(scan).delete(empty))
        .route("/library/sections/{key}/collections", get(collections))
        .route("/library/metadata/{keys}", get(metadata).put(edit_item))
        .route("/library/metadata/{key}/children", get(children))
        .route("/library/metadata/{key}/allLeaves", get(leaves))
        .route("/library/metadata/{key}/posters", post(poster))
        .route("/library/metadata/{key}/arts", post(art))
        .route("/:/eventsource/notifications", get(listen))
        .fallback(async || html(StatusCode::NOT_FOUND))
        .layer(DefaultBodyLimit::max(IMAGE_LIMIT))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), wire::spell))
        .layer(middleware::from_fn_with_state(Arc::clone(shared), wire::gate))
        .with_state(Arc::clone(shared))
}

impl<S: Sync> FromRequestParts<S> for Arguments {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

fn json<T: serde::Serialize>(value: &T) -> Response {
    let body = serde_json::to_vec(value).unwrap();
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")];
    (headers, [("x-plex-protocol", "1.0")], body).into_response()
}

/// A page with its position also in headers.
fn page(page: &Listing<'_>) -> Response {
    let mut response = json(page);
    let total = page.container.total_size.into_iter();
    let total = total.map(|total| ("x-plex-container-total-size", total));
    let offset = page.container.offset.into_iter();
    let offset = offset.map(|offset| ("x-plex-container-start", offset));
    for (name, value) in total.chain(offset) {
        response.headers_mut().insert(name, value.into());
    }
    response
}

/// The answer to actions: empty, but with the type of HTML.
async fn empty() -> Response {
    done(StatusCode::OK)
}

fn done(status: StatusCode) -> Response {
    match status {
        StatusCode::OK => ([(header::CONTENT_TYPE, "text/html")], "").into_response(),
        status => html(status),
    }
}

async fn root(State(shared): Server) -> Response {
    let library = shared.library();
    json(&json!({ "MediaContainer": {
        "size": 0,
        "friendlyName": "testbed",
        "machineIdentifier": library.machine_identifier,
        "version": library.version,
        "platform": "Linux",
        "myPlex": false,
    }}))
}

async fn identity(State(shared): Server) -> Response {
    let library = shared.library();
    json(&json!({ "MediaContainer": {
        "size": 0,
        "claimed": true,
        "machineIdentifier": library.machine_identifier,
        "version": library.version,
    }}))
}

async fn library() -> Response {
    json(&json!({ "MediaContainer": {
        "size": 0,
        "identifier": "com.plexapp.plugins.library",
        "title1": "Plex Library",
    }}))
}

async fn sections(State(shared): Server) -> Response {
    let library = shared.library();
    let rows: Vec<_> = library.sections.iter().map(row::section).collect();
    json(&json!({ "MediaContainer": {
        "size": rows.len(),
        "allowSync": false,
        "title1": "Plex Library",
        "Directory": rows,
    }}))
}

fn section_at(sections: &[Section], key: &str) -> Option<usize> {
    sections.iter().position(|section| section.key.to_string() == key)
}

async fn listing(State(shared): Server, Path(key): Path<String>, arguments: Arguments) -> Response {
    let library = shared.library();
    let Some(at) = section_at(&library.sections, &key) else {
        return if library.quirks.empty_for_gone {
            json(&json!({ "MediaContainer": { "size": 0 } }))
        } else {
            html(StatusCode::NOT_FOUND)
        };
    };
    if library.quirks.hidden_section == Some(at) {
        return html(StatusCode::FORBIDDEN);
    }
    if library.quirks.failing_section == Some(at) {
        return html(StatusCode::INTERNAL_SERVER_ERROR);
    }
    match listing::answer(&library, &library.sections[at], &arguments) {
        Answer::Page(answer) => page(&answer),
        Answer::Unpaged | Answer::TooMany => html(StatusCode::BAD_REQUEST),
        Answer::Broken => html(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

async fn collections(
    State(shared): Server,
    Path(key): Path<String>,
    arguments: Arguments,
) -> Response {
    let library = shared.library();
    let Some(at) = section_at(&library.sections, &key) else { return html(StatusCode::NOT_FOUND) };
    let section = &library.sections[at];
    let window = Window::of(&arguments);
    let rows = window.cut(&section.collections);
    let rows = rows.into_iter().map(|it| Row::Plain(row::collection(it, section)));
    page(&window.page(rows.collect(), section.collections.len()))
}

/// Several keys at once. The server looks at the items' files again, unless the request says
/// `skipRefresh=1`. Unknown keys are left out. If all keys are unknown, the answer is 404.
async fn metadata(
    State(shared): Server,
    Path(keys): Path<String>,
    arguments: Arguments,
) -> Response {
    let library = shared.library();
    let mut shape = arguments.shape(library.quirks);
    (shape.guids, shape.full) = (true, true); // a read by key always has them
    let row = |key: u64| {
        library.sections.iter().find_map(|section| {
            let item = section.find(key).map(|item| Row::of_section(item, section, &shape));
            let collection = || {
                let mut all = section.collections.iter();
                let found = all.find(|collection| collection.rating_key == key)?;
                Some(Row::Plain(row::collection(found, section)))
            };
            item.or_else(collection)
        })
    };
    let keys = keys.split(',').filter_map(|key| key.parse().ok());
    let rows: Vec<Row<'_>> = keys.filter_map(row).collect();
    if rows.is_empty() {
        return html(StatusCode::NOT_FOUND);
    }
    if arguments.get("skipRefresh") != Some("1") {
        shared.tell(&Notice::refreshing(&rows));
    }
    let window = Window::of(&arguments);
    let total = rows.len();
    page(&window.page(window.cut(rows), total))
}

async fn children(State(shared): Server, Path(key): Path<u64>, arguments: Arguments) -> Response {
    below(&shared, key, &arguments, |section| section.children(key).collect())
}

async fn leaves(State(shared): Server, Path(key): Path<u64>, arguments: Arguments) -> Response {
    below(&shared, key, &arguments, |section| section.leaves(key).collect())
}

fn below(
    shared: &Shared,
    key: u64,
    arguments: &Arguments,
    rows: impl Fn(&Section) -> Vec<&Item>,
) -> Response {
    let library = shared.library();
    let Some(section) = library.sections.iter().find(|section| section.find(key).is_some()) else {
        return html(StatusCode::NOT_FOUND);
    };
    let rows = rows(section);
    let window = Window::of(arguments);
    if library.quirks.needs_paging && !window.paged {
        return html(StatusCode::BAD_REQUEST);
    }
    let total = rows.len();
    let seasons = rows.iter().any(|row| row.kind == 3);
    let mut answer =
        listing::page(section, &window.cut(rows), total, window, &arguments.shape(library.quirks));
    if seasons && arguments.get("excludeAllLeaves") != Some("1") {
        answer.container.directories.push(json!({
            "title": "All episodes",
            "key": format!("/library/metadata/{key}/allLeaves"),
        }));
        answer.container.size += 1;
    }
    page(&answer)
}

async fn edit_section(
    State(shared): Server,
    Path(key): Path<String>,
    arguments: Arguments,
) -> Response {
    done(shared.edit(|library| match section_at(&library.sections, &key) {
        Some(at) => library.answer_section_edit(at, &arguments),
        None => StatusCode::NOT_FOUND,
    }))
}

async fn edit_item(State(shared): Server, Path(key): Path<u64>, arguments: Arguments) -> Response {
    done(shared.edit(|library| library.answer_edit(key, &arguments)))
}

async fn poster(state: Server, key: Path<u64>, bytes: Bytes) -> Response {
    upload(&state, *key, "posters", "thumb", &bytes)
}

async fn art(state: Server, key: Path<u64>, bytes: Bytes) -> Response {
    upload(&state, *key, "arts", "art", &bytes)
}

/// The server selects a new image at once. It tells listeners nothing about it.
fn upload(shared: &Shared, key: u64, kind: &'static str, field: &str, bytes: &[u8]) -> Response {
    if bytes.is_empty() {
        return html(StatusCode::BAD_REQUEST);
    }
    done(shared.edit(|library| {
        let now = library.now();
        let holds = |section: &Section| section.find(key).is_some();
        let Some(at) = library.sections.iter().position(holds) else {
            return StatusCode::NOT_FOUND;
        };
        let item = library.item_at(at, key);
        item.details.images.push(Image { kind, bytes: bytes.to_vec() });
        let address = format!("/library/metadata/{key}/{field}/{now}");
        item.details.fields.insert(field.to_owned(), Value::from(address));
        item.updated_at = now;
        StatusCode::OK
    }))
}

/// A scan ends before its answer is sent.
async fn scan(State(shared): Server, Path(key): Path<String>) -> Response {
    done(shared.edit(|library| match section_at(&library.sections, &key) {
        Some(at) => {
            library.scan(at);
            StatusCode::OK
        }
        None if key == "all" => {
            (0..library.sections.len()).for_each(|at| library.scan(at));
            StatusCode::OK
        }
        None => StatusCode::NOT_FOUND,
    }))
}

async fn listen(State(shared): Server) -> Response {
    shared.listen()
}
