//! The files of events, while others write to them, rotate and compress them.
//!
//! What is read is what was there at one moment: each file is recognised by device and inode, by the bytes that it
//! begins with, and by not being shorter than it was. When one is not what it was (it was renamed, or copied and
//! truncated), everything is read anew.

use std::{
    collections::HashSet,
    fs::{File, Metadata},
    io::{self, Read},
    os::unix::fs::{FileExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use flate2::read::MultiGzDecoder;

use super::EventsError;
use crate::{
    domain::{EventFormat, EventsSpec, Timestamp},
    runner::{glob::matching, reading},
};

/// A file is recognised by so many of its first bytes.
const HEAD_BYTES: usize = 512;

/// What a compressed file begins with (RFC 1952, section 2.3.1).
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// Clocks of file servers differ from this one by less.
const CLOCKS_DIFFER_BY: std::time::Duration = std::time::Duration::from_secs(3600);

/// A file as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    device: u64,
    inode: u64,
    length: u64,
    head: Vec<u8>,
    /// It held nothing yet by which a copy could be known: once there is more in it, it may be one.
    is_just_begun: bool,
}

#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) files: Vec<Found>,
    pub(super) unchanged: u64,
}

/// Why a file cannot be read.
#[derive(Debug)]
pub(super) enum FileError {
    /// It is not what it was when the files were listed: all of them must be listed again.
    Changed,
    Failed(EventsError),
}

impl From<EventsError> for FileError {
    fn from(error: EventsError) -> Self {
        Self::Failed(error)
    }
}

/// All files that the patterns name, each once, in order of name. With `unchanged_since`, those that were not changed
/// since then are only counted: the time of a file's last change cannot be set by those who write it.
pub(super) fn list(spec: &EventsSpec, unchanged_since: Option<Timestamp>) -> Result<Listing, FileError> {
    let named = named(spec)?;
    let places = |named: &[(PathBuf, Metadata)]| -> Vec<_> {
        named.iter().map(|(path, metadata)| (path.clone(), metadata.dev(), metadata.ino())).collect()
    };
    // While a folder is read, a file that gets another name may be passed over: only two equal answers are one.
    if spec.format != EventFormat::Cloudtrail && places(&named) != places(&self::named(spec)?) {
        return Err(FileError::Changed);
    }
    let mut listing = Listing::default();
    let mut known = HashSet::new();
    for (path, metadata) in named {
        // Two names of one file are one file.
        if !known.insert((metadata.dev(), metadata.ino())) {
            continue;
        }
        if unchanged_since.is_some_and(|since| changed(&metadata).plus(CLOCKS_DIFFER_BY) < since) {
            listing.unchanged += 1;
            continue;
        }
        let (device, inode, length) = (metadata.dev(), metadata.ino(), metadata.len());
        let mut found = Found { path, device, inode, length, head: Vec::new(), is_just_begun: false };
        // Objects come whole and stay as they are.
        if spec.format != EventFormat::Cloudtrail {
            found.head = head(&open(&found)?, &found.path)?;
        }
        listing.files.push(found);
    }
    if listing.files.is_empty() && listing.unchanged == 0 {
        return Err(EventsError::NoFiles(spec.globs.join(", ")).into());
    }
    if spec.format != EventFormat::Cloudtrail {
        leave_out_copies(&mut listing)?;
    }
    Ok(listing)
}

/// A file that was found, if it still is that file.
pub(super) fn open(found: &Found) -> Result<File, FileError> {
    // What took the place of a file since it was listed may be a pipe.
    let file = match reading::open(&found.path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FileError::Changed),
        Err(error) => return Err(EventsError::unread(&found.path, &error).into()),
    };
    let metadata = file.metadata().map_err(|error| EventsError::unread(&found.path, &error))?;
    let is_it = is_same(found, &metadata) && metadata.len() >= found.length;
    if is_it { Ok(file) } else { Err(FileError::Changed) }
}

/// Whether nothing was taken away from a file of which `read` bytes were read, and it was compared with the others; its
/// last change.
pub(super) fn confirm(file: &File, found: &Found, read: u64) -> Result<Timestamp, FileError> {
    let metadata = file.metadata().map_err(|error| EventsError::unread(&found.path, &error))?;
    let is_unknown = found.is_just_begun && read > found.length;
    if is_unknown
        || metadata.len() < read
        || (!found.head.is_empty() && !head(file, &found.path)?.starts_with(&found.head))
    {
        return Err(FileError::Changed);
    }
    Ok(changed(&metadata))
}

