//! The access token: a string that never prints its value.
//!
//! The token is sent only in the `X-Plex-Token` header, never in a URL, because URLs appear in
//! error messages and in the logs of servers and proxies.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::error::kind::ErrorKind;

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

    /// Reads the token from an environment variable, usually `PLEX_TOKEN`.
    ///
    /// A variable that is not set, empty or not UTF-8 is an error of kind [`ErrorKind::Config`]
    /// that names the variable.
    pub fn from_env(variable: &str) -> Result<Self, Error> {
        let refuse = |why: &str| {
            let text = format!("{variable} {why}: put the server's access token into it");
            Err(Error::new(ErrorKind::Config, text))
        };
        match std::env::var(variable) {
            Ok(token) if token.trim().is_empty() => refuse("is empty"),
            Ok(token) => Ok(Self::new(token)),
            Err(std::env::VarError::NotPresent) => refuse("is not set"),
            Err(std::env::VarError::NotUnicode(_)) => refuse("is not UTF-8"),
        }
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

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = Token::from_env("MATCHBOX_NO_SUCH_TOKEN").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert_eq!(
            error.to_string(),
            "configuration: MATCHBOX_NO_SUCH_TOKEN is not set: put the server's access token into it"
        );
        // Any variable that is set will do.
        assert_eq!(Token::from_env("PATH").unwrap().expose(), std::env::var("PATH").unwrap());
    }
}
