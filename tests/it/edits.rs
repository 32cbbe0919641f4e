//! Edits against the simulated server: what they change, what they keep, and which stamps they
//! move.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use plex_api::{
    Artwork, Client, Config, Detail, Edit, Endpoint, ErrorKind, Field, Filter, ItemKind, Listing,
    RatingKey, RetryPolicy, SectionKey, TagField, Token, UnixSeconds,
};
use testbed::generate::{LibraryKind, Spec, generate};
use testbed::library::{Item, Library, SectionKind};
use testbed::server::{Options, Pms};

struct World {
    pms: Pms,
    client: Client,
    section: SectionKey,
    keys: Vec<RatingKey>,
}

impl World {
    async fn start(kind: LibraryKind) -> Self {
        let library = generate(&Spec { seed: 11, items: 300, kind });
        let keys = library.sections[0].items().iter().map(|item| RatingKey(item.rating_key));
        let (keys, section) = (keys.collect(), SectionKey(library.sections[0].key));
        let pms = Pms::start(library, Options::default()).await.unwrap();
        let config = Config {
            retry: RetryPolicy::none(),
            ..Config::new(pms.url(), Token::new(pms.token()))
        };
        Self { client: Client::new(config).unwrap(), pms, section, keys }
    }

    fn item(&self, key: RatingKey) -> Item {
        self.pms.edit(|library| library.sections[0].item(key.0).unwrap().clone())
    }

    fn counter(&self) -> i64 {
        self.pms.edit(|library| library.sections[0].content_changed_at)
    }

    /// Edits after an hour. Returns whether the item's `updatedAt` and the section's counter moved.
    async fn moved(&self, key: RatingKey, edit: &Edit) -> (bool, bool) {
        self.pms.edit(|library| library.advance(3600));
        let before = (self.item(key).updated_at, self.counter());
        self.client.edit_item(key, edit).await.unwrap();
        let after = (self.item(key).updated_at, self.counter());
        (after.0 != before.0, after.1 != before.1)
    }

    async fn edit_all(&self, keys: &[RatingKey], edit: &Edit) -> Option<ErrorKind> {
        let edited = self.client.edit_items(self.section, ItemKind::Movie, keys, edit).await;
        edited.err().map(|error| error.kind())
    }
}

#[tokio::test]
async fn what_was_edited_comes_back() {
    let world = World::start(LibraryKind::Movies).await;
    let key = world.keys[7];
    let edit = Edit::new()
        .set(Field::Title, "A & B, =\u{e9}")
        .set(Field::Summary, "")
        .set(Field::Studio, "Studio")
        .set(Field::OriginallyAvailableAt, "1999-03-31")
        .set(Field::UserRating, "7.5")
        .set(Field::AddedAt, "1234567890")
        .set_tags(TagField::Genre, ["Drama", "War", "a,b", "100% +"])
        .lock("title", true)
        .lock("genre", true);
    world.client.edit_item(key, &edit).await.unwrap();
    let item = world.client.items(&[key]).await.unwrap().items.remove(0);
    assert_eq!(item.title, "A & B, =\u{e9}");
    assert_eq!(item.summary, None, "an empty summary is none");
    assert_eq!(item.studio.as_deref(), Some("Studio"));
    assert_eq!(item.originally_available_at.as_deref(), Some("1999-03-31"));
    assert_eq!((item.user_rating, item.added_at), (Some(7.5), Some(UnixSeconds(1_234_567_890))));
    assert_eq!(
        item.tags_of(TagField::Genre).collect::<Vec<_>>(),
        ["Drama", "War", "a,b", "100% +"]
    );
    assert!(item.is_locked("title") && item.is_locked("genre") && !item.is_locked("summary"));

    let edit = Edit::new()
        .remove_tags(TagField::Genre, ["a,b", "100% +", "War"])
        .set(Field::Studio, "")
        .lock("title", false);
    world.client.edit_item(key, &edit).await.unwrap();
    let item = world.client.items(&[key]).await.unwrap().items.remove(0);
    assert_eq!(item.tags_of(TagField::Genre).collect::<Vec<_>>(), ["Drama"]);
    assert_eq!((item.studio, item.locked), (None, vec!["genre".to_owned()]));
    assert_eq!(world.client.calls().count(Endpoint::Edit), 2);
}

#[tokio::test]
async fn stamps_move_as_on_a_real_server() {
    let world = World::start(LibraryKind::Movies).await;
    let key = world.keys[0];
    // (edit, whether updatedAt moves, whether the counter moves)
    let tagged = |field, tag| Edit::new().set_tags(field, [tag]);
    for (edit, updated, changed) in [
        (Edit::new().set(Field::Title, "New"), true, false),
        (Edit::new().set(Field::Summary, "New"), true, false),
        (tagged(TagField::Genre, "Drama"), true, false),
        (tagged(TagField::Label, "seen"), false, false),
        (tagged(TagField::Collection, "Mine"), false, true),
        (tagged(TagField::Collection, "Mine"), false, false),
        (Edit::new().remove_tags(TagField::Collection, ["Mine"]), false, false),
        (Edit::new().set(Field::UserRating, "3"), false, false),
        (Edit::new().lock("title", true), false, false),
    ] {
        assert_eq!(world.moved(key, &edit).await, (updated, changed), "{edit:?}");
    }
}

