//! The append-only files in which a commit first becomes durable.
//!
//! What a crash leaves: a frame is acknowledged after its fdatasync, so only the last frame of the last file can be
//! torn, and then nobody was told of it: opening cuts it off. Everything else that does not check is damage.

use std::path::{Path, PathBuf};

use super::{
    LedgerError,
    disk::{Disk, DiskFile, OpenMode, read, read_if_there},
    frame::{self, FRAME_HEADER_BYTES},
    wire::{Reader, put},
};

/// The one format of journal, pack, segment and snapshot that this program writes.
pub(super) const FORMAT: u32 = 1;

/// Bytes before the first frame of a file.
pub(super) const JOURNAL_HEADER_BYTES: usize = 36;

/// The writing end.
pub(super) struct Journal {
    dir: PathBuf,
    epoch: u32,
    active: Option<Active>,
    next_frame: u64,
    acknowledged: Option<Box<dyn DiskFile>>,
    disk: std::sync::Arc<dyn Disk>,
}

struct Active {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    len: u64,
    first_entry: u64,
}

/// Where a frame's header starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FrameAt {
    pub(super) file: PathBuf,
    pub(super) offset: u64,
    pub(super) number: u64,
}

/// How an append failed.
pub(super) enum AppendError {
    /// Nothing of it is in the file; another commit may be tried.
    Refused(LedgerError),
    /// It may or may not be on the disk.
    Unknown(LedgerError),
}

/// The first bytes of a journal file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileHeader {
    pub(super) epoch: u32,
    pub(super) first_frame: u64,
    pub(super) first_entry: u64,
}

/// What scanning the journal found after its last good frame.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) files: Vec<(PathBuf, FileHeader)>,
    /// Number of the last good frame.
    pub(super) last_frame: Option<u64>,
    /// Bytes of the last file up to its last good frame; 0: not even its header is whole.
    pub(super) good_len: u64,
    /// Whether there is more after them.
    pub(super) torn: bool,
    /// In the last file, the start of the first frame after the acknowledged one.
    pub(super) unacknowledged_from: Option<u64>,
    /// The frame and size that the `acknowledged` file states.
    pub(super) acknowledged: Option<(u64, u64)>,
}

/// The names of journal files, oldest first.
pub(super) fn file_names(disk: &dyn Disk, dir: &Path) -> Result<Vec<String>, LedgerError> {
    let mut names = disk.list(dir).map_err(LedgerError::io("list", dir))?;
    names.retain(|name| name.ends_with(".journal"));
    Ok(names)
}

pub(super) fn file_name(first_frame: u64) -> String {
    format!("{first_frame:016}.journal")
}

