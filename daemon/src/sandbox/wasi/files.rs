use std::{collections::BTreeMap, sync::Arc};

/// A read-only folder in memory, without folders of its own: a name may hold `/`.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct Folder(Arc<BTreeMap<String, File>>);

type File = Result<Arc<[u8]>, Unreadable>;

/// The file is there, and the host could not read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox) struct Unreadable;

/// Why a path leads nowhere; each preview has its own number or name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathFault {
    /// It leaves the folder.
    Outside,
    Missing,
    Unreadable,
    ReadOnly,
    NotFolder,
}

/// How a program wants to open a path.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) create: bool,
    /// As something new, or emptied.
    pub(super) replace: bool,
    pub(super) write: bool,
    /// Only if it is a folder.
    pub(super) folder: bool,
}

impl Folder {
    pub(in crate::sandbox) fn new(files: BTreeMap<String, File>) -> Self {
        Self(Arc::new(files))
    }

    /// Names in order.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The file at a path that is relative to the folder; `None` is the folder itself.
    pub(super) fn find(&self, path: &str) -> Result<Option<Arc<[u8]>>, PathFault> {
        if path.starts_with('/') {
            return Err(PathFault::Outside);
        }
        let steps: Vec<&str> = path.split('/').filter(|step| !step.is_empty() && *step != ".").collect();
        if steps.contains(&"..") {
            return Err(PathFault::Outside);
        }
        if steps.is_empty() {
            return Ok(None);
        }
        match self.0.get(&steps.join("/")) {
            Some(Ok(bytes)) => Ok(Some(Arc::clone(bytes))),
            Some(Err(Unreadable)) => Err(PathFault::Unreadable),
            None => Err(PathFault::Missing),
        }
    }

    /// The same for a program that wants to do something with it. Nothing here can be changed.
    pub(super) fn open(&self, path: &str, wish: Wish) -> Result<Option<Arc<[u8]>>, PathFault> {
        match self.find(path) {
            Err(PathFault::Missing) if wish.create => Err(PathFault::ReadOnly),
            Ok(_) if wish.replace => Err(PathFault::ReadOnly),
            Ok(Some(_)) if wish.write => Err(PathFault::ReadOnly),
            Ok(Some(_)) if wish.folder => Err(PathFault::NotFolder),
            found => found,
        }
    }
}

/// A file from `at` on.
pub(super) fn rest(bytes: &[u8], at: u64) -> &[u8] {
    let at = usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(at..).unwrap_or_default()
}
