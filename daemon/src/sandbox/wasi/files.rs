use std::{collections::BTreeMap, sync::Arc};

use super::abi::Errno;

/// A read-only folder in memory, without folders of its own: a name may hold `/`.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Folder(Arc<BTreeMap<String, File>>);

type File = Result<Arc<[u8]>, Unreadable>;

/// The file is there, and the host could not read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Unreadable;

impl Folder {
    pub(in crate::sandbox) fn new(files: BTreeMap<String, File>) -> Self {
        Self(Arc::new(files))
    }

    /// Names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The file at a path that is relative to the folder; `None` is the folder itself.
    pub(super) fn find(&self, path: &str) -> Result<Option<Arc<[u8]>>, Errno> {
        if path.starts_with('/') {
            return Err(Errno::NOTCAPABLE);
        }
        let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
        if steps.contains(&"..") {
            return Err(Errno::NOTCAPABLE);
        }
        if steps.is_empty() {
            return Ok(None);
        }
        match self.0.get(&steps.join("/")) {
            Some(Ok(bytes)) => Ok(Some(Arc::clone(bytes))),
            Some(Err(Unreadable)) => Err(Errno::IO),
            None => Err(Errno::NOENT),
        }
    }
}
