//! One error type, with kinds a host can branch on.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

/// Why a request did not get its answer. Cheap to clone.
///
/// The text says what was being done, what came back, from where, and what to do about it. It
/// never holds the token.
#[derive(Clone)]
pub struct Error(Arc<Failure>);

/// The facts of a failure; what is known is filled in where it is known.
struct Failure {
    kind: ErrorKind,
    /// What was being done: "listing section 1 from row 500".
    doing: Option<String>,
    status: Option<u16>,
    /// Redacted.
    url: Option<String>,
    /// One line: of the body, or of the cause.
    text: Option<String>,
    retry_after: Option<Duration>,
    /// The answer has the headers of a Plex Media Server: no proxy made it.
    from_plex: bool,
    /// The request may have been carried out all the same.
    in_doubt: bool,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong, from the caller's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the token is missing, wrong or expired. Get a new one.
    Unauthorized,
    /// 403: the token's account may not do this.
    Forbidden,
    /// 404: not there (any more).
    NotFound,
    /// 400 and other refusals of the request itself.
    BadRequest,
    /// 409: the server has something of that name already.
    Conflict,
    /// 429: asked too often.
    TooManyRequests,
    /// 503 while the server starts or migrates its database. May last hours.
    Maintenance,
    /// 502, 503 or 504 without that text: the server behind the address does not answer.
    Unavailable,
    /// 500 and other failures of the server at this request.
    Server,
    /// No answer within the time allowed.
    Timeout,
    /// No connection: refused, unknown host, unreachable, or broken before the answer.
    Connect,
    /// No secure connection: certificate or protocol.
    Tls,
    /// The answer broke off in the middle: the server or the network went away.
    Truncated,
    /// The answer is not what it should be; the text has the JSON path.
    Decode,
    /// The answer is larger than [`Config::body_limit`](crate::Config::body_limit).
    TooLarge,
    /// The server redirected to another host, with another query, or what is no read: not
    /// followed.
    Redirect,
    /// Another server than [`Config::expect_server`](crate::Config::expect_server) answered.
    WrongServer,
    /// The listing changed while it was read: read it again.
    ListingChanged,
    /// The rows come from another section than the listing expects.
    WrongSection,
    /// Not asked: the circuit is open after repeated outages. Wait and ask again.
    CircuitOpen,
    /// Nothing was sent: the configuration or the request is unusable.
    Config,
}

/// What a kind of failure means for what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The server as a whole cannot be asked. Asking again later may help; repeated outages
    /// open the circuit.
    Outage,
    /// This request failed this time, and asking again may help. Says nothing about others.
    Transient,
    /// The same request will get the same answer.
    Final,
}

impl ErrorKind {
    /// Every kind, for tables and tests.
    pub const ALL: [Self; 21] = [
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::BadRequest,
        Self::Conflict,
        Self::TooManyRequests,
        Self::Maintenance,
        Self::Unavailable,
        Self::Server,
        Self::Timeout,
        Self::Connect,
        Self::Tls,
        Self::Truncated,
        Self::Decode,
        Self::TooLarge,
        Self::Redirect,
        Self::WrongServer,
        Self::ListingChanged,
        Self::WrongSection,
        Self::CircuitOpen,
        Self::Config,
    ];

    /// Whether a failure of this kind is an outage, worth another attempt, or final.
    #[must_use]
    pub const fn class(self) -> Class {
        match self {
            Self::Maintenance
            | Self::Unavailable
            | Self::Timeout
            | Self::Connect
            | Self::Truncated
            | Self::CircuitOpen => Class::Outage,
            // A 500 is often about one request (heavy includes, `file=` without a type), so it
            // must not keep the others from being asked.
            Self::Server | Self::TooManyRequests | Self::ListingChanged => Class::Transient,
            Self::Unauthorized
            | Self::Forbidden
            | Self::NotFound
            | Self::BadRequest
            | Self::Conflict
            | Self::Tls
            | Self::Decode
            | Self::TooLarge
            | Self::Redirect
            | Self::WrongServer
            | Self::WrongSection
            | Self::Config => Class::Final,
        }
    }

