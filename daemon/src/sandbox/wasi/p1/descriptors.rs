use std::sync::Arc;

use super::{super::files::Folder, abi::Errno};

/// 0, 1 and 2 are the standard streams, 3 is `/inputs`, 4 is `/answers`.
pub(in super::super) struct Descriptors(Vec<Option<Descriptor>>);

#[derive(Clone)]
pub(super) enum Descriptor {
    Stdin,
    Stdout,
    Stderr,
    Folder { folder: Folder, root: Option<&'static str> },
    File { bytes: Arc<[u8]>, at: u64 },
}

impl Descriptors {
    /// More open files than any check needs.
    const MAX: usize = 256;

    pub(in super::super) fn new(inputs: Folder, answers: Folder) -> Self {
        Self(vec![
            Some(Descriptor::Stdin),
            Some(Descriptor::Stdout),
            Some(Descriptor::Stderr),
            Some(Descriptor::Folder { folder: inputs, root: Some("/inputs") }),
            Some(Descriptor::Folder { folder: answers, root: Some("/answers") }),
        ])
    }

    pub(super) fn find(&self, number: i32) -> Result<&Descriptor, Errno> {
        let found = usize::try_from(number).ok().and_then(|number| self.0.get(number));
        found.and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    pub(super) fn find_mut(&mut self, number: i32) -> Result<&mut Descriptor, Errno> {
        let found = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number));
        found.and_then(Option::as_mut).ok_or(Errno::BADF)
    }

    /// Takes the lowest free number.
    pub(super) fn open(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free >= Self::MAX {
            return Err(Errno::MFILE);
        }
        if free == self.0.len() {
            self.0.push(None);
        }
        self.0[free] = Some(descriptor);
        u32::try_from(free).map_err(|_| Errno::MFILE)
    }

    pub(super) fn close(&mut self, number: i32) -> Result<(), Errno> {
        self.find(number)?;
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| self.0.get_mut(number)) {
            *slot = None;
        }
        Ok(())
    }

    /// `to` becomes what `from` was.
    pub(super) fn renumber(&mut self, from: i32, to: i32) -> Result<(), Errno> {
        let moved = self.find(from)?.clone();
        *self.find_mut(to)? = moved;
        if from == to { Ok(()) } else { self.close(from) }
    }
}