/// Hands every good frame to `visit`, in order; refuses damage. `packed` is the number of the last frame with an
/// entry in a pack: frames up to it need not be in the journal any more.
pub(super) fn scan(
    disk: &dyn Disk,
    dir: &Path,
    packed: u64,
    mut visit: impl FnMut(FrameAt, &[u8]) -> Result<(), LedgerError>,
) -> Result<Scanned, LedgerError> {
    let mut found = Scanned { acknowledged: read_acknowledged(disk, dir)?, ..Scanned::default() };
    let names = file_names(disk, dir)?;
    for (at, name) in names.iter().enumerate() {
        let is_last = at + 1 == names.len();
        let path = dir.join(name);
        let bytes = read(disk, &path)?;
        let Some(header) = read_header(&path, &bytes)? else {
            // Torn while it was created: then nothing was ever appended to it.
            let last_known = found.last_frame.unwrap_or(0).max(packed);
            let acknowledged_here = found.acknowledged.is_some_and(|(frame, _)| frame > last_known);
            if is_last && !acknowledged_here && next_whole_frame(&bytes, 0, found.last_frame).is_none() {
                found.files.push((path, FileHeader { epoch: 0, first_frame: 0, first_entry: 0 }));
                (found.good_len, found.torn, found.unacknowledged_from) = (0, true, None);
                break;
            }
            return Err(LedgerError::damaged(path, 0, "the header of the journal file does not check"));
        };
        let expected = found.last_frame.map_or(header.first_frame, |last| last + 1);
        if header.first_frame != expected || *name != file_name(expected) {
            let what =
                format!("it starts with frame {}, expected was {expected}: a file is missing", header.first_frame);
            return Err(LedgerError::damaged(path, 0, what));
        }
        scan_file(&path, &bytes, header, is_last, &mut found, &mut visit)?;
        found.files.push((path, header));
    }
    if let Some((acknowledged, size)) = found.acknowledged
        && found.last_frame.unwrap_or(0).max(packed) < acknowledged
    {
        return Err(match (found.torn, found.files.last()) {
            (true, Some((path, _))) => LedgerError::damaged(
                path,
                found.good_len,
                format!(
                    "frame {} does not check, and it was acknowledged",
                    found.last_frame.map_or(0, |last| last + 1)
                ),
            ),
            _ => LedgerError::EntriesMissing {
                witness: dir.join(ACKNOWLEDGED),
                expected: format!("frame {acknowledged} ({size} entries)"),
                found: found.last_frame.map_or("no frame at all".to_owned(), |last| format!("frame {last}")),
            },
        });
    }
    Ok(found)
}

fn scan_file(
    path: &Path,
    bytes: &[u8],
    header: FileHeader,
    is_last: bool,
    found: &mut Scanned,
    visit: &mut impl FnMut(FrameAt, &[u8]) -> Result<(), LedgerError>,
) -> Result<(), LedgerError> {
    let mut offset = JOURNAL_HEADER_BYTES;
    let mut number = header.first_frame;
    found.unacknowledged_from = None;
    while offset < bytes.len() {
        let whole = frame::split(&bytes[offset..]).filter(|(found, _)| *found == number);
        let Some((_, payload)) = whole else {
            if is_last && next_whole_frame(bytes, offset, Some(number)).is_none() {
                found.torn = true;
                break;
            }
            return Err(LedgerError::damaged(path, offset as u64, format!("frame {number} does not check")));
        };
        if found.acknowledged.is_none_or(|(frame, _)| number > frame) && found.unacknowledged_from.is_none() {
            found.unacknowledged_from = Some(offset as u64);
        }
        visit(FrameAt { file: path.to_owned(), offset: offset as u64, number }, payload)?;
        found.last_frame = Some(number);
        offset += FRAME_HEADER_BYTES + payload.len();
        number += 1;
    }
    found.good_len = offset as u64;
    Ok(())
}

/// Whether a whole frame with a number above `after` stands anywhere behind `from`: then what stands at `from` is
/// damage and no torn end.
fn next_whole_frame(bytes: &[u8], from: usize, after: Option<u64>) -> Option<usize> {
    let after = after.unwrap_or(0);
    (from + 1..bytes.len().saturating_sub(FRAME_HEADER_BYTES)).find(|&at| {
        let mut reader = Reader::new(&bytes[at + 4..]);
        let likely = reader.u64().is_some_and(|number| number >= after && number - after < 1 << 20);
        likely && frame::split(&bytes[at..]).is_some()
    })
}

fn read_header(path: &Path, bytes: &[u8]) -> Result<Option<FileHeader>, LedgerError> {
    let Some(header) = bytes.get(..JOURNAL_HEADER_BYTES) else { return Ok(None) };
    let mut reader = Reader::new(header);
    let parse = |reader: &mut Reader<'_>| {
        let magic = reader.array::<8>()?;
        let (format, epoch, first_frame, first_entry) = (reader.u32()?, reader.u32()?, reader.u64()?, reader.u64()?);
        let checksum = reader.u32()?;
        let whole = magic == MAGIC && checksum == crc32fast::hash(&header[..32]);
        whole.then_some((format, FileHeader { epoch, first_frame, first_entry }))
    };
    match parse(&mut reader) {
        Some((found, _)) if found > FORMAT => {
            Err(LedgerError::NewerFormat { path: path.to_owned(), found, known: FORMAT })
        }
        parsed => Ok(parsed.map(|(_, header)| header)),
    }
}

