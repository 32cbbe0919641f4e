//! Removes secrets from addresses, and takes one readable line from the body of an error.

use url::Url;

/// The longest address in an error, in characters. The address of a batch names up to 200 ids.
const ADDRESS_LIMIT: usize = 120;

/// An address without its user, its password, and the values of parameters that can hold a token.
pub(crate) fn address(url: &Url) -> String {
    cut(without_secrets(url), ADDRESS_LIMIT)
}

fn without_secrets(url: &Url) -> String {
    let mut clean = url.clone();
    // Setting these fails only on addresses that cannot have them. That is just as good.
    let _ = clean.set_username("");
    let _ = clean.set_password(None);
    clean.set_fragment(None);
    let Some(query) = url.query() else { return clean.into() };
    let kept: Vec<String> = query.split('&').map(parameter).collect();
    clean.set_query(Some(&kept.join("&")));
    clean.into()
}

fn parameter(pair: &str) -> String {
    let Some((name, _)) = pair.split_once('=') else { return pair.to_owned() };
    // The letters of the name may be percent-encoded.
    let spelled = url::form_urlencoded::parse(name.as_bytes()).next();
    let secret = spelled.is_some_and(|(name, _)| name.to_ascii_lowercase().contains("token"));
    if secret { format!("{name}=***") } else { pair.to_owned() }
}

/// The shortest text that counts as a secret, in bytes. Removing shorter ones would spoil any text.
const SECRET_MIN: usize = 4;

/// A text without the secret. If the text was cut within the secret, its beginning goes too.
pub(crate) fn without_secret(text: String, secret: &str) -> String {
    if secret.len() < SECRET_MIN {
        return text;
    }
    let mut clean = text.replace(secret, "***");
    for length in (SECRET_MIN..secret.len()).rev() {
        if let Some(part) = secret.get(..length) {
            clean = clean.replace(&format!("{part}..."), "***...");
        }
    }
    clean
}

/// The longest line of a body in an error, in characters.
const LINE_LIMIT: usize = 200;

/// One line of text from the body of an error: the `status` of an XML answer, else the text of an
/// HTML page, else the first line.
pub(crate) fn one_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = match attribute(&text, "status=\"") {
        Some(status) if text.trim_start().starts_with('<') => status.to_owned(),
        _ => without_tags(&text),
    };
    cut(text.split_whitespace().collect::<Vec<_>>().join(" "), LINE_LIMIT)
}

/// Shortens a text to at most `limit` characters.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(limit) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}

/// Whether the body of a 503 comes from the server itself, which is starting or migrating its
/// database. Any other 503 comes from a proxy that does not reach the server.
pub(crate) fn is_maintenance(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body);
    ["Maintenance", "migration", "starting"].iter().any(|word| text.contains(word))
}

fn attribute<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(name)?;
    rest.split_once('"').map(|(value, _)| value)
}

/// The text of an HTML page without its head: the title repeats the heading.
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
        let encoded = Url::parse("http://pms/a?X-Plex-%54oken=s3cret").unwrap();
        assert_eq!(address(&encoded), "http://pms/a?X-Plex-%54oken=***");
        let long = Url::parse(&format!("http://pms/{}", "1,".repeat(500))).unwrap();
        assert_eq!(address(&long).len(), ADDRESS_LIMIT + 3);
    }

    #[test]
    fn texts_lose_the_secret_whole_or_cut() {
        for (text, secret, expected) in [
            ("got X-Plex-Token: s3cret-token, and", "s3cret-token", "got X-Plex-Token: ***, and"),
            ("got s3cret-to...", "s3cret-token", "got ***..."),
            ("nothing", "s3cret-token", "nothing"),
            ("a b c", "b", "a b c"),
            ("a b c", "", "a b c"),
        ] {
            assert_eq!(without_secret(text.to_owned(), secret), expected);
        }
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
