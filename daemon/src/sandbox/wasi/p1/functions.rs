//! The functions of `wasi_snapshot_preview1` that do something.

use super::{
    super::{
        Clock, Wasi,
        files::{Wish, rest},
        streams::Stream,
    },
    abi::{
        CLOCK_REALTIME, Errno, Memory, OPEN_CREATE, OPEN_EXCLUSIVE, OPEN_FOLDER, OPEN_TRUNCATE, RIGHT_FD_FILESTAT_GET,
        RIGHT_FD_READ, RIGHT_FD_READDIR, RIGHT_FD_SEEK, RIGHT_FD_TELL, RIGHT_FD_WRITE, RIGHT_PATH_FILESTAT_GET,
        RIGHT_PATH_OPEN, RIGHT_POLL, TYPE_FILE, TYPE_FOLDER, TYPE_UNKNOWN,
    },
    descriptors::Descriptor,
};

type Done = Result<(), Errno>;

impl Wasi {
    pub(super) fn args_sizes_get(&self, memory: &mut Memory<'_>, count: i32, bytes: i32) -> Done {
        memory.put_u32(count, narrow(self.args.len()))?;
        memory.put_u32(bytes, narrow(self.args.iter().map(|arg| arg.len() + 1).sum()))
    }

    pub(super) fn args_get(&self, memory: &mut Memory<'_>, mut places: i32, mut at: i32) -> Done {
        for arg in &self.args {
            memory.put_u32(places, at as u32)?;
            memory.put(at, arg.as_bytes())?;
            memory.put(at.wrapping_add(narrow_i32(arg.len())), &[0])?;
            at = at.wrapping_add(narrow_i32(arg.len() + 1));
            places = places.wrapping_add(4);
        }
        Ok(())
    }

    pub(super) fn environ_sizes_get(memory: &mut Memory<'_>, count: i32, bytes: i32) -> Done {
        memory.put_u32(count, 0)?;
        memory.put_u32(bytes, 0)
    }

    pub(super) fn clock_res_get(memory: &mut Memory<'_>, clock: i32, out: i32) -> Done {
        let resolution = if clock == CLOCK_REALTIME { Clock::WALL_RESOLUTION_NS } else { Clock::READING_NS };
        if (0..=3).contains(&clock) { memory.put_u64(out, resolution) } else { Err(Errno::INVAL) }
    }

    pub(super) fn clock_time_get(&mut self, memory: &mut Memory<'_>, clock: i32, out: i32) -> Done {
        match clock {
            CLOCK_REALTIME => memory.put_u64(out, self.clock.wall_ns),
            1..=3 => memory.put_u64(out, self.clock.read_monotonic()),
            _ => Err(Errno::INVAL),
        }
    }

    pub(super) fn random_get(&mut self, memory: &mut Memory<'_>, at: i32, len: i32) -> Done {
        self.fill_random(memory.bytes_mut(at, len)?);
        Ok(())
    }

    pub(super) fn fd_prestat_get(&self, memory: &mut Memory<'_>, fd: i32, out: i32) -> Done {
        let root = self.root(fd)?;
        memory.put_u32(out, 0)?;
        memory.put_u32(out.wrapping_add(4), narrow(root.len()))
    }

    pub(super) fn fd_prestat_dir_name(&self, memory: &mut Memory<'_>, fd: i32, at: i32, len: i32) -> Done {
        let root = self.root(fd)?;
        if (len as u32 as usize) < root.len() {
            return Err(Errno::INVAL);
        }
        memory.put(at, root.as_bytes())
    }

