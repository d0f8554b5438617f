//! Whether a plugin's file is the one that was meant: keys, signatures, and the lock that pins every plugin.
//!
//! In: files of plugins, keys, `plugins.lock`. Out: what a signature says, what is pinned, and the files of a plugin put in
//! place so that whatever interrupts it leaves the old plugin or the new one, each with all that belongs to it.
//! Must not know: what a plugin does, the sandbox, schedules, registries.
//!
//! Signatures are C2SP signed notes, made and opened by the code that signs the ledger's checkpoints.

mod install;
mod key;
mod lock;
mod place;
mod signature;
mod statement;

pub use install::{Held, InstallError, Installation, Package, Step, write_lock};
pub use key::{KeyError, Signer, read_key, read_signer, write_key};
pub use lock::{LOCK_FILE, Lock, LockError, Locked};
pub use place::{Belongings, by_content, name_of, signature_path};
pub use signature::{SIGNATURE_BYTES_MAX, SignatureState, signature_of, signature_of_bytes};
pub use statement::Statement;
