//! `events`: files of events, of which a run is given those of its interval that pass a filter.
//!
//! Everything streams: what is held is what is kept. An event is in one interval, whatever is done to its file: a file is
//! read once under however many names, a copy that a rotation makes is not read, and an event that does not say when it
//! was goes with its neighbour. What cannot be read for sure is an error, which moves nothing: the next run is asked
//! about the same events again.

mod cut;
mod fields;
mod files;
mod frame;
mod pick;
mod times;

#[cfg(test)]
mod tests;

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use flate2::read::MultiGzDecoder;
use sha2::{Digest as _, Sha256};
use tokio_util::sync::CancellationToken;

use super::glob::GlobError;
use crate::{
    clock::Stopwatch,
    domain::{Digest, EventCounts, EventFormat, EventInterval, EventsSpec},
};
use cut::Cut;
use fields::Fields;
use files::{FileError, Found, Listing};
use frame::{FrameError, Framed, Lines, Records, Trail};

/// Bytes that are looked at together.
const PIECE_BYTES: usize = 256 << 10;

/// Rotations that may come in between; more of them are no rotations.
const LISTINGS_MAX: u32 = 4;

/// Why events cannot be given.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    #[error("no file matches {0}: put one there, or correct the `glob` of `events`")]
    NoFiles(String),
    #[error(transparent)]
    Glob(#[from] GlobError),
    #[error("the file {path} may not be read: let the user that evidenced runs as read it", path = .0.display())]
    Denied(PathBuf),
    #[error("the file {path} cannot be read: {1}", path = .0.display())]
    Unread(PathBuf, io::ErrorKind),
    #[error("the compressed file {path} cannot be read to its end: it is being written, or is damaged", path = .0.display())]
    Damaged(PathBuf),
    #[error("the file {path} cannot be read as events: {1}", path = .0.display())]
    NoEvents(PathBuf, String),
    #[error("none of the {lines} events of {} says at {field} when it was, in a form that is known: correct `time` or `timezone` of `events`", .path.display())]
    NoTime { path: PathBuf, field: String, lines: usize },
    #[error("{path} ends within an event of the time that is asked about, which is still being written", path = .0.display())]
    Unfinished(PathBuf),
    #[error(
        "the events of the interval that pass the filter are longer than the limit of {0} bytes: filter more of them, or raise `limits.input`"
    )]
    Limit(u64),
    #[error(
        "limit wall ({0:?}): reading the events took longer; raise `limits.wall`, or shorten `interval.max_interval`"
    )]
    Wall(Duration),
    #[error("the files were rotated again and again while they were read")]
    Restless,
    #[error("stopped by the daemon")]
    Stopped,
}

impl EventsError {
    fn unread(path: &Path, error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::PermissionDenied => Self::Denied(path.to_owned()),
            kind => Self::Unread(path.to_owned(), kind),
        }
    }
}

/// What ends reading before its end.
#[derive(Debug, Clone)]
pub struct Halt {
    pub since: Stopwatch,
    pub wall: Duration,
    pub stop: CancellationToken,
}

impl Halt {
    fn check(&self) -> Result<(), EventsError> {
        if self.stop.is_cancelled() {
            return Err(EventsError::Stopped);
        }
        if self.since.left_of(self.wall).is_zero() { Err(EventsError::Wall(self.wall)) } else { Ok(()) }
    }
}

/// What is asked for.
#[derive(Debug)]
pub struct Asked<'s> {
    pub spec: &'s EventsSpec,
    pub interval: EventInterval,
    /// Of all events that are kept.
    pub bytes_max: u64,
    /// Whether the times of files and of the interval are of the same clock.
    pub by_this_clock: bool,
    pub halt: Halt,
}

/// Events, one a line, in order of time.
#[derive(Debug)]
pub struct Events {
    pub bytes: Vec<u8>,
    pub counts: EventCounts,
}

