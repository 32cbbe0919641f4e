//! Takes secrets out of addresses, and one readable line out of error bodies.

use url::Url;

/// Longest address that an error repeats, in characters: batches name up to 200 ids.
const ADDRESS_LIMIT: usize = 300;

/// An address without user, password and values of parameters that can hold a token.
pub(crate) fn address(url: &Url) -> String {
    cut(without_secrets(url), ADDRESS_LIMIT)
}

fn without_secrets(url: &Url) -> String {
    let mut clean = url.clone();
    // Setting these fails on addresses that cannot have them, which is just as good.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.set_fragment(None);
    let Some(query) = url.query() else { return clean.into() };
    let kept: Vec<String> = query.split('&').map(parameter).collect();
    clean.set_query(Some(&kept.join("&")));
    clean.into()
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("token") => format!("{name}=***"),
        _ => pair.to_owned(),
    }
}

/// Longest line of a body that an error repeats, in characters.
const LINE_LIMIT: usize = 200;

/// One line of text from the body of an error: the `status` of an XML answer, else the text of
/// an HTML page, else the first line.
pub(crate) fn one_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = match attribute(&text, "status=\"") {
        Some(status) if text.trim_start().starts_with('<') => status.to_owned(),
        _ => without_tags(&text),
    };
    cut(text.split_whitespace().collect::<Vec<_>>().join(" "), LINE_LIMIT)
}

fn cut(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Whether the body of a 503 says that the server itself is at work: it starts, or migrates its
/// database. Otherwise something in front of it does not reach it.
pub(crate) fn is_maintenance(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    ["Maintenance", "migration", "starting"].iter().any(|word| text.contains(word))
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The text of an HTML page without its head, whose title says the same as the heading.
fn without_tags(text: &str) -> String {
    let body = match (text.find("<head>"), text.find("</head>")) {
        (Some(_), Some(end)) => text.get(end..).unwrap_or(text),
        _ => text,
    };
    let mut plain = String::new();
    let mut in_tag = false;
    for character in body.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            other if !in_tag => plain.push(if other.is_control() { ' ' } else { other }),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lose_their_secrets() {
        for (url, expected) in [
            ("http://pms:32400/a?b=1", "http://pms:32400/a?b=1"),
            ("http://u:p@pms/a", "http://pms/a"),
            (
                "http://pms/a?X-Plex-Token=s3cret&b=1&accessToken=x",
                "http://pms/a?X-Plex-Token=***&b=1&accessToken=***",
            ),
        ] {
            assert_eq!(address(&Url::parse(url).unwrap()), expected);
        }
        let long = Url::parse(&format!("http://pms/{}", "1,".repeat(500))).unwrap();
        assert_eq!(address(&long).len(), ADDRESS_LIMIT + 3);
    }

    #[test]
    fn error_bodies_become_one_line() {
        let long = "x".repeat(500);
        for (body, expected) in [
            (
                "<html><head><title>Unauthorized</title></head><body><h1>401 Unauthorized</h1></body></html>",
                "401 Unauthorized",
            ),
            (
                "<Response code=\"503\" title=\"Maintenance\" status=\"Plex Media Server is currently running database migrations.\"/>",
                "Plex Media Server is currently running database migrations.",
            ),
            ("plain\n  text", "plain text"),
            ("", ""),
            ("a < b", "a"),
        ] {
            assert_eq!(one_line(body.as_bytes()), expected);
        }
        assert_eq!(one_line(long.as_bytes()).len(), LINE_LIMIT + 3);
        assert_eq!(one_line(b"\xff\xfe"), "\u{fffd}\u{fffd}");
    }
}
