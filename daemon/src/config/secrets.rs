//! Where a secret is read from; never the secret.

use std::path::Path;

use super::{
    diagnostics::Errors,
    section::{Section, text},
    tree::Value,
};
use crate::secret::{SecretSource, is_credential_name};

impl Section<'_> {
    /// `{ credential = "NAME" }` or `{ file = "PATH" }`.
    pub(super) fn secret(&self, key: &'static str, base: &Path, errors: &mut Errors) -> Option<SecretSource> {
        let node = self.node(key)?;
        let table = match &node.value {
            Value::Table(table) => table,
            Value::Text(_) => {
                errors.add_plain_secret(node.at, key);
                return None;
            }
            _ => {
                errors.add_no_secret_source(node.at, key);
                return None;
            }
        };
        let section = Section::new(table, node.at, "a secret");
        let credential = section.node("credential").and_then(|node| text(node, "credential", errors));
        let file = section.node("file").and_then(|node| text(node, "file", errors));
        let known = usize::from(table.contains_key("credential")) + usize::from(table.contains_key("file"));
        section.finish(errors);
        if known != 1 {
            errors.add_no_secret_source(node.at, key);
            return None;
        }
        match (credential, file) {
            (Some(name), _) if !is_credential_name(name.value) => {
                errors.add_bad_credential_name(name.at);
                None
            }
            (Some(name), _) => Some(SecretSource::Credential(name.value.to_owned())),
            (None, Some(path)) if path.value.is_empty() => {
                errors.add_empty(path.at, "file", "the path of a file");
                None
            }
            (None, Some(path)) => Some(SecretSource::File(base.join(path.value))),
            (None, None) => None,
        }
    }
}