/// Reads what is there. It blocks for as long as that takes.
pub fn read(asked: &Asked<'_>) -> Result<Events, EventsError> {
    for _ in 0..LISTINGS_MAX {
        let reading = Reading::new(asked);
        match reading.list().and_then(|listing| reading.all(&listing)) {
            Ok(events) => return Ok(events),
            Err(FileError::Failed(error)) => return Err(error),
            Err(FileError::Changed) => {}
        }
    }
    Err(EventsError::Restless)
}

/// One attempt.
struct Reading<'s> {
    asked: &'s Asked<'s>,
    cut: Cut<'s>,
    fields: Fields<'s>,
    digest: Sha256,
    bytes: u64,
    unfinished: u64,
}

impl<'s> Reading<'s> {
    fn new(asked: &'s Asked<'s>) -> Self {
        Self {
            asked,
            cut: Cut::new(asked.interval, asked.bytes_max, &asked.halt),
            fields: Fields::new(asked.spec),
            digest: Sha256::new(),
            bytes: 0,
            unfinished: 0,
        }
    }

    fn list(&self) -> Result<Listing, FileError> {
        let unchanged_since = self.asked.by_this_clock.then_some(self.asked.interval.from);
        files::list(self.asked.spec, unchanged_since)
    }

    fn all(mut self, listing: &Listing) -> Result<Events, FileError> {
        for found in &listing.files {
            self.file(found)?;
        }
        let Self { cut, fields, digest, bytes, unfinished, .. } = self;
        let (lines, undated) = (cut.seen, cut.undated);
        let (kept, lines_kept) = cut.finish(fields.header);
        let counts = EventCounts {
            files: listing.files.len() as u64,
            files_unchanged: listing.unchanged,
            bytes,
            lines,
            lines_kept,
            undated,
            unfinished,
            digest: Digest(digest.finalize().into()),
        };
        Ok(Events { bytes: kept, counts })
    }

    fn file(&mut self, found: &Found) -> Result<(), FileError> {
        let mut file = files::open(found)?;
        let mut framer = Framer::new(self.asked.spec.format);
        self.cut.begin();
        self.fields.begin();
        let mut source = Source { file: &mut file, digest: &mut self.digest, read: 0 };
        let ended = feed_all(&mut source, &found.path, &mut framer, &mut self.cut, &mut self.fields);
        let read = source.read;
        // A file that was changed under the reader's hands is no reason to complain of what is in it.
        let changed = files::confirm(&file, found, read)?;
        let is_gzip = ended?;
        self.bytes += read;
        // What is compressed is written no more.
        let is_growing = !is_gzip && self.asked.by_this_clock && changed >= self.asked.interval.until;
        self.unfinished += u64::from(framer.end(&found.path, &mut self.cut, &mut self.fields, is_growing)?);
        self.cut.end(&found.path, &self.asked.spec.time.to_string())?;
        Ok(())
    }
}

/// Whether it was compressed.
fn feed_all(
    source: &mut Source<'_>,
    path: &Path,
    framer: &mut Framer,
    cut: &mut Cut<'_>,
    fields: &mut Fields<'_>,
) -> Result<bool, EventsError> {
    let mut first = vec![0; PIECE_BYTES];
    let filled = source.fill(&mut first).map_err(|error| EventsError::unread(path, &error))?;
    first.truncate(filled);
    let is_gzip = files::is_gzip(&first);
    let whole = io::Cursor::new(first).chain(source);
    let mut content: Box<dyn Read + '_> = if is_gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        cut.halted()?;
        match content.read(&mut piece) {
            Ok(0) => return Ok(is_gzip),
            Ok(read) => framer.feed(&piece[..read], path, cut, fields)?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) if is_gzip => return Err(EventsError::Damaged(path.to_owned())),
            Err(error) => return Err(EventsError::unread(path, &error)),
        }
    }
}

/// A file, of which all that is read is counted.
struct Source<'f> {
    file: &'f mut File,
    digest: &'f mut Sha256,
    read: u64,
}

