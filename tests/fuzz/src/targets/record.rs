//! A record of a table, with a right checksum, and with any payload and schema.
//!
//! The bytes: number of the table, row (for the table `meta`), schema (two bytes, little endian),
//! payload.

use cache_store::{Reread, reread, table_numbers};

use super::{Run, Target};

pub(super) const TARGET: Target = Target {
    name: "record",
    about: "a record of any table and schema: it is read or it is damage, and what was read stays the same",
    words: &["\u{1}", "\u{10}", "\u{11}", "\u{12}", "\u{13}"],
    may_die: false,
    seeds,
    start: || -> Run { Box::new(run) },
};

fn seeds() -> Vec<Vec<u8>> {
    let lines = include_str!("../../seeds/records.txt").lines();
    let seeds: Vec<Vec<u8>> = lines.filter(|line| !line.starts_with('#')).map(bytes).collect();
    for number in table_numbers() {
        let seed = seeds.iter().find(|seed| seed[0] == number || (number < 4 && seed[0] == 1));
        assert!(seed.is_some(), "no record of table {number:#x} among the seeds");
    }
    seeds
}

fn bytes(hex: &str) -> Vec<u8> {
    let pair = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len() / 2).map(|at| pair(2 * at)).collect()
}

fn run(bytes: &[u8]) {
    let [table, row, low, high, payload @ ..] = bytes else { return };
    let schema = u16::from_le_bytes([*low, *high]);
    let Some(read) = reread(*table, *row, schema, payload) else { return };
    assert!(read.agree, "its readers differ");
    let again = reread(*table, *row, read.schema, &read.payload);
    let Reread { schema, payload, .. } = read;
    assert_eq!(again, Some(Reread { schema, payload, agree: true }), "read again, it differs");
}
