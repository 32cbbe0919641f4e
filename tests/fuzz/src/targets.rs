//! The targets, one file for each.

mod file;
mod name;
mod page;
mod path;
mod record;
mod stream;

/// Plays one input, and panics if a promise is broken.
pub(crate) type Run = Box<dyn Fn(&[u8])>;

/// Something that reads bytes that Matchbox did not write.
pub struct Target {
    /// The name on the command line.
    pub name: &'static str,
    /// What the target promises, in one line.
    pub about: &'static str,
    /// Words that the target's code reads.
    pub(crate) words: &'static [&'static str],
    /// Whether an input may end the process. If so, each input is kept while it is played.
    pub may_die: bool,
    pub(crate) seeds: fn() -> Vec<Vec<u8>>,
    pub(crate) start: fn() -> Run,
}

impl Target {
    /// Valid inputs. The first one is empty.
    pub fn seeds(&self) -> Vec<Vec<u8>> {
        let mut seeds = vec![Vec::new()];
        seeds.extend((self.seeds)());
        seeds
    }

    /// Sets up what the target needs, once for all inputs.
    pub(crate) fn start(&self) -> Run {
        (self.start)()
    }
}

/// All targets.
pub static TARGETS: [Target; 6] =
    [page::TARGET, stream::TARGET, record::TARGET, file::TARGET, path::TARGET, name::TARGET];

/// The target with a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// Seeds that are text.
fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}