    /// The server as a whole could not be asked: nothing was learned about the question.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self.class(), Class::Outage)
    }

    /// Whether a server that answered so, or did not answer, may have done what it was asked.
    #[must_use]
    pub(crate) const fn leaves_in_doubt(self) -> bool {
        matches!(
            self,
            Self::Unavailable
                | Self::Server
                | Self::Timeout
                | Self::Connect
                | Self::Truncated
                | Self::Decode
                | Self::TooLarge
        )
    }

    /// The kind a status code stands for; `None` for success. `maintenance` is whether the
    /// body says so.
    #[must_use]
    pub(crate) const fn of_status(status: u16, maintenance: bool) -> Option<Self> {
        Some(match status {
            200..=299 => return None,
            300..=399 => Self::Redirect,
            401 => Self::Unauthorized,
            403 => Self::Forbidden,
            404 | 410 => Self::NotFound,
            408 => Self::Timeout,
            409 => Self::Conflict,
            429 => Self::TooManyRequests,
            400..=499 => Self::BadRequest,
            503 if maintenance => Self::Maintenance,
            502..=504 => Self::Unavailable,
            _ => Self::Server,
        })
    }

    /// What a person can do about it.
    const fn advice(self) -> Option<&'static str> {
        Some(match self {
            Self::Unauthorized => "check the token",
            Self::Forbidden => "the token's account is not allowed to do this",
            Self::TooManyRequests => "ask less often",
            Self::Maintenance => "wait until the server has finished starting",
            Self::Unavailable => "check that the server behind this address runs",
            Self::Timeout => "the server is busy or unreachable; try again later",
            Self::Connect => "check the address and that the server runs",
            Self::Tls => "check the certificate, the address, and http against https",
            Self::TooLarge => "ask for smaller pages or raise body_limit",
            Self::Redirect => "use the address the server redirects to",
            Self::WrongServer => "check the address: this is not the server that was expected",
            Self::ListingChanged => "read the listing again",
            _ => return None,
        })
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unauthorized => "unauthorized",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not found",
            Self::BadRequest => "bad request",
            Self::Conflict => "conflict",
            Self::TooManyRequests => "too many requests",
            Self::Maintenance => "maintenance",
            Self::Unavailable => "unavailable",
            Self::Server => "server error",
            Self::Timeout => "timed out",
            Self::Connect => "no connection",
            Self::Tls => "no secure connection",
            Self::Truncated => "the answer broke off",
            Self::Decode => "unreadable answer",
            Self::TooLarge => "answer too large",
            Self::Redirect => "redirected elsewhere",
            Self::WrongServer => "another server answered",
            Self::ListingChanged => "the listing changed while it was read",
            Self::WrongSection => "another section answered",
            Self::CircuitOpen => "not asked after repeated outages",
            Self::Config => "configuration",
        })
    }
}

impl ErrorKind {
    /// The word between the kind and the address.
    const fn preposition(self) -> &'static str {
        match self {
            Self::Connect | Self::Tls | Self::Config => "to",
            Self::CircuitOpen => "of",
            Self::Timeout | Self::WrongServer => "at",
            _ => "from",
        }
    }
}

impl Error {
    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The status the server answered with, if it answered.
    pub fn status(&self) -> Option<u16> {
        self.0.status
    }

    /// How long the server asked to wait before another attempt.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// Whether the request may have been carried out although it failed. A write is repeated when
    /// its answer is lost, so the last answer (a refused token, say) does not tell what became of
    /// an attempt before it. Never for a read.
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

    /// Says what was being done and with which (already redacted) address.
    pub(crate) fn during(self, doing: &str, url: &str) -> Self {
        self.change(|failure| {
            failure.doing.get_or_insert_with(|| doing.to_owned());
            failure.url.get_or_insert_with(|| url.to_owned());
        })
    }

    /// Says what was being done, for errors that are not about one request.
    pub(crate) fn doing(self, doing: String) -> Self {
        self.change(|failure| failure.doing = Some(doing))
    }

    pub(crate) fn with_status(self, status: u16, retry_after: Option<Duration>) -> Self {
        self.change(|failure| {
            failure.status = Some(status);
            failure.retry_after = retry_after;
        })
    }