fn header_bytes(header: FileHeader) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    put::u32(&mut bytes, FORMAT);
    put::u32(&mut bytes, header.epoch);
    put::u64(&mut bytes, header.first_frame);
    put::u64(&mut bytes, header.first_entry);
    let checksum = crc32fast::hash(&bytes);
    put::u32(&mut bytes, checksum);
    bytes
}

fn read_acknowledged(disk: &dyn Disk, dir: &Path) -> Result<Option<(u64, u64)>, LedgerError> {
    let Some(bytes) = read_if_there(disk, &dir.join(ACKNOWLEDGED))? else { return Ok(None) };
    let mut reader = Reader::new(&bytes);
    let parse = |reader: &mut Reader<'_>| {
        let (frame, size, checksum) = (reader.u64()?, reader.u64()?, reader.u32()?);
        (checksum == crc32fast::hash(bytes.get(..16)?)).then_some((frame, size))
    };
    let parsed = parse(&mut reader);
    if parsed.is_none() && !bytes.is_empty() {
        tracing::warn!(file = %dir.join(ACKNOWLEDGED).display(), "does not check and is ignored; the next commit writes it anew");
    }
    Ok(parsed)
}

impl Journal {
    /// Goes on after what `scan` found: cuts a torn end, and writes what nobody was told of once more, because a
    /// failed fdatasync may have left it in the kernel's cache only.
    pub(super) fn resume(
        disk: std::sync::Arc<dyn Disk>,
        dir: &Path,
        epoch: u32,
        scanned: &Scanned,
        next_frame: u64,
        size: u64,
    ) -> Result<Self, LedgerError> {
        let active = match scanned.files.last() {
            None => None,
            Some((path, _)) if scanned.good_len == 0 => {
                disk.remove(path).map_err(LedgerError::io("remove", path))?;
                disk.sync_dir(dir).map_err(LedgerError::io("sync", dir))?;
                None
            }
            Some((path, header)) => {
                let resume = || {
                    let file = disk.open(path, OpenMode::ReadWrite)?;
                    if scanned.torn {
                        file.truncate(scanned.good_len)?;
                    }
                    // The header became durable with the file's first frame, or it did not.
                    let header = JOURNAL_HEADER_BYTES as u64;
                    let from = match scanned.unacknowledged_from {
                        Some(from) if from == header => Some(0),
                        None if scanned.good_len == header => Some(0),
                        from => from,
                    };
                    if let Some(from) = from {
                        let mut bytes = vec![0; (scanned.good_len - from) as usize];
                        file.read_at(from, &mut bytes)?;
                        file.write_at(from, &bytes)?;
                    }
                    file.sync()?;
                    disk.sync_dir(dir)?;
                    Ok(file)
                };
                let file = resume().map_err(LedgerError::io("make durable", path))?;
                Some(Active { file, path: path.clone(), len: scanned.good_len, first_entry: header.first_entry })
            }
        };
        let mut journal = Self { dir: dir.to_owned(), epoch, active, next_frame, acknowledged: None, disk };
        journal.acknowledged = journal.open_acknowledged();
        if let Some(last) = next_frame.checked_sub(1)
            && scanned.last_frame == Some(last)
            && scanned.acknowledged.is_none_or(|(frame, _)| frame < last)
        {
            journal.acknowledge(last, size);
        }
        Ok(journal)
    }

    pub(super) const fn next_frame(&self) -> u64 {
        self.next_frame
    }

