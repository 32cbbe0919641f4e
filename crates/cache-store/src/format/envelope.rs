//! The envelope around every value, and the only file that names bincode.
//!
//! ```text
//! offset  size  field
//!      0     1  format byte, 0x4D
//!      1     2  schema of the payload, little endian
//!      3     8  xxh3-64 of everything else: place, schema and payload, little endian
//!     11     n  payload: bincode 2 "standard" (little endian, variable-length integers)
//! ```
//!
//! redb does not verify checksums of pages when it reads them, so one flipped bit gives an altered
//! value. The checksum of the envelope keeps it from becoming a wrong answer. It also covers the
//! *place* (table, section, key): a value under another key is damage and not an answer. bincode
//! itself accepts trailing bytes, and allocates whatever a damaged length says. So decoding has a
//! limit and must consume every byte.
//!
//! # Changing a record
//!
//! Raise [`Record::SCHEMA`], keep the earlier struct (private, with its schema in the name), and
//! read it in [`Record::upgrade`]. Opening a file rewrites every record of an earlier schema. A
//! record that cannot be upgraded is dropped and listed again, and [`crate::Opened`] names its
//! table.

use bincode::config::{Configuration, LittleEndian, NoLimit, Varint};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub(crate) use bincode::{BorrowDecode, Decode, Encode, de, enc, error};

/// First byte of every envelope.
const FORMAT: u8 = 0x4D;

/// Bytes before the payload.
const HEADER: usize = 11;

/// How many bytes of memory the decoding of a small payload may take. So a damaged length cannot
/// allocate more. A larger payload may take at least 16 times its size, up to 1 GiB. A rating key
/// takes one to nine bytes in a payload and eight in memory, so a bucket may have millions of
/// items.
const LIMIT: usize = 4 << 20;

/// One type of value, with the version of its fields.
pub(crate) trait Record: Encode + for<'de> BorrowDecode<'de, ()> {
    /// The version of the fields. It goes up whenever a field, the order or a meaning changes.
    const SCHEMA: u16;

    /// Reads a payload of an earlier schema. `None`: it cannot be upgraded.
    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        let _ = (schema, payload);
        None
    }
}

/// The place of a value. The checksum binds the value to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of the table.
    pub(crate) table: u8,
    /// Number of the section, or 0 for a value without one.
    pub(crate) section: u32,
    /// Key within the table.
    pub(crate) key: u128,
}

/// Why a value could not be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// The value is shorter than an envelope, or has another first byte.
    Envelope,
    /// The checksum differs: bits changed, or the value belongs to another place.
    Checksum,
    /// The value is whole, but this version does not read its schema.
    Schema,
    /// The checksum agrees, but the payload does not decode to its last byte.
    Payload,
}

/// What [`reseal`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resealed {
    /// The value has the present schema. Nothing was written.
    AsItWas,
    /// The value has an earlier schema. `out` holds it in the present one.
    Upgraded,
}

/// Clears `out` and writes `record` into it, in its envelope.
pub(crate) fn seal<R: Record>(place: Place, record: &R, out: &mut Vec<u8>) {
    seal_with::<R>(place, out, |out| encode(record, out));
}

