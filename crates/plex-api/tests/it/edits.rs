//! Edits and scans: what is sent, and what is refused before anything is sent.

use plex_api::{
    Client, Edit, Endpoint, ErrorKind, Field, ItemKind, RatingKey, SectionKey, TagField,
};

use crate::support::{Server, http};

fn edit() -> Edit {
    Edit::new().set(Field::Title, "New").lock("title", true).set_tags(TagField::Label, ["a"])
}

#[tokio::test]
async fn edits_are_one_put_and_take_an_empty_answer() {
    let server = Server::start(|_, _| http(200, &[("content-type", "text/html")], "")).await;
    let client = server.client();
    client.edit_item(RatingKey(7), &edit()).await.unwrap();
    let keys = [RatingKey(1), RatingKey(2)];
    client.edit_items(SectionKey(3), ItemKind::Movie, &keys, &edit()).await.unwrap();
    client.scan(SectionKey(3), Some("/movies/A B")).await.unwrap();
    let sent: Vec<String> =
        server.seen().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect();
    assert_eq!(
        sent,
        [
            "PUT /library/metadata/7?title.value=New&title.locked=1&label%5B0%5D.tag.tag=a",
            "PUT /library/sections/3/all?type=1&id=1%2C2\
             &title.value=New&title.locked=1&label%5B0%5D.tag.tag=a",
            "GET /library/sections/3/refresh?path=%2Fmovies%2FA%20B",
        ]
    );
    assert_eq!(client.calls().count(Endpoint::Edit), 2);
    assert_eq!(client.calls().count(Endpoint::Scan), 1);
}

#[tokio::test]
async fn what_could_edit_the_whole_section_never_leaves() {
    let server = Server::start(|_, _| http(200, &[], "")).await;
    let client = server.client();
    let keys: Vec<RatingKey> = (0..=Client::EDIT_LIMIT as u64).map(RatingKey).collect();
    for (keys, edit) in [
        (&keys[..0], edit()),
        (&keys[..], edit()),
        (&keys[..1], Edit::new()),
        (&keys[..1], edit().raw("id", "")),
    ] {
        let refused = client.edit_items(SectionKey(3), ItemKind::Movie, keys, &edit).await;
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Config);
    }
    assert_eq!(server.seen().len(), 0);
}

#[tokio::test]
async fn refusals_keep_their_kind_and_scans_are_sent_once() {
    for (status, kind, edits, scans) in [
        (400, ErrorKind::BadRequest, 1, 1),
        (404, ErrorKind::NotFound, 1, 1),
        (409, ErrorKind::Conflict, 1, 1),
        (500, ErrorKind::Server, 4, 1),
        (503, ErrorKind::Unavailable, 4, 1),
    ] {
        let server = Server::start(move |_, _| http(status, &[], "<h1>no</h1>")).await;
        let client = server.client();
        let keys = [RatingKey(1)];
        let error = client.edit_items(SectionKey(3), ItemKind::Movie, &keys, &edit()).await;
        assert_eq!(error.unwrap_err().kind(), kind, "{status}");
        assert_eq!(client.scan(SectionKey(3), None).await.unwrap_err().kind(), kind);
        assert_eq!(client.calls().count(Endpoint::Edit), edits, "{status}");
        assert_eq!(client.calls().count(Endpoint::Scan), scans, "{status}");
    }
}
