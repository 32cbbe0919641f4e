//! The engine. No other module names the `redis` crate.
//!
//! Nothing here fails: if the engine does not do something, that is a [`Miss`]. It is counted, and
//! logged once. An engine that hangs costs one time-out. After that, it is left alone for a while.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use plex_api::{Clock, Monotonic, Private};
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, IntoConnectionInfo, Pipeline, RedisError,
    RedisFuture, RedisResult, ServerErrorKind, TlsCertificates, TlsMode, Value,
};
use secrecy::ExposeSecret;
use tracing::{debug, info, warn};

use crate::error::Error;
use crate::share::tier::config::SharedTier;
use crate::share::tier::counts::{Counting, Miss};

/// The connections. There are two, so that large values do not delay small ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lane {
    /// Heads, probes and leases.
    Commands,
    /// Chunks and log entries.
    Bulk,
}

/// How long a MiB may take over a WAN. A slower line is too slow to be useful.
const MIB: Duration = Duration::from_secs(1);

/// How long an engine that failed is left alone: at first, and at most.
const LEFT_ALONE: (Duration, Duration) = (Duration::from_secs(5), Duration::from_mins(1));

/// An engine and its condition.
pub(crate) struct Engine {
    address: Address,
    timeout: Duration,
    lanes: [tokio::sync::Mutex<Option<Connection>>; 2],
    circuit: Mutex<Circuit>,
    counting: Arc<Counting>,
    clock: Clock,
}

enum Address {
    One(Box<Client>),
    Cluster(Box<ClusterClient>),
    /// A sentinel. It is asked for the master whenever a connection is made.
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
}

impl Address {
    fn new(config: &SharedTier) -> RedisResult<Self> {
        let url = config.url.expose_secret();
        let is_tls = url.starts_with("rediss:") || url.starts_with("valkeys:");
        let tls = TlsCertificates { client_tls: None, root_cert: config.root_certificate.clone() };
        if config.cluster {
            let mut builder = ClusterClient::builder([url])
                .connection_timeout(config.timeout)
                .response_timeout(LEFT_ALONE.0)
                .retries(1);
            if config.root_certificate.is_some() {
                builder = builder.certs(tls);
            }
            return Ok(Self::Cluster(Box::new(builder.build()?)));
        }
        if let Some(master) = &config.sentinel {
            let info = url.into_connection_info()?;
            let of_master = info.redis_settings();
            let kind = SentinelServerType::Master;
            let addresses = [info.addr().clone()];
            let mut builder = SentinelClientBuilder::new(addresses, master.clone(), kind)?
                .set_client_to_redis_db(of_master.db());
            if let Some(user) = of_master.username() {
                builder = builder.set_client_to_redis_username(user);
            }
            if let Some(password) = of_master.password() {
                builder = builder.set_client_to_redis_password(password);
            }
            if is_tls {
                builder = builder
                    .set_client_to_redis_tls_mode(TlsMode::Secure)
                    .set_client_to_redis_certificates(tls.clone())
                    .set_client_to_sentinel_certificates(tls);
            }
            return Ok(Self::Sentinel(Box::new(tokio::sync::Mutex::new(builder.build()?))));
        }
        let client = if is_tls { Client::build_with_tls(url, tls)? } else { Client::open(url)? };
        Ok(Self::One(Box::new(client)))
    }
}