/// As [`seal`], but `write` appends the payload. It returns `false` if it cannot.
pub(crate) fn seal_with<R: Record>(
    place: Place,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) {
    out.clear();
    out.push(FORMAT);
    out.extend_from_slice(&R::SCHEMA.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    // Encoding into a Vec fails only for a type that refuses to encode. Ours never refuse. If one
    // did, the payload would not pass its checksum.
    let sum = if write(out) {
        checksum(place, R::SCHEMA, out.get(HEADER..).unwrap_or_default())
    } else {
        0
    };
    if let Some(field) = out.get_mut(3..HEADER) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
}

/// A payload of any schema, in its envelope.
pub(crate) fn seal_payload(place: Place, schema: u16, payload: &[u8]) -> Vec<u8> {
    let sum = checksum(place, schema, payload).to_le_bytes();
    [&[FORMAT], schema.to_le_bytes().as_slice(), &sum, payload].concat()
}

/// Reads a record of the present or an earlier schema.
pub(crate) fn open<R: Record>(place: Place, bytes: &[u8]) -> Result<R, Damage> {
    let (schema, payload) = unseal(place, bytes)?;
    match schema {
        schema if schema == R::SCHEMA => decode(payload).ok_or(Damage::Payload),
        schema if schema < R::SCHEMA => R::upgrade(schema, payload).ok_or(Damage::Schema),
        _ => Err(Damage::Schema),
    }
}

/// Reads a record of the present schema without copying what it borrows from `bytes`.
pub(crate) fn borrow<'a, R: BorrowDecode<'a, ()>>(
    place: Place,
    schema: u16,
    bytes: &'a [u8],
) -> Result<R, Damage> {
    decode(payload(place, schema, bytes)?).ok_or(Damage::Payload)
}

/// The encoded payload of a value of the present schema.
pub(crate) fn payload(place: Place, schema: u16, bytes: &[u8]) -> Result<&[u8], Damage> {
    match unseal(place, bytes)? {
        (found, payload) if found == schema => Ok(payload),
        _ => Err(Damage::Schema),
    }
}

/// Opens a value of the present or an earlier schema. An earlier one is sealed into `out` in the
/// present schema.
pub(crate) fn reseal<R: Record>(
    place: Place,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<Resealed, Damage> {
    let record = open::<R>(place, bytes)?;
    let (schema, _) = unseal(place, bytes)?;
    if schema == R::SCHEMA {
        return Ok(Resealed::AsItWas);
    }
    seal(place, &record, out);
    Ok(Resealed::Upgraded)
}

/// Checks an envelope, and returns the schema and the payload.
pub(crate) fn unseal(place: Place, bytes: &[u8]) -> Result<(u16, &[u8]), Damage> {
    let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
        return Err(Damage::Envelope);
    };
    let &[format, schema0, schema1, ref sum @ ..] = header else { return Err(Damage::Envelope) };
    if format != FORMAT {
        return Err(Damage::Envelope);
    }
    let schema = u16::from_le_bytes([schema0, schema1]);
    if sum != checksum(place, schema, payload).to_le_bytes() {
        return Err(Damage::Checksum);
    }
    Ok((schema, payload))
}

/// Encodes a record without an envelope. This is for a spool, which never outlives its process, and
/// for records inside a sealed one.
pub(crate) fn encode<R: Encode>(record: &R, out: &mut Vec<u8>) -> bool {
    bincode::encode_into_std_write(record, out, CONFIG).is_ok()
}

/// Decodes a record that [`encode`] wrote. It must consume every byte.
pub(crate) fn decode<'a, R: BorrowDecode<'a, ()>>(payload: &'a [u8]) -> Option<R> {
    decode_first(payload).filter(|(_, rest)| rest.is_empty()).map(|(record, _)| record)
}

/// Decodes the first record of a payload, and returns the bytes after it, too.
pub(crate) fn decode_first<'a, R: BorrowDecode<'a, ()>>(
    payload: &'a [u8],
) -> Option<(R, &'a [u8])> {
    let (first, consumed) = match payload.len() {
        length if length <= SMALL => limited::<R, LIMIT>(payload),
        length if length <= MEDIUM => limited::<R, { 16 * MEDIUM }>(payload),
        length if length <= LARGE => limited::<R, { 16 * LARGE }>(payload),
        _ => limited::<R, { 64 * LARGE }>(payload),
    }?;
    Some((first, payload.get(consumed..)?))
}

const SMALL: usize = LIMIT / 16;
const MEDIUM: usize = SMALL * 8;
const LARGE: usize = MEDIUM * 8;

/// Decodes with at most `AT_MOST` bytes of memory. It also returns how many bytes of the payload it
/// read.
fn limited<'a, R: BorrowDecode<'a, ()>, const AT_MOST: usize>(
    payload: &'a [u8],
) -> Option<(R, usize)> {
    bincode::borrow_decode_from_slice(payload, CONFIG.with_limit::<AT_MOST>()).ok()
}

/// bincode's "standard": little endian, integers of variable length.
const CONFIG: Configuration<LittleEndian, Varint, NoLimit> = bincode::config::standard();

fn checksum(place: Place, schema: u16, payload: &[u8]) -> u64 {
    let mut head = [0; 23];
    let (table, rest) = head.split_at_mut(1);
    table.copy_from_slice(&[place.table]);
    let (section, rest) = rest.split_at_mut(4);
    section.copy_from_slice(&place.section.to_le_bytes());
    let (key, rest) = rest.split_at_mut(16);
    key.copy_from_slice(&place.key.to_le_bytes());
    rest.copy_from_slice(&schema.to_le_bytes());
    let seed = xxh3_64(&head);
    xxh3_64_with_seed(payload, seed)
}
