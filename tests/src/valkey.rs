//! A real engine for the shared tier: `redis-server` or `valkey-server`, started on a free port in
//! a temporary folder, and ended when it is dropped.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Once;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

/// Set where the tests of the shared tier have to run: then an engine that is not there is a
/// failure and not a reason to leave them out.
const NEEDED: &str = "MATCHBOX_NEEDS_ENGINE";

/// Whether the line about tests that are left out was written.
static TOLD: Once = Once::new();

/// The program, if one is installed. Else one line says, once, what is left out.
pub fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"].map(PathBuf::from));
    let names = ["redis-server", "valkey-server"];
    let found = folders.iter().flat_map(|folder| names.map(|name| folder.join(name)));
    let found = found.into_iter().find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os(NEEDED).is_none(), "neither redis-server nor valkey-server here");
        TOLD.call_once(|| {
            // Past what a test harness captures.
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
    /// Starts one with options of its command line; `None`: there is none to start.
    pub fn start(options: &[&str]) -> Result<Option<Self>> {
        let Some(program) = program() else { return Ok(None) };
        let folder = tempfile::tempdir()?;
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        // A port that is free now may be somebody else's in a moment.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
            if let Some(process) = launch(&program, port, &folder, &options)? {
                return Ok(Some(Self { process, port, folder, options }));
            }
        }
        bail!("the engine does not start")
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends it, at once.
    pub fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Ends it and starts it again, on the same port: it has forgotten everything.
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

    /// Sends it a signal: `STOP` makes it hang, `CONT` ends that.
    pub fn signal(&self, signal: &str) -> Result<()> {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([format!("-{signal}"), id]).status()?;
        anyhow::ensure!(sent.success(), "kill -{signal} failed");
        Ok(())
    }

    /// A client of it.
    pub fn client(&self) -> Result<redis::Connection> {
        let client = redis::Client::open(self.url())?;
        Ok(client.get_connection_with_timeout(Duration::from_secs(5))?)
    }
}

impl Drop for Valkey {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Starts it, and waits until it listens. `None`: it ended at once, its port is taken.
fn launch(
    program: &std::path::Path,
    port: u16,
    folder: &TempDir,
    options: &[String],
) -> Result<Option<Child>> {
    let mut process = Command::new(program)
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "no", "--dir"])
        .arg(folder.path())
        .args(options)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {}", program.display()))?;
    // What is waited for is another process, which tells nobody that it is ready.
    for _ in 0..1_000 {
        if process.try_wait()?.is_some() {
            return Ok(None);
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(Some(process));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    let _ = process.kill();
    bail!("the engine does not listen")
}
