//! One commit as bytes. FORMAT.md, "Frame", has the picture.

use crate::domain::Digest;

use super::{
    EvidenceClass,
    merkle::Frontier,
    wire::{Reader, put},
};

/// Length, number and checksum before the payload.
pub(super) const FRAME_HEADER_BYTES: usize = 16;
/// No frame's payload is longer; it bounds what a damaged length can make a reader do.
pub(super) const FRAME_BYTES_MAX: usize = 128 << 20;

/// A decoded frame. Byte ranges point into the payload that it was decoded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) first: u64,
    pub(super) entries: Vec<std::ops::Range<usize>>,
    pub(super) parts: Vec<FramePart>,
    /// The tree after the frame.
    pub(super) frontier: Frontier,
}

/// What a frame says of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FramePart {
    pub(super) digest: Digest,
    pub(super) class: EvidenceClass,
    /// Of salt and content together.
    pub(super) len: u32,
    pub(super) place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Salt and content stand in the payload.
    Inline(std::ops::Range<usize>),
    /// In a file of its own.
    File,
    /// As many zero bytes stand in the payload as it had, so that nothing behind them moves.
    Erased,
    /// It was in a file of its own.
    FileErased,
}

/// A part as it goes into a frame.
pub(super) struct PartToWrite<'a> {
    pub(super) digest: Digest,
    pub(super) class: EvidenceClass,
    pub(super) len: u32,
    pub(super) place: PlaceToWrite<'a>,
}

pub(super) enum PlaceToWrite<'a> {
    Inline(&'a [u8]),
    File,
    Erased,
    FileErased,
}

/// Header and payload.
pub(super) fn encode<E: AsRef<[u8]>>(
    number: u64,
    first: u64,
    entries: &[E],
    parts: &[PartToWrite<'_>],
    frontier: &Frontier,
) -> Vec<u8> {
    let entry_bytes: usize = entries.iter().map(|entry| entry.as_ref().len() + 2).sum();
    let part_bytes: usize = parts.iter().map(|part| part.len as usize + 38).sum();
    let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + 16 + entry_bytes + part_bytes + 64 * 32);
    frame.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    put::u64(&mut frame, first);
    put::u32(&mut frame, entries.len() as u32);
    put::u32(&mut frame, parts.len() as u32);
    for entry in entries {
        put::u16(&mut frame, entry.as_ref().len() as u16);
    }
    for part in parts {
        let place = match part.place {
            PlaceToWrite::Inline(_) => PLACE_INLINE,
            PlaceToWrite::File => PLACE_FILE,
            PlaceToWrite::Erased => PLACE_ERASED,
            PlaceToWrite::FileErased => PLACE_FILE_ERASED,
        };
        frame.extend_from_slice(&[part.class.code(), place]);
        put::u32(&mut frame, part.len);
        frame.extend_from_slice(&part.digest.0);
    }
    for entry in entries {
        frame.extend_from_slice(entry.as_ref());
    }
    for part in parts {
        match part.place {
            PlaceToWrite::Inline(bytes) => frame.extend_from_slice(bytes),
            PlaceToWrite::Erased => frame.resize(frame.len() + part.len as usize, 0),
            PlaceToWrite::File | PlaceToWrite::FileErased => {}
        }
    }
    for hash in frontier.hashes() {
        frame.extend_from_slice(hash);
    }
    let len = (frame.len() - FRAME_HEADER_BYTES) as u32;
    frame[..4].copy_from_slice(&len.to_le_bytes());
    frame[4..12].copy_from_slice(&number.to_le_bytes());
    let checksum = checksum(&frame[..12], &frame[FRAME_HEADER_BYTES..]);
    frame[12..16].copy_from_slice(&checksum.to_le_bytes());
    frame
}

/// The number and payload of the frame at the start of `bytes`, if it is whole and its checksum right.
pub(super) fn split(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let header = bytes.get(..FRAME_HEADER_BYTES)?;
    let mut reader = Reader::new(header);
    let (len, number, expected) = (reader.u32()? as usize, reader.u64()?, reader.u32()?);
    if len > FRAME_BYTES_MAX {
        return None;
    }
    let payload = bytes.get(FRAME_HEADER_BYTES..FRAME_HEADER_BYTES + len)?;
    (checksum(&header[..12], payload) == expected).then_some((number, payload))
}

