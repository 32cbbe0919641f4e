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
//! redb does not checksum pages when they are read: one flipped bit comes back as an
//! altered value. The checksum keeps it from becoming a wrong answer. It covers the *place*
//! (table, section, key) too, so that a value which turns up under another key is damage and
//! not an answer. bincode itself would accept trailing bytes and allocate whatever a
//! damaged length says, so decoding has a limit and must consume every byte.
//!
//! # Changing a record
//!
//! Raise [`Record::SCHEMA`], keep the earlier struct (private, named after its schema), and
//! read it in [`Record::upgrade`]. Opening a file rewrites every record of an earlier schema;
//! what cannot be upgraded is dropped and listed again, and [`crate::Opened`] says which.

use bincode::config::{Configuration, LittleEndian, NoLimit, Varint};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

pub(crate) use bincode::{BorrowDecode, Decode, Encode};

/// First byte of every envelope.
const FORMAT: u8 = 0x4D;

/// Bytes before the payload.
const HEADER: usize = 11;

/// Largest payload that is decoded, in bytes. A shelf with a bucket of half a million items is
/// below it; a damaged length is not allowed to allocate more.
const LIMIT: usize = 4 << 20;

/// One type of value, with the version of its fields.
pub(crate) trait Record: Encode + for<'de> BorrowDecode<'de, ()> {
    /// Goes up with every change of the fields, their order or their meaning.
    const SCHEMA: u16;

    /// Reads a payload of an earlier schema. `None`: it cannot be upgraded.
    fn upgrade(schema: u16, payload: &[u8]) -> Option<Self> {
        let _ = (schema, payload);
        None
    }
}

/// Where a value lives: what the checksum binds it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of the table.
    pub(crate) table: u8,
    /// Section, 0 where there is none.
    pub(crate) section: u32,
    /// Key within the table.
    pub(crate) key: u128,
}

/// Why a value was not decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Damage {
    /// Shorter than an envelope, or another first byte.
    Envelope,
    /// The checksum differs: bits changed, or the value belongs to another key.
    Checksum,
    /// Whole, but of a schema this version does not read.
    Schema,
    /// The checksum holds, but the payload does not decode to its last byte.
    Payload,
}

/// What [`reseal`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resealed {
    /// The value is of the present schema; nothing was written.
    AsItWas,
    /// The value is of an earlier schema; `out` holds it in the present one.
    Upgraded,
}

/// Writes `record` in its envelope into `out`, which is cleared first.
pub(crate) fn seal<R: Record>(place: Place, record: &R, out: &mut Vec<u8>) {
    seal_with::<R>(place, out, |out| encode(record, out));
}

/// As [`seal`], of a record whose payload `write` appends; `false` from it: it cannot.
pub(crate) fn seal_with<R: Record>(
    place: Place,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Vec<u8>) -> bool,
) {
    out.clear();
    out.push(FORMAT);
    out.extend_from_slice(&R::SCHEMA.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    // Encoding into a Vec can only fail on a type that refuses to encode; ours do not, and
    // if one did, the payload would not pass its checksum.
    let sum = if write(out) {
        checksum(place, R::SCHEMA, out.get(HEADER..).unwrap_or_default())
    } else {
        0
    };
    if let Some(field) = out.get_mut(3..HEADER) {
        field.copy_from_slice(&sum.to_le_bytes());
    }
}

/// Reads a record back, of this or an earlier schema.
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

/// The payload of a value of the present schema, as it is encoded.
pub(crate) fn payload(place: Place, schema: u16, bytes: &[u8]) -> Result<&[u8], Damage> {
    match unseal(place, bytes)? {
        (found, payload) if found == schema => Ok(payload),
        _ => Err(Damage::Schema),
    }
}

/// Opens a value of this or an earlier schema; one of an earlier is sealed in this into `out`.
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

/// The checksum of a sealed value, unchecked: whether it is still the same value.
#[cfg(feature = "shared")]
pub(crate) fn sum(bytes: &[u8]) -> [u8; 8] {
    bytes.get(3..HEADER).and_then(|sum| sum.try_into().ok()).unwrap_or_default()
}

/// Checks an envelope; returns the schema and the payload.
fn unseal(place: Place, bytes: &[u8]) -> Result<(u16, &[u8]), Damage> {
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

/// Encodes a record without an envelope: for a spool that never outlives its process, and for
/// records inside of a sealed one.
pub(crate) fn encode<R: Encode>(record: &R, out: &mut Vec<u8>) -> bool {
    bincode::encode_into_std_write(record, out, CONFIG).is_ok()
}

/// Decodes what [`encode`] wrote; every byte must be consumed.
pub(crate) fn decode<'a, R: BorrowDecode<'a, ()>>(payload: &'a [u8]) -> Option<R> {
    decode_first(payload).filter(|(_, rest)| rest.is_empty()).map(|(record, _)| record)
}

/// Decodes what stands first in a payload; returns what follows it, too.
pub(crate) fn decode_first<'a, R: BorrowDecode<'a, ()>>(
    payload: &'a [u8],
) -> Option<(R, &'a [u8])> {
    let limited = CONFIG.with_limit::<LIMIT>();
    let (first, consumed) = bincode::borrow_decode_from_slice(payload, limited).ok()?;
    Some((first, payload.get(consumed..)?))
}

/// Little endian, variable-length integers: bincode's "standard".
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
