//! A real engine for the shared tier: `redis-server` or `valkey-server`. It is started on a free
//! port in a temporary folder. Dropping it ends the process.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// The variable that makes the tests of the shared tier mandatory. If it is set and no engine is
/// installed, that is a failure instead of a reason to skip the tests.
const NEEDED: &str = "MATCHBOX_NEEDS_ENGINE";

/// Whether the line about skipped tests was written.
static TOLD: Once = Once::new();

/// The program, if one is installed. If not, one line says once which tests are skipped.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let names = ["redis-server", "valkey-server"];
    let found = folders.iter().flat_map(|folder| names.map(|name| folder.join(name)));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os(NEEDED).is_none(), "no redis-server and no valkey-server");
        TOLD.call_once(|| {
            // Written so that a test harness does not capture it.
            let line = "no redis-server or valkey-server: the shared tier's tests are left out";
            let _ = writeln!(std::io::stderr(), "{line}");
        });
    }
    found
}

/// A running engine.
pub struct Valkey {
    process: Child,
    port: u16,
    folder: TempDir,
    options: Vec<String>,
}

impl Valkey {
    /// Starts an engine with these command line options. `None`: no engine is installed.
    pub fn start(options: &[&str]) -> Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // Another process may take a free port at any moment.
        for _ in 0..5 {
            let port = free_port()?;
            if let Some(process) = launch(&program, port, &folder, &options)? {
                return Ok(Some(Self { process, port, folder, options }));
            }
        }
        bail!("the engine does not start")
    }

    /// Starts three nodes of a cluster, each with a third of the slots.
    pub fn cluster() -> Result<Option<Vec<Self>>> {
        let mut nodes = Vec::new();
        for _ in 0..3 {
            let bus = free_port()?.to_string();
            let options = ["--cluster-enabled", "yes", "--cluster-port", &bus];
            let Some(node) = Self::start(&options)? else { return Ok(None) };
            nodes.push((node, bus));
        }
        for (at, (node, _)) in nodes.iter().enumerate() {
            let mut redis = node.client()?;
            let (first, last) = [(0, 5_460), (5_461, 10_922), (10_923, 16_383)][at];
            let mut slots = redis::cmd("CLUSTER");
            let () = slots.arg("ADDSLOTSRANGE").arg(first).arg(last).query(&mut redis)?;
            for (other, bus) in &nodes {
                let mut meet = redis::cmd("CLUSTER");
                meet.arg("MEET").arg("127.0.0.1").arg(other.port).arg(bus);
                let () = meet.query(&mut redis)?;
            }
        }
        for (node, _) in &nodes {
            let mut redis = node.client()?;
            wait_until("the cluster is there", || {
                let info: String = redis::cmd("CLUSTER").arg("INFO").query(&mut redis)?;
                Ok(info.contains("cluster_state:ok") && info.contains("cluster_known_nodes:3"))
            })?;
        }
        Ok(Some(nodes.into_iter().map(|(node, _)| node).collect()))
    }

    /// Starts a sentinel that knows this engine as the master `films`.
    pub fn sentinel(&self) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let master = self.port;
        // On a busy machine, an engine that lives may be silent for a while.
        let lines = format!(
            "port {port}\nsentinel monitor films 127.0.0.1 {master} 1\n\
             sentinel down-after-milliseconds films 2000\n"
        );
        // The sentinel stores what it knows in its configuration file.
        let file = folder.path().join("sentinel.conf");
        std::fs::write(&file, lines)?;
        let mut command = Command::new(program().context("the engine is gone")?);
        command.arg(&file).arg("--sentinel");
        let process = started(command, port)?.context("the sentinel does not start")?;
        Ok(Self { process, port, folder, options: Vec::new() })
    }

    /// The engine's port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The engine's folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The engine's address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills the engine.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Kills the engine and starts it again on the same port. All its data are lost.
    pub fn restart(&mut self) -> Result<()> {
        self.kill()?;
        let program = program().context("the engine is gone")?;
        for _ in 0..50 {
            if let Some(process) = launch(&program, self.port, &self.folder, &self.options)? {
                self.process = process;
                return Ok(());
            }
        }
        bail!("the engine does not start again")
    }

    /// Sends the engine a signal: `STOP` makes it hang, `CONT` lets it go on.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([format!("-{signal}"), id]).status()?;
        anyhow::ensure!(sent.success(), "kill -{signal} failed");
        Ok(())
    }

    /// A client of the engine.
    pub fn client(&self) -> Result<redis::Connection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_connection_with_timeout(Duration::from_secs(5))?)
    }

    /// How many keys the engine holds.
    pub fn keys(&self) -> Result<u64> {
        Ok(redis::cmd("DBSIZE").query(&mut self.client()?)?)
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts the process, and waits until it listens. `None`: it ended at once, because its port is
/// taken.
fn launch(
    program: &std::path::Path,
    port: u16,
    folder: &TempDir,
    options: &[String],
) -> Result<Option<Child>> {
    let mut command = Command::new(program);
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(options);
    started(command, port)
}

/// As [`launch`], for any command.
fn started(mut command: Command, port: u16) -> Result<Option<Child>> {
    let mut process = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", command.get_program().display()))?;
    let mut ended = false;
    let listens = wait_until("the engine listens", || {
        ended = process.try_wait()?.is_some();
        Ok(ended || TcpStream::connect(("127.0.0.1", port)).is_ok())
    });
    if listens.is_err() {
        let _ = process.kill();
    }
    listens.map(|()| (!ended).then_some(process))
}

/// A port that is free at this moment.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Waits until a condition holds, by looking again and again: the condition depends on another
/// process, which sends no signal.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..1_500 {
        if is_so()? {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    bail!("this never happened: {what}")
}
