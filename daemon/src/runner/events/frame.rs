//! Bytes, as they come -> events, one by one.

use memchr::{memchr, memchr2};

/// A longer event is none: a quote that is never closed, a file of another kind.
pub(super) const EVENT_BYTES_MAX: usize = 16 << 20;

/// Why bytes are no events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum FrameError {
    #[error("it holds an event of more than 16 MiB")]
    TooLong,
    #[error("it is no object of CloudTrail: JSON with a list `Records`")]
    NotCloudtrail,
    #[error("it ends within its list of records: it is still being written, or was cut")]
    Cut,
}

/// An event as it was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Framed<'b> {
    /// As it lies in its file, without the end of the line.
    pub(super) raw: &'b [u8],
    /// Of CSV: the fields without quotes, one after the other, and where each ends.
    pub(super) fields: Option<(&'b [u8], &'b [usize])>,
}

/// Lines. What an event is not, and yet a line, is one all the same.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    pub(super) fn feed<E: From<FrameError>>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Framed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some(end) = memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            if self.begun.is_empty() {
                line_of(line).map_or(Ok(()), &mut take)?;
            } else {
                self.begun.extend_from_slice(line);
                let whole = std::mem::take(&mut self.begun);
                line_of(&whole).map_or(Ok(()), &mut take)?;
                self.begun = whole;
                self.begun.clear();
            }
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() > EVENT_BYTES_MAX { Err(FrameError::TooLong.into()) } else { Ok(()) }
    }

    /// What stands behind the last end of a line.
    pub(super) fn rest(&self) -> Option<Framed<'_>> {
        line_of(&self.begun)
    }
}

fn line_of(line: &[u8]) -> Option<Framed<'_>> {
    let raw = line.trim_ascii();
    (!raw.is_empty()).then_some(Framed { raw, fields: None })
}

/// Records of RFC 4180, which may span lines.
#[derive(Debug)]
pub(super) struct Records {
    reader: csv_core::Reader,
    raw: Vec<u8>,
    fields: Vec<u8>,
    ends: Vec<usize>,
    filled: usize,
    ended: usize,
}

impl Default for Records {
    fn default() -> Self {
        Self {
            reader: csv_core::Reader::new(),
            raw: Vec::new(),
            fields: vec![0; 4096],
            ends: vec![0; 64],
            filled: 0,
            ended: 0,
        }
    }
}

impl Records {
    pub(super) fn feed<E: From<FrameError>>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Framed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while !bytes.is_empty() {
            let read = self.read(bytes);
            self.raw.extend_from_slice(&bytes[..read.1]);
            bytes = &bytes[read.1..];
            if read.0 == csv_core::ReadRecordResult::Record {
                self.framed().map_or(Ok(()), &mut take)?;
                self.begin();
            }
            if self.raw.len() > EVENT_BYTES_MAX {
                return Err(FrameError::TooLong.into());
            }
        }
        Ok(())
    }

    /// What stands behind the last end of a record, and how many of its fields are whole.
    pub(super) fn rest(&mut self) -> Option<(Framed<'_>, usize)> {
        if self.raw.trim_ascii().is_empty() {
            return None;
        }
        let whole = self.ended;
        while let csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull = self.read(&[]).0
        {
        }
        Some((self.framed()?, whole))
    }

    fn read(&mut self, bytes: &[u8]) -> (csv_core::ReadRecordResult, usize) {
        let (result, read, filled, ended) =
            self.reader.read_record(bytes, &mut self.fields[self.filled..], &mut self.ends[self.ended..]);
        self.filled += filled;
        self.ended += ended;
        match result {
            csv_core::ReadRecordResult::OutputFull => self.fields.resize(self.fields.len() * 2, 0),
            csv_core::ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
            csv_core::ReadRecordResult::InputEmpty
            | csv_core::ReadRecordResult::Record
            | csv_core::ReadRecordResult::End => {}
        }
        (result, read)
    }

    fn framed(&self) -> Option<Framed<'_>> {
        let is_end = |byte: &u8| *byte == b'\n' || *byte == b'\r';
        let from = self.raw.iter().position(|byte| !is_end(byte))?;
        let to = self.raw.iter().rposition(|byte| !is_end(byte))?;
        Some(Framed {
            raw: &self.raw[from..=to],
            fields: Some((&self.fields[..self.filled], &self.ends[..self.ended])),
        })
    }

    fn begin(&mut self) {
        self.raw.clear();
        self.filled = 0;
        self.ended = 0;
    }
}

/// The records of objects of CloudTrail, each as one line.
#[derive(Debug, Default)]
pub(super) struct Trail {
    depth: u32,
    in_text: bool,
    escaped: bool,
    /// The newest text at the first level, which is a key if it is `Records`.
    key: Vec<u8>,
    in_records: bool,
    in_record: bool,
    had_records: bool,
    begun: Vec<u8>,
}

