//! The kinds of failure, and which of them are worth another attempt.

use std::fmt;

use serde::Serialize;

/// What went wrong, as the caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// 401: the token is missing, wrong or expired. Get a new one.
    Unauthorized,
    /// 403: the token's account may not do this.
    Forbidden,
    /// 404 or 410: not there, or not any more.
    NotFound,
    /// 400 and other refusals of the request itself.
    BadRequest,
    /// 409: the server already has something with that name.
    Conflict,
    /// 429: too many requests in a short time.
    TooManyRequests,
    /// 503 while the server starts or migrates its database. May last hours.
    Maintenance,
    /// 502, 503 or 504, and the body does not speak of maintenance: the server behind the address
    /// does not answer.
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
    /// The answer does not have the expected form. The text names the JSON path.
    Decode,
    /// The answer is larger than [`Config::body_limit`](crate::Config::body_limit).
    TooLarge,
    /// A redirect that is not followed: it leads to another host, changes the query, or answers a
    /// request that is no read.
    Redirect,
    /// Another server than [`Config::expect_server`](crate::Config::expect_server) answered.
    WrongServer,
    /// The listing changed while it was read: read it again.
    ListingChanged,
    /// The rows come from another section than the listing expects.
    WrongSection,
    /// The server was not asked: the circuit is open after repeated outages. Wait and ask again.
    CircuitOpen,
    /// Nothing was sent: the configuration or the request cannot be used.
    Config,
}

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// The server as a whole cannot be asked. Asking again later may help; repeated outages
    /// open the circuit.
    Outage,
    /// This request failed this time, and asking again may help. Other requests are not affected.
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
            // must not stop the other requests.
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

    /// Whether the server as a whole could not be asked. Then nothing is known about the question.
    #[must_use]
    pub const fn is_outage(self) -> bool {
        matches!(self.class(), Class::Outage)
    }

    /// Whether the server may have carried out a request that failed like this.
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

    /// The kind for a status code; `None` for success. `maintenance`: the body says that the server
    /// is in maintenance.
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
    pub(super) const fn advice(self) -> Option<&'static str> {
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

    /// The word between the kind and the address in the text.
    pub(super) const fn preposition(self) -> &'static str {
        match self {
            Self::Connect | Self::Tls | Self::Config => "to",
            Self::CircuitOpen => "of",
            Self::Timeout | Self::WrongServer => "at",
            _ => "from",
        }
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
}
