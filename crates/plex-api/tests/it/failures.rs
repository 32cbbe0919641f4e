//! Failures: which error each gives, which requests are repeated, and what no error text contains.

use std::time::Duration;

use plex_api::{
    Artwork, BreakerPolicy, Client, Config, Edit, Endpoint, Error, ErrorKind, Field, ItemKind,
    Listing, RatingKey, RetryPolicy, SectionKey, Token,
};
use serde_json::json;

use crate::support::{Answer, Server, TOKEN, http, movies, ok};

const MIGRATION: &str = "<?xml version=\"1.0\"?>\n<Response code=\"503\" title=\"Maintenance\" \
    status=\"Plex Media Server is currently running database migrations.\"/>";
const HTML_401: &str = "<html><head><title>Unauthorized</title></head>\
    <body><h1>401 Unauthorized</h1></body></html>";

/// Asks for the sections. Returns the error and the number of requests.
async fn fail(server: &Server, config: Config) -> (Error, u64) {
    let client = Client::new(config).unwrap();
    let error = client.sections().await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN));
    assert!(error.to_string().starts_with("listing the sections: "), "{error}");
    assert!(error.to_string().contains("/library/sections"), "{error}");
    assert_eq!(server.seen().len() as u64, client.calls().total().count);
    assert_eq!(client.calls().total().retries, client.calls().total().count.saturating_sub(1));
    (error, client.calls().total().count)
}

/// A client that asks once, and whose circuit opens after so many failures.
fn impatient(server: &Server, failures: u32, cool_down: Duration) -> Client {
    let (retry, breaker) = (RetryPolicy::none(), BreakerPolicy { failures, cool_down });
    Client::new(Config { retry, breaker, ..server.config() }).unwrap()
}

