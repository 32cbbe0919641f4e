//! The bytes of the values. Each value is sealed, and a value with a wrong seal is a miss.
//!
//! ```text
//! offset  size  field
//!      0    16  blake3, keyed with what hosts share, of the key's name and the payload; 16 bytes
//!     16     n  payload: bincode as in the cache file; items are compressed (deflate)
//! ```
//!
//! The seal includes the key's name. So the value of another key, section, server or snapshot does
//! not verify. It also includes all lengths: no memory is allocated for a length that was not
//! sealed.

use std::io::Read;

use flate2::Compression;
use flate2::read::{DeflateDecoder, DeflateEncoder};
use plex_api::{Location, Section, SectionKey, SectionKind, SectionUuid};

use crate::format::envelope::{self, Decode, Encode};
use crate::format::item::ItemFields;
use crate::format::stamp::StampFields;
use crate::model::item::CachedItem;
use crate::model::position::CommitId;
use crate::model::revision::SectionStamp;
use crate::share::tier::protocol::{EngineTime, Head, Link, Snapshot};

/// The bytes of the seal.
const SEAL: usize = 16;

/// The most bytes that a chunk may have before compression.
const RAW_AT_MOST: usize = 4 << 20;

/// Seals and opens values.
#[derive(Clone)]
pub(crate) struct Seal(pub(crate) [u8; 32]);

impl Seal {
    /// Adds the seal in front of a payload.
    pub(crate) fn seal(&self, key: &str, payload: &[u8]) -> Vec<u8> {
        let mut sealed = Vec::with_capacity(SEAL + payload.len());
        sealed.extend_from_slice(&self.of(key, payload));
        sealed.extend_from_slice(payload);
        sealed
    }

    /// Returns the payload if the seal is right.
    pub(crate) fn open<'a>(&self, key: &str, sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (seal, payload) = sealed.split_at_checked(SEAL)?;
        (seal == self.of(key, payload)).then_some(payload)
    }

    fn of(&self, key: &str, payload: &[u8]) -> [u8; SEAL] {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(payload);
        let mut seal = [0; SEAL];
        hasher.finalize_xof().fill(&mut seal);
        seal
    }
}

/// A probe as the engine stores it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedProbe {
    /// When the server was asked.
    pub(crate) at: EngineTime,
    pub(crate) sections: Vec<Section>,
}

#[derive(Encode, Decode)]
struct ProbeRow {
    at: i64,
    sections: Vec<SectionFields>,
}

#[derive(Encode, Decode)]
struct SectionFields {
    key: u32,
    uuid: String,
    title: String,
    kind: String,
    locations: Vec<(Option<u64>, String)>,
    stamp: StampFields,
}

impl SharedProbe {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let sections = self.sections.iter().map(|section| SectionFields {
            key: section.key.0,
            uuid: section.uuid.0.clone(),
            title: section.title.clone(),
            kind: section.kind.to_string(),
            locations: section.locations.iter().map(|at| (at.id, at.path.clone())).collect(),
            stamp: StampFields::new(SectionStamp::of(section)),
        });
        encoded(&ProbeRow { at: self.at.0, sections: sections.collect() })
    }

    /// Only what the read-through needs of a section. The rest is not stored.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let row: ProbeRow = envelope::decode(payload)?;
        let sections = row.sections.into_iter().map(|fields| {
            let stamp = fields.stamp.into_stamp();
            let locations = fields.locations.into_iter().map(|(id, path)| Location { id, path });
            let (key, uuid) = (SectionKey(fields.key), SectionUuid(fields.uuid));
            Section {
                locations: locations.collect(),
                updated_at: stamp.updated_at,
                scanned_at: stamp.scanned_at,
                content_changed_at: stamp.content_changed_at,
                ..Section::new(key, uuid, &fields.title, SectionKind::from_name(&fields.kind))
            }
        });
        Some(Self { at: EngineTime(row.at), sections: sections.collect() })
    }
}

