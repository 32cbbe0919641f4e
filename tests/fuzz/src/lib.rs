//! Random inputs for all code that reads what Matchbox did not write itself.
//!
//! A [`Target`] takes bytes and panics if a promise is broken. The bytes are a seed with a few
//! random changes. Nothing looks at which code they reach. An input that breaks a promise is a
//! finding: proptest makes it smaller, and it is printed and kept as a file. `cargo test -p fuzz`
//! plays every input that failed once, and each target for a second. `cargo xtask fuzz NAME
//! --seconds 600` plays one target for a long time.
//!
//! Why proptest: a fuzzer that is guided by coverage (cargo-fuzz) needs a nightly compiler. Without
//! one, bolero draws bytes that are neither JSON nor a record, and nearly all of them fail at the
//! first check. proptest was a dependency already. It draws what it is told to, repeats a seed
//! exactly, and makes failing inputs smaller.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a target reports a broken promise by a panic"
)]

mod mutate;
mod play;
mod targets;

pub use play::{Finding, Played, found, play, replay};
pub use targets::{TARGETS, Target, target};

#[cfg(test)]
#[allow(clippy::print_stdout, reason = "the tests of the gate print their seeds")]
mod tests {
    use std::time::Duration;

    use super::{Target, found, play, replay, target};

    /// Plays a target for a second. The seed differs from run to run, and is printed.
    fn second(name: &str) {
        let target = target(name).unwrap();
        for input in found(target).unwrap() {
            if let Err(finding) = replay(target, &input.bytes) {
                panic!("{finding}\nIt failed before: {}", input.path.display());
            }
        }
        // redb can end the process (see `docs/testing.md`). For such a target, the gate always uses
        // the same seed, so it does not die at random.
        let seed = if target.may_die { 1 } else { u64::from(std::process::id()) };
        println!("{name}: seed {seed}");
        match play(target, Duration::from_secs(1), seed) {
            Ok(played) => {
                println!("{name}: {} executions", played.executions);
                assert!(played.executions > target.seeds().len() as u64, "{played:?}");
            }
            Err(finding) => panic!("{}", finding.keep()),
        }
    }

    /// A broken promise is found, the input is made small, and the same seed finds it again.
    #[test]
    fn planted() {
        let planted = Target {
            name: "planted",
            about: "no bracket follows a bracket",
            words: &["[["],
            may_die: false,
            seeds: || vec![b"an input with many words, and with no bracket at all".to_vec()],
            start: || {
                Box::new(|bytes| assert!(!bytes.windows(2).any(|two| two == b"[["), "in a bracket"))
            },
        };
        let found = [1, 1, 2].map(|seed| play(&planted, Duration::from_mins(1), seed).unwrap_err());
        assert_eq!(found[0].input, found[1].input);
        for finding in &found {
            assert_eq!(finding.what, "in a bracket");
            // At most the seed and the word.
            assert!(finding.input.len() <= planted.seeds()[1].len() + 2, "{finding}");
            assert!(finding.to_string().contains("5b5b"), "{finding}");
            assert!(replay(&planted, &finding.input).is_err());
        }
    }

    #[test]
    fn page() {
        second("page");
    }

    #[test]
    fn stream() {
        second("stream");
    }

    #[test]
    fn record() {
        second("record");
    }

    #[test]
    fn file() {
        second("file");
    }

    #[test]
    fn path() {
        second("path");
    }

    #[test]
    fn name() {
        second("name");
    }

    #[test]
    fn every_target_is_played_by_the_gate() {
        let source = include_str!("lib.rs");
        for target in &super::TARGETS {
            let line = format!("second(\"{}\");", target.name);
            assert!(source.contains(&line), "{}", target.name);
        }
    }
}
