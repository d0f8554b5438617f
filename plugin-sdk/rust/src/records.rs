//! Inputs that are read record by record, however long they are: lines, and records of CSV.

use std::borrow::Cow;

use evidenced_contract::{Failure, FailureKind};

use crate::InputReader;

/// Lines of an input, without their ends, as bytes: what wrote them need not have written UTF-8. Empty lines are left out.
pub struct Lines {
    pieces: Pieces,
}

impl Lines {
    pub(crate) fn of(name: &str, reader: Box<dyn InputReader>) -> Self {
        Self { pieces: Pieces::of(name, reader) }
    }

    /// The next line; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a line lives only until the next one is read")]
    pub fn next(&mut self) -> Result<Option<&[u8]>, Failure> {
        loop {
            let Some((from, until)) = self.pieces.line()? else { return Ok(None) };
            let line = self.pieces.held[from..until].trim_ascii_end();
            if !line.is_empty() {
                let length = line.len();
                return Ok(Some(&self.pieces.held[from..from + length]));
            }
        }
    }

    /// Counted from 1, of the line that [`next`](Self::next) answered last; empty ones count.
    pub fn number(&self) -> u64 {
        self.pieces.lines
    }
}

/// Records of CSV as RFC 4180 has it: a field in quotes may hold commas, doubled quotes and line ends.
pub struct Csv {
    pieces: Pieces,
    parser: csv_core::Reader,
    fields: Vec<u8>,
    ends: Vec<usize>,
    records: u64,
}

impl Csv {
    pub(crate) fn of(name: &str, reader: Box<dyn InputReader>) -> Self {
        Self {
            pieces: Pieces::of(name, reader),
            parser: csv_core::Reader::new(),
            fields: vec![0; 4096],
            ends: vec![0; 64],
            records: 0,
        }
    }

    /// The next record; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "a record lives only until the next one is read")]
    pub fn next(&mut self) -> Result<Option<Fields<'_>>, Failure> {
        let (mut written, mut ended) = (0, 0);
        loop {
            if self.pieces.from == self.pieces.held.len() {
                self.pieces.fill()?;
            }
            let input = &self.pieces.held[self.pieces.from..];
            let (result, read, wrote, fields) =
                self.parser.read_record(input, &mut self.fields[written..], &mut self.ends[ended..]);
            self.pieces.from += read;
            written += wrote;
            ended += fields;
            match result {
                csv_core::ReadRecordResult::InputEmpty => {}
                csv_core::ReadRecordResult::OutputFull => {
                    if self.fields.len() >= RECORD_BYTES_MAX {
                        return Err(self.pieces.too_long(&format!("record {}", self.records + 1)));
                    }
                    self.fields.resize(self.fields.len() * 2, 0);
                }
                csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                csv_core::ReadRecordResult::Record => {
                    self.records += 1;
                    return Ok(Some(Fields { bytes: &self.fields[..written], ends: &self.ends[..ended] }));
                }
                csv_core::ReadRecordResult::End => return Ok(None),
            }
        }
    }

    /// Counted from 1, of the record that [`next`](Self::next) answered last.
    pub fn number(&self) -> u64 {
        self.records
    }
}

/// The fields of one record.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    bytes: &'a [u8],
    ends: &'a [usize],
}

impl<'a> Fields<'a> {
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// A field by its place from 0; what is not UTF-8 in it is replaced.
    pub fn get(&self, at: usize) -> Option<Cow<'a, str>> {
        let until = *self.ends.get(at)?;
        let from = if at == 0 { 0 } else { self.ends[at - 1] };
        Some(String::from_utf8_lossy(&self.bytes[from..until]))
    }

    pub fn iter(&self) -> impl Iterator<Item = Cow<'a, str>> + use<'a> {
        let fields = *self;
        (0..fields.len()).filter_map(move |at| fields.get(at))
    }
}

/// The fields of a text that is one record of CSV, such as a message within a log.
pub fn csv_fields(text: &str) -> Vec<String> {
    let mut parser = csv_core::Reader::new();
    // No field is longer than the text, and none of its bytes makes more than one field.
    let (mut bytes, mut ends) = (vec![0; text.len() + 1], vec![0; text.len() + 2]);
    let (mut read, mut written, mut ended) = (0, 0, 0);
    loop {
        // The call without any input left tells the parser that the text ends there.
        let (result, more, wrote, fields) =
            parser.read_record(&text.as_bytes()[read..], &mut bytes[written..], &mut ends[ended..]);
        (read, written, ended) = (read + more, written + wrote, ended + fields);
        if !matches!(result, csv_core::ReadRecordResult::InputEmpty) {
            break;
        }
    }
    Fields { bytes: &bytes, ends: &ends[..ended] }.iter().map(Cow::into_owned).collect()
}

/// An input, as much of it as is needed at a time.
struct Pieces {
    name: String,
    reader: Box<dyn InputReader>,
    held: Vec<u8>,
    /// Where in `held` what was not handed out begins.
    from: usize,
    lines: u64,
    ended: bool,
}

impl Pieces {
    fn of(name: &str, reader: Box<dyn InputReader>) -> Self {
        Self { name: name.to_owned(), reader, held: Vec::new(), from: 0, lines: 0, ended: false }
    }

