//! Plugins in C.

use anyhow::Result;

use super::{Layout, Source};

pub(super) fn build(_layout: &Layout, _sources: &[&Source]) -> Result<()> {
    Ok(())
}