#[tokio::test]
async fn a_group_is_edited_in_one_request() {
    let world = World::start(LibraryKind::Movies).await;
    let edit = Edit::new().set_tags(TagField::Label, ["mine"]);
    assert_eq!(world.edit_all(&world.keys[..100], &edit).await, None);
    let labelled: BTreeSet<RatingKey> = {
        let keys = world.keys.iter().copied();
        keys.filter(|key| world.item(*key).details.tags_of("label") == ["Mine"]).collect()
    };
    assert!(labelled.iter().eq(&world.keys[..100]));
    assert_eq!(world.pms.requests().total(), 1);
}

#[tokio::test]
async fn refusals_have_the_status_of_their_cause() {
    let world = World::start(LibraryKind::Movies).await;
    let edit = Edit::new().set(Field::Title, "New");
    let gone = RatingKey(9_999_999);
    assert_eq!(world.edit_all(&[world.keys[0], gone], &edit).await, Some(ErrorKind::NotFound));
    assert_ne!(world.item(world.keys[0]).title, "New", "one is missing, none is edited");
    let one = world.client.edit_item(gone, &edit).await.unwrap_err();
    assert_eq!(one.kind(), ErrorKind::NotFound);
    for odd in [
        Edit::new().set(Field::AddedAt, "yesterday"),
        Edit::new().set(Field::OriginallyAvailableAt, "31.3.1999"),
        Edit::new().raw("hologram.value", "1"),
        Edit::new().raw("title.locked", "maybe"),
    ] {
        let refused = world.edit_all(&world.keys[..1], &odd).await;
        assert_eq!(refused, Some(ErrorKind::BadRequest), "{odd:?}");
    }
    let episodes = world
        .client
        .edit_items(world.section, ItemKind::Episode, &world.keys[..1], &edit)
        .await
        .unwrap_err();
    assert_eq!(episodes.kind(), ErrorKind::BadRequest, "the items are of another type");

    world.pms.edit(|library| library.poison_item(0, world.keys[2].0));
    assert_eq!(world.edit_all(&world.keys[..4], &edit).await, Some(ErrorKind::BadRequest));
    let edited = world.keys[..4].iter().map(|key| world.item(*key).title == "New");
    assert_eq!(edited.collect::<Vec<_>>(), [true, true, false, false], "only the first two");

    let (first, second) = world
        .pms
        .edit(|library| (library.add_collection(0, "First"), library.add_collection(0, "Second")));
    let taken = Edit::new().set(Field::Title, "First");
    let error = world.client.edit_item(RatingKey(second), &taken).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    world.client.edit_item(RatingKey(first), &taken).await.unwrap();
}

/// The client guards against this danger, which exists in the simulated server too.
#[tokio::test]
async fn an_edit_without_ids_is_an_edit_of_everything() {
    let world = World::start(LibraryKind::Movies).await;
    for id in ["", "&id="] {
        let title = format!("all{}", id.len());
        let url = format!(
            "{}/library/sections/{}/all?type=1{id}&title.value={title}&X-Plex-Token={}",
            world.pms.url(),
            world.section,
            world.pms.token()
        );
        let response = reqwest::Client::new().put(url).send().await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/html");
        assert_eq!(response.text().await.unwrap(), "");
        assert!(world.keys.iter().all(|key| world.item(*key).title == title));
    }
}

