//! A whole cache file is damaged, opened, and used to answer queries. Its server is running.
//!
//! The bytes: one for the time on the clock, and then eight for each damage: its kind, its place
//! (three bytes), its length, the byte to write, and the page to copy from (two bytes). Places
//! count only the pages in use.
//!
//! The file is always the same, so that an input always does the same. After a change of the
//! format, `UPDATE_FUZZ_BASE=1 cargo test -p fuzz base` writes it again.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use match_core::{Answer, Client, Clock, Confidence, Engine, EngineConfig, Error, Run, Selection};
use testbed::budget::{Scale, Stage, to_queries};
use testbed::queries::TruthQuery;
use tokio::runtime::Runtime;

use super::Target;

pub(super) const TARGET: Target = Target {
    name: "file",
    about: "a damaged cache file: nothing panics, and every answer is right or is not given",
    words: &[],
    may_die: true,
    seeds: || vec![vec![0], vec![0; 9], (0..=64).collect(), (0..=160).rev().collect()],
    start: || -> super::Run {
        let damaged = Damaged::new();
        Box::new(move |bytes| damaged.run(bytes))
    },
};

/// A cache file of the stage. It remembers answers for all files of the stage, and for some that do
/// not exist.
const BASE: &[u8] = include_bytes!("../../seeds/base.redb.gz");

const PAGE: usize = 4_096;
const SCALE: Scale = Scale::small(120, 60);

/// A server, and the queries: all its files, and a few files that it does not have.
async fn stage() -> (Stage, Vec<TruthQuery>) {
    let stage = Stage::movies(SCALE).await.unwrap();
    let mut asked = stage.present(SCALE.items);
    asked.extend((0..5).map(|n| {
        TruthQuery::new(format!("/mnt/elsewhere/Never Was Here {n}/Never {n}.mkv"), None)
    }));
    (stage, asked)
}

struct Damaged {
    runtime: Runtime,
    stage: Stage,
    client: Client,
    asked: Vec<TruthQuery>,
    sound: Vec<u8>,
    /// The pages that are not empty.
    pages: Vec<usize>,
}

impl Damaged {
    fn new() -> Self {
        let mut runtime = tokio::runtime::Builder::new_multi_thread();
        let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
        let (stage, asked) = runtime.block_on(stage());
        let mut sound = Vec::new();
        flate2::read::GzDecoder::new(BASE).read_to_end(&mut sound).unwrap();
        let used = |page: &[u8]| page.iter().any(|byte| *byte != 0);
        let pages = sound.chunks(PAGE).enumerate().filter(|(_, page)| used(page));
        let pages = pages.map(|(at, _)| at * PAGE).collect();
        let client = stage.client().unwrap();
        // Only some of the queries: all of them would take too long for each input.
        let asked = asked.into_iter().rev().take(25).collect();
        Self { runtime, stage, client, asked, sound, pages }
    }

    fn run(&self, bytes: &[u8]) {
        let [hour, blows @ ..] = bytes else { return };
        let mut file = self.sound.clone();
        for blow in blows.as_chunks::<8>().0 {
            self.strike(&mut file, *blow);
        }
        let mut config = self.place(&file);
        // The times: the file's stamps are fresh; the stamps are asked for; a total is due; a sweep
        // is due.
        let minutes = [0, 2, 61, 25 * 60][usize::from(hour % 4)];
        config.clock = Clock::manual(self.stage.clock.now());
        config.clock.advance(Duration::from_mins(minutes));
        self.runtime.block_on(self.ask(config));
    }

    /// Writes a file to the place of the cache, and removes everything beside it.
    fn place(&self, file: &[u8]) -> EngineConfig {
        let config = self.stage.config();
        let folder: PathBuf = config.cache.parent().unwrap().to_owned();
        for entry in fs::read_dir(folder).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
        fs::write(&config.cache, file).unwrap();
        config
    }

