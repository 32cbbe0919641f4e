//! The server's event stream.

use plex_api::decode::{events, stream};

use super::{Run, Target, texts};

pub(super) const TARGET: Target = Target {
    name: "stream",
    about: "an event stream: it gives the same events, in whatever pieces it comes",
    words: &[
        "event: ",
        "data: ",
        "\n\n",
        "\r\r",
        "event:",
        "data:",
        "ping",
        "timeline",
        "\"NotificationContainer\":",
        "\"TimelineEntry\":",
        "\"itemID\":",
        "\"state\":",
        "\"ActivityNotification\":",
    ],
    may_die: false,
    seeds: || {
        texts(&[
            include_str!("../../seeds/stream/named.txt"),
            include_str!("../../seeds/stream/unnamed.txt"),
        ])
    },
    start: || -> Run { Box::new(run) },
};

fn run(bytes: &[u8]) {
    let whole = stream([bytes]);
    // The first byte gives the size of the pieces.
    let piece = usize::from(bytes.first().copied().unwrap_or_default()) + 1;
    for size in [1, piece] {
        let pieces = stream(bytes.chunks(size));
        match (&whole, &pieces) {
            (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces, "in pieces of {size}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{whole:?}, but in pieces of {size}: {pieces:?}"),
        }
    }
    let _ = events("", bytes);
}