#[tokio::test]
async fn every_answer_gives_its_kind_and_only_some_are_repeated() {
    let cut = |answer: Answer| match answer {
        Answer::Bytes(bytes) => Answer::Bytes(bytes[..bytes.len() - 5].to_vec()),
        other => other,
    };
    let sections = || ok(json!({"Directory": []}));
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\n{\"Med".to_vec();
    let not_gzip = [("content-encoding", "gzip")];
    // (answer, kind, status, requests, part of the text)
    let table = [
        (
            http(401, &[], HTML_401),
            ErrorKind::Unauthorized,
            Some(401),
            1,
            "(status 401) from http://127.0.0.1:",
        ),
        (http(403, &[], ""), ErrorKind::Forbidden, Some(403), 1, "(status 403)"),
        (http(404, &[], ""), ErrorKind::NotFound, Some(404), 1, "(status 404)"),
        (http(400, &[], "bad"), ErrorKind::BadRequest, Some(400), 1, ": bad"),
        (http(409, &[], ""), ErrorKind::Conflict, Some(409), 1, ""),
        (http(429, &[], ""), ErrorKind::TooManyRequests, Some(429), 4, ""),
        (http(429, &[("Retry-After", "0")], ""), ErrorKind::TooManyRequests, Some(429), 4, ""),
        (http(429, &[("Retry-After", "3600")], ""), ErrorKind::TooManyRequests, Some(429), 1, ""),
        (http(500, &[], "<h1>500 Internal</h1>"), ErrorKind::Server, Some(500), 4, ": Internal"),
        (http(502, &[], ""), ErrorKind::Unavailable, Some(502), 4, ""),
        (http(503, &[], "busy"), ErrorKind::Unavailable, Some(503), 4, ": busy;"),
        (
            http(503, &[], MIGRATION),
            ErrorKind::Maintenance,
            Some(503),
            4,
            "running database migrations.",
        ),
        (http(500, &[], vec![0xff; 100_000]), ErrorKind::Server, Some(500), 4, ""),
        (
            http(302, &[("Location", "http://elsewhere.invalid/?X-Plex-Token=s3cret-token")], ""),
            ErrorKind::Redirect,
            Some(302),
            1,
            "elsewhere.invalid/?X-Plex-Token=***",
        ),
        (Answer::Close, ErrorKind::Connect, None, 4, ""),
        (Answer::Bytes(b"no http at all".to_vec()), ErrorKind::Connect, None, 4, ""),
        (cut(sections()), ErrorKind::Truncated, None, 4, ""),
        (Answer::Bytes(chunked), ErrorKind::Truncated, None, 4, ""),
        (http(200, &not_gzip, "{}"), ErrorKind::Truncated, None, 4, ""),
        (http(200, &[], ""), ErrorKind::Decode, None, 1, "the answer is empty"),
        (
            http(200, &[], "<MediaContainer/>"),
            ErrorKind::Decode,
            None,
            1,
            "XML or HTML in place of JSON",
        ),
        (
            http(200, &[], "{\"MediaContainer\": {\"Directory\": [}"),
            ErrorKind::Decode,
            None,
            1,
            "at MediaContainer.Directory",
        ),
        (http(200, &[], "{}"), ErrorKind::Decode, None, 1, "no MediaContainer"),
    ];
    for (answer, kind, status, requests, text) in table {
        let shown = format!("{answer:?}").chars().take(80).collect::<String>();
        let server = Server::start(move |_, _| answer.clone()).await;
        let (error, made) = fail(&server, server.config()).await;
        assert_eq!((error.kind(), error.status()), (kind, status), "{shown}: {error}");
        assert_eq!(made, requests, "{shown}: {error}");
        assert!(error.to_string().contains(text), "{shown}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_recovers_in_time_is_not_an_error() {
    for bad in [http(503, &[], MIGRATION), http(500, &[], ""), Answer::Close] {
        let server = Server::start(move |number, _| match number {
            0..=2 => bad.clone(),
            _ => ok(json!({"Directory": []})),
        })
        .await;
        let client = server.client();
        client.sections().await.unwrap();
        let tally = client.calls().total();
        assert_eq!((tally.count, tally.retries, tally.failures), (4, 3, 3));
    }
}

#[tokio::test]
async fn nobody_there_tls_and_silence() {
    let server = Server::start(|_, _| Answer::Open(Vec::new())).await;
    let config = Config { request_timeout: Duration::from_millis(30), ..server.config() };
    let (error, requests) = fail(&server, config).await;
    assert_eq!((error.kind(), requests), (ErrorKind::Timeout, 4));

    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Media".to_vec();
    let server = Server::start(move |_, _| Answer::Open(half.clone())).await;
    let config = Config { request_timeout: Duration::from_millis(30), ..server.config() };
    let (error, _) = fail(&server, config).await;
    assert_eq!(error.kind(), ErrorKind::Timeout);

    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let quick = RetryPolicy { base: Duration::from_millis(1), ..RetryPolicy::default() };
    let config = Config { retry: quick, ..Config::new(url, Token::new(TOKEN)) };
    let error = Client::new(config).unwrap().sections().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Connect, "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert_eq!(error.clone().kind(), error.kind());
}

/// If a client asks a plain HTTP server for TLS, the answer is not a handshake.
#[tokio::test]
async fn a_failed_handshake_is_told_from_a_refused_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            let _ = socket.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let mut config = Config::new(format!("https://{address}"), Token::new(TOKEN));
    config.danger_accept_any_certificate = true;
    let client = Client::new(config).unwrap();
    let error = client.sections().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Tls, "{error}");
    assert_eq!(client.calls().total().count, 1, "it is not repeated");
}

#[tokio::test]
async fn the_deadline_ends_the_retries() {
    let server = Server::start(|_, _| Answer::Open(Vec::new())).await;
    let mut config = server.config();
    config.retry.attempts = 1_000_000;
    config.retry.deadline = Duration::from_millis(60);
    config.request_timeout = Duration::from_secs(5);
    let (error, requests) = fail(&server, config).await;
    assert_eq!((error.kind(), requests), (ErrorKind::Timeout, 1), "one attempt, cut off");
}

#[tokio::test]
async fn bodies_have_a_limit_whether_announced_or_not() {
    let filler = format!("{{\"filler\": \"{}\"}}", "x".repeat(5000));
    let mut chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for piece in filler.as_bytes().chunks(1000) {
        chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        chunked.extend_from_slice(piece);
        chunked.extend_from_slice(b"\r\n");
    }
    let lying = b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999999\r\n\r\n{}".to_vec();
    for answer in [http(200, &[], &filler), Answer::Bytes(chunked), Answer::Bytes(lying)] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let config = Config { body_limit: 4000, ..server.config() };
        let (error, requests) = fail(&server, config).await;
        assert_eq!((error.kind(), requests), (ErrorKind::TooLarge, 1), "{error}");
    }
}