    async fn ask(&self, config: EngineConfig) {
        let engine = match Engine::open(self.client.clone(), config.clone()).await {
            Ok(engine) => engine,
            // The file does not look like a cache any more, or looks like one of a newer version.
            // It is left alone.
            Err(
                Error::NotACache { .. } | Error::NewerFormat { .. } | Error::NewerRecords { .. },
            ) => return,
            Err(error) => panic!("opening it: {error}"),
        };
        for turn in ["first", "second"] {
            self.check(&engine, turn).await;
        }
        match engine.close().await {
            Ok(()) => {}
            // It is closed all the same: it can be opened again, and then answers.
            Err(Error::Damaged { .. } | Error::Storage { .. }) => {
                let again = Engine::open(self.client.clone(), config).await;
                let again = again.unwrap_or_else(|error| panic!("opening it again: {error}"));
                self.check(&again, "third").await;
            }
            Err(error) => panic!("closing it: {error}"),
        }
    }

    /// Makes a run, and compares its answers with the truth.
    async fn check(&self, engine: &Engine, turn: &str) {
        let run = self.run_of(engine).await;
        let run = run.unwrap_or_else(|error| panic!("{turn} run: {error}"));
        for (truth, answer) in self.asked.iter().zip(&run.answers) {
            let right = match (answer, truth.expect) {
                (Answer::Found(found), Some(key)) => found.rating_key.0 == key,
                (Answer::Found(found), None) => found.confidence != Confidence::High,
                (Answer::Absent, None) => true,
                _ => false,
            };
            assert!(right, "{turn} run: {} is {:?}: {answer:?}", truth.path, truth.expect);
        }
    }

    /// Makes a run. If it meets damage, it may return an error that asks for another run. That run
    /// must answer.
    async fn run_of(&self, engine: &Engine) -> Result<Run, Error> {
        let run = || engine.match_files(&Selection::All, to_queries(&self.asked));
        match run().await {
            Err(Error::Damaged { .. } | Error::Moved { .. }) => run().await,
            run => run,
        }
    }

    fn strike(&self, file: &mut Vec<u8>, blow: [u8; 8]) {
        let [what, place0, place1, place2, length, byte, from0, from1] = blow;
        let place = usize::from(place0) << 16 | usize::from(place1) << 8 | usize::from(place2);
        let at = self.pages[place / PAGE % self.pages.len()] + place % PAGE;
        let from = self.pages[(usize::from(from0) << 8 | usize::from(from1)) % self.pages.len()];
        let page = at / PAGE * PAGE;
        let end = |length: usize| (at + length).min(file.len());
        match what % 10 {
            0..=2 if at < file.len() => file[at] ^= 1 << (byte % 8),
            3 if at < file.len() => file[at] = byte,
            4 if at < file.len() => {
                let end = end(usize::from(length));
                file[at..end].fill(byte);
            }
            5 if page + PAGE <= file.len() => file[page..page + PAGE].fill(0),
            // A write to the wrong place.
            6 if from.max(page) + PAGE <= file.len() => file.copy_within(from..from + PAGE, page),
            7 => file.truncate(at),
            8 => file.truncate(page),
            9 => file.extend(std::iter::repeat_n(byte, usize::from(length) * 64)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Otherwise the section would be listed again before any damage is read.
    #[tokio::test]
    async fn the_base_is_a_cache_file_of_this_version() {
        let (stage, asked) = stage().await;
        let cache = stage.config().cache;
        if std::env::var_os("UPDATE_FUZZ_BASE").is_some() {
            let engine = stage.engine().await.unwrap();
            engine.match_files(&Selection::All, to_queries(&asked)).await.unwrap();
            engine.store().compact().unwrap();
            engine.close().await.unwrap();
            let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seeds/base.redb.gz");
            let file = fs::File::create(path).unwrap();
            let mut packed = flate2::write::GzEncoder::new(file, flate2::Compression::best());
            packed.write_all(&fs::read(cache).unwrap()).unwrap();
            packed.finish().unwrap();
            return;
        }
        let mut base = Vec::new();
        flate2::read::GzDecoder::new(BASE).read_to_end(&mut base).unwrap();
        fs::write(cache, base).unwrap();
        let run = stage.run(&Selection::All, &asked).await.unwrap();
        let remembered = run.report.lookups.remembered;
        assert_eq!(remembered, asked.len() as u64, "UPDATE_FUZZ_BASE=1 cargo test -p fuzz base");
    }
}
