//! Who is at the other end, and what they may do.
//!
//! In: the uids of whoever asks, `[access]`, and what the question demands. Out: a name, or a refusal that says whom the
//! configuration names instead.
//! Must not know: what is asked, the ledger.
//!
//! A person is the user that logged in, so that `sudo` hides nobody; where the kernel does not know, the user that asks.
//! A list of `[access]` that is not written restricts nothing: then whoever may use the socket may do that, too.

mod users;

use crate::{config::Access, recorder::Author};

pub use users::{User, user_name};

/// What a question demands of who asks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Looks.
    See,
    /// Answers for what fails: acknowledges, explains, proposes to close, silences.
    Respond,
    /// Works on the monitoring itself.
    Operate,
    /// Agrees to what another person proposed.
    Approve,
}

impl Demand {
    /// The words for it, and the lists that allow it, the one to be named first.
    const fn allowed_by(self) -> (&'static str, &'static [List]) {
        match self {
            Self::See => ("look at this", &[List::Viewers, List::Responders, List::Operators, List::Approvers]),
            Self::Respond => ("answer for what fails", &[List::Responders, List::Operators]),
            Self::Operate => ("operate the monitoring", &[List::Operators]),
            Self::Approve => ("approve or reject", &[List::Approvers]),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Viewers,
    Responders,
    Operators,
    Approvers,
}

impl List {
    const fn name(self) -> &'static str {
        match self {
            Self::Viewers => "viewers",
            Self::Responders => "responders",
            Self::Operators => "operators",
            Self::Approvers => "approvers",
        }
    }

    fn of(self, access: &Access) -> &[String] {
        match self {
            Self::Viewers => &access.viewers,
            Self::Responders => &access.responders,
            Self::Operators => &access.operators,
            Self::Approvers => &access.approvers,
        }
    }
}

/// Somebody may not do what they ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{who} may not {what}: `{list}` in [access] does not name them, nor a group of theirs")]
pub struct Denied {
    who: String,
    what: &'static str,
    list: &'static str,
}

/// Whether `author` may do it; their name is written down with them.
pub fn admit(author: &Author, demand: Demand, access: &Access) -> Result<Author, Denied> {
    let lists = [&access.viewers, &access.responders, &access.operators, &access.approvers];
    let has_groups = lists.into_iter().flatten().any(|name| name.starts_with('@'));
    let user = if has_groups { User::of(author.person()) } else { User::alone(author.person()) };
    check(&user, demand, access)?;
    Ok(Author { name: Some(user.name), ..author.clone() })
}

fn check(user: &User, demand: Demand, access: &Access) -> Result<(), Denied> {
    let (what, lists) = demand.allowed_by();
    let list = lists[0];
    if list.of(access).is_empty() || lists.iter().any(|list| names(list.of(access), user)) {
        return Ok(());
    }
    Err(Denied { who: user.name.clone(), what, list: list.name() })
}

fn names(list: &[String], user: &User) -> bool {
    list.iter().any(|name| match name.strip_prefix('@') {
        Some(group) => user.groups.iter().any(|of| of == group),
        None => *name == user.name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(lists: [&[&str]; 4]) -> Access {
        let [viewers, responders, operators, approvers] =
            lists.map(|list| list.iter().map(|name| (*name).to_owned()).collect());
        Access { viewers, responders, operators, approvers }
    }

    fn user(name: &str, groups: &[&str]) -> User {
        User { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
    }

    #[test]
    fn whoever_is_named_may_and_nobody_else() {
        let access = access([&["@staff"], &["rita"], &["@sre"], &["anna"]]);
        let [see, respond, operate, approve] = [Demand::See, Demand::Respond, Demand::Operate, Demand::Approve];
        for (user, may) in [
            (user("victor", &["staff"]), vec![see]),
            (user("rita", &[]), vec![see, respond]),
            (user("oskar", &["sre"]), vec![see, respond, operate]),
            (user("anna", &[]), vec![see, approve]),
            (user("sre", &["anna"]), vec![]),
        ] {
            for demand in [see, respond, operate, approve] {
                assert_eq!(check(&user, demand, &access).is_ok(), may.contains(&demand), "{user:?} {demand:?}");
            }
        }
    }

    #[test]
    fn a_list_that_is_not_written_restricts_nothing() {
        let access = access([&[], &[], &[], &["anna"]]);
        let victor = user("victor", &[]);
        assert!(check(&victor, Demand::See, &access).is_ok());
        assert!(check(&victor, Demand::Operate, &access).is_ok());
        assert_eq!(
            check(&victor, Demand::Approve, &access).unwrap_err().to_string(),
            "victor may not approve or reject: `approvers` in [access] does not name them, nor a group of theirs"
        );
    }

    #[test]
    fn root_is_a_user_like_others() {
        let author = Author { uid: 0, login_uid: None, name: None };
        assert_eq!(admit(&author, Demand::See, &access([&["root"], &[], &[], &[]])).unwrap().name(), "root");
        assert!(admit(&author, Demand::See, &access([&["nobody"], &[], &[], &[]])).is_err());
    }
}