#[derive(Encode, Decode)]
struct HeadRow {
    stamp: StampFields,
    items: u64,
    unsupported: u64,
    complete: bool,
    observed: i64,
    listed: i64,
    metadata: Option<i64>,
    changed_until: Option<i64>,
    snapshot: ([u8; 16], [u8; 16], u32, u64, u64),
    chain: Vec<([u8; 16], u32, u32)>,
    seen_with: [u8; 16],
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let Snapshot { id, of, chunks, items, bytes } = self.snapshot;
        let chain = self.chain.iter().map(|link| (link.commit.0, link.bytes, link.calls));
        encoded(&HeadRow {
            stamp: StampFields::new(self.stamp),
            items: self.items,
            unsupported: self.unsupported,
            complete: self.complete,
            observed: self.observed.0,
            listed: self.listed.0,
            metadata: self.metadata.map(|at| at.0),
            changed_until: self.changed_until,
            snapshot: (id.0, of.0, chunks, items, bytes),
            chain: chain.collect(),
            seen_with: self.seen_with,
        })
    }

    /// `None`: the bytes do not decode, or their values are impossible.
    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let row: HeadRow = envelope::decode(payload)?;
        let (id, of, chunks, items, bytes) = row.snapshot;
        let snapshot = Snapshot { id: CommitId(id), of: CommitId(of), chunks, items, bytes };
        let link = |(commit, bytes, calls)| Link { commit: CommitId(commit), bytes, calls };
        let head = Self {
            stamp: row.stamp.into_stamp(),
            items: row.items,
            unsupported: row.unsupported,
            complete: row.complete,
            observed: EngineTime(row.observed),
            listed: EngineTime(row.listed),
            metadata: row.metadata.map(EngineTime),
            changed_until: row.changed_until,
            snapshot,
            chain: row.chain.into_iter().map(link).collect(),
            seen_with: row.seen_with,
        };
        (!head.chain.is_empty()).then_some(head)
    }
}

/// What one commit changed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The commit that this entry starts from. It is applied to no other commit.
    pub(crate) from: [u8; 16],
    pub(crate) items: Vec<CachedItem>,
    pub(crate) gone: Vec<u64>,
}

impl Entry {
    /// The entry, compressed. `None`: it is too large for the log.
    pub(crate) fn encode(&self) -> Option<Vec<u8>> {
        let mut raw = encoded(&(self.from, self.gone.clone()));
        for item in &self.items {
            push_item(item, &mut raw);
        }
        (raw.len() <= RAW_AT_MOST).then(|| compress(&raw))
    }

    pub(crate) fn decode(payload: &[u8]) -> Option<Self> {
        let raw = decompress(payload)?;
        let ((from, gone), rest) = envelope::decode_first::<([u8; 16], Vec<u64>)>(&raw)?;
        Some(Self { from, gone, items: items(rest)? })
    }
}

/// Appends an item to `raw`, without its content hash. The reader computes the hash again.
pub(crate) fn push_item(item: &CachedItem, raw: &mut Vec<u8>) {
    // Encoding our types into a `Vec` cannot fail, as in the cache file.
    let _ = envelope::encode(&ItemFields::new(item.borrowed()), raw);
}

/// Reads items up to the last byte. Their keys must ascend.
pub(crate) fn items(mut raw: &[u8]) -> Option<Vec<CachedItem>> {
    let mut items: Vec<CachedItem> = Vec::new();
    while !raw.is_empty() {
        let (fields, rest) = envelope::decode_first::<ItemFields<String>>(raw)?;
        let item = fields.into_item();
        if items.last().is_some_and(|last| last.rating_key >= item.rating_key) {
            return None;
        }
        items.push(item);
        raw = rest;
    }
    Some(items)
}

/// The effort of compression. Level 2 saves a twelfth of the bytes of level 1. Higher levels save
/// almost nothing more and take at least twice the time.
const LEVEL: Compression = Compression::new(2);

/// Compresses, and writes the length first.
pub(crate) fn compress(raw: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(raw.len() / 2 + 4);
    payload.extend_from_slice(&u32::try_from(raw.len()).unwrap_or(u32::MAX).to_le_bytes());
    // Reading from memory and writing to memory cannot fail.
    let _ = DeflateEncoder::new(raw, LEVEL).read_to_end(&mut payload);
    payload
}

/// Reverses [`compress`]. The length is sealed and has an upper bound.
pub(crate) fn decompress(payload: &[u8]) -> Option<Vec<u8>> {
    let (length, compressed) = payload.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    if length > RAW_AT_MOST {
        return None;
    }
    let mut raw = Vec::with_capacity(length);
    let more = DeflateDecoder::new(compressed).take(length as u64 + 1).read_to_end(&mut raw);
    (more.ok()? == length).then_some(raw)
}