#[tokio::test]
async fn the_circuit_opens_on_outages_and_only_on_them() {
    for (status, requests) in [(503, 2), (404, 6), (500, 6), (401, 6)] {
        let server = Server::start(move |_, _| http(status, &[], "")).await;
        let client = impatient(&server, 2, Duration::from_hours(1));
        let mut last = None;
        for _ in 0..6 {
            last = Some(client.sections().await.unwrap_err());
        }
        assert_eq!(server.seen().len(), requests, "{status}");
        let last = last.unwrap();
        assert_eq!(last.kind() == ErrorKind::CircuitOpen, status == 503, "{last}");
        assert_eq!(last.kind().is_outage(), status == 503);
    }
}

#[tokio::test]
async fn the_circuit_closes_when_the_one_request_let_through_succeeds() {
    let server = Server::start(|number, _| match number {
        0..=1 => http(503, &[], ""),
        _ => ok(json!({"Directory": []})),
    })
    .await;
    let client = impatient(&server, 2, Duration::ZERO);
    for expected in [false, false, true, true] {
        assert_eq!(client.sections().await.is_ok(), expected);
    }
}

/// A thousand callers wait in the queue during an outage. They get the error at once: not each of
/// them asks the server.
#[tokio::test]
async fn who_waits_in_the_queue_sees_the_open_circuit() {
    let server = Server::start(|_, _| http(503, &[], "")).await;
    let breaker = BreakerPolicy { failures: 2, cool_down: Duration::from_hours(1) };
    let config = Config { max_in_flight: 2, breaker, ..server.config() };
    let client = Client::new(config).unwrap();
    let errors = futures::future::join_all((0..1000).map(|_| client.sections())).await;
    assert!(errors.into_iter().all(|outcome| outcome.unwrap_err().kind().is_outage()));
    assert!(server.seen().len() <= 16, "{} requests", server.seen().len());
}

#[tokio::test]
async fn a_caller_who_went_away_is_still_counted() {
    let server = Server::start(|_, _| Answer::Open(Vec::new())).await;
    let client = server.client();
    let arrived = async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        outcome = client.sections() => panic!("{outcome:?}"),
        () = arrived => {}
    }
    let tally = client.calls().total();
    assert_eq!((tally.count, tally.failures), (1, 1));
}

#[tokio::test]
async fn redirects_are_followed_on_the_same_host_only() {
    let server = Server::start(|_, seen| match seen.target.as_str() {
        "/library/sections" => http(302, &[("Location", "/elsewhere")], ""),
        _ => ok(json!({"Directory": []})),
    })
    .await;
    let client = server.client();
    client.sections().await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[1].target, "/elsewhere");
    assert_eq!(seen[1].header("x-plex-token"), Some(TOKEN));

    let thief = Server::start(|_, _| ok(json!({"Directory": []}))).await;
    let target = thief.url().replace("127.0.0.1", "localhost");
    let server = Server::start(move |_, _| http(302, &[("Location", target.as_str())], "")).await;
    let (error, _) = fail(&server, server.config()).await;
    assert_eq!(error.kind(), ErrorKind::Redirect);
    assert_eq!(thief.seen().len(), 0);
}

/// If the client followed the redirect, the write would become a read, or would be sent without its
/// ids.
#[tokio::test]
async fn writes_are_never_redirected() {
    for status in [301, 302, 303, 307, 308] {
        for location in ["/moved", "/moved?type=1&id=1&title.value=x"] {
            let server = Server::start(move |_, seen| {
                if seen.target.starts_with("/moved") {
                    http(200, &[], "")
                } else {
                    http(status, &[("Location", location)], "")
                }
            })
            .await;
            let client = server.client();
            let edit = Edit::new().set(Field::Title, "x");
            let keys = [RatingKey(1)];
            let edited = client.edit_items(SectionKey(1), ItemKind::Movie, &keys, &edit).await;
            assert_eq!(edited.unwrap_err().kind(), ErrorKind::Redirect, "{status} {location}");
            // The scripted server reads until two line ends, so the body ends with them.
            let image = b"\r\n\r\n".to_vec();
            let uploaded = client.upload(RatingKey(1), Artwork::Poster, image).await;
            assert_eq!(uploaded.unwrap_err().kind(), ErrorKind::Redirect, "{status} {location}");
            assert_eq!(server.seen().len(), 2, "{status} {location}");
        }
    }
}

