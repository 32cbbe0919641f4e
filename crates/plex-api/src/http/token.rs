//! The access token: a string that does not print itself.
//!
//! The token is sent in the `X-Plex-Token` header only, never in a URL: URLs end up in error
//! messages and in the logs of servers and proxies.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// A Plex access token. It prints as `***` and is wiped from memory when it is dropped.
///
/// A client keeps one copy of its own, the header that it sends. That copy is marked as sensitive
/// but cannot be wiped.
#[derive(Clone)]
pub struct Token(SecretString);

impl Token {
    /// Wraps a token. White space around it, as files and shells leave it, is cut off.
    pub fn new(token: impl Into<String>) -> Self {
        let token: SecretString = token.into().into();
        Self(token.expose_secret().trim().to_owned().into())
    }

    /// The token itself. Only the code that builds the header calls this.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_as_stars_and_is_trimmed() {
        let token = Token::new(" s3cret\n");
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert_eq!(token.expose(), "s3cret");
    }
}