/// Longer keys are not the one that is looked for.
const KEY_BYTES_MAX: usize = 16;

impl Trail {
    pub(super) fn feed<E: From<FrameError>>(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Framed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut at = 0;
        // Where the record begins in these bytes.
        let mut from = 0;
        while at < bytes.len() {
            if self.in_text {
                at = self.text(bytes, at);
                continue;
            }
            match bytes[at] {
                b'"' => {
                    self.in_text = true;
                    if self.depth == 1 {
                        self.key.clear();
                    } else if self.depth == 0 || self.is_between_records() {
                        return Err(FrameError::NotCloudtrail.into());
                    }
                }
                b'{' => {
                    if self.is_between_records() {
                        self.in_record = true;
                        from = at;
                    }
                    self.depth += 1;
                }
                b'[' => {
                    if self.depth == 0 || self.is_between_records() {
                        return Err(FrameError::NotCloudtrail.into());
                    }
                    self.depth += 1;
                    if self.depth == 2 && self.key == b"Records" {
                        (self.in_records, self.had_records) = (true, true);
                    }
                }
                b'}' | b']' => {
                    self.depth = self.depth.checked_sub(1).ok_or(FrameError::NotCloudtrail)?;
                    if self.in_record && self.depth == 2 {
                        self.in_record = false;
                        self.record(&bytes[from..=at], &mut take)?;
                    } else if self.in_records && self.depth == 1 {
                        self.in_records = false;
                    }
                }
                other if other.is_ascii_whitespace() => {}
                b',' if self.is_between_records() => {}
                _ if self.depth == 0 || self.is_between_records() => return Err(FrameError::NotCloudtrail.into()),
                _ => {}
            }
            at += 1;
        }
        if self.in_record {
            self.begun.extend_from_slice(&bytes[from..]);
            if self.begun.len() > EVENT_BYTES_MAX {
                return Err(FrameError::TooLong.into());
            }
        }
        Ok(())
    }

    /// The object is whole.
    pub(super) const fn end(&self) -> Result<(), FrameError> {
        if self.depth > 0 || self.in_text {
            return Err(FrameError::Cut);
        }
        if self.had_records { Ok(()) } else { Err(FrameError::NotCloudtrail) }
    }

    const fn is_between_records(&self) -> bool {
        self.in_records && self.depth == 2
    }

    /// Goes on within a text; the place after what it looked at.
    fn text(&mut self, bytes: &[u8], at: usize) -> usize {
        if self.escaped {
            self.escaped = false;
            return at + 1;
        }
        let end = memchr2(b'"', b'\\', &bytes[at..]).map(|end| at + end);
        if self.depth == 1 && self.key.len() < KEY_BYTES_MAX {
            let text = &bytes[at..end.unwrap_or(bytes.len())];
            self.key.extend_from_slice(&text[..text.len().min(KEY_BYTES_MAX)]);
        }
        let Some(end) = end else { return bytes.len() };
        match bytes[end] {
            b'"' => self.in_text = false,
            _ => self.escaped = true,
        }
        end + 1
    }