    /// Says that the answer came from a Plex Media Server and from nobody in front of it.
    pub(crate) fn with_origin(self, from_plex: bool) -> Self {
        self.change(|failure| failure.from_plex = from_plex)
    }

    /// Says whether the request may have been carried out all the same.
    pub(crate) fn with_doubt(self, in_doubt: bool) -> Self {
        self.change(|failure| failure.in_doubt = in_doubt)
    }

    /// Whether a Plex Media Server itself says that something is not there.
    pub(crate) fn is_servers_own_404(&self) -> bool {
        self.0.kind == ErrorKind::NotFound && self.0.from_plex
    }

    /// Whether asking for fewer rows may help: refused as it is, too large, or too slow.
    pub(crate) fn is_too_much(&self) -> bool {
        match self.0.kind {
            ErrorKind::Timeout | ErrorKind::TooLarge => true,
            ErrorKind::BadRequest => matches!(self.0.status, Some(400 | 413)),
            _ => false,
        }
    }

    /// Rewrites the text: what of it came from a server may hold secrets.
    pub(crate) fn map_text(self, rewrite: impl FnOnce(String) -> String) -> Self {
        self.change(|failure| failure.text = failure.text.take().map(rewrite))
    }

    pub(crate) fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.change(|failure| failure.source = Some(source.into()))
    }

    /// An error is complete before it is shared, so there is always one owner here; a second
    /// one would only mean that the addition is not made.
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
        // Another web server knows none of the paths.
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

/// The text for people. `main` prints an error that it returns in this form.
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
    fn every_kind_has_its_class() {
        use Class::{Final, Outage, Transient};
        let table = [
            (ErrorKind::Unauthorized, Final),
            (ErrorKind::Forbidden, Final),
            (ErrorKind::NotFound, Final),
            (ErrorKind::BadRequest, Final),
            (ErrorKind::Conflict, Final),
            (ErrorKind::TooManyRequests, Transient),
            (ErrorKind::Maintenance, Outage),
            (ErrorKind::Unavailable, Outage),
            (ErrorKind::Server, Transient),
            (ErrorKind::Timeout, Outage),
            (ErrorKind::Connect, Outage),
            (ErrorKind::Tls, Final),
            (ErrorKind::Truncated, Outage),
            (ErrorKind::Decode, Final),
            (ErrorKind::TooLarge, Final),
            (ErrorKind::Redirect, Final),
            (ErrorKind::WrongServer, Final),
            (ErrorKind::ListingChanged, Transient),
            (ErrorKind::WrongSection, Final),
            (ErrorKind::CircuitOpen, Outage),
            (ErrorKind::Config, Final),
        ];
        assert_eq!(table.map(|(kind, _)| kind), ErrorKind::ALL);
        for (kind, class) in table {
            assert_eq!(kind.class(), class, "{kind:?}");
            assert_eq!(kind.is_outage(), class == Outage, "{kind:?}");
        }
    }

    #[test]
    fn every_status_has_its_kind() {
        for (status, maintenance, kind) in [
            (200, false, None),
            (204, false, None),
            (302, false, Some(ErrorKind::Redirect)),
            (400, false, Some(ErrorKind::BadRequest)),
            (401, false, Some(ErrorKind::Unauthorized)),
            (403, false, Some(ErrorKind::Forbidden)),
            (404, false, Some(ErrorKind::NotFound)),
            (408, false, Some(ErrorKind::Timeout)),
            (409, false, Some(ErrorKind::Conflict)),
            (422, false, Some(ErrorKind::BadRequest)),
            (429, false, Some(ErrorKind::TooManyRequests)),
            (500, false, Some(ErrorKind::Server)),
            (501, false, Some(ErrorKind::Server)),
            (502, false, Some(ErrorKind::Unavailable)),
            (503, false, Some(ErrorKind::Unavailable)),
            (503, true, Some(ErrorKind::Maintenance)),
            (504, false, Some(ErrorKind::Unavailable)),
            (507, false, Some(ErrorKind::Server)),
        ] {
            assert_eq!(ErrorKind::of_status(status, maintenance), kind, "{status}");
        }
    }

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
