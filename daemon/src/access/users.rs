//! The users of this machine, as its name service knows them.

use nix::unistd;

/// A user by name, with the groups they are in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// `uid 1001` where the machine has no name for it.
    pub name: String,
    pub groups: Vec<String>,
}

impl User {
    /// Without their groups, where nothing hangs on them.
    pub fn alone(uid: u32) -> Self {
        Self { name: user_name(uid), groups: Vec::new() }
    }

    pub fn of(uid: u32) -> Self {
        let Some(user) = known(uid) else { return Self { name: nameless(uid), groups: Vec::new() } };
        let ids =
            std::ffi::CString::new(user.name.as_str()).ok().and_then(|name| unistd::getgrouplist(&name, user.gid).ok());
        let groups = ids.unwrap_or_else(|| vec![user.gid]);
        let groups = groups.into_iter().filter_map(|group| Some(unistd::Group::from_gid(group).ok()??.name));
        Self { groups: groups.collect(), name: user.name }
    }
}

/// What a user is called on this machine.
pub fn user_name(uid: u32) -> String {
    known(uid).map_or_else(|| nameless(uid), |user| user.name)
}

fn nameless(uid: u32) -> String {
    format!("uid {uid}")
}

/// A name service that cannot be asked knows nobody: then only what is written down of a user is shown.
fn known(uid: u32) -> Option<unistd::User> {
    unistd::User::from_uid(unistd::Uid::from_raw(uid)).unwrap_or_else(|error| {
        tracing::warn!(uid, %error, "the name service of this machine does not say who this user is");
        None
    })
}