    fn record<E: From<FrameError>>(
        &mut self,
        end: &[u8],
        take: &mut impl FnMut(Framed<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.begun.is_empty() && memchr2(b'\n', b'\r', end).is_none() {
            return take(Framed { raw: end, fields: None });
        }
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(end);
        // In JSON these stand between values only.
        whole.retain(|byte| !matches!(byte, b'\n' | b'\r'));
        take(Framed { raw: &whole, fields: None })?;
        whole.clear();
        self.begun = whole;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Fed = Result<Vec<String>, FrameError>;

    fn text(framed: Framed<'_>) -> String {
        let raw = String::from_utf8(framed.raw.to_vec()).unwrap();
        let Some((fields, ends)) = framed.fields else { return raw };
        let mut from = 0;
        let fields: Vec<_> = ends
            .iter()
            .map(|end| String::from_utf8(fields[std::mem::replace(&mut from, *end)..*end].to_vec()).unwrap())
            .collect();
        format!("{raw} = {fields:?}")
    }

    fn pieces(bytes: &[u8], size: usize) -> impl Iterator<Item = &[u8]> {
        bytes.chunks(size.max(1))
    }

    fn lines(input: &str, size: usize) -> Vec<String> {
        let (mut lines, mut found) = (Lines::default(), Vec::new());
        for piece in pieces(input.as_bytes(), size) {
            lines
                .feed(piece, |framed| {
                    found.push(text(framed));
                    Ok::<_, FrameError>(())
                })
                .unwrap();
        }
        found.extend(lines.rest().map(|rest| format!("… {}", text(rest))));
        found
    }

    fn records(input: &str, size: usize) -> Vec<String> {
        let (mut records, mut found) = (Records::default(), Vec::new());
        for piece in pieces(input.as_bytes(), size) {
            records
                .feed(piece, |framed| {
                    found.push(text(framed));
                    Ok::<_, FrameError>(())
                })
                .unwrap();
        }
        found.extend(records.rest().map(|(rest, whole)| format!("…{whole} {}", text(rest))));
        found
    }

    fn trail(input: &str, size: usize) -> Fed {
        let (mut trail, mut found) = (Trail::default(), Vec::new());
        for piece in pieces(input.as_bytes(), size) {
            trail.feed(piece, |framed| {
                found.push(text(framed));
                Ok::<_, FrameError>(())
            })?;
        }
        trail.end()?;
        Ok(found)
    }

    #[test]
    fn lines_are_events_and_what_is_behind_the_last_is_not_yet_one() {
        assert_eq!(lines("a\r\n\n  b\n c", 99), ["a", "b", "… c"]);
        assert_eq!(lines("a\n", 99), ["a"]);
        assert_eq!(lines("", 99), [""; 0]);
    }

    #[test]
    fn records_span_lines() {
        let csv = "2026,\"a\nb\",\"x \"\"y\"\"\"\r\n\r\n2027,,\n2028,\"op";
        assert_eq!(
            records(csv, 99),
            [
                r#"2026,"a
b","x ""y""" = ["2026", "a\nb", "x \"y\""]"#,
                r#"2027,, = ["2027", "", ""]"#,
                r#"…1 2028,"op = ["2028", "op"]"#,
            ]
        );
        assert_eq!(records("a,b\n", 99), [r#"a,b = ["a", "b"]"#]);
        let wide = format!("{},{}\n", "x".repeat(10_000), ",".repeat(200));
        assert_eq!(records(&wide, 99).len(), 1);
    }

    #[test]
    fn records_of_cloudtrail_become_lines() {
        let object = r#"{"a":{"Records":[1]},"Records" : [{"e":"x","n":{"m":"}]\""}} , {"Records":[2],
 "t" : "\\"}],"b":"Records"}"#;
        let expected = [r#"{"e":"x","n":{"m":"}]\""}}"#, r#"{"Records":[2], "t" : "\\"}"#];
        assert_eq!(trail(object, 999).unwrap(), expected);
        assert_eq!(trail(&format!("{object}\n{object}"), 999).unwrap().len(), 4);
        assert_eq!(trail(r#"{"Records":[]}"#, 99).unwrap(), [""; 0]);
        for no in
            ["", "[]", "x", "\"a\"", r#"{"Records":[1]}"#, r#"{"Records":["a"]}"#, r#"{"Records":[[]]}"#, "{}", "}"]
        {
            assert_eq!(trail(no, 99), Err(FrameError::NotCloudtrail), "{no}");
        }
        for cut in [r#"{"Records":["#, r#"{"Records":[{"a":"b"#, r#"{"Records":[{}]"#] {
            assert_eq!(trail(cut, 99), Err(FrameError::Cut), "{cut}");
        }
    }

    #[test]
    fn what_does_not_end_is_no_event() {
        let mut lines = Lines::default();
        let mut feed = |bytes: &[u8]| lines.feed(bytes, |_| Ok::<_, FrameError>(()));
        assert_eq!(feed(&vec![b'x'; EVENT_BYTES_MAX]), Ok(()));
        assert_eq!(feed(b"x"), Err(FrameError::TooLong));
    }

    proptest! {
        #[test]
        fn it_does_not_matter_in_which_pieces_bytes_come(
            csv in "([a,\"\r\n]|\"\"){0,40}",
            json in r#"(\{|\}|\[|\]|,|"Records":\[|"|\\|\{"a":"b"\}| |:|1){0,20}"#,
            size in 1..8_usize,
        ) {
            prop_assert_eq!(lines(&csv, size), lines(&csv, 999));
            prop_assert_eq!(records(&csv, size), records(&csv, 999));
            let object = format!("{{\"Records\":[{json}");
            prop_assert_eq!(trail(&object, size), trail(&object, 999));
        }

        #[test]
        fn every_event_of_an_object_is_found(
            events in prop::collection::vec(r#"[a-z"\\{}\[\], ]{0,12}"#, 0..10),
            pretty: bool,
            size in 1..64_usize,
        ) {
            let events: Vec<_> = events.iter().map(|text| serde_json::json!({ "e": text, "n": [{ "Records": [1] }] })).collect();
            let object = serde_json::json!({ "A": "Records", "Records": events, "B": [[]] });
            let json = if pretty { serde_json::to_string_pretty(&object) } else { serde_json::to_string(&object) }.unwrap();
            let found = trail(&json, size).unwrap();
            let found: Vec<serde_json::Value> = found.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
            prop_assert_eq!(found, events);
        }
    }
}
