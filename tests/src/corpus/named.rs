//! Common forms of names, for invented shows, films and records. In each form a name means one item
//! or none.

mod films;
mod known;
mod records;
mod seasons;
mod shows;

use super::Case;
use crate::library::Library;
use crate::random::Random;

/// Makes cases of every form.
pub(super) fn cases(library: &mut Library, each: usize, random: &mut Random) -> Vec<Case> {
    let mut cases = shows::cases(library, each, random);
    cases.extend(known::cases(library, each, random));
    cases.extend(films::cases(library, each, random));
    cases.extend(records::cases(library, each, random));
    cases
}

/// A title for a number. With the same words, no other number gets this title.
fn title(n: usize, words: [&[&str]; 3]) -> String {
    let [first, second, third] = words;
    let (a, rest) = (first[n % first.len()], n / first.len());
    let (b, rest) = (second[(n + rest) % second.len()], rest / second.len());
    match rest {
        0 => format!("{a} {b}"),
        rest => format!("{a} {b} {}", third[rest % third.len()]),
    }
}

fn dotted(title: &str) -> String {
    title.replace([' ', '-'], ".")
}