fn encoded<T: Encode>(row: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    let _ = envelope::encode(row, &mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use plex_api::{SectionKind, UnixSeconds};

    use super::*;
    use crate::tests::movie;
    use crate::tests::upgrading::bytes;

    /// Never edit the golden bytes. If you change a value, change `keys::VERSION` too.
    const PROBE: &str = "fdf6d0ca9f1703000001050b757569642d6d6f76696573064d6f76696573056d6f76696501010\
        3062f66696c6d7301fd020000000000400001fc00e2a7ca00";
    const HEAD: &str = "01fd020000000000400001fc00e2a7ca00fc701101000101fdf6d0ca9f17030000fd00d0ca9f17\
        03000001fd02d0ca9f17030000010109090909090909090909090909090909010101010101010101010101010101\
        0111fc6f110100fc0000700002010101010101010101010101010101010046020202020202020202020202020202\
        02fb2c010207070707070707070707070707070707";
    const ENTRY: &str = "1b010000636444054cac7f0a04191998190543324b7252158c155253324b32f3f3140c198080f\
        1f75e7620c52490999b9264a5af5f52620006c61c25100143c63f0f323b1818ff303c5a7e0a42323032fed656661\
        0d64fcbccc92dd637d67703d20a867ab9d9658c7f9c9df819e05a14f6ec6360f89d2ec42802b1dcc4dcd0106ebf1\
        14efb41cab861f69b9a1b607742bf298324d409200d105718199b9a421cb23c04dd2100";
    const SEALED: &str = "d5fd811b9895783147df504057cec8f17061796c6f6164";

    fn stamp() -> SectionStamp {
        SectionStamp {
            content_changed_at: Some(9_007_199_254_740_993),
            scanned_at: Some(UnixSeconds(1_700_000_000)),
            updated_at: None,
        }
    }

    fn probe() -> SharedProbe {
        let uuid = SectionUuid("uuid-movies".into());
        let mut section = Section::new(SectionKey(5), uuid, "Movies", SectionKind::Movie);
        section.locations = vec![Location { id: Some(3), path: "/films".into() }];
        section.content_changed_at = stamp().content_changed_at;
        section.scanned_at = stamp().scanned_at;
        SharedProbe { at: EngineTime(1_700_000_000_123), sections: vec![section] }
    }

    fn head() -> Head {
        let id = |number: u8| CommitId([number; 16]);
        Head {
            stamp: stamp(),
            items: 70_000,
            unsupported: 1,
            complete: true,
            observed: EngineTime(1_700_000_000_123),
            listed: EngineTime(1_700_000_000_000),
            metadata: Some(EngineTime(1_700_000_000_001)),
            changed_until: Some(-1),
            snapshot: Snapshot { id: id(9), of: id(1), chunks: 17, items: 69_999, bytes: 7 << 20 },
            chain: vec![
                Link { commit: id(1), bytes: 0, calls: 70 },
                Link { commit: id(2), bytes: 300, calls: 2 },
            ],
            seen_with: [7; 16],
        }
    }

    fn entry() -> Entry {
        Entry { from: [1; 16], items: vec![movie(3, 1), movie(4711, 2)], gone: vec![5, 70_000] }
    }

    #[test]
    fn the_bytes_of_each_value() {
        assert_eq!(hex(&probe().encode()), PROBE);
        assert_eq!(SharedProbe::decode(&bytes(PROBE)), Some(probe()));
        assert_eq!(hex(&head().encode()), HEAD);
        assert_eq!(Head::decode(&bytes(HEAD)), Some(head()));
        // Another version of the compressor may write other bytes. All of them must be readable.
        let written = entry().encode().unwrap();
        assert_eq!(Entry::decode(&written), Some(entry()), "{}", hex(&written));
        assert_eq!(Entry::decode(&bytes(ENTRY)), Some(entry()), "{}", hex(&written));
        assert_eq!(hex(&Seal([3; 32]).seal("matchbox:{a}:head", b"payload")), SEALED);
    }

    #[test]
    fn what_is_cut_or_flipped_is_no_entry_and_never_too_large() {
        let golden = bytes(ENTRY);
        for length in 0..golden.len() {
            assert_ne!(Entry::decode(&golden[..length]), Some(entry()), "cut to {length}");
        }
        for bit in 0..golden.len() * 8 {
            let mut flipped = golden.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            // Any bytes are possible here. They must not cause a panic or fill the memory.
            let _ = Entry::decode(&flipped);
        }
        // A bomb: a few bytes that promise few bytes and expand to many.
        let mut bomb = compress(&vec![0; 3 << 20]);
        assert_eq!(decompress(&bomb).map(|raw| raw.len()), Some(3 << 20));
        bomb[..4].copy_from_slice(&1_000_u32.to_le_bytes());
        assert_eq!(decompress(&bomb), None);
        bomb[..4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(decompress(&bomb), None);
    }

    fn hex(bytes: &[u8]) -> String {
        use std::fmt::Write;
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}
