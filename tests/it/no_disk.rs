//! The cache file cannot be written. Every answer is still right, the report says that nothing is
//! kept, and the next opening tries the disk again.

use std::process::Command;

use futures::FutureExt;
use match_core::{DiskFault, Engine, Error, Opened, Run, Selection, Unwritable};
use testbed::budget::{Scale, Stage, to_queries};
use testbed::queries::{TruthQuery, check};

const SCALE: Scale = Scale::small(2_000, 200);

/// The calls of a first run: identity, sections, pages, and because files are absent, sections once
/// more.
const COLD: u64 = 3 + 10;

const CHILD: &str = "MATCHBOX_TEST_SMALL_FILES";

async fn ask(engine: &Engine, asked: &[TruthQuery]) -> Run {
    let run = engine.match_files(&Selection::All, to_queries(asked)).await.unwrap();
    check(asked, &run.answers);
    run
}

#[tokio::test]
async fn without_a_folder_every_answer_is_right_and_nothing_is_kept() {
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.queries(300);
    // Permissions do not bind the superuser, but nobody can make a folder below a file.
    let file = stage.config().cache;
    std::fs::write(&file, "").unwrap();
    let cache = file.join("below.matchbox");
    let config = |unwritable| {
        let mut config = stage.config();
        (config.cache, config.unwritable) = (cache.clone(), unwritable);
        config
    };
    let refusing = config(Unwritable::Refuse);
    let refused = Engine::open(stage.client().unwrap(), refusing).await.unwrap_err();
    assert!(matches!(refused, Error::Io { .. }), "{refused}");

    for _ in 0..2 {
        let before = stage.calls();
        let engine =
            Engine::open(stage.client().unwrap(), config(Unwritable::Memory)).await.unwrap();
        let Opened::InMemory(no_disk) = engine.opened() else { panic!("{}", engine.opened()) };
        assert_eq!(no_disk.fault, DiskFault::Failed);
        let run = ask(&engine, &asked).await;
        assert_eq!(run.report.no_disk.as_ref(), Some(no_disk));
        let table = run.report.to_string();
        assert!(table.starts_with("NOT KEPT   the cache is in memory: the disk fails"), "{table}");
        assert_eq!(stage.calls() - before, COLD, "each process lists again");
        let again = ask(&engine, &asked).await;
        assert_eq!((stage.calls() - before, again.report.lookups.computed), (COLD, 0));
        engine.close().await.unwrap();
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"");
}

/// Part of [`a_disk_that_fills_up_in_a_run_costs_calls_and_no_answer`], in a process that may not
/// make a file longer than half a megabyte. Otherwise it does nothing.
#[tokio::test]
async fn child_with_small_files() {
    if std::env::var(CHILD).is_err() {
        return;
    }
    let stage = Stage::movies(SCALE).await.unwrap();
    let asked = stage.queries(1_000);
    let engine = stage.engine().await.unwrap();
    assert_eq!(engine.opened(), &Opened::Created);
    let run = ask(&engine, &asked).await;
    assert_eq!(run.report.no_disk.as_ref().unwrap().fault, DiskFault::Full);
    let before = stage.calls();
    assert!(before <= 2 * COLD, "only the lost listing is repeated: {before} calls");
    let again = ask(&engine, &asked).await;
    assert_eq!((stage.calls() - before, again.report.lookups.computed), (0, 0), "in memory");
    engine.close().await.unwrap();
    // The disk is tried again, and it is full again. Its content is sound.
    let engine = stage.engine().await.unwrap();
    assert!(matches!(engine.opened(), Opened::Existing), "{}", engine.opened());
    assert!(engine.store().check().unwrap().is_sound());
    assert!(ask(&engine, &asked).await.report.no_disk.is_some());

    let mut config = stage.config();
    config.cache = config.cache.with_file_name("refusing");
    config.unwritable = Unwritable::Refuse;
    let engine = Engine::open(stage.client().unwrap(), config).await.unwrap();
    let refused = engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap_err();
    assert!(matches!(refused, Error::Storage { .. }), "{refused}");
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_in_a_run_costs_calls_and_no_answer() {
    let child = "exec \"$0\" no_disk::child_with_small_files --exact --nocapture";
    let output = Command::new("sh")
        // The shell counts in blocks of 512 or of 1,024 bytes.
        .args(["-c", &format!("trap '' XFSZ && ulimit -f 700 && {child}")])
        .arg(std::env::current_exe().unwrap())
        .env(CHILD, "yes")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{errors}");
}

/// Every action of the engine begins on a thread for disk work, so each of them returns this error.
#[test]
fn outside_of_tokio_there_is_an_error_and_no_panic() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::movies(Scale::small(10, 10))).unwrap();
    let client = stage.client().unwrap();
    let opened = Engine::open(client.clone(), stage.config()).now_or_never().unwrap();
    assert!(matches!(opened, Err(Error::NoRuntime)), "{opened:?}");
    let engine = runtime.block_on(Engine::open(client, stage.config())).unwrap();
    let asked = to_queries(&stage.queries(5));
    let run = engine.match_files(&Selection::All, asked.clone()).now_or_never();
    let error = run.unwrap().unwrap_err();
    assert!(matches!(error, Error::NoRuntime), "{error}");
    assert!(error.to_string().contains("no tokio runtime"), "{error}");
    assert!(matches!(engine.close().now_or_never().unwrap(), Err(Error::NoRuntime)));
    runtime.block_on(engine.match_files(&Selection::All, asked)).unwrap();
    runtime.block_on(engine.close()).unwrap();
}
