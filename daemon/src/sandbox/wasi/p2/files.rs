//! `wasi:filesystem`: the folders `/inputs` and `/answers`, read-only.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Linker, Lower, Resource};

use super::{
    Interface, READ_BYTES,
    file_types::{
        Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, MetadataHash, NewTimestamp,
        OpenFlags, PathFlags,
    },
    io::{InputStream, IoError, OutputStream},
    times::Datetime,
};
use crate::sandbox::{
    host::Host,
    wasi::{
        Wasi,
        files::{Folder, Wish, rest},
    },
};

/// An open file or folder.
#[derive(Clone)]
struct Descriptor {
    /// From the root: what two descriptors of the same thing have in common.
    path: String,
    what: What,
}

#[derive(Clone)]
enum What {
    Folder(Folder),
    File(Arc<[u8]>),
}

/// Where a program stands in a folder that it lists.
struct DirectoryEntryStream {
    folder: Folder,
    at: usize,
}

pub(super) fn link(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    let mut types = Interface::define(linker, "wasi:filesystem/types")?;
    types.resource::<Descriptor>("descriptor")?;
    types.resource::<DirectoryEntryStream>("directory-entry-stream")?;
    types.function("filesystem-error-code", |_, (_,): (Resource<IoError>,)| Ok((None::<ErrorCode>,)))?;
    link_stat(&mut types)?;
    link_reading(&mut types)?;
    link_changes(&mut types)?;

    let mut preopens = Interface::define(linker, "wasi:filesystem/preopens")?;
    preopens.function("get-directories", |host, (): ()| {
        let wasi = host.wasi()?;
        let mut roots = Vec::with_capacity(2);
        for (path, folder) in [("/inputs", wasi.inputs.clone()), ("/answers", wasi.answers.clone())] {
            let root = Descriptor { path: path.to_owned(), what: What::Folder(folder) };
            roots.push((host.wasi_handle(root)?, path.to_owned()));
        }
        Ok((roots,))
    })
}

type Of = Resource<Descriptor>;

fn find<'a>(host: &'a mut Host, of: &Of) -> wasmtime::Result<&'a Descriptor> {
    Ok(host.wasi()?.handles.get(of)?)
}

impl Descriptor {
    /// What lies at a path below.
    fn below(&self, path: &str, wish: Wish) -> Result<Self, ErrorCode> {
        let What::Folder(folder) = &self.what else { return Err(ErrorCode::NotDirectory) };
        let steps: String = path
            .split('/')
            .filter(|step| !step.is_empty() && *step != ".")
            .fold(self.path.clone(), |path, step| path + "/" + step);
        Ok(match folder.open(path, wish)? {
            Some(bytes) => Self { path: steps, what: What::File(bytes) },
            None => self.clone(),
        })
    }

    const fn kind(&self) -> DescriptorType {
        match self.what {
            What::Folder(_) => DescriptorType::Directory,
            What::File(_) => DescriptorType::RegularFile,
        }
    }

    fn bytes(&self) -> Result<&Arc<[u8]>, ErrorCode> {
        match &self.what {
            What::Folder(_) => Err(ErrorCode::IsDirectory),
            What::File(bytes) => Ok(bytes),
        }
    }

    /// Every time of a file is the run's.
    fn stat(&self, now_ns: u64) -> DescriptorStat {
        let now = Some(Datetime::of(now_ns));
        DescriptorStat {
            kind: self.kind(),
            link_count: 1,
            size: self.bytes().map_or(0, |bytes| bytes.len() as u64),
            accessed: now,
            modified: now,
            changed: now,
        }
    }

    /// What tells files apart, in place of the numbers that a disk gives them.
    fn hash(&self) -> MetadataHash {
        let digest = Sha256::digest(self.path.as_bytes());
        let half = |from: usize| digest[from..from + 8].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        MetadataHash { lower: half(0), upper: half(8) }
    }
}

fn link_stat(types: &mut Interface<'_>) -> wasmtime::Result<()> {
    types
        .function("[method]descriptor.get-flags", |_, (_,): (Of,)| Ok((Ok::<_, ErrorCode>(DescriptorFlags::READ),)))?;
    types.function("[method]descriptor.get-type", |host, (of,): (Of,)| {
        Ok((Ok::<_, ErrorCode>(find(host, &of)?.kind()),))
    })?;
    types.function("[method]descriptor.stat", |host, (of,): (Of,)| {
        let now = host.wasi()?.clock.wall_ns;
        Ok((Ok::<_, ErrorCode>(find(host, &of)?.stat(now)),))
    })?;
    types.function("[method]descriptor.stat-at", |host, (of, _, path): (Of, PathFlags, String)| {
        let now = host.wasi()?.clock.wall_ns;
        Ok((find(host, &of)?.below(&path, Wish::default()).map(|found| found.stat(now)),))
    })?;
    types.function("[method]descriptor.is-same-object", |host, (one, other): (Of, Of)| {
        let one = find(host, &one)?.path.clone();
        Ok((one == find(host, &other)?.path,))
    })?;
    types.function("[method]descriptor.metadata-hash", |host, (of,): (Of,)| {
        Ok((Ok::<_, ErrorCode>(find(host, &of)?.hash()),))
    })?;
    types.function("[method]descriptor.metadata-hash-at", |host, (of, _, path): (Of, PathFlags, String)| {
        Ok((find(host, &of)?.below(&path, Wish::default()).map(|found| found.hash()),))
    })
}

