//! Numbers and layouts of `wasi_snapshot_preview1` (WebAssembly/WASI, `phases/snapshot/docs.md`), and a plugin's memory
//! as bytes that may lie anywhere.

use super::super::files::PathFault;

/// An error number as a plugin sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Errno(pub(super) i32);

impl Errno {
    pub(super) const BADF: Self = Self(8);
    pub(super) const FAULT: Self = Self(21);
    pub(super) const INVAL: Self = Self(28);
    pub(super) const IO: Self = Self(29);
    pub(super) const ISDIR: Self = Self(31);
    pub(super) const MFILE: Self = Self(33);
    pub(super) const NOENT: Self = Self(44);
    pub(super) const NOSYS: Self = Self(52);
    pub(super) const NOTDIR: Self = Self(54);
    pub(super) const ROFS: Self = Self(69);
    pub(super) const SPIPE: Self = Self(70);
    pub(super) const NOTCAPABLE: Self = Self(76);
}

impl From<PathFault> for Errno {
    fn from(fault: PathFault) -> Self {
        match fault {
            PathFault::Outside => Self::NOTCAPABLE,
            PathFault::Missing => Self::NOENT,
            PathFault::Unreadable => Self::IO,
            PathFault::ReadOnly => Self::ROFS,
            PathFault::NotFolder => Self::NOTDIR,
        }
    }
}

/// `filetype`.
pub(super) const TYPE_UNKNOWN: u8 = 0;
pub(super) const TYPE_FOLDER: u8 = 3;
pub(super) const TYPE_FILE: u8 = 4;

/// `rights`.
pub(super) const RIGHT_FD_READ: u64 = 1 << 1;
pub(super) const RIGHT_FD_SEEK: u64 = 1 << 2;
pub(super) const RIGHT_FD_TELL: u64 = 1 << 5;
pub(super) const RIGHT_FD_WRITE: u64 = 1 << 6;
pub(super) const RIGHT_PATH_OPEN: u64 = 1 << 13;
pub(super) const RIGHT_FD_READDIR: u64 = 1 << 14;
pub(super) const RIGHT_PATH_FILESTAT_GET: u64 = 1 << 18;
pub(super) const RIGHT_FD_FILESTAT_GET: u64 = 1 << 21;
pub(super) const RIGHT_POLL: u64 = 1 << 27;

/// `oflags`.
pub(super) const OPEN_CREATE: i32 = 1;
pub(super) const OPEN_FOLDER: i32 = 2;
pub(super) const OPEN_EXCLUSIVE: i32 = 4;
pub(super) const OPEN_TRUNCATE: i32 = 8;

/// `clockid`.
pub(super) const CLOCK_REALTIME: i32 = 0;

/// The memory of a plugin. Addresses and lengths are the plugin's: they may wrap, and every access is checked.
pub(super) struct Memory<'a>(pub(super) &'a mut [u8]);

impl Memory<'_> {
    pub(super) fn bytes(&self, at: i32, len: i32) -> Result<&[u8], Errno> {
        let (at, len) = (at as u32 as usize, len as u32 as usize);
        at.checked_add(len).and_then(|end| self.0.get(at..end)).ok_or(Errno::FAULT)
    }

    pub(super) fn bytes_mut(&mut self, at: i32, len: i32) -> Result<&mut [u8], Errno> {
        let (at, len) = (at as u32 as usize, len as u32 as usize);
        at.checked_add(len).and_then(|end| self.0.get_mut(at..end)).ok_or(Errno::FAULT)
    }

    pub(super) fn put(&mut self, at: i32, bytes: &[u8]) -> Result<(), Errno> {
        let len = i32::try_from(bytes.len()).map_err(|_| Errno::FAULT)?;
        self.bytes_mut(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(super) fn put_u32(&mut self, at: i32, value: u32) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn put_u64(&mut self, at: i32, value: u64) -> Result<(), Errno> {
        self.put(at, &value.to_le_bytes())
    }

    pub(super) fn u8(&self, at: i32) -> Result<u8, Errno> {
        Ok(self.bytes(at, 1)?[0])
    }

    pub(super) fn i32(&self, at: i32) -> Result<i32, Errno> {
        let bytes = self.bytes(at, 4)?.try_into().map_err(|_| Errno::FAULT)?;
        Ok(i32::from_le_bytes(bytes))
    }

    pub(super) fn u64(&self, at: i32) -> Result<u64, Errno> {
        let bytes = self.bytes(at, 8)?.try_into().map_err(|_| Errno::FAULT)?;
        Ok(u64::from_le_bytes(bytes))
    }

    pub(super) fn text(&self, at: i32, len: i32) -> Result<&str, Errno> {
        std::str::from_utf8(self.bytes(at, len)?).map_err(|_| Errno::INVAL)
    }

    /// The buffers of a vectored read or write, address and length each.
    pub(super) fn buffers(&self, at: i32, count: i32) -> Result<Vec<(i32, i32)>, Errno> {
        // As POSIX limits them; a plugin may lie about the count.
        if !(0..=1024).contains(&count) {
            return Err(Errno::INVAL);
        }
        let buffer = |index: i32| {
            let at = at.wrapping_add(index * 8);
            Ok((self.i32(at)?, self.i32(at.wrapping_add(4))?))
        };
        (0..count).map(buffer).collect()
    }
}
