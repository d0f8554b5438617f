use serde::{Deserialize, Serialize};

/// One thing that was looked at. Its form is promised to scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub aspect: Aspect,
    pub level: Level,
    /// Which one of several: a path, an id, a server.
    pub about: String,
    /// What was found.
    pub found: String,
    /// What to do; `None` if all is well.
    pub advice: Option<String>,
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    Configuration,
    /// The folder of the ledger: there, writable, of one owner.
    StateDir,
    FileSystem,
    FreeSpace,
    /// The file of a key: nobody else may read it.
    Key,
    /// What was recorded can be read.
    Ledger,
    Clock,
    Plugin,
    Credential,
    Source,
    Mail,
    /// The host of a recipient's webhook.
    Webhook,
    Heartbeat,
    Recipient,
    Socket,
    /// The daemon that runs, or that none does.
    Daemon,
}

impl Aspect {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::StateDir => "state-dir",
            Self::FileSystem => "file-system",
            Self::FreeSpace => "free-space",
            Self::Key => "key",
            Self::Ledger => "ledger",
            Self::Clock => "clock",
            Self::Plugin => "plugin",
            Self::Credential => "credential",
            Self::Source => "source",
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Heartbeat => "heartbeat",
            Self::Recipient => "recipient",
            Self::Socket => "socket",
            Self::Daemon => "daemon",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Ok,
    /// It works, and a person should look.
    Warn,
    /// Something that is configured does not work.
    Bad,
}

impl Level {
    /// As in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Bad => "bad",
        }
    }
}

impl Observation {
    pub fn ok(aspect: Aspect, about: impl ToString, found: impl Into<String>) -> Self {
        Self { aspect, level: Level::Ok, about: about.to_string(), found: found.into(), advice: None }
    }

    pub fn warn(aspect: Aspect, about: impl ToString, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { aspect, level: Level::Warn, about: about.to_string(), found: found.into(), advice }
    }

    pub fn bad(aspect: Aspect, about: impl ToString, found: impl Into<String>, advice: impl Into<String>) -> Self {
        let advice = Some(advice.into());
        Self { aspect, level: Level::Bad, about: about.to_string(), found: found.into(), advice }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_the_json() {
        for aspect in [Aspect::StateDir, Aspect::FileSystem, Aspect::FreeSpace, Aspect::Ledger, Aspect::Key] {
            assert_eq!(serde_json::to_value(aspect).unwrap(), aspect.as_str());
        }
        for level in [Level::Ok, Level::Warn, Level::Bad] {
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
    }
}