fn link_reading(types: &mut Interface<'_>) -> wasmtime::Result<()> {
    types.function(
        "[method]descriptor.open-at",
        |host, (of, _, path, open, flags): (Of, PathFlags, String, OpenFlags, DescriptorFlags)| {
            let wish = Wish {
                create: open & OpenFlags::CREATE != OpenFlags::default(),
                replace: open & (OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE) != OpenFlags::default(),
                write: flags & DescriptorFlags::WRITE != DescriptorFlags::default(),
                folder: open & OpenFlags::DIRECTORY != OpenFlags::default(),
            };
            Ok((match find(host, &of)?.below(&path, wish) {
                Ok(found) => Ok(host.wasi_handle(found)?),
                Err(fault) => Err(fault),
            },))
        },
    )?;
    types.function("[method]descriptor.read", |host, (of, len, at): (Of, u64, u64)| {
        Ok((find(host, &of)?.bytes().map(|bytes| {
            let rest = rest(bytes, at);
            let len = usize::try_from(len.min(READ_BYTES)).unwrap_or(usize::MAX).min(rest.len());
            (rest[..len].to_vec(), len == rest.len())
        }),))
    })?;
    types.function("[method]descriptor.read-via-stream", |host, (of, at): (Of, u64)| {
        Ok((match find(host, &of)?.bytes().cloned() {
            Ok(bytes) => Ok(host.wasi_handle(InputStream::File { bytes, at })?),
            Err(fault) => Err(fault),
        },))
    })?;
    types.function("[method]descriptor.read-directory", |host, (of,): (Of,)| {
        Ok((match &find(host, &of)?.what {
            What::Folder(folder) => {
                let folder = folder.clone();
                Ok(host.wasi_handle(DirectoryEntryStream { folder, at: 0 })?)
            }
            What::File(_) => Err(ErrorCode::NotDirectory),
        },))
    })?;
    types.function(
        "[method]directory-entry-stream.read-directory-entry",
        |host, (from,): (Resource<DirectoryEntryStream>,)| {
            let Wasi { handles, .. } = host.wasi()?;
            let stream = handles.get_mut(&from)?;
            let name = stream.folder.names().nth(stream.at).map(str::to_owned);
            stream.at = stream.at.saturating_add(1);
            let entry = name.map(|name| DirectoryEntry { kind: DescriptorType::RegularFile, name });
            Ok((Ok::<_, ErrorCode>(entry),))
        },
    )
}

/// What would change a file is refused, and what would see to a change is done.
fn link_changes(types: &mut Interface<'_>) -> wasmtime::Result<()> {
    type At = (Of, PathFlags, String, NewTimestamp, NewTimestamp);
    refuse::<(Of,), Resource<OutputStream>>(types, "append-via-stream")?;
    refuse::<(Of, u64), Resource<OutputStream>>(types, "write-via-stream")?;
    refuse::<(Of, Vec<u8>, u64), u64>(types, "write")?;
    refuse::<(Of, u64), ()>(types, "set-size")?;
    refuse::<(Of, NewTimestamp, NewTimestamp), ()>(types, "set-times")?;
    refuse::<At, ()>(types, "set-times-at")?;
    for name in ["create-directory-at", "remove-directory-at", "unlink-file-at"] {
        refuse::<(Of, String), ()>(types, name)?;
    }
    refuse::<(Of, String, String), ()>(types, "symlink-at")?;
    refuse::<(Of, String, Of, String), ()>(types, "rename-at")?;
    refuse::<(Of, PathFlags, String, Of, String), ()>(types, "link-at")?;
    types
        .function("[method]descriptor.readlink-at", |_, _: (Of, String)| Ok((Err::<String, _>(ErrorCode::Invalid),)))?;
    types.function("[method]descriptor.advise", |_, _: (Of, u64, u64, Advice)| Ok((Ok::<_, ErrorCode>(()),)))?;
    for name in ["[method]descriptor.sync", "[method]descriptor.sync-data"] {
        types.function(name, |_, _: (Of,)| Ok((Ok::<_, ErrorCode>(()),)))?;
    }
    Ok(())
}

fn refuse<P, R>(types: &mut Interface<'_>, name: &str) -> wasmtime::Result<()>
where
    P: ComponentNamedList + Lift + 'static,
    R: ComponentType + Lower + 'static,
{
    types.function(&format!("[method]descriptor.{name}"), |_, _: P| Ok((Err::<R, _>(ErrorCode::ReadOnly),)))
}
