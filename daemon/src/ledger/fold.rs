use crate::domain::{ControlId, Entry};

/// What is derived from entries. The ledger keeps its rows in the view and knows nothing of what they mean.
///
/// The rows after any number of entries are a function of these entries alone, so that a view that was lost, or
/// made by another [`Fold::VERSION`], can be folded anew.
pub trait Fold: Send + Sync + Sized + 'static {
    /// Another number in the view: its rows are dropped and folded anew.
    const VERSION: u32;

    fn empty() -> Self;

    /// Takes the entry in. It cannot fail: whatever is refused, is refused before it becomes an entry.
    fn apply(&mut self, sequence: u64, entry: &Entry);

    /// Grows with each entry that changes what is judged about the control; [`super::Batch::expect`] names it.
    fn control_version(&self, control: &ControlId) -> u64;

    /// The rows that changed since the last call, each once.
    fn take_changes(&mut self) -> Vec<Row>;

    /// All rows, sorted by key.
    fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)>;

    /// The state whose [`Fold::rows`] these are.
    fn load(rows: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Self, String>;
}

/// One changed row; `None` removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub key: Vec<u8>,
    pub value: Option<Vec<u8>>,
}