    /// Appends one frame and returns once it is durable. `roll` starts a new file for it.
    ///
    /// Exactly one fdatasync; a new file's name also takes one fsync of the folder.
    pub(super) fn append(&mut self, frame: &[u8], first_entry: u64, roll: bool) -> Result<FrameAt, AppendError> {
        if roll || self.active.is_none() {
            self.active = Some(self.start_file(first_entry).map_err(AppendError::Refused)?);
        }
        let active = self.active.as_mut().expect("a file was started above");
        let (offset, number) = (active.len, self.next_frame);
        if let Err(error) = active.file.write_at(offset, frame) {
            let refused = LedgerError::io("append to", &active.path)(error);
            // What was written of it must not be taken for a frame that is damaged.
            return Err(match active.file.truncate(offset) {
                Ok(()) => AppendError::Refused(refused),
                Err(_) => AppendError::Unknown(refused),
            });
        }
        active
            .file
            .sync()
            .map_err(|error| AppendError::Unknown(LedgerError::io("make durable", &active.path)(error)))?;
        active.len += frame.len() as u64;
        self.next_frame += 1;
        Ok(FrameAt { file: active.path.clone(), offset, number })
    }

    /// Notes, without waiting for the disk, up to where commits were acknowledged. It never says too much, so that
    /// a missing or unreadable last frame can be told from a torn one.
    pub(super) fn acknowledge(&mut self, frame: u64, size: u64) {
        let mut bytes = Vec::with_capacity(20);
        put::u64(&mut bytes, frame);
        put::u64(&mut bytes, size);
        let checksum = crc32fast::hash(&bytes);
        put::u32(&mut bytes, checksum);
        if let Some(file) = &self.acknowledged
            && let Err(error) = file.write_at(0, &bytes)
        {
            tracing::debug!(%error, "the `acknowledged` file was not written");
        }
    }

    /// On an orderly end everything is known to have been acknowledged.
    pub(super) fn close(&mut self) {
        if let Some(file) = &self.acknowledged
            && let Err(error) = file.sync()
        {
            tracing::debug!(%error, "the `acknowledged` file was not synced");
        }
    }

    /// First entry and length of the file that is written to.
    pub(super) fn active(&self) -> Option<(u64, u64)> {
        self.active.as_ref().map(|active| (active.first_entry, active.len))
    }

    pub(super) fn active_path(&self) -> Option<&Path> {
        self.active.as_ref().map(|active| active.path.as_path())
    }

    /// Opens the active file again, after it was replaced by one of the same name.
    pub(super) fn reopen(&mut self) -> Result<(), LedgerError> {
        if let Some(active) = &mut self.active {
            let reopen = || {
                let file = self.disk.open(&active.path, OpenMode::ReadWrite)?;
                let len = file.size()?;
                Ok((file, len))
            };
            (active.file, active.len) = reopen().map_err(LedgerError::io("open", &active.path))?;
        }
        Ok(())
    }

    fn start_file(&self, first_entry: u64) -> Result<Active, LedgerError> {
        let path = self.dir.join(file_name(self.next_frame));
        let header = header_bytes(FileHeader { epoch: self.epoch, first_frame: self.next_frame, first_entry });
        let start = || {
            let file = self.disk.open(&path, OpenMode::Create)?;
            file.write_at(0, &header)?;
            // The header becomes durable with the first frame.
            self.disk.sync_dir(&self.dir)?;
            Ok(file)
        };
        let file = start().map_err(LedgerError::io("start", &path))?;
        Ok(Active { file, path, len: header.len() as u64, first_entry })
    }

    fn open_acknowledged(&self) -> Option<Box<dyn DiskFile>> {
        let path = self.dir.join(ACKNOWLEDGED);
        let mode = if self.disk.exists(&path) { OpenMode::ReadWrite } else { OpenMode::Create };
        let opened = self.disk.open(&path, mode);
        opened.inspect_err(|error| tracing::warn!(%error, file = %path.display(), "cannot be opened")).ok()
    }
}

const MAGIC: [u8; 8] = *b"EVJRNL\r\n";
/// The file that says how far commits were acknowledged.
pub(super) const ACKNOWLEDGED: &str = "acknowledged";
