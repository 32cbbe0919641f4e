//! Runs an independent client, python-plexapi, against the simulated server.

use std::io::ErrorKind;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, bail};
use testbed::generate::{LibraryKind, generate_all};
use testbed::library::{Item, Library, Media, Part, SectionKind};
use testbed::server::{Options, Pms};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// The script that uses the client.
const SCRIPT: &str = include_str!("plexapi.py");

/// Runs the script, or prints why it is skipped.
pub(super) fn run(interpreter: &Path) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let name = interpreter.display();
        let version = Command::new(interpreter)
            .args(["-c", "import plexapi; print(plexapi.VERSION)"])
            .stderr(Stdio::null())
            .output()
            .await;
        let version = match version {
            Ok(output) if output.status.success() => String::from_utf8(output.stdout)?,
            Ok(_) => {
                println!("python-plexapi: skipped, {name} has no package `plexapi` to import");
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                println!("python-plexapi: skipped, there is no {name} on this machine");
                return Ok(());
            }
            Err(error) => return Err(error).with_context(|| format!("starting {name}")),
        };
        println!("python-plexapi {}", version.trim());
        let pms = Pms::start(library(), Options::default()).await?;
        let mut child = Command::new(interpreter)
            .args(["-", pms.url(), pms.token()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        let mut stdin = child.stdin.take().context("the script has no input")?;
        stdin.write_all(SCRIPT.as_bytes()).await?;
        drop(stdin);
        let output = child.wait_with_output().await?;
        let said = String::from_utf8_lossy(&output.stdout);
        print!("{said}");
        if !output.status.success() || said.lines().last() != Some("ok") {
            bail!("python-plexapi cannot use the simulated server");
        }
        println!("{} requests answered", pms.requests().total());
        pms.stop().await;
        Ok(())
    })
}

/// Some movies, a section with two shows of two seasons with three episodes each, and some music.
fn library() -> Library {
    let generated = [(LibraryKind::Movies, 250), (LibraryKind::Music, 60)];
    let mut library = generate_all(7, None, &generated);
    let shows = library.add_section(
        "TV Shows",
        SectionKind::Show,
        "tv.plex.agents.series",
        &["/data/media/tv"],
    );
    for (number, show) in (0_u32..).zip(["A Show", "Another Show"].repeat(6)) {
        let (season, episode) = (number / 6 + 1, number / 2 % 3 + 1);
        let file = format!("/data/media/tv/{show}/{show} - s{season:02}e{episode:02}.mkv");
        let part =
            Part { file, size: 1_000_000, duration_ms: 1_800_000, mtime: 1, ..Part::default() };
        library.put_item(
            shows,
            Item {
                title: format!("Episode {episode}"),
                grandparent_title: Some(show.to_owned()),
                parent_index: Some(season),
                index: Some(episode),
                guid: format!("plex://episode/{number:024x}"),
                duration_ms: 1_800_000,
                media: vec![Media { parts: vec![part], ..Media::default() }],
                ..Item::default()
            },
        );
    }
    library
}
