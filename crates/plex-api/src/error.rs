//! One error type for all calls. A host can branch on its kind.

pub(crate) mod kind;

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::kind::ErrorKind;

/// Why a request did not get its answer. Cheap to clone.
///
/// The text says what this client was doing, what came back from which address, and what to do. It
/// never has the token in it.
#[derive(Clone)]
pub struct Error(Arc<Failure>);

/// The facts of a failure. Each is filled in by the code that knows it.
struct Failure {
    kind: ErrorKind,
    /// What this client was doing: "listing section 1 from row 500".
    doing: Option<String>,
    status: Option<u16>,
    /// The address, without secrets.
    url: Option<String>,
    /// One line of the body, or of the cause.
    text: Option<String>,
    retry_after: Option<Duration>,
    /// The answer has the headers of a Plex Media Server, so it is not from a proxy.
    from_plex: bool,
    /// The server may have carried out the request although it failed.
    in_doubt: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The HTTP status of the answer, if there was one.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the server asked to wait before another attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the server may have carried out the request although it failed. A write is repeated
    /// if its answer is lost. So the last answer (for example, a refused token) does not show what
    /// an earlier attempt did. Always `false` for a read.
    pub fn is_in_doubt(&self) -> bool {
        self.0.in_doubt
    }

    pub(crate) fn new(kind: ErrorKind, text: impl Into<String>) -> Self {
        Self(Arc::new(Failure {
            kind,
            doing: None,
            status: None,
            url: None,
            text: Some(text.into()).filter(|text| !text.is_empty()),
            retry_after: None,
            from_plex: false,
            in_doubt: false,
            source: None,
        }))
    }

    /// Adds what this client was doing, and the address. The address must already be without secrets.
    pub(crate) fn during(self, doing: &str, url: &str) -> Self {
        self.change(|failure| {
            failure.doing.get_or_insert_with(|| doing.to_owned());
            failure.url.get_or_insert_with(|| url.to_owned());
        })
    }

    /// Adds what this client was doing, for errors that are not about one request.
    pub(crate) fn doing(self, doing: String) -> Self {
        self.change(|failure| failure.doing = Some(doing))
    }

    pub(crate) fn with_status(self, status: u16, retry_after: Option<Duration>) -> Self {
        self.change(|failure| {
            failure.status = Some(status);
            failure.retry_after = retry_after;
        })
    }

    /// Adds whether the answer came from a Plex Media Server itself, and not from a proxy.
    pub(crate) fn with_origin(self, from_plex: bool) -> Self {
        self.change(|failure| failure.from_plex = from_plex)
    }

    /// Adds whether the server may have carried out the request.
    pub(crate) fn with_doubt(self, in_doubt: bool) -> Self {
        self.change(|failure| failure.in_doubt = in_doubt)
    }

    /// Whether a Plex Media Server itself, and not a proxy, says that something is not there.
    pub(crate) fn is_servers_own_404(&self) -> bool {
        self.0.kind == ErrorKind::NotFound && self.0.from_plex
    }

    /// Whether a request for fewer rows may succeed: this one was refused, too large, or too slow.
    pub(crate) fn is_too_much(&self) -> bool {
        match self.0.kind {
            ErrorKind::Timeout | ErrorKind::TooLarge => true,
            ErrorKind::BadRequest => matches!(self.0.status, Some(400 | 413)),
            _ => false,
        }
    }

    /// Rewrites the text. A part that came from a server may have secrets in it.
    pub(crate) fn map_text(self, rewrite: impl FnOnce(String) -> String) -> Self {
        self.change(|failure| failure.text = failure.text.take().map(rewrite))
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.change(|failure| failure.source = Some(source.into()))
    }

    /// Changes the facts. An error is complete before it is cloned, so it has one owner here. If it
    /// had a second one, the change would be left out.
    fn change(mut self, change: impl FnOnce(&mut Failure)) -> Self {
        if let Some(failure) = Arc::get_mut(&mut self.0) {
            change(failure);
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failure = &*self.0;
        if let Some(doing) = &failure.doing {
            write!(f, "{doing}: ")?;
        }
        let kind = failure.kind;
        match (kind, &failure.doing) {
            (ErrorKind::Config, Some(_)) => f.write_str("cannot be sent")?,
            _ => write!(f, "{kind}")?,
        }
        if let Some(status) = failure.status {
            write!(f, " (status {status})")?;
        }
        if let Some(url) = &failure.url {
            write!(f, " {} {url}", kind.preposition())?;
        }
        if let Some(text) = failure.text_without_status() {
            write!(f, ": {text}")?;
        }
        // A web server that is not Plex answers 404 to every path.
        let elsewhere = kind == ErrorKind::NotFound && failure.url.is_some() && !failure.from_plex;
        let advice = elsewhere
            .then_some("is this the address of a Plex Media Server, without a path?")
            .or(kind.advice());
        if let Some(advice) = advice {
            write!(f, "; {advice}")?;
        }
        Ok(())
    }
}

impl Failure {
    /// The text, unless it only repeats the status: "401 Unauthorized".
    fn text_without_status(&self) -> Option<&str> {
        let text = self.text.as_deref()?;
        let status = self.status.map(|status| format!("{status} "));
        let text = status.and_then(|status| text.strip_prefix(&status)).unwrap_or(text);
        (!text.eq_ignore_ascii_case(&self.kind.to_string())).then_some(text)
    }
}

/// The same text as `Display`: `main` prints an error that it returns in this form.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_says_what_where_and_what_to_do() {
        let error = Error::new(ErrorKind::Unauthorized, "401 Unauthorized")
            .with_status(401, None)
            .during("listing the sections", "http://pms:32400/library/sections");
        assert_eq!(
            error.to_string(),
            "listing the sections: unauthorized (status 401) from \
             http://pms:32400/library/sections; check the token"
        );
        assert_eq!(format!("{error:?}"), error.to_string(), "what `main` prints");
        let url = "http://pms:32400";
        for (error, text) in [
            (
                Error::new(ErrorKind::Connect, "refused").during("listing", url),
                "listing: no connection to http://pms:32400: refused; check the address and that \
                 the server runs",
            ),
            (
                Error::new(ErrorKind::Unavailable, "503 Service Unavailable")
                    .with_status(503, None)
                    .during("listing", url),
                "listing: unavailable (status 503) from http://pms:32400: Service Unavailable; \
                 check that the server behind this address runs",
            ),
            (
                Error::new(ErrorKind::NotFound, "404 Not Found")
                    .with_status(404, None)
                    .during("listing", url),
                "listing: not found (status 404) from http://pms:32400; is this the address of a \
                 Plex Media Server, without a path?",
            ),
            (
                Error::new(ErrorKind::NotFound, "")
                    .with_status(404, None)
                    .with_origin(true)
                    .during("reading item 7", url),
                "reading item 7: not found (status 404) from http://pms:32400",
            ),
            (
                Error::new(ErrorKind::Config, "an address of 70000 bytes").during("editing", url),
                "editing: cannot be sent to http://pms:32400: an address of 70000 bytes",
            ),
            (
                Error::new(ErrorKind::Config, "PLEX_TOKEN is not set"),
                "configuration: PLEX_TOKEN is not set",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }
}