#[tokio::test]
async fn reads_are_redirected_with_their_query_or_not_at_all() {
    for (location, answered) in [("/moved", false), ("/moved?type=4", false), ("/moved?", true)] {
        let server = Server::start(move |_, seen| {
            let query = seen.target.split_once('?').map_or("", |(_, query)| query);
            if seen.target.starts_with("/moved") {
                return ok(movies(seen.start(), seen.size(), 3));
            }
            let query = if answered { query } else { "" };
            http(302, &[("Location", format!("{location}{query}").as_str())], "")
        })
        .await;
        let page = server.client().page(&Listing::new(SectionKey(1), ItemKind::Movie), 0, 3).await;
        assert_eq!(page.map(|page| page.rows).ok(), answered.then_some(3), "{location}");
        assert_eq!(server.seen().len(), 1 + usize::from(answered), "{location}");
    }
    // A redirect to itself is followed only a few times.
    let server = Server::start(|_, _| http(302, &[("Location", "/library/sections")], "")).await;
    let error = server.client().sections().await.unwrap_err();
    assert_eq!((error.kind(), server.seen().len()), (ErrorKind::Redirect, 4));
}

/// A write succeeded only if the server answered. A proxy's login page is not the server's empty
/// answer.
#[tokio::test]
async fn writes_are_done_only_on_the_word_of_the_server() {
    const LOGIN: &str = "<html><body><form><input name=password></form>Please log in</body></html>";
    for (answer, done) in [
        (http(200, &[], ""), true),
        (http(204, &[], "\r\n"), true),
        (http(200, &[("X-Plex-Protocol", "1.0")], "<h1>200 OK</h1>"), true),
        (http(200, &[("content-type", "text/html")], LOGIN), false),
        (http(200, &[], "<html><script src=login.js></script></html>"), false),
    ] {
        let server = Server::start(move |_, _| answer.clone()).await;
        let edit = Edit::new().set(Field::Title, "x");
        let outcome = server.client().edit_item(RatingKey(1), &edit).await;
        assert_eq!(
            outcome.as_ref().map_err(Error::kind).err(),
            (!done).then_some(ErrorKind::Decode)
        );
        let outcome = server.client().scan(SectionKey(1), None).await;
        assert_eq!(outcome.is_ok(), done);
    }
}

/// Some proxies show in their error pages the headers that they got.
#[tokio::test]
async fn what_a_server_repeats_of_the_headers_is_not_repeated() {
    for status in [200, 400, 404, 500, 503] {
        for before in [0, 170, 187] {
            let body = format!("{} GET / X-Plex-Token: {TOKEN} Host: x", "-".repeat(before));
            let body = if status == 200 { format!("<p>{body}</p>") } else { body };
            let server = Server::start(move |_, _| http(status, &[], &body)).await;
            let client = server.client();
            let edit = Edit::new().set(Field::Title, "x");
            let errors =
                [client.sections().await.err(), client.edit_item(RatingKey(1), &edit).await.err()];
            for error in errors.into_iter().flatten() {
                let text = format!("{error} {error:?}");
                assert!(!text.contains("s3cr"), "{status} {before}: {text}");
            }
            assert!(!format!("{client:?}").contains("s3cr"));
        }
    }
}

#[tokio::test]
async fn times_without_end_do_not_overflow() {
    let server = Server::start(|_, _| http(503, &[], "")).await;
    let mut config = server.config();
    config.retry.deadline = Duration::MAX;
    config.request_timeout = Duration::MAX;
    config.connect_timeout = Duration::MAX;
    config.breaker = BreakerPolicy { failures: 1, cool_down: Duration::MAX };
    let (error, requests) = fail(&server, config).await;
    assert_eq!((error.kind(), requests), (ErrorKind::Unavailable, 4));
}