/// The error says what is wrong; it takes more than a flipped bit to get here past the checksum.
pub(super) fn decode(payload: &[u8]) -> Result<Frame, &'static str> {
    let mut reader = Reader::new(payload);
    decode_from(&mut reader).ok_or("the frame is shorter than it says").and_then(|(frame, known)| {
        if !known {
            Err("the frame has a part of an unknown class or place")
        } else if reader.rest() > 0 {
            Err("the frame is longer than it says")
        } else {
            Ok(frame)
        }
    })
}

fn decode_from(reader: &mut Reader<'_>) -> Option<(Frame, bool)> {
    let (first, entry_count, part_count) = (reader.u64()?, reader.u32()? as usize, reader.u32()? as usize);
    if entry_count * 2 + part_count * 38 > reader.rest() {
        return None;
    }
    let mut lengths = Vec::with_capacity(entry_count);
    for _ in 0..entry_count {
        lengths.push(usize::from(reader.u16()?));
    }
    let mut known = true;
    let mut parts = Vec::with_capacity(part_count);
    for _ in 0..part_count {
        let (class, place) = (reader.u8()?, reader.u8()?);
        let (len, digest) = (reader.u32()?, Digest(reader.array()?));
        let class = EvidenceClass::from_code(class).unwrap_or_else(|| {
            known = false;
            EvidenceClass::Record
        });
        let place = match place {
            PLACE_INLINE => Place::Inline(0..0),
            PLACE_FILE => Place::File,
            PLACE_ERASED => Place::Erased,
            PLACE_FILE_ERASED => Place::FileErased,
            _ => {
                known = false;
                Place::Erased
            }
        };
        parts.push(FramePart { digest, class, len, place });
    }
    let mut entries = Vec::with_capacity(entry_count);
    for len in lengths {
        entries.push(reader.range(len)?);
    }
    for part in &mut parts {
        match &mut part.place {
            Place::Inline(range) => *range = reader.range(part.len as usize)?,
            Place::Erased => {
                reader.range(part.len as usize)?;
            }
            Place::File | Place::FileErased => {}
        }
    }
    let size = first.checked_add(entry_count as u64)?;
    let mut hashes = Vec::with_capacity(size.count_ones() as usize);
    for _ in 0..size.count_ones() {
        hashes.push(reader.array()?);
    }
    let frontier = Frontier::from_parts(size, hashes)?;
    Some((Frame { first, entries, parts, frontier }, known))
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    crc.update(header);
    crc.update(payload);
    crc.finalize()
}

const PLACE_INLINE: u8 = 0;
const PLACE_FILE: u8 = 1;
const PLACE_ERASED: u8 = 2;
const PLACE_FILE_ERASED: u8 = 3;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frontier(size: u64) -> Frontier {
        let mut frontier = Frontier::default();
        (0..size).for_each(|leaf| frontier.push(crate::ledger::merkle::leaf_hash(&leaf.to_le_bytes())));
        frontier
    }

    proptest! {
        #[test]
        fn a_frame_round_trips_and_no_flipped_bit_goes_unseen(
            first in 0_u64..40,
            entries in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..6),
            parts in prop::collection::vec((prop::collection::vec(any::<u8>(), 16..80), 0_u8..4), 0..4),
            flip in any::<prop::sample::Index>(),
        ) {
            let written: Vec<_> = parts
                .iter()
                .map(|(bytes, place)| PartToWrite {
                    digest: Digest::of(bytes),
                    class: EvidenceClass::Transcript,
                    len: bytes.len() as u32,
                    place: [PlaceToWrite::Inline(bytes), PlaceToWrite::File, PlaceToWrite::Erased, PlaceToWrite::FileErased]
                        .into_iter()
                        .nth(usize::from(*place))
                        .unwrap(),
                })
                .collect();
            let after = frontier(first + entries.len() as u64);
            let mut bytes = encode(9, first, &entries, &written, &after);
            let (number, payload) = split(&bytes).unwrap();
            let frame = decode(payload).unwrap();
            prop_assert_eq!((number, frame.first, &frame.frontier), (9, first, &after));
            let read: Vec<&[u8]> = frame.entries.iter().map(|range| &payload[range.clone()]).collect();
            prop_assert_eq!(read, entries.iter().map(Vec::as_slice).collect::<Vec<_>>());
            for (part, (content, _)) in frame.parts.iter().zip(&parts) {
                if let Place::Inline(range) = &part.place {
                    prop_assert_eq!(&payload[range.clone()], &content[..]);
                }
            }
            let bit = flip.index(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(split(&bytes), None);
        }
    }
}
