//! A daemon. It matches the files of a folder periodically, and listens to the server between the
//! runs. In an outage it shows its earlier answers. It serves its numbers to Prometheus, and ends
//! on SIGTERM.

#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use examples::{Server, asked, end, media_files};
use match_core::{Answer, Engine, Error, ErrorKind, Query, Reason, Selection, StreamExt, Watched};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// Matches the files of a folder periodically. Ends on SIGTERM or an interrupt.
#[derive(Parser)]
struct Options {
    /// The folder.
    folder: PathBuf,
    /// Seconds between two runs. Events of the server start a run earlier.
    #[arg(long, default_value_t = 300.0)]
    every: f64,
    /// Hours for which earlier answers are shown in an outage.
    #[arg(long, default_value_t = 24)]
    stale: u64,
    /// The freshness window in seconds. Only tests need less than the default of 60.
    #[arg(long, hide = true)]
    freshness: Option<u64>,
    /// Serve numbers to Prometheus at this address.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    #[command(flatten)]
    server: Server,
}

fn main() -> ExitCode {
    end(run(&Options::parse()))
}

#[tokio::main]
async fn run(options: &Options) -> anyhow::Result<()> {
    // Listen for signals from the start, so that the cache is always closed.
    let mut stop = std::pin::pin!(stopped()?);
    if let Some(address) = options.metrics {
        let numbers = PrometheusBuilder::new().install_recorder()?;
        let listener = TcpListener::bind(address).await;
        let listener = listener.with_context(|| format!("cannot listen at {address}"))?;
        println!("numbers at http://{}/metrics", listener.local_addr()?);
        tokio::spawn(serve(listener, numbers));
    }
    let mut config = options.server.config();
    config.stale = Some(Duration::from_secs(options.stale * 3_600));
    if let Some(freshness) = options.freshness {
        config.policy.freshness = Duration::from_secs(freshness);
    }
    let engine = Engine::open(options.server.client()?, config).await?;
    println!("{}", engine.opened());

    // A task of its own reads the events, so that none waits unread during a run.
    let (news, mut told) = mpsc::channel(1);
    let events = engine.watch();
    let watcher = tokio::spawn(async move {
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            match event {
                Ok(Watched::Looked { steps, .. }) if steps.iter().any(|s| s.changes.any()) => {
                    let _ = news.try_send(()); // one waiting message is enough
                }
                Ok(_) => {}
                // The server sends no events, or refuses them. Runs then ask the server.
                Err(error) => return println!("not listening: {error}"),
            }
        }
    });

    let every = Duration::try_from_secs_f64(options.every).context("--every")?;
    let mut ended = Ok(());
    loop {
        tokio::select! {
            // A dropped run leaves the cache as it was.
            done = once(&engine, options) => match done {
                Ok(line) => println!("{line}"),
                Err(error) => {
                    ended = Err(error);
                    break;
                }
            },
            () = &mut stop => break,
        }
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            Some(()) = told.recv() => {}
            () = &mut stop => break,
        }
    }
    watcher.abort();
    engine.close().await?;
    println!("closed");
    ended
}

/// Makes one run. Returns its result as a line.
async fn once(engine: &Engine, options: &Options) -> anyhow::Result<String> {
    let files = media_files(&options.folder)?;
    // Skip files that were deleted since the folder was read.
    let queries: Vec<Query> = files.iter().filter_map(|file| Query::from_file(file).ok()).collect();
    let run = match engine.match_files(&Selection::All, queries).await {
        Ok(run) => run,
        // The section changed all the time, or the damaged file was replaced. The next run works.
        Err(error @ (Error::Moved { .. } | Error::Damaged { .. })) => {
            return Ok(format!("again later: {error}"));
        }
        Err(error) => return Err(error.into()),
    };
    // Asking again does not correct a wrong token. Everything else may be better at the next run.
    if run.outage().and_then(Reason::kind) == Some(ErrorKind::Unauthorized) {
        asked(run.outage())?;
    }
    let found = |answers: &[Answer]| answers.iter().filter(|one| one.high().is_some()).count();
    let calls = run.report.calls.total().count;
    let count = run.queries.len();
    Ok(match (run.outage(), &run.stale) {
        (None, _) => format!("{} of {count} files found, {calls} calls", found(&run.answers)),
        (Some(why), Some(then)) => {
            let (age, found) = (then.age.as_secs(), found(&then.answers));
            format!("outage: {found} of {count} files were found {age} s ago ({why})")
        }
        (Some(why), None) => format!("outage: nothing is known ({why})"),
    })
}

/// Completes on SIGTERM or an interrupt.
fn stopped() -> anyhow::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate())?
    };
    Ok(async move {
        #[cfg(unix)]
        let terminated = terminate.recv();
        #[cfg(not(unix))]
        let terminated = std::future::pending::<Option<()>>();
        tokio::select! {
            _ = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    })
}

/// Answers every HTTP request with the numbers.
async fn serve(listener: TcpListener, numbers: PrometheusHandle) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let body = numbers.render();
        tokio::spawn(async move {
            let mut request = [0; 1_024];
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\n";
            let answer =
                format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
            let _ = stream.write_all(answer.as_bytes()).await;
        });
    }
}