/// Such an error says nothing about the server, so it counts neither as a request nor as an outage.
#[tokio::test]
async fn what_is_too_long_to_send_is_refused_before_it_is_sent() {
    let server = Server::start(|_, _| http(200, &[], "")).await;
    let breaker = BreakerPolicy { failures: 1, cool_down: Duration::from_hours(1) };
    let client = Client::new(Config { breaker, ..server.config() }).unwrap();
    let edit = Edit::new().set(Field::Summary, "x".repeat(70_000));
    for _ in 0..3 {
        let error = client.edit_item(RatingKey(1), &edit).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    }
    assert_eq!(client.calls().total().count, 0);
    client.edit_item(RatingKey(1), &Edit::new().set(Field::Summary, "x")).await.unwrap();
    assert_eq!(server.seen().len(), 1);
}

/// The last attempt of a request may have no time left. But this is not the reason why the request
/// failed.
#[tokio::test]
async fn an_attempt_without_time_does_not_hide_why_the_others_failed() {
    let server = Server::start(|number, _| match number {
        0 => http(503, &[], MIGRATION),
        _ => Answer::Open(Vec::new()),
    })
    .await;
    let mut config = server.config();
    config.retry.deadline = Duration::from_millis(300);
    let (error, requests) = fail(&server, config).await;
    assert_eq!((error.kind(), requests), (ErrorKind::Maintenance, 2), "{error}");
}

#[tokio::test]
async fn unusable_configurations_are_refused() {
    let config = Config::new("http://pms", Token::new("line\nbreak"));
    let error = Client::new(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!format!("{error:?}").contains("break"));
    let mut config = Config::new("http://pms", Token::new("x"));
    config.extra_root_certificates = vec![b"-----BEGIN CERTIFICATE-----\nx".to_vec()];
    assert_eq!(Client::new(config).unwrap_err().kind(), ErrorKind::Config);
    // Names may be in any language.
    let mut config = Config::new("http://pms", Token::new("x"));
    config.device_name = "K\u{fc}che".to_owned();
    Client::new(config).unwrap();
}

/// The test uses tokio's time, which passes at once while all tasks wait.
#[tokio::test(start_paused = true)]
async fn requests_are_spread_and_the_wait_is_not_held_against_them() {
    let server = Server::start(|_, _| ok(json!({"Directory": []}))).await;
    let requests_per_second = std::num::NonZeroU32::new(1);
    let config = Config { requests_per_second, max_in_flight: 100, ..server.config() };
    let client = Client::new(config).unwrap();
    let begun = tokio::time::Instant::now();
    let answers = futures::future::join_all((0..100).map(|_| client.sections())).await;
    // This is longer than the deadline of one request.
    assert_eq!(begun.elapsed().as_secs(), 99);
    for answer in answers {
        answer.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn one_request_is_let_through_to_see_whether_the_server_is_back() {
    let server = Server::start(|number, _| match number {
        0..=2 => http(503, &[], ""),
        _ => ok(json!({"Directory": []})),
    })
    .await;
    let client = impatient(&server, 1, Duration::from_secs(15));
    client.sections().await.unwrap_err();
    // (requests so far, answered callers of the ten that ask at once). The others are refused.
    for (requests, answered) in [(2, 0), (3, 0), (4, 1)] {
        tokio::time::advance(Duration::from_secs(15)).await;
        let answers = futures::future::join_all((0..10).map(|_| client.sections())).await;
        let open = |error: &Error| error.kind() == ErrorKind::CircuitOpen;
        let refused = answers.iter().filter(|answer| answer.as_ref().is_err_and(open)).count();
        let answered_now = answers.iter().filter(|answer| answer.is_ok()).count();
        assert_eq!((server.seen().len(), answered_now, refused), (requests, answered, 9));
    }
    client.sections().await.unwrap();
}

/// A listing that fails says which rows it was about.
#[tokio::test]
async fn errors_say_which_rows_they_are_about() {
    let server = Server::start(|_, _| http(404, &[], "")).await;
    let client = server.client();
    let listing = Listing::new(SectionKey(3), ItemKind::Episode);
    let error = client.page(&listing, 500, 10).await.unwrap_err();
    assert!(
        error.to_string().starts_with("listing episode items of section 3 from row 500: not found")
    );
    assert_eq!(client.calls().by_endpoint[&Endpoint::Page].failures, 1);
}
