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
}