impl Source<'_> {
    /// Reads as much as there is room for, if there is that much.
    fn fill(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while filled < room.len() {
            match self.read(&mut room[filled..]) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }
}

impl Read for Source<'_> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(room)?;
        self.digest.update(&room[..read]);
        self.read += read as u64;
        Ok(read)
    }
}

enum Framer {
    Lines(Lines),
    Records(Box<Records>),
    Trail(Trail),
}

impl Framer {
    fn new(format: EventFormat) -> Self {
        match format {
            EventFormat::JsonLines => Self::Lines(Lines::default()),
            EventFormat::Csv => Self::Records(Box::default()),
            EventFormat::Cloudtrail => Self::Trail(Trail::default()),
        }
    }

    fn feed(
        &mut self,
        bytes: &[u8],
        path: &Path,
        cut: &mut Cut<'_>,
        fields: &mut Fields<'_>,
    ) -> Result<(), EventsError> {
        let take = |framed: Framed<'_>| -> Result<(), TakeError> {
            match fields.known(&framed).map_err(TakeError::Header)? {
                Some(known) => cut.take(framed.raw, known).map_err(TakeError::Events),
                None => Ok(()),
            }
        };
        let fed = match self {
            Self::Lines(lines) => lines.feed(bytes, take),
            Self::Records(records) => records.feed(bytes, take),
            Self::Trail(trail) => trail.feed(bytes, take),
        };
        fed.map_err(|error| error.of(path))
    }

    /// The file has ended. Whether it ended within an event that is still being written: then it is of a later interval.
    fn end(
        &mut self,
        path: &Path,
        cut: &mut Cut<'_>,
        fields: &mut Fields<'_>,
        is_growing: bool,
    ) -> Result<bool, EventsError> {
        let (framed, whole) = match self {
            Self::Trail(trail) => {
                return trail.end().map(|()| false).map_err(|error| TakeError::from(error).of(path));
            }
            Self::Lines(lines) => (lines.rest(), usize::MAX),
            Self::Records(records) => match records.rest() {
                Some((framed, whole)) => (Some(framed), whole),
                None => (None, 0),
            },
        };
        let Some(framed) = framed else { return Ok(false) };
        let is_whole = fields.is_whole(&framed, whole);
        let known = fields.known(&framed).map_err(|why| TakeError::Header(why).of(path))?;
        let Some(known) = known else { return Ok(false) };
        if is_growing && !is_whole.event {
            return match known.at.filter(|_| is_whole.time) {
                // What is written of it now would be missing for ever.
                Some(at) if cut.is_before_the_end(at) => Err(EventsError::Unfinished(path.to_owned())),
                Some(_) | None => Ok(true),
            };
        }
        cut.take(framed.raw, known)?;
        Ok(false)
    }
}

/// Why an event cannot be taken.
enum TakeError {
    Frame(FrameError),
    Header(String),
    Events(EventsError),
}

impl From<FrameError> for TakeError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

impl TakeError {
    fn of(self, path: &Path) -> EventsError {
        match self {
            Self::Frame(error) => EventsError::NoEvents(path.to_owned(), error.to_string()),
            Self::Header(why) => EventsError::NoEvents(path.to_owned(), why),
            Self::Events(error) => error,
        }
    }
}

/// What is asked for, in words, for whoever reads the evidence.
pub(super) fn query(spec: &EventsSpec, EventInterval { from, until }: EventInterval) -> String {
    let mut words = format!("{from} <= {} < {until}", spec.time);
    for filter in &spec.filter {
        words.push_str(&format!(" and {filter}"));
    }
    words
}

/// The kind of what is given, where the configuration names none.
pub(super) const fn media_type(format: EventFormat) -> &'static str {
    match format {
        EventFormat::JsonLines | EventFormat::Cloudtrail => "application/x-ndjson",
        EventFormat::Csv => "text/csv",
    }
}
