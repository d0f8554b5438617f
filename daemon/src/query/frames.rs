//! A stream of BER that ends where it is no LDAP: what is nested deeper than any message of it, has more values, or is longer
//! than what holds it.
//!
//! The library that reads messages follows them into their depth on its stack, and reads one from its beginning whenever more has
//! come. So the outer form is looked at before: tags and lengths, in constant memory, as the bytes come.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

/// A message, its operation, attributes, an attribute, values, a value (RFC 4511): six. Controls have fewer.
const DEPTH_MAX: usize = 16;

/// Values of one message: the library keeps far more for each, however short, than its bytes. A group with so many members is not
/// listed in one message.
const ELEMENTS_MAX: u32 = 200_000;

/// Of a length: more hold no number that fits.
const LENGTH_BYTES_MAX: u8 = 8;

/// The reading half of a stream, looked at.
#[derive(Debug)]
pub(super) struct Frames<S> {
    stream: S,
    form: Form,
}

impl<S> Frames<S> {
    pub(super) const fn new(stream: S) -> Self {
        Self { stream, form: Form::new() }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Frames<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        let came = &buffer.filled()[before..];
        match self.form.look_at(came) {
            Some(()) => Poll::Ready(Ok(())),
            None => Poll::Ready(Err(io::ErrorKind::InvalidData.into())),
        }
    }
}

/// Where in a value the next byte stands.
#[derive(Debug)]
enum At {
    Tag,
    Length { is_nested: bool },
    LongLength { is_nested: bool, bytes: u8, so_far: u64 },
    Content { left: u64 },
}

#[derive(Debug)]
struct Form {
    at: At,
    /// Bytes that are left of each value that holds the next byte, the outermost first.
    open: Vec<u64>,
    /// Values so far of the message.
    elements: u32,
}

impl Form {
    const fn new() -> Self {
        Self { at: At::Tag, open: Vec::new(), elements: 0 }
    }

    /// `None`: it is not as it must be.
    fn look_at(&mut self, mut bytes: &[u8]) -> Option<()> {
        while let [first, rest @ ..] = bytes {
            if let At::Content { left } = self.at {
                let length = left.min(bytes.len() as u64);
                self.take(length)?;
                // It is not more than there is.
                bytes = bytes.get(usize::try_from(length).ok()?..)?;
                self.at = if left == length { At::Tag } else { At::Content { left: left - length } };
                continue;
            }
            self.take(1)?;
            match self.at {
                At::Tag => self.at = At::Length { is_nested: first & 0x20 != 0 },
                At::Length { is_nested } if *first < 0x80 => self.begin(is_nested, u64::from(*first))?,
                At::Length { is_nested } => {
                    let bytes = first & 0x7f;
                    // 0 would say that the end is marked, which LDAP does not do (RFC 4511, 5.1).
                    if bytes == 0 || bytes > LENGTH_BYTES_MAX {
                        return None;
                    }
                    self.at = At::LongLength { is_nested, bytes, so_far: 0 };
                }
                At::LongLength { is_nested, bytes, so_far } => {
                    let so_far = so_far << 8 | u64::from(*first);
                    match bytes {
                        1 => self.begin(is_nested, so_far)?,
                        more => self.at = At::LongLength { is_nested, bytes: more - 1, so_far },
                    }
                }
                At::Content { .. } => return None,
            }
            bytes = rest;
        }
        Some(())
    }

    /// A value begins of which so many bytes follow.
    fn begin(&mut self, is_nested: bool, length: u64) -> Option<()> {
        if self.open.last().is_some_and(|left| *left < length) {
            return None;
        }
        self.elements = if self.open.is_empty() { 1 } else { self.elements + 1 };
        if self.elements > ELEMENTS_MAX {
            return None;
        }
        self.at = if length > 0 && !is_nested { At::Content { left: length } } else { At::Tag };
        if length > 0 && is_nested {
            if self.open.len() == DEPTH_MAX {
                return None;
            }
            self.open.push(length);
        } else {
            self.close();
        }
        Some(())
    }

    /// So many bytes are of all values that are open.
    fn take(&mut self, bytes: u64) -> Option<()> {
        for left in &mut self.open {
            *left = left.checked_sub(bytes)?;
        }
        // Nothing ends within a tag and its length: what follows is looked at first.
        if matches!(self.at, At::Content { .. }) {
            self.close();
        }
        Some(())
    }

    fn close(&mut self) {
        while self.open.last() == Some(&0) {
            self.open.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether all of it passes, whole and byte by byte.
    #[track_caller]
    fn check(bytes: &[u8], expected: bool) {
        assert_eq!(Form::new().look_at(bytes).is_some(), expected, "{bytes:02x?}");
        let mut form = Form::new();
        assert_eq!(bytes.iter().all(|byte| form.look_at(&[*byte]).is_some()), expected, "{bytes:02x?}");
    }

    /// So many values, each in the next one.
    fn nested(depth: usize) -> Vec<u8> {
        (0..depth).fold(Vec::new(), |inner, _| {
            let length = u32::try_from(inner.len()).unwrap().to_be_bytes();
            [&[0x30, 0x84][..], &length, &inner].concat()
        })
    }

    #[test]
    fn messages_as_they_are_pass_one_after_the_other() {
        // The answer to a bind, as in RFC 4511: message 1, result 0, no name and no words; and an empty sequence.
        let bound = [0x30, 0x0c, 0x02, 0x01, 0x01, 0x61, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00];
        check(&bound, true);
        check(&bound.repeat(3), true);
        check(&[0x30, 0x00, 0x30, 0x81, 0x02, 0x04, 0x00], true);
        check(&nested(DEPTH_MAX), true);
    }

    /// A message of so many empty values.
    fn of_many(elements: u32) -> Vec<u8> {
        [&[0x30, 0x84][..], &(elements * 2).to_be_bytes(), &[0x04, 0x00].repeat(elements as usize)].concat()
    }

    #[test]
    fn a_message_has_so_many_values_and_the_next_one_as_many_again() {
        let passes = |bytes: &[u8]| Form::new().look_at(bytes).is_some();
        assert!(passes(&of_many(ELEMENTS_MAX - 1).repeat(2)));
        assert!(!passes(&of_many(ELEMENTS_MAX)));
    }

    #[test]
    fn what_is_too_deep_or_longer_than_its_place_does_not() {
        check(&nested(DEPTH_MAX + 2), false);
        check(&nested(2_000), false);
        check(&[0x30, 0x03, 0x04, 0x05, 0x00], false);
        check(&[0x30, 0x01, 0x04, 0x01], false);
        check(&[0x30, 0x80], false);
        check(&[0x30, 0x89, 1, 1, 1, 1, 1, 1, 1, 1, 1], false);
    }
}