    fn root(&self, fd: i32) -> Result<&'static str, Errno> {
        match self.descriptors.find(fd)? {
            Descriptor::Folder { root: Some(root), .. } => Ok(root),
            _ => Err(Errno::BADF),
        }
    }

    pub(super) fn fd_fdstat_get(&self, memory: &mut Memory<'_>, fd: i32, out: i32) -> Done {
        const FILE: u64 = RIGHT_FD_READ | RIGHT_FD_SEEK | RIGHT_FD_TELL | RIGHT_FD_FILESTAT_GET | RIGHT_POLL;
        const FOLDER: u64 = RIGHT_PATH_OPEN | RIGHT_FD_READDIR | RIGHT_PATH_FILESTAT_GET | RIGHT_FD_FILESTAT_GET;
        let (kind, rights, inherited) = match self.descriptors.find(fd)? {
            Descriptor::Stdin => (TYPE_UNKNOWN, RIGHT_FD_READ | RIGHT_POLL, 0),
            Descriptor::Stdout | Descriptor::Stderr => (TYPE_UNKNOWN, RIGHT_FD_WRITE | RIGHT_POLL, 0),
            Descriptor::Folder { .. } => (TYPE_FOLDER, FOLDER, FILE | FOLDER),
            Descriptor::File { .. } => (TYPE_FILE, FILE, 0),
        };
        let mut stat = [0; 24];
        stat[0] = kind;
        stat[8..16].copy_from_slice(&rights.to_le_bytes());
        stat[16..24].copy_from_slice(&inherited.to_le_bytes());
        memory.put(out, &stat)
    }

    pub(super) fn fd_filestat_get(&self, memory: &mut Memory<'_>, fd: i32, out: i32) -> Done {
        let (kind, size) = match self.descriptors.find(fd)? {
            Descriptor::Stdin | Descriptor::Stdout | Descriptor::Stderr => (TYPE_UNKNOWN, 0),
            Descriptor::Folder { .. } => (TYPE_FOLDER, 0),
            Descriptor::File { bytes, .. } => (TYPE_FILE, bytes.len() as u64),
        };
        self.put_filestat(memory, out, kind, size)
    }

    pub(super) fn path_filestat_get(&self, memory: &mut Memory<'_>, fd: i32, path: (i32, i32), out: i32) -> Done {
        let Descriptor::Folder { folder, .. } = self.descriptors.find(fd)? else { return Err(Errno::NOTDIR) };
        match folder.find(memory.text(path.0, path.1)?)? {
            Some(bytes) => self.put_filestat(memory, out, TYPE_FILE, bytes.len() as u64),
            None => self.put_filestat(memory, out, TYPE_FOLDER, 0),
        }
    }

    /// Every time of a file is the run's.
    fn put_filestat(&self, memory: &mut Memory<'_>, out: i32, kind: u8, size: u64) -> Done {
        let mut stat = [0; 64];
        stat[16] = kind;
        stat[24..32].copy_from_slice(&1u64.to_le_bytes());
        stat[32..40].copy_from_slice(&size.to_le_bytes());
        for time in [40, 48, 56] {
            stat[time..time + 8].copy_from_slice(&self.clock.wall_ns.to_le_bytes());
        }
        memory.put(out, &stat)
    }

    pub(super) fn path_open(
        &mut self,
        memory: &mut Memory<'_>,
        fd: i32,
        path: (i32, i32),
        flags: i32,
        rights: u64,
        out: i32,
    ) -> Done {
        let Descriptor::Folder { folder, .. } = self.descriptors.find(fd)? else { return Err(Errno::NOTDIR) };
        let folder = folder.clone();
        let wish = Wish {
            create: flags & OPEN_CREATE != 0,
            replace: flags & (OPEN_EXCLUSIVE | OPEN_TRUNCATE) != 0,
            write: rights & RIGHT_FD_WRITE != 0,
            folder: flags & OPEN_FOLDER != 0,
        };
        let descriptor = match folder.open(memory.text(path.0, path.1)?, wish)? {
            Some(bytes) => Descriptor::File { bytes, at: 0 },
            None => Descriptor::Folder { folder, root: None },
        };
        let number = self.descriptors.open(descriptor)?;
        memory.put_u32(out, number)
    }

    pub(super) fn fd_close(&mut self, fd: i32) -> Done {
        self.descriptors.close(fd)
    }

    pub(super) fn fd_renumber(&mut self, from: i32, to: i32) -> Done {
        self.descriptors.renumber(from, to)
    }

    pub(super) fn fd_read(&mut self, memory: &mut Memory<'_>, fd: i32, buffers: (i32, i32), out: i32) -> Done {
        let mut total = 0;
        for (at, len) in memory.buffers(buffers.0, buffers.1)? {
            let room = memory.bytes_mut(at, len)?;
            let read = match self.descriptors.find_mut(fd)? {
                Descriptor::Stdin => copy(self.stdin.read(room.len()), room),
                Descriptor::File { bytes, at } => {
                    let read = copy(rest(bytes, *at), room);
                    *at += read as u64;
                    read
                }
                Descriptor::Folder { .. } => return Err(Errno::ISDIR),
                Descriptor::Stdout | Descriptor::Stderr => return Err(Errno::BADF),
            };
            total += read;
            if read < len as u32 as usize {
                break;
            }
        }
        memory.put_u32(out, narrow(total))
    }

    pub(super) fn fd_pread(
        &self,
        memory: &mut Memory<'_>,
        fd: i32,
        buffers: (i32, i32),
        mut offset: u64,
        out: i32,
    ) -> Done {
        let Descriptor::File { bytes, .. } = self.descriptors.find(fd)? else { return Err(Errno::SPIPE) };
        let mut total = 0;
        for (at, len) in memory.buffers(buffers.0, buffers.1)? {
            let read = copy(rest(bytes, offset), memory.bytes_mut(at, len)?);
            offset = offset.saturating_add(read as u64);
            total += read;
        }
        memory.put_u32(out, narrow(total))
    }

    pub(super) fn fd_seek(&mut self, memory: &mut Memory<'_>, fd: i32, by: i64, whence: i32, out: i32) -> Done {
        let Descriptor::File { bytes, at } = self.descriptors.find_mut(fd)? else { return Err(Errno::SPIPE) };
        let base = match whence {
            0 => 0,
            1 => *at,
            2 => bytes.len() as u64,
            _ => return Err(Errno::INVAL),
        };
        *at = base.checked_add_signed(by).ok_or(Errno::INVAL)?;
        memory.put_u64(out, *at)
    }

    pub(super) fn fd_tell(&self, memory: &mut Memory<'_>, fd: i32, out: i32) -> Done {
        let Descriptor::File { at, .. } = self.descriptors.find(fd)? else { return Err(Errno::SPIPE) };
        memory.put_u64(out, *at)
    }

    /// Entries from the `cookie`-th on, cut where the buffer ends; a full buffer says that there may be more.
    pub(super) fn fd_readdir(
        &self,
        memory: &mut Memory<'_>,
        fd: i32,
        buffer: (i32, i32),
        cookie: u64,
        out: i32,
    ) -> Done {
        let Descriptor::Folder { folder, .. } = self.descriptors.find(fd)? else { return Err(Errno::NOTDIR) };
        let room = buffer.1 as u32 as usize;
        let mut bytes = Vec::new();
        let dots = [".", ".."].map(|name| (name, TYPE_FOLDER));
        let entries = dots.into_iter().chain(folder.names().map(|name| (name, TYPE_FILE)));
        let first = usize::try_from(cookie).unwrap_or(usize::MAX);
        for ((name, kind), next) in entries.zip(1u64..).skip(first) {
            if bytes.len() >= room {
                break;
            }
            bytes.extend_from_slice(&next.to_le_bytes());
            bytes.extend_from_slice(&[0; 8]);
            bytes.extend_from_slice(&narrow(name.len()).to_le_bytes());
            bytes.extend_from_slice(&[kind, 0, 0, 0]);
            bytes.extend_from_slice(name.as_bytes());
        }
        bytes.truncate(room);
        memory.put(buffer.0, &bytes)?;
        memory.put_u32(out, narrow(bytes.len()))
    }

    /// The stream that a descriptor writes to.
    pub(super) fn fd_stream(&self, fd: i32) -> Result<Stream, Errno> {
        match self.descriptors.find(fd)? {
            Descriptor::Stdout => Ok(Stream::Stdout),
            Descriptor::Stderr => Ok(Stream::Stderr),
            Descriptor::Stdin => Err(Errno::BADF),
            Descriptor::Folder { .. } | Descriptor::File { .. } => Err(Errno::ROFS),
        }
    }

    /// Returns at once: streams are always ready, and sleeping moves the clock.
    pub(super) fn poll_oneoff(
        &mut self,
        memory: &mut Memory<'_>,
        subscriptions: i32,
        events: i32,
        count: i32,
        out: i32,
    ) -> Done {
        if !(1..=1024).contains(&count) {
            return Err(Errno::INVAL);
        }
        let mut ready = Vec::new();
        let mut soonest: Option<(u64, u64)> = None;
        for index in 0..count {
            let at = subscriptions.wrapping_add(index * 48);
            let (user, tag) = (memory.u64(at)?, memory.u8(at.wrapping_add(8))?);
            if tag != 0 {
                ready.push((user, tag));
                continue;
            }
            let (clock, timeout) = (memory.i32(at.wrapping_add(16))?, memory.u64(at.wrapping_add(24))?);
            let is_absolute = memory.u8(at.wrapping_add(40))? & 1 == 1;
            let now = if clock == CLOCK_REALTIME { self.clock.wall_ns } else { self.clock.monotonic_ns };
            let wait = if is_absolute { timeout.saturating_sub(now) } else { timeout };
            if soonest.is_none_or(|(_, least)| wait < least) {
                soonest = Some((user, wait));
            }
        }
        if let (true, Some((user, wait))) = (ready.is_empty(), soonest) {
            self.clock.sleep(wait);
            ready.push((user, 0));
        }
        for ((user, tag), index) in ready.iter().zip(0..) {
            let mut event = [0; 32];
            event[..8].copy_from_slice(&user.to_le_bytes());
            event[10] = *tag;
            event[16..24].copy_from_slice(&u64::from(*tag != 0).to_le_bytes());
            memory.put(events.wrapping_add(index * 32), &event)?;
        }
        memory.put_u32(out, narrow(ready.len()))
    }
}

/// As much as fits.
fn copy(bytes: &[u8], room: &mut [u8]) -> usize {
    let len = bytes.len().min(room.len());
    room[..len].copy_from_slice(&bytes[..len]);
    len
}

/// Lengths of what lies in a 32-bit memory.
pub(super) fn narrow(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn narrow_i32(len: usize) -> i32 {
    i32::try_from(len).unwrap_or(i32::MAX)
}