/// The files that the patterns name, in order of name.
fn named(spec: &EventsSpec) -> Result<Vec<(PathBuf, Metadata)>, FileError> {
    let mut paths = Vec::new();
    for pattern in &spec.globs {
        paths.extend(matching(pattern).map_err(EventsError::from)?);
    }
    paths.sort();
    paths.dedup();
    let mut named = Vec::with_capacity(paths.len());
    for path in paths {
        if let Some(metadata) = metadata(&path)? {
            named.push((path, metadata));
        }
    }
    Ok(named)
}

/// `None`: it is no file that could be read to its end, or is gone.
fn metadata(path: &Path) -> Result<Option<Metadata>, FileError> {
    match path.metadata() {
        Ok(metadata) => Ok(Some(metadata).filter(Metadata::is_file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(EventsError::unread(path, &error).into()),
    }
}

fn is_same(found: &Found, metadata: &Metadata) -> bool {
    (found.device, found.inode) == (metadata.dev(), metadata.ino())
}

/// When content, name or rights of a file last changed.
fn changed(metadata: &Metadata) -> Timestamp {
    Timestamp::from_millis(metadata.ctime().saturating_mul(1000).saturating_add(metadata.ctime_nsec() / 1_000_000))
}

fn head(file: &File, path: &Path) -> Result<Vec<u8>, EventsError> {
    let mut bytes = vec![0; HEAD_BYTES];
    let mut read = 0;
    loop {
        match file.read_at(&mut bytes[read..], read as u64) {
            Ok(0) => break,
            Ok(more) => read += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(EventsError::unread(path, &error)),
        }
    }
    bytes.truncate(read);
    Ok(bytes)
}

pub(super) fn is_gzip(head: &[u8]) -> bool {
    head.starts_with(&GZIP)
}

/// While a log is rotated its events lie in two files for a moment: it is copied before it is truncated, and compressed
/// before it is removed. Of two files of which one holds all that the other does, and begins with it, the longer is read.
fn leave_out_copies(listing: &mut Listing) -> Result<(), FileError> {
    let mut beginnings = Vec::with_capacity(listing.files.len());
    for (place, found) in listing.files.iter_mut().enumerate() {
        let beginning = beginning(found)?;
        // One byte may be the first of two that say that it is compressed.
        found.is_just_begun = beginning.is_empty() || (beginning == [GZIP[0]] && found.head == beginning);
        // Nothing is no copy of anything: a compressed file of which not even the first byte can be read is told.
        if !found.is_just_begun {
            beginnings.push((beginning, place));
        }
    }
    // Whatever begins with a text stands behind it, without anything in between that does not.
    beginnings.sort();
    let mut copies = HashSet::new();
    for (at, (short, place)) in beginnings.iter().enumerate() {
        let longer = beginnings[at + 1..].iter().take_while(|(long, _)| long.starts_with(short));
        for (_, other) in longer {
            // Of two with the same beginning either may be the shorter. Of two with the same content the compressed one is
            // the copy, and perhaps not yet whole.
            let (first, second) =
                if is_gzip(&listing.files[*other].head) { (*other, *place) } else { (*place, *other) };
            if begins_with(&listing.files[second], &listing.files[first])? {
                copies.insert(first);
            } else if begins_with(&listing.files[first], &listing.files[second])? {
                copies.insert(second);
            }
            if copies.contains(place) {
                break;
            }
        }
    }
    let mut place = 0;
    listing.files.retain(|_| {
        place += 1;
        !copies.contains(&(place - 1))
    });
    Ok(())
}

/// What a file begins with, once it is not compressed any more.
fn beginning(found: &Found) -> Result<Vec<u8>, FileError> {
    if !is_gzip(&found.head) {
        return Ok(found.head.clone());
    }
    let mut bytes = Vec::with_capacity(HEAD_BYTES);
    // One that is being written may end anywhere: what there is of it is compared.
    let _ = MultiGzDecoder::new(open(found)?).take(HEAD_BYTES as u64).read_to_end(&mut bytes);
    Ok(bytes)
}

/// Whether all of `short` is what `long` begins with.
fn begins_with(long: &Found, short: &Found) -> Result<bool, FileError> {
    let content = |found: &Found| -> Result<Box<dyn Read>, FileError> {
        let file = open(found)?;
        Ok(if is_gzip(&found.head) { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) })
    };
    let (mut long, mut short) = (content(long)?, content(short)?);
    let (mut ours, mut theirs) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let read = fill(&mut *short, &mut ours);
        if read == 0 {
            return Ok(true);
        }
        if fill(&mut *long, &mut theirs[..read]) < read || ours[..read] != theirs[..read] {
            return Ok(false);
        }
    }
}

/// Reads as much as there is room for; what cannot be read ends it.
fn fill(from: &mut dyn Read, room: &mut [u8]) -> usize {
    let mut filled = 0;
    while filled < room.len() {
        match from.read(&mut room[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => break,
        }
    }
    filled
}
