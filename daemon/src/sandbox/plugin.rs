use std::sync::Arc;

use evidenced_contract::Description;
use serde::{Deserialize, Serialize};

use super::{contract::v1, host::Host};
use crate::domain::Digest;

/// Which of the contract's kinds a plugin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    /// A component that exports `evidenced:check/checker@1.0.0`.
    Component,
    /// A WASI preview-1 module that speaks the round protocol.
    CommandModule,
    /// A `wasi:cli` component that speaks the round protocol.
    CommandComponent,
}

/// A plugin that is compiled, linked and described. Cheap to clone.
#[derive(Clone)]
pub struct Plugin(pub(super) Arc<Inner>);

pub(super) struct Inner {
    pub(super) digest: Digest,
    pub(super) size: u64,
    pub(super) code: Code,
    pub(super) about: About,
}

/// What a plugin said of itself; depends on its bytes alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) description: Description,
    /// Why it could not describe itself.
    pub(super) warning: Option<String>,
}

pub(super) enum Code {
    Checker { code: v1::CheckPre<Host>, uses_wasi: bool },
    Command(CommandCode),
}

/// A program, linked.
pub(super) enum CommandCode {
    Module(wasmtime::InstancePre<Host>),
    Component {
        linked: wasmtime::component::InstancePre<Host>,
        /// The function `run` of `wasi:cli/run`.
        run: wasmtime::component::ComponentExportIndex,
    },
}

impl Plugin {
    /// Of the plugin's bytes.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Bytes of the file.
    pub fn size(&self) -> u64 {
        self.0.size
    }

    pub fn kind(&self) -> PluginKind {
        match self.0.code {
            Code::Checker { .. } => PluginKind::Component,
            Code::Command(CommandCode::Module(_)) => PluginKind::CommandModule,
            Code::Command(CommandCode::Component { .. }) => PluginKind::CommandComponent,
        }
    }

    /// What the plugin says of itself. One that cannot is described as nameless, version `0`, any configuration, no
    /// needs, and [`Self::warning`] says why: it can still be run and still be found out.
    pub fn description(&self) -> &Description {
        &self.0.about.description
    }

    /// The same, with the stem of its file as the name of a plugin that gave none.
    pub fn description_for(&self, stem: &str) -> Description {
        let mut description = self.description().clone();
        if description.name.is_empty() {
            stem.clone_into(&mut description.name);
        }
        description
    }

    pub fn warning(&self) -> Option<&str> {
        self.0.about.warning.as_deref()
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("digest", &self.digest())
            .field("kind", &self.kind())
            .field("name", &self.description().name)
            .finish_non_exhaustive()
    }
}