#[tokio::test]
async fn an_upload_is_kept_and_moves_the_item() {
    let world = World::start(LibraryKind::Movies).await;
    world.pms.edit(|library| library.advance(60));
    let key = world.keys[3];
    let before = world.item(key).updated_at;
    world.client.upload(key, Artwork::Poster, b"\xff\xd8 a picture".to_vec()).await.unwrap();
    world.client.upload(key, Artwork::Background, vec![7; 3_000_000]).await.unwrap();
    let item = world.item(key);
    let images = item.details.images.iter().map(|image| (image.kind, image.bytes.len()));
    assert_eq!(images.collect::<Vec<_>>(), [("posters", 12), ("arts", 3_000_000)]);
    assert!(item.updated_at > before);
    let gone = world.client.upload(RatingKey(9_999_999), Artwork::Poster, vec![1]).await;
    assert_eq!(gone.unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(world.client.calls().count(Endpoint::Upload), 3);
}

#[tokio::test]
async fn a_scan_moves_its_stamp() {
    let world = World::start(LibraryKind::Movies).await;
    world.pms.edit(|library| library.advance(60));
    let before = world.client.sections().await.unwrap().remove(0);
    world.client.scan(world.section, Some("/data/media/movies/A")).await.unwrap();
    let after = world.client.sections().await.unwrap().remove(0);
    assert!(after.scanned_at > before.scanned_at);
    assert_eq!(after.content_changed_at, before.content_changed_at);
    let gone = world.client.scan(SectionKey(99), None).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn episodes_have_seasons_and_shows() {
    let world = World::start(LibraryKind::Episodes).await;
    let shows = Listing::new(world.section, ItemKind::Show);
    let shows: Vec<_> = world.client.pages(shows).try_collect().await.unwrap();
    let shows: Vec<_> = shows.into_iter().flat_map(|page| page.items).collect();
    let mut leaves = 0;
    for show in &shows {
        assert_eq!((show.kind, show.parts().count()), (ItemKind::Show, 0));
        let seasons = world.client.children(show.rating_key, Detail::Lean).await.unwrap();
        assert_eq!(seasons.unsupported, [], "no row \"All episodes\"");
        for season in &seasons.items {
            assert_eq!(season.kind, ItemKind::Season);
            assert_eq!(season.parent_rating_key, Some(show.rating_key));
            let episodes = world.client.children(season.rating_key, Detail::Lean).await.unwrap();
            assert!(episodes.items.iter().all(|item| item.parent_index == season.index));
            leaves += episodes.items.len();
        }
        let all = world.client.leaves(show.rating_key, Detail::Lean).await.unwrap();
        assert!(all.items.iter().all(|item| item.grandparent_rating_key == Some(show.rating_key)));
    }
    assert_eq!(leaves, world.keys.len());
    let show = shows[0].rating_key;
    let edit = Edit::new().set(Field::Summary, "a show");
    world.client.edit_items(world.section, ItemKind::Show, &[show], &edit).await.unwrap();
    let found = world.client.items(&[show]).await.unwrap();
    assert_eq!(found.items[0].summary.as_deref(), Some("a show"));
}

#[tokio::test]
async fn tracks_have_albums_and_artists() {
    let mut library = Library::new("0123456789abcdef", 1_700_000_000);
    library.add_section("Music", SectionKind::Artist, "tv.plex.agents.music", &["/music"]);
    for (number, album) in (1..).zip(["Blue", "Blue", "Red"]) {
        let mut track = Item {
            title: format!("Track {number}"),
            grandparent_title: Some("A Band".to_owned()),
            index: Some(number),
            ..Item::default()
        };
        track.details.fields.insert("parentTitle".to_owned(), album.into());
        library.add_item(0, track);
    }
    let pms = Pms::start(library, Options::default()).await.unwrap();
    let client = Client::new(Config::new(pms.url(), Token::new(pms.token()))).unwrap();
    let section = SectionKey(1);
    let artists = client.page(&Listing::new(section, ItemKind::Artist), 0, 9).await.unwrap();
    let artist = artists.items[0].rating_key;
    let albums = client.children(artist, Detail::Lean).await.unwrap().items;
    let titles = albums.iter().map(|album| (album.kind, album.title.as_str()));
    assert!(titles.eq([(ItemKind::Album, "Blue"), (ItemKind::Album, "Red")]));
    let tracks = client.children(albums[0].rating_key, Detail::Lean).await.unwrap().items;
    assert_eq!(tracks.len(), 2);
    assert_eq!(tracks[1].kind, ItemKind::Track);
    assert_eq!(tracks[1].parent_title.as_deref(), Some("Blue"));
    assert_eq!(tracks[1].grandparent_title.as_deref(), Some("A Band"));
    assert_eq!(client.leaves(artist, Detail::Lean).await.unwrap().items.len(), 3);
}

#[tokio::test]
async fn a_delta_of_both_kinds_is_one_request() {
    let world = World::start(LibraryKind::Movies).await;
    world.pms.edit(|library| library.advance(3600));
    let since = UnixSeconds(world.pms.edit(|library| library.now()) - 1);
    let both = [world.keys[3], world.keys[9]];
    let added = format!("{}", since.0 + 1);
    world.client.edit_item(both[0], &Edit::new().set(Field::Summary, "x")).await.unwrap();
    world.pms.edit(|library| {
        let updated = library.sections[0].item(both[1].0).unwrap().updated_at;
        library.edit_item(0, both[1].0, &[("addedAt.value", &added)]);
        library.item_at(0, both[1].0).updated_at = updated;
    });
    for (filter, expected) in [
        (Filter::AddedSince(since), &both[1..]),
        (Filter::UpdatedSince(since), &both[..1]),
        (Filter::ChangedSince(since), &both[..]),
    ] {
        let listing = Listing { filter, ..Listing::new(world.section, ItemKind::Movie) };
        let page = world.client.page(&listing, 0, 50).await.unwrap();
        let keys = page.items.iter().map(|item| item.rating_key);
        assert_eq!(keys.collect::<Vec<_>>(), expected, "{filter:?}");
    }
}