#[derive(Clone)]
enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::One(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::One(connection) => connection.req_packed_commands(pipeline, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::One(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Whether the engine is asked at present.
#[derive(Default)]
struct Circuit {
    /// Since when the engine is left alone, and for how long.
    open: Option<(Monotonic, Duration)>,
    /// Failures in a row.
    failures: u32,
    /// The reasons that were logged.
    told: BTreeSet<String>,
}

impl Engine {
    /// Prepares the engine. It does not connect yet.
    pub(crate) fn new(
        config: &SharedTier,
        counting: Arc<Counting>,
        clock: Clock,
    ) -> Result<Self, Error> {
        // The text of the error may contain the address, and the address may contain a password.
        let address = Address::new(config).map_err(|error| Error::SharedTier {
            what: format!("its address is not valid ({})", error.category()),
        })?;
        if config.prefix.contains(['{', '}']) {
            let what = "its prefix contains a brace, but braces decide where a cluster keeps a key";
            return Err(Error::SharedTier { what: what.to_owned() });
        }
        Ok(Self {
            address,
            timeout: config.timeout,
            lanes: Default::default(),
            circuit: Mutex::default(),
            counting,
            clock,
        })
    }

    /// Reads a value that has about `bytes` bytes.
    pub(crate) async fn get(&self, key: &str, bytes: usize) -> Result<Option<Vec<u8>>, Miss> {
        let mut cmd = redis::cmd("GET");
        cmd.arg(key);
        let value: Option<Vec<u8>> = self.ask(Lane::Bulk, &cmd, bytes).await?;
        let read = value.as_ref().map_or(0, Vec::len);
        self.counting.change().bytes_read += read as u64;
        Ok(value)
    }

    /// Writes a value with an expiry.
    pub(crate) async fn set(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), Miss> {
        let mut cmd = redis::cmd("SET");
        cmd.arg(key).arg(value).arg("PX").arg(millis(ttl));
        let () = self.ask(Lane::Bulk, &cmd, value.len()).await?;
        self.counting.change().bytes_written += value.len() as u64;
        Ok(())
    }

    /// Writes a value with an expiry, if the key has no value. Returns whether it wrote.
    pub(crate) async fn set_new(
        &self,
        key: &str,
        value: &str,
        ttl: Duration,
    ) -> Result<bool, Miss> {
        let mut cmd = redis::cmd("SET");
        cmd.arg(key).arg(value).arg("NX").arg("PX").arg(millis(ttl));
        let set: Option<String> = self.ask(Lane::Commands, &cmd, 0).await?;
        Ok(set.is_some())
    }

    /// Changes when a value expires.
    pub(crate) async fn expire(&self, key: &str, ttl: Duration) -> Result<(), Miss> {
        self.command::<i64>("PEXPIRE", &[key, &millis(ttl).to_string()]).await.map(drop)
    }

    /// Runs any other small command.
    pub(crate) async fn command<T: redis::FromRedisValue>(
        &self,
        name: &str,
        arguments: &[&str],
    ) -> Result<T, Miss> {
        let mut cmd = redis::cmd(name);
        cmd.arg(arguments);
        self.ask(Lane::Commands, &cmd, 0).await
    }

    /// Runs a script. Its text is sent each time: it is short, and a restarted engine has no
    /// scripts.
    pub(crate) async fn run<T: redis::FromRedisValue>(
        &self,
        script: &str,
        keys: &[&str],
        arguments: &[&[u8]],
    ) -> Result<T, Miss> {
        let mut cmd = redis::cmd("EVAL");
        cmd.arg(script).arg(keys.len());
        cmd.arg(keys).arg(arguments);
        let bytes: usize = arguments.iter().map(|argument| argument.len()).sum();
        self.ask(Lane::Commands, &cmd, bytes).await
    }

    /// Sends a command, and waits as long as `bytes` bytes may take.
    async fn ask<T: redis::FromRedisValue>(
        &self,
        lane: Lane,
        cmd: &Cmd,
        bytes: usize,
    ) -> Result<T, Miss> {
        if self.is_left_alone() {
            return Err(Miss::Away);
        }
        let started = self.clock.monotonic();
        let mib = u32::try_from(bytes >> 10).unwrap_or(u32::MAX);
        let limit = self.timeout + MIB.saturating_mul(mib) / 1024;
        // If the client panics (a host whose TLS has no provider), the engine counts as
        // unreachable.
        let asking = AssertUnwindSafe(self.attempt(lane, cmd)).catch_unwind();
        let outcome = tokio::time::timeout(limit, asking).await;
        self.counting.took(started.elapsed());
        match outcome {
            Ok(Ok(Ok(value))) => {
                self.answered();
                Ok(value)
            }
            Ok(Ok(Err(error))) => Err(self.failed(lane, &error).await),
            Ok(Err(_)) => Err(self.leave_alone(lane, "its client failed", None)),
            Err(_) => Err(self.leave_alone(lane, "it did not answer in time", None)),
        }
    }

    async fn attempt<T: redis::FromRedisValue>(&self, lane: Lane, cmd: &Cmd) -> RedisResult<T> {
        let mut connection = self.connection(lane).await?;
        match cmd.query_async(&mut connection).await {
            // The engine was restarted since the last command, or another engine took over.
            Err(error) if error.is_connection_dropped() || error.is_io_error() => {
                self.disconnect(lane).await;
                let mut connection = self.connection(lane).await?;
                cmd.query_async(&mut connection).await
            }
            outcome => outcome,
        }
    }

    async fn connection(&self, lane: Lane) -> RedisResult<Connection> {
        let mut slot = self.slot(lane).lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        // The time-out around the answer is shorter. These limits are the last resort.
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.timeout))
            .set_response_timeout(Some(LEFT_ALONE.1));
        let connection = match &self.address {
            Address::One(client) => {
                let connecting = client.get_multiplexed_async_connection_with_config(&config);
                Connection::One(connecting.await?)
            }
            Address::Sentinel(client) => {
                let mut client = client.lock().await;
                Connection::One(client.get_async_connection_with_config(&config).await?)
            }
            Address::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
        };
        *slot = Some(connection.clone());
        Ok(connection)
    }

    async fn disconnect(&self, lane: Lane) {
        *self.slot(lane).lock().await = None;
    }

    fn slot(&self, lane: Lane) -> &tokio::sync::Mutex<Option<Connection>> {
        let [commands, bulk] = &self.lanes;
        match lane {
            Lane::Commands => commands,
            Lane::Bulk => bulk,
        }
    }

    fn is_left_alone(&self) -> bool {
        let circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        circuit.open.as_ref().is_some_and(|(since, how_long)| since.elapsed() < *how_long)
    }

    fn answered(&self) {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        if circuit.open.take().is_some() {
            info!("the shared tier is back");
            circuit.told.clear();
        }
        circuit.failures = 0;
    }

    /// Decides what an error means.
    async fn failed(&self, lane: Lane, error: &RedisError) -> Miss {
        use ServerErrorKind::{
            BusyLoading, ClusterDown, MasterDown, Moved, NoPerm, ReadOnly, TryAgain,
        };
        let why = match error.kind() {
            ErrorKind::AuthenticationFailed => "it refuses the user or the password",
            ErrorKind::Server(NoPerm) => {
                return self.refused("the user has no permission for a command", error);
            }
            ErrorKind::Server(BusyLoading | ClusterDown | MasterDown | TryAgain) => {
                "it is not ready"
            }
            ErrorKind::Server(Moved) => "it is a cluster, and is not configured as one",
            ErrorKind::Server(ReadOnly) => {
                // By now, the sentinel may name another master.
                self.disconnect(lane).await;
                return self.refused("it is a read-only replica", error);
            }
            ErrorKind::Server(_) | ErrorKind::Extension if error.code() == Some("OOM") => {
                return self.refused("its memory is full", error);
            }
            ErrorKind::Server(_) | ErrorKind::Extension => {
                return self.refused("it does not do a command", error);
            }
            ErrorKind::UnexpectedReturnType | ErrorKind::Parse => {
                debug!(error = %Private(error), "the shared tier answered something else");
                self.disconnect(lane).await;
                return Miss::NotVerified;
            }
            _ if is_tls(error) => "its certificate is not trusted",
            _ if error.is_connection_refusal() => "nothing listens at its address",
            _ => "it cannot be reached",
        };
        self.leave_alone(lane, why, Some(error))
    }

    /// The engine answers but refuses this command. Its other commands may still work.
    fn refused(&self, why: &'static str, error: &RedisError) -> Miss {
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        if circuit.told.insert(why.to_owned()) {
            warn!(why, error = %Private(error), "the shared tier refuses a command");
        }
        Miss::Refused
    }

    fn leave_alone(&self, lane: Lane, why: &'static str, error: Option<&RedisError>) -> Miss {
        // This does not wait for the lock: a task that holds it is connecting and notices the
        // failure itself.
        if let Ok(mut slot) = self.slot(lane).try_lock() {
            *slot = None;
        }
        let mut circuit = self.circuit.lock().unwrap_or_else(PoisonError::into_inner);
        let (first, most) = LEFT_ALONE;
        let how_long = first.saturating_mul(1 << circuit.failures.min(8)).min(most);
        circuit.failures = circuit.failures.saturating_add(1);
        circuit.open = Some((self.clock.monotonic(), how_long));
        let error = error.map(|error| Private(error.to_string()));
        let error = error.as_ref().map(tracing::field::display);
        if circuit.told.insert(why.to_owned()) {
            warn!(why, error, "going on without the shared tier");
        } else {
            debug!(why, error, "still without the shared tier");
        }
        Miss::Away
    }
}

/// rustls reports its errors as I/O errors.
fn is_tls(error: &RedisError) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.to_string().contains("certificate") {
            return true;
        }
        source = cause.source();
    }
    error.to_string().contains("certificate")
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
