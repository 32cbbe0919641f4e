//! Inputs: a seed with a few changes. To make an input smaller, proptest tries fewer and smaller
//! changes.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

/// The most changes of one input.
const CHANGES: usize = 12;

/// The greatest length of an input.
const LONGEST: usize = 1 << 16;

/// Texts that often cause faults in parsers.
const TOKENS: &[&str] = &[
    "0",
    "-1",
    "1e999",
    "-0.0",
    "18446744073709551616",
    "9223372036854775807",
    "4294967296",
    "null",
    "true",
    "[]",
    "{}",
    "[",
    "{",
    "]",
    "}",
    "\"",
    "\\",
    "\\u0000",
    "\\ud800",
    "\n",
    "\r\n",
    "\n\n",
    "\0",
    "\u{feff}",
    "\u{130}",
    "\u{212a}",
    "\u{fdfa}",
    "e\u{301}\u{301}",
    "\u{202e}",
    "\u{10ffff}",
    ":",
    ",",
];

#[derive(Debug, Clone)]
enum Change {
    Flip {
        at: u32,
        bit: u8,
    },
    Set {
        at: u32,
        byte: u8,
    },
    Insert {
        at: u32,
        bytes: Vec<u8>,
    },
    Token {
        at: u32,
        token: u16,
    },
    Remove {
        at: u32,
        length: u16,
    },
    Cut {
        at: u32,
    },
    /// Inserts the bytes at `from` at `to`, this many times.
    Repeat {
        from: u32,
        length: u16,
        to: u32,
        times: u8,
    },
    /// Inserts bytes of another seed.
    Splice {
        seed: u16,
        from: u32,
        length: u16,
        at: u32,
    },
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<u32>;
    // Short ranges are much more frequent than long ones.
    let length = || prop_oneof![4 => 1_u16..16, 2 => 1_u16..256, 1 => any::<u16>()];
    let times = prop_oneof![8 => Just(1_u8), 1 => any::<u8>()];
    prop_oneof![
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip { at, bit }),
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set { at, byte }),
        (at(), vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert { at, bytes }),
        (at(), any::<u16>()).prop_map(|(at, token)| Change::Token { at, token }),
        (at(), length()).prop_map(|(at, length)| Change::Remove { at, length }),
        at().prop_map(|at| Change::Cut { at }),
        (at(), length(), at(), times).prop_map(|(from, length, to, times)| Change::Repeat {
            from,
            length,
            to,
            times
        }),
        (any::<u16>(), at(), length(), at()).prop_map(|(seed, from, length, at)| Change::Splice {
            seed,
            from,
            length,
            at
        }),
    ]
}

/// Inputs made from these seeds, with words that the target's code reads.
pub(crate) fn inputs(
    seeds: Arc<Vec<Vec<u8>>>,
    words: &'static [&'static str],
) -> impl Strategy<Value = Vec<u8>> {
    (0..seeds.len(), vec(change(), 0..=CHANGES)).prop_map(move |(seed, changes)| {
        let mut bytes = seeds[seed].clone();
        for change in changes {
            apply(&change, &mut bytes, &seeds, words);
            bytes.truncate(LONGEST);
        }
        bytes
    })
}

fn apply(change: &Change, bytes: &mut Vec<u8>, seeds: &[Vec<u8>], words: &[&str]) {
    let place = |at: u32, length: usize| at as usize % (length + 1);
    match change {
        Change::Flip { at, bit } => {
            let at = place(*at, bytes.len());
            bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= 1 << bit);
        }
        Change::Set { at, byte } => {
            let at = place(*at, bytes.len());
            bytes.iter_mut().skip(at).take(1).for_each(|old| *old = *byte);
        }
        Change::Insert { at, bytes: new } => insert(bytes, *at, new),
        Change::Token { at, token } => {
            let token = usize::from(*token) % (TOKENS.len() + words.len());
            let token = TOKENS.get(token).or_else(|| words.get(token - TOKENS.len()));
            insert(bytes, *at, token.map_or(&[], |token| token.as_bytes()));
        }
        Change::Remove { at, length } => {
            let at = place(*at, bytes.len());
            let end = (at + usize::from(*length)).min(bytes.len());
            bytes.drain(at..end);
        }
        Change::Cut { at } => bytes.truncate(place(*at, bytes.len())),
        Change::Repeat { from, length, to, times } => {
            let copied = piece(bytes, *from, *length).repeat(usize::from(*times));
            insert(bytes, *to, &copied[..copied.len().min(LONGEST)]);
        }
        Change::Splice { seed, from, length, at } => {
            let other = &seeds[usize::from(*seed) % seeds.len()];
            insert(bytes, *at, piece(other, *from, *length));
        }
    }
}

fn piece(bytes: &[u8], from: u32, length: u16) -> &[u8] {
    let from = from as usize % (bytes.len() + 1);
    &bytes[from..(from + usize::from(length)).min(bytes.len())]
}

fn insert(bytes: &mut Vec<u8>, at: u32, new: &[u8]) {
    let at = at as usize % (bytes.len() + 1);
    bytes.splice(at..at, new.iter().copied());
}
