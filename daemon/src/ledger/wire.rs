//! Little-endian numbers in and out of bytes.

use std::ops::Range;

/// Reads from the front; `None` where the bytes end.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(super) const fn rest(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// The next `len` bytes as a range of what is read.
    pub(super) fn range(&mut self, len: usize) -> Option<Range<usize>> {
        let range = self.at..self.at.checked_add(len)?;
        self.bytes.get(range.clone())?;
        self.at = range.end;
        Some(range)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let range = self.range(len)?;
        self.bytes.get(range)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    /// See [`put::varint`].
    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.u8()?;
            let bits = u64::from(byte & 0x7F);
            if bits << shift >> shift != bits {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// See [`put::signed`].
    pub(super) fn signed(&mut self) -> Option<i64> {
        let folded = self.varint()?;
        Some((folded >> 1) as i64 ^ -((folded & 1) as i64))
    }

    /// See [`put::text`].
    pub(super) fn text(&mut self) -> Option<&'a str> {
        let len = usize::from(self.u8()?);
        std::str::from_utf8(self.bytes(len)?).ok()
    }
}

/// Appends to a buffer.
pub(super) mod put {
    pub(in crate::ledger) fn u16(to: &mut Vec<u8>, value: u16) {
        to.extend_from_slice(&value.to_le_bytes());
    }

    pub(in crate::ledger) fn u32(to: &mut Vec<u8>, value: u32) {
        to.extend_from_slice(&value.to_le_bytes());
    }

    pub(in crate::ledger) fn u64(to: &mut Vec<u8>, value: u64) {
        to.extend_from_slice(&value.to_le_bytes());
    }

    pub(in crate::ledger) fn i64(to: &mut Vec<u8>, value: i64) {
        to.extend_from_slice(&value.to_le_bytes());
    }

    /// Seven bits a byte, the lowest first; the highest bit says that more follow (LEB128).
    pub(in crate::ledger) fn varint(to: &mut Vec<u8>, mut value: u64) {
        while value >= 0x80 {
            to.push(value as u8 | 0x80);
            value >>= 7;
        }
        to.push(value as u8);
    }

    /// As a varint, with the sign in the lowest bit: 0, -1, 1, -2, …
    pub(in crate::ledger) fn signed(to: &mut Vec<u8>, value: i64) {
        varint(to, (value << 1 ^ value >> 63) as u64);
    }

    /// Its length in a byte, then the text: words and ids are short.
    pub(in crate::ledger) fn text(to: &mut Vec<u8>, text: &str) {
        let len = u8::try_from(text.len()).expect("words and ids are shorter than 256 bytes");
        to.push(len);
        to.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_come_back(small in 0_u64..300, large: u64, signed: i64) {
            let mut bytes = Vec::new();
            put::varint(&mut bytes, small);
            put::varint(&mut bytes, large);
            put::signed(&mut bytes, signed);
            put::text(&mut bytes, "SEC-01");
            let mut reader = Reader::new(&bytes);
            prop_assert_eq!((reader.varint(), reader.varint()), (Some(small), Some(large)));
            prop_assert_eq!((reader.signed(), reader.text(), reader.rest()), (Some(signed), Some("SEC-01"), 0));
        }

        #[test]
        fn any_bytes_are_a_number_or_none(bytes: [u8; 11]) {
            let mut reader = Reader::new(&bytes);
            if let Some(number) = reader.varint() {
                let mut again = Vec::new();
                put::varint(&mut again, number);
                prop_assert!(again.len() <= bytes.len() - reader.rest());
            }
        }
    }

    #[test]
    fn small_numbers_are_short() {
        for (number, len) in [(0, 1), (-64, 1), (63, 1), (64, 2), (-8192, 2), (i64::MIN, 10), (i64::MAX, 10)] {
            let mut bytes = Vec::new();
            put::signed(&mut bytes, number);
            assert_eq!((bytes.len(), Reader::new(&bytes).signed()), (len, Some(number)));
        }
    }
}
