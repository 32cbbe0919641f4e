//! Query strings. `url` writes a space as `+`, and nobody knows whether the server takes `+`. It is
//! known to take `%20`, so this module encodes by itself.

/// A query string under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(String);

impl Query {
    /// Appends `name=value`, both percent-encoded.
    pub(crate) fn pair(&mut self, name: &str, value: &str) {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode(name, &mut self.0);
        self.0.push('=');
        encode(value, &mut self.0);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// A text, percent-encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode(text, &mut out);
    out
}

/// Percent-encodes everything but the unreserved characters of RFC 3986.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(hex(byte >> 4));
            out.push(hex(byte & 0xF));
        }
    }
}

fn hex(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or('0').to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_reserved_is_encoded() {
        let mut query = Query::default();
        query.pair("title", "a b+c&d=e/\u{e9}");
        query.pair("addedAt>>", "5");
        assert_eq!(query.into_string(), "title=a%20b%2Bc%26d%3De%2F%C3%A9&addedAt%3E%3E=5");
    }
}
