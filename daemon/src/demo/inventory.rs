//! The key inventory of a second account: a file that the company's exporter writes anew every night.

use std::path::Path;

use super::DemoError;
use crate::domain::Timestamp;

/// Writes the inventory as it stands at `now`. One key has not been used since December; the others are, every day.
pub(super) fn export(path: &Path, now: Timestamp) -> Result<(), DemoError> {
    let yesterday = now.minus(std::time::Duration::from_secs(86_400));
    let keys = serde_json::json!([
        { "id": "svc-batch-1", "owner": "batch", "active": true, "created": "2025-09-02T08:00:00.000Z", "last_used": yesterday },
        { "id": "svc-export-1", "owner": "export", "active": true, "created": "2025-10-11T08:00:00.000Z", "last_used": yesterday },
        { "id": "svc-legacy-1", "owner": "legacy", "active": true, "created": "2025-06-20T08:00:00.000Z",
          "last_used": "2025-12-10T17:30:00.000Z" },
        { "id": "svc-old-1", "owner": "export", "active": false, "created": "2024-03-04T08:00:00.000Z", "last_used": null },
    ]);
    std::fs::write(path, format!("{keys:#}\n")).map_err(|error| DemoError::Write(path.to_owned(), error))
}