    /// Reads one more piece behind what is left; an empty one is the end.
    fn fill(&mut self) -> Result<(), Failure> {
        self.held.drain(..self.from);
        self.from = 0;
        if !self.ended {
            let piece = self.reader.read(PIECE_BYTES)?;
            self.ended = piece.is_empty();
            self.held.extend_from_slice(&piece);
        }
        Ok(())
    }

    /// From where to where in `held` the next line lies, its end not included.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Failure> {
        let mut looked = 0;
        loop {
            let rest = &self.held[self.from..];
            if let Some(at) = rest[looked..].iter().position(|byte| *byte == b'\n') {
                let (from, until) = (self.from, self.from + looked + at);
                self.from = until + 1;
                self.lines += 1;
                return Ok(Some((from, until)));
            }
            looked = rest.len();
            if self.ended {
                let (from, until) = (self.from, self.held.len());
                self.from = until;
                self.lines += u64::from(from < until);
                return Ok((from < until).then_some((from, until)));
            }
            if looked > RECORD_BYTES_MAX {
                return Err(self.too_long(&format!("line {}", self.lines + 1)));
            }
            self.fill()?;
        }
    }

    fn too_long(&self, what: &str) -> Failure {
        Failure {
            kind: FailureKind::BadInput,
            message: format!("{what} of the input `{}` is longer than {RECORD_BYTES_MAX} bytes", self.name),
            source: Some(self.name.clone()),
        }
    }
}

const PIECE_BYTES: u32 = 64 << 10;

/// A record that is longer is no record: a quote that was never closed, or a file of another format.
const RECORD_BYTES_MAX: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InputError;

    /// Hands out pieces of a few bytes, so that records lie across them.
    struct Crumbs {
        bytes: Vec<u8>,
        at: usize,
        size: usize,
    }

    impl InputReader for Crumbs {
        fn read(&mut self, _: u32) -> Result<Vec<u8>, InputError> {
            let until = self.bytes.len().min(self.at + self.size);
            let piece = self.bytes[self.at..until].to_vec();
            self.at = until;
            Ok(piece)
        }
    }

    fn crumbs(text: &str, size: usize) -> Box<dyn InputReader> {
        Box::new(Crumbs { bytes: text.as_bytes().to_vec(), at: 0, size })
    }

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        for size in 1..20 {
            let mut lines = Lines::of("events", crumbs("one\r\n\n  two\nthree \n\nfour", size));
            let mut all = Vec::new();
            while let Some(line) = lines.next().unwrap() {
                let line = String::from_utf8(line.to_vec()).unwrap();
                all.push((lines.number(), line));
            }
            let all: Vec<_> = all.iter().map(|(number, line)| (*number, line.as_str())).collect();
            assert_eq!(all, [(1, "one"), (3, "  two"), (4, "three"), (6, "four")], "pieces of {size}");
        }
    }

    #[test]
    fn records_come_whole_whatever_the_pieces() {
        let text = "a,\"b\nc\",\"say \"\"hi\"\", now\"\r\n\n1,,\"\"\nlast";
        for size in 1..20 {
            let mut csv = Csv::of("events", crumbs(text, size));
            let mut all = Vec::new();
            while let Some(fields) = csv.next().unwrap() {
                all.push(fields.iter().map(Cow::into_owned).collect::<Vec<_>>());
            }
            assert_eq!(
                all,
                [vec!["a", "b\nc", "say \"hi\", now"], vec!["1", "", ""], vec!["last"]],
                "pieces of {size}"
            );
            assert_eq!(csv.number(), 3);
        }
    }

    #[test]
    fn a_record_that_never_ends_is_a_failure() {
        let endless = format!("\"{}", "x".repeat(RECORD_BYTES_MAX + 1));
        let failure = Csv::of("events", crumbs(&endless, 1 << 20)).next().unwrap_err();
        assert!(failure.message.contains("record 1 of the input `events` is longer than"), "{failure:?}");
        let failure = Lines::of("events", crumbs(&endless, 1 << 20)).next().unwrap_err();
        assert!(failure.message.contains("line 1 of the input `events` is longer than"), "{failure:?}");
    }

    #[test]
    fn what_is_not_utf8_is_replaced_in_its_field() {
        let bytes = b"ok,\xff\xfe,ok\n".to_vec();
        let mut csv = Csv::of("events", Box::new(Crumbs { bytes, at: 0, size: 4 }));
        let fields = csv.next().unwrap().unwrap();
        assert_eq!(fields.get(1).as_deref(), Some("\u{fffd}\u{fffd}"));
        assert_eq!((fields.get(2).as_deref(), fields.get(3)), (Some("ok"), None));
    }

    #[test]
    fn a_message_is_a_record_of_its_own() {
        assert_eq!(
            csv_fields("SESSION,1,1,READ,\"select \"\"a\"\",\nb\",<none>,3"),
            ["SESSION", "1", "1", "READ", "select \"a\",\nb", "<none>", "3"]
        );
        assert_eq!(csv_fields(""), Vec::<String>::new());
        assert_eq!(csv_fields("a,"), ["a", ""]);
        assert_eq!(csv_fields("\"never closed"), ["never closed"]);
    }
}
