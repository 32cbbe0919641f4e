//! The time to decode a page of a listing on one core.
//!
//! The page has 1,000 movies in the form and size of a real server (about 2.2 KB each, with tags
//! and summary, as from a server that ignores the request to leave them out). `lean` decodes the
//! fields that matching reads, `full` decodes everything. `floor` only checks the JSON syntax; no
//! decoder can be much faster.

#![recursion_limit = "256"] // the `json!` of a whole item

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use plex_api::{Detail, decode};
use serde_json::{Value, json};

const ITEMS: u64 = 1000;

/// A movie as in a listing. The values are invented; names, order and lengths are real.
fn movie(key: u64) -> Value {
    let title = format!("The Lighthouse Keeper's Daughter {key}");
    let folder = format!("/data/media/movies/{title} (1989) {{imdb-tt{key:07}}}");
    let file = format!("{folder}/{title} (1989) [Bluray-1080p][DTS 5.1][x264]-GROUP.mkv");
    let thumb = format!("/library/metadata/{key}/thumb/1735959624");
    let art = format!("/library/metadata/{key}/art/1735959624");
    let summary = "A keeper's daughter returns to the coast she left, finds the light still \
        burning and nobody to tend it, and sets out to learn who has kept it all these years. \
        What she finds in the logs is older than the tower, and closer to home than she is ready \
        to believe, as the winter's first storm cuts the island off from the mainland.";
    let tags = |list: &[&str]| list.iter().map(|tag| json!({"tag": tag})).collect::<Vec<_>>();
    json!({
        "ratingKey": key.to_string(), "key": format!("/library/metadata/{key}"),
        "guid": format!("plex://movie/5d7768374de0ee001f{key:06}"), "slug": "the-lighthouse",
        "studio": "Imagine Entertainment", "type": "movie", "title": title,
        "titleSort": format!("Lighthouse Keeper's Daughter {key}"), "contentRating": "PG",
        "summary": summary, "rating": 6.8, "audienceRating": 7.1, "year": 1989,
        "tagline": "The light never went out.", "thumb": thumb, "art": art,
        "duration": 6_086_421, "originallyAvailableAt": "1989-02-17", "addedAt": 1_731_349_749,
        "updatedAt": 1_735_959_624, "audienceRatingImage": "themoviedb://image.rating",
        "chapterSource": "media", "primaryExtraKey": format!("/library/metadata/{}", key + 1),
        "Media": [{
            "id": key + 8000, "duration": 6_086_421, "bitrate": 1164, "width": 1920,
            "height": 1036, "aspectRatio": 1.85, "audioChannels": 2, "audioCodec": "aac",
            "videoCodec": "hevc", "videoResolution": "1080", "container": "mkv",
            "videoFrameRate": "24p", "audioProfile": "lc", "videoProfile": "main",
            "hasVoiceActivity": true,
            "Part": [{
                "id": key + 9000, "key": format!("/library/parts/{}/1730386641/file.mkv", key + 9000),
                "duration": 6_086_421, "file": file, "size": 885_939_412_u64 + key,
                "audioProfile": "lc", "container": "mkv", "videoProfile": "main"
            }]
        }],
        "Image": [
            {"alt": "x", "type": "coverPoster", "url": thumb},
            {"alt": "x", "type": "background", "url": art}
        ],
        "Genre": tags(&["Thriller", "Drama"]), "Country": tags(&["United States of America"]),
        "Director": tags(&["Ann Example"]), "Writer": tags(&["Ben Example", "Cy Example"]),
        "Role": tags(&["Dee Example", "Eve Example", "Flo Example"]),
        "Guid": [
            {"id": format!("imdb://tt{key:07}")}, {"id": format!("tmdb://{key}")},
            {"id": format!("tvdb://{key}")}
        ],
    })
}

fn body() -> Vec<u8> {
    let rows: Vec<Value> = (10_000..10_000 + ITEMS).map(movie).collect();
    let page = json!({"MediaContainer": {
        "size": ITEMS, "totalSize": 2295, "offset": 0, "librarySectionID": 1,
        "librarySectionUUID": "bc77c182-0000-0000-0000-000000000000", "Metadata": rows,
    }});
    page.to_string().into_bytes()
}

fn decode_pages(criterion: &mut Criterion) {
    let body = body();
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Bytes(body.len() as u64));
    for (name, detail) in [("lean", Detail::Lean), ("full", Detail::Full)] {
        // The time to drop the page is not measured.
        group.bench_function(name, |bencher| {
            bencher.iter_batched(|| (), |()| decode::page(&body, detail), BatchSize::LargeInput);
        });
    }
    group.bench_function("floor", |bencher| {
        bencher.iter(|| serde_json::from_slice::<serde::de::IgnoredAny>(&body).is_ok());
    });
    group.finish();
}

criterion_group!(decoding, decode_pages);
criterion_main!(decoding);
